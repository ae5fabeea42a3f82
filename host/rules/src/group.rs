//! A rule group at work: its rules are evaluated in order, each one sees what the ones before it wrote.

use std::sync::Arc;
use std::time::Duration;

use bellwether_model::query::AppendError;
use bellwether_model::state::StoredRuleAlert;
use bellwether_model::{Alert, Appender, Labels, Record, Timestamp, stale_nan};
use bellwether_promql::{InstantSample, Query, Tick};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::alerting::{AlertingRule, Transition};
use crate::file::RuleGroupSpec;
use crate::recording::RecordingRule;
use crate::schedule::Schedule;

/// Why a rule gave no result.
#[derive(Debug, Clone, thiserror::Error)]
pub enum RuleError {
    /// The expression failed.
    #[error("{0}")]
    Query(String),
    /// Two results have the same labels once the rule's own are set.
    #[error("vector contains metrics with the same labelset after applying rule labels")]
    DuplicateResult,
    /// A result that is a native histogram, which samples in storage cannot be.
    #[error(
        "the result is a native histogram, and only floats can be recorded; take histogram_count, histogram_sum or histogram_quantile of it"
    )]
    HistogramResult,
    /// More results than the group allows.
    #[error("exceeded limit of {limit} with {count} results")]
    Limit {
        /// The group's `limit`.
        limit: usize,
        /// How many there were.
        count: usize,
    },
    /// The result could not be stored.
    #[error("cannot store the result")]
    Append(#[from] AppendError),
}

/// Who evaluates expressions: our engine, or another one.
pub trait Evaluator: Sync {
    /// What the rules that are evaluated at one time have in common.
    fn tick(&self, at: Timestamp) -> Arc<Tick> {
        Arc::new(Tick::new(at))
    }

    /// The instant vector of a rule's expression at the time of a tick; a scalar counts as one sample without labels.
    fn evaluate(&self, query: &Query, tick: &Tick) -> Result<Vec<InstantSample>, RuleError>;

    /// The instant vector of an expression inside a template.
    fn evaluate_text(&self, expression: &str, at: Timestamp) -> Result<Vec<(Labels, f64)>, String>;
}

/// What a group needs of the world to be evaluated.
#[derive(Clone, Copy)]
pub struct GroupEnv<'a> {
    /// Evaluates expressions.
    pub evaluator: &'a dyn Evaluator,
    /// Takes the results.
    pub appender: &'a dyn Appender,
    /// Labels of this host, for templates.
    pub external_labels: &'a Labels,
    /// Where this host can be reached, for templates and links.
    pub external_url: &'a str,
    /// Time passed since some fixed point, to measure how long rules take.
    pub stopwatch: &'a dyn Fn() -> Duration,
}

impl std::fmt::Debug for GroupEnv<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GroupEnv").field("external_url", &self.external_url).finish_non_exhaustive()
    }
}

impl GroupEnv<'_> {
    /// The page that shows an expression, as Prometheus links it.
    pub(crate) fn generator_url(&self, expression: &str) -> String {
        let mut url = format!("{}/graph?g0.expr=", self.external_url.trim_end_matches('/'));
        for byte in expression.bytes() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                    url.push(char::from(byte));
                }
                b' ' => url.push('+'),
                byte => url.push_str(&format!("%{byte:02X}")),
            }
        }
        url.push_str("&g0.tab=1");
        url
    }
}

/// Whether a rule works.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Health {
    /// It was not evaluated yet.
    #[default]
    Unknown,
    /// The last evaluation succeeded.
    Good,
    /// It failed, with the reason.
    Bad(String),
}

impl Health {
    /// `unknown`, `ok` or `err`, as in Prometheus' API.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Good => "ok",
            Self::Bad(_) => "err",
        }
    }
}

/// What is known of a rule's last evaluation.
#[derive(Debug, Clone, Default)]
pub struct RuleStatus {
    /// Whether it works.
    pub health: Health,
    /// When it was last evaluated.
    pub last_evaluation: Option<Timestamp>,
    /// How long that took.
    pub evaluation_time: Duration,
}

/// What a rule does with its result.
#[derive(Debug, Clone)]
pub enum RuleKind {
    /// It makes alerts.
    Alerting(AlertingRule),
    /// It makes series.
    Recording(RecordingRule),
}

/// A rule in a group.
#[derive(Debug, Clone)]
pub struct Rule {
    /// Identity across restarts and reloads: file, group, name, labels, and which of several equal ones.
    pub key: String,
    /// What it does.
    pub kind: RuleKind,
    /// How the last evaluation went.
    pub status: RuleStatus,
    /// Series of the last evaluation: those that do not come again end with a stale marker.
    previous: FxHashSet<Labels>,
}

impl Rule {
    pub(crate) fn new(key: String, kind: RuleKind) -> Self {
        Self { key, kind, status: RuleStatus::default(), previous: FxHashSet::default() }
    }

    fn take_over(&mut self, former: Self) {
        self.previous = former.previous;
        self.status = former.status;
        if let (RuleKind::Alerting(new), RuleKind::Alerting(old)) = (&mut self.kind, former.kind) {
            new.take_over(old);
        }
    }

    /// Name of the alert or of the recorded metric.
    pub fn name(&self) -> &str {
        match &self.kind {
            RuleKind::Alerting(rule) => &rule.alert,
            RuleKind::Recording(rule) => &rule.record,
        }
    }

    /// What it evaluates.
    pub fn query(&self) -> &Query {
        match &self.kind {
            RuleKind::Alerting(rule) => &rule.query,
            RuleKind::Recording(rule) => &rule.query,
        }
    }
}

/// What one evaluation of a group gives, beside the samples that it wrote.
#[derive(Debug, Default)]
pub struct Evaluation {
    /// Alerts to hand to routing.
    pub alerts: Vec<Alert>,
    /// Rules whose durable state changed, with that state.
    pub changed: Vec<(String, Vec<StoredRuleAlert>)>,
    /// Alerts that began to wait, fired, ended or let go.
    pub transitions: Vec<Transition>,
    /// Samples written.
    pub samples: usize,
    /// Rules that failed, by name with the reason.
    pub failures: Vec<(String, String)>,
}

/// A rule group with the state of its rules.
#[derive(Debug, Clone)]
pub struct Group {
    /// What it was made from.
    pub spec: RuleGroupSpec,
    /// When it is evaluated.
    pub schedule: Schedule,
    /// Its rules, in order.
    pub rules: Vec<Rule>,
    /// When it was last evaluated.
    pub last_evaluation: Option<Timestamp>,
    /// How long that took.
    pub evaluation_time: Duration,
}

impl Group {
    /// A group that was not evaluated yet.
    pub fn new(spec: RuleGroupSpec, schedule: Schedule) -> Self {
        let mut repeats: FxHashMap<String, usize> = FxHashMap::default();
        let rules = spec.rules.iter().map(|rule| {
            let base = rule.key_within(&spec);
            let nth = repeats.entry(base.clone()).or_default();
            *nth += 1;
            Rule::new(format!("{base}#{nth}"), rule.to_kind())
        });
        let rules = rules.collect();
        Self { spec, schedule, rules, last_evaluation: None, evaluation_time: Duration::ZERO }
    }

    /// Takes over alerts and series of the group that this one replaces after a reload, rule by rule. Returns what is
    /// left of that group: rules that are gone, with the series that nobody goes on with.
    ///
    /// Those series are to be ended with [`Self::stale_records`], as Prometheus does after a reload.
    pub fn take_over(&mut self, mut former: Self) -> Self {
        let mut by_key: FxHashMap<String, Rule> =
            former.rules.drain(..).map(|rule| (rule.key.clone(), rule)).collect();
        for rule in &mut self.rules {
            if let Some(old) = by_key.remove(&rule.key) {
                rule.take_over(old);
            }
        }
        self.last_evaluation = former.last_evaluation;
        former.rules = by_key.into_values().collect();
        // The end of a series that another rule also writes would fall between its samples.
        for gone in &mut former.rules {
            gone.previous.retain(|labels| !self.rules.iter().any(|rule| rule.previous.contains(labels)));
        }
        former
    }

    /// Takes over alerts from before a restart; the process was last alive at `last_alive`.
    pub fn restore(
        &mut self,
        stored: &mut FxHashMap<String, Vec<StoredRuleAlert>>,
        last_alive: Timestamp,
        now: Timestamp,
    ) {
        for rule in &mut self.rules {
            if let (RuleKind::Alerting(kind), Some(alerts)) = (&mut rule.kind, stored.remove(&rule.key)) {
                kind.restore(alerts, last_alive, now);
            }
        }
    }

    /// Evaluates all rules in order, as of `at`.
    pub fn evaluate(&mut self, at: Timestamp, env: &GroupEnv<'_>) -> Evaluation {
        let started = (env.stopwatch)();
        let mut evaluation = Evaluation::default();
        let spec = &self.spec;
        // `query_offset` moves what is looked at and what is written; the state of alerts counts from `at`, as in
        // Prometheus 3.
        let tick = env.evaluator.tick(at - spec.query_offset);
        for rule in &mut self.rules {
            let rule_started = (env.stopwatch)();
            let result = evaluate_rule(rule, spec, (at, &tick), env, &mut evaluation);
            rule.status = RuleStatus {
                health: match result {
                    Ok(()) => Health::Good,
                    Err(error) => {
                        let reason = error.to_string();
                        evaluation.failures.push((rule.name().to_owned(), reason.clone()));
                        Health::Bad(reason)
                    }
                },
                last_evaluation: Some(at),
                evaluation_time: (env.stopwatch)().saturating_sub(rule_started),
            };
        }
        self.last_evaluation = Some(at);
        self.evaluation_time = (env.stopwatch)().saturating_sub(started);
        evaluation
    }

    /// Ends all series of the group, when it goes away at `at`. As everything that a group writes, the ends lie
    /// `query_offset` in the past.
    pub fn stale_records(&self, at: Timestamp) -> Vec<Record> {
        let ends_at = at - self.spec.query_offset;
        let series = self.rules.iter().flat_map(|rule| &rule.previous);
        series.map(|labels| Record::new(labels.clone(), ends_at, stale_nan())).collect()
    }
}

fn evaluate_rule(
    rule: &mut Rule,
    spec: &RuleGroupSpec,
    (at, tick): (Timestamp, &Tick),
    env: &GroupEnv<'_>,
    evaluation: &mut Evaluation,
) -> Result<(), RuleError> {
    let query_at = tick.at();
    let result = env.evaluator.evaluate(rule.query(), tick)?;
    check_limit(spec.limit, result.len(), rule)?;
    let records = match &mut rule.kind {
        RuleKind::Recording(recording) => recording.records(&result, query_at)?,
        RuleKind::Alerting(alerting) => {
            let outcome = alerting.step(&result, at, spec, env)?;
            if !outcome.transitions.is_empty() {
                evaluation.changed.push((rule.key.clone(), alerting.stored()));
            }
            evaluation.transitions.extend(outcome.transitions);
            evaluation.alerts.extend(outcome.alerts);
            outcome.records
        }
    };
    evaluation.samples += write(rule, records, tick, env.appender)?;
    Ok(())
}

/// A rule over its limit fails as a whole, and an alerting rule loses its alerts, as in Prometheus.
fn check_limit(limit: usize, count: usize, rule: &mut Rule) -> Result<(), RuleError> {
    if limit == 0 || count <= limit {
        return Ok(());
    }
    if let RuleKind::Alerting(alerting) = &mut rule.kind {
        alerting.forget_all();
    }
    Err(RuleError::Limit { limit, count })
}

/// Writes what a rule returned, and stale markers for what it returned the last time but not now. Returns how many
/// samples were written.
fn write(
    rule: &mut Rule,
    mut records: Vec<Record>,
    tick: &Tick,
    appender: &dyn Appender,
) -> Result<usize, RuleError> {
    if records.is_empty() && rule.previous.is_empty() {
        return Ok(0);
    }
    let current: FxHashSet<Labels> = records.iter().map(|record| record.labels.clone()).collect();
    let gone = rule.previous.iter().filter(|labels| !current.contains(*labels));
    records.extend(gone.map(|labels| Record::new(labels.clone(), tick.at(), stale_nan())));
    rule.previous = current;
    let accepted = appender.append(&records)?.accepted;
    // The rules after this one see what it wrote.
    let names: FxHashSet<&str> = records.iter().filter_map(|record| record.labels.metric_name()).collect();
    names.into_iter().for_each(|name| tick.wrote(name));
    Ok(accepted)
}
