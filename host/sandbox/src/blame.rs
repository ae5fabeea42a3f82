//! Who made a plugin crash, and what follows: a pause that grows, then quarantine.
//!
//! A crash is blamed on the pair of the plugin and its subject: the device, function or receiver that it ran for. One
//! device with poisonous bytes must not stop the driver of all others. Only where several subjects are in
//! quarantine is the plugin itself at fault.
//!
//! Quarantine ends by itself after a while with one trial, since nobody may be there to lift it.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;

use crate::crash::Crash;

/// First pause after a crash; doubled with each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// Longest pause before quarantine.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// So many crashes within [`STRIKE_WINDOW`] put a subject into quarantine.
const STRIKES: u32 = 3;
/// Crashes further apart than this are not counted together.
const STRIKE_WINDOW: Duration = Duration::from_secs(5 * 60);
/// Time in quarantine before the next trial.
const QUARANTINE: Duration = Duration::from_secs(5 * 60);
/// So many subjects in quarantine mean that the plugin is at fault.
const SUBJECTS_OF_A_BAD_PLUGIN: usize = 3;
/// Subjects that are remembered; beyond it the one that crashed longest ago is forgotten.
const MAX_SUBJECTS: usize = 1_000;

/// How a subject stands with a plugin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "standing", rename_all = "snake_case")]
pub enum Standing {
    /// Crashed, and may run again.
    OnProbation,
    /// Crashed, and may run again after a pause.
    Paused {
        /// What is left of the pause.
        remaining_ms: u64,
    },
    /// Crashed again and again.
    Quarantined {
        /// Time until the next trial.
        remaining_ms: u64,
    },
}

/// A subject that crashed a plugin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SubjectStatus {
    /// The device, function or receiver.
    pub subject: String,
    /// Crashes that are counted together.
    pub strikes: u32,
    /// How it stands.
    #[serde(flatten)]
    pub standing: Standing,
    /// The last crash.
    pub last_crash: Crash,
}

/// Why a plugin is not called now.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("plugin {plugin} is paused for {subject:?} for another {} ms after a crash", .remaining.as_millis())]
    Paused { plugin: String, subject: String, remaining: Duration },
    #[error("plugin {plugin} is in quarantine for {subject:?} for another {} s: {last}", .remaining.as_secs())]
    Quarantined { plugin: String, subject: String, remaining: Duration, last: CrashText },
    #[error("plugin {plugin} is in quarantine: it crashed for {} subjects", SUBJECTS_OF_A_BAD_PLUGIN)]
    WholePlugin { plugin: String },
}

/// The cause of a crash, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CrashText(String);

impl std::fmt::Display for CrashText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// The crashes of one plugin by subject.
#[derive(Debug, Default)]
pub(crate) struct Blame(Mutex<BTreeMap<String, Record>>);

#[derive(Debug)]
struct Record {
    strikes: u32,
    crashed_at: Instant,
    last: Crash,
}

impl Record {
    fn is_quarantined(&self) -> bool {
        self.strikes >= STRIKES
    }

    fn pause(&self) -> Duration {
        if self.is_quarantined() {
            return QUARANTINE;
        }
        let doublings = self.strikes.saturating_sub(1).min(16);
        FIRST_PAUSE.saturating_mul(1 << doublings).min(LONGEST_PAUSE)
    }

    fn remaining(&self, now: Instant) -> Duration {
        (self.crashed_at + self.pause()).saturating_duration_since(now)
    }
}

impl Blame {
    /// Whether the plugin may run for a subject now.
    pub(crate) fn admit(&self, plugin: &str, subject: &str) -> Result<(), Refusal> {
        let now = Instant::now();
        let records = self.lock();
        if let Some(record) = records.get(subject) {
            let remaining = record.remaining(now);
            if remaining.is_zero() {
                return Ok(());
            }
            let (plugin, subject) = (plugin.to_owned(), subject.to_owned());
            if record.is_quarantined() {
                let last = CrashText(record.last.cause.to_string());
                return Err(Refusal::Quarantined { plugin, subject, remaining, last });
            }
            return Err(Refusal::Paused { plugin, subject, remaining });
        }
        if is_bad(&records, now) {
            return Err(Refusal::WholePlugin { plugin: plugin.to_owned() });
        }
        Ok(())
    }

    /// Notes a crash.
    pub(crate) fn strike(&self, crash: Crash) {
        let now = Instant::now();
        let mut records = self.lock();
        let counted_before = records
            .get(&crash.subject)
            .filter(|record| {
                now.saturating_duration_since(record.crashed_at) < STRIKE_WINDOW + record.pause()
            })
            .map_or(0, |record| record.strikes);
        if records.len() >= MAX_SUBJECTS && !records.contains_key(&crash.subject) {
            forget_oldest(&mut records);
        }
        let strikes = counted_before.saturating_add(1);
        records.insert(crash.subject.clone(), Record { strikes, crashed_at: now, last: crash });
    }

    /// Whether the plugin as a whole is at fault.
    pub(crate) fn is_bad(&self) -> bool {
        is_bad(&self.lock(), Instant::now())
    }

    /// All subjects that crashed lately.
    pub(crate) fn subjects(&self) -> Vec<SubjectStatus> {
        let now = Instant::now();
        self.lock().iter().map(|(subject, record)| status(subject, record, now)).collect()
    }

    /// Subjects for which it is not called now.
    pub(crate) fn refused(&self) -> Vec<String> {
        let now = Instant::now();
        let is_refused = |(_, record): &(&String, &Record)| !record.remaining(now).is_zero();
        self.lock().iter().filter(is_refused).map(|(subject, _)| subject.clone()).collect()
    }

    /// Forgets a subject's crashes, or all of them: the operator says that the cause is gone.
    pub(crate) fn pardon(&self, subject: Option<&str>) {
        let mut records = self.lock();
        match subject {
            Some(subject) => drop(records.remove(subject)),
            None => records.clear(),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Record>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_bad(records: &BTreeMap<String, Record>, now: Instant) -> bool {
    let quarantined = |record: &&Record| record.is_quarantined() && !record.remaining(now).is_zero();
    records.values().filter(quarantined).count() >= SUBJECTS_OF_A_BAD_PLUGIN
}

fn forget_oldest(records: &mut BTreeMap<String, Record>) {
    let oldest =
        records.iter().min_by_key(|(_, record)| record.crashed_at).map(|(subject, _)| subject.clone());
    if let Some(subject) = oldest {
        records.remove(&subject);
    }
}

fn status(subject: &str, record: &Record, now: Instant) -> SubjectStatus {
    let remaining = record.remaining(now);
    let remaining_ms = u64::try_from(remaining.as_millis()).unwrap_or(u64::MAX);
    let standing = match (remaining.is_zero(), record.is_quarantined()) {
        (true, _) => Standing::OnProbation,
        (false, true) => Standing::Quarantined { remaining_ms },
        (false, false) => Standing::Paused { remaining_ms },
    };
    SubjectStatus {
        subject: subject.to_owned(),
        strikes: record.strikes,
        standing,
        last_crash: record.last.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crash::CrashCause;

    fn crash(subject: &str) -> Crash {
        Crash {
            plugin: "p".into(),
            call: "receive".into(),
            subject: subject.into(),
            cause: CrashCause::StackOverflow,
            backtrace: vec![],
            last_words: None,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn pauses_grow_until_quarantine() {
        let blame = Blame::default();
        blame.strike(crash("a"));
        assert!(matches!(blame.admit("p", "a"), Err(Refusal::Paused { .. })));
        assert_eq!(blame.admit("p", "b"), Ok(()));
        tokio::time::advance(FIRST_PAUSE).await;
        assert_eq!(blame.admit("p", "a"), Ok(()));
        blame.strike(crash("a"));
        blame.strike(crash("a"));
        assert!(matches!(blame.admit("p", "a"), Err(Refusal::Quarantined { .. })));
        tokio::time::advance(QUARANTINE).await;
        assert_eq!(blame.admit("p", "a"), Ok(()), "one trial");
        blame.strike(crash("a"));
        assert!(matches!(blame.admit("p", "a"), Err(Refusal::Quarantined { .. })), "the trial failed");
        blame.pardon(Some("a"));
        assert_eq!(blame.admit("p", "a"), Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn crashes_far_apart_are_not_counted_together() {
        let blame = Blame::default();
        for _ in 0..10 {
            blame.strike(crash("a"));
            tokio::time::advance(STRIKE_WINDOW * 2).await;
        }
        assert_eq!(blame.subjects()[0].strikes, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn plugin_that_crashes_for_many_is_refused_to_all() {
        let blame = Blame::default();
        for subject in ["a", "b", "c"] {
            (0..STRIKES).for_each(|_| blame.strike(crash(subject)));
        }
        assert!(blame.is_bad());
        assert!(matches!(blame.admit("p", "new"), Err(Refusal::WholePlugin { .. })));
        tokio::time::advance(QUARANTINE).await;
        assert_eq!(blame.admit("p", "new"), Ok(()));
    }
}
