//! `plugin build`: from sources to `build/<name>.wasm`.
//!
//! The language's own compiler is all that a recipe needs: bindings, the description of the world and the adapter for
//! WASI come out of this program. A project may replace its recipe by a command of its own.

mod bindings;
mod command;
mod compilers;
mod component;

use std::fs;
use std::path::{Path, PathBuf};

use crate::component::Facts;
use crate::error::WorkbenchError;
use crate::project::{Language, Project};
use crate::scaffold::add_interfaces;

use self::command::Run;

/// What a build left.
#[derive(Debug, Clone)]
pub struct Built {
    /// The component.
    pub path: PathBuf,
    /// What it is.
    pub facts: Facts,
}

impl Built {
    /// Where it is, how large, its digest, and what it asks for.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = vec![
            format!("built {}", self.path.display()),
            format!("  size    {} bytes", self.facts.size_bytes),
            format!("  sha256  {}", self.facts.sha256),
        ];
        lines.extend(self.facts.capabilities().into_iter().map(|words| format!("  may     {words}")));
        lines
    }
}

/// Builds a project. Compilers write to the streams of this process.
pub fn build(project: &Project) -> Result<Built, WorkbenchError> {
    let output = project.output();
    let folder = project.build_folder();
    fs::create_dir_all(&folder).map_err(WorkbenchError::writing(&folder))?;
    add_interfaces(project)?;
    let made = match &project.own_build {
        Some(own) => {
            Run::argv(&own.command, &project.folder).status()?;
            expected(project.folder.join(&own.output), &own.command.join(" "))?
        }
        None => match project.language {
            Language::Rust => compilers::rust(project)?,
            Language::Go => compilers::go(project)?,
            Language::C => compilers::c(project)?,
            Language::Python => compilers::python(project, &output)?,
            Language::JavaScript => compilers::javascript(project, &output)?,
        },
    };
    let wasm = fs::read(&made).map_err(WorkbenchError::reading(&made))?;
    let component = component::from_module(&made, wasm, project)?;
    write_at_once(&output, &component)?;
    Ok(Built { path: output, facts: Facts::of(&component) })
}

/// Whoever watches the file never sees half of it.
pub(crate) fn write_at_once(path: &Path, bytes: &[u8]) -> Result<(), WorkbenchError> {
    let unfinished = path.with_extension("wasm.new");
    fs::write(&unfinished, bytes).map_err(WorkbenchError::writing(&unfinished))?;
    fs::rename(&unfinished, path).map_err(WorkbenchError::writing(path))
}

/// The file that a command should have made.
fn expected(path: PathBuf, command: &str) -> Result<PathBuf, WorkbenchError> {
    if path.is_file() {
        Ok(path)
    } else {
        Err(WorkbenchError::NoOutput { command: command.to_owned(), path })
    }
}
