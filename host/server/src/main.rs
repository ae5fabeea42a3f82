//! The `bellwether` binary: reads the command line and leaves the rest to the library.

use std::process::ExitCode;

/// Alerts and messages are many small pieces that one thread makes and another one lets go of.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    bellwether_server::cli::main()
}
