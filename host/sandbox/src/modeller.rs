//! Models out of components. Each configured model has an instance of its own, with a resource for each series; fitting
//! has one more, for that time only, so that nobody waits for it and what it breaks is nobody's.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use bellwether_model::detector::{Verdicts, WindowMatrix};
use bellwether_model::modelling::{
    Explanation, FitReport, Fitted, MAX_STATE_BYTES, ModelError, ModelKind, ModelPlugin, ModelPoints,
    ModelSession, ModelSpec, Modeller,
};
use bellwether_model::{BoxFuture, Fingerprint, Timestamp};
use serde_json::{Map, Value};
use wasmtime::Store;
use wasmtime::component::{InstancePre, ResourceAny};

use crate::bindings::detector::exports::bellwether::detector::models as wit;
use crate::context::PluginContext;
use crate::crash::Crash;
use crate::detector::{DetectorPre, matrix};
use crate::limits::{CallLimits, MODEL_POINTS};
use crate::settings::{self, SettingInfo, SettingProblem};
use crate::speech::{cut, plain};
use crate::store::{self, HostState, Purpose, Stop};

/// Figures of a report; further ones are left out.
const MAX_FIGURES: usize = 32;
/// Longest name of a figure.
const MAX_FIGURE_NAME_BYTES: usize = 64;

/// A kind of model with the settings that it understands.
#[derive(Debug, Clone)]
pub(crate) struct OfferedKind {
    pub(crate) kind: ModelKind,
    pub(crate) settings: Vec<SettingInfo>,
}

/// The models of a detector plugin.
#[derive(Clone)]
pub struct SandboxedModeller(Arc<Inner>);

struct Inner {
    plugin: Arc<PluginContext>,
    pre: InstancePre<HostState>,
    exports: wit::GuestIndices,
    identity: ModelPlugin,
    kinds: Vec<ModelKind>,
    /// For each of them.
    settings: Vec<Vec<SettingInfo>>,
}

impl fmt::Debug for SandboxedModeller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SandboxedModeller({} {})", self.0.identity.name, self.0.identity.version)
    }
}

impl SandboxedModeller {
    /// None where the component has no models.
    pub(crate) fn new(
        plugin: &Arc<PluginContext>,
        pre: &DetectorPre,
        identity: ModelPlugin,
        offered: Vec<OfferedKind>,
    ) -> Option<Self> {
        let exports = pre.models.clone()?;
        let (kinds, settings) = offered.into_iter().map(|kind| (kind.kind, kind.settings)).unzip();
        let (plugin, pre) = (Arc::clone(plugin), pre.instance.clone());
        Some(Self(Arc::new(Inner { plugin, pre, exports, identity, kinds, settings })))
    }

    /// A kind by its name.
    pub fn kind(&self, name: &str) -> Option<&ModelKind> {
        self.0.kinds.iter().find(|kind| kind.name == name)
    }

    /// The settings that a kind understands; none for a kind that there is not.
    pub fn settings(&self, kind: &str) -> &[SettingInfo] {
        let at = self.0.kinds.iter().position(|known| known.name == kind);
        at.map_or(&[], |at| self.0.settings[at].as_slice())
    }

    /// The settings of each kind, in their order.
    pub fn all_settings(&self) -> &[Vec<SettingInfo>] {
        &self.0.settings
    }

    /// Checks the settings of a model and fills in defaults: the JSON object for [`ModelSpec::config`].
    pub fn check_settings(
        &self,
        kind: &str,
        given: &Map<String, Value>,
    ) -> Result<String, Vec<SettingProblem>> {
        // Models declare no secrets: a description with one is refused.
        let checked = settings::check(self.settings(kind), &[], given, |found| found.value.to_owned())?;
        Ok(Value::Object(checked).to_string())
    }

    async fn fit_apart(
        &self,
        spec: &ModelSpec,
        series: Fingerprint,
        history: &WindowMatrix,
    ) -> Result<Fitted, ModelError> {
        // Whom it crashes for is not whom the fitted ones score for: those go on.
        let apart = ModelSpec { name: format!("{} (fit)", spec.name), ..spec.clone() };
        self.0.admit(&apart)?;
        let limits = &self.0.plugin.limits.model;
        let mut store = self.0.store(&apart);
        store::arm(&mut store, limits.fit, Timestamp::UNIX_EPOCH);
        let fit = async {
            let models = self.0.instantiate(&mut store).await?;
            let created = models.call_create(&mut store, &spec.kind, &spec.config, series.0).await?;
            let resource = match created {
                Ok(resource) => resource,
                Err(problem) => return Ok(Err(problem_text(problem))),
            };
            let report = models.model().call_fit(&mut store, resource, matrix(history)).await?;
            Ok(report.map(|report| (models, resource, report)))
        };
        let fitted = store::bounded(&self.0.plugin, limits.fit, fit).await;
        let fitted = fitted.map_err(|stop| self.0.stopped(&store, "fit", limits.fit, stop))?;
        let (models, resource, report) = fitted.map_err(|why| ModelError::Failed(plain(&why)))?;
        store::arm(&mut store, limits.save, Timestamp::UNIX_EPOCH);
        let save = async { models.model().call_save(&mut store, resource).await };
        let saved = store::bounded(&self.0.plugin, limits.save, save).await;
        let state = saved.map_err(|stop| self.0.stopped(&store, "save", limits.save, stop))?;
        Ok(Fitted { report: checked_report(report), state: self.0.checked_state(&apart, state)? })
    }
}

impl Modeller for SandboxedModeller {
    fn plugin(&self) -> &ModelPlugin {
        &self.0.identity
    }

    fn kinds(&self) -> &[ModelKind] {
        &self.0.kinds
    }

    fn fit<'a>(
        &'a self,
        spec: &'a ModelSpec,
        series: Fingerprint,
        history: &'a WindowMatrix,
    ) -> BoxFuture<'a, Result<Fitted, ModelError>> {
        Box::pin(self.fit_apart(spec, series, history))
    }

    fn open(&self, spec: ModelSpec) -> Box<dyn ModelSession> {
        Box::new(Session { modeller: self.clone(), spec, running: Running::Not })
    }
}

impl Inner {
    fn admit(&self, spec: &ModelSpec) -> Result<(), ModelError> {
        self.plugin.admit(&spec.name).map_err(|refusal| ModelError::Refused(refusal.to_string()))
    }

    fn store(&self, spec: &ModelSpec) -> Store<HostState> {
        let limits = &self.plugin.limits;
        let memory_limit_bytes = limits.model.memory_bytes.max(limits.memory_bytes);
        let purpose = Purpose { memory_limit_bytes, ..Purpose::computing(&self.plugin, &spec.name) };
        store::new_store(self.pre.engine(), &self.plugin, purpose)
    }

    async fn instantiate(&self, store: &mut Store<HostState>) -> wasmtime::Result<wit::Guest> {
        let instance = self.pre.instantiate_async(&mut *store).await?;
        self.exports.load(store, &instance)
    }

    fn stopped(&self, store: &Store<HostState>, call: &str, limits: CallLimits, stop: Stop) -> ModelError {
        self.crashed(store::explain(store, call, limits, stop))
    }

    fn bad_answer(&self, spec: &ModelSpec, call: &str, text: String) -> ModelError {
        self.crashed(self.plugin.bad_answer(call, &spec.name, text))
    }

    fn crashed(&self, crash: Crash) -> ModelError {
        let text = crash.to_string();
        self.plugin.crashed(crash);
        ModelError::Crashed(text)
    }

    fn checked_state(&self, spec: &ModelSpec, state: Vec<u8>) -> Result<Vec<u8>, ModelError> {
        if state.len() > MAX_STATE_BYTES {
            let text = format!("a state of {} bytes, limit {MAX_STATE_BYTES}", state.len());
            return Err(self.bad_answer(spec, "save", text));
        }
        Ok(state)
    }
}

/// The models of one spec.
struct Session {
    modeller: SandboxedModeller,
    spec: ModelSpec,
    running: Running,
}

enum Running {
    /// Not yet.
    Not,
    Yes(Box<Live>),
    /// A call crashed, or was given up before it was over.
    Over,
}

/// A store with what runs in it.
struct Live {
    store: Store<HostState>,
    /// None until the first call.
    models: Option<wit::Guest>,
    resources: BTreeMap<Fingerprint, ResourceAny>,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("modeller", &self.modeller).field("spec", &self.spec).finish()
    }
}

impl Session {
    /// The instance for one call, with its budget. Taken out for that time: if the call is dropped half-way, it is over.
    fn begin(&mut self, limits: CallLimits) -> Result<Box<Live>, ModelError> {
        self.modeller.0.admit(&self.spec)?;
        let mut live = match std::mem::replace(&mut self.running, Running::Over) {
            Running::Yes(live) => live,
            Running::Not => Box::new(Live {
                store: self.modeller.0.store(&self.spec),
                models: None,
                resources: BTreeMap::new(),
            }),
            Running::Over => return Err(ModelError::Crashed("what was at work is gone".to_owned())),
        };
        store::arm(&mut live.store, limits, Timestamp::UNIX_EPOCH);
        Ok(live)
    }

    /// Puts the instance back after a call that went well.
    fn end<T>(
        &mut self,
        call: &str,
        live: Box<Live>,
        limits: CallLimits,
        done: Result<T, Stop>,
    ) -> Result<T, ModelError> {
        match done {
            Ok(value) => {
                self.running = Running::Yes(live);
                Ok(value)
            }
            Err(stop) => Err(self.modeller.0.stopped(&live.store, call, limits, stop)),
        }
    }

    async fn restore_one(&mut self, series: Fingerprint, state: &[u8]) -> Result<(), ModelError> {
        let limits = self.modeller.0.plugin.limits.model.save;
        let mut live = self.begin(limits)?;
        let restore = live.restore(&self.modeller.0, &self.spec, series, state);
        let done = store::bounded(&self.modeller.0.plugin, limits, restore).await;
        self.end("restore", live, limits, done)?.map_err(|why| ModelError::Failed(plain(&why)))
    }

    async fn forget_one(&mut self, series: Fingerprint) -> Result<(), ModelError> {
        let limits = self.modeller.0.plugin.limits.model.save;
        let mut live = self.begin(limits)?;
        let done = store::bounded(&self.modeller.0.plugin, limits, live.forget(series)).await;
        self.end("forget", live, limits, done)
    }

    async fn score_all(
        &mut self,
        points: &[ModelPoints],
    ) -> Result<Vec<Result<Verdicts, String>>, ModelError> {
        let limits = budget(self.modeller.0.plugin.limits.model.score, points);
        let mut live = self.begin(limits)?;
        let done = store::bounded(&self.modeller.0.plugin, limits, live.score(points)).await;
        let verdicts = self.end("score", live, limits, done)?;
        let misfit = verdicts.iter().zip(points).find(|(verdicts, points)| {
            verdicts.as_ref().is_ok_and(|verdicts| !fits(verdicts, points.points.values.len()))
        });
        if let Some((_, points)) = misfit {
            self.running = Running::Over;
            let text = format!("not one verdict for each of {} points", points.points.values.len());
            return Err(self.modeller.0.bad_answer(&self.spec, "score", text));
        }
        Ok(verdicts)
    }

    async fn update_all(&mut self, points: &[ModelPoints]) -> Result<Vec<Result<(), String>>, ModelError> {
        let limits = budget(self.modeller.0.plugin.limits.model.score, points);
        let mut live = self.begin(limits)?;
        let done = store::bounded(&self.modeller.0.plugin, limits, live.update(points)).await;
        self.end("update", live, limits, done)
    }

    async fn explain_one(&mut self, points: &ModelPoints) -> Result<Explanation, ModelError> {
        let limits = self.modeller.0.plugin.limits.model.save;
        let mut live = self.begin(limits)?;
        let done = store::bounded(&self.modeller.0.plugin, limits, live.explain(points)).await;
        self.end("explain", live, limits, done)?.map_err(|why| ModelError::Failed(plain(&why)))
    }

    async fn save_one(&mut self, series: Fingerprint) -> Result<Vec<u8>, ModelError> {
        let limits = self.modeller.0.plugin.limits.model.save;
        let mut live = self.begin(limits)?;
        let done = store::bounded(&self.modeller.0.plugin, limits, live.save(series)).await;
        let state = self.end("save", live, limits, done)?.map_err(ModelError::Failed)?;
        self.modeller.0.checked_state(&self.spec, state).inspect_err(|_| self.running = Running::Over)
    }
}

impl ModelSession for Session {
    fn restore<'a>(
        &'a mut self,
        series: Fingerprint,
        state: &'a [u8],
    ) -> BoxFuture<'a, Result<(), ModelError>> {
        Box::pin(self.restore_one(series, state))
    }

    fn forget(&mut self, series: Fingerprint) -> BoxFuture<'_, Result<(), ModelError>> {
        Box::pin(self.forget_one(series))
    }

    fn score<'a>(
        &'a mut self,
        points: &'a [ModelPoints],
    ) -> BoxFuture<'a, Result<Vec<Result<Verdicts, String>>, ModelError>> {
        Box::pin(self.score_all(points))
    }

    fn update<'a>(
        &'a mut self,
        points: &'a [ModelPoints],
    ) -> BoxFuture<'a, Result<Vec<Result<(), String>>, ModelError>> {
        Box::pin(self.update_all(points))
    }

    fn explain<'a>(&'a mut self, points: &'a ModelPoints) -> BoxFuture<'a, Result<Explanation, ModelError>> {
        Box::pin(self.explain_one(points))
    }

    fn save(&mut self, series: Fingerprint) -> BoxFuture<'_, Result<Vec<u8>, ModelError>> {
        Box::pin(self.save_one(series))
    }
}

/// What is said of a series that has no model.
const NOT_FITTED: &str = "it is not fitted";

/// Calls of the guest; each runs within the budget of its session.
impl Live {
    async fn restore(
        &mut self,
        modeller: &Inner,
        spec: &ModelSpec,
        series: Fingerprint,
        state: &[u8],
    ) -> wasmtime::Result<Result<(), String>> {
        if self.models.is_none() {
            self.models = Some(modeller.instantiate(&mut self.store).await?);
        }
        let Some(models) = &self.models else { return Ok(Err(NOT_FITTED.to_owned())) };
        let restored =
            models.call_restore(&mut self.store, &spec.kind, &spec.config, series.0, state).await?;
        match restored {
            Ok(resource) => {
                if let Some(former) = self.resources.insert(series, resource) {
                    former.resource_drop_async(&mut self.store).await?;
                }
                Ok(Ok(()))
            }
            Err(why) => Ok(Err(why)),
        }
    }

    async fn forget(&mut self, series: Fingerprint) -> wasmtime::Result<()> {
        match self.resources.remove(&series) {
            Some(resource) => resource.resource_drop_async(&mut self.store).await,
            None => Ok(()),
        }
    }

    async fn score(&mut self, points: &[ModelPoints]) -> wasmtime::Result<Vec<Result<Verdicts, String>>> {
        let mut all = Vec::with_capacity(points.len());
        for ModelPoints { series, points } in points {
            all.push(match self.of(*series) {
                Some((model, resource, store)) => {
                    let verdicts = model.call_score(store, resource, matrix(points)).await?;
                    verdicts.map(plain_verdicts).map_err(|why| plain(&why))
                }
                None => Err(NOT_FITTED.to_owned()),
            });
        }
        Ok(all)
    }

    async fn update(&mut self, points: &[ModelPoints]) -> wasmtime::Result<Vec<Result<(), String>>> {
        let mut all = Vec::with_capacity(points.len());
        for ModelPoints { series, points } in points {
            all.push(match self.of(*series) {
                Some((model, resource, store)) => {
                    model.call_update(store, resource, matrix(points)).await?.map_err(|why| plain(&why))
                }
                None => Err(NOT_FITTED.to_owned()),
            });
        }
        Ok(all)
    }

    async fn explain(&mut self, points: &ModelPoints) -> wasmtime::Result<Result<Explanation, String>> {
        let Some((model, resource, store)) = self.of(points.series) else {
            return Ok(Err(NOT_FITTED.to_owned()));
        };
        let explained = model.call_explain(store, resource, matrix(&points.points)).await?;
        Ok(explained.map(|said| Explanation { text: plain(&said.text), contributions: said.contributions }))
    }

    async fn save(&mut self, series: Fingerprint) -> wasmtime::Result<Result<Vec<u8>, String>> {
        match self.of(series) {
            Some((model, resource, store)) => model.call_save(store, resource).await.map(Ok),
            None => Ok(Err(NOT_FITTED.to_owned())),
        }
    }

    fn of(
        &mut self,
        series: Fingerprint,
    ) -> Option<(wit::GuestModel<'_>, ResourceAny, &mut Store<HostState>)> {
        let resource = *self.resources.get(&series)?;
        Some((self.models.as_ref()?.model(), resource, &mut self.store))
    }
}

/// The limit grows with the input: a model of many series is not at fault for being large.
fn budget(limits: CallLimits, points: &[ModelPoints]) -> CallLimits {
    let values: usize = points.iter().map(|points| points.points.values.len()).sum();
    let parts = values.div_ceil(MODEL_POINTS).max(1);
    limits.times(u32::try_from(parts).unwrap_or(u32::MAX))
}

fn plain_verdicts(verdicts: wit::Verdicts) -> Verdicts {
    let wit::Verdicts { score, expected, lower, upper } = verdicts;
    Verdicts { score, expected, lower, upper }
}

fn fits(verdicts: &Verdicts, points: usize) -> bool {
    let bands = [&verdicts.expected, &verdicts.lower, &verdicts.upper];
    verdicts.score.len() == points && bands.iter().all(|band| band.is_empty() || band.len() == points)
}

fn checked_report(report: wit::Report) -> FitReport {
    let figures = report.figures.into_iter().filter(|(_, figure)| figure.is_finite()).take(MAX_FIGURES);
    FitReport {
        usable: report.usable,
        points: report.points,
        summary: plain(&report.summary),
        figures: figures.map(|(name, figure)| (cut(plain(&name), MAX_FIGURE_NAME_BYTES), figure)).collect(),
    }
}

fn problem_text(problem: crate::bindings::host::types::Problem) -> String {
    SettingProblem { setting: problem.setting, message: problem.message }.to_string()
}
