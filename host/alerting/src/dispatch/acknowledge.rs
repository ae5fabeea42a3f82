//! Taking alerts on: whoever does so is not reminded of them until they are over, or until a time.

use bellwether_model::state::{Acknowledgement, StateChange};
use bellwether_model::{Fingerprint, Timestamp};

use super::{Dispatcher, Effect, Tracked, events};

/// Why alerts cannot be acknowledged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AcknowledgeError {
    /// One of them does not fire, or never did.
    #[error("no alert with fingerprint {0} fires")]
    NotFiring(Fingerprint),
    /// Nobody says who it is.
    #[error("an author is required")]
    NoAuthor,
    /// It would be over at once.
    #[error("the time until which it holds must be in the future")]
    InThePast,
}

impl Dispatcher {
    /// Takes alerts on: all of them or none. The last one to do so counts.
    pub fn acknowledge(
        &mut self,
        now: Timestamp,
        alerts: &[Fingerprint],
        acknowledgement: Acknowledgement,
    ) -> Result<Vec<Effect>, AcknowledgeError> {
        if acknowledgement.by.trim().is_empty() {
            return Err(AcknowledgeError::NoAuthor);
        }
        if !acknowledgement.holds(now) {
            return Err(AcknowledgeError::InThePast);
        }
        let mut effects = Vec::new();
        self.run_timers(now, &mut effects);
        if let Some(other) = alerts.iter().find(|alert| self.firing(**alert, now).is_none()) {
            return Err(AcknowledgeError::NotFiring(*other));
        }
        for alert in alerts {
            let Some(tracked) = self.alerts.get_mut(alert) else { continue };
            events::acknowledged(tracked, &acknowledgement, now, &mut effects);
            tracked.acknowledgement = Some(Box::new(acknowledgement.clone()));
        }
        effects.push(Effect::Write(StateChange::Acknowledge(alerts.to_vec(), acknowledgement)));
        Ok(effects)
    }

    /// Gives alerts back; without effect on those that nobody has taken on.
    pub fn unacknowledge(&mut self, now: Timestamp, alerts: &[Fingerprint]) -> Vec<Effect> {
        let mut effects = Vec::new();
        self.run_timers(now, &mut effects);
        let mut given_back = Vec::new();
        for alert in alerts {
            let taken = self.alerts.get_mut(alert).and_then(|tracked| tracked.acknowledgement.take());
            given_back.extend(taken.map(|_| *alert));
        }
        if !given_back.is_empty() {
            effects.push(Effect::Write(StateChange::Unacknowledge(given_back)));
        }
        effects
    }

    /// Whether somebody has taken on each of these, of which there is at least one.
    pub(super) fn all_acknowledged(&self, alerts: &[u64], now: Timestamp) -> bool {
        let acknowledged = |id: &u64| {
            let known = self.alerts.get(&Fingerprint(*id)).and_then(|own| own.acknowledgement.as_deref());
            known.is_some_and(|acknowledgement| acknowledgement.holds(now))
        };
        !alerts.is_empty() && alerts.iter().all(acknowledged)
    }

    fn firing(&self, alert: Fingerprint, now: Timestamp) -> Option<&Tracked> {
        self.alerts.get(&alert).map(|own| &**own).filter(|own| !own.is_resolved(now))
    }
}
