//! `plugin check`: everything that keeps a file from working in the host, before it gets there.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use bellwether_sandbox::{NoHttp, PluginKind};
use wit_component::DecodedWasm;
use wit_parser::{Resolve, WorldId, WorldItem};

use crate::component::{Facts, Layer};
use crate::error::WorkbenchError;
use crate::guest::{CompiledCode, Loaded};
use crate::interfaces::{HOST, packages};
use crate::project::KINDS;

/// The version of the interfaces that the host speaks; later patches are fine.
const SPOKEN: &str = "0.1";
/// What the HTTP clients of languages import to send requests.
const WASI_REQUESTS: [&str; 2] = ["wasi:http/types", "wasi:http/outgoing-handler"];

/// What was found out about one file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verdict {
    /// What it is, where that can be told.
    pub what: Option<String>,
    /// What keeps it from working, each with what to do about it.
    pub errors: Vec<String>,
    /// What will be felt later.
    pub warnings: Vec<String>,
}

impl Verdict {
    /// Whether the host can use it.
    pub fn is_good(&self) -> bool {
        self.errors.is_empty()
    }

    /// For people.
    pub fn lines(&self, path: &Path) -> Vec<String> {
        let path = path.display();
        let what = self.what.as_ref().map(|what| format!("{path}: {what}"));
        let errors = self.errors.iter().map(|text| format!("error: {path} {text}"));
        let warnings = self.warnings.iter().map(|text| format!("warning: {path} {text}"));
        what.into_iter().chain(errors).chain(warnings).collect()
    }

    fn error(mut self, text: impl Into<String>) -> Self {
        self.errors.push(text.into());
        self
    }
}

/// Looks at a file, and then lets it describe itself twice.
pub async fn check(path: &Path, code: &CompiledCode) -> Result<Verdict, WorkbenchError> {
    let wasm = fs::read(path).map_err(WorkbenchError::reading(path))?;
    let mut verdict = look(&wasm);
    if !verdict.is_good() {
        return Ok(verdict);
    }
    let first = match Loaded::load(path, Arc::new(NoHttp), code).await {
        Ok(loaded) => loaded,
        Err(WorkbenchError::Unusable { reason, .. }) => return Ok(verdict.error(reason)),
        Err(other) => return Err(other),
    };
    let status = &first.status;
    verdict.what = Some(format!("{} {} {}", first.guest.kind(), status.name, status.version));
    let second = Loaded::load(path, Arc::new(NoHttp), code).await?;
    let same = first.guest.description() == second.guest.description()
        && (&status.name, &status.version, &status.summary)
            == (&second.status.name, &second.status.version, &second.status.summary)
        && status.wants_hosts == second.status.wants_hosts;
    if !same {
        verdict
            .errors
            .push("describes itself differently each time; describe must always give the same".into());
    }
    Ok(verdict)
}

/// What can be told without running anything.
pub fn look(wasm: &[u8]) -> Verdict {
    let verdict = Verdict::default();
    match Layer::of(wasm) {
        Layer::Component => {}
        Layer::Empty => return verdict.error("is empty\n  -> build it again"),
        Layer::Other => return verdict.error("is not WebAssembly\n  -> give the *.wasm that the build made"),
        Layer::Module => {
            return verdict.error(
                "is a core module, not a component\n  -> bellwether plugin build, which makes one of it, or \
                 wasm-tools component new",
            );
        }
    }
    let facts = Facts::of(wasm);
    if let Some(damage) = &facts.damage {
        return verdict.error(format!("is damaged: {damage}\n  -> build or copy it again"));
    }
    let kinds: Vec<(PluginKind, &str)> = facts.exports.iter().filter_map(|export| kind_of(export)).collect();
    let mut verdict = match kinds[..] {
        [(kind, version)] if speaks(version) => against(kind, wasm, &facts),
        [(kind, version)] => verdict.error(format!(
            "exports {} of version {version}, this host speaks {SPOKEN}\n  -> build it against the wit folder of \
             `bellwether plugin new`, or run a host that speaks {version}",
            interface_of(kind)
        )),
        [] => verdict.error(format!(
            "is no plugin: it exports {}\n  -> export one of {}",
            list(&facts.exports, "nothing"),
            KINDS.map(interface_of).join(", ")
        )),
        _ => verdict.error("is several kinds of plugin at once\n  -> make a file of each"),
    };
    if !facts.has_function_names {
        let text = "has no names of functions, so the backtrace of a crash says little\n  -> build without stripping \
                    the name section";
        verdict.warnings.push(text.into());
    }
    verdict
}

/// The interface that makes a plugin of a kind.
const fn interface_of(kind: PluginKind) -> &'static str {
    match kind {
        PluginKind::Driver => "bellwether:driver/driver",
        PluginKind::Detector => "bellwether:detector/functions",
        PluginKind::Receiver => "bellwether:receiver/receiver",
    }
}

/// Whether an export is the optional part of a detector.
fn is_models(export: &str) -> bool {
    split_version(export).0 == "bellwether:detector/models"
}

fn kind_of(export: &str) -> Option<(PluginKind, &str)> {
    let (interface, version) = split_version(export);
    KINDS.into_iter().find(|kind| interface_of(*kind) == interface).map(|kind| (kind, version))
}

/// `a:b/c@1.2.3` as `a:b/c` and `1.2.3`.
fn split_version(name: &str) -> (&str, &str) {
    name.split_once('@').unwrap_or((name, "without a version"))
}

fn speaks(version: &str) -> bool {
    version.strip_prefix(SPOKEN).is_some_and(|patch| patch.starts_with('.'))
}

fn list(names: &[String], none: &str) -> String {
    if names.is_empty() { none.to_owned() } else { names.join(", ") }
}

/// Compares what it wants and offers with what the host offers and wants.
fn against(kind: PluginKind, wasm: &[u8], facts: &Facts) -> Verdict {
    let mut verdict = Verdict { what: Some(kind.to_string()), ..Verdict::default() };
    let host = Surface::of_host(kind, facts.exports.iter().any(|export| is_models(export)));
    let mut runtime = Vec::new();
    for import in &facts.imports {
        let (interface, version) = split_version(import);
        if WASI_REQUESTS.contains(&interface) {
            if kind != PluginKind::Receiver {
                verdict.errors.push(format!(
                    "imports {import}, but only receivers send requests\n  -> build it without its language's HTTP client"
                ));
            }
        } else if interface.starts_with("wasi:") {
            runtime.push(import.as_str());
        } else if !host.imports.iter().any(|(known, _)| known == interface) {
            verdict.errors.push(foreign_import(import, kind, &host));
        } else if !speaks(version) {
            verdict.errors.push(format!(
                "imports {import}, this host speaks {SPOKEN}\n  -> build it against version {SPOKEN}"
            ));
        }
    }
    if !runtime.is_empty() {
        let packages: BTreeSet<&str> = runtime.iter().filter_map(|import| import.split('/').next()).collect();
        let packages: Vec<&str> = packages.into_iter().collect();
        verdict.warnings.push(format!(
            "imports {} interfaces of {} (came with its language's runtime): there is nothing in them",
            runtime.len(),
            packages.join(", ")
        ));
    }
    if let Ok(DecodedWasm::Component(resolve, world)) = wit_component::decode(wasm) {
        compare(&Surface::of(&resolve, world), &host, kind, &mut verdict);
    }
    verdict
}

fn foreign_import(import: &str, kind: PluginKind, host: &Surface) -> String {
    let offered: Vec<&str> = host.imports.iter().map(|(interface, _)| interface.as_str()).collect();
    let remedy = match kind {
        PluginKind::Driver => "drivers do no I/O: return bytes in output.writes, or write a receiver",
        PluginKind::Detector => "detectors see nothing but their windows",
        PluginKind::Receiver => "receivers have http, secrets and kv; mail comes with a later host",
    };
    format!("imports {import}, but a {kind} is offered only {}\n  -> {remedy}", offered.join(", "))
}

/// Functions by interface, without versions.
type Interfaces = Vec<(String, BTreeSet<String>)>;

/// What a world imports and exports.
struct Surface {
    imports: Interfaces,
    exports: Interfaces,
}

impl Surface {
    fn of(resolve: &Resolve, world: WorldId) -> Self {
        let interfaces = |items: &mut dyn Iterator<Item = &WorldItem>| {
            let named = items.filter_map(|item| {
                let WorldItem::Interface { id, .. } = item else { return None };
                let name = resolve.id_of(*id)?;
                let functions = resolve.interfaces[*id].functions.keys().cloned().collect();
                Some((split_version(&name).0.to_owned(), functions))
            });
            named.collect::<Interfaces>()
        };
        let world = &resolve.worlds[world];
        Self {
            imports: interfaces(&mut world.imports.values()),
            exports: interfaces(&mut world.exports.values()),
        }
    }

    /// The world that the host has for a kind, out of the interfaces in this program; for a detector with or without
    /// models.
    fn of_host(kind: PluginKind, with_models: bool) -> Self {
        let (resolve, [_, own]) = packages([HOST, &kind.to_string()]);
        // Of the fuller world of receivers this host has all but mail.
        let world = match kind {
            PluginKind::Receiver => "receiver-plugin-full".to_owned(),
            PluginKind::Detector if with_models => "detector-plugin-full".to_owned(),
            PluginKind::Driver | PluginKind::Detector => format!("{kind}-plugin"),
        };
        let world = resolve.select_world(&[own], Some(&world));
        let mut surface = Self::of(&resolve, world.expect("the embedded interfaces are tested"));
        surface.imports.retain(|(interface, _)| interface != "bellwether:host/mail");
        surface
    }
}

/// Functions that one side has and the other does not.
fn compare(plugin: &Surface, host: &Surface, kind: PluginKind, verdict: &mut Verdict) {
    let none = BTreeSet::new();
    let functions = |of: &Interfaces, name: &str| {
        of.iter().find(|(known, _)| known == name).map(|(_, functions)| functions.clone())
    };
    for (interface, wanted) in &host.exports {
        let offered = functions(&plugin.exports, interface).unwrap_or_default();
        let missing: Vec<String> = wanted.difference(&offered).cloned().collect();
        if !missing.is_empty() {
            let text = format!(
                "does not export {} of {interface}\n  -> a {kind} has to have them",
                missing.join(", ")
            );
            verdict.errors.push(text);
        }
    }
    for (interface, used) in &plugin.imports {
        let offered = functions(&host.imports, interface);
        let Some(offered) = offered.as_ref().or_else(|| interface.starts_with("wasi:").then_some(&none))
        else {
            continue;
        };
        let unknown: Vec<String> = used.difference(offered).cloned().collect();
        if !unknown.is_empty() && !interface.starts_with("wasi:") {
            let there: Vec<String> = offered.iter().cloned().collect();
            verdict.errors.push(format!(
                "imports {} of {interface}, which has only {}\n  -> build it against version {SPOKEN}",
                unknown.join(", "),
                list(&there, "types")
            ));
        }
    }
    let extra =
        plugin.exports.iter().filter(|(name, _)| !host.exports.iter().any(|(known, _)| known == name));
    for (interface, _) in extra {
        verdict.warnings.push(format!("exports {interface}, which this host does not call"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KV: &[u8] = include_bytes!("../../../plugins/dist/kv.wasm");
    const FETCHER: &[u8] = include_bytes!("../../../plugins/dist/test/fetcher.wasm");

    /// The same component with another text of the same length in it.
    fn with(from: &str, to: &str) -> Vec<u8> {
        assert_eq!(from.len(), to.len());
        let (from, mut wasm) = (from.as_bytes(), KV.to_vec());
        let mut at = 0;
        while at + from.len() <= wasm.len() {
            if wasm[at..].starts_with(from) {
                wasm[at..at + from.len()].copy_from_slice(to.as_bytes());
            }
            at += 1;
        }
        wasm
    }

    fn only_error(wasm: &[u8]) -> String {
        let verdict = look(wasm);
        assert_eq!(verdict.errors.len(), 1, "{verdict:?}");
        verdict.errors[0].clone()
    }

    #[test]
    fn a_good_file_is_good() {
        let verdict = look(KV);
        assert_eq!(
            (verdict.what.as_deref(), verdict.errors.len(), verdict.warnings.len()),
            (Some("driver"), 0, 0),
            "{verdict:?}"
        );
    }

    #[test]
    fn what_is_no_component_is_told_with_a_remedy() {
        assert!(only_error(b"").starts_with("is empty\n  -> "));
        assert!(
            only_error(b"\0asm\x01\0\0\0")
                .contains("core module, not a component\n  -> bellwether plugin build")
        );
        assert!(only_error(b"hello").starts_with("is not WebAssembly\n  -> "));
        assert!(only_error(&KV[..KV.len() / 2]).starts_with("is damaged: "));
    }

    #[test]
    fn other_versions_and_interfaces_are_named() {
        let error = only_error(&with("bellwether:driver/driver@0.1.0", "bellwether:driver/driver@0.2.0"));
        assert!(error.contains("of version 0.2.0, this host speaks 0.1\n  -> "), "{error}");
        let error = only_error(&with("bellwether:driver/driver@0.1.0", "bellwether:driver/dryver@0.1.0"));
        assert!(error.contains("is no plugin") && error.contains("dryver"), "{error}");
        let error = only_error(&with("bellwether:host/log@0.1.0", "bellwether:host/kvs@0.1.0"));
        assert!(error.contains("imports bellwether:host/kvs@0.1.0, but a driver is offered only"), "{error}");
        assert!(error.contains("bellwether:host/log") && error.contains("drivers do no I/O"), "{error}");
    }

    #[test]
    fn a_detector_may_have_models_and_then_has_all_of_them() {
        let verdict = look(include_bytes!("../../../plugins/dist/hostile/models.wasm"));
        assert!(verdict.is_good() && verdict.warnings.is_empty(), "{verdict:?}");
        let host = Surface::of_host(PluginKind::Detector, true);
        let (models, functions) = host.exports.iter().find(|(name, _)| is_models(name)).unwrap();
        let all_but_one = functions.iter().filter(|name| *name != "restore").cloned().collect();
        let exports = host.exports.iter().map(|(name, functions)| {
            (name.clone(), if name == models { &all_but_one } else { functions }.clone())
        });
        let plugin = Surface { imports: Vec::new(), exports: exports.collect() };
        let mut verdict = Verdict::default();
        compare(&plugin, &host, PluginKind::Detector, &mut verdict);
        assert!(verdict.errors[0].starts_with("does not export restore of bellwether:detector/models"));
    }

    #[test]
    fn receivers_may_use_the_http_client_of_their_language() {
        let verdict = look(FETCHER);
        assert!(verdict.is_good(), "{verdict:?}");
        assert!(!verdict.warnings.iter().any(|text| text.contains("wasi:http")), "{verdict:?}");
        let imports_http = Facts { imports: vec!["wasi:http/types@0.2.10".into()], ..Facts::default() };
        let verdict = against(PluginKind::Driver, KV, &imports_http);
        assert!(
            verdict.errors[0].starts_with("imports wasi:http/types@0.2.10, but only receivers send requests")
        );
    }

    #[test]
    fn functions_are_compared_one_by_one() {
        let surface = |functions: &[&str]| {
            let functions = functions.iter().map(|name| (*name).to_owned()).collect();
            Surface { imports: Vec::new(), exports: vec![("bellwether:driver/driver".into(), functions)] }
        };
        let mut verdict = Verdict::default();
        compare(
            &surface(&["describe"]),
            &Surface::of_host(PluginKind::Driver, false),
            PluginKind::Driver,
            &mut verdict,
        );
        assert!(verdict.errors[0].starts_with("does not export [method]session.receive"), "{verdict:?}");
        assert!(verdict.errors[0].contains("open of bellwether:driver/driver"), "{verdict:?}");
    }
}
