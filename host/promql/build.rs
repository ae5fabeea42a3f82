//! Says whether upstream's PromQL cases lie beside the repository; tests against them are ignored otherwise.

fn main() {
    println!("cargo::rustc-check-cfg=cfg(conformance)");
    println!("cargo::rerun-if-changed=build.rs");
    let cases = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/conformance/promql");
    if cases.is_dir() {
        println!("cargo::rustc-cfg=conformance");
    }
}
