//! Silences: who may change what about them, and which alerts they cover.
//!
//! A silence is history as much as it is a switch: what has taken effect is not rewritten. Changes that would do so
//! end the old silence and begin another one, as in Alertmanager.

use std::collections::BTreeMap;
use std::time::Duration;

use bellwether_model::matcher::all_match;
use bellwether_model::state::{Silence, StoredMatcher};
use bellwether_model::{Labels, Matcher, Timestamp};
use serde::{Deserialize, Serialize};

use crate::matchers::{self, MatcherError};

/// How long an ended silence can still be looked at, as Alertmanager's `--data.retention`.
pub const RETENTION: Duration = Duration::from_secs(120 * 3600);
/// How many matchers one silence may have.
pub const MAX_MATCHERS: usize = 128;
/// How many silences are kept, ended ones included.
pub const MAX_SILENCES: usize = 100_000;

/// Where a silence is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SilenceState {
    /// Has not begun.
    Pending,
    /// Covers alerts now.
    Active,
    /// Is over.
    Expired,
}

impl SilenceState {
    /// The state of a silence at a time.
    pub fn of(silence: &Silence, now: Timestamp) -> Self {
        if now >= silence.ends_at {
            Self::Expired
        } else if now < silence.starts_at {
            Self::Pending
        } else {
            Self::Active
        }
    }

    /// As the API writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Active => "active",
            Self::Expired => "expired",
        }
    }
}

/// Why a silence cannot be set or ended.
#[derive(Debug, thiserror::Error)]
pub enum SilenceError {
    /// No silence has that id.
    #[error("silence not found")]
    NotFound,
    /// It would never cover anything, or everything.
    #[error("invalid silence: {0}")]
    Invalid(String),
    /// One of its matchers does not compile.
    #[error("invalid silence: bad matcher")]
    Matcher(#[from] MatcherError),
    /// There is no room.
    #[error("exceeded maximum number of silences: {MAX_SILENCES}")]
    TooMany,
}

/// A silence that was set, and what has to be written down for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetSilence {
    /// The id under which it is known from now on.
    pub id: String,
    /// Itself, and the one that it replaces if that had to end.
    pub changed: Vec<Silence>,
}

#[derive(Debug)]
struct Slot {
    silence: Silence,
    matchers: Vec<Matcher>,
}

/// All silences.
#[derive(Debug, Default)]
pub struct Silences {
    slots: BTreeMap<String, Slot>,
}

impl Silences {
    /// Those that were kept; one whose matchers no longer compile is left out.
    pub fn restore(silences: Vec<Silence>) -> Self {
        let slot = |silence: Silence| {
            Some((silence.id.clone(), Slot { matchers: compile(&silence).ok()?, silence }))
        };
        Self { slots: silences.into_iter().filter_map(slot).collect() }
    }

    /// Sets a silence. With an empty id it is a new one, otherwise a change of that one; `fresh_id` is used where a
    /// new id is needed.
    pub fn set(
        &mut self,
        wanted: Silence,
        fresh_id: String,
        now: Timestamp,
    ) -> Result<SetSilence, SilenceError> {
        check(&wanted, now)?;
        let matchers = compile(&wanted)?;
        // As upstream, `!=` and `!~` count as saying something even where they match an empty value.
        if matchers.iter().all(|matcher| matcher.op().is_positive() && matcher.matches_value("")) {
            return Err(SilenceError::Invalid(
                "at least one matcher must not match the empty string".to_owned(),
            ));
        }
        let mut changed = Vec::new();
        let mut silence = Silence { updated_at: now, ..wanted };
        if !silence.id.is_empty() {
            let known = self.slots.get_mut(&silence.id).ok_or(SilenceError::NotFound)?;
            if can_change_in_place(&known.silence, &silence, now) {
                *known = Slot { silence: silence.clone(), matchers };
                return Ok(SetSilence { id: silence.id.clone(), changed: vec![silence] });
            }
            changed.extend(end(&mut known.silence, now));
        }
        if self.slots.len() >= MAX_SILENCES {
            return Err(SilenceError::TooMany);
        }
        silence.id = fresh_id;
        silence.starts_at = silence.starts_at.max(now);
        self.slots.insert(silence.id.clone(), Slot { silence: silence.clone(), matchers });
        changed.push(silence.clone());
        Ok(SetSilence { id: silence.id, changed })
    }

    /// Ends a silence; none when it is over already.
    pub fn expire(&mut self, id: &str, now: Timestamp) -> Result<Option<Silence>, SilenceError> {
        let slot = self.slots.get_mut(id).ok_or(SilenceError::NotFound)?;
        Ok(end(&mut slot.silence, now))
    }

    /// One silence.
    pub fn find(&self, id: &str) -> Option<&Silence> {
        self.slots.get(id).map(|slot| &slot.silence)
    }

    /// All of them, by id.
    pub fn iter(&self) -> impl Iterator<Item = &Silence> {
        self.slots.values().map(|slot| &slot.silence)
    }

    /// Ids of the silences that cover an alert, in order.
    pub fn silenced_by(&self, labels: &Labels, now: Timestamp) -> Vec<String> {
        let active = |slot: &&Slot| SilenceState::of(&slot.silence, now) == SilenceState::Active;
        let covering = self.slots.values().filter(active).filter(|slot| all_match(&slot.matchers, labels));
        covering.map(|slot| slot.silence.id.clone()).collect()
    }

    /// The next time after `now` at which a silence begins, ends or may be forgotten.
    pub fn next_change(&self, now: Timestamp) -> Option<Timestamp> {
        let times = |silence: &Silence| [silence.starts_at, silence.ends_at, silence.ends_at + RETENTION];
        self.iter().flat_map(times).filter(|at| *at > now).min()
    }

    /// Silences that began, and such that ended, after one time and up to another.
    pub fn changes(&self, after: Timestamp, until: Timestamp) -> (Vec<String>, Vec<String>) {
        let within = |at: Timestamp| after < at && at <= until;
        let ids = |wanted: &dyn Fn(&Silence) -> bool| {
            self.iter().filter(|silence| wanted(silence)).map(|silence| silence.id.clone()).collect()
        };
        let began = ids(&|silence| within(silence.starts_at) && silence.ends_at > until);
        (began, ids(&|silence| within(silence.ends_at)))
    }

    /// Drops what ended longer ago than [`RETENTION`]; returns the ids.
    pub fn forget_old(&mut self, now: Timestamp) -> Vec<String> {
        let old = |silence: &&Silence| silence.ends_at + RETENTION <= now;
        let ids: Vec<String> = self.iter().filter(old).map(|silence| silence.id.clone()).collect();
        for id in &ids {
            self.slots.remove(id);
        }
        ids
    }
}

/// Whether a silence has, for each filter, exactly that matcher: how Alertmanager filters silences.
pub fn has_matchers(silence: &Silence, filters: &[Matcher]) -> bool {
    let same = |filter: &Matcher, own: &StoredMatcher| {
        filter.name() == own.name && filter.op() == own.op() && filter.value() == own.value
    };
    filters.iter().all(|filter| silence.matchers.iter().any(|own| same(filter, own)))
}

fn check(silence: &Silence, now: Timestamp) -> Result<(), SilenceError> {
    let problem = if silence.matchers.is_empty() {
        "at least one matcher required"
    } else if silence.matchers.len() > MAX_MATCHERS {
        "too many matchers"
    } else if silence.matchers.iter().any(|matcher| matcher.name.is_empty()) {
        "invalid label name \"\""
    } else if silence.ends_at <= silence.starts_at {
        "start time must be before end time"
    } else if silence.ends_at <= now {
        "end time can't be in the past"
    } else {
        return Ok(());
    };
    Err(SilenceError::Invalid(problem.to_owned()))
}

fn compile(silence: &Silence) -> Result<Vec<Matcher>, MatcherError> {
    silence.matchers.iter().map(|own| matchers::compile(&own.name, own.op(), &own.value)).collect()
}

/// History stays: what covers alerts keeps its start, what has ended stays ended, and matchers never change.
fn can_change_in_place(known: &Silence, wanted: &Silence, now: Timestamp) -> bool {
    let same_second =
        |a: Timestamp, b: Timestamp| a.as_millis().div_euclid(1000) == b.as_millis().div_euclid(1000);
    known.matchers == wanted.matchers
        && match SilenceState::of(known, now) {
            SilenceState::Active => same_second(known.starts_at, wanted.starts_at) && wanted.ends_at >= now,
            SilenceState::Pending => wanted.starts_at >= now,
            SilenceState::Expired => false,
        }
}

fn end(silence: &mut Silence, now: Timestamp) -> Option<Silence> {
    match SilenceState::of(silence, now) {
        SilenceState::Expired => return None,
        SilenceState::Pending => silence.starts_at = now,
        SilenceState::Active => {}
    }
    silence.ends_at = now;
    silence.updated_at = now;
    Some(silence.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn silence(id: &str, from: i64, to: i64, value: &str) -> Silence {
        Silence {
            id: id.to_owned(),
            matchers: vec![StoredMatcher {
                name: "alertname".to_owned(),
                value: value.to_owned(),
                is_regex: false,
                is_equal: true,
            }],
            starts_at: Timestamp::from_millis(from),
            ends_at: Timestamp::from_millis(to),
            updated_at: Timestamp::from_millis(0),
            created_by: "t".to_owned(),
            comment: "c".to_owned(),
            annotations: BTreeMap::new(),
        }
    }

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[test]
    fn covers_between_start_and_end_only() {
        let mut silences = Silences::default();
        let set = silences.set(silence("", 2000, 4000, "x"), "a".to_owned(), at(1000)).unwrap();
        assert_eq!(set.id, "a");
        let labels = Labels::from_pairs([("alertname", "x")]);
        let covered = |millis| !silences.silenced_by(&labels, at(millis)).is_empty();
        assert!(!covered(1999) && covered(2000) && covered(3999) && !covered(4000));
        assert_eq!(silences.next_change(at(2000)), Some(at(4000)));
    }

    #[test]
    fn a_past_start_becomes_now() {
        let mut silences = Silences::default();
        silences.set(silence("", 0, 4000, "x"), "a".to_owned(), at(1000)).unwrap();
        assert_eq!(silences.find("a").unwrap().starts_at, at(1000));
    }

    #[test]
    fn a_longer_end_keeps_the_id_and_another_matcher_does_not() {
        let mut silences = Silences::default();
        silences.set(silence("", 1000, 4000, "x"), "a".to_owned(), at(1000)).unwrap();
        let longer = silences.set(silence("a", 1000, 9000, "x"), "b".to_owned(), at(2000)).unwrap();
        assert_eq!((longer.id.as_str(), longer.changed.len()), ("a", 1));
        let other = silences.set(silence("a", 1000, 9000, "y"), "b".to_owned(), at(3000)).unwrap();
        assert_eq!((other.id.as_str(), other.changed.len()), ("b", 2));
        assert_eq!(SilenceState::of(silences.find("a").unwrap(), at(3000)), SilenceState::Expired);
        assert!(matches!(
            silences.set(silence("zz", 1, 9000, "y"), "c".to_owned(), at(3000)),
            Err(SilenceError::NotFound)
        ));
    }

    #[test]
    fn ending_twice_changes_nothing_and_a_pending_one_never_begins() {
        let mut silences = Silences::default();
        silences.set(silence("", 5000, 9000, "x"), "a".to_owned(), at(1000)).unwrap();
        let ended = silences.expire("a", at(2000)).unwrap().unwrap();
        assert_eq!((ended.starts_at, ended.ends_at), (at(2000), at(2000)));
        assert_eq!(silences.expire("a", at(3000)).unwrap(), None);
        assert!(silences.expire("b", at(3000)).is_err());
    }

    #[test]
    fn refuses_what_covers_everything_or_nothing() {
        let mut silences = Silences::default();
        let mut broad = silence("", 0, 9000, "");
        assert!(silences.set(broad.clone(), "a".to_owned(), at(1)).is_err());
        broad.matchers.clear();
        assert!(silences.set(broad, "a".to_owned(), at(1)).is_err());
        assert!(silences.set(silence("", 0, 9000, "x"), "a".to_owned(), at(9000)).is_err());
        assert!(silences.set(silence("", 9000, 8000, "x"), "a".to_owned(), at(1)).is_err());
    }

    #[test]
    fn forgets_long_after_the_end() {
        let mut silences = Silences::default();
        silences.set(silence("", 0, 9000, "x"), "a".to_owned(), at(1)).unwrap();
        assert!(silences.forget_old(at(9000)).is_empty());
        assert_eq!(silences.forget_old(at(9000) + RETENTION), ["a"]);
    }
}
