//! How far an alert got on its way to a person, out of what rules, routing and deliveries know.

use std::collections::HashMap;
use std::time::Duration;

use bellwether_alerting::view::{AlertView, Stage, StageView};
use bellwether_model::duration::PrometheusDuration;
use bellwether_model::{Fingerprint, Timestamp};

use super::contract::{InhibitedBy, Pipeline, WhyStep};
use crate::delivery::{Delivered, Ledger, LedgerEntry};

/// The pipeline state of a firing alert. `names` tells other alerts' names, for what inhibits it.
pub(super) fn of_firing(view: &AlertView, ledger: &Ledger, names: &HashMap<Fingerprint, String>) -> Pipeline {
    let status = &view.status;
    if !status.silenced_by.is_empty() {
        return Pipeline::Silenced { by: status.silenced_by.clone() };
    }
    if !status.inhibited_by.is_empty() {
        let by = status.inhibited_by.iter().map(|by| InhibitedBy {
            fingerprint: by.to_string(),
            name: names.get(by).cloned().unwrap_or_default(),
        });
        return Pipeline::Inhibited { by: by.collect() };
    }
    if !status.muted_by.is_empty() {
        return Pipeline::Muted { by: status.muted_by.clone() };
    }
    told(view, ledger)
}

fn told(view: &AlertView, ledger: &Ledger) -> Pipeline {
    let entries: Vec<LedgerEntry> =
        view.stages.iter().flat_map(|stage| ledger.of_group(&stage.group_key)).collect();
    if let Some(stage) = view.stages.iter().find(|stage| stage.stage == Stage::NobodyToTell) {
        return Pipeline::Unsent { receiver: stage.receiver.clone() };
    }
    if let Some(failed) = entries.iter().find_map(failed) {
        return failed;
    }
    let sending = entries.iter().filter(|entry| entry.state == Delivered::Sending);
    let sending: Vec<String> = sending.map(|entry| entry.receiver.clone()).collect();
    if !sending.is_empty() {
        return Pipeline::Sending { receivers: sending };
    }
    sent(&view.stages, &entries).unwrap_or_else(|| grouping(view))
}

fn failed(entry: &LedgerEntry) -> Option<Pipeline> {
    let Delivered::Failed { error, attempts, next_attempt, .. } = &entry.state else {
        return None;
    };
    Some(Pipeline::Failed {
        receiver: entry.receiver.clone(),
        error: error.clone(),
        attempts: *attempts,
        next_attempt: *next_attempt,
    })
}

/// Told, if any of its groups was. How long that took is known for messages of this process only.
fn sent(stages: &[StageView], entries: &[LedgerEntry]) -> Option<Pipeline> {
    let told = stages.iter().filter_map(|stage| match stage.stage {
        Stage::Sent { at, repeats_at } => Some((stage, at, repeats_at)),
        _ => None,
    });
    let told: Vec<_> = told.collect();
    let at = told.iter().map(|(_, at, _)| *at).max()?;
    let took = entries.iter().filter_map(|entry| match entry.state {
        Delivered::Done { took, .. } => Some(took),
        _ => None,
    });
    Some(Pipeline::Sent {
        receivers: unique(told.iter().map(|(stage, ..)| stage.receiver.clone())),
        at,
        took_ms: took.max().map_or(0, |took| u64::try_from(took.as_millis()).unwrap_or(u64::MAX)),
        repeat_at: told.iter().map(|(_, _, repeats_at)| *repeats_at).min(),
    })
}

fn grouping(view: &AlertView) -> Pipeline {
    let until = view.stages.iter().filter_map(|stage| match stage.stage {
        Stage::Grouping { until } | Stage::Waiting { until } => Some(until),
        _ => None,
    });
    Pipeline::Grouping {
        until: until.min().unwrap_or(view.alert.starts_at),
        receivers: unique(view.stages.iter().map(|stage| stage.receiver.clone())),
    }
}

fn unique(names: impl Iterator<Item = String>) -> Vec<String> {
    let mut unique: Vec<String> = Vec::new();
    for name in names {
        if !unique.contains(&name) {
            unique.push(name);
        }
    }
    unique
}

/// The rule's part of an alert's way.
#[derive(Debug, Clone)]
pub(super) struct RuleOrigin {
    /// Name of its group.
    pub group: String,
    /// `for` of the rule.
    pub hold: Duration,
}

/// An alert's way, step by step.
pub(super) fn why(origin: Option<&RuleOrigin>, view: Option<&AlertView>, ledger: &Ledger) -> Vec<WhyStep> {
    let mut steps = Vec::new();
    let step = |kind, label: &str, text: String, state| WhyStep {
        kind,
        label: label.to_owned(),
        text,
        note: None,
        state,
    };
    match origin {
        Some(origin) => {
            steps.push(step("rule", "rule", origin.group.clone(), "passed"));
            if !origin.hold.is_zero() {
                let state = if view.is_some() { "passed" } else { "waiting" };
                steps.push(step("held", "held", PrometheusDuration(origin.hold).to_string(), state));
            }
        }
        None => steps.push(step("rule", "rule", "from outside".to_owned(), "passed")),
    }
    let Some(view) = view else { return steps };
    let status = &view.status;
    if !status.silenced_by.is_empty() {
        steps.push(step("silence", "silenced", status.silenced_by.join(", "), "blocked"));
    }
    if !status.inhibited_by.is_empty() {
        let by: Vec<String> = status.inhibited_by.iter().map(ToString::to_string).collect();
        steps.push(step("inhibition", "inhibited by", by.join(", "), "blocked"));
    }
    if !status.muted_by.is_empty() {
        steps.push(step("mute", "muted by", status.muted_by.join(", "), "blocked"));
    }
    for stage in &view.stages {
        steps.extend(stage_steps(stage, ledger));
    }
    steps
}

fn stage_steps(stage: &StageView, ledger: &Ledger) -> Vec<WhyStep> {
    let (route, group) = stage.group_key.rsplit_once(":{").unwrap_or((&stage.group_key, ""));
    let group = group.trim_end_matches('}');
    let (state, note) = match stage.stage {
        Stage::Grouping { .. } | Stage::Waiting { .. } => ("waiting", None),
        Stage::Sent { .. } => receiver_state(&ledger.of_group(&stage.group_key)),
        Stage::NobodyToTell => ("passed", Some("has no integrations".to_owned())),
        Stage::Silenced { .. } | Stage::Inhibited { .. } | Stage::MutedByTime { .. } => ("blocked", None),
    };
    let step = |kind, label: &str, text: &str, note, state| WhyStep {
        kind,
        label: label.to_owned(),
        text: text.to_owned(),
        note,
        state,
    };
    let group_state = if state == "waiting" { "waiting" } else { "passed" };
    vec![
        step("route", "route", route, None, "passed"),
        step("group", "group", if group.is_empty() { "all" } else { group }, None, group_state),
        step("receiver", "receiver", &stage.receiver, note, state),
    ]
}

fn receiver_state(entries: &[LedgerEntry]) -> (&'static str, Option<String>) {
    let failed = entries.iter().any(|entry| matches!(entry.state, Delivered::Failed { .. }));
    let sending = entries.iter().any(|entry| entry.state == Delivered::Sending);
    match (failed, sending) {
        (true, _) => ("failed", Some("refused".to_owned())),
        (false, true) => ("waiting", None),
        (false, false) => ("passed", Some("delivered".to_owned())),
    }
}

/// When a pending alert will fire, if its condition goes on.
pub(super) fn fires_at(active_at: Timestamp, hold: Duration) -> Timestamp {
    active_at + hold
}
