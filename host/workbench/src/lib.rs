//! What authors of plugins use: a new project, its build, a look at what came out, its tests, and its speed.
//!
//! The flow is `scaffold -> build -> check -> cases -> bench`. A project is a folder with a `plugin.toml`
//! ([`Project`]); what is built is looked at without running it ([`Facts`]) and then loaded into the very sandbox that the
//! host has, with the same limits ([`Guest`]). Tests are files: what goes in beside what has to come out.
//!
//! What this crate does not do: it prints nothing (each command gives lines), it installs no compilers, and it talks to no
//! running host.

pub mod bench;
mod build;
pub mod cases;
pub mod check;
mod component;
pub mod dev;
mod diff;
mod embedded;
mod error;
mod guest;
mod inspect;
mod interfaces;
mod project;
pub mod reference;
mod scaffold;

pub use build::{Built, build};
pub use component::{Facts, Layer};
pub use error::WorkbenchError;
pub use guest::{CompiledCode, Guest, Loaded};
pub use inspect::{Inspection, inspect};
pub use project::{Language, PluginName, Project, parse_kind};
pub use scaffold::{create, templates};
