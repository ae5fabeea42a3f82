//! What the rules of one tick have in common: values of sub-expressions that more than one of them has.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bellwether_model::Timestamp;
use rustc_hash::{FxHashMap, FxHashSet};

use crate::engine::plan::{Names, PlanNode};
use crate::engine::vector::Vector;

/// The evaluation of many queries at one time. A sub-expression that several of them have is evaluated for the first
/// one, and its value kept for the others until the tick is dropped.
///
/// What a rule writes is seen by the rules after it: tell its names with [`Tick::wrote`].
#[derive(Debug)]
pub struct Tick {
    at: Timestamp,
    kept: Mutex<Kept>,
}

/// The values so far.
#[derive(Debug, Default)]
struct Kept {
    values: FxHashMap<u64, (Names, Arc<Vector>)>,
    /// Metrics that any value depends on.
    names: FxHashSet<Arc<str>>,
    /// Whether some value can depend on any metric.
    on_any: bool,
    /// How often something was written.
    writes: u64,
}

impl Tick {
    /// A tick of which nothing is known yet.
    pub fn new(at: Timestamp) -> Self {
        Self { at, kept: Mutex::default() }
    }

    /// The time at which its queries are evaluated.
    pub fn at(&self) -> Timestamp {
        self.at
    }

    /// Forgets the values that depend on a metric of this name, since new samples of it were written.
    pub fn wrote(&self, name: &str) {
        let mut kept = self.kept();
        kept.writes += 1;
        if !kept.on_any && !kept.names.contains(name) {
            return;
        }
        kept.values.retain(|_, (depends_on, _)| {
            depends_on.as_ref().is_some_and(|depends_on| !depends_on.iter().any(|other| **other == *name))
        });
        kept.names.remove(name);
        kept.on_any = false;
    }

    /// How often something was written so far.
    pub(super) fn writes(&self) -> u64 {
        self.kept().writes
    }

    pub(super) fn value(&self, node: &PlanNode) -> Option<Arc<Vector>> {
        self.kept().values.get(&node.number).map(|(_, vector)| Arc::clone(vector))
    }

    /// Keeps a value whose evaluation began after so many writes. One that another group has written into since may be
    /// of before or after, and is not kept.
    pub(super) fn keep(&self, node: &PlanNode, vector: Arc<Vector>, writes: u64) {
        let mut kept = self.kept();
        if kept.writes != writes {
            return;
        }
        match &node.names {
            Some(names) => kept.names.extend(names.iter().cloned()),
            None => kept.on_any = true,
        }
        kept.values.insert(node.number, (node.names.clone(), vector));
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
