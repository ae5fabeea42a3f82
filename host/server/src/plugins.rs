//! Plugins of this host: those inside the binary, those in the folder, and what they become.

mod apart;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use bellwether_devices::{DeviceConfig, DeviceSet, DriverLookup};
use bellwether_model::BoxFuture;
use bellwether_model::detector::Detector;
use bellwether_model::device::{DeviceContext, Driver, DriverFailure, DriverInfo, DriverSession};
use bellwether_model::plugin_store::PluginStore;
use bellwether_promql::{Engine, EngineOptions, FunctionRegistry, PluginFunction};
use bellwether_sandbox::{
    Compiler, EmbeddedPlugin, Plugins, PluginsOptions, SandboxedDriver, SettingProblem,
};
use tokio::runtime::Handle;
use tracing::{debug, warn};

use self::apart::Apart;
use crate::clock::Clock;
use crate::evaluation::DetectorFunctionAdapter;
use crate::http_client::PluginHttpClient;

macro_rules! embedded {
    ($($name:literal),* $(,)?) => {
        [$(EmbeddedPlugin {
            name: $name,
            wasm: include_bytes!(concat!("../../../plugins/dist/", $name, ".wasm")),
        }),*]
    };
}

/// First-party plugins, as `cargo plugins` built them.
const EMBEDDED: [EmbeddedPlugin; 5] = embedded!["jsonl", "kv", "slack", "webhook", "zscore"];

/// Names of all plugins, without a look inside: those of the binary, and the files of a folder.
pub fn names(folder: &Path) -> BTreeSet<String> {
    let files = std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    let in_folder = files.filter_map(|entry| {
        let path = entry.path();
        let is_plugin = path.extension().is_some_and(|extension| extension == "wasm");
        is_plugin.then(|| path.file_stem().map(|name| name.to_string_lossy().into_owned())).flatten()
    });
    EMBEDDED.iter().map(|plugin| plugin.name.to_owned()).chain(in_folder).collect()
}

fn cache_of(data_dir: &Path) -> PathBuf {
    data_dir.join("plugin-cache")
}

/// Loads the plugins of a running host. Compiled code is kept in the data folder; `program` is this program, which is
/// called again to compile.
pub async fn load(
    folder: &Path,
    data_dir: &Path,
    program: Option<PathBuf>,
    values: Arc<dyn PluginStore>,
    clock: &Clock,
) -> anyhow::Result<Plugins> {
    let http = PluginHttpClient::new().context("cannot set up the HTTP client of plugins")?;
    let options = PluginsOptions {
        folder: Some(folder.to_owned()),
        cache: Some(cache_of(data_dir)),
        compiler: program.map(|program| Arc::new(Apart { program }) as Arc<dyn Compiler>),
        http: Arc::new(http),
        values,
        ..options(clock)
    };
    Ok(Plugins::load(options).await?)
}

fn options(clock: &Clock) -> PluginsOptions {
    PluginsOptions { embedded: EMBEDDED.to_vec(), ..PluginsOptions::new(clock.as_fn()) }
}

/// An engine whose expressions can call all functions of all detectors. A function whose name is taken is left out.
pub fn engine(plugins: &Plugins, options: EngineOptions) -> Engine {
    let mut functions = FunctionRegistry::default();
    for detector in plugins.detectors() {
        let detector: Arc<dyn Detector> = Arc::new(detector);
        for function in DetectorFunctionAdapter::all(&detector, &Handle::current()) {
            let name = function.signature().name.clone();
            if let Err(error) = functions.register(Arc::new(function)) {
                warn!(plugin = detector.name(), function = name, reason = %error, "function not available");
            }
        }
    }
    Engine::new(options).with_functions(Arc::new(functions))
}

/// A look at a folder of plugins.
#[derive(Debug, Clone, Copy)]
pub struct Look<'a> {
    /// The folder.
    pub folder: &'a Path,
    /// The data folder of the server that has compiled them.
    pub data_dir: &'a Path,
    /// Whether the folder's lock keeps out what it keeps out of the server.
    pub honour_lock: bool,
}

impl<'a> Look<'a> {
    /// At what a server would load, whose data folder the folder of plugins is in.
    pub fn of(folder: &'a Path) -> Self {
        Self { folder, data_dir: folder.parent().unwrap_or(folder), honour_lock: true }
    }
}

/// The plugins of a folder and those of the host, for a look at them: they reach no network. The code that a server keeps
/// in its data folder is used as the server does; where there is none, everything is compiled, and nothing kept.
pub async fn look(look: Look<'_>) -> anyhow::Result<Plugins> {
    let cache = cache_of(look.data_dir);
    let options = PluginsOptions {
        folder: Some(look.folder.to_owned()),
        honour_lock: look.honour_lock,
        cache: cache.is_dir().then_some(cache),
        ..options(&Clock::system())
    };
    Ok(Plugins::load(options).await?)
}

/// Compiles the plugins of the host into a data folder, as a server does.
#[cfg(test)]
pub(crate) async fn begin_cache(data_dir: &Path) {
    let options = PluginsOptions { cache: Some(cache_of(data_dir)), ..options(&Clock::system()) };
    Plugins::load(options).await.unwrap();
}

/// How devices find their drivers.
pub fn driver_lookup(plugins: &Plugins) -> DriverLookup {
    let plugins = plugins.clone();
    Arc::new(move |name: &str| match plugins.driver(name) {
        Ok(driver) => Some(Arc::new(CheckedDriver(driver)) as Arc<dyn Driver>),
        Err(reason) => {
            debug!(driver = name, %reason, "driver not available");
            None
        }
    })
}

/// What will keep devices from working, a line each: no such driver, or settings that it does not take.
pub fn device_problems(plugins: &Plugins, devices: &DeviceSet) -> Vec<String> {
    let problem = |device: &DeviceConfig| match plugins.driver(&device.driver) {
        Err(unavailable) => Some(unavailable.to_string()),
        Ok(driver) => driver.check_settings(&device.settings).err().map(|problems| joined(&problems)),
    };
    let problems = devices.devices().filter_map(|device| Some((device, problem(device)?)));
    problems.map(|(device, problem)| format!("device {:?}: {problem}", device.id)).collect()
}

fn joined(problems: &[SettingProblem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// A driver whose sessions get their settings checked, with defaults filled in.
#[derive(Debug)]
struct CheckedDriver(SandboxedDriver);

impl Driver for CheckedDriver {
    fn info(&self) -> &DriverInfo {
        self.0.info()
    }

    fn open(&self, device: DeviceContext) -> BoxFuture<'_, Result<Box<dyn DriverSession>, DriverFailure>> {
        let given = serde_json::from_str(&device.config).unwrap_or_default();
        match self.0.check_settings(&given) {
            Ok(config) => self.0.open(DeviceContext { config, ..device }),
            Err(problems) => {
                let failure = DriverFailure::Unsupported(format!("bad settings: {}", joined(&problems)));
                Box::pin(std::future::ready(Err(failure)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_look_uses_the_code_of_the_server_and_begins_no_cache() {
        let data = tempfile::tempdir().unwrap();
        let folder = data.path().join("plugins");
        std::fs::create_dir(&folder).unwrap();
        let cache = cache_of(data.path());
        let here = Look { folder: &folder, data_dir: data.path(), honour_lock: true };
        look(here).await.unwrap();
        assert!(!cache.exists(), "compiling apart begins it, which takes an empty one");
        begin_cache(data.path()).await;
        let code = || std::fs::read_dir(&cache).unwrap().map(|entry| entry.unwrap().path());
        let files: Vec<PathBuf> = code().collect();
        std::fs::remove_file(&files[0]).unwrap();
        let again = look(here).await.unwrap().status();
        assert_eq!(again.len(), EMBEDDED.len());
        assert_eq!(code().count(), files.len(), "what was missing is there for the server, too");
    }
}
