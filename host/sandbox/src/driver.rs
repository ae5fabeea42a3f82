//! Drivers out of components: one instance for each session, so that a crash takes one device's session and no other's;
//! but for language runtimes, which are too large for that.

mod output;

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use bellwether_model::device::{
    DeviceContext, Driver, DriverFailure, DriverInfo, DriverOutput, DriverSession, Frame,
};
use bellwether_model::{BoxFuture, Timestamp};
use serde_json::{Map, Value};
use wasmtime::Store;
use wasmtime::component::ResourceAny;

use crate::bindings::driver::exports::bellwether::driver::driver as wit;
use crate::bindings::driver::{DriverPlugin, DriverPluginPre};
use crate::context::PluginContext;
use crate::settings::{self, SettingInfo, SettingProblem};
use crate::speech::plain;
use crate::store::{self, HostState, Purpose};

use output::{accepted, failure};
pub(crate) use output::{is_metric_name, severity};

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
                    DriverFailure::Unsupported(plain(&problem.to_string()))
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
