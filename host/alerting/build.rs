//! Says whether upstream's recorded behaviour lies beside the repository; tests against it are ignored otherwise.

fn main() {
    println!("cargo::rustc-check-cfg=cfg(conformance)");
    println!("cargo::rerun-if-changed=build.rs");
    let recorded =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/conformance/alertmanager");
    if recorded.is_dir() {
        println!("cargo::rustc-cfg=conformance");
    }
}
