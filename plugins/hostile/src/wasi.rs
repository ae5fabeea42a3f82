//! What guests ask of WASI, which is there for language runtimes and empty.

#[cfg(feature = "wasi")]
mod driver;
#[cfg(feature = "wasi")]
mod hoards;
#[cfg(feature = "wasi")]
mod probes;

mod bindings {
    #![allow(missing_docs, unused_qualifications, dead_code, clippy::all, reason = "generated")]
    bellwether_plugin_sdk::wit_bindgen::generate!({
        path: "wit",
        world: "bellwether:hostile/probes",
        generate_all,
        runtime_path: "bellwether_plugin_sdk::wit_bindgen::rt",
    });
}

/// Prints bytes to stdout. The host's answer makes no difference.
pub(crate) fn print(bytes: &[u8]) {
    // More than 4 KiB at once is a mistake of the caller.
    for piece in bytes.chunks(4096) {
        drop(bindings::wasi::cli::stdout::get_stdout().blocking_write_and_flush(piece));
    }
}
