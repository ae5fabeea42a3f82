//! Alerting rules: each label set that an expression returns is an alert with a state of its own.

use std::time::Duration;

use bellwether_model::labels::{ALERT_NAME, METRIC_NAME};
use bellwether_model::state::StoredRuleAlert;
use bellwether_model::{Alert, Labels, Record, Timestamp};
use bellwether_promql::{InstantSample, Query};
use bellwether_template::TemplateError;
use bellwether_template::prometheus::{AlertData, Compiled};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::file::RuleGroupSpec;
use crate::group::{GroupEnv, RuleError};
use crate::state::{Condition, Holds, RuleAlertState};

/// The series that tells which alerts are pending or firing.
pub const ALERTS: &str = "ALERTS";
/// The series that tells since when, in seconds of Unix time.
pub const ALERTS_FOR_STATE: &str = "ALERTS_FOR_STATE";
/// The label of [`ALERTS`] that holds the state.
pub const ALERT_STATE: &str = "alertstate";

/// An alert that is said again at least this often, so that routing knows the rule is alive, as Prometheus 3.
pub const RESEND_DELAY: Duration = Duration::from_secs(60);
/// An alert that was not said again ends after this many resend delays or intervals, as Prometheus 3.
const VALIDITY_FACTOR: u32 = 4;

/// One label set that the rule returned, now or lately.
#[derive(Debug, Clone)]
pub struct ActiveAlert {
    /// Labels of the result and of the rule, with `alertname`.
    pub labels: Labels,
    /// Rendered annotations.
    pub annotations: Labels,
    /// Where it stands.
    pub state: RuleAlertState,
    /// Last value of the expression.
    pub value: f64,
    /// When it was last handed to routing.
    last_sent: Option<Timestamp>,
    series: Option<AlertSeries>,
}

/// The names of the two series that tell of an alert, kept because they are written at every evaluation.
#[derive(Debug, Clone)]
struct AlertSeries {
    /// [`ALERTS`], in the state that [`ALERT_STATE`] names.
    alerts: Labels,
    state: &'static str,
    /// [`ALERTS_FOR_STATE`].
    for_state: Labels,
}

/// A label or annotation of a rule, as it was written and compiled.
#[derive(Debug, Clone)]
pub struct TextTemplate {
    /// Name of the label or annotation.
    pub name: String,
    /// As it was written.
    pub text: String,
    compiled: Compiled,
}

impl TextTemplate {
    /// Compiles a text of the rule for `alert`.
    pub fn new(alert: &str, name: String, text: String) -> Result<Self, TemplateError> {
        let compiled = Compiled::new(&format!("__alert_{alert}"), &text)?;
        Ok(Self { name, text, compiled })
    }
}

/// A rule whose results are alerts.
#[derive(Debug, Clone)]
pub struct AlertingRule {
    /// Name of its alerts.
    pub alert: String,
    /// What is evaluated.
    pub query: Query,
    /// `for` and `keep_firing_for`.
    pub holds: Holds,
    /// Labels with templates.
    pub labels: Vec<TextTemplate>,
    /// Annotations with templates.
    pub annotations: Vec<TextTemplate>,
    /// Its alerts by their labels.
    active: FxHashMap<Labels, ActiveAlert>,
    /// Labels of alerts by those of the results that they were made from at the last evaluation, where they follow from
    /// them alone.
    derived: FxHashMap<Labels, Labels>,
}

/// What one evaluation of a rule gives.
#[derive(Debug, Default)]
pub(crate) struct AlertingOutcome {
    pub(crate) records: Vec<Record>,
    pub(crate) alerts: Vec<Alert>,
    /// Alerts that began, fired or ended: the durable part of the state changed.
    pub(crate) transitions: Vec<Transition>,
}

/// An alert that began to wait, fired, ended, or let go before it fired.
#[derive(Debug, Clone)]
pub struct Transition {
    /// The alert as it is now; one that let go before it fired as it was.
    pub alert: ActiveAlert,
    /// Whether it let go before it fired.
    pub let_go: bool,
}

impl AlertingRule {
    /// A rule without alerts yet.
    pub fn new(alert: String, query: Query, holds: Holds) -> Self {
        Self {
            alert,
            query,
            holds,
            labels: Vec::new(),
            annotations: Vec::new(),
            active: FxHashMap::default(),
            derived: FxHashMap::default(),
        }
    }

    /// Its alerts, resolved ones included, sorted by labels.
    pub fn alerts(&self) -> Vec<&ActiveAlert> {
        let mut alerts: Vec<_> = self.active.values().collect();
        alerts.sort_by(|a, b| a.labels.cmp(&b.labels));
        alerts
    }

    /// What must survive a restart: pending and firing alerts.
    pub fn stored(&self) -> Vec<StoredRuleAlert> {
        self.alerts().into_iter().filter_map(ActiveAlert::to_stored).collect()
    }

    /// Takes over the alerts of an earlier life of the rule that ended at `last_alive`.
    ///
    /// The time in between does not count for `for`, as in Prometheus: nobody knows whether the condition held.
    pub fn restore(&mut self, stored: Vec<StoredRuleAlert>, last_alive: Timestamp, now: Timestamp) {
        let gap = now.since(last_alive);
        for alert in stored {
            let alert = ActiveAlert::from_stored(alert, gap);
            self.active.insert(alert.labels.clone(), alert);
        }
    }

    /// Drops all alerts, when the rule returned more than its group allows.
    pub(crate) fn forget_all(&mut self) {
        self.active.clear();
    }

    /// Takes over the alerts of the rule that this one replaces after a reload.
    pub(crate) fn take_over(&mut self, former: Self) {
        self.active = former.active;
    }

    /// One evaluation further, at `at`, given what the expression returned for the group's `query_offset` before.
    pub(crate) fn step(
        &mut self,
        result: &[InstantSample],
        at: Timestamp,
        group: &RuleGroupSpec,
        env: &GroupEnv<'_>,
    ) -> Result<AlertingOutcome, RuleError> {
        let seen = self.take_in(result, at, env)?;
        let mut outcome = AlertingOutcome::default();
        let holds = self.holds;
        self.active.retain(|labels, alert| {
            let before = alert.state;
            let next = before.step(at, seen.contains(labels), holds);
            alert.state = next.unwrap_or(before);
            let is_new = before.active_at() == at;
            let forgotten_quietly = next.is_none() && !before.is_active();
            let changed = next.map(RuleAlertState::as_str) != Some(before.as_str());
            if (is_new || changed) && !forgotten_quietly {
                outcome.transitions.push(Transition { alert: alert.clone(), let_go: next.is_none() });
            }
            next.is_some()
        });
        self.collect(at, group, env, &mut outcome);
        Ok(outcome)
    }

    /// Puts new results in as pending alerts, refreshes known ones, and returns all labels that were seen.
    fn take_in(
        &mut self,
        result: &[InstantSample],
        at: Timestamp,
        env: &GroupEnv<'_>,
    ) -> Result<FxHashSet<Labels>, RuleError> {
        let mut seen = FxHashSet::with_capacity_and_hasher(result.len(), Default::default());
        let mut fresh = Vec::with_capacity(result.len());
        let mut derived = FxHashMap::default();
        let depends_on_value = self.labels.iter().any(|template| !template.compiled.is_plain());
        for sample in result {
            let renderer = Renderer { sample, at, env };
            let labels = match self.derived.remove(&sample.labels) {
                Some(labels) => labels,
                None => self.alert_labels(&renderer),
            };
            if !depends_on_value {
                derived.insert(sample.labels.clone(), labels.clone());
            }
            if !seen.insert(labels.clone()) {
                return Err(RuleError::DuplicateResult);
            }
            fresh.push((labels, self.alert_annotations(&renderer), value_of(sample)));
        }
        self.derived = derived;
        for (labels, annotations, value) in fresh {
            let known = self.active.get_mut(&labels).filter(|alert| alert.state.is_active());
            if let Some(alert) = known {
                (alert.annotations, alert.value) = (annotations, value);
                continue;
            }
            let state = RuleAlertState::Pending { active_at: at };
            let alert = ActiveAlert {
                labels: labels.clone(),
                annotations,
                state,
                value,
                last_sent: None,
                series: None,
            };
            self.active.insert(labels, alert);
        }
        Ok(seen)
    }

    fn alert_labels(&self, renderer: &Renderer<'_>) -> Labels {
        let mut labels = renderer.sample.labels.to_builder();
        labels.remove(METRIC_NAME);
        for template in &self.labels {
            labels.set(template.name.as_str(), renderer.expand(template));
        }
        labels.remove(METRIC_NAME).set(ALERT_NAME, self.alert.as_str());
        labels.build()
    }

    fn alert_annotations(&self, renderer: &Renderer<'_>) -> Labels {
        let templates = self.annotations.iter();
        Labels::from_pairs(templates.map(|template| (template.name.as_str(), renderer.expand(template))))
    }

    fn collect(
        &mut self,
        at: Timestamp,
        group: &RuleGroupSpec,
        env: &GroupEnv<'_>,
        outcome: &mut AlertingOutcome,
    ) {
        let valid_for = RESEND_DELAY.max(group.interval) * VALIDITY_FACTOR;
        let written_at = at - group.query_offset;
        if self.active.is_empty() {
            return;
        }
        let generator_url = env.generator_url(self.query.text());
        for alert in self.active.values_mut() {
            if alert.state.is_active() {
                outcome.records.extend(alert.series(written_at));
            }
            if alert.needs_sending(at) {
                alert.last_sent = Some(at);
                outcome.alerts.extend(alert.to_alert(at, valid_for, &generator_url));
            }
        }
        outcome.alerts.sort_by(|a, b| a.labels.cmp(&b.labels));
    }
}

/// The number that an alert is about; 0 for a native histogram, as in Prometheus.
fn value_of(sample: &InstantSample) -> f64 {
    sample.value.as_float().unwrap_or(0.0)
}

/// Fills templates in for one result of an expression.
struct Renderer<'a> {
    sample: &'a InstantSample,
    at: Timestamp,
    env: &'a GroupEnv<'a>,
}

impl Renderer<'_> {
    fn expand(&self, template: &TextTemplate) -> String {
        let data = AlertData {
            labels: &self.sample.labels,
            external_labels: self.env.external_labels,
            external_url: self.env.external_url,
            value: value_of(self.sample),
        };
        let query = |text: &str, at: Timestamp| self.env.evaluator.evaluate_text(text, at);
        let expanded = template.compiled.expand(&data, self.at, &query);
        expanded.unwrap_or_else(|error| format!("<error expanding template: {error}>"))
    }
}

impl AlertSeries {
    fn new(labels: &Labels, state: &'static str) -> Self {
        let mut alerts = labels.to_builder();
        alerts.set(METRIC_NAME, ALERTS).set(ALERT_STATE, state);
        let mut for_state = labels.to_builder();
        for_state.set(METRIC_NAME, ALERTS_FOR_STATE);
        Self { alerts: alerts.build(), state, for_state: for_state.build() }
    }
}

impl ActiveAlert {
    /// What is written of it at an evaluation.
    fn series(&mut self, at: Timestamp) -> [Record; 2] {
        let since_secs = self.state.active_at().as_millis().div_euclid(1000) as f64;
        let (labels, state) = (&self.labels, self.state.as_str());
        let series = self.series.get_or_insert_with(|| AlertSeries::new(labels, state));
        if series.state != state {
            *series = AlertSeries::new(labels, state);
        }
        [Record::new(series.alerts.clone(), at, 1.0), Record::new(series.for_state.clone(), at, since_secs)]
    }

    /// Pending alerts are nobody's business yet; an end is told at once; the rest is said again now and then.
    fn needs_sending(&self, at: Timestamp) -> bool {
        let due = |last: Timestamp| last + RESEND_DELAY <= at;
        match self.state {
            RuleAlertState::Pending { .. } => false,
            RuleAlertState::Firing { .. } => self.last_sent.is_none_or(due),
            RuleAlertState::Resolved { resolved_at, .. } => {
                self.last_sent.is_none_or(|last| last < resolved_at || due(last))
            }
        }
    }

    fn to_alert(&self, at: Timestamp, valid_for: Duration, generator_url: &str) -> Option<Alert> {
        let (starts_at, ends_at) = match self.state {
            RuleAlertState::Pending { .. } => return None,
            RuleAlertState::Firing { fired_at, .. } => (fired_at, at + valid_for),
            RuleAlertState::Resolved { fired_at, resolved_at, .. } => (fired_at, resolved_at),
        };
        Some(Alert {
            labels: self.labels.clone(),
            annotations: self.annotations.clone(),
            starts_at,
            ends_at,
            ends_by_timeout: false,
            updated_at: at,
            generator_url: generator_url.to_owned(),
            value: Some(self.value),
        })
    }

    fn to_stored(&self) -> Option<StoredRuleAlert> {
        let (fired_at, keep_firing_since) = match self.state {
            RuleAlertState::Pending { .. } => (None, None),
            RuleAlertState::Firing { fired_at, condition: Condition::Holds, .. } => (Some(fired_at), None),
            RuleAlertState::Firing { fired_at, condition: Condition::KeptSince(since), .. } => {
                (Some(fired_at), Some(since))
            }
            RuleAlertState::Resolved { .. } => return None,
        };
        Some(StoredRuleAlert {
            labels: self.labels.clone(),
            annotations: self.annotations.clone(),
            active_at: self.state.active_at(),
            fired_at,
            keep_firing_since,
            value: self.value,
        })
    }

    fn from_stored(stored: StoredRuleAlert, gap: Duration) -> Self {
        let StoredRuleAlert { labels, annotations, active_at, fired_at, keep_firing_since, value } = stored;
        let state = match fired_at {
            Some(fired_at) => {
                let condition = keep_firing_since.map_or(Condition::Holds, Condition::KeptSince);
                RuleAlertState::Firing { active_at, fired_at, condition }
            }
            None => RuleAlertState::Pending { active_at: active_at + gap },
        };
        Self { labels, annotations, state, value, last_sent: None, series: None }
    }
}
