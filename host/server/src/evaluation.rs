//! Rule groups at work: one task a group sleeps until its next slot, evaluates, and passes on what came of it.

mod detectors;
mod evaluator;
#[cfg(test)]
mod tests;

pub use detectors::DetectorFunctionAdapter;
pub use evaluator::EngineEvaluator;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use arc_swap::ArcSwap;
use bellwether_model::state::{DurableState, StoredRuleAlert};
use bellwether_model::{Alert, Appender, Labels, Timestamp};
use bellwether_rules::{Evaluation, Group, GroupEnv, RuleAlertState, RuleGroupSpec, Schedule, Transition};
use rustc_hash::FxHashMap;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
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
    /// Labels of this host, for templates and on every alert that it hands to routing.
    pub external_labels: Labels,
    /// Where this host can be reached.
    pub external_url: String,
}

impl std::fmt::Debug for EvaluationDeps {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EvaluationDeps").field("external_url", &self.external_url).finish_non_exhaustive()
    }
}

/// How far the clock may go back before groups are evaluated at times that they have seen before.
const CLOCK_WENT_BACK: Duration = Duration::from_secs(60);

/// All rule groups.
pub struct RuleGroups {
    deps: EvaluationDeps,
    tasks: Tasks,
    running: ArcSwap<Running>,
    /// Groups that were there at the start and have not been evaluated yet; those that a reload removes stay counted.
    unevaluated: AtomicUsize,
}

#[derive(Default)]
struct Running {
    groups: Vec<SharedGroup>,
    token: CancellationToken,
    /// Ends with the last of their tasks.
    evaluating: TaskTracker,
}

impl Running {
    /// Has the groups stop. When it returns no evaluation is under way any more and none will begin.
    async fn stop(&self) {
        self.token.cancel();
        self.evaluating.close();
        self.evaluating.wait().await;
    }
}

/// What of rules' alerts has to be kept over a restart, by rule key.
type RuleAlerts = FxHashMap<String, Vec<StoredRuleAlert>>;

impl std::fmt::Debug for RuleGroups {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RuleGroups").field("groups", &self.groups().len()).finish_non_exhaustive()
    }
}

impl RuleGroups {
    /// No groups yet.
    pub fn new(deps: EvaluationDeps, tasks: Tasks) -> Arc<Self> {
        Arc::new(Self { deps, tasks, running: ArcSwap::default(), unevaluated: AtomicUsize::new(0) })
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
        let groups: Vec<Group> = groups.collect();
        self.keep_rule_alerts(stored.into_keys().map(|key| (key, Vec::new())).collect());
        self.unevaluated.store(groups.len(), Ordering::Relaxed);
        self.run(groups);
    }

    /// Tells routing, with the last group that is evaluated for the first time, that the alerts that there are are known.
    async fn first_evaluation(&self) {
        if self.unevaluated.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.deps.routing.rules_evaluated().await;
        }
    }

    /// Replaces the groups once evaluations that are under way have ended; those that stay keep their alerts, groups
    /// and rules that go end their series.
    ///
    /// To be called one at a time, and awaited to the end: given up half way it leaves no rules at work.
    pub async fn reload(self: &Arc<Self>, specs: Vec<RuleGroupSpec>) {
        let former = self.running.load_full();
        former.stop().await;
        let (this, groups) = (Arc::clone(self), former.groups.clone());
        let succeeded = tokio::task::spawn_blocking(move || this.succeed(&groups, specs)).await;
        self.run(succeeded.unwrap_or_else(|error| {
            error!(error = &error as &dyn std::error::Error, "rules not replaced, the former ones go on");
            former.groups.iter().map(|group| lock(group).clone()).collect()
        }));
    }

    /// Makes groups of `specs` that go on where the former ones have ended.
    fn succeed(&self, former: &[SharedGroup], specs: Vec<RuleGroupSpec>) -> Vec<Group> {
        let by_name = former.iter().map(|group| {
            let group = lock(group).clone();
            ((group.spec.file.clone(), group.spec.name.clone()), group)
        });
        let mut by_name: FxHashMap<(String, String), Group> = by_name.collect();
        let mut gone = Vec::new();
        let groups = specs.into_iter().map(|spec| {
            let old = by_name.remove(&(spec.file.clone(), spec.name.clone()));
            let mut group = build(spec);
            gone.extend(old.map(|old| group.take_over(old)));
            group
        });
        let groups = groups.collect();
        gone.extend(by_name.into_values());
        self.end_series(&gone);
        groups
    }

    /// Ends series and alerts of groups, or of those rules of groups, that are gone.
    fn end_series(&self, gone: &[Group]) {
        let now = self.deps.clock.now();
        for group in gone {
            if let Err(error) = self.deps.appender.append(&group.stale_records(now)) {
                error!(group = %group.spec.name, error = &error as &dyn std::error::Error, "cannot end series");
            }
        }
        let keys = gone.iter().flat_map(|group| &group.rules).map(|rule| rule.key.clone());
        self.keep_rule_alerts(keys.map(|key| (key, Vec::new())).collect());
    }

    fn run(self: &Arc<Self>, groups: Vec<Group>) {
        let (token, evaluating) = (self.tasks.token().child_token(), TaskTracker::new());
        let groups: Vec<SharedGroup> = groups.into_iter().map(|group| Arc::new(RwLock::new(group))).collect();
        for group in &groups {
            let name = format!("rule group {}", lock(group).spec.name);
            let task = Arc::clone(self).run_group(Arc::clone(group), token.clone());
            self.tasks.spawn(name, evaluating.track_future(task));
        }
        self.running.store(Arc::new(Running { groups, token, evaluating }));
    }

    async fn run_group(self: Arc<Self>, group: SharedGroup, token: CancellationToken) {
        let schedule = lock(&group).schedule;
        let mut unkept = RuleAlerts::default();
        loop {
            let now = self.deps.clock.now();
            let wait = schedule.next(now).since(now);
            tokio::select! {
                () = token.cancelled() => return,
                () = tokio::time::sleep(wait) => {}
            }
            let slot = schedule.slot(self.deps.clock.now());
            let last = lock(&group).last_evaluation;
            // A slot was evaluated already, unless the clock has gone back since: then nothing would be for as long.
            if last.is_some_and(|last| slot <= last && last.since(slot) < CLOCK_WENT_BACK) {
                continue;
            }
            self.deps.telemetry.rule_iterations(last.map_or(0, |last| schedule.missed(last, slot)));
            unkept = self.tick(&group, slot, unkept).await;
            if last.is_none() {
                self.first_evaluation().await;
            }
        }
    }

    /// One evaluation of one group, to the end: samples written, alerts handed on, state kept. Takes what could not be
    /// kept before, and returns what cannot be kept now.
    async fn tick(
        self: &Arc<Self>,
        group: &SharedGroup,
        slot: Timestamp,
        mut unkept: RuleAlerts,
    ) -> RuleAlerts {
        let (this, shared) = (Arc::clone(self), Arc::clone(group));
        let evaluated = tokio::task::spawn_blocking(move || this.evaluate(&shared, slot)).await;
        let Ok(evaluation) = evaluated else {
            error!(group = %lock(group).spec.name, "rule evaluation panicked");
            return unkept;
        };
        self.note(&evaluation.transitions, slot);
        for (rule, reason) in &evaluation.failures {
            warn!(rule, reason, "rule failed");
        }
        if !evaluation.alerts.is_empty() {
            self.deps.routing.rule_alerts(self.with_external_labels(evaluation.alerts)).await;
        }
        // After routing has them: a crash in between tells an end twice to routing, which merges it, but never loses it.
        unkept.extend(evaluation.changed);
        if unkept.is_empty() {
            return unkept;
        }
        let this = Arc::clone(self);
        let kept = tokio::task::spawn_blocking(move || this.keep_rule_alerts(unkept)).await;
        kept.unwrap_or_default()
    }

    fn with_external_labels(&self, mut alerts: Vec<Alert>) -> Vec<Alert> {
        for alert in &mut alerts {
            alert.labels = with_external_labels(&alert.labels, &self.deps.external_labels);
        }
        alerts
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

    /// Replaces what is kept of rules' alerts, and returns what could not be.
    fn keep_rule_alerts(&self, mut alerts: RuleAlerts) -> RuleAlerts {
        alerts.retain(|key, alerts| {
            let kept = self.deps.state.put_rule_alerts(key, alerts);
            if let Err(error) = &kept {
                error!(rule = key, error = error as &dyn std::error::Error, "cannot keep a rule's alerts");
            }
            kept.is_err()
        });
        alerts
    }

    fn note(&self, transitions: &[Transition], at: Timestamp) {
        // Firing and resolved are routing's to tell, which also knows alerts from outside.
        let pending = transitions
            .iter()
            .filter(|t| matches!(t.alert.state, RuleAlertState::Pending { .. }) && !t.let_go);
        for transition in pending {
            let alert = &transition.alert;
            let summary = alert.annotations.value("summary");
            let labels = with_external_labels(&alert.labels, &self.deps.external_labels);
            self.deps.journal.note(about(&labels, Entry::new(at, Kind::Pending, summary)));
        }
    }
}

/// How long it takes at most until every group has been evaluated once; a group that takes longer is not waited for.
pub fn first_round(specs: &[RuleGroupSpec]) -> Duration {
    const LONGEST: Duration = Duration::from_secs(60);
    let longest = specs.iter().map(|spec| spec.interval).max().unwrap_or_default();
    (longest * 2).min(LONGEST)
}

fn build(spec: RuleGroupSpec) -> Group {
    let seed =
        Labels::from_pairs([("file", spec.file.as_str()), ("group", spec.name.as_str())]).fingerprint().0;
    let schedule = Schedule::new(spec.interval, seed);
    Group::new(spec, schedule)
}

/// The labels under which routing knows an alert of a rule of this host: as Prometheus, each external label that the
/// alert does not have itself.
pub fn with_external_labels(labels: &Labels, external: &Labels) -> Labels {
    if external.is_empty() {
        return labels.clone();
    }
    let mut all = labels.to_builder();
    for label in external.iter() {
        if labels.get(&label.name).is_none() {
            all.set(label.name.clone(), label.value.clone());
        }
    }
    all.build()
}

/// Reads a group, waiting for an evaluation that is under way.
pub fn lock(group: &SharedGroup) -> std::sync::RwLockReadGuard<'_, Group> {
    group.read().unwrap_or_else(PoisonError::into_inner)
}
