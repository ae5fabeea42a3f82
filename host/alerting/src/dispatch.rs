//! The machine: alerts and silences go in with the time, decisions come out.
//!
//! It keeps one copy of each alert, the groups that the routes make of them, one ordered set of timers, and the
//! notification log. It reads no clock: whoever drives it calls [`Dispatcher::step`] with the time, and again at
//! [`Dispatcher::next_wakeup`]. What it returns has to be written down before anybody is told.

use std::sync::Arc;
use std::time::Duration;

use bellwether_model::state::{
    Acknowledgement, DeadDelivery, NotificationLogEntry, Silence, StateChange, StateSnapshot,
};
use bellwether_model::{Alert, Fingerprint, Labels, Timestamp};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::config::Config;
use crate::inhibit::Inhibitor;
use crate::merge::{Span, merge};
use crate::route::{RouteId, RouteTree};
use crate::silence::{SetSilence, SilenceError, Silences};

pub use self::acknowledge::AcknowledgeError;
pub use self::events::{Event, Happened};
pub(crate) use self::group::{Group, GroupId, Phase};
use self::hold::Hold;
pub use self::hold::Start;
use self::log::NotificationLog;
pub(crate) use self::mute::Mute;
use self::symbols::Symbols;
use self::timers::{Timer, Timers};
pub(crate) use self::tracked::{Content, Tracked};

mod acknowledge;
mod clock;
mod events;
mod flush;
mod group;
mod hold;
mod log;
mod members;
mod mute;
mod reload;
mod symbols;
#[cfg(test)]
mod tests;
mod timers;
mod tracked;

/// How often what is too old is looked for.
const HOUSEKEEPING_INTERVAL: Duration = Duration::from_secs(600);

/// What the machine is told.
#[derive(Debug)]
pub enum Input {
    /// Alerts from clients of the API or from rules, valid ones.
    Alerts(Vec<Alert>),
    /// Another configuration. Alerts stay; groups keep their timers where their route still exists.
    Config(Arc<Config>),
    /// Every rule has been evaluated since the start: the alerts that there are are known.
    RulesEvaluated,
    /// Nothing but the time.
    Wake,
}

/// What has to be done. To be carried out in order: written down before it is told. Several may be written together.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Write this down.
    Write(StateChange),
    /// Nothing to do; for the eyes of people.
    Happened(Happened),
}

/// What was kept over a restart.
#[derive(Debug, Default)]
pub struct Restored {
    /// Alerts.
    pub alerts: Vec<Alert>,
    /// Who has taken on which alert.
    pub acknowledgements: Vec<(Fingerprint, Acknowledgement)>,
    /// Silences.
    pub silences: Vec<Silence>,
    /// The notification log.
    pub log: Vec<NotificationLogEntry>,
}

impl From<StateSnapshot> for Restored {
    fn from(snapshot: StateSnapshot) -> Self {
        let StateSnapshot { alerts, acknowledgements, silences, log, rule_alerts: _ } = snapshot;
        Self { alerts, acknowledgements, silences, log }
    }
}

/// Decides what to send to whom, and when.
#[derive(Debug)]
pub struct Dispatcher {
    pub(crate) config: Arc<Config>,
    pub(crate) external_url: String,
    pub(crate) routes: RouteTree,
    pub(crate) alerts: FxHashMap<Fingerprint, Box<Tracked>>,
    pub(crate) groups: FxHashMap<GroupId, Group>,
    pub(crate) silences: Silences,
    pub(crate) log: NotificationLog,
    inhibitor: Inhibitor,
    symbols: Symbols,
    hold: Hold,
    last_step: Timestamp,
    group_index: FxHashMap<(RouteId, Labels), GroupId>,
    next_group: u64,
    timers: Timers,
    silences_seen_at: Timestamp,
    silences_timer: Option<Timestamp>,
}

impl Dispatcher {
    /// A machine that goes on where the last one stopped.
    ///
    /// Alerts whose end was still ahead when they were last heard of stay firing for one resolve timeout from now, so
    /// that a restart does not resolve what its sender would have refreshed meanwhile.
    pub fn new(config: Arc<Config>, restored: Restored, start: Start, now: Timestamp) -> Self {
        let mut dispatcher = Self {
            hold: Hold::new(&start, now),
            last_step: now,
            external_url: start.external_url,
            routes: RouteTree::new(&config),
            alerts: FxHashMap::default(),
            groups: FxHashMap::default(),
            silences: Silences::restore(restored.silences),
            log: NotificationLog::restore(restored.log),
            inhibitor: Inhibitor::new(&config),
            symbols: Symbols::default(),
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
        for (fingerprint, acknowledgement) in restored.acknowledgements {
            if let Some(tracked) = dispatcher.alerts.get_mut(&fingerprint) {
                tracked.acknowledgement = Some(Box::new(acknowledgement));
            }
        }
        dispatcher.timers.set(Timer::Housekeeping, now + HOUSEKEEPING_INTERVAL);
        dispatcher.arm_silences(now);
        dispatcher
    }

    /// Takes an input in and does everything that is due by then.
    pub fn step(&mut self, now: Timestamp, input: Input) -> Vec<Effect> {
        let mut effects = Vec::new();
        self.look_at_clock(now);
        self.run_timers(now, &mut effects);
        match input {
            Input::Alerts(alerts) => self.receive_all(alerts, now, &mut effects),
            Input::Config(config) => self.reload(config, now, &mut effects),
            Input::RulesEvaluated => self.release(now),
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
            effects.push(Effect::Write(StateChange::PutSilence(silence)));
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
            effects.push(Effect::Write(StateChange::PutSilence(silence)));
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
            effects.push(Effect::Write(StateChange::PutAlerts(changed)));
        }
        effects.append(&mut events);
    }

    /// Takes one alert in; returns it where it has to be written down.
    fn receive(&mut self, alert: Alert, now: Timestamp, effects: &mut Vec<Effect>) -> Option<Alert> {
        let fingerprint = alert.fingerprint();
        let resolve_timeout = self.config.resolve_timeout;
        let Some(tracked) = self.alerts.get_mut(&fingerprint) else {
            return self.receive_new(alert, now, effects);
        };
        let was_resolved = tracked.is_resolved(now);
        let before = tracked.span;
        let merged = merge(tracked.firing_span(), Span::of(&alert), now);
        let says_else = merged.news_count && tracked.take_in(&alert);
        if !merged.goes_on {
            tracked.value = alert.value;
        } else if merged.news_count {
            tracked.value = alert.value.or(tracked.value);
        }
        tracked.span = merged.span;
        tracked.fires_until = merged.span.ends_at;
        let is_resolved = tracked.is_resolved(now);
        let must_write = was_resolved != is_resolved
            || says_else
            || before.starts_at != merged.span.starts_at
            || before.ends_by_timeout != merged.span.ends_by_timeout
            || moved_far(tracked.written_end, merged.span.ends_at, resolve_timeout);
        if must_write {
            tracked.written_end = merged.span.ends_at;
        }
        let written = must_write.then(|| tracked.alert());
        if was_resolved != is_resolved {
            events::alert_turned(tracked, is_resolved, now, effects);
        }
        self.arm_end(fingerprint, now);
        written
    }

    fn receive_new(&mut self, alert: Alert, now: Timestamp, effects: &mut Vec<Effect>) -> Option<Alert> {
        let resolved = alert.is_resolved(now);
        // Nobody knows of it and it is over: clients repeat the end of an alert for a while.
        if resolved && !self.was_told(&alert.labels) {
            return None;
        }
        let fingerprint = self.track(&alert, alert.ends_at);
        if !resolved && let Some(tracked) = self.alerts.get_mut(&fingerprint) {
            events::alert_turned(tracked, false, now, effects);
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
        let fingerprint = self.track(&alert, fires_until);
        // Nobody was there to see what happens while the state is read.
        self.route(fingerprint, now, &mut Vec::new());
        self.arm_end(fingerprint, now);
    }

    fn track(&mut self, alert: &Alert, fires_until: Timestamp) -> Fingerprint {
        let labels = self.symbols.share(&alert.labels);
        let fingerprint = labels.fingerprint();
        self.inhibitor.add(&labels);
        let content = Content::new(labels, &alert.annotations, &alert.generator_url);
        self.alerts.insert(fingerprint, Box::new(Tracked::new(content, alert, fires_until)));
        fingerprint
    }

    /// Whether any group has told that it fires.
    fn was_told(&self, labels: &Labels) -> bool {
        self.routes.matching(labels).into_iter().any(|id| {
            let route = self.routes.route(id);
            let key = route.group_key(&route.group_labels(labels));
            self.log.has_told_firing(&key, labels.fingerprint())
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
        self.symbols.forget_unused();
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
        tracked.span.updated_at = tracked.span.updated_at.max(tracked.span.ends_at);
        events::alert_turned(tracked, true, now, effects);
        Some(tracked.alert())
    }

    fn look_at_silences(&mut self, now: Timestamp, effects: &mut Vec<Effect>) {
        let (began, ended) = self.silences.changes(self.silences_seen_at, now);
        events::silences_turned(began, ended, now, effects);
        let forgotten = self.silences.forget_old(now);
        if !forgotten.is_empty() {
            effects.push(Effect::Write(StateChange::ForgetSilences(forgotten)));
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
        self.inhibitor.remove(tracked.labels());
        if let Some(at) = tracked.end_timer {
            self.timers.cancel(Timer::AlertEnds(fingerprint), at);
        }
    }
}

/// Whether the end has moved so far that a restart should know. Smaller moves are covered by the time that a restart
/// gives to senders; writing each of them down would mean a write for every refresh of every alert.
fn moved_far(written: Timestamp, end: Timestamp, resolve_timeout: Duration) -> bool {
    end.since(written).max(written.since(end)) > resolve_timeout
}

fn put_alerts(alerts: &mut Vec<Alert>, effects: &mut Vec<Effect>) {
    if !alerts.is_empty() {
        effects.push(Effect::Write(StateChange::PutAlerts(std::mem::take(alerts))));
    }
}
