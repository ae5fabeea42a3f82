//! Whether an alert may be told now: inhibition, time intervals, silences, in this order.

use bellwether_model::{Fingerprint, Labels, Timestamp};

use super::{Dispatcher, Effect, events};
use crate::config::Config;
use crate::route::Route;

/// What keeps an alert from being told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Mute {
    /// Nothing.
    #[default]
    None,
    /// An alert that fires.
    Inhibited(Fingerprint),
    /// Time intervals of the route.
    ByTime(Vec<String>),
    /// Silences.
    Silenced(Vec<String>),
}

impl Dispatcher {
    /// The alert that inhibits another one now.
    pub(crate) fn inhibited_by(&self, labels: &Labels, now: Timestamp) -> Option<Fingerprint> {
        let fires = |source| self.alerts.get(&source).is_some_and(|source| !source.is_resolved(now));
        self.inhibitor.inhibited_by(labels, fires)
    }

    /// What keeps an alert from being told in a group whose time intervals are known.
    pub(super) fn mute_of(&self, labels: &Labels, muted_by_time: &[String], now: Timestamp) -> Mute {
        if let Some(source) = self.inhibited_by(labels, now) {
            return Mute::Inhibited(source);
        }
        if !muted_by_time.is_empty() {
            return Mute::ByTime(muted_by_time.to_vec());
        }
        let silences = self.silences.silenced_by(labels, now);
        if silences.is_empty() { Mute::None } else { Mute::Silenced(silences) }
    }

    /// Speaks of a new alert that is muted from the start.
    pub(super) fn note_mute(&mut self, fingerprint: Fingerprint, now: Timestamp, effects: &mut Vec<Effect>) {
        let Some(tracked) = self.alerts.get(&fingerprint) else {
            return;
        };
        let mute = self.mute_of(tracked.labels(), &[], now);
        self.set_mute(fingerprint, mute, now, effects);
    }

    /// Remembers how an alert is muted, and speaks of it where that is new.
    pub(super) fn set_mute(
        &mut self,
        fingerprint: Fingerprint,
        mute: Mute,
        now: Timestamp,
        effects: &mut Vec<Effect>,
    ) {
        let Some(tracked) = self.alerts.get_mut(&fingerprint) else {
            return;
        };
        if tracked.mute == mute {
            return;
        }
        tracked.mute = mute;
        effects.push(events::mute_changed(tracked.labels(), &tracked.mute, now));
    }
}

/// The time intervals that mute a route now; empty where none does.
///
/// Outside of all `active_time_intervals` the route is muted by all of them.
pub(super) fn muting_intervals(config: &Config, route: &Route, now: Timestamp) -> Vec<String> {
    let contains = |name: &&String| {
        config.time_intervals.iter().any(|interval| interval.name == **name && interval.contains(now))
    };
    let active = &route.active_time_intervals;
    if !active.is_empty() && !active.iter().any(|name| contains(&name)) {
        return active.clone();
    }
    route.mute_time_intervals.iter().filter(contains).cloned().collect()
}
