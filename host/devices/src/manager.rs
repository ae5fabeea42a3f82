//! All devices: starts and stops their tasks, writes the heartbeat, answers what their state is.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bellwether_model::Timestamp;
use bellwether_model::device::Driver;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::capture::Capture;
use crate::config::{DeviceConfig, DeviceSet};
use crate::log_rules::LogRules;
use crate::monitor::Monitor;
use crate::notice::Sink;
use crate::status::DeviceStatus;
use crate::task::{DeviceTask, supervise};

/// The wall clock, handed in so that tests and the demo can have their own.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;
/// Finds a driver by name; asked anew for each connection, so that a driver can be replaced.
pub type DriverLookup = Arc<dyn Fn(&str) -> Option<Arc<dyn Driver>> + Send + Sync>;

/// A task that was told to stop may take this long.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// What can be set for all devices together.
#[derive(Debug, Clone, Copy)]
pub struct ManagerOptions {
    /// How often the host's own series are written.
    pub heartbeat: Duration,
    /// Decides how waits are spread.
    pub seed: u64,
}

impl Default for ManagerOptions {
    fn default() -> Self {
        Self { heartbeat: Duration::from_secs(5), seed: 0 }
    }
}

/// What devices share with the rest of the host.
#[derive(Clone)]
struct Surroundings {
    drivers: DriverLookup,
    sink: Arc<dyn Sink>,
    clock: Clock,
    stop: CancellationToken,
    epoch: Instant,
    seed: u64,
}

/// Runs all configured devices. Dropping it stops nothing; cancelling its token does.
pub struct DeviceManager {
    around: Surroundings,
    devices: Arc<Mutex<Vec<Running>>>,
    /// One reload at a time.
    reloading: tokio::sync::Mutex<()>,
}

impl fmt::Debug for DeviceManager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeviceManager").field("devices", &self.lock().len()).finish_non_exhaustive()
    }
}

/// A device whose task runs.
struct Running {
    config: Arc<DeviceConfig>,
    monitor: Arc<Monitor>,
    retry: Arc<Notify>,
    replaced: Arc<Notify>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl DeviceManager {
    /// Starts a task for each device and writes their host series at once. Needs a tokio runtime. Ends with `stop`.
    pub fn start(
        devices: &DeviceSet,
        drivers: DriverLookup,
        sink: Arc<dyn Sink>,
        clock: Clock,
        stop: CancellationToken,
        options: ManagerOptions,
    ) -> Self {
        let around = Surroundings { drivers, sink, clock, stop, epoch: Instant::now(), seed: options.seed };
        let running =
            devices.devices.iter().map(|config| around.run(config, &devices.log_rules, None)).collect();
        let manager =
            Self { around, devices: Arc::new(Mutex::new(running)), reloading: tokio::sync::Mutex::new(()) };
        write_heartbeat(&manager.devices, manager.around.sink.as_ref());
        let beat = beat(
            Arc::clone(&manager.devices),
            Arc::clone(&manager.around.sink),
            manager.around.stop.clone(),
            options.heartbeat,
        );
        drop(tokio::spawn(beat));
        manager
    }

    /// All devices as they are now, in order of the configuration.
    pub fn snapshot(&self) -> Vec<DeviceStatus> {
        self.monitors().iter().map(|monitor| monitor.status()).collect()
    }

    /// One device as it is now.
    pub fn device(&self, id: &str) -> Option<DeviceStatus> {
        self.monitors().iter().find(|monitor| monitor.config.id == id).map(|monitor| monitor.status())
    }

    /// The latest bytes of a device's latest connection, at most 5 minutes or 256 KiB: what a bug report needs.
    pub fn capture(&self, id: &str) -> Option<Capture> {
        self.monitors().iter().find(|monitor| monitor.config.id == id).map(|monitor| monitor.capture())
    }

    /// Tries to connect now instead of waiting, releases a quarantine, or opens a connection afresh. Says whether
    /// there is such a device.
    pub fn reconnect(&self, id: &str) -> bool {
        let devices = self.lock();
        let found = devices.iter().find(|device| device.config.id == id);
        found.inspect(|device| device.retry.notify_one()).is_some()
    }

    /// Has all devices of a driver go on with the one that is there now: those that are connected stay so, the others try
    /// to connect.
    pub fn driver_changed(&self, driver: &str) {
        let devices = self.lock();
        let concerned = devices.iter().filter(|device| device.config.driver == driver);
        concerned.for_each(|device| device.replaced.notify_one());
    }

    /// Takes over a new configuration. Devices that are the same in it keep their connection; the series of those
    /// that are gone end.
    pub async fn reload(&self, new: &DeviceSet) {
        let _one_at_a_time = self.reloading.lock().await;
        let old = std::mem::take(&mut *self.lock());
        let (kept, gone): (Vec<_>, Vec<_>) =
            old.into_iter().partition(|device| new.devices.contains(&device.config));
        for device in &kept {
            device.monitor.replace_log_rules(Arc::clone(&new.log_rules));
        }
        // A port must be free before its next owner opens it.
        let gone: Vec<Arc<Monitor>> = futures::future::join_all(gone.into_iter().map(Running::end)).await;
        let mut kept = kept;
        let mut running = Vec::with_capacity(new.devices.len());
        for config in &new.devices {
            let device = match kept.iter().position(|device| device.config == *config) {
                Some(at) => kept.swap_remove(at),
                None => {
                    let previous = gone.iter().find(|monitor| monitor.config.id == config.id);
                    self.around.run(config, &new.log_rules, previous)
                }
            };
            running.push(device);
        }
        *self.lock() = running;
        write_heartbeat(&self.devices, self.around.sink.as_ref());
    }

    /// Waits until all tasks have ended after the token was cancelled, for 5 s at most.
    pub async fn stopped(&self) {
        let devices = std::mem::take(&mut *self.lock());
        let ends = devices.into_iter().map(|device| device.task);
        if tokio::time::timeout(STOP_TIMEOUT, futures::future::join_all(ends)).await.is_err() {
            warn!("some devices did not stop in time");
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Running>> {
        self.devices.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn monitors(&self) -> Vec<Arc<Monitor>> {
        self.lock().iter().map(|device| Arc::clone(&device.monitor)).collect()
    }
}

impl Surroundings {
    fn run(
        &self,
        config: &Arc<DeviceConfig>,
        rules: &Arc<LogRules>,
        previous: Option<&Arc<Monitor>>,
    ) -> Running {
        let (sink, clock) = (Arc::clone(&self.sink), Arc::clone(&self.clock));
        let monitor = Arc::new(Monitor::new(Arc::clone(config), Arc::clone(rules), sink, clock));
        if let Some(previous) = previous {
            monitor.continue_after(previous);
        }
        if let Some(driver) = (self.drivers)(&config.driver) {
            monitor.declare_driver(driver.info());
        }
        let (retry, replaced) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let stop = self.stop.child_token();
        let task = supervise(DeviceTask {
            monitor: Arc::clone(&monitor),
            drivers: Arc::clone(&self.drivers),
            retry: Arc::clone(&retry),
            replaced: Arc::clone(&replaced),
            stop: stop.clone(),
            epoch: self.epoch,
            seed: self.seed,
        });
        Running { config: Arc::clone(config), monitor, retry, replaced, stop, task: tokio::spawn(task) }
    }
}

impl Running {
    /// Stops a device that is no longer configured and ends all its series.
    async fn end(self) -> Arc<Monitor> {
        self.stop.cancel();
        let mut task = self.task;
        if tokio::time::timeout(STOP_TIMEOUT, &mut task).await.is_err() {
            warn!(device = self.config.id, "a device did not stop in time");
            task.abort();
        }
        self.monitor.end_telemetry();
        self.monitor.end_host_metrics();
        self.monitor
    }
}

async fn beat(
    devices: Arc<Mutex<Vec<Running>>>,
    sink: Arc<dyn Sink>,
    stop: CancellationToken,
    interval: Duration,
) {
    // An interval of zero would panic.
    let interval = interval.max(Duration::from_millis(1));
    let mut ticks = tokio::time::interval_at(Instant::now() + interval, interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = ticks.tick() => write_heartbeat(&devices, sink.as_ref()),
        }
    }
}

fn write_heartbeat(devices: &Mutex<Vec<Running>>, sink: &dyn Sink) {
    let monitors: Vec<_> = {
        let devices = devices.lock().unwrap_or_else(PoisonError::into_inner);
        devices.iter().map(|device| Arc::clone(&device.monitor)).collect()
    };
    let records: Vec<_> = monitors.iter().flat_map(|monitor| monitor.heartbeat()).collect();
    if !records.is_empty() {
        sink.records(records);
    }
}

#[cfg(test)]
mod tests;
