//! `/api/v1/rules` and `/api/v1/alerts`: the rule side.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use bellwether_model::{Labels, Timestamp};
use bellwether_rules::{ActiveAlert, Condition, Group, Health, Rule, RuleAlertState, RuleKind, TextTemplate};
use serde::Serialize;

use super::answer::{ApiError, Success, format_value};
use crate::api::RequestParams;
use crate::api::params::Params;
use crate::evaluation::lock;
use crate::host::Host;

/// What Prometheus says for "never".
const ZERO_TIME: &str = "0001-01-01T00:00:00Z";

/// All groups.
#[derive(Debug, Serialize)]
pub(super) struct RuleGroupsJson {
    groups: Vec<GroupJson>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct GroupJson {
    name: String,
    file: String,
    rules: Vec<RuleJson>,
    interval: f64,
    limit: usize,
    evaluation_time: f64,
    last_evaluation: String,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum RuleJson {
    Alerting(Box<AlertingJson>),
    Recording(Box<RecordingJson>),
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct AlertingJson {
    state: &'static str,
    name: String,
    query: String,
    duration: f64,
    keep_firing_for: f64,
    labels: Labels,
    annotations: Labels,
    alerts: Vec<AlertJson>,
    #[serde(flatten)]
    run: RunJson,
    r#type: &'static str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct RecordingJson {
    name: String,
    query: String,
    #[serde(skip_serializing_if = "Labels::is_empty")]
    labels: Labels,
    #[serde(flatten)]
    run: RunJson,
    r#type: &'static str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct RunJson {
    health: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_error: Option<String>,
    evaluation_time: f64,
    last_evaluation: String,
}

/// Active alerts.
#[derive(Debug, Serialize)]
pub(super) struct AlertsJson {
    alerts: Vec<AlertJson>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct AlertJson {
    labels: Labels,
    annotations: Labels,
    state: &'static str,
    active_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    keep_firing_since: Option<String>,
    value: String,
}

/// Groups with their rules, narrowed by `type`, `rule_name[]`, `rule_group[]`, `file[]`.
pub(super) async fn rules(
    State(host): State<Arc<Host>>,
    RequestParams(params): RequestParams,
) -> Result<Success<RuleGroupsJson>, ApiError> {
    let wanted = match params.first("type").unwrap_or("") {
        "" => None,
        "alert" => Some("alerting"),
        "record" => Some("recording"),
        other => return Err(ApiError::BadData(format!("not supported value {other:?}"))),
    };
    let groups = on_reader_thread(move || {
        let groups = host.rules.groups();
        groups.iter().filter_map(|group| group_json(&lock(group), &params, wanted)).collect()
    });
    Ok(Success::new(RuleGroupsJson { groups: groups.await? }))
}

/// Pending and firing alerts of all rules.
pub(super) async fn alerts(State(host): State<Arc<Host>>) -> Result<Success<AlertsJson>, ApiError> {
    let alerts = on_reader_thread(move || {
        let groups = host.rules.groups();
        groups
            .iter()
            .flat_map(|group| lock(group).rules.iter().flat_map(alerts_of).collect::<Vec<_>>())
            .collect()
    });
    Ok(Success::new(AlertsJson { alerts: alerts.await? }))
}

/// Reading a group waits for its evaluation, so it happens on a thread that may.
async fn on_reader_thread<T: Send + 'static>(
    read: impl FnOnce() -> Vec<T> + Send + 'static,
) -> Result<Vec<T>, ApiError> {
    let reading = tokio::task::spawn_blocking(read).await;
    reading.map_err(|_| ApiError::Internal("reading the rules failed; see the log".to_owned()))
}

fn group_json(group: &Group, params: &Params, wanted: Option<&str>) -> Option<GroupJson> {
    let passes = |name: &'static str, value: &str| {
        let mut given = params.all(name).peekable();
        given.peek().is_none() || given.any(|have| have == value)
    };
    if !passes("rule_group", &group.spec.name) || !passes("file", &group.spec.file) {
        return None;
    }
    let fits = |rule: &&Rule| {
        let kind = match rule.kind {
            RuleKind::Alerting(_) => "alerting",
            RuleKind::Recording(_) => "recording",
        };
        wanted.is_none_or(|wanted| wanted == kind) && passes("rule_name", rule.name())
    };
    let rules: Vec<RuleJson> = group.rules.iter().filter(fits).map(rule_json).collect();
    let narrowed = wanted.is_some() || params.first("rule_name").is_some();
    if narrowed && rules.is_empty() {
        return None;
    }
    Some(GroupJson {
        name: group.spec.name.clone(),
        file: group.spec.file.clone(),
        rules,
        interval: group.spec.interval.as_secs_f64(),
        limit: group.spec.limit,
        evaluation_time: group.evaluation_time.as_secs_f64(),
        last_evaluation: time_or_zero(group.last_evaluation),
    })
}

fn rule_json(rule: &Rule) -> RuleJson {
    let run = RunJson {
        health: rule.status.health.as_str(),
        last_error: match &rule.status.health {
            Health::Bad(reason) => Some(reason.clone()),
            Health::Unknown | Health::Good => None,
        },
        evaluation_time: rule.status.evaluation_time.as_secs_f64(),
        last_evaluation: time_or_zero(rule.status.last_evaluation),
    };
    let (name, query) = (rule.name().to_owned(), rule.query().text().to_owned());
    match &rule.kind {
        RuleKind::Recording(recording) => {
            let labels = Labels::from_pairs(recording.labels.iter().map(|(n, v)| (n.as_str(), v.as_str())));
            RuleJson::Recording(Box::new(RecordingJson { name, query, labels, run, r#type: "recording" }))
        }
        RuleKind::Alerting(alerting) => {
            let texts = |texts: &[TextTemplate]| {
                Labels::from_pairs(texts.iter().map(|label| (label.name.as_str(), label.text.as_str())))
            };
            let seconds = |duration: Duration| duration.as_secs_f64();
            RuleJson::Alerting(Box::new(AlertingJson {
                state: state_of(rule),
                name,
                query,
                duration: seconds(alerting.holds.hold),
                keep_firing_for: seconds(alerting.holds.keep_firing),
                labels: texts(&alerting.labels),
                annotations: texts(&alerting.annotations),
                alerts: alerts_of(rule),
                run,
                r#type: "alerting",
            }))
        }
    }
}

/// The worst state of a rule's alerts.
fn state_of(rule: &Rule) -> &'static str {
    let RuleKind::Alerting(alerting) = &rule.kind else {
        return "inactive";
    };
    let states: Vec<&str> = alerting.alerts().iter().map(|alert| alert.state.as_str()).collect();
    ["firing", "pending"].into_iter().find(|state| states.contains(state)).unwrap_or("inactive")
}

fn alerts_of(rule: &Rule) -> Vec<AlertJson> {
    let RuleKind::Alerting(alerting) = &rule.kind else {
        return Vec::new();
    };
    alerting.alerts().into_iter().filter(|alert| alert.state.is_active()).map(alert_json).collect()
}

fn alert_json(alert: &ActiveAlert) -> AlertJson {
    let kept = match alert.state {
        RuleAlertState::Firing { condition: Condition::KeptSince(since), .. } => Some(since),
        _ => None,
    };
    AlertJson {
        labels: alert.labels.clone(),
        annotations: alert.annotations.clone(),
        state: alert.state.as_str(),
        active_at: alert.state.active_at().to_string(),
        keep_firing_since: kept.map(|since| since.to_string()),
        value: scientific(alert.value),
    }
}

/// Go's `%e` without needless digits, as the API writes alert values: `8.7e+01`.
fn scientific(value: f64) -> String {
    if !value.is_finite() {
        return format_value(value);
    }
    let text = format!("{value:e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    format!("{digits}e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.abs())
}

fn time_or_zero(at: Option<Timestamp>) -> String {
    at.map_or_else(|| ZERO_TIME.to_owned(), |at| at.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_written_as_go_writes_them() {
        assert_eq!(scientific(87.4), "8.74e+01");
        assert_eq!(scientific(0.0), "0e+00");
        assert_eq!(scientific(-0.00015), "-1.5e-04");
        assert_eq!(scientific(f64::INFINITY), "+Inf");
    }
}
