//! What the host makes of a file: loaded from a folder, as an operator's, and called in every way if it can be.

use std::fmt::Display;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bellwether_model::Labels;
use bellwether_model::Timestamp;
use bellwether_model::alert::AlertStatus;
use bellwether_model::detector::{Detector, WindowMatrix};
use bellwether_model::device::{DeviceContext, Driver, DriverFailure, Frame};
use bellwether_model::receiver::{Notification, NotificationReason, Receiver, ReceiverCall};
use bellwether_sandbox::{
    CrashCause, PluginChange, PluginState, PluginStatus, Plugins, PluginsOptions, SandboxedDetector,
    SandboxedDriver,
};
use serde_json::Map;

const NOW: Timestamp = Timestamp::from_millis(1_795_248_000_000);
/// Longer than the host lets any call take, and than it takes to compile the largest of the files.
const TOO_LONG: Duration = Duration::from_secs(60);
/// How the host says that its own code failed while it loaded a file.
const HOST_FAILED: &str = "loading it failed";

/// One host that gets to see one file after the other.
pub(crate) struct Trial {
    folder: tempfile::TempDir,
    plugins: Plugins,
    refused: u64,
    loaded: u64,
    calls: u64,
    crashed: u64,
    longest_load: Duration,
}

impl Trial {
    pub(crate) async fn begin() -> Result<Self, String> {
        let folder = tempfile::tempdir().map_err(in_words)?;
        let options = PluginsOptions {
            folder: Some(folder.path().to_path_buf()),
            ..PluginsOptions::new(Arc::new(|| NOW))
        };
        let plugins = Plugins::load(options).await.map_err(in_words)?;
        let (refused, loaded, calls, crashed) = (0, 0, 0, 0);
        Ok(Self { folder, plugins, refused, loaded, calls, crashed, longest_load: Duration::ZERO })
    }

    pub(crate) fn summary(&self) -> String {
        let Self { refused, loaded, calls, crashed, longest_load, .. } = self;
        let longest = longest_load.as_millis();
        format!(
            "{refused} refused, {loaded} loaded, {calls} calls, {crashed} of them crashed; longest load {longest} ms"
        )
    }

    /// Puts the file in the place of the one before. An error is the host's fault, not the file's.
    pub(crate) async fn load(&mut self, wasm: &[u8]) -> Result<(), String> {
        std::fs::write(self.folder.path().join("mutant.wasm"), wasm).map_err(in_words)?;
        let begin = Instant::now();
        let changes = within("loading", self.plugins.rescan()).await?;
        self.longest_load = self.longest_load.max(begin.elapsed());
        for change in changes {
            match change {
                PluginChange::Rejected { reason, .. } if reason.contains(HOST_FAILED) => return Err(reason),
                PluginChange::Rejected { .. } => self.refused += 1,
                PluginChange::Loaded { name } => self.try_out(&name).await?,
                PluginChange::Removed { .. } | PluginChange::RolledBack { .. } => {}
            }
        }
        Ok(())
    }

    async fn try_out(&mut self, name: &str) -> Result<(), String> {
        self.loaded += 1;
        if let Ok(driver) = self.plugins.driver(name) {
            within("a driver", drive(&driver)).await?;
        }
        if let Some(detector) = self.plugins.detectors().first() {
            within("a detector", detect(detector)).await?;
        }
        if let Ok(receiver) = self.plugins.receiver(name)
            && let Ok(receiver) = receiver.configure(&Map::new())
        {
            let check = receiver.check(receiver.config());
            within("a check", check).await?.map_or_else(drop, drop);
            within("a receiver", receiver.notify(notification(receiver.config())))
                .await?
                .map_or_else(drop, drop);
        }
        let Some(status) = self.plugins.status().into_iter().find(|plugin| plugin.name == name) else {
            return Err(format!("{name:?} is not listed"));
        };
        self.calls += status.usage.calls;
        self.crashed += status.usage.crashed_calls;
        not_the_host(&status)
    }
}

/// An error where the host itself failed, or where what it says of a plugin is not what it may be.
fn not_the_host(status: &PluginStatus) -> Result<(), String> {
    if matches!(status.state, PluginState::Broken { .. }) {
        return Err(format!("loaded and broken: {:?}", status.state));
    }
    let host = status.crashes.iter().find(|crash| matches!(crash.cause, CrashCause::Host { .. }));
    host.map_or(Ok(()), |crash| Err(crash.to_string()))
}

fn in_words(error: impl Display) -> String {
    error.to_string()
}

async fn within<T>(what: &str, work: impl Future<Output = T>) -> Result<T, String> {
    let done = tokio::time::timeout(TOO_LONG, work).await;
    done.map_err(|_| format!("{what} was not over after {} s", TOO_LONG.as_secs()))
}

/// A session with lines of all kinds, as far as it goes.
async fn drive(driver: &SandboxedDriver) {
    let config = driver.check_settings(&Map::new()).unwrap_or_else(|_| "{}".into());
    let (name, address) = ("board".into(), "sim".into());
    let device = DeviceContext { name, address, config, now: NOW, extras: vec![] };
    let Ok(mut session) = driver.open(device).await else { return };
    let lines = ["1", "temp=41.5 load=0.25", r#"{"temperature": 41.5, "up": true}"#, "\u{0}\u{ff}"];
    let frames = lines.map(|line| Frame { at: NOW, data: line.into() });
    for answer in [session.start(NOW).await, session.receive(frames.to_vec()).await, session.tick(NOW).await]
    {
        if let Err(DriverFailure::Crashed(_)) = answer {
            return;
        }
    }
}

/// Each function, over two series.
async fn detect(detector: &SandboxedDetector) {
    let window = WindowMatrix {
        offsets: vec![0, 30, 60],
        times: (0..60).map(|i| i64::from(i) * 1000).collect(),
        values: (0..60).map(f64::from).collect(),
    };
    for function in detector.functions() {
        let windows = vec![window.clone(); usize::from(function.windows)];
        let params: Vec<f64> = function.params.iter().map(|param| param.default.unwrap_or(3.0)).collect();
        detector.evaluate(&function.name, &params, NOW, &windows).await.map_or_else(drop, drop);
    }
}

fn notification(config: &str) -> ReceiverCall {
    let labels = Labels::from_pairs([("alertname", "Hot")]);
    ReceiverCall {
        config: config.into(),
        notification: Notification {
            receiver: "ops".into(),
            group_key: "{}:{}".into(),
            status: AlertStatus::Firing,
            reason: NotificationReason::First,
            at: NOW,
            group_labels: labels.clone(),
            common_labels: labels,
            common_annotations: Labels::empty(),
            route_labels: Labels::empty(),
            alerts: vec![],
            truncated_alerts: 0,
            external_url: "http://host".into(),
        },
        rendered: vec![],
        idempotency_key: "delivery-1".into(),
        attempt: 1,
        test: false,
        previous: None,
        now: NOW,
    }
}
