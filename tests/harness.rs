//! What the tests share: a host on free ports over a temporary folder, places of files, and trials.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bellwether_model::Timestamp;
use bellwether_server::clock::Clock;
use bellwether_server::config::Origin;
use bellwether_server::host::{Host, HostOptions};
use libtest_mimic::{Failed, Trial};

/// A trial out of a plain function that panics when it fails.
pub(crate) fn trial(name: &str, test: impl FnOnce() + Send + 'static) -> Trial {
    Trial::test(name, move || {
        test();
        Ok::<(), Failed>(())
    })
}

/// A trial that needs upstream data; without it, the trial is reported as ignored.
pub(crate) fn trial_with(name: &str, data: &Path, test: impl FnOnce() + Send + 'static) -> Trial {
    trial(name, test).with_ignored_flag(!data.exists())
}

/// The root of the repository.
pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests lie in the repository").to_owned()
}

/// A file or folder beside the repository that is never committed.
pub(crate) fn shared(path: &str) -> PathBuf {
    repository().join("../shared").join(path)
}

/// The start of simulated time: 2026-01-01T00:00:00Z, a whole minute.
pub(crate) const EPOCH: Timestamp = Timestamp::from_millis(1_767_225_600_000);

/// Runs a test on simulated time: timers fire at once, in order, when nothing else is to be done.
pub(crate) fn on_simulated_time<F: Future<Output = ()>>(test: impl FnOnce(Clock) -> F) {
    on_simulated_time_from(EPOCH, test);
}

/// As [`on_simulated_time`], beginning at another time.
pub(crate) fn on_simulated_time_from<F: Future<Output = ()>>(now: Timestamp, test: impl FnOnce(Clock) -> F) {
    install_tls();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .expect("a runtime needs nothing special");
    runtime.block_on(async { test(Clock::runtime(now)).await });
}

/// Runs a test on the real clock.
pub(crate) fn on_real_time<F: Future<Output = ()>>(test: impl FnOnce() -> F) {
    install_tls();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime needs nothing special");
    runtime.block_on(test());
}

fn install_tls() {
    // Another test may have been first.
    drop(rustls::crypto::ring::default_provider().install_default());
}

/// Settings of a host for tests: free ports, this data folder.
pub(crate) fn options(data_dir: &Path, clock: Clock) -> HostOptions {
    HostOptions {
        data_dir: data_dir.to_owned(),
        listen: "127.0.0.1:0".to_owned(),
        alertmanager_listen: "127.0.0.1:0".to_owned(),
        device_heartbeat: Duration::from_secs(1),
        clock,
        ..HostOptions::default()
    }
}

/// A running host.
pub(crate) async fn host(origin: Origin, data_dir: &Path, clock: Clock) -> Arc<Host> {
    Host::start(origin, options(data_dir, clock)).await.expect("the host of a test starts")
}

/// A folder with the files of a test.
pub(crate) struct Folder(tempfile::TempDir);

impl Folder {
    /// A folder with these files, by name and contents.
    pub(crate) fn with(files: &[(&str, &str)]) -> Self {
        let folder = Self(tempfile::tempdir().expect("a temporary folder"));
        for (name, text) in files {
            folder.write(name, text.as_bytes());
        }
        folder
    }

    /// Writes a file, and the folders above it.
    pub(crate) fn write(&self, name: &str, contents: &[u8]) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().expect("a file lies in a folder"))
            .expect("folders can be made");
        std::fs::write(path, contents).expect("files can be written");
    }

    /// Where a file is.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Those of the usual files that are there, as a configuration.
    pub(crate) fn origin(&self) -> Origin {
        let there = |name: &str| Some(self.path(name)).filter(|path| path.exists());
        let rules = self.path("rules.yml");
        Origin::Files(bellwether_server::config::Sources {
            bellwether: there("bellwether.yaml"),
            prometheus: there("prometheus.yml"),
            alertmanager: there("alertmanager.yml"),
            rules: if rules.exists() { vec![rules.to_string_lossy().into_owned()] } else { Vec::new() },
            ..Default::default()
        })
    }
}
