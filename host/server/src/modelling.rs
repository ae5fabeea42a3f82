//! Models at work: each configured model is a task that judges what its expression gives, learns from what is normal, and
//! has its models fitted in the background.
//!
//! What a task has at work can always be made again out of what is kept in the state: a restart of the host, another
//! version of the plugin, a changed configuration and a crash all take that way. Results are series of `<name>:score`,
//! `<name>:expected`, `<name>:lower` and `<name>:upper`, for rules to look at; nothing here alerts.

mod fitting;
mod history;
pub mod roster;
mod subject;
#[cfg(test)]
mod tests;
mod worker;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use arc_swap::ArcSwap;
use bellwether_model::modelling::{ModelPlugin, Modeller};
use bellwether_model::state::DurableState;
use bellwether_model::{Appender, Labels, Record, Timestamp, stale_nan};
use bellwether_promql::{Engine, Query};
use bellwether_sandbox::Plugins;
use rustc_hash::{FxHashMap, FxHashSet};
use tokio::sync::{Mutex, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{error, warn};

use self::roster::{Plan, Roster};
use self::worker::Worker;
use crate::clock::Clock;
use crate::config::{ModelConfig, ModelDefinition};
use crate::evaluation::EngineEvaluator;
use crate::tasks::Tasks;
use crate::telemetry::Telemetry;

/// What models take.
pub struct ModellingDeps {
    /// Evaluates expressions.
    pub evaluator: EngineEvaluator,
    /// Takes scores.
    pub appender: Arc<dyn Appender>,
    /// Keeps fitted models.
    pub state: Arc<dyn DurableState>,
    /// The time.
    pub clock: Clock,
    /// Counters.
    pub telemetry: Arc<Telemetry>,
    /// Where tasks are started.
    pub tasks: Tasks,
    /// Who fits holds its only permit.
    pub lane: Semaphore,
}

impl fmt::Debug for ModellingDeps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ModellingDeps").finish_non_exhaustive()
    }
}

/// What a configured model is put to work with.
#[derive(Debug, Clone)]
pub struct Offer {
    /// Who makes it.
    pub modeller: Arc<dyn Modeller>,
    /// Its settings as JSON, checked, with defaults filled in.
    pub config: String,
    /// What it judges.
    pub query: Query,
}

impl Offer {
    fn is_multivariate_with_history(&self, kind: &str) -> (bool, std::time::Duration) {
        let kind = self.modeller.kinds().iter().find(|known| known.name == kind);
        kind.map_or_else(Default::default, |kind| (kind.multivariate, kind.history))
    }
}

/// Finds what a configured model is put to work with, or says why it cannot be.
pub type OfferLookup = Arc<dyn Fn(&ModelConfig) -> Result<Offer, String> + Send + Sync>;

/// Offers of the plugins that there are.
pub fn offers(plugins: &Plugins, engine: &Arc<ArcSwap<Engine>>) -> OfferLookup {
    let (plugins, engine) = (plugins.clone(), Arc::clone(engine));
    Arc::new(move |model| {
        let found = || {
            let (modeller, config) = model.modeller(&plugins)?;
            Ok(Offer { modeller: Arc::new(modeller), config, query: model.query(&engine.load())? })
        };
        found().map_err(|error: bellwether_model::yaml::YamlError| error.to_string())
    })
}

/// What can be seen of a configured model.
pub struct ModelView {
    /// What it is and does.
    pub definition: ModelDefinition,
    /// Who makes it, or why nobody does.
    pub plugin: Result<ModelPlugin, String>,
    /// Its series.
    pub roster: RwLock<Roster>,
    last: RwLock<LastEvaluation>,
    /// Series of the last evaluation: those that do not come again end with a stale marker.
    written: RwLock<FxHashSet<Labels>>,
}

/// How the last evaluation of a model went.
#[derive(Debug, Clone, Default)]
pub struct LastEvaluation {
    /// When it was; none before the first.
    pub at: Option<Timestamp>,
    /// Why there are no scores.
    pub error: Option<String>,
}

impl fmt::Debug for ModelView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ModelView").field("definition", &self.definition).finish_non_exhaustive()
    }
}

impl ModelView {
    fn evaluated(&self, at: Timestamp, error: Option<String>) {
        *self.last.write().unwrap_or_else(PoisonError::into_inner) = LastEvaluation { at: Some(at), error };
    }

    /// Adds the ends of series that were written the last time and are not now; returns those that are, for
    /// [`wrote`](Self::wrote) once they have been.
    fn end_others(&self, records: &mut Vec<Record>, at: Timestamp) -> FxHashSet<Labels> {
        subject::end_others(records, &self.written.read().unwrap_or_else(PoisonError::into_inner), at)
    }

    fn wrote(&self, written: FxHashSet<Labels>) {
        *self.written.write().unwrap_or_else(PoisonError::into_inner) = written;
    }

    /// How the last evaluation went.
    pub fn last_evaluation(&self) -> LastEvaluation {
        self.last.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// All configured models.
pub struct Models {
    deps: Arc<ModellingDeps>,
    find: OfferLookup,
    running: Mutex<Vec<Running>>,
    views: ArcSwap<Vec<Arc<ModelView>>>,
}

impl fmt::Debug for Models {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Models").field("views", &self.views()).finish_non_exhaustive()
    }
}

struct Running {
    config: ModelConfig,
    view: Arc<ModelView>,
    token: CancellationToken,
    /// Ends when its task has.
    work: TaskTracker,
}

impl Running {
    /// Has it save what it has learnt and end. Returns the series that somebody has to go on with, or to end.
    async fn stop(&self) -> FxHashSet<Labels> {
        self.token.cancel();
        self.work.close();
        self.work.wait().await;
        std::mem::take(&mut *self.view.written.write().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Models {
    /// No models yet.
    pub fn new(deps: ModellingDeps, find: OfferLookup) -> Self {
        Self { deps: Arc::new(deps), find, running: Mutex::default(), views: ArcSwap::default() }
    }

    /// The models, in order of the configuration.
    pub fn views(&self) -> Vec<Arc<ModelView>> {
        self.views.load().as_ref().clone()
    }

    /// Puts these models to work from now on. Those that are the same as before go on.
    pub async fn set(&self, models: &[ModelConfig]) {
        let mut running = self.running.lock().await;
        let mut former: Vec<Running> = std::mem::take(&mut *running);
        let mut next = Vec::with_capacity(models.len());
        let mut changed = Vec::new();
        for model in models {
            match former.iter().position(|old| old.config.definition == model.definition) {
                Some(at) => next.push(former.swap_remove(at)),
                None => changed.push(model),
            }
        }
        let mut written = FxHashMap::default();
        for gone in former {
            written.insert(gone.config.definition.name.clone(), gone.stop().await);
        }
        for model in changed {
            let goes_on = written.remove(&model.definition.name).unwrap_or_default();
            next.push(self.start(model.clone(), goes_on).await);
        }
        for (name, series) in written {
            self.deps.telemetry.model_gone(&name);
            self.end(series).await;
        }
        next.sort_by_key(|running| {
            models.iter().position(|model| model.definition == running.config.definition)
        });
        self.keep_only(models).await;
        self.show(&next);
        *running = next;
    }

    /// Plugins have changed, or have come or gone: models of theirs go on with what there is now, and models that nobody
    /// made are looked at again.
    pub async fn plugins_changed(&self, names: &BTreeSet<String>) {
        let mut running = self.running.lock().await;
        let mut next = Vec::with_capacity(running.len());
        for model in std::mem::take(&mut *running) {
            let is_affected = model.view.plugin.as_ref().map_or(true, |plugin| names.contains(&plugin.name));
            next.push(if is_affected {
                let goes_on = model.stop().await;
                self.start(model.config, goes_on).await
            } else {
                model
            });
        }
        self.show(&next);
        *running = next;
    }

    /// Puts a model to work, which goes on with series that were written before.
    async fn start(&self, config: ModelConfig, goes_on: FxHashSet<Labels>) -> Running {
        let offer = (self.find)(&config);
        let definition = config.definition.clone();
        let (multivariate, usual_history) = offer.as_ref().map_or_else(
            |_| Default::default(),
            |offer| offer.is_multivariate_with_history(&definition.kind),
        );
        let plan = Plan {
            name: definition.name.clone(),
            multivariate,
            fit_every: definition.fit_every,
            history: definition.history.unwrap_or(usual_history),
            normal_below: definition.normal_below,
        };
        let roster = RwLock::new(Roster::new(plan, self.deps.clock.now()));
        let plugin = offer.as_ref().map(|offer| offer.modeller.plugin().clone()).map_err(Clone::clone);
        let (last, written) = (RwLock::default(), RwLock::default());
        let view = Arc::new(ModelView { definition, plugin, roster, last, written });
        let (token, work) = (self.deps.tasks.token().child_token(), TaskTracker::new());
        match offer {
            Ok(offer) => {
                *view.written.write().unwrap_or_else(PoisonError::into_inner) = goes_on;
                let worker = Worker::new(Arc::clone(&self.deps), offer, Arc::clone(&view));
                let name = format!("model {}", view.definition.name);
                self.deps.tasks.spawn(name, work.track_future(worker.run(token.clone())));
            }
            Err(reason) => {
                warn!(model = view.definition.name, reason, "model cannot work");
                self.end(goes_on).await;
            }
        }
        Running { config, view, token, work }
    }

    /// Ends series that nobody goes on with.
    async fn end(&self, series: FxHashSet<Labels>) {
        let (appender, now) = (Arc::clone(&self.deps.appender), self.deps.clock.now());
        let ends = series.into_iter().map(|labels| Record::new(labels, now, stale_nan()));
        let ends: Vec<Record> = ends.collect();
        if ends.is_empty() {
            return;
        }
        let ended = tokio::task::spawn_blocking(move || appender.append(&ends)).await;
        if let Ok(Err(error)) = ended {
            error!(error = &error as &dyn std::error::Error, "cannot end series of models");
        }
    }

    async fn keep_only(&self, models: &[ModelConfig]) {
        let names: Vec<String> = models.iter().map(|model| model.definition.name.clone()).collect();
        let state = Arc::clone(&self.deps.state);
        let kept = tokio::task::spawn_blocking(move || state.keep_only_models(&names)).await;
        if let Ok(Err(error)) = kept {
            error!(error = &error as &dyn std::error::Error, "models that are gone not forgotten");
        }
    }

    fn show(&self, running: &[Running]) {
        self.views.store(Arc::new(running.iter().map(|running| Arc::clone(&running.view)).collect()));
    }
}
