//! The state machine of one alert of one rule. The same for live evaluation, tests and backtests.

use std::time::Duration;

use bellwether_model::Timestamp;
use bellwether_model::time::millis;

/// How long a resolved alert is remembered, so that its end is told again to whoever missed it, as Prometheus 3.
pub const RESOLVED_RETENTION: Duration = Duration::from_secs(15 * 60);

/// Where an alert stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RuleAlertState {
    /// The condition holds, but not for long enough.
    Pending {
        /// When it began to hold.
        active_at: Timestamp,
    },
    /// People are to be told.
    Firing {
        /// When the condition began to hold.
        active_at: Timestamp,
        /// When it had held for long enough.
        fired_at: Timestamp,
        /// Whether it still holds.
        condition: Condition,
    },
    /// It fired, and is over.
    Resolved {
        /// When the condition began to hold.
        active_at: Timestamp,
        /// When it had held for long enough.
        fired_at: Timestamp,
        /// When it was over.
        resolved_at: Timestamp,
    },
}

/// The condition of a firing alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// The expression returned the alert at the last evaluation.
    Holds,
    /// It did not, but `keep_firing_for` has not run out.
    KeptSince(Timestamp),
}

/// The two durations of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Holds {
    /// How long the condition must hold before the alert fires: `for`.
    pub hold: Duration,
    /// How long the alert goes on firing after the condition is over: `keep_firing_for`.
    pub keep_firing: Duration,
}

impl RuleAlertState {
    /// An alert seen for the first time.
    pub fn begin(now: Timestamp, holds: Holds) -> Self {
        Self::pending_or_firing(now, now, holds)
    }

    /// One evaluation further. None: the alert is forgotten.
    pub fn step(self, now: Timestamp, condition_holds: bool, holds: Holds) -> Option<Self> {
        match (self, condition_holds) {
            (Self::Pending { active_at }, true) => Some(Self::pending_or_firing(active_at, now, holds)),
            (Self::Pending { .. }, false) => None,
            (Self::Firing { active_at, fired_at, .. }, true) => {
                Some(Self::Firing { active_at, fired_at, condition: Condition::Holds })
            }
            (Self::Firing { active_at, fired_at, condition }, false) => {
                Some(Self::kept_or_resolved(active_at, fired_at, condition, now, holds))
            }
            (Self::Resolved { .. }, true) => Some(Self::begin(now, holds)),
            (Self::Resolved { resolved_at, .. }, false) => {
                (now.millis_since(resolved_at) <= millis(RESOLVED_RETENTION)).then_some(self)
            }
        }
    }

    fn pending_or_firing(active_at: Timestamp, now: Timestamp, holds: Holds) -> Self {
        if now.millis_since(active_at) >= millis(holds.hold) {
            Self::Firing { active_at, fired_at: now, condition: Condition::Holds }
        } else {
            Self::Pending { active_at }
        }
    }

    fn kept_or_resolved(
        active_at: Timestamp,
        fired_at: Timestamp,
        condition: Condition,
        now: Timestamp,
        holds: Holds,
    ) -> Self {
        let since = match condition {
            Condition::Holds => now,
            Condition::KeptSince(since) => since,
        };
        if now.millis_since(since) < millis(holds.keep_firing) {
            Self::Firing { active_at, fired_at, condition: Condition::KeptSince(since) }
        } else {
            Self::Resolved { active_at, fired_at, resolved_at: now }
        }
    }

    /// When the condition began to hold.
    pub const fn active_at(self) -> Timestamp {
        match self {
            Self::Pending { active_at }
            | Self::Firing { active_at, .. }
            | Self::Resolved { active_at, .. } => active_at,
        }
    }

    /// Whether the alert shows up as `ALERTS`: pending and firing do.
    pub const fn is_active(self) -> bool {
        matches!(self, Self::Pending { .. } | Self::Firing { .. })
    }

    /// `pending`, `firing` or `inactive`, as in Prometheus' API and the `alertstate` label.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending { .. } => "pending",
            Self::Firing { .. } => "firing",
            Self::Resolved { .. } => "inactive",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(secs: i64) -> Timestamp {
        Timestamp::from_millis(secs * 1000)
    }

    const fn holds(hold_secs: u64, keep_secs: u64) -> Holds {
        Holds { hold: Duration::from_secs(hold_secs), keep_firing: Duration::from_secs(keep_secs) }
    }

    #[test]
    fn fires_at_once_without_a_hold() {
        let state = RuleAlertState::begin(at(10), holds(0, 0));
        assert_eq!(
            state,
            RuleAlertState::Firing { active_at: at(10), fired_at: at(10), condition: Condition::Holds }
        );
    }

    #[test]
    fn fires_after_hold_and_resolves() {
        let rule = holds(30, 0);
        let pending = RuleAlertState::begin(at(0), rule);
        let still = pending.step(at(15), true, rule).unwrap();
        assert_eq!(still, RuleAlertState::Pending { active_at: at(0) });
        let firing = still.step(at(30), true, rule).unwrap();
        assert_eq!(firing.as_str(), "firing");
        let resolved = firing.step(at(45), false, rule).unwrap();
        assert_eq!(
            resolved,
            RuleAlertState::Resolved { active_at: at(0), fired_at: at(30), resolved_at: at(45) }
        );
        assert_eq!(resolved.step(at(60), true, rule).unwrap(), RuleAlertState::Pending { active_at: at(60) });
    }

    #[test]
    fn pending_that_lets_go_is_forgotten() {
        assert_eq!(RuleAlertState::begin(at(0), holds(30, 0)).step(at(15), false, holds(30, 0)), None);
    }

    #[test]
    fn keeps_firing_until_the_time_is_up_or_the_condition_is_back() {
        let rule = holds(0, 60);
        let firing = RuleAlertState::begin(at(0), rule);
        let kept = firing.step(at(15), false, rule).unwrap();
        assert!(
            matches!(kept, RuleAlertState::Firing { condition: Condition::KeptSince(since), .. } if since == at(15))
        );
        let back = kept.step(at(30), true, rule).unwrap();
        assert!(matches!(back, RuleAlertState::Firing { condition: Condition::Holds, .. }));
        let over = kept.step(at(75), false, rule).unwrap();
        assert!(matches!(over, RuleAlertState::Resolved { resolved_at, .. } if resolved_at == at(75)));
    }

    #[test]
    fn resolved_is_remembered_for_a_quarter_of_an_hour() {
        let rule = holds(0, 0);
        let resolved = RuleAlertState::begin(at(0), rule).step(at(10), false, rule).unwrap();
        assert_eq!(resolved.step(at(10 + 900), false, rule), Some(resolved));
        assert_eq!(resolved.step(at(10 + 901), false, rule), None);
    }
}
