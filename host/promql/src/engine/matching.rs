//! Which series of two vectors match: those whose matching labels are equal.

use bellwether_model::Labels;
use bellwether_model::labels::METRIC_NAME;
use rustc_hash::FxHashMap;

use crate::ast::VectorMatching;
use crate::engine::vector::Shape;

/// The group of equal matching labels that each series belongs to.
#[derive(Debug)]
pub(super) struct Groups {
    pub(super) left: Vec<u32>,
    pub(super) right: Vec<u32>,
    /// The matching labels of each group.
    pub(super) labels: Vec<Labels>,
}

impl Groups {
    pub(super) fn new(matching: &VectorMatching, left: &Shape, right: &Shape) -> Self {
        let mut groups: FxHashMap<Labels, u32> = FxHashMap::default();
        let mut labels = Vec::new();
        let mut group_of = |of: &Labels| {
            *groups.entry(signature(matching, of)).or_insert_with_key(|signature| {
                labels.push(signature.clone());
                labels.len() as u32 - 1
            })
        };
        let left = left.labels().iter().map(&mut group_of).collect();
        let right = right.labels().iter().map(&mut group_of).collect();
        Self { left, right, labels }
    }
}

/// The labels that two series must share to match.
pub(super) fn signature(matching: &VectorMatching, labels: &Labels) -> Labels {
    let listed = |name: &str| matching.labels.iter().any(|label| **label == *name);
    if matching.on {
        labels.filtered(listed)
    } else {
        labels.filtered(|name| name != METRIC_NAME && !listed(name))
    }
}
