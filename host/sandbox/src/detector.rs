//! Detectors out of components: a few warm instances, each used by one evaluation at a time.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use bellwether_model::detector::{Detector, DetectorError, DetectorFunction, Verdicts, WindowMatrix};
use bellwether_model::{BoxFuture, Timestamp};
use wasmtime::Store;
use wasmtime::component::InstancePre;

use crate::bindings::detector::exports::bellwether::detector::functions as wit;
use crate::bindings::detector::exports::bellwether::detector::models;
use crate::context::PluginContext;
use crate::crash::Crash;
use crate::limits::{CallLimits, DETECTOR_POINTS};
use crate::modeller::SandboxedModeller;
use crate::speech::plain;
use crate::store::{self, HostState, Purpose};

/// Instances that are kept warm: evaluations run on as many threads at most.
const MAX_WARM: usize = 8;
/// An instance is replaced after so many calls, so that slow leaks in guests do not add up.
const MAX_CALLS: u32 = 10_000;

/// A component that is linked, with the places of what it exports.
#[derive(Clone)]
pub(crate) struct DetectorPre {
    pub(crate) instance: InstancePre<HostState>,
    pub(crate) functions: wit::GuestIndices,
    /// None where it has no models.
    pub(crate) models: Option<models::GuestIndices>,
}

impl DetectorPre {
    pub(crate) fn new(instance: InstancePre<HostState>) -> wasmtime::Result<Self> {
        let functions = wit::GuestIndices::new(&instance)?;
        let models = models::GuestIndices::new(&instance).ok();
        Ok(Self { instance, functions, models })
    }
}

/// A detector plugin.
#[derive(Clone)]
pub struct SandboxedDetector {
    plugin: Arc<PluginContext>,
    pre: DetectorPre,
    functions: Arc<[DetectorFunction]>,
    modeller: Option<SandboxedModeller>,
    warm: Arc<Mutex<Vec<Live>>>,
}

struct Live {
    store: Store<HostState>,
    functions: wit::Guest,
    calls: u32,
}

impl fmt::Debug for SandboxedDetector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SandboxedDetector({})", self.plugin.name)
    }
}

impl SandboxedDetector {
    pub(crate) fn new(
        plugin: Arc<PluginContext>,
        pre: DetectorPre,
        functions: Vec<DetectorFunction>,
        modeller: Option<SandboxedModeller>,
    ) -> Self {
        Self { plugin, pre, functions: functions.into(), modeller, warm: Arc::default() }
    }

    /// Its models, where it has any.
    pub const fn modeller(&self) -> Option<&SandboxedModeller> {
        self.modeller.as_ref()
    }

    pub(crate) const fn context(&self) -> &Arc<PluginContext> {
        &self.plugin
    }

    async fn evaluate_within_budget(
        &self,
        function: &str,
        params: &[f64],
        at: Timestamp,
        windows: &[WindowMatrix],
    ) -> Result<Verdicts, DetectorError> {
        self.plugin.admit(function).map_err(|refusal| DetectorError::Crashed(refusal.to_string()))?;
        let limits = budget(self.plugin.limits.detector, windows);
        let columns: Vec<wit::Matrix<'_>> = windows.iter().map(matrix).collect();
        let (mut store, warm) = self.instance(function);
        store::arm(&mut store, limits, at);
        let call = async {
            let (functions, calls) = match warm {
                Some(warm) => warm,
                None => {
                    let instance = self.pre.instance.instantiate_async(&mut store).await?;
                    (self.pre.functions.load(&mut store, &instance)?, 0)
                }
            };
            let answer =
                functions.call_evaluate(&mut store, function, params, at.as_millis(), &columns).await?;
            Ok((functions, calls, answer))
        };
        match store::bounded(&self.plugin, limits, call).await {
            Ok((functions, calls, answer)) => {
                let verdicts = self.judged(function, windows, answer)?;
                self.keep(Live { store, functions, calls: calls + 1 });
                Ok(verdicts)
            }
            Err(stop) => {
                let crash = store::explain(&store, &format!("evaluate {function}"), limits, stop);
                Err(self.crashed(crash))
            }
        }
    }

    /// A warm instance, or a store for a new one.
    fn instance(&self, function: &str) -> (Store<HostState>, Option<(wit::Guest, u32)>) {
        let warm = self.warm.lock().unwrap_or_else(PoisonError::into_inner).pop();
        if let Some(Live { mut store, functions, calls }) = warm {
            function.clone_into(&mut store.data_mut().subject);
            return (store, Some((functions, calls)));
        }
        let purpose = Purpose::computing(&self.plugin, function);
        (store::new_store(self.pre.instance.engine(), &self.plugin, purpose), None)
    }

    fn keep(&self, live: Live) {
        if live.calls >= MAX_CALLS {
            return;
        }
        let mut warm = self.warm.lock().unwrap_or_else(PoisonError::into_inner);
        if warm.len() < MAX_WARM {
            warm.push(live);
        }
    }

    fn judged(
        &self,
        function: &str,
        windows: &[WindowMatrix],
        answer: Result<wit::Verdicts, wit::Error>,
    ) -> Result<Verdicts, DetectorError> {
        let verdicts = match answer {
            Ok(verdicts) => verdicts,
            Err(wit::Error::BadParam(why)) => return Err(DetectorError::BadParam(plain(&why))),
            Err(wit::Error::Failed(why)) => return Err(DetectorError::Failed(plain(&why))),
        };
        let series = windows.first().map_or(0, WindowMatrix::series);
        if let Some((what, count)) = misfit(&verdicts, series) {
            let text = format!("{count} {what} for {series} series");
            return Err(self.crashed(self.plugin.bad_answer("evaluate", function, text)));
        }
        let wit::Verdicts { score, expected, lower, upper } = verdicts;
        Ok(Verdicts { score, expected, lower, upper })
    }

    fn crashed(&self, crash: Crash) -> DetectorError {
        let text = crash.to_string();
        self.plugin.crashed(crash);
        DetectorError::Crashed(text)
    }
}

impl Detector for SandboxedDetector {
    fn name(&self) -> &str {
        &self.plugin.name
    }

    fn functions(&self) -> &[DetectorFunction] {
        &self.functions
    }

    fn evaluate<'a>(
        &'a self,
        function: &'a str,
        params: &'a [f64],
        at: Timestamp,
        windows: &'a [WindowMatrix],
    ) -> BoxFuture<'a, Result<Verdicts, DetectorError>> {
        Box::pin(self.evaluate_within_budget(function, params, at, windows))
    }
}

/// The column that has another number of entries than there are series, if any.
fn misfit(verdicts: &wit::Verdicts, series: usize) -> Option<(&'static str, usize)> {
    let wit::Verdicts { score, expected, lower, upper } = verdicts;
    let bands = [("expected values", expected), ("lower bounds", lower), ("upper bounds", upper)];
    let given = bands.into_iter().filter(|(_, band)| !band.is_empty());
    let columns = std::iter::once(("scores", score)).chain(given);
    columns.map(|(what, column)| (what, column.len())).find(|(_, count)| *count != series)
}

/// The limit grows with the input: a rule over many series is not at fault for being large.
fn budget(limits: CallLimits, windows: &[WindowMatrix]) -> CallLimits {
    let points: usize = windows.iter().map(|window| window.values.len()).sum();
    let parts = points.div_ceil(DETECTOR_POINTS).max(1);
    limits.times(u32::try_from(parts).unwrap_or(u32::MAX))
}

pub(crate) fn matrix(window: &WindowMatrix) -> wit::Matrix<'_> {
    wit::Matrix { offsets: &window.offsets, times: &window.times, values: &window.values }
}
