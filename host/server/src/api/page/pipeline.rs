//! How far an alert got on its way to a person, out of what rules, routing and deliveries know.

use std::collections::HashMap;
use std::time::Duration;

use bellwether_alerting::view::{AlertView, Stage, StageView};
use bellwether_model::duration::PrometheusDuration;
use bellwether_model::{Fingerprint, Timestamp};

use super::contract::{InhibitedBy, Pipeline, WhyStep};
use crate::delivery::{Delivered, Ledger, LedgerEntry};
use crate::journal::{Entry, Kind};

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
    match muted(&view.stages) {
        Some(by) => Pipeline::Muted { by },
        None => told(view, ledger),
    }
}

/// The time intervals that keep it from all of its receivers; none if one of them may be told.
fn muted(stages: &[StageView]) -> Option<Vec<String>> {
    let by = stages.iter().map(|stage| match &stage.stage {
        Stage::MutedByTime { by } => Some(by),
        Stage::Grouping { .. }
        | Stage::Waiting { .. }
        | Stage::Sent { .. }
        | Stage::Silenced { .. }
        | Stage::Inhibited { .. }
        | Stage::NobodyToTell => None,
    });
    let by: Vec<&Vec<String>> = by.collect::<Option<_>>()?;
    (!by.is_empty()).then(|| unique(by.into_iter().flatten().cloned()))
}

/// The pipeline state of an alert that is over. `groups` are the keys of the groups that it was in, `entries` those of
/// the journal, newest first.
pub(super) fn of_resolved(
    alert: &Resolved,
    groups: &[String],
    ledger: &Ledger,
    entries: &[Entry],
) -> Pipeline {
    let own = |entry: &&Entry| {
        entry.kind == Kind::Delivered
            && entry.fingerprint == Some(alert.fingerprint)
            && entry.at >= alert.fired_at
    };
    let end_was_told = entries.iter().filter(own).any(|entry| entry.text.ends_with(END_WAS_TOLD));
    // The journal forgets after some hundred entries; the ledger knows groups, not alerts, but for longer.
    let is_forgotten = entries.last().is_some_and(|oldest| oldest.at > alert.fired_at);
    let group_was_told = || {
        let entries = groups.iter().flat_map(|group| ledger.of_group(group));
        entries.into_iter().any(|entry| matches!(entry.state, Delivered::Done { .. }))
    };
    let was_told = entries.iter().any(|entry| own(&entry)) || is_forgotten && group_was_told();
    Pipeline::Resolved { at: alert.resolved_at, told: was_told.then_some(end_was_told) }
}

/// How the journal's entry about a delivered message ends when the message told that the alert is over.
const END_WAS_TOLD: &str = "(resolved)";

/// An alert that is over.
#[derive(Debug, Clone, Copy)]
pub(super) struct Resolved {
    /// Which.
    pub fingerprint: Fingerprint,
    /// When it began to fire.
    pub fired_at: Timestamp,
    /// When it was over.
    pub resolved_at: Timestamp,
}

/// Messages of these groups whose last attempt failed and that will be tried again.
pub(super) fn failing_messages<'a>(groups: impl IntoIterator<Item = &'a str>, ledger: &Ledger) -> usize {
    let entries = groups.into_iter().flat_map(|group| ledger.of_group(group));
    let is_failing =
        |entry: &LedgerEntry| matches!(entry.state, Delivered::Failed { next_attempt: Some(_), .. });
    entries.filter(is_failing).count()
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
    let mut steps = vec![
        step("route", "route", route, None, "passed"),
        step("group", "group", if group.is_empty() { "all" } else { group }, None, group_state),
    ];
    if let Stage::MutedByTime { by } = &stage.stage {
        steps.push(step("mute", "muted by", &by.join(", "), None, "blocked"));
    }
    steps.push(step("receiver", "receiver", &stage.receiver, note, state));
    steps
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

#[cfg(test)]
mod tests {
    use bellwether_alerting::view::{AlertState, StatusView};
    use bellwether_model::{Alert, Labels};

    use super::*;

    const FP: Fingerprint = Fingerprint(7);

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_millis(secs * 1000)
    }

    fn view(stages: Vec<Stage>) -> AlertView {
        let labels = Labels::from_pairs([("alertname", "Hot")]);
        let stages = stages.into_iter().enumerate().map(|(index, stage)| StageView {
            receiver: format!("r{index}"),
            group_key: format!("{{}}:{{g{index}}}"),
            stage,
        });
        AlertView {
            alert: Alert {
                labels,
                annotations: Labels::empty(),
                starts_at: at(0),
                ends_at: at(300),
                updated_at: at(0),
                generator_url: String::new(),
                value: None,
                ends_by_timeout: false,
            },
            acknowledgement: None,
            status: StatusView {
                state: AlertState::Active,
                silenced_by: Vec::new(),
                inhibited_by: Vec::new(),
                muted_by: Vec::new(),
            },
            stages: stages.collect(),
        }
    }

    fn pipeline(stages: Vec<Stage>) -> Pipeline {
        of_firing(&view(stages), &Ledger::default(), &HashMap::new())
    }

    fn night() -> Stage {
        Stage::MutedByTime { by: vec!["night".to_owned()] }
    }

    #[test]
    fn muted_by_time_in_all_groups_is_held_back() {
        assert_eq!(pipeline(vec![night(), night()]), Pipeline::Muted { by: vec!["night".to_owned()] });
        let steps = why(None, Some(&view(vec![night()])), &Ledger::default());
        assert!(steps.iter().any(|step| (step.kind, step.text.as_str()) == ("mute", "night")));
    }

    #[test]
    fn muted_by_time_in_one_group_is_still_told_in_the_other() {
        let waiting = pipeline(vec![night(), Stage::Grouping { until: at(30) }]);
        assert!(matches!(waiting, Pipeline::Grouping { .. }), "{waiting:?}");
    }

    fn delivered(at: Timestamp, text: &str) -> Entry {
        Entry { fingerprint: Some(FP), ..Entry::new(at, Kind::Delivered, text) }
    }

    fn told(ledger: &Ledger, entries: &[Entry]) -> Option<bool> {
        let alert = Resolved { fingerprint: FP, fired_at: at(10), resolved_at: at(20) };
        let Pipeline::Resolved { told, .. } = of_resolved(&alert, &["g".to_owned()], ledger, entries) else {
            panic!("it is resolved");
        };
        told
    }

    #[test]
    fn resolved_alerts_say_whether_their_end_was_told() {
        let ledger = Ledger::default();
        let before = Entry::new(at(1), Kind::Reload, "");
        let firing = delivered(at(11), "ops in 3 ms");
        let resolved = delivered(at(21), "ops in 3 ms (resolved)");
        assert_eq!(told(&ledger, std::slice::from_ref(&before)), None);
        assert_eq!(told(&ledger, &[firing.clone(), before.clone()]), Some(false));
        assert_eq!(told(&ledger, &[resolved, firing, before.clone()]), Some(true));
        let of_another_time = delivered(at(2), "ops in 3 ms (resolved)");
        assert_eq!(told(&ledger, &[of_another_time, before]), None);
    }

    #[test]
    fn the_ledger_remembers_what_the_journal_forgot() {
        let ledger = Ledger::default();
        note(&ledger, "g", Delivered::Done { at: at(11), took: Duration::ZERO });
        assert_eq!(told(&ledger, &[Entry::new(at(15), Kind::Reload, "")]), Some(false));
        assert_eq!(told(&ledger, &[Entry::new(at(9), Kind::Reload, "")]), None);
    }

    #[test]
    fn failing_counts_messages() {
        let ledger = Ledger::default();
        let failed =
            |next_attempt| Delivered::Failed { at: at(1), error: String::new(), attempts: 1, next_attempt };
        note(&ledger, "a", failed(Some(at(2))));
        note(&ledger, "b", failed(None));
        note(&ledger, "c", Delivered::Sending);
        assert_eq!(failing_messages(["a", "b", "c"], &ledger), 1);
    }

    fn note(ledger: &Ledger, group: &str, state: Delivered) {
        ledger.note(group, 0, LedgerEntry { receiver: "ops".into(), kind: "slack".into(), state });
    }
}
