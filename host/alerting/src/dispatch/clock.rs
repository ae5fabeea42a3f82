//! A clock that jumps, and a machine that slept: no storm of messages, and no silence.
//!
//! Alertmanager compares ends with the clock as it is: after a jump ahead all alerts are over until they are heard of
//! again, after one back nothing happens until the clock has caught up.

use std::time::Duration;

use bellwether_model::{Fingerprint, Timestamp};

use super::{Dispatcher, GroupId, Phase, Timer};

/// How late the machine may be called before it counts as having been away. Whoever drives it calls it far more often.
const AWAY: Duration = Duration::from_secs(60);
/// How far the clock may go back before times in the future are looked at anew. Less is waited for.
const BACK: Duration = Duration::from_secs(60);

impl Dispatcher {
    /// To be called with the time of each step, before anything else.
    pub(super) fn look_at_clock(&mut self, now: Timestamp) {
        let due = self.timers.next();
        if now + BACK < self.last_step {
            self.clock_went_back(now);
        } else if due.is_some_and(|due| now.since(due) > AWAY) {
            self.was_away(now);
        }
        self.last_step = now;
    }

    /// What fired then goes on firing until its sender has had the time to be heard, as after a restart.
    fn was_away(&mut self, now: Timestamp) {
        let hold = now + self.config.resolve_timeout;
        let last_step = self.last_step;
        let firing =
            self.alerts.iter().filter(|(_, own)| !own.is_resolved(last_step) && own.fires_until < hold);
        let firing: Vec<Fingerprint> = firing.map(|(fingerprint, _)| *fingerprint).collect();
        for fingerprint in firing {
            self.set_end(fingerprint, hold, now);
        }
    }

    /// What was to happen soon is still to happen soon.
    fn clock_went_back(&mut self, now: Timestamp) {
        self.hold.shorten(now);
        let ids: Vec<GroupId> = self.groups.keys().copied().collect();
        for id in ids {
            let Some(group) = self.groups.get(&id) else { continue };
            let route = self.routes.route(group.route);
            let phase = match group.phase {
                Phase::Collecting { until } => Phase::Collecting { until: until.min(now + route.group_wait) },
                Phase::Flushed { last, next } => {
                    Phase::Flushed { last: last.min(now), next: next.min(now + route.group_interval) }
                }
            };
            self.set_phase(id, phase);
        }
        let hold = now + self.config.resolve_timeout;
        let alerts: Vec<Fingerprint> = self.alerts.keys().copied().collect();
        for fingerprint in alerts {
            let Some(tracked) = self.alerts.get_mut(&fingerprint) else { continue };
            // What its sender says next is newer than what was said by the former clock.
            tracked.span.updated_at = tracked.span.updated_at.min(now);
            if tracked.span.ends_by_timeout && tracked.fires_until > hold {
                tracked.span.ends_at = tracked.span.ends_at.min(hold);
                self.set_end(fingerprint, hold, now);
            }
        }
        self.arm_silences(now);
    }

    fn set_end(&mut self, fingerprint: Fingerprint, end: Timestamp, now: Timestamp) {
        let Some(tracked) = self.alerts.get_mut(&fingerprint) else { return };
        tracked.fires_until = end;
        if let Some(at) = tracked.end_timer.take() {
            self.timers.cancel(Timer::AlertEnds(fingerprint), at);
        }
        self.arm_end(fingerprint, now);
    }
}
