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
        if !kept.on_any && !kept.names.contains(name) {
            return;
        }
        kept.values.retain(|_, (depends_on, _)| {
            depends_on.as_ref().is_some_and(|depends_on| !depends_on.iter().any(|other| **other == *name))
        });
        kept.names.remove(name);
        kept.on_any = false;
    }

    pub(super) fn value(&self, node: &PlanNode) -> Option<Arc<Vector>> {
        self.kept().values.get(&node.number).map(|(_, vector)| Arc::clone(vector))
    }

    pub(super) fn keep(&self, node: &PlanNode, vector: Arc<Vector>) {
        let mut kept = self.kept();
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
