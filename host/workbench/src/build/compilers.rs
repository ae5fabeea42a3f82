//! One recipe for each language.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::command::Run;
use super::{bindings, expected};
use crate::error::WorkbenchError;
use crate::project::Project;

/// What Rust plugins are built for: no WASI, and the linker makes components.
const RUST_TARGET: &str = "wasm32-unknown-unknown";

/// Cargo's build, with everything about the machine mapped away: the same sources and compiler give the same bytes in
/// every folder.
pub(super) fn rust(project: &Project) -> Result<PathBuf, WorkbenchError> {
    let here = &project.folder;
    let missing = |tool, install| WorkbenchError::MissingTool { tool, language: "Rust", install };
    if !Run::new("cargo", here).args(["--version"]).works() {
        return Err(missing("cargo", "curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh"));
    }
    let sysroot = PathBuf::from(Run::new("rustc", here).args(["--print", "sysroot"]).output()?.trim());
    if !sysroot.join("lib/rustlib").join(RUST_TARGET).is_dir() {
        return Err(missing("the target wasm32-unknown-unknown", "rustup target add wasm32-unknown-unknown"));
    }
    let cargo = Run::new("cargo", here)
        .args(["build", "--release", "--target", RUST_TARGET, "--message-format=json-render-diagnostics"])
        .without_env("RUSTFLAGS")
        .env("CARGO_ENCODED_RUSTFLAGS", remapped(here, &sysroot)?)
        .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", "wasm-component-ld");
    let shown = cargo.shown().to_owned();
    let messages = cargo.output()?;
    let wasm = messages.lines().filter_map(wasm_of_message).next_back();
    wasm.ok_or_else(|| WorkbenchError::NoOutput { command: shown, path: "*.wasm".into() })
}

/// Flags separated as cargo wants them. The flag that maps paths is one that cargo leaves out of the names of crates.
fn remapped(project: &Path, sysroot: &Path) -> Result<OsString, WorkbenchError> {
    let project = fs::canonicalize(project).map_err(WorkbenchError::reading(project))?;
    let cargo_home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let cargo_home = cargo_home.or_else(|| env::home_dir().map(|home| home.join(".cargo")));
    let mut mappings = vec![(sysroot.join("lib/rustlib/src/rust"), "/rustc/source"), (project, "/plugin")];
    mappings.extend(cargo_home.map(|home| (home.join("registry/src"), "/registry")));
    let mut flags = OsString::new();
    for (from, to) in mappings {
        if !flags.is_empty() {
            flags.push("\u{1f}");
        }
        flags.push("--remap-path-prefix=");
        flags.push(from);
        flags.push("=");
        flags.push(to);
    }
    Ok(flags)
}

/// The component in one of cargo's messages, if it is about one.
fn wasm_of_message(line: &str) -> Option<PathBuf> {
    #[derive(Deserialize)]
    struct Message {
        reason: String,
        #[serde(default)]
        filenames: Vec<PathBuf>,
    }
    let message: Message = serde_json::from_str(line).ok()?;
    let is_wasm = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "wasm");
    message.filenames.into_iter().find(is_wasm).filter(|_| message.reason == "compiler-artifact")
}

/// An error that says how to get a tool where asking it for its version does not work.
fn require(
    here: &Path,
    (tool, version): (&'static str, &str),
    language: &'static str,
    install: &'static str,
) -> Result<(), WorkbenchError> {
    if Run::new(tool, here).args([version]).works() {
        return Ok(());
    }
    Err(WorkbenchError::MissingTool { tool, language, install })
}

/// Go's own compiler for WASI, with bindings below `internal/wit`.
pub(super) fn go(project: &Project) -> Result<PathBuf, WorkbenchError> {
    let here = &project.folder;
    let install = "apt install golang, or the archive from https://go.dev/dl (1.25 or later)";
    require(here, ("go", "version"), "Go", install)?;
    bindings::go(project, &go_module(here)?)?;
    let run = Run::new("go", here)
        .args(["build", "-trimpath", "-buildmode=c-shared", "-ldflags=-checklinkname=0 -s -w"])
        .args(["-o", "build/core.wasm", "."])
        .env("GOOS", "wasip1")
        .env("GOARCH", "wasm");
    let shown = run.shown().to_owned();
    run.status()?;
    expected(here.join("build/core.wasm"), &shown)
}

/// The name of a project's module.
fn go_module(folder: &Path) -> Result<String, WorkbenchError> {
    let path = folder.join("go.mod");
    let text = fs::read_to_string(&path).map_err(WorkbenchError::reading(&path))?;
    let module = text.lines().find_map(|line| line.trim().strip_prefix("module "));
    let module = module.map(|name| name.trim().trim_matches('"').to_owned());
    module.ok_or_else(|| WorkbenchError::in_file(&path, "has no line `module NAME`"))
}

/// A C compiler with a C library for WASI, over all sources of the project and its bindings.
pub(super) fn c(project: &Project) -> Result<PathBuf, WorkbenchError> {
    let here = &project.folder;
    bindings::c(project, &here.join("build/bindings"))?;
    let world = format!("build/bindings/{}", project.world().replace('-', "_"));
    let compiler = c_compiler(here)?;
    let run = Run::argv(&compiler, here)
        .args(C_FLAGS)
        .args(c_sources(here)?)
        .args([format!("{world}.c"), format!("{world}_component_type.o")])
        .args([C_STACK, "-o", "build/core.wasm"]);
    let shown = run.shown().to_owned();
    run.status()?;
    expected(here.join("build/core.wasm"), &shown)
}

/// Small code for a library, with the names of functions for the backtraces of crashes. They come with all the rest that
/// is for debuggers, which is taken out again.
const C_FLAGS: [&str; 10] =
    ["-mexec-model=reactor", "-Os", "-g", "-std=c11", "-Wall", "-Wextra", "-I", "build/bindings", "-I", "."];
/// Stack of a C plugin. Clang has 64 KiB, which is little; zig has 16 MiB, which is all the memory that a plugin may use.
const C_STACK: &str = "-Wl,-z,stack-size=262144";

/// Those beside `plugin.toml` and those in `src`, sorted.
fn c_sources(folder: &Path) -> Result<Vec<PathBuf>, WorkbenchError> {
    let mut sources = Vec::new();
    for place in ["", "src"] {
        let entries = fs::read_dir(folder.join(place)).into_iter().flatten().filter_map(Result::ok);
        let names = entries.map(|entry| Path::new(place).join(entry.file_name()));
        sources.extend(names.filter(|name| name.extension().is_some_and(|ending| ending == "c")));
    }
    sources.sort();
    if sources.is_empty() {
        return Err(WorkbenchError::in_file(folder, "has no *.c, neither here nor in src"));
    }
    Ok(sources)
}

/// `$CC`, else clang where it has a library for WASI, else zig.
fn c_compiler(folder: &Path) -> Result<Vec<String>, WorkbenchError> {
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<String>>();
    if let Some(own) = env::var("CC").ok().map(|cc| words(&cc)).filter(|words| !words.is_empty()) {
        let target = if own.iter().any(|word| word.contains("zig")) {
            words("-target wasm32-wasi")
        } else {
            words("--target=wasm32-wasi")
        };
        return Ok([own, target].concat());
    }
    let probe = folder.join("build/probe.c");
    fs::write(&probe, "#include <stdlib.h>\nint answer(void) { return abs(-42); }\n")
        .map_err(WorkbenchError::writing(&probe))?;
    for (compiler, is_there) in [
        ("clang --target=wasm32-wasi", "-mexec-model=reactor build/probe.c -o build/probe.wasm"),
        ("zig cc -target wasm32-wasi", "--version"),
        ("python3 -m ziglang cc -target wasm32-wasi", "--version"),
    ] {
        let compiler = words(compiler);
        if Run::argv(&compiler, folder).args(words(is_there)).works() {
            return Ok(compiler);
        }
    }
    Err(WorkbenchError::MissingTool {
        tool: "a C compiler for WASI",
        language: "C",
        install: "pip install ziglang, or apt install clang lld wasi-libc libclang-rt-dev-wasm32",
    })
}

/// componentize-py, which makes the component itself.
pub(super) fn python(project: &Project, output: &Path) -> Result<PathBuf, WorkbenchError> {
    let here = &project.folder;
    require(here, ("componentize-py", "--version"), "Python", "pip install componentize-py==0.25.1")?;
    let relative = format!("build/{}.wasm", project.name.as_str());
    let run = Run::new("componentize-py", here).args([
        "-d",
        "wit",
        "-w",
        &project.world(),
        "componentize",
        "app",
        "-o",
        &relative,
        "--stub-wasi",
    ]);
    let shown = run.shown().to_owned();
    run.status()?;
    expected(output.to_owned(), &shown)
}

/// The project's own script, over componentize-js.
pub(super) fn javascript(project: &Project, output: &Path) -> Result<PathBuf, WorkbenchError> {
    let here = &project.folder;
    let install = "apt install nodejs npm, or the archive from https://nodejs.org (20 or later)";
    require(here, ("node", "--version"), "JavaScript", install)?;
    if !here.join("node_modules/@bytecodealliance/componentize-js").is_dir() {
        return Err(WorkbenchError::MissingTool {
            tool: "componentize-js",
            language: "JavaScript",
            install: "npm install, in the folder of the plugin",
        });
    }
    let run = Run::new("node", here).args(["build.mjs"]);
    let shown = run.shown().to_owned();
    run.status()?;
    expected(output.to_owned(), &shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_component_among_cargos_messages() {
        let artifact = r#"{"reason":"compiler-artifact","filenames":["/x/a.d","/x/my_board.wasm"]}"#;
        assert_eq!(wasm_of_message(artifact), Some("/x/my_board.wasm".into()));
        for other in [r#"{"reason":"build-finished","success":true}"#, "   Compiling x", ""] {
            assert_eq!(wasm_of_message(other), None);
        }
    }

    #[test]
    fn c_sources_are_found_in_two_places() {
        let folder = tempfile::tempdir().unwrap();
        assert!(c_sources(folder.path()).unwrap_err().to_string().contains("has no *.c"));
        fs::create_dir(folder.path().join("src")).unwrap();
        for file in ["b.c", "a.h", "src/a.c"] {
            fs::write(folder.path().join(file), "").unwrap();
        }
        assert_eq!(c_sources(folder.path()).unwrap(), [PathBuf::from("b.c"), "src/a.c".into()]);
    }

    #[test]
    fn the_name_of_a_go_module_is_read() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("go.mod"), "// x\nmodule example.com/a\n\ngo 1.25\n").unwrap();
        assert_eq!(go_module(folder.path()).unwrap(), "example.com/a");
    }
}
