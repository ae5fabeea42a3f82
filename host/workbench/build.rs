//! Embeds what `new` writes: the templates, the sources of the SDK, and the interfaces.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

/// Folders that building or testing a template in place leaves behind.
const LEFTOVERS: [&str; 6] = ["target", "build", "node_modules", "__pycache__", "venv", ".git"];
/// Former interfaces, which no new project needs.
const RELEASED: &str = "released";

fn main() {
    let here = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let root = here.join("../..");
    let mut code = String::new();
    for (name, folder) in [
        ("TEMPLATES", here.join("templates")),
        ("SDK_SOURCES", root.join("plugins/sdk/src")),
        ("WIT", root.join("wit")),
    ] {
        println!("cargo::rerun-if-changed={}", folder.display());
        let mut files = Vec::new();
        collect(&folder, "", &mut files);
        files.sort();
        writeln!(code, "pub(crate) static {name}: &[(&str, &[u8])] = &[").expect("memory");
        for (relative, path) in files {
            writeln!(code, "    ({relative:?}, include_bytes!({path:?})),").expect("memory");
        }
        code += "];\n";
    }
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it")).join("embedded.rs");
    fs::write(out, code).expect("the folder of the build can be written");
}

fn collect(folder: &Path, prefix: &str, files: &mut Vec<(String, PathBuf)>) {
    for entry in fs::read_dir(folder).expect("the folder is there") {
        let path = entry.expect("the folder can be read").path();
        let name = path.file_name().expect("it has a name").to_string_lossy().into_owned();
        let relative = format!("{prefix}{name}");
        if !path.is_dir() {
            files.push((relative, path));
        } else if !LEFTOVERS.contains(&name.as_str()) && name != RELEASED {
            collect(&path, &format!("{relative}/"), files);
        }
    }
}
