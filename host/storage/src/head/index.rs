//! The inverted index: label name -> value -> slots of the series that carry it, sorted.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use bellwether_model::{Labels, MatchOp, Matcher};
use rustc_hash::{FxHashMap, FxHashSet};

use super::Slot;

/// Ascending slots, none twice.
type Postings = Vec<Slot>;

/// Finds series by matchers.
#[derive(Debug, Default)]
pub(super) struct Index {
    names: FxHashMap<Arc<str>, BTreeMap<Arc<str>, Postings>>,
    all: Postings,
}

impl Index {
    /// Adds a series.
    pub(super) fn insert(&mut self, slot: Slot, labels: &Labels) {
        add(&mut self.all, slot);
        for label in labels {
            let values = self.names.entry(label.name.clone()).or_default();
            add(values.entry(label.value.clone()).or_default(), slot);
        }
    }

    /// Removes series; touches only the values that they carried.
    pub(super) fn remove(&mut self, dead: &[(Slot, Labels)]) {
        if dead.is_empty() {
            return;
        }
        let slots: FxHashSet<Slot> = dead.iter().map(|(slot, _)| *slot).collect();
        let pairs: FxHashSet<(&str, &str)> =
            dead.iter().flat_map(|(_, labels)| labels).map(|label| (&*label.name, &*label.value)).collect();
        self.all.retain(|slot| !slots.contains(slot));
        for (name, value) in pairs {
            self.remove_from(name, value, &slots);
        }
    }

    fn remove_from(&mut self, name: &str, value: &str, dead: &FxHashSet<Slot>) {
        let Some(values) = self.names.get_mut(name) else {
            return;
        };
        if let Some(postings) = values.get_mut(value) {
            postings.retain(|slot| !dead.contains(slot));
            if postings.is_empty() {
                values.remove(value);
            }
        }
        if values.is_empty() {
            self.names.remove(name);
        }
    }

    /// Slots of the series that pass all matchers, ascending.
    ///
    /// An absent label counts as empty, as in Prometheus: a matcher that accepts the empty value cannot narrow the
    /// search, it only takes away the series whose value it refuses.
    pub(super) fn matching(&self, matchers: &[Matcher]) -> Postings {
        let (excluding, narrowing): (Vec<_>, Vec<_>) = matchers.iter().partition(|m| m.matches_value(""));
        let mut lists: Vec<Cow<'_, [Slot]>> = narrowing.iter().map(|m| self.accepted(m)).collect();
        lists.sort_by_key(|list| list.len());
        let mut lists = lists.into_iter();
        let mut found = lists.next().map_or_else(|| self.all.clone(), Cow::into_owned);
        for list in lists {
            found.retain(|slot| list.binary_search(slot).is_ok());
        }
        for matcher in excluding {
            if found.is_empty() {
                break;
            }
            let refused = self.refused(matcher);
            found.retain(|slot| refused.binary_search(slot).is_err());
        }
        found
    }

    /// Slots whose value a matcher accepts; the matcher does not accept the empty value.
    fn accepted(&self, matcher: &Matcher) -> Cow<'_, [Slot]> {
        match matcher.op() {
            MatchOp::Equal => Cow::Borrowed(self.postings(matcher.name(), matcher.value())),
            MatchOp::NotEqual | MatchOp::Regex | MatchOp::NotRegex => {
                self.union(matcher.name(), |value| matcher.matches_value(value))
            }
        }
    }

    /// Slots whose value a matcher refuses; the matcher accepts the empty value.
    fn refused(&self, matcher: &Matcher) -> Cow<'_, [Slot]> {
        match matcher.op() {
            MatchOp::NotEqual => Cow::Borrowed(self.postings(matcher.name(), matcher.value())),
            MatchOp::Equal | MatchOp::Regex | MatchOp::NotRegex => {
                self.union(matcher.name(), |value| !matcher.matches_value(value))
            }
        }
    }

    /// Whether any series carries a label with that value.
    pub(super) fn has(&self, name: &str, value: &str) -> bool {
        !self.postings(name, value).is_empty()
    }

    fn postings(&self, name: &str, value: &str) -> &[Slot] {
        self.names.get(name).and_then(|values| values.get(value)).map_or(&[], Vec::as_slice)
    }

    /// A series carries a label once, so the lists of different values never overlap.
    fn union(&self, name: &str, keep: impl Fn(&str) -> bool) -> Cow<'_, [Slot]> {
        let Some(values) = self.names.get(name) else {
            return Cow::Borrowed(&[]);
        };
        let mut lists =
            values.iter().filter(|(value, _)| keep(value)).map(|(_, postings)| postings.as_slice());
        let Some(first) = lists.next() else {
            return Cow::Borrowed(&[]);
        };
        let mut union = Cow::Borrowed(first);
        for list in lists {
            union.to_mut().extend_from_slice(list);
        }
        if let Cow::Owned(slots) = &mut union {
            slots.sort_unstable();
        }
        union
    }

    /// Estimate of the memory taken, label texts included.
    pub(super) fn bytes(&self) -> usize {
        let slots = |postings: &Postings| postings.capacity() * size_of::<Slot>();
        let mut bytes = slots(&self.all);
        for (name, values) in &self.names {
            bytes += name.len();
            bytes += values
                .iter()
                .map(|(value, postings)| value.len() + PER_VALUE_BYTES + slots(postings))
                .sum::<usize>();
        }
        bytes
    }
}

/// Pointers and headers of one value in the index.
const PER_VALUE_BYTES: usize = 2 * size_of::<usize>() + size_of::<Arc<str>>() + size_of::<Postings>();

fn add(postings: &mut Postings, slot: Slot) {
    if postings.last().is_none_or(|last| *last < slot) {
        postings.push(slot);
    } else if let Err(at) = postings.binary_search(&slot) {
        postings.insert(at, slot);
    }
}
