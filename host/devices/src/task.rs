//! The task of one device: turns the pure life cycle into opening, serving and waiting.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use bellwether_model::device::{DeviceContext, Driver, DriverFailure};
use futures::FutureExt as _;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};

use crate::lifecycle::{Action, End, Event, Lifecycle, Policy};
use crate::manager::DriverLookup;
use crate::monitor::Monitor;
use crate::notice::NoticeKind;
use crate::random::SplitMix64;
use crate::session::{Drivers, SessionEnd, call, serve};
use crate::transport::{OpenError, Opened, Transport};

/// A device's task that itself broke is started again after this long.
const RESTART_AFTER: Duration = Duration::from_secs(5);
/// A TCP peer that said nothing for this many silence timeouts is taken for dead.
const REOPEN_AFTER_TIMEOUTS: u32 = 2;

/// What a device's task works with.
pub(crate) struct DeviceTask {
    pub(crate) monitor: Arc<Monitor>,
    pub(crate) drivers: DriverLookup,
    /// Asks for an attempt now, or for a fresh connection.
    pub(crate) retry: Arc<Notify>,
    /// Says that the driver may be another one now.
    pub(crate) replaced: Arc<Notify>,
    /// Ends the task.
    pub(crate) stop: CancellationToken,
    /// When simulated boards were switched on.
    pub(crate) epoch: Instant,
    pub(crate) seed: u64,
}

/// Runs a device until it is stopped. A panic inside costs this device a pause, and no other device anything.
pub(crate) async fn supervise(task: DeviceTask) {
    while let Err(panic) = AssertUnwindSafe(Runner::new(&task).run()).catch_unwind().await {
        let cause = panic_text(panic.as_ref());
        error!(device = task.monitor.config.id, error = cause, "the task of a device broke");
        task.monitor.because(&format!("internal error: {cause}"));
        let restart = tokio::time::timeout(RESTART_AFTER, task.stop.cancelled()).await;
        if restart.is_ok() {
            return;
        }
    }
}

struct Runner<'a> {
    task: &'a DeviceTask,
    monitor: &'a Monitor,
    lifecycle: Lifecycle,
    began: Instant,
    open_wanted: bool,
    close_wanted: bool,
}

/// Why waiting for something ended without it.
enum Interrupted {
    /// The life cycle wants the connection closed, for this reason.
    Close(&'static str),
    /// The life cycle wants a connection.
    Open,
    /// The task is to end.
    Stop,
}

impl Interrupted {
    const fn reason(&self) -> &'static str {
        match self {
            Self::Close(reason) => reason,
            Self::Open | Self::Stop => "stopped",
        }
    }
}

impl<'a> Runner<'a> {
    fn new(task: &'a DeviceTask) -> Self {
        let config = &task.monitor.config;
        let silence_timeout = Some(config.silence_timeout).filter(|timeout| !timeout.is_zero());
        let blind = Transport::new(config, task.epoch).is_blind();
        let policy = Policy {
            silence_timeout,
            stale_after: config.stale_after,
            reopen_after_silence: silence_timeout.filter(|_| blind).map(|t| t * REOPEN_AFTER_TIMEOUTS),
        };
        let jitter = SplitMix64::new(SplitMix64::seed_for(task.seed, &config.id));
        Self {
            task,
            monitor: &task.monitor,
            lifecycle: Lifecycle::new(policy, jitter),
            began: Instant::now(),
            open_wanted: false,
            close_wanted: false,
        }
    }

    async fn run(mut self) {
        // Left over from before a restart by `supervise`; the next heartbeat tells.
        self.monitor.forget_connection();
        let mut transport = Transport::new(&self.monitor.config, self.task.epoch);
        if self.monitor.config.enabled {
            self.feed(Event::Enabled);
        }
        loop {
            let interrupted = if std::mem::take(&mut self.open_wanted) {
                self.connect(&mut transport).await
            } else {
                self.watch(std::future::pending::<()>()).await.err()
            };
            if matches!(interrupted, Some(Interrupted::Stop)) {
                return;
            }
        }
    }

    /// One attempt and, if it succeeds, the whole connection.
    async fn connect(&mut self, transport: &mut Transport) -> Option<Interrupted> {
        let Some(driver) = (self.task.drivers)(&self.monitor.config.driver) else {
            self.driver_missing();
            return None;
        };
        self.monitor.declare_driver(driver.info());
        let baud = driver.info().baud_rates.first().copied();
        match self.watch(transport.open(baud)).await {
            Err(interrupted) => Some(interrupted),
            Ok(Err(error)) => {
                self.open_failed(&error);
                None
            }
            Ok(Ok(opened)) => self.serve(driver.as_ref(), opened).await,
        }
    }

    fn driver_missing(&mut self) {
        let reason = format!("no driver named `{}` is loaded", self.monitor.config.driver);
        self.monitor.count_connect_error("driver_missing");
        self.monitor.because(&reason);
        self.feed(Event::OpenFailed { absent: false });
    }

    fn open_failed(&mut self, error: &OpenError) {
        debug!(device = self.monitor.config.id, error = error as &dyn std::error::Error, "cannot connect");
        self.monitor.count_connect_error(error.reason());
        self.monitor.because(&error.to_string());
        self.feed(Event::OpenFailed { absent: error.is_absent() });
    }

    async fn serve(&mut self, driver: &dyn Driver, opened: Opened) -> Option<Interrupted> {
        self.monitor.opened();
        self.feed(Event::Opened);
        let good = Notify::new();
        let serving = AssertUnwindSafe(converse(self.task, driver, opened, &good)).catch_unwind();
        let served = self.watch_good(serving, Some(&good)).await;
        let (ended, interrupted) = match served {
            Ok(Ok(ended)) => (ended, None),
            Ok(Err(panic)) => {
                let failure = DriverFailure::Crashed(format!("panic: {}", panic_text(panic.as_ref())));
                (SessionEnd::of(failure), None)
            }
            Err(interrupted) => (SessionEnd::closed(interrupted.reason()), Some(interrupted)),
        };
        if !matches!(interrupted, Some(Interrupted::Stop)) {
            self.ended(&ended);
        }
        interrupted
    }

    fn ended(&mut self, ended: &SessionEnd) {
        self.monitor.because(&ended.reason);
        self.monitor.closed(&ended.reason);
        if ended.end == End::Crashed {
            warn!(device = self.monitor.config.id, error = ended.reason, "the driver crashed");
            self.monitor.notice(NoticeKind::DriverCrashed { error: ended.reason.clone() });
        }
        self.feed(Event::Ended(ended.end));
    }

    async fn watch<F: Future>(&mut self, work: F) -> Result<F::Output, Interrupted> {
        self.watch_good(work, None).await
    }

    /// Waits for `work` while timers, good frames, requests and the end of the task are attended to.
    async fn watch_good<F: Future>(
        &mut self,
        work: F,
        good: Option<&Notify>,
    ) -> Result<F::Output, Interrupted> {
        let mut work = std::pin::pin!(work);
        // A connection that stands goes on with the new driver by itself.
        let replaced = good.is_none().then_some(self.task.replaced.as_ref());
        loop {
            let mut why = "silent for too long";
            let timeout = self.lifecycle.next_timeout().map(|at| self.began + at);
            tokio::select! {
                biased;
                () = self.task.stop.cancelled() => return Err(Interrupted::Stop),
                () = notified(good) => self.feed(Event::GoodFrame),
                done = &mut work => return Ok(done),
                () = self.task.retry.notified() => {
                    why = "a new connection was asked for";
                    self.feed(Event::Retry);
                }
                () = notified(replaced) => self.feed(Event::Retry),
                () = at(timeout) => self.feed(Event::Elapsed),
            }
            if std::mem::take(&mut self.close_wanted) {
                return Err(Interrupted::Close(why));
            }
            if self.open_wanted {
                return Err(Interrupted::Open);
            }
        }
    }

    fn feed(&mut self, event: Event) {
        let now = self.began.elapsed();
        let (lifecycle, actions) = self.lifecycle.clone().step(now, event);
        self.lifecycle = lifecycle;
        self.monitor.entered(self.lifecycle.state());
        actions.into_iter().for_each(|action| self.act(action));
    }

    fn act(&mut self, action: Action) {
        let device = &self.monitor.config.id;
        let reason = || self.monitor.reason();
        match action {
            Action::Open => self.open_wanted = true,
            Action::Close => self.close_wanted = true,
            Action::MarkStale => self.monitor.end_telemetry(),
            Action::ReportConnected => {
                info!(device, "connected");
                self.monitor.set_connected(true);
                self.monitor.notice(NoticeKind::Connected);
            }
            Action::ReportDisconnected => {
                info!(device, reason = reason(), "disconnected");
                self.monitor.set_connected(false);
                self.monitor.notice(NoticeKind::Disconnected { reason: reason() });
            }
            Action::ReportUnreachable => {
                info!(device, reason = reason(), "not reachable, trying on");
                self.monitor.set_connected(false);
                self.monitor.notice(NoticeKind::Unreachable { reason: reason() });
            }
            Action::ReportSilent => {
                info!(device, "silent");
                self.monitor.because("connected, but no good data comes");
                self.monitor.set_connected(false);
                self.monitor.notice(NoticeKind::Silent);
            }
            Action::ReportQuarantined => {
                warn!(device, reason = reason(), "quarantined");
                self.monitor.notice(NoticeKind::Quarantined { reason: reason() });
            }
        }
    }
}

/// Opens the driver's session and serves the connection.
async fn converse(task: &DeviceTask, driver: &dyn Driver, opened: Opened, good: &Notify) -> SessionEnd {
    let (monitor, config) = (task.monitor.as_ref(), &task.monitor.config);
    let settings = serde_json::Value::Object(config.settings.clone()).to_string();
    let context = DeviceContext {
        name: config.id.clone(),
        address: config.address(),
        config: settings,
        now: monitor.now(),
        extras: opened.facts,
    };
    match call(driver.open(context.clone())).await {
        Ok(session) => {
            let (serving, lookup, replaced) = (driver.info().clone(), &task.drivers, task.replaced.as_ref());
            let drivers = Drivers { serving, context, lookup, replaced };
            serve(opened.stream, session, drivers, monitor, good).await
        }
        Err(failure) => SessionEnd::of(failure),
    }
}

async fn notified(notify: Option<&Notify>) {
    match notify {
        Some(notify) => notify.notified().await,
        None => std::future::pending().await,
    }
}

async fn at(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => std::future::pending().await,
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("panicked")
}
