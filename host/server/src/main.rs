//! The `bellwether` binary: reads the command line and leaves the rest to the library.

use std::process::ExitCode;

/// Alerts and messages are many small pieces that one thread makes and another one lets go of. How it is set up stands in
/// `.cargo/config.toml`.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    bellwether_server::cli::main()
}
