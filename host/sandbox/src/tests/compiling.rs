//! Compiling elsewhere, and what can be seen meanwhile.

use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::{CompileFailure, Compiler, LoadStage, PluginState, compile_into};

/// Compiles in this process, or does not, and counts.
#[derive(Debug)]
struct Elsewhere {
    asked: AtomicUsize,
    failure: Option<CompileFailure>,
    /// Plugins whose states are looked at meanwhile.
    watched: OnceLock<Plugins>,
    seen: Mutex<Vec<(PluginState, Option<LoadStage>)>>,
}

impl Elsewhere {
    fn new(failure: Option<CompileFailure>) -> Arc<Self> {
        Arc::new(Self { asked: 0.into(), failure, watched: OnceLock::new(), seen: Mutex::default() })
    }
}

impl Compiler for Elsewhere {
    fn compile(&self, wasm: &[u8], cache: &Path) -> Result<(), CompileFailure> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        if let Some(plugins) = self.watched.get() {
            let states = plugins.status().into_iter().map(|plugin| (plugin.state, plugin.update_stage));
            self.seen.lock().unwrap().extend(states);
        }
        match &self.failure {
            Some(failure) => Err(failure.clone()),
            None => compile_into(cache, wasm).map_err(CompileFailure::Component),
        }
    }
}

/// With an empty cache, and the folder of files as the only source.
fn with_compiler(compiler: &Arc<Elsewhere>, home: &Path) -> PluginsOptions {
    PluginsOptions {
        folder: Some(home.to_owned()),
        cache: Some(home.join("cache")),
        compiler: Some(compiler.clone()),
        ..options()
    }
}

fn only_state(plugins: &Plugins) -> PluginState {
    plugins.status().remove(0).state
}

#[tokio::test]
async fn what_is_in_no_cache_is_compiled_elsewhere_once() {
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join("jsonl.wasm"), FIRST_PARTY[0].wasm).unwrap();
    let compiler = Elsewhere::new(None);
    for _ in 0..2 {
        let plugins = Plugins::load(with_compiler(&compiler, home.path())).await.unwrap();
        assert_eq!(only_state(&plugins), PluginState::Ready);
    }
    assert_eq!(compiler.asked.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_compiler_that_gives_up_breaks_the_plugin_and_one_that_is_not_there_does_not() {
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join("jsonl.wasm"), FIRST_PARTY[0].wasm).unwrap();
    let gives_up = Elsewhere::new(Some(CompileFailure::Component("takes too long".into())));
    let plugins = Plugins::load(with_compiler(&gives_up, home.path())).await.unwrap();
    let PluginState::Broken { reason } = only_state(&plugins) else { panic!("{plugins:?}") };
    assert!(reason.ends_with("takes too long"), "{reason}");

    let absent = Elsewhere::new(Some(CompileFailure::NotStarted("no such file".into())));
    let plugins = Plugins::load(with_compiler(&absent, home.path())).await.unwrap();
    assert_eq!(only_state(&plugins), PluginState::Ready);
}

#[tokio::test]
async fn it_can_be_seen_how_far_loading_is() {
    let home = tempfile::tempdir().unwrap();
    let compiler = Elsewhere::new(None);
    let plugins = Plugins::load(with_compiler(&compiler, home.path())).await.unwrap();
    compiler.watched.set(plugins.clone()).unwrap();
    let path = home.path().join("jsonl.wasm");
    std::fs::write(&path, FIRST_PARTY[0].wasm).unwrap();
    plugins.rescan().await;
    std::fs::write(&path, FIRST_PARTY[1].wasm).unwrap();
    plugins.rescan().await;
    let loading = PluginState::Loading { stage: LoadStage::Verified };
    let updated = (PluginState::Ready, Some(LoadStage::Verified));
    assert_eq!(*compiler.seen.lock().unwrap(), [(loading, None), updated]);
    assert_eq!(only_state(&plugins), PluginState::Ready);
    assert_eq!(plugins.status()[0].update_stage, None);
}

#[tokio::test]
async fn what_another_process_compiles_is_waited_for_and_taken() {
    let home = tempfile::tempdir().unwrap();
    let (made, wanted) = (home.path().join("made"), home.path().join("wanted"));
    compile_into(&made, FIRST_PARTY[0].wasm).unwrap();
    let [code] = &files_of(&made)[..] else { panic!("{made:?}") };
    std::fs::create_dir(&wanted).unwrap();
    std::fs::set_permissions(&wanted, std::fs::metadata(&made).unwrap().permissions()).unwrap();

    // Another process is at it.
    let turn = wanted.join(code.file_name().unwrap()).with_extension("turn");
    let other = std::fs::File::create(&turn).unwrap();
    other.lock().unwrap();
    let waits = std::thread::spawn({
        let wanted = wanted.clone();
        move || compile_into(&wanted, FIRST_PARTY[0].wasm)
    });
    // A link to the one file: compiled again, it would be another.
    std::fs::hard_link(code, wanted.join(code.file_name().unwrap())).unwrap();
    drop(other);
    waits.join().unwrap().unwrap();
    let taken = &files_of(&wanted)[..];
    assert_eq!(taken.len(), 1, "the lock is gone: {taken:?}");
    let inode = |path: &Path| std::os::unix::fs::MetadataExt::ino(&std::fs::metadata(path).unwrap());
    assert_eq!(inode(&taken[0]), inode(code));
}

fn files_of(folder: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
}
