//! Alerts of the host's own about plugins: that one is in quarantine, or crashes again and again for somebody.
//!
//! They are routed like those of rules. Since the plugin in question may be the one that would carry them, they are kept
//! in the native inbox as well.

use std::collections::BTreeMap;
use std::time::Duration;

use bellwether_model::alert::AlertStatus;
use bellwether_model::receiver::{FingerprintText, Notification, NotificationReason, NotifiedAlert};
use bellwether_model::{Alert, Labels, Timestamp};
use bellwether_sandbox::{PluginState, PluginStatus, Standing};

/// How long an alert fires that is not raised again.
const ALERT_LASTS: Duration = Duration::from_secs(3600);
/// How often it is raised again.
const RAISED_EVERY: Duration = Duration::from_secs(600);
/// What the inbox shows as the receiver.
const RECEIVER: &str = "bellwether";

/// The alerts that fire now, by their labels.
#[derive(Debug, Default)]
pub(super) struct PluginAlerts(BTreeMap<Labels, Alert>);

/// What changed since the last look.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Raised {
    /// To be told to routing: new ones, those that go on, those that are over.
    pub(super) alerts: Vec<Alert>,
    /// To be kept in the inbox: new ones and those that are over.
    pub(super) messages: Vec<Notification>,
}

impl PluginAlerts {
    /// What is to be said about plugins that stand so.
    pub(super) fn step(&mut self, plugins: &[PluginStatus], now: Timestamp) -> Raised {
        let mut raised = Raised::default();
        let conditions: Vec<Condition> = plugins.iter().flat_map(conditions).collect();
        for condition in &conditions {
            let known = self.0.get(&condition.labels);
            if known.is_some_and(|known| now.since(known.updated_at) < RAISED_EVERY) {
                continue;
            }
            let starts_at = known.map_or(now, |known| known.starts_at);
            let alert = condition.alert(starts_at, now);
            if known.is_none() {
                raised.messages.push(message(&alert, now));
            }
            self.0.insert(condition.labels.clone(), alert.clone());
            raised.alerts.push(alert);
        }
        let goes_on = |labels: &Labels| conditions.iter().any(|condition| condition.labels == *labels);
        for (_, alert) in self.0.extract_if(.., |labels, _| !goes_on(labels)) {
            let over = Alert { ends_at: now, ends_by_timeout: false, updated_at: now, ..alert };
            raised.messages.push(message(&over, now));
            raised.alerts.push(over);
        }
        raised
    }
}

/// Something about a plugin that somebody has to know.
struct Condition {
    labels: Labels,
    summary: String,
    description: String,
}

impl Condition {
    fn alert(&self, starts_at: Timestamp, now: Timestamp) -> Alert {
        Alert {
            labels: self.labels.clone(),
            annotations: Labels::from_pairs([
                ("summary", self.summary.as_str()),
                ("description", self.description.as_str()),
            ]),
            starts_at,
            ends_at: now + ALERT_LASTS,
            ends_by_timeout: true,
            updated_at: now,
            generator_url: String::new(),
            value: None,
        }
    }
}

fn conditions(plugin: &PluginStatus) -> Vec<Condition> {
    let name = &plugin.name;
    if plugin.state == PluginState::Quarantined {
        let last = plugin.crashes.last().map(ToString::to_string).unwrap_or_default();
        return vec![Condition {
            labels: Labels::from_pairs([
                ("alertname", "PluginQuarantined"),
                ("severity", "critical"),
                ("plugin", name),
            ]),
            summary: format!("Plugin {name} is in quarantine: it crashed for several that it serves"),
            description: last,
        }];
    }
    let quarantined =
        plugin.subjects.iter().filter(|subject| matches!(subject.standing, Standing::Quarantined { .. }));
    let condition = |subject: &bellwether_sandbox::SubjectStatus| Condition {
        labels: Labels::from_pairs([
            ("alertname", "PluginCrashLooping"),
            ("severity", "warning"),
            ("plugin", name),
            ("subject", &subject.subject),
        ]),
        summary: format!("Plugin {name} crashes again and again for {}", subject.subject),
        description: subject.last_crash.to_string(),
    };
    quarantined.map(condition).collect()
}

fn message(alert: &Alert, now: Timestamp) -> Notification {
    let status = if alert.is_resolved(now) { AlertStatus::Resolved } else { AlertStatus::Firing };
    let resolved = status == AlertStatus::Resolved;
    Notification {
        receiver: RECEIVER.to_owned(),
        group_key: format!("{RECEIVER}:{}", alert.labels.fingerprint()),
        status,
        reason: if resolved { NotificationReason::AllResolved } else { NotificationReason::First },
        at: now,
        group_labels: alert.labels.clone(),
        common_labels: alert.labels.clone(),
        common_annotations: alert.annotations.clone(),
        route_labels: Labels::empty(),
        alerts: vec![NotifiedAlert {
            fingerprint: FingerprintText(alert.labels.fingerprint()),
            status,
            labels: alert.labels.clone(),
            annotations: alert.annotations.clone(),
            starts_at: alert.starts_at,
            ends_at: resolved.then_some(alert.ends_at),
            value: None,
            generator_url: String::new(),
        }],
        truncated_alerts: 0,
        external_url: String::new(),
    }
}

#[cfg(test)]
mod tests {
    use bellwether_sandbox::{Crash, CrashCause, PluginSource, PluginUsage, SubjectStatus};

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_795_248_000_000);

    fn plugin(state: PluginState, quarantined: &[&str]) -> PluginStatus {
        let crash = |subject: &str| Crash {
            plugin: "slack".to_owned(),
            call: "notify".to_owned(),
            subject: subject.to_owned(),
            cause: CrashCause::StackOverflow,
            backtrace: Vec::new(),
            last_words: None,
        };
        let subject = |subject: &&str| SubjectStatus {
            subject: (*subject).to_owned(),
            strikes: 3,
            standing: Standing::Quarantined { remaining_ms: 1 },
            last_crash: crash(subject),
        };
        PluginStatus {
            name: "slack".to_owned(),
            kind: None,
            version: String::new(),
            summary: String::new(),
            source: PluginSource::Embedded,
            sha256: String::new(),
            size_bytes: 0,
            loaded_at: NOW,
            state,
            rejected_update: None,
            update_stage: None,
            settings: Vec::new(),
            provides: Vec::new(),
            wants_hosts: Vec::new(),
            granted_hosts: Vec::new(),
            subjects: quarantined.iter().map(subject).collect(),
            usage: PluginUsage::default(),
            crashes: quarantined.iter().map(|subject| crash(subject)).collect(),
            log: Vec::new(),
        }
    }

    fn names(raised: &Raised) -> Vec<(&str, bool)> {
        raised.alerts.iter().map(|alert| (alert.name(), alert.ends_by_timeout)).collect()
    }

    #[test]
    fn says_that_a_plugin_crashes_for_somebody_then_for_all_then_that_it_is_over() {
        let mut alerts = PluginAlerts::default();
        let degraded = plugin(PluginState::Degraded { subjects: vec!["ops".to_owned()] }, &["ops"]);
        let raised = alerts.step(&[degraded], NOW);
        assert_eq!(names(&raised), [("PluginCrashLooping", true)]);
        assert_eq!(raised.alerts[0].labels.value("subject"), "ops");
        assert_eq!(raised.messages.len(), 1);

        let raised = alerts.step(&[plugin(PluginState::Quarantined, &["ops", "dev", "web"])], NOW);
        assert_eq!(names(&raised), [("PluginQuarantined", true), ("PluginCrashLooping", false)]);
        let statuses: Vec<_> = raised.messages.iter().map(|message| message.status).collect();
        assert_eq!(statuses, [AlertStatus::Firing, AlertStatus::Resolved]);

        let raised = alerts.step(&[plugin(PluginState::Ready, &[])], NOW);
        assert_eq!(names(&raised), [("PluginQuarantined", false)]);
        assert_eq!(alerts.step(&[plugin(PluginState::Ready, &[])], NOW), Raised::default());
    }

    #[test]
    fn what_goes_on_is_raised_again_before_it_ends_and_said_once_in_the_inbox() {
        let mut alerts = PluginAlerts::default();
        let quarantined = [plugin(PluginState::Quarantined, &["a", "b", "c"])];
        assert_eq!(alerts.step(&quarantined, NOW).alerts.len(), 1);
        assert_eq!(alerts.step(&quarantined, NOW + RAISED_EVERY / 2), Raised::default());
        let again = alerts.step(&quarantined, NOW + RAISED_EVERY);
        assert_eq!((again.alerts.len(), again.messages.len()), (1, 0));
        assert_eq!(again.alerts[0].starts_at, NOW, "the same episode");
        assert!(!again.alerts[0].is_resolved(NOW + ALERT_LASTS));
    }
}
