//! From a file to a plugin: read once, check, compile, ask it to describe itself.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use bellwether_model::Timestamp;
use bellwether_model::modelling::ModelPlugin;
use bellwether_model::plugin_store::PluginStore;
use futures::stream::{self, StreamExt};
use sha2::{Digest, Sha256};
use wasmtime::component::{Component, HasSelf, Linker};

use super::describe;
use super::grants::Grants;
use super::inspect::{check_header, check_imports, kind};
use super::loaded::{Fingerprint, Guest, Loaded, Outcome, Usable};
use super::lock::{LockRead, Locked};
use super::progress::{Loading, Progress};
use super::{Clock, EmbeddedPlugin, LoadError, LoadStage, PluginKind, PluginSource};
use crate::bindings::{detector, driver, receiver};
use crate::compile::hex;
use crate::context::PluginContext;
use crate::detector::{DetectorPre, SandboxedDetector};
use crate::driver::SandboxedDriver;
use crate::engine::SandboxEngine;
use crate::http::HttpClient;
use crate::limits::Limits;
use crate::memory::MemoryPool;
use crate::modeller::SandboxedModeller;
use crate::receiver::{ReceiverGrants, ReceiverPlugin};
use crate::speech::plain;
use crate::store::HostState;

/// Files of the folder that are looked at.
const MAX_FILES: usize = 200;
/// Plugins that are compiled at once; each uses several threads itself, and language runtimes a GiB of memory.
const COMPILED_AT_ONCE: usize = 2;

/// What a plugin was loaded from. What is built in sorts first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Key {
    Embedded(&'static str),
    File(PathBuf),
}

impl Key {
    /// What a plugin is called until it has described itself.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Embedded(name) => (*name).to_owned(),
            Self::File(path) => path.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
        }
    }

    pub(super) fn source(&self) -> PluginSource {
        match self {
            Self::Embedded(_) => PluginSource::Embedded,
            Self::File(path) => PluginSource::File { path: path.clone() },
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Embedded(name) => f.write_str(name),
            Self::File(path) => write!(f, "{}", path.display()),
        }
    }
}

/// Tells whether a file has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stamp {
    pub(super) key: Key,
    wasm: FileStamp,
    grants: FileStamp,
    locked: Locked,
}

impl Stamp {
    /// Why the lock keeps code of this digest from being loaded.
    pub(super) fn refusal(&self, sha256: &str) -> Option<String> {
        self.locked.refusal(&self.key.name(), sha256)
    }

    /// Whether they are of the same files, whatever the lock says about them.
    pub(super) fn is_of_same_files(&self, other: &Self) -> bool {
        (&self.wasm, &self.grants) == (&other.wasm, &other.grants)
    }
}

/// Length and time of change; none where there is no file.
type FileStamp = Option<(u64, Option<SystemTime>)>;

/// A plugin that is to be loaded.
#[derive(Debug)]
pub(super) struct Candidate {
    pub(super) stamp: Stamp,
    /// What it is called until it has described itself.
    name: String,
    place: Place,
}

#[derive(Debug, Clone)]
enum Place {
    Embedded(&'static [u8]),
    File { wasm: PathBuf, grants: PathBuf },
}

impl Candidate {
    pub(super) fn embedded(plugin: EmbeddedPlugin) -> Self {
        Self {
            stamp: Stamp { key: Key::Embedded(plugin.name), wasm: None, grants: None, locked: Locked::Open },
            name: plugin.name.to_owned(),
            place: Place::Embedded(plugin.wasm),
        }
    }

    fn file(wasm: PathBuf, lock: &LockRead) -> Option<Self> {
        let name = wasm.file_stem()?.to_str()?.to_owned();
        let grants = wasm.with_extension("toml");
        let stamp = Stamp {
            key: Key::File(wasm.clone()),
            wasm: file_stamp(&wasm),
            grants: file_stamp(&grants),
            locked: Locked::of(lock, wasm.file_name()?.to_str()?),
        };
        Some(Self { stamp, name, place: Place::File { wasm, grants } })
    }

    pub(super) const fn key(&self) -> &Key {
        &self.stamp.key
    }

    /// The file of grants, for messages and for reading.
    fn grants_file(&self) -> Option<&Path> {
        match &self.place {
            Place::Embedded(_) => None,
            Place::File { grants, .. } => Some(grants),
        }
    }
}

fn file_stamp(path: &Path) -> FileStamp {
    let metadata = fs::metadata(path).ok()?;
    Some((metadata.len(), metadata.modified().ok()))
}

/// All `*.wasm` of a folder, sorted, with what its lock says about them; none where there is no folder.
pub(super) fn files_in(folder: &Path, lock: &LockRead) -> Vec<Candidate> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let mut paths: Vec<PathBuf> =
        paths.filter(|path| path.extension().is_some_and(|ending| ending == "wasm")).collect();
    paths.sort();
    paths.into_iter().take(MAX_FILES).filter_map(|path| Candidate::file(path, lock)).collect()
}

/// Makes plugins out of files.
pub(super) struct Loader {
    engine: SandboxEngine,
    limits: Limits,
    http: Arc<dyn HttpClient>,
    values: Arc<dyn PluginStore>,
    clock: Clock,
    /// Of all plugins.
    memory: Arc<MemoryPool>,
    progress: Progress,
    driver_linker: Linker<HostState>,
    detector_linker: Linker<HostState>,
    receiver_linker: Linker<HostState>,
}

/// A file that was read and compiled.
struct Compiled {
    component: Component,
    kind: PluginKind,
    grants: Grants,
}

impl Loader {
    pub(super) fn new(
        engine: SandboxEngine,
        limits: Limits,
        (http, values): (Arc<dyn HttpClient>, Arc<dyn PluginStore>),
        clock: Clock,
    ) -> Result<Self, LoadError> {
        let error = |error: wasmtime::Error| LoadError::Engine(format!("{error:#}"));
        let linker = || Linker::new(engine.wasmtime());
        let (mut driver_linker, mut detector_linker, mut receiver_linker) = (linker(), linker(), linker());
        driver::DriverPlugin::add_to_linker::<_, HasSelf<_>>(&mut driver_linker, |state| state)
            .map_err(error)?;
        detector::DetectorPluginFull::add_to_linker::<_, HasSelf<_>>(&mut detector_linker, |state| state)
            .map_err(error)?;
        receiver::ReceiverPlugin::add_to_linker::<_, HasSelf<_>>(&mut receiver_linker, |state| state)
            .map_err(error)?;
        for linker in [&mut driver_linker, &mut detector_linker, &mut receiver_linker] {
            wasmtime_wasi::p2::add_to_linker_async(linker).map_err(error)?;
        }
        crate::wasi::http::add_to_linker(&mut receiver_linker).map_err(error)?;
        let memory = MemoryPool::of_machine();
        let progress = Progress::default();
        Ok(Self {
            engine,
            limits,
            http,
            values,
            clock,
            memory,
            progress,
            driver_linker,
            detector_linker,
            receiver_linker,
        })
    }

    fn services(&self) -> (Arc<dyn HttpClient>, Arc<dyn PluginStore>) {
        (Arc::clone(&self.http), Arc::clone(&self.values))
    }

    pub(super) fn now(&self) -> Timestamp {
        (self.clock)()
    }

    /// What is being loaded now, and how far it is.
    pub(super) fn progress(&self) -> BTreeMap<Key, LoadStage> {
        self.progress.now()
    }

    /// Loads several at once, and gives them in the same order.
    pub(super) async fn load_all(&self, candidates: Vec<Candidate>) -> Vec<(Stamp, Loaded)> {
        let load = |candidate: Candidate| async {
            let stamp = candidate.stamp.clone();
            (stamp, self.load(candidate).await)
        };
        // Boxed, since the compiler cannot see through the borrowed closures that the futures may move between threads.
        let loads: Vec<bellwether_model::BoxFuture<'_, (Stamp, Loaded)>> =
            candidates.into_iter().map(|candidate| Box::pin(load(candidate)) as _).collect();
        stream::iter(loads).buffered(COMPILED_AT_ONCE).collect().await
    }

    async fn load(&self, candidate: Candidate) -> Loaded {
        let (name, source) = (candidate.name.clone(), candidate.key().source());
        let loading = Arc::new(self.progress.begin(candidate.key()));
        let (fingerprint, compiled) = self.compile(&candidate, &loading).await;
        let outcome = match compiled {
            Ok(compiled) => {
                let is_off = compiled.grants.disabled;
                let described = self.describe(&candidate, compiled, &fingerprint).await;
                loading.reached(LoadStage::Described);
                let outcome = described.unwrap_or_else(|reason| Outcome::Broken(plain(&reason)));
                if is_off { outcome.switched_off() } else { outcome }
            }
            Err(reason) => Outcome::Broken(reason),
        };
        let name = outcome.description().map_or(name, |description| description.name.clone());
        Loaded { name, source, fingerprint, loaded_at: (self.clock)(), outcome }
    }

    /// Reading and compiling take long, and have a thread of their own.
    async fn compile(
        &self,
        candidate: &Candidate,
        loading: &Arc<Loading>,
    ) -> (Fingerprint, Result<Compiled, String>) {
        let (engine, place, limit) =
            (self.engine.clone(), candidate.place.clone(), self.limits.component_bytes);
        let (grants_file, stamp) = (candidate.grants_file().map(Path::to_path_buf), candidate.stamp.clone());
        let loading = Arc::clone(loading);
        let compile = move || {
            let wasm = match read(&place, limit) {
                Ok(wasm) => wasm,
                Err(reason) => return (Fingerprint::default(), Err(reason)),
            };
            let fingerprint = Fingerprint { sha256: sha256(&wasm), size_bytes: wasm.len() as u64 };
            let compiled = match stamp.refusal(&fingerprint.sha256) {
                Some(reason) => Err(reason),
                None => compile(&engine, &wasm, &fingerprint, grants_file.as_deref(), &loading),
            };
            (fingerprint, compiled)
        };
        let failed = |error| (Fingerprint::default(), Err(format!("loading it failed: {error}")));
        tokio::task::spawn_blocking(compile).await.unwrap_or_else(failed)
    }

    async fn describe(
        &self,
        candidate: &Candidate,
        compiled: Compiled,
        fingerprint: &Fingerprint,
    ) -> Result<Outcome, String> {
        let Compiled { component, kind, grants } = compiled;
        let usual = self.limits.for_size(fingerprint.size_bytes);
        // What a plugin says of itself before its name is known goes to a log that nobody keeps.
        let newcomer = PluginContext::new(&candidate.name, usual.clone(), self.services(), &self.memory);
        let limits = grants.limits(&usual);
        let context = |name: &str| PluginContext::new(name, limits.clone(), self.services(), &self.memory);
        let linking = |error: wasmtime::Error| format!("does not fit this host: {error:#}");
        let (description, guest) = match kind {
            PluginKind::Driver => {
                let pre = self.driver_linker.instantiate_pre(&component).map_err(linking)?;
                let pre = driver::DriverPluginPre::new(pre).map_err(linking)?;
                let (description, info, settings) = describe::driver(&newcomer, &pre).await?;
                let driver = SandboxedDriver::new(context(&description.name), pre, info, settings);
                (description, Guest::Driver(driver))
            }
            PluginKind::Detector => {
                let pre = self.detector_linker.instantiate_pre(&component).map_err(linking)?;
                let pre = DetectorPre::new(pre).map_err(linking)?;
                let (description, functions, kinds) = describe::detector(&newcomer, &pre).await?;
                let context = context(&description.name);
                let identity = ModelPlugin {
                    name: description.name.clone(),
                    version: description.version.clone(),
                    sha256: fingerprint.sha256.clone(),
                };
                let modeller = SandboxedModeller::new(&context, &pre, identity, kinds);
                let detector = SandboxedDetector::new(context, pre, functions, modeller);
                (description, Guest::Detector(detector))
            }
            PluginKind::Receiver => {
                let pre = self.receiver_linker.instantiate_pre(&component).map_err(linking)?;
                let pre = receiver::ReceiverPluginPre::new(pre).map_err(linking)?;
                let (description, info) = describe::receiver(&newcomer, &pre).await?;
                let grants = receiver_grants(candidate, &grants);
                let receiver = ReceiverPlugin::new(context(&description.name), pre, info, grants);
                (description, Guest::Receiver(receiver))
            }
        };
        let grants_file = candidate.grants_file().map(|path| path.display().to_string()).unwrap_or_default();
        Ok(Outcome::Usable(Box::new(Usable { description, guest, grants, grants_file })))
    }
}

fn receiver_grants(candidate: &Candidate, grants: &Grants) -> ReceiverGrants {
    let beside = candidate.grants_file().and_then(Path::file_name);
    let file =
        beside.map_or_else(|| format!("{}.toml", candidate.name), |name| name.to_string_lossy().into_owned());
    ReceiverGrants { file, allowed: grants.allowed.clone(), secret_origins: grants.secret_origins.clone() }
}

fn read(place: &Place, limit_bytes: u64) -> Result<Vec<u8>, String> {
    let path = match place {
        Place::Embedded(wasm) => return Ok(wasm.to_vec()),
        Place::File { wasm, .. } => wasm,
    };
    read_file(path, limit_bytes)
}

/// The bytes of a file, if there are not too many.
pub(super) fn read_file(path: &Path, limit_bytes: u64) -> Result<Vec<u8>, String> {
    let cannot = |error: io::Error| format!("cannot be read: {error}");
    let metadata = fs::metadata(path).map_err(cannot)?;
    // A pipe or a device may have no end.
    if !metadata.is_file() {
        return Err("is no file".into());
    }
    if metadata.len() > limit_bytes {
        return Err(format!("has {} bytes, limit {limit_bytes}", metadata.len()));
    }
    let mut wasm = Vec::new();
    // It may be growing.
    fs::File::open(path).and_then(|file| file.take(limit_bytes).read_to_end(&mut wasm)).map_err(cannot)?;
    Ok(wasm)
}

/// The digest of a file's bytes, in hex.
pub(super) fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn compile(
    engine: &SandboxEngine,
    wasm: &[u8],
    fingerprint: &Fingerprint,
    grants_file: Option<&Path>,
    loading: &Loading,
) -> Result<Compiled, String> {
    check_header(wasm)?;
    let grants = grants_file.map(Grants::read).transpose()?.unwrap_or_default();
    if let Some(pinned) = grants.sha256.as_ref().filter(|pinned| **pinned != fingerprint.sha256) {
        return Err(format!("has the sha256 {}, but its grants are for {pinned}", fingerprint.sha256));
    }
    loading.reached(LoadStage::Verified);
    let component = engine
        .compile(wasm, &fingerprint.sha256)
        .map_err(|error| format!("cannot be compiled; the file is damaged, or not complete yet: {error}"))?;
    loading.reached(LoadStage::Compiled);
    let kind = kind(engine, &component)?;
    check_imports(engine, &component, kind)?;
    Ok(Compiled { component, kind, grants })
}
