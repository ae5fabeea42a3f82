//! Groups: alerts of one route that share the values of its `group_by` labels, told about together.

use std::sync::Arc;

use bellwether_model::{Fingerprint, Labels, Timestamp};

use super::members::Members;
use super::{Dispatcher, Effect, Timer, events};
use crate::route::RouteId;

/// A group's place in the machine; never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct GroupId(pub(super) u64);

/// Where a group is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Waits for company until its first flush.
    Collecting {
        /// The end of `group_wait`.
        until: Timestamp,
    },
    /// Has been looked at, and will be again.
    Flushed {
        /// When it was last.
        last: Timestamp,
        /// When it will be.
        next: Timestamp,
    },
}

impl Phase {
    /// When the group is looked at next.
    pub(crate) fn next_flush(self) -> Timestamp {
        match self {
            Self::Collecting { until } => until,
            Self::Flushed { next, .. } => next,
        }
    }
}

/// One group.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) route: RouteId,
    pub(crate) labels: Labels,
    /// Its identity in notifications and in the log.
    pub(crate) key: Arc<str>,
    pub(crate) members: Members,
    pub(crate) phase: Phase,
    /// The time intervals that muted it at its last flush.
    pub(crate) muted_by: Box<[String]>,
}

impl Dispatcher {
    /// Puts an alert into the groups where it belongs, and makes those that do not exist.
    pub(super) fn route(&mut self, fingerprint: Fingerprint, now: Timestamp, effects: &mut Vec<Effect>) {
        let Some(tracked) = self.alerts.get(&fingerprint) else {
            return;
        };
        let (labels, starts_at) = (tracked.labels().clone(), tracked.span.starts_at);
        for route in self.routes.matching(&labels) {
            let group = self.group_for(route, &labels, now, effects);
            self.join(group, fingerprint, starts_at, now);
        }
    }

    fn group_for(
        &mut self,
        route: RouteId,
        alert: &Labels,
        now: Timestamp,
        effects: &mut Vec<Effect>,
    ) -> GroupId {
        let labels = self.routes.route(route).group_labels(alert);
        if let Some(known) = self.group_index.get(&(route, labels.clone())) {
            return *known;
        }
        let key: Arc<str> = self.routes.route(route).group_key(&labels).into();
        let phase = self.first_phase(route, &key, now);
        let id = self.add_group(Group {
            route,
            labels,
            key,
            members: Members::None,
            phase,
            muted_by: Box::default(),
        });
        effects.push(events::group_formed(self, id, now));
        id
    }

    /// A group that was told about before the host started goes on in its rhythm; any other one collects.
    fn first_phase(&self, route: RouteId, key: &str, now: Timestamp) -> Phase {
        let route = self.routes.route(route);
        match self.log.last_told(key) {
            Some(last) => Phase::Flushed { last, next: (last + route.group_interval).max(now) },
            None => Phase::Collecting { until: now + route.group_wait },
        }
    }

    pub(super) fn add_group(&mut self, group: Group) -> GroupId {
        let id = GroupId(self.next_group);
        self.next_group += 1;
        self.timers.set(Timer::Flush(id), group.phase.next_flush());
        self.group_index.insert((group.route, group.labels.clone()), id);
        self.groups.insert(id, group);
        id
    }

    /// Adds a member. One that has waited long enough already, elsewhere, is not kept waiting here.
    fn join(&mut self, id: GroupId, fingerprint: Fingerprint, starts_at: Timestamp, now: Timestamp) {
        let Some(group) = self.groups.get_mut(&id) else {
            return;
        };
        group.members.insert(fingerprint);
        if let Some(tracked) = self.alerts.get_mut(&fingerprint) {
            tracked.join(id);
        }
        let group_wait = self.routes.route(group.route).group_wait;
        if let Phase::Collecting { until } = group.phase
            && starts_at + group_wait < now
            && until > now
        {
            self.set_phase(id, Phase::Collecting { until: now });
        }
    }

    /// Changes a group's phase and its timer with it.
    pub(super) fn set_phase(&mut self, id: GroupId, phase: Phase) {
        let Some(group) = self.groups.get_mut(&id) else {
            return;
        };
        self.timers.cancel(Timer::Flush(id), group.phase.next_flush());
        group.phase = phase;
        self.timers.set(Timer::Flush(id), phase.next_flush());
    }

    pub(super) fn remove_group(&mut self, id: GroupId) {
        let Some(group) = self.groups.remove(&id) else {
            return;
        };
        self.timers.cancel(Timer::Flush(id), group.phase.next_flush());
        self.group_index.remove(&(group.route, group.labels));
    }
}
