//! Looking at the machine: alerts, groups and silences as plain data, for the APIs and the page.
//!
//! A view is worked out for one moment and holds no reference to the machine. What is muted is asked again at that
//! moment, not taken from the last flush; only time intervals show as of the last flush, as in Alertmanager.

use std::sync::Arc;

use bellwether_model::matcher::{all_match, compile_anchored};
use bellwether_model::state::{Acknowledgement, NotificationLogEntry, Silence};
use bellwether_model::{Alert, Fingerprint, Labels, Matcher, RegexDialect, Timestamp};
use regex::Regex;
use serde::{Deserialize, Serialize};

use crate::config::ReceiverConfig;
use crate::dispatch::{Content, Dispatcher, Group, GroupId, Phase, Tracked};
use crate::matchers::{MatcherError, parse_one};
use crate::merge::Span;
use crate::silence::{SilenceState, has_matchers};

/// Which alerts to show. The default shows all of them.
#[derive(Debug, Clone)]
pub struct AlertFilter {
    /// Those that nothing mutes.
    pub active: bool,
    /// Those that a silence covers.
    pub silenced: bool,
    /// Those that another alert inhibits.
    pub inhibited: bool,
    /// Groups that time intervals mute.
    pub muted: bool,
    /// All must match.
    pub matchers: Vec<Matcher>,
    /// One of the alert's receivers must match.
    pub receiver: Option<Regex>,
    /// The labels of one of its receivers must match all of these (Alertmanager 0.33).
    pub receiver_matchers: Vec<Matcher>,
}

impl Default for AlertFilter {
    fn default() -> Self {
        Self {
            active: true,
            silenced: true,
            inhibited: true,
            muted: true,
            matchers: vec![],
            receiver: None,
            receiver_matchers: vec![],
        }
    }
}

/// Why a filter cannot be understood.
#[derive(Debug, thiserror::Error)]
pub enum FilterError {
    /// A matcher.
    #[error(transparent)]
    Matcher(#[from] MatcherError),
    /// The receiver's regular expression.
    #[error("failed to parse receiver param: {0}")]
    Receiver(bellwether_model::matcher::RegexError),
}

impl AlertFilter {
    /// With matchers and a regular expression for receivers as the API's parameters give them.
    pub fn parse<'a>(
        filters: impl IntoIterator<Item = &'a str>,
        receiver: Option<&str>,
    ) -> Result<Self, FilterError> {
        let matchers = filters.into_iter().map(parse_one).collect::<Result<_, _>>()?;
        let receiver = receiver
            .map(|pattern| {
                compile_anchored(pattern, RegexDialect::Alertmanager).map_err(FilterError::Receiver)
            })
            .transpose()?;
        Ok(Self { matchers, receiver, ..Self::default() })
    }

    fn shows(&self, status: &StatusView, labels: &Labels) -> bool {
        (self.active || status.state != AlertState::Active)
            && (self.silenced || status.silenced_by.is_empty())
            && (self.inhibited || status.inhibited_by.is_empty())
            && all_match(&self.matchers, labels)
    }

    fn shows_receiver(&self, receiver: &str) -> bool {
        self.receiver.as_ref().is_none_or(|regex| regex.is_match(receiver))
    }
}

/// Whether an alert may be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AlertState {
    /// Nobody has looked at it yet. Never seen here: every alert is looked at when it comes.
    Unprocessed,
    /// It may.
    Active,
    /// Something mutes it.
    Suppressed,
}

impl AlertState {
    /// As the API writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unprocessed => "unprocessed",
            Self::Active => "active",
            Self::Suppressed => "suppressed",
        }
    }
}

/// What mutes an alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusView {
    /// All in one word.
    pub state: AlertState,
    /// Ids of silences.
    pub silenced_by: Vec<String>,
    /// Fingerprints of alerts.
    pub inhibited_by: Vec<Fingerprint>,
    /// Names of time intervals.
    pub muted_by: Vec<String>,
}

/// An alert that fires, as a list shows it. Shares what the alert says with the machine, so that a list of very many is
/// cheap to take and can be written out afterwards.
#[derive(Debug, Clone)]
pub struct ShownAlert {
    pub(crate) content: Arc<Content>,
    /// Since when, and until when it counts as firing.
    pub span: Span,
    /// Who is told about it, in order of the routes.
    pub receivers: Vec<Arc<str>>,
    /// What mutes it.
    pub status: StatusView,
}

impl ShownAlert {
    /// Its identity.
    pub fn labels(&self) -> &Labels {
        &self.content.labels
    }
}

/// An alert that fires, with where it is on its way.
#[derive(Debug, Clone, PartialEq)]
pub struct AlertView {
    /// Itself; its end is the one that it counts as firing until.
    pub alert: Alert,
    /// What mutes it.
    pub status: StatusView,
    /// Who has taken it on; one that does not hold any more is left out.
    pub acknowledgement: Option<Acknowledgement>,
    /// Where it is on its way, for each of its groups.
    pub stages: Vec<StageView>,
}

/// Where an alert is on its way to one receiver.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StageView {
    /// Who is told.
    pub receiver: String,
    /// The group.
    pub group_key: String,
    /// How far.
    pub stage: Stage,
}

/// How far an alert has got.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "stage", rename_all = "snake_case")]
pub enum Stage {
    /// Waits for company.
    Grouping {
        /// Until then.
        until: Timestamp,
    },
    /// Came after the group was told; waits for the next time.
    Waiting {
        /// Until then.
        until: Timestamp,
    },
    /// Was given to the delivery.
    Sent {
        /// When.
        at: Timestamp,
        /// When it will be told again at the earliest, if nothing changes.
        repeats_at: Timestamp,
    },
    /// A silence covers it.
    Silenced {
        /// Ids.
        by: Vec<String>,
    },
    /// Another alert inhibits it.
    Inhibited {
        /// Fingerprints.
        by: Vec<String>,
    },
    /// The hour mutes it.
    MutedByTime {
        /// Names of time intervals.
        by: Vec<String>,
    },
    /// Its receiver has no integrations.
    NobodyToTell,
}

/// A group and those of its alerts that are shown.
#[derive(Debug, Clone)]
pub struct GroupView {
    /// What its alerts share.
    pub labels: Labels,
    /// Labels of its route as they are written.
    pub route_labels: Labels,
    /// Who is told.
    pub receiver: String,
    /// Its identity in notifications.
    pub group_key: String,
    /// When it is looked at next.
    pub next_flush: Timestamp,
    /// When it was looked at last; none before the first time.
    pub last_flush: Option<Timestamp>,
    /// The time intervals that muted it at its last flush.
    pub muted_by: Vec<String>,
    /// By fingerprint.
    pub alerts: Vec<ShownAlert>,
}

/// A receiver and its labels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceiverView {
    /// Its name.
    pub name: String,
    /// Its own labels, with its name among them.
    pub labels: Labels,
    /// Kinds of its integrations, in order.
    pub integrations: Vec<String>,
}

/// Its own, with its name among them.
fn receiver_labels(receiver: &ReceiverConfig) -> Labels {
    let own = receiver.labels.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    Labels::from_pairs(own.chain([("name", receiver.name.as_str())]))
}

impl ShownAlert {
    fn new(tracked: &Tracked, receivers: Vec<Arc<str>>, status: StatusView) -> Self {
        Self { content: Arc::clone(&tracked.content), span: tracked.firing_span(), receivers, status }
    }
}

impl Dispatcher {
    /// Alerts that fire and pass, by fingerprint.
    pub fn alerts(&self, filter: &AlertFilter, now: Timestamp) -> Vec<ShownAlert> {
        self.sorted().filter_map(|tracked| self.shown_alert(tracked, filter, now)).collect()
    }

    /// All alerts that fire, by fingerprint, with where they are on their way.
    pub fn alert_views(&self, now: Timestamp) -> Vec<AlertView> {
        self.sorted().filter_map(|tracked| self.alert_view(tracked, now)).collect()
    }

    /// One alert, whatever mutes it; none when it does not fire.
    pub fn alert(&self, fingerprint: Fingerprint, now: Timestamp) -> Option<AlertView> {
        self.alert_view(self.alerts.get(&fingerprint)?, now)
    }

    fn sorted(&self) -> impl Iterator<Item = &Tracked> {
        let mut all: Vec<(Fingerprint, &Tracked)> =
            self.alerts.iter().map(|(fingerprint, tracked)| (*fingerprint, &**tracked)).collect();
        all.sort_unstable_by_key(|(fingerprint, _)| *fingerprint);
        all.into_iter().map(|(_, tracked)| tracked)
    }

    /// Groups with those of their alerts that pass; groups without any are left out. Those with fewer labels come first,
    /// then by labels and receiver, as in Alertmanager.
    pub fn groups(&self, filter: &AlertFilter, now: Timestamp) -> Vec<GroupView> {
        let mut groups: Vec<(GroupId, GroupView)> = self
            .groups
            .iter()
            .filter_map(|(id, group)| Some((*id, self.shown_group(group, filter, now)?)))
            .collect();
        groups.sort_by(|(a_id, a), (b_id, b)| {
            let (a_key, b_key) = ((&a.labels, &a.receiver, a_id), (&b.labels, &b.receiver, b_id));
            a.labels.len().cmp(&b.labels.len()).then_with(|| a_key.cmp(&b_key))
        });
        groups.into_iter().map(|(_, group)| group).collect()
    }

    /// Silences that hold exactly these matchers: active ones by end, pending ones by start, expired ones newest first.
    pub fn silences(&self, filters: &[Matcher], now: Timestamp) -> Vec<(Silence, SilenceState)> {
        let with_state = |silence: &Silence| (silence.clone(), SilenceState::of(silence, now));
        let mut shown: Vec<_> =
            self.silences.iter().filter(|silence| has_matchers(silence, filters)).map(with_state).collect();
        shown.sort_by_key(|(silence, state)| match state {
            SilenceState::Active => (0, silence.ends_at.as_millis()),
            SilenceState::Pending => (1, silence.starts_at.as_millis()),
            SilenceState::Expired => (2, silence.ends_at.as_millis().saturating_neg()),
        });
        shown
    }

    /// One silence.
    pub fn silence(&self, id: &str, now: Timestamp) -> Option<(Silence, SilenceState)> {
        self.silences.find(id).map(|silence| (silence.clone(), SilenceState::of(silence, now)))
    }

    /// Receivers whose labels match, in the order of the configuration.
    pub fn receivers(&self, matchers: &[Matcher]) -> Vec<ReceiverView> {
        let view = |receiver: &ReceiverConfig| ReceiverView {
            name: receiver.name.clone(),
            labels: receiver_labels(receiver),
            integrations: receiver.integrations.iter().map(|own| own.kind.clone()).collect(),
        };
        self.config.receivers.iter().map(view).filter(|own| all_match(matchers, &own.labels)).collect()
    }

    fn shown_alert(&self, tracked: &Tracked, filter: &AlertFilter, now: Timestamp) -> Option<ShownAlert> {
        if tracked.is_resolved(now) || !all_match(&filter.matchers, tracked.labels()) {
            return None;
        }
        let receivers = self.receivers_of(tracked);
        let is_named = receivers.iter().any(|receiver| filter.shows_receiver(receiver));
        if !is_named || !receivers.iter().any(|receiver| self.receiver_matches(filter, receiver)) {
            return None;
        }
        let status = self.status_of(tracked.labels(), now);
        filter.shows(&status, tracked.labels()).then(|| ShownAlert::new(tracked, receivers, status))
    }

    fn shown_group(&self, group: &Group, filter: &AlertFilter, now: Timestamp) -> Option<GroupView> {
        let route = self.routes.route(group.route);
        let shows =
            |receiver: &str| filter.shows_receiver(receiver) && self.receiver_matches(filter, receiver);
        if !shows(&route.receiver) || !filter.muted && !group.muted_by.is_empty() {
            return None;
        }
        let member = |fingerprint: Fingerprint| {
            let tracked = self.alerts.get(&fingerprint).filter(|tracked| !tracked.is_resolved(now))?;
            let mut status = self.status_of(tracked.labels(), now);
            let shown = filter.shows(&status, tracked.labels());
            if !group.muted_by.is_empty() {
                status.state = AlertState::Suppressed;
                status.muted_by = group.muted_by.to_vec();
            }
            // As upstream, a filter on receivers hides the others here, which it does not in the list of alerts.
            let receivers = self.receivers_of(tracked).into_iter().filter(|own| shows(own));
            shown.then(|| ShownAlert::new(tracked, receivers.collect(), status))
        };
        let alerts: Vec<ShownAlert> = group.members.iter().filter_map(member).collect();
        let last_flush = match group.phase {
            Phase::Collecting { .. } => None,
            Phase::Flushed { last, .. } => Some(last),
        };
        (!alerts.is_empty()).then(|| GroupView {
            labels: group.labels.clone(),
            route_labels: Labels::from_pairs(route.labels.iter().map(|(n, v)| (n.as_str(), v.as_str()))),
            receiver: route.receiver.to_string(),
            group_key: group.key.to_string(),
            next_flush: group.phase.next_flush(),
            last_flush,
            muted_by: group.muted_by.to_vec(),
            alerts,
        })
    }

    fn receiver_matches(&self, filter: &AlertFilter, receiver: &str) -> bool {
        filter.receiver_matchers.is_empty()
            || self
                .config
                .receiver(receiver)
                .is_some_and(|own| all_match(&filter.receiver_matchers, &receiver_labels(own)))
    }

    fn receivers_of(&self, tracked: &Tracked) -> Vec<Arc<str>> {
        let groups = tracked.groups.iter().filter_map(|id| self.groups.get(id));
        groups.map(|group| Arc::clone(&self.routes.route(group.route).receiver)).collect()
    }

    fn status_of(&self, labels: &Labels, now: Timestamp) -> StatusView {
        let silenced_by = self.silences.silenced_by(labels, now);
        let inhibited_by: Vec<Fingerprint> = self.inhibited_by(labels, now).into_iter().collect();
        let free = silenced_by.is_empty() && inhibited_by.is_empty();
        let state = if free { AlertState::Active } else { AlertState::Suppressed };
        StatusView { state, silenced_by, inhibited_by, muted_by: Vec::new() }
    }

    fn alert_view(&self, tracked: &Tracked, now: Timestamp) -> Option<AlertView> {
        if tracked.is_resolved(now) {
            return None;
        }
        let status = self.status_of(tracked.labels(), now);
        let groups = tracked.groups.iter().filter_map(|id| self.groups.get(id));
        let stages = groups.map(|group| self.stage_view(tracked, group, &status)).collect();
        let acknowledgement = tracked.acknowledgement.as_deref().filter(|own| own.holds(now)).cloned();
        Some(AlertView { alert: tracked.as_firing(), status, acknowledgement, stages })
    }

    fn stage_view(&self, tracked: &Tracked, group: &Group, status: &StatusView) -> StageView {
        StageView {
            receiver: self.routes.route(group.route).receiver.to_string(),
            group_key: group.key.to_string(),
            stage: self.stage(tracked, group, status),
        }
    }

    fn stage(&self, tracked: &Tracked, group: &Group, status: &StatusView) -> Stage {
        if !status.inhibited_by.is_empty() {
            return Stage::Inhibited { by: status.inhibited_by.iter().map(Fingerprint::to_string).collect() };
        }
        if !group.muted_by.is_empty() {
            return Stage::MutedByTime { by: group.muted_by.to_vec() };
        }
        if !status.silenced_by.is_empty() {
            return Stage::Silenced { by: status.silenced_by.clone() };
        }
        match group.phase {
            Phase::Collecting { until } => Stage::Grouping { until },
            Phase::Flushed { next, .. } => self.sent_stage(tracked, group, next),
        }
    }

    fn sent_stage(&self, tracked: &Tracked, group: &Group, next: Timestamp) -> Stage {
        let route = self.routes.route(group.route);
        let integrations = self.config.receiver(&route.receiver).map_or(0, |own| own.integrations.len());
        if integrations == 0 {
            return Stage::NobodyToTell;
        }
        let identity = tracked.fingerprint().0;
        let told = (0_u32..)
            .take(integrations)
            .filter_map(|index| self.log.find(&group.key, &route.receiver, index))
            .filter(|entry| entry.firing.binary_search(&identity).is_ok())
            .map(|entry| entry.at)
            .filter(|at| *at != NotificationLogEntry::LOST)
            .max();
        match told {
            Some(at) => Stage::Sent { at, repeats_at: (at + route.repeat_interval).max(next) },
            None => Stage::Waiting { until: next },
        }
    }
}
