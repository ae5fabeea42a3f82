//! What a file is, before anything in it runs: a component or not, of which kind, and what it wants of the host.

use wasmtime::component::Component;

use super::PluginKind;
use crate::engine::SandboxEngine;

/// How a component begins: magic number, version, and the layer that tells it from a core module.
const COMPONENT_HEADER: [u8; 8] = [0, b'a', b's', b'm', 0x0d, 0, 1, 0];
/// How a core module begins.
const CORE_MODULE_HEADER: [u8; 8] = [0, b'a', b's', b'm', 1, 0, 0, 0];
/// The version of the interfaces that this host speaks; later patch versions are fine.
const SPOKEN: &str = "0.1";
/// What tells the kind of a plugin.
const EXPORTS: [(PluginKind, &str); 3] = [
    (PluginKind::Driver, "bellwether:driver/driver"),
    (PluginKind::Detector, "bellwether:detector/functions"),
    (PluginKind::Receiver, "bellwether:receiver/receiver"),
];
/// What every plugin may import.
const IMPORTS: [&str; 2] = ["bellwether:host/types", "bellwether:host/log"];
/// What language runtimes may import: all of it is linked, and empty.
const WASI_PACKAGES: [&str; 6] =
    ["wasi:cli/", "wasi:clocks/", "wasi:filesystem/", "wasi:io/", "wasi:random/", "wasi:sockets/"];
/// The version of WASI that is linked; earlier patch versions are fine.
const WASI: &str = "0.2";
/// What receivers may import as well.
const RECEIVER_IMPORTS: [&str; 3] = ["bellwether:host/http", "bellwether:host/secrets", "bellwether:host/kv"];
/// What receivers may import of WASI as well.
const RECEIVER_WASI: [&str; 2] = ["wasi:http/types", "wasi:http/outgoing-handler"];

/// An error in words where the file is no component.
pub(super) fn check_header(wasm: &[u8]) -> Result<(), String> {
    if wasm.starts_with(&COMPONENT_HEADER) {
        return Ok(());
    }
    Err(match wasm {
        [] => "is empty".into(),
        _ if wasm.starts_with(&CORE_MODULE_HEADER) => {
            "is a core module, not a component; build it for wasm32-wasip2, \
             link it with wasm-component-ld, or run: wasm-tools component new"
                .into()
        }
        _ => "is not WebAssembly".into(),
    })
}

/// The kind of a component, by what it exports.
pub(super) fn kind(engine: &SandboxEngine, component: &Component) -> Result<PluginKind, String> {
    let component_type = component.component_type();
    let exports: Vec<&str> = component_type.exports(engine.wasmtime()).map(|(name, _)| name).collect();
    let known = |export: &str| {
        let (interface, version) = split_version(export);
        let (kind, _) = EXPORTS.iter().find(|(_, known)| *known == interface)?;
        Some((*kind, version.to_owned(), export.to_owned()))
    };
    match &exports.iter().filter_map(|export| known(export)).collect::<Vec<_>>()[..] {
        [(kind, version, _)] if speaks(version) => Ok(*kind),
        [(_, _, export)] => Err(format!(
            "exports {export}, this host speaks {SPOKEN}; build it against version {SPOKEN} of the interfaces"
        )),
        [] => {
            let wanted: Vec<&str> = EXPORTS.iter().map(|(_, interface)| *interface).collect();
            Err(format!("is no plugin: it exports none of {}", wanted.join(", ")))
        }
        several => {
            let kinds: Vec<String> = several.iter().map(|(kind, ..)| kind.to_string()).collect();
            Err(format!("is several kinds of plugin at once: {}; make a file of each", kinds.join(", ")))
        }
    }
}

/// An error where it wants what a plugin of its kind does not get.
pub(super) fn check_imports(
    engine: &SandboxEngine,
    component: &Component,
    kind: PluginKind,
) -> Result<(), String> {
    let component_type = component.component_type();
    for (name, _) in component_type.imports(engine.wasmtime()) {
        let (interface, version) = split_version(name);
        let is_receiver = kind == PluginKind::Receiver;
        if WASI_PACKAGES.iter().any(|package| interface.starts_with(package))
            || (is_receiver && RECEIVER_WASI.contains(&interface))
        {
            check_wasi(name, version)?;
            continue;
        }
        let for_receivers = is_receiver && RECEIVER_IMPORTS.contains(&interface);
        if !for_receivers && !IMPORTS.contains(&interface) {
            return Err(foreign_import(name, kind));
        }
        if !speaks(version) {
            return Err(format!("imports {name}, this host speaks {SPOKEN}"));
        }
    }
    Ok(())
}

fn check_wasi(name: &str, version: &str) -> Result<(), String> {
    if version.strip_prefix(WASI).is_some_and(|patch| patch.starts_with('.')) {
        return Ok(());
    }
    Err(format!("imports {name}, this host has WASI {WASI}; build it for wasm32-wasip2"))
}

fn foreign_import(name: &str, kind: PluginKind) -> String {
    if kind != PluginKind::Receiver && RECEIVER_WASI.contains(&split_version(name).0) {
        return format!(
            "imports {name}, but only receivers send requests; build it without its language's HTTP client"
        );
    }
    format!("imports {name}, which is not offered to a {kind}")
}

/// `a:b/c@1.2.3` as `a:b/c` and `1.2.3`.
fn split_version(name: &str) -> (&str, &str) {
    name.split_once('@').unwrap_or((name, ""))
}

fn speaks(version: &str) -> bool {
    version.strip_prefix(SPOKEN).is_some_and(|patch| patch.starts_with('.'))
}
