//! What happened, for the page, the demo and the log. Nothing depends on anybody reading it.

use bellwether_model::receiver::NotificationReason;
use bellwether_model::state::{Acknowledgement, Episode, FlushRecord, Silence, StateChange};
use bellwether_model::{AlertStatus, Fingerprint, Labels, Timestamp};
use serde::Serialize;

use super::{Dispatcher, Effect, GroupId, Mute, Tracked};
use crate::merge::Span;
use crate::silence::SilenceState;

/// An event and its time.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Happened {
    /// When.
    pub at: Timestamp,
    /// What.
    #[serde(flatten)]
    pub event: Event,
}

/// Kinds of events.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Event {
    /// An alert began to fire.
    Firing {
        /// Which.
        labels: Labels,
        /// Since when it says.
        starts_at: Timestamp,
    },
    /// An alert is over.
    Resolved {
        /// Which.
        labels: Labels,
        /// Since when it fired.
        starts_at: Timestamp,
        /// Since when it does not.
        ends_at: Timestamp,
    },
    /// The first alert of a group came.
    GroupFormed {
        /// The group.
        group_key: String,
        /// Who will be told.
        receiver: String,
        /// What its alerts share.
        labels: Labels,
        /// When it will be told.
        flush_at: Timestamp,
    },
    /// Another alert keeps this one from being told.
    Inhibited {
        /// Which.
        labels: Labels,
        /// The other one's fingerprint.
        by: String,
    },
    /// A silence covers an alert.
    Silenced {
        /// Which.
        labels: Labels,
        /// Ids of silences.
        by: Vec<String>,
    },
    /// The hour keeps an alert from being told.
    MutedByTime {
        /// Which.
        labels: Labels,
        /// Names of time intervals.
        by: Vec<String>,
    },
    /// Nothing keeps an alert from being told any more.
    Unmuted {
        /// Which.
        labels: Labels,
    },
    /// A message waits to be delivered.
    Queued {
        /// The delivery.
        delivery: String,
        /// Who is told.
        receiver: String,
        /// By which kind of integration.
        integration: String,
        /// About which group.
        group_key: String,
        /// Firing or resolved.
        status: AlertStatus,
        /// Why now.
        reason: NotificationReason,
        /// How many of its alerts fire.
        firing: usize,
        /// How many are over.
        resolved: usize,
        /// What all its alerts share.
        common_labels: Labels,
    },
    /// Somebody has taken an alert on.
    Acknowledged {
        /// Which.
        labels: Labels,
        /// Who.
        by: String,
        /// What they had to say.
        comment: String,
    },
    /// A silence took effect.
    SilenceBegan {
        /// Its id.
        id: String,
    },
    /// A silence is over.
    SilenceEnded {
        /// Its id.
        id: String,
    },
}

fn happened(at: Timestamp, event: Event) -> Effect {
    Effect::Happened(Happened { at, event })
}

/// An alert began to fire, or is over: then nobody is in charge of it any more, and its episode is kept.
pub(super) fn alert_turned(tracked: &mut Tracked, resolved: bool, now: Timestamp, effects: &mut Vec<Effect>) {
    let labels = tracked.labels().clone();
    let Span { starts_at, ends_at, .. } = tracked.span;
    if !resolved {
        effects.push(happened(now, Event::Firing { labels, starts_at }));
        return;
    }
    let acknowledgement = tracked.acknowledgement.take().map(|own| *own);
    if acknowledgement.is_some() {
        let given_back = vec![tracked.fingerprint()];
        effects.push(Effect::Write(StateChange::Unacknowledge(given_back)));
    }
    let episode = Episode { alert: tracked.alert(), acknowledgement };
    effects.push(Effect::Write(StateChange::EndEpisode(episode)));
    effects.push(happened(now, Event::Resolved { labels, starts_at, ends_at }));
}

pub(super) fn acknowledged(
    tracked: &Tracked,
    acknowledgement: &Acknowledgement,
    now: Timestamp,
    effects: &mut Vec<Effect>,
) {
    let Acknowledgement { by, comment, .. } = acknowledgement.clone();
    effects.push(happened(now, Event::Acknowledged { labels: tracked.labels().clone(), by, comment }));
}

pub(super) fn group_formed(dispatcher: &Dispatcher, id: GroupId, now: Timestamp) -> Effect {
    let group = &dispatcher.groups[&id];
    let event = Event::GroupFormed {
        group_key: group.key.to_string(),
        receiver: dispatcher.routes.route(group.route).receiver.to_string(),
        labels: group.labels.clone(),
        flush_at: group.phase.next_flush(),
    };
    happened(now, event)
}

pub(super) fn mute_changed(labels: &Labels, after: &Mute, now: Timestamp) -> Effect {
    let labels = labels.clone();
    let hex = |by: &Fingerprint| by.to_string();
    let event = match after {
        Mute::None => Event::Unmuted { labels },
        Mute::Inhibited(by) => Event::Inhibited { labels, by: hex(by) },
        Mute::ByTime(by) => Event::MutedByTime { labels, by: by.clone() },
        Mute::Silenced(by) => Event::Silenced { labels, by: by.clone() },
    };
    happened(now, event)
}

pub(super) fn queued(record: &FlushRecord, now: Timestamp, effects: &mut Vec<Effect>) {
    for delivery in &record.deliveries {
        let notification = &delivery.notification;
        let firing = notification.alerts.iter().filter(|alert| alert.status == AlertStatus::Firing).count();
        effects.push(happened(
            now,
            Event::Queued {
                delivery: delivery.id.clone(),
                receiver: notification.receiver.clone(),
                integration: delivery.kind.clone(),
                group_key: notification.group_key.clone(),
                status: notification.status,
                reason: notification.reason,
                firing,
                resolved: notification.alerts.len() - firing,
                common_labels: notification.common_labels.clone(),
            },
        ));
    }
}

pub(super) fn silence_changed(silence: &Silence, now: Timestamp, effects: &mut Vec<Effect>) {
    let id = silence.id.clone();
    match SilenceState::of(silence, now) {
        SilenceState::Active => effects.push(happened(now, Event::SilenceBegan { id })),
        SilenceState::Expired => effects.push(happened(now, Event::SilenceEnded { id })),
        SilenceState::Pending => {}
    }
}

pub(super) fn silences_turned(
    began: Vec<String>,
    ended: Vec<String>,
    now: Timestamp,
    effects: &mut Vec<Effect>,
) {
    effects.extend(began.into_iter().map(|id| happened(now, Event::SilenceBegan { id })));
    effects.extend(ended.into_iter().map(|id| happened(now, Event::SilenceEnded { id })));
}
