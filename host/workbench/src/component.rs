//! What a file is, told from its bytes alone: nothing in it runs.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;
use sha2::{Digest, Sha256};
use wasmparser::{KnownCustom, Parser, Payload};

/// How a component begins.
const COMPONENT_HEADER: [u8; 8] = [0, b'a', b's', b'm', 0x0d, 0, 1, 0];
/// How a core module begins.
const MODULE_HEADER: [u8; 8] = [0, b'a', b's', b'm', 1, 0, 0, 0];

/// What sort of file it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layer {
    /// A component.
    Component,
    /// A core module.
    Module,
    /// No bytes at all.
    Empty,
    /// Anything else.
    Other,
}

impl Layer {
    /// By the first bytes.
    pub fn of(wasm: &[u8]) -> Self {
        match wasm {
            [] => Self::Empty,
            _ if wasm.starts_with(&COMPONENT_HEADER) => Self::Component,
            _ if wasm.starts_with(&MODULE_HEADER) => Self::Module,
            _ => Self::Other,
        }
    }
}

/// What can be read in a component.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Facts {
    /// Its size.
    pub size_bytes: u64,
    /// Its digest, in hex.
    pub sha256: String,
    /// What it wants of the host, as it names it.
    pub imports: Vec<String>,
    /// What it offers.
    pub exports: Vec<String>,
    /// Who made it: `language`, `processed-by` and `sdk`, with versions.
    pub producers: BTreeMap<String, Vec<String>>,
    /// Whether functions have names, so that the backtrace of a crash can be read.
    pub has_function_names: bool,
    /// Where reading stopped, and why; none where all of it could be read.
    pub damage: Option<String>,
}

impl Facts {
    /// Reads a file as far as it can be read.
    pub fn of(wasm: &[u8]) -> Self {
        let sha256 = Sha256::digest(wasm).iter().fold(String::new(), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        });
        let mut facts = Self { size_bytes: wasm.len() as u64, sha256, ..Self::default() };
        facts.damage = facts.read(wasm).err().map(|error| error.to_string());
        facts
    }

    fn read(&mut self, wasm: &[u8]) -> wasmparser::Result<()> {
        let mut depth = 0_usize;
        for payload in Parser::new(0).parse_all(wasm) {
            match payload? {
                Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
                Payload::End(_) => depth = depth.saturating_sub(1),
                Payload::ComponentImportSection(section) if depth == 0 => {
                    for import in section {
                        self.imports.push(import?.name.name.to_owned());
                    }
                }
                Payload::ComponentExportSection(section) if depth == 0 => {
                    for export in section {
                        self.exports.push(export?.name.name.to_owned());
                    }
                }
                Payload::CustomSection(section) => self.custom(section.as_known())?,
                _ => {}
            }
        }
        Ok(())
    }

    fn custom(&mut self, section: KnownCustom<'_>) -> wasmparser::Result<()> {
        match section {
            KnownCustom::Name(_) => self.has_function_names = true,
            KnownCustom::Producers(fields) => {
                for field in fields {
                    let field = field?;
                    let known = self.producers.entry(field.name.to_owned()).or_default();
                    for value in field.values {
                        let value = value?;
                        let text = format!("{} {}", value.name, value.version).trim().to_owned();
                        if !known.contains(&text) {
                            known.push(text);
                        }
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Its imports in words, without those that are only types.
    pub fn capabilities(&self) -> Vec<String> {
        let mut words: Vec<String> = Vec::new();
        for import in &self.imports {
            let interface = import.split('@').next().unwrap_or(import);
            let text = match interface {
                "bellwether:host/types" => continue,
                "bellwether:host/log" => "write log lines".to_owned(),
                "bellwether:host/http" | "wasi:http/types" | "wasi:http/outgoing-handler" => {
                    "send HTTP requests to hosts that the operator grants".to_owned()
                }
                "bellwether:host/secrets" => "sign with secrets that it does not see".to_owned(),
                "bellwether:host/mail" => "send mail (not offered by this host)".to_owned(),
                "bellwether:host/kv" => "keep a few values".to_owned(),
                _ if interface.starts_with("wasi:") => {
                    let package = interface.split('/').next().unwrap_or(interface);
                    format!("ask for {package}, which came with its language's runtime")
                }
                other => format!("ask for {other}, which this host does not know"),
            };
            if !words.contains(&text) {
                words.push(text);
            }
        }
        if words.is_empty() {
            words.push("ask for nothing".to_owned());
        }
        words
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KV: &[u8] = include_bytes!("../../../plugins/dist/kv.wasm");

    #[test]
    fn reads_what_a_component_wants_and_offers() {
        let facts = Facts::of(KV);
        assert_eq!(facts.exports, ["bellwether:driver/driver@0.1.0"]);
        assert!(facts.imports.contains(&"bellwether:host/log@0.1.0".to_owned()), "{:?}", facts.imports);
        assert_eq!(facts.capabilities(), ["write log lines"]);
        assert!(facts.has_function_names && facts.damage.is_none());
        assert!(
            facts.producers["language"].iter().any(|text| text.starts_with("Rust")),
            "{:?}",
            facts.producers
        );
    }

    #[test]
    fn requests_are_requests_over_either_interface() {
        let facts = Facts::of(include_bytes!("../../../plugins/dist/test/fetcher.wasm"));
        assert!(facts.imports.iter().any(|import| import.starts_with("wasi:http/")), "{:?}", facts.imports);
        let requests = facts.capabilities().into_iter().filter(|words| words.starts_with("send HTTP"));
        assert_eq!(requests.count(), 1);
    }

    #[test]
    fn reads_damaged_files_as_far_as_they_go() {
        for end in [0, 4, 8, 100, KV.len() / 2, KV.len() - 1] {
            let facts = Facts::of(&KV[..end]);
            assert_eq!(facts.size_bytes, end as u64);
            assert!(facts.damage.is_some() || end == 8, "{end}");
        }
        assert_eq!(Layer::of(b""), Layer::Empty);
        assert_eq!(Layer::of(&KV[..8]), Layer::Component);
        assert_eq!(Layer::of(b"\0asm\x01\0\0\0"), Layer::Module);
        assert_eq!(Layer::of(b"#!/bin/sh"), Layer::Other);
    }
}
