//! How much one evaluation holds, against what it may.

use std::cell::Cell;

use crate::error::EvalError;

/// Bytes of a cell with a float.
const CELL_BYTES: usize = size_of::<f64>();

/// Samples and memory of one evaluation.
#[derive(Debug)]
pub(super) struct Budget {
    max_samples: usize,
    max_bytes: usize,
    held: Cell<usize>,
    bytes: Cell<usize>,
    peak: Cell<usize>,
}

/// How much was held at some point.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mark {
    held: usize,
    bytes: usize,
}

impl Budget {
    pub(super) fn new(max_samples: usize, max_bytes: usize) -> Self {
        let (held, bytes, peak) = Default::default();
        Self { max_samples, max_bytes, held, bytes, peak }
    }

    /// Counts cells of a result.
    pub(super) fn hold(&self, cells: usize) -> Result<(), EvalError> {
        self.hold_sized(cells, cells.saturating_mul(CELL_BYTES))
    }

    /// Counts samples of known size.
    pub(super) fn hold_sized(&self, samples: usize, bytes: usize) -> Result<(), EvalError> {
        let held = self.held.get().saturating_add(samples);
        if held > self.max_samples {
            return Err(EvalError::TooManySamples { limit: self.max_samples, needed: held });
        }
        let total = self.bytes.get().saturating_add(bytes);
        if total > self.max_bytes {
            return Err(EvalError::TooMuchMemory { limit: self.max_bytes, needed: total });
        }
        self.held.set(held);
        self.bytes.set(total);
        self.peak.set(self.peak.get().max(held));
        Ok(())
    }

    /// How much is held now.
    pub(super) fn mark(&self) -> Mark {
        Mark { held: self.held.get(), bytes: self.bytes.get() }
    }

    /// Gives back everything that was taken since.
    pub(super) fn back_to(&self, mark: Mark) {
        self.held.set(mark.held);
        self.bytes.set(mark.bytes);
    }

    pub(super) fn peak(&self) -> usize {
        self.peak.get()
    }
}
