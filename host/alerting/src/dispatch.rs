//! The machine: alerts and silences go in with the time, decisions come out.
//!
//! It keeps one copy of each alert, the groups that the routes make of them, one ordered set of timers, and the
//! notification log. It reads no clock: whoever drives it calls [`Dispatcher::step`] with the time, and again at
//! [`Dispatcher::next_wakeup`]. What it returns has to be written down before anybody is told.

use std::sync::Arc;
use std::time::Duration;

use bellwether_model::state::{DeadDelivery, FlushRecord, NotificationLogEntry, Silence, StateSnapshot};
use bellwether_model::{Alert, Fingerprint, Labels, Timestamp};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::config::Config;
use crate::inhibit::Inhibitor;
use crate::merge::merge;
use crate::route::{RouteId, RouteTree};
use crate::silence::{SetSilence, SilenceError, Silences};

pub use self::events::{Event, Happened};
pub(crate) use self::group::{Group, GroupId, Phase};
use self::log::NotificationLog;
pub(crate) use self::mute::Mute;
use self::timers::{Timer, Timers};

mod events;
mod flush;
mod group;
mod log;
mod mute;
mod reload;
#[cfg(test)]
mod tests;
mod timers;

/// How often what is too old is looked for.
const HOUSEKEEPING_INTERVAL: Duration = Duration::from_secs(600);

/// What the machine is told.
#[derive(Debug)]
pub enum Input {
    /// Alerts from clients of the API or from rules, valid ones.
    Alerts(Vec<Alert>),
    /// Another configuration. Alerts stay; groups keep their timers where their route still exists.
    Config(Arc<Config>),
    /// Nothing but the time.
    Wake,
}

/// What has to be done. To be carried out in order; those that write, before anything is told.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Write these alerts down.
    PutAlerts(Vec<Alert>),
    /// Write this silence down.
    PutSilence(Silence),
    /// Forget these silences.
    ForgetSilences(Vec<String>),
    /// Write down what a group's flush decided, in one transaction; its deliveries are then due.
    Flush(FlushRecord),
    /// Nothing to do; for the eyes of people.
    Happened(Happened),
}

/// What was kept over a restart.
#[derive(Debug, Default)]
pub struct Restored {
    /// Alerts.
    pub alerts: Vec<Alert>,
    /// Silences.
    pub silences: Vec<Silence>,
    /// The notification log.
    pub log: Vec<NotificationLogEntry>,
}

impl From<StateSnapshot> for Restored {
    fn from(snapshot: StateSnapshot) -> Self {
        Self { alerts: snapshot.alerts, silences: snapshot.silences, log: snapshot.log }
    }
}

/// An alert that somebody may have to be told about.
#[derive(Debug)]
pub(crate) struct Tracked {
    pub(crate) alert: Alert,
    /// Until when it counts as firing: its end, or later after a restart, so that its sender can be heard first.
    pub(crate) fires_until: Timestamp,
    /// The groups that it is in.
    pub(crate) groups: Vec<GroupId>,
    /// How it was last seen to be muted, to speak of it only when that changes.
    pub(crate) mute: Mute,
    /// The end that was written down last.
    written_end: Timestamp,
    /// When its end will be looked at; none once it has been spoken of.
    end_timer: Option<Timestamp>,
}

impl Tracked {
    pub(crate) fn is_resolved(&self, now: Timestamp) -> bool {
        self.fires_until <= now
    }

    /// The alert with the end that counts: one that a restart has put off is as good as a timeout.
    pub(crate) fn as_firing(&self) -> Alert {
        let put_off = self.fires_until > self.alert.ends_at;
        let ends_by_timeout = self.alert.ends_by_timeout || put_off;
        Alert { ends_at: self.fires_until, ends_by_timeout, ..self.alert.clone() }
    }
}

/// Decides what to send to whom, and when.
#[derive(Debug)]
pub struct Dispatcher {
    pub(crate) config: Arc<Config>,
    pub(crate) external_url: String,
    pub(crate) routes: RouteTree,
    pub(crate) alerts: FxHashMap<Fingerprint, Tracked>,
    pub(crate) groups: FxHashMap<GroupId, Group>,
    pub(crate) silences: Silences,
    pub(crate) log: NotificationLog,
    inhibitor: Inhibitor,
    group_index: FxHashMap<(RouteId, Labels), GroupId>,
    next_group: u64,
    timers: Timers,
    silences_seen_at: Timestamp,
    silences_timer: Option<Timestamp>,
}

impl Dispatcher {
    /// A machine that goes on where the last one stopped. `external_url` is put into notifications.
    ///
    /// Alerts whose end was still ahead when they were last heard of stay firing for one resolve timeout from now, so
    /// that a restart does not resolve what its sender would have refreshed meanwhile.
    pub fn new(config: Arc<Config>, restored: Restored, external_url: &str, now: Timestamp) -> Self {
        let mut dispatcher = Self {
            external_url: external_url.to_owned(),
            routes: RouteTree::new(&config),
            alerts: FxHashMap::default(),
            groups: FxHashMap::default(),
            silences: Silences::restore(restored.silences),
            log: NotificationLog::restore(restored.log),
            inhibitor: Inhibitor::new(&config),
            group_index: FxHashMap::default(),
            next_group: 0,
            timers: Timers::default(),
            silences_seen_at: now,
            silences_timer: None,
            config,
        };
        for alert in restored.alerts {
            dispatcher.restore(alert, now);
        }
        dispatcher.timers.set(Timer::Housekeeping, now + HOUSEKEEPING_INTERVAL);
        dispatcher.arm_silences(now);
        dispatcher
    }

    /// Takes an input in and does everything that is due by then.
    pub fn step(&mut self, now: Timestamp, input: Input) -> Vec<Effect> {
        let mut effects = Vec::new();
        self.run_timers(now, &mut effects);
        match input {
            Input::Alerts(alerts) => self.receive_all(alerts, now, &mut effects),
            Input::Config(config) => self.reload(config, now, &mut effects),
            Input::Wake => return effects,
        }
        self.run_timers(now, &mut effects);
        effects
    }

    /// When to call [`Self::step`] next, if nothing comes in before.
    pub fn next_wakeup(&self) -> Option<Timestamp> {
        self.timers.next()
    }

    /// Sets a silence, a new one where its id is empty. `fresh_id` is a new unique id, used where one is needed.
    pub fn set_silence(
        &mut self,
        now: Timestamp,
        silence: Silence,
        fresh_id: String,
    ) -> Result<(String, Vec<Effect>), SilenceError> {
        let mut effects = Vec::new();
        self.run_timers(now, &mut effects);
        let SetSilence { id, changed } = self.silences.set(silence, fresh_id, now)?;
        for silence in changed {
            events::silence_changed(&silence, now, &mut effects);
            effects.push(Effect::PutSilence(silence));
        }
        self.arm_silences(now);
        Ok((id, effects))
    }

    /// Ends a silence; one that is over already stays as it is.
    pub fn expire_silence(&mut self, now: Timestamp, id: &str) -> Result<Vec<Effect>, SilenceError> {
        let mut effects = Vec::new();
        self.run_timers(now, &mut effects);
        if let Some(silence) = self.silences.expire(id, now)? {
            events::silence_changed(&silence, now, &mut effects);
            effects.push(Effect::PutSilence(silence));
        }
        self.arm_silences(now);
        Ok(effects)
    }

    /// Takes back what a message would have told that was given up: the group's next flush tells again, as
    /// Alertmanager, which logs no failed notification. Without effect where something newer was told since; returns
    /// whether it had one. The caller has written it down already.
    ///
    /// Alerts that were over at that flush have left the group and are not told again.
    pub fn delivery_failed(&mut self, dead: &DeadDelivery) -> bool {
        self.log.take_back(dead)
    }

    /// The configuration in force.
    pub fn config(&self) -> &Arc<Config> {
        &self.config
    }

    /// How many alerts and groups there are.
    pub fn sizes(&self) -> (usize, usize) {
        (self.alerts.len(), self.groups.len())
    }

    fn receive_all(&mut self, alerts: Vec<Alert>, now: Timestamp, effects: &mut Vec<Effect>) {
        let mut changed = Vec::new();
        let mut events = Vec::new();
        for alert in alerts {
            changed.extend(self.receive(alert, now, &mut events));
        }
        if !changed.is_empty() {
            effects.push(Effect::PutAlerts(changed));
        }
        effects.append(&mut events);
    }

    /// Takes one alert in; returns it where it has to be written down.
    fn receive(&mut self, alert: Alert, now: Timestamp, effects: &mut Vec<Effect>) -> Option<Alert> {
        let fingerprint = alert.fingerprint();
        if !self.alerts.contains_key(&fingerprint) {
            return self.receive_new(alert, now, effects);
        }
        let resolve_timeout = self.config.resolve_timeout;
        let tracked = self.alerts.get_mut(&fingerprint)?;
        let was_resolved = tracked.is_resolved(now);
        let merged = merge(&tracked.as_firing(), alert, now);
        let before = std::mem::replace(&mut tracked.alert, merged);
        tracked.fires_until = tracked.alert.ends_at;
        let is_resolved = tracked.is_resolved(now);
        let must_write = was_resolved != is_resolved
            || differs(&before, &tracked.alert)
            || moved_far(tracked.written_end, tracked.alert.ends_at, resolve_timeout);
        if must_write {
            tracked.written_end = tracked.alert.ends_at;
        }
        let written = must_write.then(|| tracked.alert.clone());
        if was_resolved != is_resolved {
            effects.push(events::alert_turned(&tracked.alert, is_resolved, now));
        }
        self.arm_end(fingerprint, now);
        written
    }

    fn receive_new(&mut self, alert: Alert, now: Timestamp, effects: &mut Vec<Effect>) -> Option<Alert> {
        let resolved = alert.is_resolved(now);
        // Nobody knows of it and it is over: clients repeat the end of an alert for a while.
        if resolved && !self.was_told(&alert) {
            return None;
        }
        let fires_until = alert.ends_at;
        let fingerprint = self.track(alert, fires_until);
        let tracked = &self.alerts[&fingerprint];
        let alert = tracked.alert.clone();
        if !resolved {
            effects.push(events::alert_turned(&alert, false, now));
        }
        self.route(fingerprint, now, effects);
        self.note_mute(fingerprint, now, effects);
        self.arm_end(fingerprint, now);
        Some(alert)
    }

    fn restore(&mut self, alert: Alert, now: Timestamp) {
        let end_was_ahead = alert.ends_at > alert.updated_at;
        let hold = now + self.config.resolve_timeout;
        let fires_until = if end_was_ahead { alert.ends_at.max(hold) } else { alert.ends_at };
        let fingerprint = self.track(alert, fires_until);
        // Nobody was there to see what happens while the state is read.
        self.route(fingerprint, now, &mut Vec::new());
        self.arm_end(fingerprint, now);
    }

    fn track(&mut self, alert: Alert, fires_until: Timestamp) -> Fingerprint {
        let fingerprint = alert.fingerprint();
        self.inhibitor.add(&alert.labels);
        let written_end = alert.ends_at;
        let tracked = Tracked {
            alert,
            fires_until,
            groups: Vec::new(),
            mute: Mute::None,
            written_end,
            end_timer: None,
        };
        self.alerts.insert(fingerprint, tracked);
        fingerprint
    }

    /// Whether any group has told that it fires.
    fn was_told(&self, alert: &Alert) -> bool {
        self.routes.matching(&alert.labels).into_iter().any(|id| {
            let route = self.routes.route(id);
            let key = route.group_key(&route.group_labels(&alert.labels));
            self.log.has_told_firing(&key, alert.fingerprint())
        })
    }

    fn run_timers(&mut self, now: Timestamp, effects: &mut Vec<Effect>) {
        let mut ended = Vec::new();
        while let Some(timer) = self.timers.pop_due(now) {
            match timer {
                Timer::AlertEnds(fingerprint) => ended.extend(self.look_at_end(fingerprint, now, effects)),
                Timer::Flush(group) => {
                    // A flush may forget an alert; what is written about it goes first.
                    put_alerts(&mut ended, effects);
                    self.flush(group, now, effects);
                }
                Timer::Silences => self.look_at_silences(now, effects),
                Timer::Housekeeping => self.keep_house(now),
            }
        }
        put_alerts(&mut ended, effects);
    }

    fn keep_house(&mut self, now: Timestamp) {
        let living: FxHashSet<&str> = self.groups.values().map(|group| &*group.key).collect();
        self.log.forget_old(now, &living);
        self.timers.set(Timer::Housekeeping, now + HOUSEKEEPING_INTERVAL);
    }

    /// Sees to it that the end of a firing alert is spoken of. A timer that is early just looks again.
    fn arm_end(&mut self, fingerprint: Fingerprint, now: Timestamp) {
        let Some(tracked) = self.alerts.get_mut(&fingerprint) else {
            return;
        };
        if tracked.end_timer.is_some_and(|at| at <= tracked.fires_until) {
            return;
        }
        if let Some(at) = tracked.end_timer.take() {
            self.timers.cancel(Timer::AlertEnds(fingerprint), at);
        }
        if !tracked.is_resolved(now) {
            tracked.end_timer = Some(tracked.fires_until);
            self.timers.set(Timer::AlertEnds(fingerprint), tracked.fires_until);
        }
    }

    /// Speaks of the end of an alert that nobody refreshed; returns it to be written down as over, so that a restart
    /// does not wait for its sender again.
    fn look_at_end(
        &mut self,
        fingerprint: Fingerprint,
        now: Timestamp,
        effects: &mut Vec<Effect>,
    ) -> Option<Alert> {
        let tracked = self.alerts.get_mut(&fingerprint)?;
        let was_armed_for = tracked.end_timer.take();
        if !tracked.is_resolved(now) {
            self.arm_end(fingerprint, now);
            return None;
        }
        if was_armed_for != Some(tracked.fires_until) {
            return None;
        }
        tracked.alert.updated_at = tracked.alert.updated_at.max(tracked.alert.ends_at);
        effects.push(events::alert_turned(&tracked.alert, true, now));
        Some(tracked.alert.clone())
    }

    fn look_at_silences(&mut self, now: Timestamp, effects: &mut Vec<Effect>) {
        let (began, ended) = self.silences.changes(self.silences_seen_at, now);
        events::silences_turned(began, ended, now, effects);
        let forgotten = self.silences.forget_old(now);
        if !forgotten.is_empty() {
            effects.push(Effect::ForgetSilences(forgotten));
        }
        self.arm_silences(now);
    }

    fn arm_silences(&mut self, now: Timestamp) {
        self.silences_seen_at = now;
        if let Some(at) = self.silences_timer.take() {
            self.timers.cancel(Timer::Silences, at);
        }
        self.silences_timer = self.silences.next_change(now);
        if let Some(at) = self.silences_timer {
            self.timers.set(Timer::Silences, at);
        }
    }

    /// Drops an alert that nobody needs any more.
    fn forget(&mut self, fingerprint: Fingerprint) {
        let Some(tracked) = self.alerts.remove(&fingerprint) else {
            return;
        };
        self.inhibitor.remove(&tracked.alert.labels);
        if let Some(at) = tracked.end_timer {
            self.timers.cancel(Timer::AlertEnds(fingerprint), at);
        }
    }
}

/// Whether news about an alert are more than a sign of life.
fn differs(before: &Alert, after: &Alert) -> bool {
    before.starts_at != after.starts_at
        || before.annotations != after.annotations
        || before.generator_url != after.generator_url
        || before.ends_by_timeout != after.ends_by_timeout
}

/// Whether the end has moved so far that a restart should know. Smaller moves are covered by the time that a restart
/// gives to senders; writing each of them down would mean a write for every refresh of every alert.
fn moved_far(written: Timestamp, end: Timestamp, resolve_timeout: Duration) -> bool {
    end.since(written).max(written.since(end)) > resolve_timeout
}

fn put_alerts(alerts: &mut Vec<Alert>, effects: &mut Vec<Effect>) {
    if !alerts.is_empty() {
        effects.push(Effect::PutAlerts(std::mem::take(alerts)));
    }
}
