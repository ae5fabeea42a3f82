//! From a core module to a component.

use std::path::Path;

use wasi_preview1_component_adapter_provider as adapter;
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};

use super::bindings::world_of;
use crate::component::Layer;
use crate::error::WorkbenchError;
use crate::project::Project;

/// Magic number and version.
const MODULE_HEADER_BYTES: usize = 8;
/// The id of sections with names.
const CUSTOM_SECTION: u8 = 0;
/// How the sections for debuggers are called.
const DEBUG_SECTIONS: &str = ".debug_";
/// The custom section in which a module says which world it is made for.
const WORLD_SECTION: &str = "component-type";

/// A component out of what a compiler made: itself where it is one, else with the world's description, and the adapter
/// for modules that use WASI's first version.
pub(super) fn from_module(path: &Path, wasm: Vec<u8>, project: &Project) -> Result<Vec<u8>, WorkbenchError> {
    if Layer::of(&wasm) == Layer::Component {
        return Ok(wasm);
    }
    let wasm = without_debug_sections(&wasm).unwrap_or(wasm);
    let module = if names_its_world(&wasm) { wasm } else { with_world(wasm, path, project)? };
    let encoded = ComponentEncoder::default()
        .validate(true)
        .module(&module)
        .and_then(|encoder| {
            encoder.adapter(
                adapter::WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME,
                adapter::WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER,
            )
        })
        .and_then(|mut encoder| encoder.encode());
    encoded.map_err(|cause| error(path, &cause))
}

/// The module without what is only for debuggers; none where it cannot be read.
fn without_debug_sections(wasm: &[u8]) -> Option<Vec<u8>> {
    let (header, mut rest) = wasm.split_at_checked(MODULE_HEADER_BYTES)?;
    let mut kept = header.to_vec();
    while let [id, after @ ..] = rest {
        let mut reader = wasmparser::BinaryReader::new(after, 0);
        let length = usize::try_from(reader.read_var_u32().ok()?).ok()?;
        let contents_at = 1 + reader.current_position();
        let section = rest.get(..contents_at.checked_add(length)?)?;
        let mut contents = wasmparser::BinaryReader::new(section.get(contents_at..)?, 0);
        let is_debug = *id == CUSTOM_SECTION && contents.read_string().ok()?.starts_with(DEBUG_SECTIONS);
        if !is_debug {
            kept.extend_from_slice(section);
        }
        rest = &rest[section.len()..];
    }
    Some(kept)
}

fn names_its_world(wasm: &[u8]) -> bool {
    let sections = wasmparser::Parser::new(0).parse_all(wasm).filter_map(Result::ok);
    sections.into_iter().any(|payload| match payload {
        wasmparser::Payload::CustomSection(section) => section.name().starts_with(WORLD_SECTION),
        _ => false,
    })
}

fn with_world(mut wasm: Vec<u8>, path: &Path, project: &Project) -> Result<Vec<u8>, WorkbenchError> {
    let (resolve, world) = world_of(project)?;
    embed_component_metadata(&mut wasm, &resolve, world, StringEncoding::UTF8)
        .map_err(|cause| error(path, &cause))?;
    Ok(wasm)
}

fn error(path: &Path, cause: &impl std::fmt::Display) -> WorkbenchError {
    WorkbenchError::Componentize { path: path.to_owned(), problem: format!("{cause:#}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn custom(name: &str, contents: &[u8]) -> Vec<u8> {
        let length = u8::try_from(1 + name.len() + contents.len()).unwrap();
        let name_length = u8::try_from(name.len()).unwrap();
        [&[0, length, name_length], name.as_bytes(), contents].concat()
    }

    #[test]
    fn only_what_is_for_debuggers_goes() {
        let header = b"\0asm\x01\0\0\0".to_vec();
        let (name, debug) = (custom("name", b"abc"), custom(".debug_info", b"xyz"));
        let all = [header.clone(), debug.clone(), name.clone(), debug.clone()].concat();
        assert_eq!(without_debug_sections(&all).unwrap(), [header, name].concat());
        assert_eq!(without_debug_sections(&all[..all.len() - 1]), None, "cut off");
        assert_eq!(without_debug_sections(b""), None);
    }

    #[test]
    fn a_module_says_which_world_it_is_made_for() {
        let with = |name: &str| [b"\0asm\x01\0\0\0".to_vec(), custom(name, b"")].concat();
        assert!(names_its_world(&with("component-type:driver-plugin")) && !names_its_world(&with("name")));
    }
}
