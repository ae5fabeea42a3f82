//! Drivers out of components: one instance for each session, so that a crash takes one device's session and no other's;
//! but for language runtimes, which are too large for that.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use bellwether_model::device::{
    DeviceContext, DeviceEvent, DeviceIdentity, DeviceLog, DeviceSample, Driver, DriverFailure, DriverInfo,
    DriverOutput, DriverSession, Frame, Severity,
};
use bellwether_model::{BoxFuture, Timestamp};
use serde_json::{Map, Value};
use wasmtime::Store;
use wasmtime::component::ResourceAny;

use crate::bindings::driver::exports::bellwether::driver::driver as wit;
use crate::bindings::driver::{DriverPlugin, DriverPluginPre};
use crate::context::PluginContext;
use crate::limits::Limits;
use crate::settings::{self, SettingInfo, SettingProblem};
use crate::store::{self, HostState, Purpose};

/// Longest value of a label, and longest name.
const MAX_LABEL_BYTES: usize = 1024;
/// Labels of one sample.
const MAX_LABELS: usize = 32;

/// A driver plugin.
#[derive(Clone)]
pub struct SandboxedDriver {
    plugin: Arc<PluginContext>,
    pre: DriverPluginPre<HostState>,
    info: Arc<DriverInfo>,
    settings: Arc<[SettingInfo]>,
    /// The instance that the next session may share, if it is still there.
    latest: Arc<Mutex<Weak<Instance>>>,
}

impl fmt::Debug for SandboxedDriver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SandboxedDriver({} {})", self.info.name, self.info.version)
    }
}

impl SandboxedDriver {
    pub(crate) fn new(
        plugin: Arc<PluginContext>,
        pre: DriverPluginPre<HostState>,
        info: DriverInfo,
        settings: Vec<SettingInfo>,
    ) -> Self {
        Self { plugin, pre, info: Arc::new(info), settings: settings.into(), latest: Arc::default() }
    }

    pub(crate) const fn context(&self) -> &Arc<PluginContext> {
        &self.plugin
    }

    /// The settings that it understands.
    pub fn settings(&self) -> &[SettingInfo] {
        &self.settings
    }

    /// Checks a device's settings and fills in defaults: the JSON object for [`DeviceContext::config`].
    pub fn check_settings(&self, given: &Map<String, Value>) -> Result<String, Vec<SettingProblem>> {
        // Drivers declare no secrets: a description with one is refused.
        let checked = settings::check(&self.settings, &[], given, |found| found.value.to_owned())?;
        Ok(Value::Object(checked).to_string())
    }

    async fn open_session(&self, device: DeviceContext) -> Result<Box<dyn DriverSession>, DriverFailure> {
        self.plugin.admit(&device.name).map_err(|refusal| DriverFailure::Crashed(refusal.to_string()))?;
        let (device_name, limits) = (device.name.clone(), self.plugin.limits.driver);
        let instance = self.instance();
        let mut running = instance.running.lock().await;
        let (mut store, bindings) = match std::mem::replace(&mut *running, Running::Over) {
            Running::Not => {
                let purpose = Purpose::computing(&self.plugin, &device_name);
                (store::new_store(self.pre.engine(), &self.plugin, purpose), None)
            }
            Running::Yes(live) => (live.store, Some(live.bindings)),
            Running::Over => return Err(self.plugin.session_over()),
        };
        device_name.clone_into(&mut store.data_mut().subject);
        store::arm(&mut store, limits, device.now);
        let device = wit_device(device);
        let opened = store::bounded(&self.plugin, limits, async {
            let bindings = match bindings {
                Some(bindings) => bindings,
                None => self.pre.instantiate_async(&mut store).await?,
            };
            let answer = bindings.bellwether_driver_driver().call_open(&mut store, &device).await?;
            Ok((bindings, answer))
        });
        match opened.await {
            Ok((bindings, answer)) => {
                *running = Running::Yes(Box::new(Live { store, bindings }));
                drop(running);
                let resource = answer.map_err(|problem| {
                    let problem = SettingProblem { setting: problem.setting, message: problem.message };
                    DriverFailure::Unsupported(problem.to_string())
                })?;
                let plugin = Arc::clone(&self.plugin);
                Ok(Box::new(Session { plugin, device: device_name, instance, resource }))
            }
            Err(stop) => {
                let crash = store::explain(&store, "open", limits, stop);
                let text = crash.to_string();
                self.plugin.crashed(crash);
                Err(DriverFailure::Crashed(text))
            }
        }
    }

    /// An instance with room for one more session, which it counts from here on.
    fn instance(&self) -> Arc<Instance> {
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(instance) = latest.upgrade()
            && instance.take_place(self.plugin.limits.sessions_per_instance)
        {
            return instance;
        }
        let instance = Arc::new(Instance { running: tokio::sync::Mutex::new(Running::Not), begun: 1.into() });
        *latest = Arc::downgrade(&instance);
        instance
    }
}

impl Driver for SandboxedDriver {
    fn info(&self) -> &DriverInfo {
        &self.info
    }

    fn open(&self, device: DeviceContext) -> BoxFuture<'_, Result<Box<dyn DriverSession>, DriverFailure>> {
        Box::pin(self.open_session(device))
    }
}

/// A store with what runs in it.
struct Live {
    store: Store<HostState>,
    bindings: DriverPlugin,
}

/// One instance of the plugin. That of a small plugin has one session; those of language runtimes cost so much memory that
/// several devices share one, and what breaks it ends the sessions of all of them.
struct Instance {
    running: tokio::sync::Mutex<Running>,
    /// Sessions that were begun in it.
    begun: AtomicUsize,
}

enum Running {
    /// Not yet.
    Not,
    Yes(Box<Live>),
    /// A call crashed, or was given up before it was over.
    Over,
}

impl Instance {
    fn take_place(&self, places: usize) -> bool {
        let begin = |begun: usize| (begun < places).then_some(begun + 1);
        let is_over = self.running.try_lock().is_ok_and(|running| matches!(*running, Running::Over));
        !is_over && self.begun.fetch_update(Ordering::Relaxed, Ordering::Relaxed, begin).is_ok()
    }
}

struct Session {
    plugin: Arc<PluginContext>,
    device: String,
    instance: Arc<Instance>,
    resource: ResourceAny,
}

/// What a session is asked for.
enum Call {
    Start(Timestamp),
    Receive(Vec<Frame>),
    Tick(Timestamp),
}

impl Call {
    const fn name(&self) -> &'static str {
        match self {
            Self::Start(_) => "start",
            Self::Receive(_) => "receive",
            Self::Tick(_) => "tick",
        }
    }

    /// The time of the last frame where there are frames.
    fn now(&self) -> Timestamp {
        match self {
            Self::Start(now) | Self::Tick(now) => *now,
            Self::Receive(frames) => frames.last().map_or(Timestamp::UNIX_EPOCH, |frame| frame.at),
        }
    }

    async fn run(
        self,
        live: &mut Live,
        resource: ResourceAny,
    ) -> wasmtime::Result<Result<wit::Output, wit::Failure>> {
        let session = live.bindings.bellwether_driver_driver().session();
        match self {
            Self::Start(now) => session.call_start(&mut live.store, resource, now.as_millis()).await,
            Self::Tick(now) => session.call_tick(&mut live.store, resource, now.as_millis()).await,
            Self::Receive(frames) => {
                let frame = |frame: Frame| wit::Frame { at: frame.at.as_millis(), data: frame.data };
                let frames: Vec<wit::Frame> = frames.into_iter().map(frame).collect();
                session.call_receive(&mut live.store, resource, &frames).await
            }
        }
    }
}

impl PluginContext {
    fn session_over(&self) -> DriverFailure {
        DriverFailure::Crashed(format!("plugin {}: the session is over", self.name))
    }
}

impl Session {
    async fn call(&mut self, call: Call) -> Result<DriverOutput, DriverFailure> {
        let mut running = self.instance.running.lock().await;
        // Taken out for the time of the call: if it is dropped half-way, the session is over.
        let Running::Yes(mut live) = std::mem::replace(&mut *running, Running::Over) else {
            return Err(self.plugin.session_over());
        };
        let (name, limits) = (call.name(), self.plugin.limits.driver);
        self.device.clone_into(&mut live.store.data_mut().subject);
        store::arm(&mut live.store, limits, call.now());
        match store::bounded(&self.plugin, limits, call.run(&mut live, self.resource)).await {
            Ok(answer) => {
                *running = Running::Yes(live);
                drop(running);
                answer.map(|output| accepted(output, &self.plugin.limits)).map_err(failure)
            }
            Err(stop) => {
                let crash = store::explain(&live.store, name, limits, stop);
                let text = crash.to_string();
                self.plugin.crashed(crash);
                Err(DriverFailure::Crashed(text))
            }
        }
    }
}

impl DriverSession for Session {
    fn start(&mut self, now: Timestamp) -> BoxFuture<'_, Result<DriverOutput, DriverFailure>> {
        Box::pin(self.call(Call::Start(now)))
    }

    fn receive(&mut self, frames: Vec<Frame>) -> BoxFuture<'_, Result<DriverOutput, DriverFailure>> {
        Box::pin(self.call(Call::Receive(frames)))
    }

    fn tick(&mut self, now: Timestamp) -> BoxFuture<'_, Result<DriverOutput, DriverFailure>> {
        Box::pin(self.call(Call::Tick(now)))
    }
}

fn wit_device(device: DeviceContext) -> wit::Device {
    wit::Device {
        name: device.name,
        address: device.address,
        config: device.config,
        now: device.now.as_millis(),
        extras: device.extras,
    }
}

fn failure(failure: wit::Failure) -> DriverFailure {
    match failure {
        wit::Failure::BadInput(why) => DriverFailure::BadInput(why),
        wit::Failure::Unsupported(why) => DriverFailure::Unsupported(why),
        wit::Failure::Reset(why) => DriverFailure::Reset(why),
    }
}

/// The output as far as it is within the limits and legal; what is left out counts as skipped.
fn accepted(output: wit::Output, limits: &Limits) -> DriverOutput {
    let mut skipped = output.skipped;
    let from_blocks = output.blocks.into_iter().flat_map(spread);
    let mut all_samples = output.samples.into_iter().map(sample).chain(from_blocks);
    let mut samples = Vec::new();
    for sample in all_samples.by_ref().take(limits.samples_per_call) {
        if is_legal(&sample) {
            samples.push(sample);
        } else {
            skipped = skipped.saturating_add(1);
        }
    }
    skipped = skipped.saturating_add(u32::try_from(all_samples.count()).unwrap_or(u32::MAX));
    DriverOutput {
        identity: output.identity.map(identity),
        samples,
        events: output.events.into_iter().take(limits.events_per_call).map(event).collect(),
        logs: output.logs.into_iter().take(limits.events_per_call).map(log).collect(),
        skipped,
        writes: writes(output.writes, limits.written_bytes_per_call),
        wake: output.wake.map(|millis| Duration::from_millis(u64::from(millis))),
    }
}

/// Whole writes only, up to the limit: half a command can be another command.
fn writes(writes: Vec<Vec<u8>>, limit_bytes: usize) -> Vec<Vec<u8>> {
    let mut total = 0;
    let fits = |bytes: &Vec<u8>| {
        total += bytes.len();
        total <= limit_bytes
    };
    writes.into_iter().take_while(fits).collect()
}

fn sample(sample: wit::Sample) -> DeviceSample {
    DeviceSample {
        metric: sample.metric,
        labels: pairs(sample.labels),
        value: sample.value,
        at: sample.at.map(Timestamp::from_millis),
    }
}

/// One sample for each value of a block. Times are counted in microseconds, so that fast blocks do not drift.
fn spread(block: wit::Block) -> impl Iterator<Item = DeviceSample> {
    let wit::Block { metric, labels, start, step_us, values } = block;
    let labels = pairs(labels);
    values.into_iter().enumerate().map(move |(index, value)| {
        let offset_us = u64::from(step_us).saturating_mul(index as u64);
        let offset_ms = i64::try_from(offset_us / 1000).unwrap_or(i64::MAX);
        let at = Timestamp::from_millis(start).offset_millis(offset_ms);
        DeviceSample { metric: metric.clone(), labels: labels.clone(), value, at: Some(at) }
    })
}

fn is_legal(sample: &DeviceSample) -> bool {
    is_metric_name(&sample.metric)
        && sample.labels.len() <= MAX_LABELS
        && sample.labels.iter().all(|(name, value)| is_label_name(name) && value.len() <= MAX_LABEL_BYTES)
}

/// As Prometheus wants it: letters, digits, `_` and `:`, no digit first.
pub(crate) fn is_metric_name(name: &str) -> bool {
    is_identifier(name, |c| c == ':')
}

/// As Prometheus wants it, and without the `__` that belongs to the host.
fn is_label_name(name: &str) -> bool {
    is_identifier(name, |_| false) && !name.starts_with("__")
}

fn is_identifier(name: &str, also: impl Fn(char) -> bool) -> bool {
    let legal = |c: char| c.is_ascii_alphanumeric() || c == '_' || also(c);
    !name.is_empty()
        && name.len() <= MAX_LABEL_BYTES
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.chars().all(legal)
}

fn event(event: wit::Event) -> DeviceEvent {
    DeviceEvent {
        kind: event.kind,
        severity: severity(event.severity),
        message: event.message,
        fields: pairs(event.fields),
        attachment: event.attachment,
        at: event.at.map(Timestamp::from_millis),
    }
}

pub(crate) const fn severity(severity: wit::Severity) -> Severity {
    match severity {
        wit::Severity::Info => Severity::Info,
        wit::Severity::Warning => Severity::Warning,
        wit::Severity::Critical => Severity::Critical,
    }
}

fn log(line: wit::LogLine) -> DeviceLog {
    DeviceLog {
        level: line.level,
        tag: line.tag,
        message: line.message,
        at: line.at.map(Timestamp::from_millis),
    }
}

fn identity(identity: wit::Identity) -> DeviceIdentity {
    DeviceIdentity {
        id: identity.id,
        model: identity.model,
        firmware: identity.firmware,
        extras: identity.extras,
    }
}

fn pairs(labels: Vec<wit::Label>) -> Vec<(String, String)> {
    labels.into_iter().map(|label| (label.name, label.value)).collect()
}
