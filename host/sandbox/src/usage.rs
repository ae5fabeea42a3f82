//! What a plugin costs: calls, processor time, durations, memory. Counted where every call passes.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;

/// Upper bounds of call durations, in microseconds: a driver's call takes tens, one of a language runtime some thousand,
/// and that of a receiver as long as the other side takes.
const BOUNDS_MICROS: [u64; 19] = [
    10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000,
    1_000_000, 2_000_000, 5_000_000, 10_000_000,
];
/// A plugin that was called so lately is at work.
const AT_WORK: Duration = Duration::from_secs(300);

/// Counters of one loaded plugin.
#[derive(Debug)]
pub(crate) struct Usage {
    since: Instant,
    /// Calls by duration; the last holds those beyond all bounds.
    durations: [AtomicU64; BOUNDS_MICROS.len() + 1],
    crashed: AtomicU64,
    wall_micros: AtomicU64,
    cpu_nanos: AtomicU64,
    /// When the last call ended, in milliseconds after `since`, plus one.
    last_call: AtomicU64,
    memory_bytes: AtomicUsize,
    instances: AtomicUsize,
}

/// What a plugin has cost since it was loaded.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct PluginUsage {
    /// Calls that have ended.
    pub calls: u64,
    /// How many of them crashed.
    pub crashed_calls: u64,
    /// Seconds of processor time in its code.
    pub cpu_seconds: f64,
    /// Seconds that calls took, waiting for answers to requests included.
    pub call_seconds: f64,
    /// The bound in seconds that 99 of 100 calls kept; none before the first call, or where they took longer than the
    /// largest bound.
    pub call_p99_seconds: Option<f64>,
    /// Linear memory of all its instances.
    pub memory_bytes: usize,
    /// Instances that live.
    pub instances: usize,
    /// Upper bounds in seconds, with how many calls took no longer than each and longer than the one before.
    #[serde(skip)]
    pub durations: Vec<(f64, u64)>,
}

impl Usage {
    pub(crate) fn new() -> Self {
        Self {
            since: Instant::now(),
            durations: Default::default(),
            crashed: AtomicU64::new(0),
            wall_micros: AtomicU64::new(0),
            cpu_nanos: AtomicU64::new(0),
            last_call: AtomicU64::new(0),
            memory_bytes: AtomicUsize::new(0),
            instances: AtomicUsize::new(0),
        }
    }

    /// A call ended, whichever way.
    pub(crate) fn call(&self, took: Duration, cpu: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let bucket = BOUNDS_MICROS.partition_point(|bound| *bound < micros);
        self.durations[bucket].fetch_add(1, Ordering::Relaxed);
        self.wall_micros.fetch_add(micros, Ordering::Relaxed);
        self.cpu_nanos.fetch_add(u64::try_from(cpu.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
        self.last_call.store(millis(self.since.elapsed()).saturating_add(1), Ordering::Relaxed);
    }

    pub(crate) fn crashed(&self) {
        self.crashed.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn instance_begun(&self) {
        self.instances.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn instance_ended(&self, memory_bytes: usize) {
        self.instances.fetch_sub(1, Ordering::Relaxed);
        self.memory_bytes.fetch_sub(memory_bytes, Ordering::Relaxed);
    }

    pub(crate) fn memory_grown(&self, bytes: usize) {
        self.memory_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Whether it serves somebody: an instance lives, or a call ended lately.
    pub(crate) fn is_at_work(&self) -> bool {
        let called = self.last_call.load(Ordering::Relaxed).checked_sub(1);
        let lately =
            called.is_some_and(|at| millis(self.since.elapsed()).saturating_sub(at) < millis(AT_WORK));
        lately || self.instances.load(Ordering::Relaxed) > 0
    }

    pub(crate) fn status(&self) -> PluginUsage {
        let counts = self.durations.each_ref().map(|count| count.load(Ordering::Relaxed));
        let calls: u64 = counts.iter().sum();
        let bounds = BOUNDS_MICROS.map(|micros| Duration::from_micros(micros).as_secs_f64());
        PluginUsage {
            calls,
            crashed_calls: self.crashed.load(Ordering::Relaxed),
            cpu_seconds: Duration::from_nanos(self.cpu_nanos.load(Ordering::Relaxed)).as_secs_f64(),
            call_seconds: Duration::from_micros(self.wall_micros.load(Ordering::Relaxed)).as_secs_f64(),
            call_p99_seconds: p99(&counts, &bounds, calls),
            memory_bytes: self.memory_bytes.load(Ordering::Relaxed),
            instances: self.instances.load(Ordering::Relaxed),
            durations: bounds.into_iter().chain([f64::INFINITY]).zip(counts).collect(),
        }
    }
}

fn p99(counts: &[u64], bounds: &[f64], calls: u64) -> Option<f64> {
    let wanted = calls.saturating_mul(99).div_ceil(100);
    let mut seen = 0;
    let within = counts.iter().position(|count| {
        seen += count;
        seen >= wanted
    })?;
    bounds.get(within).copied().filter(|_| calls > 0)
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLISECOND: Duration = Duration::from_millis(1);

    #[tokio::test(start_paused = true)]
    async fn tells_how_long_most_calls_take() {
        let usage = Usage::new();
        assert_eq!(usage.status().call_p99_seconds, None);
        (0..99).for_each(|_| usage.call(MILLISECOND, MILLISECOND / 2));
        usage.call(Duration::from_secs(3), MILLISECOND);
        let status = usage.status();
        assert_eq!((status.calls, status.call_p99_seconds), (100, Some(0.001)));
        assert!((status.call_seconds - 3.099).abs() < 1e-9 && (status.cpu_seconds - 0.0505).abs() < 1e-9);
        (0..9).for_each(|_| usage.call(Duration::from_secs(60), MILLISECOND));
        assert_eq!(usage.status().call_p99_seconds, None, "beyond the bounds");
        assert_eq!(usage.status().durations.last(), Some(&(f64::INFINITY, 9)));
    }

    #[tokio::test(start_paused = true)]
    async fn is_at_work_while_an_instance_lives_and_a_while_after_a_call() {
        let usage = Usage::new();
        assert!(!usage.is_at_work());
        usage.instance_begun();
        usage.memory_grown(7);
        assert!(usage.is_at_work());
        assert_eq!(usage.status().memory_bytes, 7);
        usage.instance_ended(7);
        assert!(!usage.is_at_work());
        usage.call(MILLISECOND, MILLISECOND);
        assert!(usage.is_at_work());
        tokio::time::advance(AT_WORK).await;
        assert!(!usage.is_at_work());
    }
}
