//! All plugins of the host: those that are built in and those in a folder, with their states.
//!
//! A file alone is a complete plugin: drop it into the folder, and the next [`Plugins::rescan`] finds it. What it may
//! reach stands in the operator's own `<name>.toml` beside it. A file in the folder replaces a built-in plugin of the
//! same name. While a new version of a file cannot be used, the one that was loaded before goes on.

mod describe;
pub mod grants;
mod inspect;
mod load;
mod loaded;
pub mod lock;
mod progress;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use bellwether_model::Timestamp;
use bellwether_model::plugin_store::PluginStore;
use serde::Serialize;
use tracing::{info, warn};

use crate::blame::SubjectStatus;
use crate::cache::CodeCache;
use crate::compile::Compiler;
use crate::crash::Crash;
use crate::detector::SandboxedDetector;
use crate::driver::SandboxedDriver;
use crate::engine::SandboxEngine;
use crate::http::{HttpClient, NoHttp};
use crate::limits::Limits;
use crate::modeller::SandboxedModeller;
use crate::plugin_log::LogLine;
use crate::receiver::ReceiverPlugin;
use crate::settings::SettingInfo;
use crate::usage::PluginUsage;
use crate::values::MemoryValues;

use load::{Candidate, Key, Loader, Stamp};
use loaded::Loaded;
use lock::Lock;

/// How long a new version is watched.
const TRIAL: Duration = Duration::from_secs(60);
/// It goes where it crashes for more than one in so many of those that it serves.
const ROLL_BACK_ONE_IN: usize = 5;

/// Tells the time, for what the API shows.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// A plugin that is built into the host.
#[derive(Debug, Clone, Copy)]
pub struct EmbeddedPlugin {
    /// What it is called until it has described itself.
    pub name: &'static str,
    /// The component.
    pub wasm: &'static [u8],
}

/// What to load, and with which limits.
pub struct PluginsOptions {
    /// Built-in plugins. They need no grants: they only reach what their settings name.
    pub embedded: Vec<EmbeddedPlugin>,
    /// The folder of further plugins; it may be missing.
    pub folder: Option<PathBuf>,
    /// Whether only those are loaded that the folder's lock lets through, where it has one.
    pub honour_lock: bool,
    /// The folder of compiled code, made with mode 0700; none compiles at each start.
    pub cache: Option<PathBuf>,
    /// Who compiles what is not in that folder; none compiles in this process, and so does a sandbox without the folder.
    pub compiler: Option<Arc<dyn Compiler>>,
    /// Limits of plugins whose file of grants says nothing else.
    pub limits: Limits,
    /// How receivers reach the world.
    pub http: Arc<dyn HttpClient>,
    /// Where receivers keep values.
    pub values: Arc<dyn PluginStore>,
    /// The host's clock.
    pub clock: Clock,
}

impl fmt::Debug for PluginsOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { embedded, folder, honour_lock, cache, limits, http, .. } = self;
        f.debug_struct("PluginsOptions")
            .field("embedded", &embedded.len())
            .field("folder", folder)
            .field("honour_lock", honour_lock)
            .field("cache", cache)
            .field("limits", limits)
            .field("http", http)
            .finish_non_exhaustive()
    }
}

impl PluginsOptions {
    /// No plugins, no network, usual limits: fill in what is wanted.
    pub fn new(clock: Clock) -> Self {
        Self {
            embedded: Vec::new(),
            folder: None,
            honour_lock: true,
            cache: None,
            compiler: None,
            limits: Limits::default(),
            http: Arc::new(NoHttp),
            values: Arc::new(MemoryValues::default()),
            clock,
        }
    }
}

/// The sandbox itself cannot be set up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// wasmtime refused its settings, or its clock has no thread.
    #[error("cannot start the plugin engine: {0}")]
    Engine(String),
}

/// What a plugin is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum PluginKind {
    /// Turns bytes of devices into samples.
    Driver,
    /// Turns windows of numbers into scores.
    Detector,
    /// Turns notifications into requests.
    Receiver,
}

impl fmt::Display for PluginKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Driver => "driver",
            Self::Detector => "detector",
            Self::Receiver => "receiver",
        })
    }
}

/// Where a plugin comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "from", rename_all = "lowercase")]
pub enum PluginSource {
    /// Out of the host's own file.
    Embedded,
    /// Out of the folder.
    File {
        /// Its path.
        path: PathBuf,
    },
}

impl fmt::Display for PluginSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Embedded => f.write_str("the host"),
            Self::File { path } => write!(f, "{}", path.display()),
        }
    }
}

/// How far the loading of a file has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LoadStage {
    /// It lies in the folder.
    Found,
    /// It was read, and has the digest that it must have.
    Verified,
    /// It is native code. This takes tens of milliseconds, and seconds for a language runtime.
    Compiled,
    /// It has said who it is.
    Described,
}

impl LoadStage {
    /// The word for it in the API and in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Found => "found",
            Self::Verified => "verified",
            Self::Compiled => "compiled",
            Self::Described => "described",
        }
    }
}

/// How a plugin stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum PluginState {
    /// Is being loaded.
    Loading {
        /// How far that has come.
        stage: LoadStage,
    },
    /// Can be used, and nobody does.
    Ready,
    /// Serves somebody: an instance lives, or it was called within the last five minutes.
    Active,
    /// Crashed for some that it serves, and is not called for them for a while.
    Degraded {
        /// Those devices, functions or receivers.
        subjects: Vec<String>,
    },
    /// Wants to reach origins that the operator has not granted.
    WaitingForGrants {
        /// Those origins.
        missing: Vec<String>,
        /// The file to write them into.
        file: String,
    },
    /// The operator switched it off.
    Disabled,
    /// Cannot be used.
    Broken {
        /// Why, and what to do about it.
        reason: String,
    },
    /// Crashed for several devices, functions or receivers, and is called by nobody for a while.
    Quarantined,
}

impl PluginState {
    /// The word for it in the API and in metrics.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Loading { stage } => stage.as_str(),
            Self::Ready => "ready",
            Self::Active => "active",
            Self::Degraded { .. } => "degraded",
            Self::WaitingForGrants { .. } => "waiting_for_grants",
            Self::Disabled => "disabled",
            Self::Broken { .. } => "broken",
            Self::Quarantined => "quarantined",
        }
    }
}

/// All that there is to say about one plugin, for the API and the UI.
#[derive(Debug, Clone, Serialize)]
pub struct PluginStatus {
    /// Its name; that of its file while it has not described itself.
    pub name: String,
    /// What it is; none while that cannot be told.
    pub kind: Option<PluginKind>,
    /// Its own version.
    pub version: String,
    /// One sentence.
    pub summary: String,
    /// Where it comes from.
    pub source: PluginSource,
    /// Digest of its file, in hex.
    pub sha256: String,
    /// Size of its file.
    pub size_bytes: u64,
    /// When it was loaded.
    pub loaded_at: Timestamp,
    /// How it stands.
    #[serde(flatten)]
    pub state: PluginState,
    /// A newer version of its file that cannot be used, and why.
    pub rejected_update: Option<String>,
    /// How far the loading of a newer version of its file has come.
    pub update_stage: Option<LoadStage>,
    /// Its settings.
    pub settings: Vec<SettingInfo>,
    /// What it adds: metrics of a driver, functions of a detector and its kinds of models, templates of a receiver.
    pub provides: Vec<String>,
    /// Origins that it asks for.
    pub wants_hosts: Vec<String>,
    /// Origins that it may reach.
    pub granted_hosts: Vec<String>,
    /// Devices, functions or receivers that it crashed for.
    pub subjects: Vec<SubjectStatus>,
    /// What it has cost since it was loaded.
    #[serde(flatten)]
    pub usage: PluginUsage,
    /// Its last crashes, the oldest first.
    pub crashes: Vec<Crash>,
    /// Its last log lines, the oldest first.
    pub log: Vec<LogLine>,
}

/// A plugin cannot be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unavailable {
    /// There is none of that name.
    #[error("there is no {kind} plugin {name:?}; there are: {}", .known.join(", "))]
    Unknown {
        /// What was looked for.
        kind: PluginKind,
        /// By which name.
        name: String,
        /// Those that there are.
        known: Vec<String>,
    },
    /// There is one, but not of that kind.
    #[error("the plugin {name:?} is a {found}, not a {wanted}")]
    OtherKind {
        /// By which name.
        name: String,
        /// What it is.
        found: PluginKind,
        /// What was looked for.
        wanted: PluginKind,
    },
    /// It is there and cannot be used.
    #[error("the plugin {name:?} cannot be used: {reason}")]
    NotReady {
        /// By which name.
        name: String,
        /// Why, and what to do about it.
        reason: String,
    },
}

/// What a rescan of the folder changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum PluginChange {
    /// A new plugin, or a new version of one.
    Loaded {
        /// Its name.
        name: String,
    },
    /// Its file is gone.
    Removed {
        /// Its name.
        name: String,
    },
    /// A new version crashed where the one before it did not, which is back in its place.
    RolledBack {
        /// Its name.
        name: String,
        /// What happened.
        reason: String,
    },
    /// A file that cannot be used; the version before it, if any, goes on.
    Rejected {
        /// The file.
        file: String,
        /// Why.
        reason: String,
    },
}

/// All plugins. Cheap to clone; clones share everything.
#[derive(Clone)]
pub struct Plugins(Arc<Shared>);

struct Shared {
    loader: Loader,
    folder: Option<PathBuf>,
    honour_lock: bool,
    entries: RwLock<BTreeMap<Key, Entry>>,
    /// One rescan at a time.
    rescan: tokio::sync::Mutex<()>,
}

/// One file with what came of it.
#[derive(Debug, Clone)]
struct Entry {
    stamp: Stamp,
    loaded: Arc<Loaded>,
    /// The version before it, as long as it may have to come back.
    previous: Option<Arc<Loaded>>,
    rejected_update: Option<String>,
}

impl Entry {
    const fn new(stamp: Stamp, loaded: Arc<Loaded>) -> Self {
        Self { stamp, loaded, previous: None, rejected_update: None }
    }

    fn status(&self) -> PluginStatus {
        PluginStatus { rejected_update: self.rejected_update.clone(), ..self.loaded.status() }
    }

    /// Whether a stamp has nothing new but a lock that lets through what is loaded, as the one before it did.
    fn goes_on_under(&self, stamp: &Stamp) -> bool {
        let sha256 = &self.loaded.fingerprint.sha256;
        let was_refused = self.rejected_update.is_some() || self.stamp.refusal(sha256).is_some();
        self.stamp.is_of_same_files(stamp) && !was_refused && stamp.refusal(sha256).is_none()
    }

    /// Puts the version before it back where the new one crashes soon and for many.
    fn roll_back(&mut self, now: Timestamp) -> Option<PluginChange> {
        let previous = self.previous.take()?;
        if now > self.loaded.loaded_at + TRIAL {
            return None;
        }
        let (crashed, served) = self.loaded.context().map_or((0, 0), |context| context.subject_counts());
        if crashed * ROLL_BACK_ONE_IN <= served {
            self.previous = Some(previous);
            return None;
        }
        let reason = format!("crashed for {crashed} of {served} within {} s", TRIAL.as_secs());
        let name = self.loaded.name.clone();
        self.rejected_update = Some(reason.clone());
        self.loaded = previous;
        Some(PluginChange::RolledBack { name, reason })
    }
}

impl fmt::Debug for Plugins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.read().values().map(|entry| &entry.loaded.name)).finish()
    }
}

impl Plugins {
    /// Loads everything. Plugins that cannot be used are listed as broken, with the reason; an error means that there can
    /// be no plugins at all.
    pub async fn load(options: PluginsOptions) -> Result<Self, LoadError> {
        let cache = options.cache.as_deref().and_then(|folder| match CodeCache::open(folder) {
            Ok(cache) => Some(cache),
            Err(reason) => {
                warn!(path = %folder.display(), reason, "compiled plugins are not kept");
                None
            }
        });
        let engine = SandboxEngine::start(cache, options.compiler)?;
        let loader = Loader::new(engine, options.limits, (options.http, options.values), options.clock)?;
        let candidates = options.embedded.iter().map(|plugin| Candidate::embedded(*plugin)).collect();
        let loaded = loader.load_all(candidates).await;
        let entry =
            |(stamp, loaded): (Stamp, Loaded)| (stamp.key.clone(), Entry::new(stamp, Arc::new(loaded)));
        let plugins = Self(Arc::new(Shared {
            loader,
            folder: options.folder,
            honour_lock: options.honour_lock,
            entries: RwLock::new(loaded.into_iter().map(entry).collect()),
            rescan: tokio::sync::Mutex::new(()),
        }));
        plugins.rescan().await;
        Ok(plugins)
    }

    /// Looks at the folder again: loads new and changed files, drops those that are gone. Sessions and calls that are
    /// under way go on with the version that they began with. To be called every few seconds, or when the folder
    /// changed.
    pub async fn rescan(&self) -> Vec<PluginChange> {
        let Some(folder) = &self.0.folder else {
            return Vec::new();
        };
        let _one_at_a_time = self.0.rescan.lock().await;
        let lock = if self.0.honour_lock { Lock::read(folder) } else { Ok(None) };
        let found = load::files_in(folder, &lock);
        let mut changes = self.forget_missing(&found);
        let changed: Vec<Candidate> = found.into_iter().filter(|candidate| self.is_news(candidate)).collect();
        for (stamp, loaded) in self.0.loader.load_all(changed).await {
            changes.push(self.take(stamp, loaded));
        }
        let now = self.0.loader.now();
        changes.extend(self.write().values_mut().filter_map(|entry| entry.roll_back(now)));
        for change in &changes {
            match change {
                PluginChange::RolledBack { name, reason } => {
                    warn!(plugin = name, reason, "plugin rolled back");
                }
                PluginChange::Rejected { file, reason } => warn!(file, reason, "plugin cannot be used"),
                PluginChange::Loaded { name } => info!(plugin = name, "plugin loaded"),
                PluginChange::Removed { name } => info!(plugin = name, "plugin removed"),
            }
        }
        changes
    }

    /// The folder of further plugins.
    pub fn folder(&self) -> Option<&Path> {
        self.0.folder.as_deref()
    }

    /// A driver by its name.
    pub fn driver(&self, name: &str) -> Result<SandboxedDriver, Unavailable> {
        let loaded = self.usable(name, PluginKind::Driver)?;
        loaded.driver().cloned().ok_or_else(|| loaded.unavailable(PluginKind::Driver))
    }

    /// All detectors that can be used.
    pub fn detectors(&self) -> Vec<SandboxedDetector> {
        self.visible().into_values().filter_map(|entry| entry.loaded.detector().cloned()).collect()
    }

    /// Who makes models of a kind: the first by name of the plugins that do.
    pub fn modeller(&self, kind: &str) -> Option<SandboxedModeller> {
        self.modellers().into_iter().find(|modeller| modeller.kind(kind).is_some())
    }

    /// All that make models and can be used, by name of the plugin.
    pub fn modellers(&self) -> Vec<SandboxedModeller> {
        self.detectors().iter().filter_map(SandboxedDetector::modeller).cloned().collect()
    }

    /// A receiver plugin by its name: `slack` for `slack_configs`.
    pub fn receiver(&self, name: &str) -> Result<ReceiverPlugin, Unavailable> {
        let loaded = self.usable(name, PluginKind::Receiver)?;
        loaded.receiver().cloned().ok_or_else(|| loaded.unavailable(PluginKind::Receiver))
    }

    /// Names of all plugins of a kind that can be used, sorted.
    pub fn names(&self, kind: PluginKind) -> Vec<String> {
        let of_kind = |entry: &Entry| entry.loaded.kind() == Some(kind) && entry.loaded.is_usable();
        self.visible().into_iter().filter(|(_, entry)| of_kind(entry)).map(|(name, _)| name).collect()
    }

    /// All plugins with their states, sorted by name.
    pub fn status(&self) -> Vec<PluginStatus> {
        let mut loading = self.0.loader.progress();
        let named = |(name, entry): (String, Entry)| {
            let update_stage = loading.remove(&entry.stamp.key);
            PluginStatus { name, update_stage, ..entry.status() }
        };
        let mut all: Vec<PluginStatus> = self.visible().into_iter().map(named).collect();
        let now = self.0.loader.now();
        all.extend(loading.into_iter().map(|(key, stage)| Loaded::loading(&key, stage, now).status()));
        all.sort_by(|a, b| a.name.cmp(&b.name));
        all
    }

    /// What came of each file of the folder, sorted by file: also of those whose name another plugin has, which
    /// [`Plugins::status`] does not show.
    pub fn files(&self) -> Vec<PluginStatus> {
        let entries = self.read();
        let files = entries.iter().filter(|(key, _)| matches!(key, Key::File(_)));
        files.map(|(_, entry)| entry.status()).collect()
    }

    /// Forgets the crashes of a plugin for one subject, or for all: the operator has removed the cause. Returns whether
    /// there is such a plugin.
    pub fn pardon(&self, plugin: &str, subject: Option<&str>) -> bool {
        let entry = self.visible().remove(plugin);
        let context = entry.as_ref().and_then(|entry| entry.loaded.context());
        context.map(|context| context.blame().pardon(subject)).is_some()
    }

    fn usable(&self, name: &str, kind: PluginKind) -> Result<Arc<Loaded>, Unavailable> {
        let Some(entry) = self.visible().remove(name) else {
            return Err(Unavailable::Unknown { kind, name: name.to_owned(), known: self.names(kind) });
        };
        Ok(entry.loaded)
    }

    /// One entry for each name: a usable one before a broken one, a file before what is built in. One that is switched off
    /// takes no other's name: where there is another, it is called as its file is.
    fn visible(&self) -> BTreeMap<String, Entry> {
        let mut visible: BTreeMap<String, Entry> = BTreeMap::new();
        let entries = self.read();
        let (off, on): (Vec<&Entry>, Vec<&Entry>) = entries.values().partition(|entry| entry.loaded.is_off());
        // Files sort after what is built in, and so take its place.
        for entry in on {
            let name = &entry.loaded.name;
            let better =
                visible.get(name).is_none_or(|old| entry.loaded.is_usable() || !old.loaded.is_usable());
            if better {
                visible.insert(name.clone(), entry.clone());
            }
        }
        for entry in off {
            let names = [entry.loaded.name.clone(), entry.stamp.key.name()];
            if let Some(name) = names.into_iter().find(|name| !visible.contains_key(name)) {
                visible.insert(name, entry.clone());
            }
        }
        visible
    }

    fn is_news(&self, candidate: &Candidate) -> bool {
        let stamp = &candidate.stamp;
        self.read().get(&stamp.key).is_none_or(|entry| entry.stamp != *stamp && !entry.goes_on_under(stamp))
    }

    fn forget_missing(&self, found: &[Candidate]) -> Vec<PluginChange> {
        let present: Vec<&Key> = found.iter().map(Candidate::key).collect();
        let mut changes = Vec::new();
        self.write().retain(|key, entry| {
            let keep = matches!(key, Key::Embedded(_)) || present.contains(&key);
            if !keep {
                changes.push(PluginChange::Removed { name: entry.loaded.name.clone() });
            }
            keep
        });
        changes
    }

    /// A plugin that was loaded takes the place of the version before it, unless that one can be used and it is broken, or
    /// other code that asks for more than was granted. Where only the grants or the lock are others, the operator wants it
    /// so.
    fn take(&self, stamp: Stamp, loaded: Loaded) -> PluginChange {
        let mut entries = self.write();
        let key = stamp.key.clone();
        let former = entries.get_mut(&key).filter(|entry| entry.loaded.is_usable());
        let is_other_code =
            former.as_ref().is_some_and(|entry| entry.loaded.fingerprint.sha256 != loaded.fingerprint.sha256);
        let waits = is_other_code.then(|| loaded.waits_because()).flatten();
        let is_locked_out = stamp.refusal(&loaded.fingerprint.sha256).is_some();
        let former = former.filter(|_| is_other_code || !is_locked_out);
        if let Some(reason) = loaded.broken_because().map(str::to_owned).or(waits) {
            let rejected = PluginChange::Rejected { file: key.to_string(), reason: reason.clone() };
            match former {
                Some(entry) => {
                    entry.rejected_update = Some(reason);
                    entry.stamp = stamp;
                }
                None => {
                    entries.insert(key, Entry::new(stamp, Arc::new(loaded)));
                }
            }
            return rejected;
        }
        let name = loaded.name.clone();
        let before = entries.remove(&key).map(|entry| entry.loaded);
        let previous = before.filter(|before| before.is_usable() && before.name == name);
        entries.insert(key, Entry { previous, ..Entry::new(stamp, Arc::new(loaded)) });
        PluginChange::Loaded { name }
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, BTreeMap<Key, Entry>> {
        self.0.entries.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, BTreeMap<Key, Entry>> {
        self.0.entries.write().unwrap_or_else(PoisonError::into_inner)
    }
}
