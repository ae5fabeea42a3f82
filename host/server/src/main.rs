//! The `bellwether` binary: reads the command line and leaves the rest to the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    bellwether_server::cli::main()
}
