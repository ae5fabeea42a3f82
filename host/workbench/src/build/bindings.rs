//! The code between a language and the interfaces, made anew by each build.

use std::fs;
use std::path::Path;

use wit_bindgen_core::{Files, WorldGenerator};
use wit_parser::{Resolve, WorldId};

use crate::error::WorkbenchError;
use crate::project::Project;

/// How packages of Go begin that hold what a plugin exports.
const GO_EXPORTS: &str = "export_";

/// The interfaces of a project and the world that it is made for.
pub(super) fn world_of(project: &Project) -> Result<(Resolve, WorldId), WorkbenchError> {
    let folder = project.wit();
    let error = |problem: String| WorkbenchError::Bindings { folder: folder.clone(), problem };
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(&folder).map_err(|cause| error(format!("{cause:#}")))?;
    let world = resolve.select_world(&[package], Some(&project.world()));
    let world = world.map_err(|cause| error(format!("{cause:#}")))?;
    Ok((resolve, world))
}

/// Bindings for C, in a folder: a header, its source, and an object file with the description of the world.
pub(super) fn c(project: &Project, into: &Path) -> Result<(), WorkbenchError> {
    let files = generated(project, wit_bindgen_c::Opts::default().build())?;
    empty(into)?;
    files.iter().try_for_each(|(name, contents)| write(&into.join(name), contents))
}

/// Bindings for Go in `internal/wit`; those of what the plugin exports stand beside the plugin's own code for it, whose
/// package they are part of.
pub(super) fn go(project: &Project, module: &str) -> Result<(), WorkbenchError> {
    let options = wit_bindgen_go::Opts {
        pkg_name: Some(format!("{module}/internal/wit")),
        export_pkg_name: Some(module.to_owned()),
        ..wit_bindgen_go::Opts::default()
    };
    let files = generated(project, options.build())?;
    let imports = project.folder.join("internal/wit");
    empty(&imports)?;
    files.iter().try_for_each(|(name, contents)| {
        let below = if name.starts_with(GO_EXPORTS) { &project.folder } else { &imports };
        write(&below.join(name), contents)
    })
}

fn generated(project: &Project, mut generator: Box<dyn WorldGenerator>) -> Result<Files, WorkbenchError> {
    let (mut resolve, world) = world_of(project)?;
    let mut files = Files::default();
    let error = |problem: String| WorkbenchError::Bindings { folder: project.wit(), problem };
    generator.generate(&mut resolve, world, &mut files).map_err(|cause| error(format!("{cause:#}")))?;
    Ok(files)
}

/// Takes away what an earlier build wrote.
fn empty(folder: &Path) -> Result<(), WorkbenchError> {
    if folder.exists() { fs::remove_dir_all(folder).map_err(WorkbenchError::writing(folder)) } else { Ok(()) }
}

fn write(path: &Path, contents: &[u8]) -> Result<(), WorkbenchError> {
    let parent = path.parent().unwrap_or(path);
    fs::create_dir_all(parent).map_err(WorkbenchError::writing(parent))?;
    fs::write(path, contents).map_err(WorkbenchError::writing(path))
}
