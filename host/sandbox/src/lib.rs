//! Plugins: WebAssembly components that turn bytes into samples, windows into scores, and notifications into requests.
//!
//! [`Plugins::load`] takes the plugins that are built into the host and those in a folder, compiles them (or takes
//! compiled code from a cache), asks each to describe itself, and hands them out as the model's
//! [`Driver`](bellwether_model::device::Driver), [`Detector`](bellwether_model::detector::Detector),
//! [`Modeller`](bellwether_model::modelling::Modeller) and [`Receiver`](bellwether_model::receiver::Receiver). The rest
//! of the host does not see that there is a sandbox.
//!
//! Each call of a plugin has a budget of time, memory and data ([`Limits`]). Whoever exceeds it, or traps, loses the
//! instance; the crash is reported in words, blamed on the device, function or receiver that it happened for, and
//! repeated crashes end in quarantine. A plugin reaches nothing but its own memory: no clock, no file, no socket. Only
//! receivers can call out, through the host's [`HttpClient`], to origins that the operator granted, and secrets are put
//! in after that check, where the plugin cannot see them.
//!
//! What this crate does not do: it opens no sockets itself, schedules nothing, and knows nothing of rules, routes or
//! devices beyond their names.

mod bindings;
mod blame;
mod cache;
mod compile;
mod context;
mod crash;
mod detector;
mod driver;
pub mod egress;
mod encoding;
mod engine;
mod host_functions;
mod http;
mod limits;
mod memory;
mod modeller;
mod outbound;
mod outlet;
mod plugin_log;
mod receiver;
mod redirects;
mod registry;
mod secrets;
mod settings;
mod speech;
mod store;
mod usage;
mod values;
mod wasi;

pub use blame::{Standing, SubjectStatus};
pub use compile::{CompileFailure, Compiler, compile_into};
pub use crash::{Crash, CrashCause};
pub use detector::SandboxedDetector;
pub use driver::SandboxedDriver;
pub use http::{AddressPolicy, HttpClient, HttpError, HttpMethod, HttpRequest, HttpResponse, NoHttp};
pub use limits::{CallLimits, Limits, ModelLimits};
pub use modeller::SandboxedModeller;
pub use plugin_log::{LogLevel, LogLine};
pub use receiver::{ConfiguredReceiver, ReceiverPlugin, TemplateText};
pub use registry::{
    Clock, EmbeddedPlugin, LoadError, LoadStage, PluginChange, PluginKind, PluginSource, PluginState,
    PluginStatus, Plugins, PluginsOptions, Unavailable,
};
pub use registry::{grants, lock};
pub use secrets::mask_secrets;
pub use settings::{SettingInfo, SettingKind, SettingProblem};
pub use usage::PluginUsage;
pub use values::MemoryValues;

#[cfg(test)]
mod tests;
