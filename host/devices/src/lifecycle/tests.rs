use super::*;

const fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

const POLICY: Policy =
    Policy { silence_timeout: Some(secs(30)), stale_after: secs(60), reopen_after_silence: None };

/// A machine with a clock that tests push forward.
struct Bench {
    machine: Lifecycle,
    now: Duration,
}

impl Bench {
    fn new(policy: Policy) -> Self {
        let mut bench = Self { machine: Lifecycle::new(policy, SplitMix64::new(1)), now: Duration::ZERO };
        assert_eq!(bench.feed(Event::Enabled), [Action::Open]);
        bench
    }

    fn up() -> Self {
        let mut bench = Self::new(POLICY);
        assert_eq!(bench.feed(Event::Opened), []);
        assert_eq!(bench.feed(Event::GoodFrame), [Action::ReportConnected]);
        bench
    }

    fn feed(&mut self, event: Event) -> Vec<Action> {
        let (machine, actions) = self.machine.clone().step(self.now, event);
        self.machine = machine;
        actions
    }

    fn after(&mut self, wait: Duration, event: Event) -> Vec<Action> {
        self.now += wait;
        self.feed(event)
    }

    /// Goes to the next timeout and says how long that took.
    fn wait(&mut self) -> (Duration, Vec<Action>) {
        let at = self.machine.next_timeout().expect("a timer runs");
        let wait = at - self.now;
        (wait, self.after(wait, Event::Elapsed))
    }
}

#[test]
fn waits_double_to_a_ceiling_with_jitter() {
    let mut bench = Bench::new(POLICY);
    let mut expected = BACKOFF_FIRST;
    for _ in 0..12 {
        bench.feed(Event::OpenFailed { absent: false });
        let (waited, actions) = bench.wait();
        let off = waited.as_secs_f64() / expected.as_secs_f64() - 1.0;
        assert!(off.abs() <= BACKOFF_JITTER + 1e-9, "{waited:?} instead of about {expected:?}");
        assert_eq!(actions, [Action::Open]);
        expected = (expected * 2).min(BACKOFF_MAX);
    }
}

#[test]
fn only_lasting_good_data_resets_the_wait() {
    let mut bench = Bench::new(POLICY);
    for _ in 0..6 {
        bench.feed(Event::OpenFailed { absent: false });
        drop(bench.wait());
    }
    bench.feed(Event::Opened);
    bench.feed(Event::GoodFrame);
    bench.after(secs(5), Event::GoodFrame);
    bench.feed(Event::Ended(End::Closed));
    assert!(bench.wait().0 > secs(5), "a flapper must not get short waits");

    bench.feed(Event::Opened);
    bench.feed(Event::GoodFrame);
    bench.after(secs(29), Event::GoodFrame);
    bench.after(secs(1), Event::GoodFrame);
    bench.feed(Event::Ended(End::Closed));
    assert!(bench.wait().0 <= BACKOFF_FIRST.mul_f64(1.2));
}

#[test]
fn first_failure_is_told_once() {
    let mut bench = Bench::new(POLICY);
    assert_eq!(bench.feed(Event::OpenFailed { absent: true }), [Action::ReportUnreachable]);
    assert_eq!(bench.machine.state().as_str(), "absent");
    assert_eq!(bench.wait(), (ABSENT_POLL, vec![Action::Open]));
    assert_eq!(bench.feed(Event::OpenFailed { absent: true }), []);
    assert_eq!(bench.wait(), (ABSENT_POLL, vec![Action::Open]), "a missing port is polled evenly");
}

#[test]
fn silence_is_told_once_and_ends_with_good_data() {
    let mut bench = Bench::up();
    assert_eq!(bench.wait(), (secs(30), vec![Action::ReportSilent]));
    assert_eq!(bench.wait(), (secs(60), vec![Action::MarkStale]));
    assert_eq!(bench.machine.next_timeout(), None);
    assert_eq!(bench.feed(Event::GoodFrame), [Action::ReportConnected]);
    assert_eq!(bench.machine.state().as_str(), "up");
}

#[test]
fn silent_connection_is_reopened_where_the_transport_is_blind() {
    let mut bench = Bench::new(Policy { reopen_after_silence: Some(secs(45)), ..POLICY });
    bench.feed(Event::Opened);
    assert_eq!(bench.wait(), (secs(30), vec![Action::ReportSilent]));
    assert_eq!(bench.wait(), (secs(45), vec![Action::Close]));
    assert_eq!(bench.feed(Event::Ended(End::Closed)), [], "it never was up");
    assert_eq!(bench.wait().1, [Action::Open]);
}

#[test]
fn series_end_after_a_minute_of_being_down() {
    let mut bench = Bench::up();
    assert_eq!(bench.after(secs(1), Event::Ended(End::Closed)), [Action::ReportDisconnected]);
    let down_at = bench.now;
    loop {
        let (_, actions) = bench.wait();
        if actions.contains(&Action::MarkStale) {
            break;
        }
        assert_eq!(actions, [Action::Open]);
        bench.feed(Event::OpenFailed { absent: true });
    }
    assert_eq!(bench.now - down_at, secs(60));
}

#[test]
fn coming_back_in_time_keeps_the_series() {
    let mut bench = Bench::up();
    bench.feed(Event::Ended(End::Closed));
    drop(bench.wait());
    bench.feed(Event::Opened);
    bench.feed(Event::GoodFrame);
    assert_eq!(bench.machine.next_timeout(), Some(bench.now + secs(30)), "only the silence timer runs");
}

#[test]
fn driver_that_keeps_crashing_is_quarantined_and_can_be_released() {
    let mut bench = Bench::new(POLICY);
    for crash in 1..=CRASHES_ALLOWED {
        bench.feed(Event::Opened);
        let actions = bench.feed(Event::Ended(End::Crashed));
        if crash < CRASHES_ALLOWED {
            assert_eq!(actions, []);
            drop(bench.wait());
        } else {
            assert_eq!(actions, [Action::ReportQuarantined]);
        }
    }
    assert_eq!(bench.machine.next_timeout(), Some(bench.now + QUARANTINE));
    assert_eq!(bench.feed(Event::Retry), [Action::Open]);
}

#[test]
fn rare_crashes_are_forgiven() {
    let mut bench = Bench::new(POLICY);
    for _ in 0..20 {
        bench.feed(Event::Opened);
        assert_eq!(bench.after(secs(31), Event::Ended(End::Crashed)), []);
        drop(bench.wait());
    }
}

#[test]
fn unsupported_device_is_quarantined_at_once() {
    let mut bench = Bench::new(POLICY);
    bench.feed(Event::Opened);
    assert_eq!(bench.feed(Event::Ended(End::Unsupported)), [Action::ReportQuarantined]);
}

#[test]
fn retry_cuts_the_wait_and_reopens_what_is_open() {
    let mut bench = Bench::up();
    assert_eq!(bench.feed(Event::Retry), [Action::Close]);
    assert_eq!(bench.feed(Event::Ended(End::Closed)), [Action::ReportDisconnected]);
    assert_eq!(bench.feed(Event::Retry), [Action::Open]);
    assert_eq!(bench.feed(Event::Retry), [], "an attempt is under way already");
}

proptest::proptest! {
    /// Whatever happens in whatever order: opens and closes alternate with answers, and timers never lie in the
    /// past after they were handled.
    #[test]
    fn never_loses_its_timer(events in proptest::collection::vec(0_u8..9, 1..200)) {
        let mut bench = Bench::new(POLICY);
        for event in events {
            let event = match event {
                0 => Event::Opened,
                1 => Event::OpenFailed { absent: true },
                2 => Event::OpenFailed { absent: false },
                3 | 4 => Event::GoodFrame,
                5 => Event::Ended(End::Closed),
                6 => Event::Ended(End::Crashed),
                7 => Event::Retry,
                _ => Event::Elapsed,
            };
            let actions = bench.after(Duration::from_millis(700), event);
            proptest::prop_assert!(actions.iter().filter(|a| **a == Action::Open).count() <= 1);
            if event == Event::Elapsed {
                let next = bench.machine.next_timeout();
                proptest::prop_assert!(next.is_none_or(|at| at > bench.now), "{:?}", bench.machine);
            }
            let waits_for_answer = matches!(
                bench.machine.state(),
                State::Opening | State::Closing { .. } | State::Silent { .. }
            );
            proptest::prop_assert!(waits_for_answer || bench.machine.next_timeout().is_some());
        }
    }
}
