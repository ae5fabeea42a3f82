//! A plugin in the sandbox that the host has, with the host's limits, and with all that it asks for granted.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bellwether_model::Timestamp;
use bellwether_model::detector::Detector as _;
use bellwether_model::device::Driver as _;
use bellwether_model::modelling::Modeller as _;
use bellwether_sandbox::{
    HttpClient, LogLevel, PluginKind, PluginState, PluginStatus, Plugins, PluginsOptions, ReceiverPlugin,
    SandboxedDetector, SandboxedDriver,
};
use tempfile::TempDir;

use crate::error::WorkbenchError;

/// The time that the sandbox writes into its reports; cases have times of their own.
const LOADED_AT: Timestamp = Timestamp::from_millis(1_767_225_600_000);

/// Where compiled code is kept, so that no command compiles what one before it has: with a language runtime in it that
/// takes half a minute. The default keeps nothing.
#[derive(Debug, Clone, Default)]
pub struct CompiledCode(Option<PathBuf>);

impl CompiledCode {
    /// In this folder, which is made with mode 0700 and never holds more than a GiB.
    pub const fn kept_in(folder: PathBuf) -> Self {
        Self(Some(folder))
    }
}

/// A plugin that was loaded.
pub struct Loaded {
    /// What it is.
    pub guest: Guest,
    /// What it says of itself.
    pub status: PluginStatus,
    plugins: Plugins,
    /// Holds the file and its grants, and its compiled code where that is not kept.
    _folder: TempDir,
}

/// A plugin by its kind.
#[derive(Debug, Clone)]
pub enum Guest {
    /// Bytes to samples.
    Driver(SandboxedDriver),
    /// Windows to scores.
    Detector(SandboxedDetector),
    /// Notifications to requests.
    Receiver(ReceiverPlugin),
}

impl Guest {
    /// Its kind.
    pub const fn kind(&self) -> PluginKind {
        match self {
            Self::Driver(_) => PluginKind::Driver,
            Self::Detector(_) => PluginKind::Detector,
            Self::Receiver(_) => PluginKind::Receiver,
        }
    }

    /// All that it says of itself, as a text to compare with.
    pub(crate) fn description(&self) -> String {
        match self {
            Self::Driver(driver) => format!("{:?} {:?}", driver.info(), driver.settings()),
            Self::Detector(detector) => {
                let models = detector.modeller().map(|models| (models.kinds(), models.all_settings()));
                format!("{:?} {models:?}", detector.functions())
            }
            Self::Receiver(receiver) => format!("{:?} {:?}", receiver.settings(), receiver.templates()),
        }
    }
}

impl fmt::Debug for Loaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loaded").field("guest", &self.guest).finish_non_exhaustive()
    }
}

impl Loaded {
    /// Loads a file, and grants it what it asks for. Requests of a receiver go to `http`.
    pub async fn load(
        path: &Path,
        http: Arc<dyn HttpClient>,
        code: &CompiledCode,
    ) -> Result<Self, WorkbenchError> {
        Self::load_granting(path, http, code, &[]).await
    }

    /// As [`Loaded::load`], with further origins that it may reach.
    pub(crate) async fn load_granting(
        path: &Path,
        http: Arc<dyn HttpClient>,
        code: &CompiledCode,
        hosts: &[String],
    ) -> Result<Self, WorkbenchError> {
        let wasm = fs::read(path).map_err(WorkbenchError::reading(path))?;
        let folder = tempfile::tempdir().map_err(WorkbenchError::writing(&std::env::temp_dir()))?;
        let copy = folder
            .path()
            .join(path.file_name().unwrap_or_else(|| "plugin.wasm".as_ref()))
            .with_extension("wasm");
        fs::write(&copy, wasm).map_err(WorkbenchError::writing(&copy))?;
        let (grants, limits) = (copy.with_extension("toml"), limits_beside(path)?);
        fs::write(&grants, grants_text(hosts, &limits)).map_err(WorkbenchError::writing(&grants))?;
        let plugins = Plugins::load(PluginsOptions {
            folder: Some(folder.path().to_owned()),
            cache: Some(code.0.clone().unwrap_or_else(|| folder.path().join("cache"))),
            http,
            ..PluginsOptions::new(Arc::new(|| LOADED_AT))
        });
        let plugins = plugins.await?;
        if let Some(PluginState::WaitingForGrants { missing, .. }) =
            plugins.status().pop().map(|status| status.state)
        {
            let all = [hosts, &missing].concat();
            fs::write(&grants, grants_text(&all, &limits)).map_err(WorkbenchError::writing(&grants))?;
            drop(plugins.rescan().await);
        }
        let unusable = |reason: String| WorkbenchError::Unusable { path: path.to_owned(), reason };
        let status = plugins.status().pop().ok_or_else(|| unusable("cannot be found again".into()))?;
        let guest = usable(&plugins, &status).map_err(unusable)?;
        Ok(Self { guest, status, plugins, _folder: folder })
    }

    /// Forgets crashes: each case stands for itself.
    pub(crate) fn pardon(&self) {
        self.plugins.pardon(&self.status.name, None);
    }

    /// What the plugin has logged so far, the newest 200 lines.
    pub(crate) fn log(&self) -> Vec<String> {
        let log = self.plugins.status().pop().map(|status| status.log).unwrap_or_default();
        let line = |line: bellwether_sandbox::LogLine| {
            let fields: Vec<String> = line.fields.iter().map(|(k, v)| format!(" {k}={v:?}")).collect();
            let level = match line.level {
                LogLevel::Debug => "debug",
                LogLevel::Info => "info",
                LogLevel::Warn => "warn",
                LogLevel::Error => "error",
            };
            format!("{level} {}{}", line.message, fields.concat())
        };
        log.into_iter().map(line).collect()
    }
}

fn usable(plugins: &Plugins, status: &PluginStatus) -> Result<Guest, String> {
    if let PluginState::Broken { reason } = &status.state {
        return Err(reason.clone());
    }
    let name = &status.name;
    let guest = match status.kind {
        Some(PluginKind::Driver) => plugins.driver(name).map(Guest::Driver),
        Some(PluginKind::Receiver) => plugins.receiver(name).map(Guest::Receiver),
        Some(PluginKind::Detector) => {
            let detector = plugins.detectors().pop().map(Guest::Detector);
            return detector.ok_or_else(|| "is a detector that cannot be used".into());
        }
        None => return Err("is no plugin".into()),
    };
    guest.map_err(|unavailable| unavailable.to_string())
}

fn grants_text(hosts: &[String], limits: &toml::Table) -> String {
    let grants = toml::Table::from_iter([("hosts".to_owned(), toml::Value::from(hosts.to_vec()))]);
    let all = [("grants", grants), ("limits", limits.clone())];
    toml::Table::from_iter(all.map(|(name, table)| (name.to_owned(), toml::Value::Table(table)))).to_string()
}

/// The limits in the operator's file for the plugin: beside the component, or beside the `plugin.toml` of its project.
fn limits_beside(path: &Path) -> Result<toml::Table, WorkbenchError> {
    let beside = path.with_extension("toml");
    let in_project = path.ancestors().nth(2).zip(beside.file_name()).map(|(folder, name)| folder.join(name));
    let Some(file) = [Some(beside), in_project].into_iter().flatten().find(|file| file.is_file()) else {
        return Ok(toml::Table::new());
    };
    let text = fs::read_to_string(&file).map_err(WorkbenchError::reading(&file))?;
    let table: toml::Table = text.parse().map_err(|error| WorkbenchError::in_file(&file, error))?;
    Ok(table.get("limits").and_then(toml::Value::as_table).cloned().unwrap_or_default())
}

/// The file that a command is about: itself, or what the project of a folder builds.
pub(crate) fn component_of(folder: &Path, output: PathBuf) -> Result<PathBuf, WorkbenchError> {
    if output.is_file() {
        return Ok(output);
    }
    let problem = format!("there is no {} yet; run `bellwether plugin build`", output.display());
    Err(WorkbenchError::in_file(folder, problem))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_come_from_the_operators_file() {
        let folder = tempfile::tempdir().unwrap();
        let component = folder.path().join("build/a.wasm");
        assert!(limits_beside(&component).unwrap().is_empty());
        fs::write(folder.path().join("a.toml"), "[limits]\nmemory = \"64MiB\"\n").unwrap();
        let limits = limits_beside(&component).unwrap();
        let text = grants_text(&["https://x.example".into()], &limits);
        assert_eq!(text, "[grants]\nhosts = [\"https://x.example\"]\n\n[limits]\nmemory = \"64MiB\"\n");
        fs::write(folder.path().join("a.toml"), "[limits").unwrap();
        assert!(limits_beside(&component).is_err());
    }
}
