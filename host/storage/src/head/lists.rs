//! The series lists of selectors, kept until such a series appears or goes.
//!
//! The same selectors are asked for again and again, by rules most of all. A list is good as long as the generation of
//! the metric name that its selector asks for is the one it was made with; selectors without a name look at the
//! generation of everything.

use std::sync::Arc;

use bellwether_model::labels::METRIC_NAME;
use bellwether_model::{Labels, MatchOp, Matcher, SeriesList};
use rustc_hash::FxHashMap;

/// Lists that are kept; twice as many as ten thousand rules with two selectors each have.
const MAX_LISTS: usize = 40_000;

/// Series in all lists together; each takes 16 bytes.
const MAX_LISTED: usize = 8_000_000;

/// When series of a metric name last appeared or went.
#[derive(Debug, Default)]
pub(super) struct Generations {
    latest: u64,
    by_name: FxHashMap<Arc<str>, u64>,
}

impl Generations {
    /// A series appeared.
    pub(super) fn appeared(&mut self, labels: &Labels) {
        self.latest += 1;
        let Some(name) = labels.iter().find(|label| &*label.name == METRIC_NAME) else {
            return;
        };
        match self.by_name.get_mut(&name.value) {
            Some(generation) => *generation = self.latest,
            None => {
                self.by_name.insert(name.value.clone(), self.latest);
            }
        }
    }

    /// A series went; `is_last` if it was the last one of its name.
    pub(super) fn went(&mut self, labels: &Labels, is_last: bool) {
        self.appeared(labels);
        if let (true, Some(name)) = (is_last, labels.metric_name()) {
            self.by_name.remove(name);
        }
    }

    /// The generation that a selector depends on.
    fn of(&self, matchers: &[Matcher]) -> u64 {
        let name = matchers.iter().find(|matcher| {
            matcher.name() == METRIC_NAME && matcher.op() == MatchOp::Equal && !matcher.value().is_empty()
        });
        match name {
            // A name that no series has is in generation 0, where its list is empty.
            Some(matcher) => self.by_name.get(matcher.value()).copied().unwrap_or(0),
            None => self.latest,
        }
    }
}

/// The lists themselves.
#[derive(Debug, Default)]
pub(super) struct Lists {
    kept: FxHashMap<Box<[Matcher]>, Kept>,
    /// Series in all of them.
    listed: usize,
}

#[derive(Debug)]
struct Kept {
    generation: u64,
    list: Arc<SeriesList>,
    /// Whether it was asked for since the last time that lists were given up.
    used: bool,
}

impl Lists {
    /// The list of a selector; made anew where it is no longer good.
    pub(super) fn get(
        &mut self,
        matchers: &[Matcher],
        generations: &Generations,
        make: impl FnOnce() -> SeriesList,
    ) -> Arc<SeriesList> {
        let generation = generations.of(matchers);
        if let Some(kept) = self.kept.get_mut(matchers)
            && kept.generation == generation
        {
            kept.used = true;
            return Arc::clone(&kept.list);
        }
        let list = Arc::new(make());
        if list.len() > MAX_LISTED / 4 {
            return list;
        }
        self.listed += list.len();
        let kept = Kept { generation, list: Arc::clone(&list), used: true };
        if let Some(former) = self.kept.insert(matchers.into(), kept) {
            self.listed -= former.list.len();
        }
        if self.kept.len() > MAX_LISTS || self.listed > MAX_LISTED {
            self.give_up_unused();
        }
        list
    }

    /// Forgets what was not asked for since the last time, or everything if that is not enough.
    fn give_up_unused(&mut self) {
        self.kept.retain(|_, kept| std::mem::take(&mut kept.used));
        self.listed = self.kept.values().map(|kept| kept.list.len()).sum();
        if self.kept.len() > MAX_LISTS / 2 || self.listed > MAX_LISTED / 2 {
            *self = Self::default();
        }
    }
}
