//! Models at work on simulated time: a native modeller over a real store, and a state that outlives the models.

use std::collections::BTreeMap;
use std::sync::Mutex as Lock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use bellwether_model::detector::{Verdicts, WindowMatrix};
use bellwether_model::modelling::{
    Explanation, FitReport, Fitted, ModelError, ModelKind, ModelPoints, ModelSession, ModelSpec,
};
use bellwether_model::{BoxFuture, Fingerprint, Matcher, Queryable, is_stale};
use bellwether_promql::EngineOptions;
use bellwether_storage::{Store, StoreOptions};
use tokio::sync::Notify;

use super::*;
use crate::config::{self, Origin, Sources};
use crate::routing::tests::FlakyState;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);

/// Makes models that know the mean, and counts what it is asked for.
#[derive(Debug)]
struct Means {
    plugin: ModelPlugin,
    kinds: Vec<ModelKind>,
    asked: Arc<Asked>,
}

#[derive(Debug, Default)]
struct Asked {
    fits: AtomicUsize,
    restored: AtomicUsize,
    learnt: Lock<Vec<f64>>,
    /// A session that is asked about this crashes.
    poison: Lock<Option<f64>>,
    /// Whether states of another version are refused.
    is_picky: AtomicBool,
    /// Whether fits wait until `release`.
    holds_fits: AtomicBool,
    release: Notify,
    /// Fits that are refused before one is not.
    refusals: AtomicUsize,
}

impl Modeller for Means {
    fn plugin(&self) -> &ModelPlugin {
        &self.plugin
    }

    fn kinds(&self) -> &[ModelKind] {
        &self.kinds
    }

    fn fit<'a>(
        &'a self,
        _spec: &'a ModelSpec,
        _series: Fingerprint,
        history: &'a WindowMatrix,
    ) -> BoxFuture<'a, Result<Fitted, ModelError>> {
        Box::pin(async {
            let one_less = |left: usize| left.checked_sub(1);
            if self.asked.refusals.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less).is_ok() {
                return Err(ModelError::Refused("paused".to_owned()));
            }
            self.asked.fits.fetch_add(1, Ordering::SeqCst);
            if self.asked.holds_fits.load(Ordering::SeqCst) {
                self.asked.release.notified().await;
            }
            let mean = history.values.iter().sum::<f64>() / history.values.len() as f64;
            let points = u32::try_from(history.values.len()).unwrap();
            let report = FitReport { usable: true, points, summary: format!("mean {mean}"), figures: vec![] };
            Ok(Fitted { report, state: state_of(mean, &self.plugin) })
        })
    }

    fn open(&self, _spec: ModelSpec) -> Box<dyn ModelSession> {
        let (plugin, asked) = (self.plugin.clone(), Arc::clone(&self.asked));
        Box::new(Session { plugin, asked, means: BTreeMap::new() })
    }
}

fn state_of(mean: f64, plugin: &ModelPlugin) -> Vec<u8> {
    format!("{mean} {}", plugin.version).into_bytes()
}

#[derive(Debug)]
struct Session {
    plugin: ModelPlugin,
    asked: Arc<Asked>,
    means: BTreeMap<Fingerprint, f64>,
}

impl Session {
    fn restore_now(&mut self, series: Fingerprint, state: &[u8]) -> Result<(), ModelError> {
        let text = std::str::from_utf8(state).unwrap();
        let (mean, version) = text.split_once(' ').unwrap();
        if self.asked.is_picky.load(Ordering::SeqCst) && version != self.plugin.version {
            return Err(ModelError::Failed(format!("of version {version}")));
        }
        self.asked.restored.fetch_add(1, Ordering::SeqCst);
        self.means.insert(series, mean.parse().unwrap());
        Ok(())
    }

    fn score_now(&self, points: &ModelPoints) -> Result<Result<Verdicts, String>, ModelError> {
        let poison = *self.asked.poison.lock().unwrap();
        if points.points.values.iter().any(|value| Some(*value) == poison) {
            return Err(ModelError::Crashed("poison".to_owned()));
        }
        let Some(mean) = self.means.get(&points.series) else { return Ok(Err("not fitted".to_owned())) };
        let score = points.points.values.iter().map(|value| value - mean).collect::<Vec<f64>>();
        Ok(Ok(Verdicts { expected: vec![*mean; score.len()], score, ..Verdicts::default() }))
    }
}

impl ModelSession for Session {
    fn restore<'a>(
        &'a mut self,
        series: Fingerprint,
        state: &'a [u8],
    ) -> BoxFuture<'a, Result<(), ModelError>> {
        Box::pin(std::future::ready(self.restore_now(series, state)))
    }

    fn forget(&mut self, series: Fingerprint) -> BoxFuture<'_, Result<(), ModelError>> {
        self.means.remove(&series);
        Box::pin(std::future::ready(Ok(())))
    }

    fn score<'a>(
        &'a mut self,
        points: &'a [ModelPoints],
    ) -> BoxFuture<'a, Result<Vec<Result<Verdicts, String>>, ModelError>> {
        Box::pin(std::future::ready(points.iter().map(|points| self.score_now(points)).collect()))
    }

    fn update<'a>(
        &'a mut self,
        points: &'a [ModelPoints],
    ) -> BoxFuture<'a, Result<Vec<Result<(), String>>, ModelError>> {
        let values = points.iter().flat_map(|points| &points.points.values);
        self.asked.learnt.lock().unwrap().extend(values);
        Box::pin(std::future::ready(Ok(points.iter().map(|_| Ok(())).collect())))
    }

    fn explain<'a>(&'a mut self, points: &'a ModelPoints) -> BoxFuture<'a, Result<Explanation, ModelError>> {
        let text = format!("{:?} is odd", points.points.values);
        Box::pin(std::future::ready(Ok(Explanation { text, contributions: Vec::new() })))
    }

    fn save(&mut self, series: Fingerprint) -> BoxFuture<'_, Result<Vec<u8>, ModelError>> {
        Box::pin(std::future::ready(Ok(state_of(self.means[&series], &self.plugin))))
    }
}

/// What outlives the models: samples, state, and the plugin that there is.
struct World {
    clock: Clock,
    store: Arc<Store>,
    state: Arc<FlakyState>,
    asked: Arc<Asked>,
    version: Arc<Lock<Option<&'static str>>>,
    tasks: Tasks,
    models: Models,
    _folder: tempfile::TempDir,
}

impl World {
    /// With samples of devices by a function of the minute, counted from now, from the first minute to the last.
    fn new(devices: &[&str], minutes: std::ops::Range<i64>, value: impl Fn(i64) -> f64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::runtime(Timestamp::from_millis(1_700_000_040_000));
        let store = Store::open(folder.path(), StoreOptions::default(), clock.now()).unwrap();
        for device in devices {
            let labels = Labels::from_pairs([("__name__", "temp"), ("device", device)]);
            let at = |minute: i64| clock.now().offset_millis(minute * 60_000);
            let samples =
                minutes.clone().map(|minute| Record::new(labels.clone(), at(minute), value(minute)));
            store.append(&samples.collect::<Vec<_>>()).unwrap();
        }
        let (store, state) = (Arc::new(store), Arc::<FlakyState>::default());
        let (asked, version, tasks) = (Arc::default(), Arc::new(Lock::new(Some("1"))), Tasks::default());
        let models = models_of(&clock, &store, &state, &asked, &version, &tasks);
        Self { clock, store, state, asked, version, tasks, models, _folder: folder }
    }

    async fn set(&self, yaml: &str) {
        self.models.set(&configured(yaml)).await;
    }

    /// As if the process had been stopped and started again.
    async fn restart(&mut self, yaml: &str) {
        self.tasks.stop().await;
        self.tasks = Tasks::default();
        self.models =
            models_of(&self.clock, &self.store, &self.state, &self.asked, &self.version, &self.tasks);
        self.set(yaml).await;
    }

    async fn plugin_changes(&self, version: Option<&'static str>) {
        *self.version.lock().unwrap() = version;
        self.models.plugins_changed(&BTreeSet::from(["means".to_owned()])).await;
    }

    /// The newest value of a series of a device, none where it has ended.
    fn newest(&self, name: &str, device: &str) -> Option<f64> {
        let matchers =
            [("__name__", name), ("device", device)].map(|(label, value)| Matcher::equal(label, value));
        let now = self.clock.now();
        let series = self.store.select(&matchers, now - HOUR * 24, now, 100_000).unwrap();
        let newest = series.first()?.samples.last()?.value;
        (!is_stale(newest)).then_some(newest)
    }

    fn scores(&self, device: &str) -> usize {
        let matchers =
            [("__name__", "m:score"), ("device", device)].map(|(label, value)| Matcher::equal(label, value));
        let now = self.clock.now();
        let series = self.store.select(&matchers, now - HOUR * 24, now, 100_000).unwrap();
        series.first().map_or(0, |series| series.samples.len())
    }

    fn fits(&self) -> usize {
        self.asked.fits.load(Ordering::SeqCst)
    }

    fn restored(&self) -> usize {
        self.asked.restored.load(Ordering::SeqCst)
    }
}

fn models_of(
    clock: &Clock,
    store: &Arc<Store>,
    state: &Arc<FlakyState>,
    asked: &Arc<Asked>,
    version: &Arc<Lock<Option<&'static str>>>,
    tasks: &Tasks,
) -> Models {
    let engine = Arc::new(ArcSwap::from_pointee(Engine::new(EngineOptions::default())));
    let deps = ModellingDeps {
        evaluator: EngineEvaluator::new(Arc::clone(&engine), Arc::clone(store) as _, MINUTE),
        appender: Arc::clone(store) as _,
        state: Arc::clone(state) as _,
        clock: clock.clone(),
        telemetry: Arc::default(),
        tasks: tasks.clone(),
        lane: Semaphore::new(1),
    };
    let (asked, version) = (Arc::clone(asked), Arc::clone(version));
    let find = move |model: &ModelConfig| {
        let version = version.lock().unwrap().ok_or("there is no plugin")?;
        let kind = |name: &str, multivariate| ModelKind {
            name: name.to_owned(),
            summary: String::new(),
            history: HOUR,
            multivariate,
        };
        let modeller = Means {
            plugin: ModelPlugin {
                name: "means".to_owned(),
                version: version.to_owned(),
                sha256: version.to_owned(),
            },
            kinds: vec![kind("mean", false), kind("mean_of_all", true)],
            asked: Arc::clone(&asked),
        };
        let query = model.query(&engine.load()).map_err(|error| error.to_string())?;
        Ok(Offer { modeller: Arc::new(modeller), config: "{}".to_owned(), query })
    };
    Models::new(deps, Arc::new(find))
}

/// Models as they stand in a configuration.
fn configured(yaml: &str) -> Vec<ModelConfig> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bellwether.yaml");
    std::fs::write(&file, format!("global: {{evaluation_interval: 1m}}\nmodels: [{yaml}]\n")).unwrap();
    let sources = Sources { bellwether: Some(file), ..Sources::default() };
    config::load(&Origin::Files(sources), Timestamp::UNIX_EPOCH).unwrap().models
}

/// Waits so many evaluations, and the time that fits in the background take.
async fn minutes(count: u32) {
    tokio::time::sleep(MINUTE * count).await;
}

const MODEL: &str = "{name: m, model: mean, expr: temp, fit_every: 1h}";

#[tokio::test(start_paused = true)]
async fn a_series_is_fitted_at_first_sight_and_then_scored() {
    let world = World::new(&["a", "b"], -60..60, |minute| if minute < 0 { 20.0 } else { 22.0 });
    world.set(MODEL).await;
    minutes(3).await;
    assert_eq!(world.fits(), 2, "one for each series");
    let score = world.newest("m:score", "a").unwrap();
    assert!((1.9..=2.0).contains(&score), "{score}");
    assert_eq!(world.newest("m:expected", "b").map(f64::round), Some(20.0));
    assert_eq!(world.newest("m:lower", "b"), None, "what the model does not say");
    let view = world.models.views().remove(0);
    assert_eq!((view.last_evaluation().error, view.plugin.clone().unwrap().version.as_str()), (None, "1"));
    minutes(57).await;
    assert_eq!(world.fits(), 2);
    minutes(3).await;
    assert_eq!(world.fits(), 4, "and anew after an hour");
}

#[tokio::test(start_paused = true)]
async fn it_waits_for_a_tenth_of_the_history() {
    let world = World::new(&["a"], 0..60, |_| 20.0);
    world.set(MODEL).await;
    minutes(4).await;
    assert_eq!((world.fits(), world.scores("a")), (0, 0));
    let roster = world.models.views().remove(0);
    let waits = roster.roster.read().unwrap().series().next().unwrap().1.error.clone();
    assert!(waits.unwrap().contains("not enough points"));
    minutes(6).await;
    assert_eq!(world.fits(), 1);
    assert_eq!(world.newest("m:score", "a"), Some(0.0));
}

#[tokio::test(start_paused = true)]
async fn only_normal_points_are_learnt_from_and_the_others_are_explained() {
    let world = World::new(&["a"], -60..60, |minute| if (5..8).contains(&minute) { 90.0 } else { 20.0 });
    world.set(MODEL).await;
    minutes(12).await;
    let learnt = world.asked.learnt.lock().unwrap().clone();
    assert!(learnt.len() > 3 && learnt.iter().all(|value| *value == 20.0), "{learnt:?}");
    let view = world.models.views().remove(0);
    let abnormal = view.roster.read().unwrap().series().next().unwrap().1.abnormal.clone().unwrap();
    assert_eq!((abnormal.score, abnormal.goes_on), (70.0, false));
    assert_eq!(abnormal.explanation.as_deref(), Some("[90.0] is odd"));
}

#[tokio::test(start_paused = true)]
async fn a_restart_goes_on_without_a_fit() {
    let mut world = World::new(&["a"], -60..60, |_| 20.0);
    world.set(MODEL).await;
    minutes(3).await;
    let scores = world.scores("a");
    world.restart(MODEL).await;
    minutes(3).await;
    assert_eq!((world.fits(), world.restored()), (1, 2));
    assert!(world.scores("a") >= scores + 2);
}

#[tokio::test(start_paused = true)]
async fn a_new_version_of_the_plugin_takes_over_what_was_saved() {
    let world = World::new(&["a"], -60..60, |_| 20.0);
    world.set(MODEL).await;
    minutes(3).await;
    world.plugin_changes(Some("2")).await;
    minutes(2).await;
    assert_eq!((world.fits(), world.restored()), (1, 2));
    assert_eq!(world.models.views()[0].plugin.clone().unwrap().version, "2");
    assert_eq!(world.newest("m:score", "a"), Some(0.0));
}

#[tokio::test(start_paused = true)]
async fn a_new_version_that_cannot_take_over_fits_again() {
    let world = World::new(&["a"], -60..60, |_| 20.0);
    world.set(MODEL).await;
    minutes(3).await;
    world.asked.is_picky.store(true, Ordering::SeqCst);
    world.plugin_changes(Some("2")).await;
    minutes(3).await;
    assert_eq!(world.fits(), 2);
    assert_eq!(world.newest("m:score", "a"), Some(0.0));
}

#[tokio::test(start_paused = true)]
async fn a_model_whose_plugin_is_gone_ends_its_series_and_comes_back_as_it_was() {
    let world = World::new(&["a"], -60..60, |_| 20.0);
    world.set(MODEL).await;
    minutes(3).await;
    world.plugin_changes(None).await;
    assert_eq!(world.newest("m:score", "a"), None);
    assert_eq!(world.models.views()[0].plugin.clone().unwrap_err(), "there is no plugin");
    world.plugin_changes(Some("1")).await;
    minutes(2).await;
    assert_eq!((world.fits(), world.newest("m:score", "a")), (1, Some(0.0)));
}

#[tokio::test(start_paused = true)]
async fn after_a_crash_it_goes_on_with_what_was_saved() {
    let world = World::new(&["a", "b"], -60..60, |minute| if minute == 5 { 666.0 } else { 20.0 });
    *world.asked.poison.lock().unwrap() = Some(666.0);
    world.set(MODEL).await;
    minutes(4).await;
    assert_eq!(world.restored(), 2);
    minutes(2).await;
    assert!(world.models.views()[0].last_evaluation().error.unwrap().contains("poison"));
    minutes(4).await;
    assert_eq!((world.fits(), world.restored()), (2, 4));
    assert_eq!(world.newest("m:score", "b"), Some(0.0));
}

#[tokio::test(start_paused = true)]
async fn a_fit_waits_while_the_plugin_is_not_called() {
    let world = World::new(&["a", "b"], -60..60, |_| 20.0);
    world.asked.refusals.store(9, Ordering::SeqCst);
    world.set(MODEL).await;
    minutes(4).await;
    assert_eq!((world.fits(), world.newest("m:score", "b")), (2, Some(0.0)));
    let view = world.models.views().remove(0);
    assert!(
        view.roster.read().unwrap().series().all(|(_, series)| series.error.is_none()),
        "that is no failure"
    );
}

#[tokio::test(start_paused = true)]
async fn a_fit_holds_up_no_scores() {
    let world = World::new(&["a"], -60..120, |_| 20.0);
    world.set(MODEL).await;
    minutes(3).await;
    world.asked.holds_fits.store(true, Ordering::SeqCst);
    minutes(60).await;
    assert_eq!(world.fits(), 2, "the second is under way");
    let scores = world.scores("a");
    minutes(10).await;
    assert_eq!((world.fits(), world.scores("a")), (2, scores + 10));
    world.asked.release.notify_one();
    minutes(2).await;
    assert_eq!(world.restored(), 2);
}

#[tokio::test(start_paused = true)]
async fn scores_end_with_the_series_that_they_are_of() {
    let world = World::new(&["a"], -60..5, |_| 20.0);
    world.set(MODEL).await;
    minutes(4).await;
    assert_eq!(world.newest("m:score", "a"), Some(0.0));
    minutes(8).await;
    assert_eq!(world.newest("m:score", "a"), None, "five minutes after the last sample");
}

#[tokio::test(start_paused = true)]
async fn a_reload_leaves_what_is_the_same_alone_and_ends_what_is_gone() {
    let world = World::new(&["a"], -60..60, |_| 20.0);
    let other = MODEL.replace("name: m", "name: n");
    world.set(&format!("{MODEL}, {other}")).await;
    minutes(3).await;
    assert_eq!((world.fits(), world.restored()), (2, 2));
    world.set(MODEL).await;
    minutes(2).await;
    assert_eq!((world.fits(), world.restored()), (2, 2));
    assert_eq!((world.newest("m:score", "a"), world.newest("n:score", "a")), (Some(0.0), None));
    assert_eq!((world.state.models("m").unwrap().len(), world.state.models("n").unwrap().len()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn another_pace_keeps_what_was_fitted_and_another_expression_does_not() {
    let world = World::new(&["a"], -60..60, |_| 20.0);
    world.set(MODEL).await;
    minutes(3).await;
    world.set(&MODEL.replace("fit_every: 1h", "fit_every: 2h")).await;
    minutes(2).await;
    assert_eq!(world.fits(), 1);
    world.set(&MODEL.replace("expr: temp", "expr: temp * 2")).await;
    minutes(3).await;
    assert_eq!(world.fits(), 2);
    assert_eq!(world.newest("m:expected", "a"), Some(40.0));
}

#[tokio::test(start_paused = true)]
async fn one_model_sees_all_series() {
    let mut world = World::new(&["a", "b"], -60..60, |_| 20.0);
    let model = MODEL.replace("model: mean", "model: mean_of_all");
    world.set(&model).await;
    minutes(3).await;
    assert_eq!(world.fits(), 1);
    assert_eq!((world.newest("m:score", "a"), world.newest("m:score", "b")), (Some(0.0), Some(0.0)));
    world.restart(&model).await;
    minutes(2).await;
    assert_eq!(world.fits(), 1);
    assert_eq!(world.state.models("m").unwrap()[0].dimensions.len(), 2);
}
