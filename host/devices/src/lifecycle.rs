//! The life of a connection to one device, as a pure state machine.
//!
//! `absent -> opening -> probing -> up -> (silent) -> closing -> backoff -> ...`, with `quarantined` after a driver
//! broke too often and `disabled` when the device is not wanted. The shell opens and closes; this says when.
//! Times are monotonic: what has passed since the device's task began, so that a stepped wall clock moves no timer.

use std::collections::VecDeque;
use std::time::Duration;

use crate::random::SplitMix64;

/// The first wait after a connection ended; doubles with each failure.
pub const BACKOFF_FIRST: Duration = Duration::from_millis(250);
/// The longest wait between two attempts.
pub const BACKOFF_MAX: Duration = Duration::from_secs(15);
/// How far a wait is moved either way, so that a rack of boards does not knock in step.
pub const BACKOFF_JITTER: f64 = 0.2;
/// Good data for this long starts the waits anew. A bare open does not, or a flapping port would spin.
pub const BACKOFF_RESET_AFTER: Duration = Duration::from_secs(30);
/// How often a missing serial port is looked for: opening a path that is not there costs microseconds.
pub const ABSENT_POLL: Duration = Duration::from_secs(1);
/// So many crashes of the driver within [`CRASH_WINDOW`] lead to quarantine.
pub const CRASHES_ALLOWED: usize = 5;
/// The window in which crashes are counted.
pub const CRASH_WINDOW: Duration = Duration::from_secs(60);
/// How long a quarantine lasts unless somebody asks for a retry: a repaired plugin must not wait for an operator.
pub const QUARANTINE: Duration = Duration::from_secs(600);

/// What a device's configuration says about time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// Connected but without good data for this long means silent; none never.
    pub silence_timeout: Option<Duration>,
    /// Not up for this long ends the device's series.
    pub stale_after: Duration,
    /// Silent for this long closes the connection, for transports that cannot notice a peer that vanished.
    pub reopen_after_silence: Option<Duration>,
}

/// How a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// By the other side, an I/O error, or on request.
    Closed,
    /// The driver broke.
    Crashed,
    /// The driver cannot serve this device at all.
    Unsupported,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// The device is wanted.
    Enabled,
    /// The transport stands.
    Opened,
    /// The transport could not be opened.
    OpenFailed {
        /// The port does not exist, rather than being refused.
        absent: bool,
    },
    /// The driver made sense of a frame.
    GoodFrame,
    /// The connection is over and released.
    Ended(End),
    /// The time of [`Lifecycle::next_timeout`] has come.
    Elapsed,
    /// Somebody wants an attempt now: a port appeared, an operator asked, the driver was replaced.
    Retry,
}

/// What the shell must do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Open the transport; answer with `Opened` or `OpenFailed`.
    Open,
    /// Close the connection; answer with `Ended`.
    Close,
    /// End the device's series with stale markers.
    MarkStale,
    /// Good data arrives: the device is connected.
    ReportConnected,
    /// A connection that had been up ended.
    ReportDisconnected,
    /// The very first attempt failed.
    ReportUnreachable,
    /// Nothing good came for too long.
    ReportSilent,
    /// The driver is set aside.
    ReportQuarantined,
}

/// Where a connection is. Times are since the start of the device's task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Not wanted; how each device begins.
    Disabled,
    /// The port does not exist.
    Absent {
        /// When to look again.
        retry_at: Duration,
    },
    /// An attempt is under way.
    Opening,
    /// Open, nothing good seen yet.
    Probing {
        /// Since when.
        opened_at: Duration,
    },
    /// Good data arrives.
    Up {
        /// Since when without a break.
        up_since: Duration,
        /// The latest good frame.
        last_good: Duration,
    },
    /// Open, but nothing good for `silence_timeout`.
    Silent {
        /// Since when.
        since: Duration,
        /// Whether this connection ever was up.
        was_up: bool,
    },
    /// The shell has been told to close.
    Closing {
        /// Whether this connection ever was up.
        was_up: bool,
    },
    /// Waiting for the next attempt.
    Backoff {
        /// Until when.
        until: Duration,
    },
    /// The driver broke too often, or says that it cannot serve this device.
    Quarantined {
        /// Until when.
        until: Duration,
    },
}

impl State {
    /// The word that people see.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Disabled => "disabled",
            Self::Absent { .. } => "absent",
            Self::Opening => "opening",
            Self::Probing { .. } => "probing",
            Self::Up { .. } => "up",
            Self::Silent { .. } => "silent",
            Self::Closing { .. } => "closing",
            Self::Backoff { .. } => "backoff",
            Self::Quarantined { .. } => "quarantined",
        }
    }

    const fn was_up(self) -> bool {
        match self {
            Self::Up { .. } => true,
            Self::Silent { was_up, .. } | Self::Closing { was_up } => was_up,
            _ => false,
        }
    }

    const fn is_open(self) -> bool {
        matches!(self, Self::Probing { .. } | Self::Up { .. } | Self::Silent { .. })
    }
}

/// The state with what has to be remembered across connections.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lifecycle {
    policy: Policy,
    state: State,
    /// Attempts since the last 30 s of good data.
    failures: u32,
    /// At most [`CRASHES_ALLOWED`] of them.
    crashes: VecDeque<Duration>,
    /// When the device's series end; set while it is not up and once was.
    stale_at: Option<Duration>,
    jitter: SplitMix64,
}

impl Lifecycle {
    /// A device that nobody asked for yet. `jitter` decides how waits are spread.
    pub const fn new(policy: Policy, jitter: SplitMix64) -> Self {
        Self { policy, state: State::Disabled, failures: 0, crashes: VecDeque::new(), stale_at: None, jitter }
    }

    /// Where the connection is.
    pub const fn state(&self) -> State {
        self.state
    }

    /// When to call [`Self::step`] with [`Event::Elapsed`] at the latest.
    pub fn next_timeout(&self) -> Option<Duration> {
        let of_state = match self.state {
            State::Disabled | State::Opening | State::Closing { .. } => None,
            State::Absent { retry_at } => Some(retry_at),
            State::Backoff { until } | State::Quarantined { until } => Some(until),
            State::Probing { opened_at } => self.silent_at(opened_at),
            State::Up { last_good, .. } => self.silent_at(last_good),
            State::Silent { since, .. } => self.policy.reopen_after_silence.map(|wait| since + wait),
        };
        [of_state, self.stale_at].into_iter().flatten().min()
    }

    /// The machine after `event`, and what has to be done about it, in order.
    #[must_use]
    pub fn step(mut self, now: Duration, event: Event) -> (Self, Vec<Action>) {
        let mut actions = Vec::new();
        match (self.state, event) {
            (_, Event::Elapsed) => self.elapsed(now, &mut actions),
            (State::Disabled, Event::Enabled) => self.open(&mut actions),
            (State::Absent { .. } | State::Backoff { .. }, Event::Retry) => self.open(&mut actions),
            (State::Quarantined { .. }, Event::Retry) => self.release(&mut actions),
            (state, Event::Retry) if state.is_open() => self.close(state, &mut actions),
            (State::Opening, Event::Opened) => self.state = State::Probing { opened_at: now },
            (State::Opening, Event::OpenFailed { absent }) => self.open_failed(now, absent, &mut actions),
            (state, Event::GoodFrame) => self.good_frame(now, state, &mut actions),
            (state, Event::Ended(end)) if state != State::Disabled => {
                self.ended(now, state, end, &mut actions);
            }
            // Answers to questions that have been withdrawn meanwhile.
            _ => {}
        }
        (self, actions)
    }

    fn silent_at(&self, last_good: Duration) -> Option<Duration> {
        self.policy.silence_timeout.map(|timeout| last_good + timeout)
    }

    fn open(&mut self, actions: &mut Vec<Action>) {
        self.state = State::Opening;
        actions.push(Action::Open);
    }

    fn release(&mut self, actions: &mut Vec<Action>) {
        self.crashes.clear();
        self.failures = 0;
        self.open(actions);
    }

    fn close(&mut self, state: State, actions: &mut Vec<Action>) {
        self.state = State::Closing { was_up: state.was_up() };
        actions.push(Action::Close);
    }

    fn good_frame(&mut self, now: Duration, state: State, actions: &mut Vec<Action>) {
        let up_since = match state {
            State::Up { up_since, .. } => up_since,
            State::Probing { .. } | State::Silent { .. } => {
                self.stale_at = None;
                actions.push(Action::ReportConnected);
                now
            }
            _ => return,
        };
        if now.saturating_sub(up_since) >= BACKOFF_RESET_AFTER {
            self.failures = 0;
        }
        self.state = State::Up { up_since, last_good: now };
    }

    fn open_failed(&mut self, now: Duration, absent: bool, actions: &mut Vec<Action>) {
        if self.failures == 0 {
            actions.push(Action::ReportUnreachable);
        }
        if absent {
            self.failures = self.failures.saturating_add(1);
            self.state = State::Absent { retry_at: now + ABSENT_POLL };
        } else {
            self.back_off(now);
        }
    }

    fn ended(&mut self, now: Duration, state: State, end: End, actions: &mut Vec<Action>) {
        if state.was_up() {
            actions.push(Action::ReportDisconnected);
            self.stale_at = self.stale_at.or(Some(now + self.policy.stale_after));
        }
        let quarantined = match end {
            End::Closed => false,
            End::Unsupported => true,
            End::Crashed => self.too_many_crashes(now),
        };
        if quarantined {
            self.state = State::Quarantined { until: now + QUARANTINE };
            actions.push(Action::ReportQuarantined);
        } else {
            self.back_off(now);
        }
    }

    fn too_many_crashes(&mut self, now: Duration) -> bool {
        self.crashes.push_back(now);
        self.crashes.retain(|&at| now.saturating_sub(at) <= CRASH_WINDOW);
        self.crashes.len() >= CRASHES_ALLOWED
    }

    fn back_off(&mut self, now: Duration) {
        // 2^6 * 250 ms is past the longest wait already.
        let doubled = BACKOFF_FIRST.saturating_mul(1 << self.failures.min(6)).min(BACKOFF_MAX);
        let wait = doubled.mul_f64(BACKOFF_JITTER.mul_add(self.jitter.signed_unit(), 1.0));
        self.failures = self.failures.saturating_add(1);
        self.state = State::Backoff { until: now + wait };
    }

    fn elapsed(&mut self, now: Duration, actions: &mut Vec<Action>) {
        if self.stale_at.is_some_and(|at| at <= now) {
            self.stale_at = None;
            actions.push(Action::MarkStale);
        }
        match self.state {
            State::Absent { retry_at: until } | State::Backoff { until } if until <= now => {
                self.open(actions);
            }
            State::Quarantined { until } if until <= now => self.release(actions),
            State::Probing { opened_at } if self.silent_at(opened_at).is_some_and(|at| at <= now) => {
                self.state = State::Silent { since: now, was_up: false };
                actions.push(Action::ReportSilent);
            }
            State::Up { last_good, .. } if self.silent_at(last_good).is_some_and(|at| at <= now) => {
                self.state = State::Silent { since: now, was_up: true };
                self.stale_at = Some(now + self.policy.stale_after);
                actions.push(Action::ReportSilent);
            }
            State::Silent { since, .. } if self.reopens_at(since).is_some_and(|at| at <= now) => {
                self.close(self.state, actions);
            }
            _ => {}
        }
    }

    fn reopens_at(&self, silent_since: Duration) -> Option<Duration> {
        self.policy.reopen_after_silence.map(|wait| silent_since + wait)
    }
}

#[cfg(test)]
mod tests;
