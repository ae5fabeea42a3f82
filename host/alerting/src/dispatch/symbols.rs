//! Texts that many alerts share, each kept once.

use std::sync::Arc;

use bellwether_model::Labels;
use rustc_hash::FxHashSet;

/// Names and values of labels.
#[derive(Debug, Default)]
pub(super) struct Symbols {
    texts: FxHashSet<Arc<str>>,
}

impl Symbols {
    /// The same labels, made of the texts that are kept here.
    pub(super) fn share(&mut self, labels: &Labels) -> Labels {
        labels.with_texts(|text| {
            if let Some(known) = self.texts.get(text) {
                return Arc::clone(known);
            }
            self.texts.insert(Arc::clone(text));
            Arc::clone(text)
        })
    }

    /// Drops what nobody uses any more.
    pub(super) fn forget_unused(&mut self) {
        self.texts.retain(|text| Arc::strong_count(text) > 1);
        self.texts.shrink_to(self.texts.len() * 2);
    }
}
