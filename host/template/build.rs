//! Tells the tests whether the conformance data lies beside the repository; where it does not, they show as ignored.

fn main() {
    const DATA: &str = "../../../shared/conformance/templates";
    println!("cargo::rustc-check-cfg=cfg(conformance_data)");
    println!("cargo::rerun-if-changed={DATA}");
    if std::path::Path::new(DATA).is_dir() {
        println!("cargo::rustc-cfg=conformance_data");
    }
}
