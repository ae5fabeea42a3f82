//! Rule groups at work: one task a group sleeps until its next slot, evaluates, and passes on what came of it.

mod detectors;
mod evaluator;

pub use detectors::DetectorFunctionAdapter;
pub use evaluator::EngineEvaluator;

use std::sync::{Arc, PoisonError, RwLock};

use arc_swap::ArcSwap;
use bellwether_model::state::{DurableState, StoredRuleAlert};
use bellwether_model::{Appender, Labels, Timestamp};
use bellwether_rules::{Evaluation, Group, GroupEnv, RuleAlertState, RuleGroupSpec, Schedule, Transition};
use rustc_hash::FxHashMap;
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use crate::clock::{Clock, stopwatch};
use crate::journal::{Entry, Journal, Kind};
use crate::routing::{RoutingHandle, about};
use crate::tasks::Tasks;
use crate::telemetry::Telemetry;

/// A group that the evaluating task writes and the API reads.
pub type SharedGroup = Arc<RwLock<Group>>;

/// What evaluating groups takes.
pub struct EvaluationDeps {
    /// Evaluates expressions.
    pub evaluator: EngineEvaluator,
    /// Takes results.
    pub appender: Arc<dyn Appender>,
    /// Keeps pending and firing alerts over a restart.
    pub state: Arc<dyn DurableState>,
    /// Takes alerts.
    pub routing: RoutingHandle,
    /// Told of transitions.
    pub journal: Arc<Journal>,
    /// The time.
    pub clock: Clock,
    /// Counters.
    pub telemetry: Arc<Telemetry>,
    /// Labels of this host.
    pub external_labels: Labels,
    /// Where this host can be reached.
    pub external_url: String,
}

impl std::fmt::Debug for EvaluationDeps {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EvaluationDeps").field("external_url", &self.external_url).finish_non_exhaustive()
    }
}

/// All rule groups.
pub struct RuleGroups {
    deps: EvaluationDeps,
    tasks: Tasks,
    running: ArcSwap<Running>,
}

#[derive(Default)]
struct Running {
    groups: Vec<SharedGroup>,
    token: CancellationToken,
}

impl std::fmt::Debug for RuleGroups {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RuleGroups").field("groups", &self.groups().len()).finish_non_exhaustive()
    }
}

impl RuleGroups {
    /// No groups yet.
    pub fn new(deps: EvaluationDeps, tasks: Tasks) -> Arc<Self> {
        Arc::new(Self { deps, tasks, running: ArcSwap::default() })
    }

    /// The groups in force, in order of their files.
    pub fn groups(&self) -> Vec<SharedGroup> {
        self.running.load().groups.clone()
    }

    /// Puts groups to work for the first time, with the alerts that were active when the process was last alive.
    pub fn start(
        self: &Arc<Self>,
        specs: Vec<RuleGroupSpec>,
        mut stored: FxHashMap<String, Vec<StoredRuleAlert>>,
        last_alive: Timestamp,
    ) {
        let now = self.deps.clock.now();
        let groups = specs.into_iter().map(|spec| {
            let mut group = build(spec);
            group.restore(&mut stored, last_alive.min(now), now);
            group
        });
        self.run(groups.collect());
        for key in stored.into_keys() {
            self.keep_rule_alerts(&key, &[]);
        }
    }

    /// Replaces the groups; those that stay keep their alerts, those that go end their series.
    pub fn reload(self: &Arc<Self>, specs: Vec<RuleGroupSpec>) {
        let former = self.running.load_full();
        former.token.cancel();
        let mut by_name: FxHashMap<(String, String), Group> = FxHashMap::default();
        for group in &former.groups {
            let group = group.read().unwrap_or_else(PoisonError::into_inner).clone();
            by_name.insert((group.spec.file.clone(), group.spec.name.clone()), group);
        }
        let groups = specs.into_iter().map(|spec| {
            let old = by_name.remove(&(spec.file.clone(), spec.name.clone()));
            let mut group = build(spec);
            if let Some(old) = old {
                group.take_over(old);
            }
            group
        });
        let groups: Vec<Group> = groups.collect();
        self.end_series(by_name.into_values());
        self.run(groups);
    }

    fn end_series(&self, gone: impl Iterator<Item = Group>) {
        let now = self.deps.clock.now();
        for group in gone {
            if let Err(error) = self.deps.appender.append(&group.stale_records(now)) {
                error!(group = %group.spec.name, error = &error as &dyn std::error::Error, "cannot end series");
            }
            for rule in &group.rules {
                self.keep_rule_alerts(&rule.key, &[]);
            }
        }
    }

    fn run(self: &Arc<Self>, groups: Vec<Group>) {
        let token = self.tasks.token().child_token();
        let groups: Vec<SharedGroup> = groups.into_iter().map(|group| Arc::new(RwLock::new(group))).collect();
        for group in &groups {
            let name = format!("rule group {}", lock(group).spec.name);
            self.tasks.spawn(name, Arc::clone(self).run_group(Arc::clone(group), token.clone()));
        }
        self.running.store(Arc::new(Running { groups, token }));
    }

    async fn run_group(self: Arc<Self>, group: SharedGroup, token: CancellationToken) {
        let schedule = lock(&group).schedule;
        loop {
            let now = self.deps.clock.now();
            let wait = schedule.next(now).since(now);
            tokio::select! {
                () = token.cancelled() => return,
                () = tokio::time::sleep(wait) => {}
            }
            let slot = schedule.slot(self.deps.clock.now());
            let last = lock(&group).last_evaluation;
            if last.is_some_and(|last| slot <= last) {
                continue;
            }
            self.deps.telemetry.rule_iterations(last.map_or(0, |last| schedule.missed(last, slot)));
            self.tick(&group, slot).await;
        }
    }

    /// One evaluation of one group, to the end: samples written, alerts handed on, state kept.
    async fn tick(self: &Arc<Self>, group: &SharedGroup, slot: Timestamp) {
        let (this, shared) = (Arc::clone(self), Arc::clone(group));
        let evaluated = tokio::task::spawn_blocking(move || this.evaluate(&shared, slot)).await;
        let Ok(evaluation) = evaluated else {
            error!(group = %lock(group).spec.name, "rule evaluation panicked");
            return;
        };
        self.note(&evaluation.transitions, slot);
        for (rule, reason) in &evaluation.failures {
            warn!(rule, reason, "rule failed");
        }
        if !evaluation.alerts.is_empty() {
            self.deps.routing.rule_alerts(evaluation.alerts).await;
        }
        // After routing has them: a crash in between tells an end twice to routing, which merges it, but never loses it.
        for (key, alerts) in &evaluation.changed {
            self.keep_rule_alerts(key, alerts);
        }
    }

    fn evaluate(&self, group: &SharedGroup, slot: Timestamp) -> Evaluation {
        let stopwatch = stopwatch();
        let env = GroupEnv {
            evaluator: &self.deps.evaluator,
            appender: self.deps.appender.as_ref(),
            external_labels: &self.deps.external_labels,
            external_url: &self.deps.external_url,
            stopwatch: &stopwatch,
        };
        let mut group = group.write().unwrap_or_else(PoisonError::into_inner);
        let evaluation = group.evaluate(slot, &env);
        self.deps.telemetry.rule_tick(group.rules.len(), evaluation.failures.len(), group.evaluation_time);
        evaluation
    }

    fn keep_rule_alerts(&self, key: &str, alerts: &[StoredRuleAlert]) {
        if let Err(error) = self.deps.state.put_rule_alerts(key, alerts) {
            error!(rule = key, error = &error as &dyn std::error::Error, "cannot keep a rule's alerts");
        }
    }

    fn note(&self, transitions: &[Transition], at: Timestamp) {
        // Firing and resolved are routing's to tell, which also knows alerts from outside.
        let pending = transitions
            .iter()
            .filter(|t| matches!(t.alert.state, RuleAlertState::Pending { .. }) && !t.let_go);
        for transition in pending {
            let alert = &transition.alert;
            let summary = alert.annotations.value("summary");
            self.deps.journal.note(about(&alert.labels, Entry::new(at, Kind::Pending, summary)));
        }
    }
}

fn build(spec: RuleGroupSpec) -> Group {
    let seed =
        Labels::from_pairs([("file", spec.file.as_str()), ("group", spec.name.as_str())]).fingerprint().0;
    let schedule = Schedule::new(spec.interval, seed);
    Group::new(spec, schedule)
}

/// Reads a group, waiting for an evaluation that is under way.
pub fn lock(group: &SharedGroup) -> std::sync::RwLockReadGuard<'_, Group> {
    group.read().unwrap_or_else(PoisonError::into_inner)
}
