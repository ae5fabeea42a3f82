//! Runs cargo for each plugin, with everything about the machine mapped away.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

/// What the plugins are built for: no WASI, and `wasm-component-ld` makes components out of them.
const TARGET: &str = "wasm32-unknown-unknown";

/// The packages, in the workspace under `plugins`, and the names of their files. Those in folders are guests of tests.
const PLUGINS: [Plugin; 11] = [
    plugin("bellwether-driver-jsonl", None, "jsonl"),
    plugin("bellwether-driver-kv", None, "kv"),
    plugin("bellwether-detector-zscore", None, "zscore"),
    plugin("bellwether-receiver-webhook", None, "webhook"),
    plugin("bellwether-receiver-slack", None, "slack"),
    plugin("bellwether-fetcher", None, "test/fetcher"),
    plugin("bellwether-hostile", Some("driver"), "hostile/driver"),
    plugin("bellwether-hostile", Some("detector"), "hostile/detector"),
    plugin("bellwether-hostile", Some("models"), "hostile/models"),
    plugin("bellwether-hostile", Some("receiver"), "hostile/receiver"),
    plugin("bellwether-hostile", Some("wasi"), "hostile/wasi"),
];

#[derive(Clone, Copy)]
struct Plugin {
    package: &'static str,
    feature: Option<&'static str>,
    /// Below `dist`, without the ending.
    file: &'static str,
}

const fn plugin(package: &'static str, feature: Option<&'static str>, file: &'static str) -> Plugin {
    Plugin { package, feature, file }
}

/// A file that was built.
pub(crate) struct Built {
    /// Relative to `dist`.
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
}

/// The compiler at hand.
pub(crate) struct Toolchain {
    /// The compiler's own words: `rustc 1.95.0 (59807616e 2026-04-14)`.
    pub(crate) version: String,
    sysroot: PathBuf,
}

impl Toolchain {
    pub(crate) fn find(root: &Path) -> Result<Self> {
        let version = rustc(root, &["-V"])?;
        let sysroot = rustc(root, &["--print", "sysroot"])?.into();
        Ok(Self { version, sysroot })
    }

    /// An error that says how to get the target where it is missing.
    pub(crate) fn require_target(&self) -> Result<()> {
        if self.sysroot.join("lib/rustlib").join(TARGET).is_dir() {
            return Ok(());
        }
        bail!("the target {TARGET} is not installed; install it with: rustup target add {TARGET}")
    }
}

fn rustc(root: &Path, arguments: &[&str]) -> Result<String> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output =
        Command::new(rustc).args(arguments).current_dir(root).output().context("cannot run rustc")?;
    if !output.status.success() {
        bail!("rustc {} failed: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8(output.stdout).context("rustc printed no text")?.trim().to_owned())
}

/// Builds all plugins, one after the other: each alone, so that no plugin changes the features of another's
/// dependencies.
pub(crate) fn all(root: &Path, toolchain: &Toolchain) -> Result<Vec<Built>> {
    PLUGINS.iter().map(|plugin| one(root, toolchain, *plugin)).collect()
}

fn one(root: &Path, toolchain: &Toolchain, plugin: Plugin) -> Result<Built> {
    let workspace = root.join("plugins");
    let target_dir = workspace.join("target");
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args([
        "build",
        "--quiet",
        "--locked",
        "--release",
        "--target",
        TARGET,
        "--package",
        plugin.package,
    ]);
    cargo.args(plugin.feature.map(|feature| format!("--features={feature}")));
    cargo.arg("--target-dir").arg(&target_dir).current_dir(&workspace);
    without_inherited_flags(&mut cargo);
    cargo.env("CARGO_ENCODED_RUSTFLAGS", flags(root, toolchain)?);
    let status = cargo.status().context("cannot run cargo")?;
    if !status.success() {
        bail!("cannot build {}", plugin.package);
    }
    let artifact = format!("{}.wasm", plugin.package.replace('-', "_"));
    let bytes = crate::read(&target_dir.join(TARGET).join("release").join(artifact))?;
    Ok(Built { name: format!("{}.wasm", plugin.file), bytes })
}

/// The outer cargo tells its own build's settings to its children; a developer may have some too. None of them may
/// change the plugins.
fn without_inherited_flags(cargo: &mut Command) {
    let foreign = |name: &str| {
        name.starts_with("CARGO_PROFILE_")
            || name.starts_with("CARGO_PKG_")
            || name.starts_with("CARGO_BUILD_")
            || name.starts_with("CARGO_TARGET_")
            || [
                "RUSTFLAGS",
                "CARGO_ENCODED_RUSTFLAGS",
                "CARGO_INCREMENTAL",
                "RUSTC_WRAPPER",
                "RUSTC_WORKSPACE_WRAPPER",
            ]
            .contains(&name)
    };
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(foreign) {
            cargo.env_remove(name);
        }
    }
    cargo.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", "wasm-component-ld");
}

/// Flags for every crate of the build, separated as `CARGO_ENCODED_RUSTFLAGS` wants it.
///
/// Flags that map paths are part of what cargo hashes into the names of crates, and with them of symbols: cargo leaves
/// `--remap-path-prefix` out of that hash, so the same crate has the same names in every folder.
fn flags(root: &Path, toolchain: &Toolchain) -> Result<OsString> {
    let mappings = [
        (registry()?, "/registry"),
        (toolchain.sysroot.join("lib/rustlib/src/rust"), "/rustc/source"),
        (root.to_path_buf(), "/bellwether"),
    ];
    let mut flags = OsString::new();
    for (index, (from, to)) in mappings.iter().enumerate() {
        if index > 0 {
            flags.push("\u{1f}");
        }
        flags.push("--remap-path-prefix=");
        flags.push(from);
        flags.push("=");
        flags.push(to);
    }
    Ok(flags)
}

/// Cargo's home, where the sources of dependencies lie.
fn registry() -> Result<PathBuf> {
    let from_variable = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let from_home = || std::env::home_dir().map(|home| home.join(".cargo"));
    let home =
        from_variable.or_else(from_home).context("neither CARGO_HOME nor a home directory is known")?;
    Ok(home.join("registry/src"))
}
