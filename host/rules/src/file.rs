//! Rule files as Prometheus 3 has them.

use std::collections::BTreeMap;
use std::time::Duration;

use bellwether_model::duration::parse_prometheus;
use bellwether_model::labels::METRIC_NAME;
use bellwether_model::yaml::{self, Spanned, YamlError};
use bellwether_promql::{Engine, ParseError, Query};
use rustc_hash::{FxHashMap, FxHashSet};
use serde::Deserialize;

use crate::alerting::{AlertingRule, TextTemplate};
use crate::group::RuleKind;
use crate::recording::RecordingRule;
use crate::state::Holds;

/// Something wrong in a rule file: place, message and remedy.
pub type RuleFileError = YamlError;

/// A checked group, ready to be evaluated.
#[derive(Debug, Clone)]
pub struct RuleGroupSpec {
    /// The file that it came from, as the user named it.
    pub file: String,
    /// Unique within its file.
    pub name: String,
    /// Time between evaluations.
    pub interval: Duration,
    /// Whether the file says so, or the default applies.
    pub interval_is_default: bool,
    /// The most results that one rule may have; 0 for any number.
    pub limit: usize,
    /// How far in the past expressions are evaluated.
    pub query_offset: Duration,
    /// Its rules, in order.
    pub rules: Vec<RuleSpec>,
}

/// A checked rule.
#[derive(Debug, Clone)]
pub enum RuleSpec {
    /// Makes alerts.
    Alerting(AlertingSpec),
    /// Makes series.
    Recording(RecordingRule),
}

/// A checked alerting rule.
#[derive(Debug, Clone)]
pub struct AlertingSpec {
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
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileYaml {
    #[serde(default)]
    groups: Option<Vec<GroupYaml>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct GroupYaml {
    name: Spanned<String>,
    interval: Option<Spanned<String>>,
    query_offset: Option<Spanned<String>>,
    #[serde(default)]
    limit: i64,
    #[serde(default)]
    labels: Option<BTreeMap<String, String>>,
    #[serde(default)]
    rules: Option<Vec<RuleYaml>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleYaml {
    record: Option<Spanned<String>>,
    alert: Option<Spanned<String>>,
    expr: Spanned<String>,
    r#for: Option<Spanned<String>>,
    keep_firing_for: Option<Spanned<String>>,
    #[serde(default)]
    labels: Option<BTreeMap<String, Spanned<String>>>,
    #[serde(default)]
    annotations: Option<BTreeMap<String, Spanned<String>>>,
}

/// Reads and checks a rule file. `engine` knows which functions there are; groups without an interval get
/// `default_interval`. All errors of the file are returned, not only the first.
pub fn parse_rule_file(
    file: &str,
    text: &str,
    engine: &Engine,
    default_interval: Duration,
) -> Result<Vec<RuleGroupSpec>, Vec<RuleFileError>> {
    if text.trim().is_empty() {
        return Ok(Vec::new());
    }
    let parsed: FileYaml = yaml::parse(file, text).map_err(|error| vec![error])?;
    let mut reader = Reader { file, text, engine, default_interval, errors: Vec::new() };
    let groups = parsed.groups.unwrap_or_default();
    reader.check_unique_names(&groups);
    let specs: Vec<_> = groups.into_iter().map(|group| reader.group(group)).collect();
    if reader.errors.is_empty() { Ok(specs) } else { Err(reader.errors) }
}

struct Reader<'a> {
    file: &'a str,
    text: &'a str,
    engine: &'a Engine,
    default_interval: Duration,
    errors: Vec<RuleFileError>,
}

impl Reader<'_> {
    fn error<T>(&mut self, at: &Spanned<T>, message: impl Into<String>, hint: &str) {
        let error = YamlError::at(self.file, self.text, &at.referenced, message).with_hint(hint);
        self.errors.push(error);
    }

    fn check_unique_names(&mut self, groups: &[GroupYaml]) {
        let mut seen = FxHashSet::default();
        for group in groups {
            let name = &group.name;
            if name.value.is_empty() {
                self.error(name, "group name must not be empty", "name the group");
            } else if !seen.insert(name.value.as_str()) {
                let message = format!("group name {:?} is repeated in the same file", name.value);
                self.error(name, message, "rename one of the two groups");
            }
        }
    }

    fn group(&mut self, group: GroupYaml) -> RuleGroupSpec {
        let interval = group.interval.as_ref().map(|text| self.duration(text)).filter(|d| !d.is_zero());
        let query_offset = group.query_offset.as_ref().map(|text| self.duration(text)).unwrap_or_default();
        let group_labels = group.labels.unwrap_or_default();
        let rules = group.rules.unwrap_or_default();
        let rules = rules.into_iter().filter_map(|rule| self.rule(rule, &group_labels)).collect();
        RuleGroupSpec {
            file: self.file.to_owned(),
            name: group.name.value,
            interval: interval.unwrap_or(self.default_interval),
            interval_is_default: interval.is_none(),
            limit: usize::try_from(group.limit).unwrap_or(0),
            query_offset,
            rules,
        }
    }

    fn duration(&mut self, text: &Spanned<String>) -> Duration {
        parse_prometheus(&text.value).unwrap_or_else(|error| {
            self.error(text, error.to_string(), "write a duration such as 30s, 5m or 1h30m");
            Duration::ZERO
        })
    }

    fn rule(&mut self, rule: RuleYaml, group_labels: &BTreeMap<String, String>) -> Option<RuleSpec> {
        let query = self.query(&rule.expr);
        match (&rule.record, &rule.alert) {
            (Some(both), Some(_)) => {
                self.error(both, "only one of 'record' and 'alert' must be set", "split it into two rules");
                None
            }
            (None, None) => {
                let message = "one of 'record' or 'alert' must be set";
                self.error(&rule.expr, message, "add `alert: Name` or `record: name`");
                None
            }
            (Some(record), None) => {
                let record = record.clone();
                self.recording(record, rule, query?, group_labels)
            }
            (None, Some(alert)) => {
                let alert = alert.clone();
                self.alerting(alert, rule, query?, group_labels)
            }
        }
    }

    fn query(&mut self, expr: &Spanned<String>) -> Option<Query> {
        if expr.value.is_empty() {
            self.error(expr, "field 'expr' must be set in rule", "add an expression");
            return None;
        }
        match self.engine.prepare(&expr.value) {
            Ok(query) => Some(query),
            Err(error) => {
                self.expression_error(expr, &error);
                None
            }
        }
    }

    fn expression_error(&mut self, expr: &Spanned<String>, error: &ParseError) {
        let message = format!("could not parse expression: {error}");
        const PLACE: &str = "the position counts inside the expression";
        match &error.unknown_function {
            None => self.error(expr, message, PLACE),
            Some(name) => {
                let hint = format!(
                    "{PLACE}; a plugin may bring {name}: put its file into the folder of plugins, which \
                     `bellwether check` takes as --plugins"
                );
                self.error(expr, message, &hint);
            }
        }
    }

    fn recording(
        &mut self,
        record: Spanned<String>,
        rule: RuleYaml,
        query: Query,
        group_labels: &BTreeMap<String, String>,
    ) -> Option<RuleSpec> {
        for (field, set) in [("for", &rule.r#for), ("keep_firing_for", &rule.keep_firing_for)] {
            if let Some(set) = set {
                let message = format!("invalid field '{field}' in recording rule");
                self.error(set, message, "only alerting rules wait; remove it");
            }
        }
        if rule.annotations.is_some_and(|annotations| !annotations.is_empty()) {
            self.error(&record, "invalid field 'annotations' in recording rule", "remove it");
        }
        if !bellwether_model::labels::is_classic_metric_name(&record.value) {
            let message = format!("invalid recording rule name: {}", record.value);
            self.error(&record, message, "use letters, digits, `_` and `:`");
            return None;
        }
        let own = rule.labels.unwrap_or_default();
        let own =
            own.into_iter().filter(|(name, value)| self.label_name_is_good(name, value)).collect::<Vec<_>>();
        let own = own.into_iter().map(|(name, value)| (name, value.value));
        let mut labels = group_labels.clone();
        labels.extend(own);
        Some(RuleSpec::Recording(RecordingRule {
            record: record.value,
            query,
            labels: labels.into_iter().collect(),
        }))
    }

    fn alerting(
        &mut self,
        alert: Spanned<String>,
        rule: RuleYaml,
        query: Query,
        group_labels: &BTreeMap<String, String>,
    ) -> Option<RuleSpec> {
        let hold = rule.r#for.as_ref().map(|text| self.duration(text)).unwrap_or_default();
        let keep_firing = rule.keep_firing_for.as_ref().map(|text| self.duration(text)).unwrap_or_default();
        let own = rule.labels.unwrap_or_default();
        let inherited = group_labels.iter().filter(|(name, _)| !own.contains_key(*name));
        let mut labels: Vec<TextTemplate> = inherited
            .filter_map(|(name, text)| TextTemplate::new(&alert.value, name.clone(), text.clone()).ok())
            .collect();
        for (name, text) in own {
            if self.label_name_is_good(&name, &text) {
                labels.extend(self.template(&alert.value, name, text));
            }
        }
        let annotations = rule.annotations.unwrap_or_default().into_iter();
        let annotations =
            annotations.filter_map(|(name, text)| self.template(&alert.value, name, text)).collect();
        let holds = Holds { hold, keep_firing };
        Some(RuleSpec::Alerting(AlertingSpec { alert: alert.value, query, holds, labels, annotations }))
    }

    fn label_name_is_good(&mut self, name: &str, value: &Spanned<String>) -> bool {
        let good = !name.is_empty() && name != METRIC_NAME;
        if !good {
            self.error(value, format!("invalid label name: {name}"), "choose another name");
        }
        good
    }

    fn template(&mut self, alert: &str, name: String, text: Spanned<String>) -> Option<TextTemplate> {
        match TextTemplate::new(alert, name.clone(), text.value.clone()) {
            Ok(template) => Some(template),
            Err(error) => {
                self.error(&text, format!("{name}: {error}"), "see the Go template syntax");
                None
            }
        }
    }
}

impl RuleSpec {
    /// Name of the alert or of the recorded metric.
    pub fn name(&self) -> &str {
        match self {
            Self::Alerting(rule) => &rule.alert,
            Self::Recording(rule) => &rule.record,
        }
    }

    /// Identity within all rules of the host, but for repetitions.
    pub(crate) fn key_within(&self, group: &RuleGroupSpec) -> String {
        let labels: Vec<String> = match self {
            Self::Alerting(rule) => {
                rule.labels.iter().map(|label| format!("{}={:?}", label.name, label.text)).collect()
            }
            Self::Recording(rule) => {
                rule.labels.iter().map(|(name, text)| format!("{name}={text:?}")).collect()
            }
        };
        format!("{};{};{};{{{}}}", group.file, group.name, self.name(), labels.join(","))
    }

    pub(crate) fn to_kind(&self) -> RuleKind {
        match self {
            Self::Recording(rule) => RuleKind::Recording(rule.clone()),
            Self::Alerting(spec) => {
                let mut rule = AlertingRule::new(spec.alert.clone(), spec.query.clone(), spec.holds);
                rule.labels = spec.labels.clone();
                rule.annotations = spec.annotations.clone();
                RuleKind::Alerting(rule)
            }
        }
    }
}

/// How many rules repeat the name and labels of another one: worth a warning, as `promtool check rules` gives.
pub fn duplicate_rules(groups: &[RuleGroupSpec]) -> Vec<String> {
    let mut counts: FxHashMap<String, usize> = FxHashMap::default();
    for group in groups {
        for rule in &group.rules {
            *counts.entry(rule.key_within(group)).or_default() += 1;
        }
    }
    let mut repeated: Vec<_> = counts.into_iter().filter(|(_, n)| *n > 1).map(|(key, _)| key).collect();
    repeated.sort();
    repeated
}
