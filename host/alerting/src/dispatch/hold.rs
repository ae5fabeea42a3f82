//! The first moments after a start, in which not all alerts are known yet.

use std::time::Duration;

use bellwether_model::Timestamp;

use super::{Dispatcher, GroupId, Phase};

/// How a machine begins.
#[derive(Debug, Clone, Default)]
pub struct Start {
    /// Base of links in notifications.
    pub external_url: String,
    /// For how long nothing is told, as Alertmanager's `--dispatch.start-delay`.
    pub delay: Duration,
    /// How long an alert that another one could inhibit waits for [`super::Input::RulesEvaluated`] before it is told.
    pub rules_within: Duration,
}

/// What may not be told yet.
#[derive(Debug)]
pub(super) struct Hold {
    delay: Duration,
    rules_within: Duration,
    everything_until: Timestamp,
    targets_until: Timestamp,
    /// Groups that were held back, and until when.
    held: Vec<(GroupId, Timestamp)>,
}

impl Hold {
    pub(super) fn new(start: &Start, now: Timestamp) -> Self {
        Self {
            delay: start.delay,
            rules_within: start.rules_within,
            everything_until: now + start.delay,
            targets_until: now + start.rules_within,
            held: Vec::new(),
        }
    }

    /// The clock has gone back: nothing is held for longer than from a start at this moment.
    pub(super) fn shorten(&mut self, now: Timestamp) {
        self.everything_until = self.everything_until.min(now + self.delay);
        self.targets_until = self.targets_until.min(now + self.rules_within);
    }
}

impl Dispatcher {
    /// Until when a group whose time has come has to wait. An alert whose source has not been evaluated since the start
    /// would leak out otherwise (Alertmanager issues 2229, 4064).
    pub(super) fn held_until(&self, id: GroupId, now: Timestamp) -> Option<Timestamp> {
        if now < self.hold.everything_until {
            return Some(self.hold.everything_until);
        }
        if now >= self.hold.targets_until {
            return None;
        }
        let group = self.groups.get(&id)?;
        let mut members = group.members.iter().filter_map(|member| self.alerts.get(&member));
        let has_target = members.any(|tracked| self.inhibitor.is_target(tracked.labels()));
        has_target.then_some(self.hold.targets_until)
    }

    pub(super) fn hold_back(&mut self, id: GroupId, until: Timestamp) {
        let Some(group) = self.groups.get(&id) else { return };
        let phase = match group.phase {
            Phase::Collecting { .. } => Phase::Collecting { until },
            Phase::Flushed { last, .. } => Phase::Flushed { last, next: until },
        };
        self.hold.held.push((id, until));
        self.set_phase(id, phase);
    }

    /// All sources of inhibitions are known: what waited for them is due.
    pub(super) fn release(&mut self, now: Timestamp) {
        self.hold.targets_until = self.hold.targets_until.min(now);
        let due = self.hold.everything_until.max(now);
        for (id, until) in std::mem::take(&mut self.hold.held) {
            let Some(group) = self.groups.get(&id) else { continue };
            // One that was looked at since is in its own rhythm.
            if group.phase.next_flush() != until {
                continue;
            }
            let phase = match group.phase {
                Phase::Collecting { .. } => Phase::Collecting { until: due },
                Phase::Flushed { last, .. } => Phase::Flushed { last, next: due },
            };
            self.set_phase(id, phase);
        }
    }
}
