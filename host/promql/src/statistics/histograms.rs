//! Sums and means of native histograms, compensated as those of floats.

use bellwether_model::FloatHistogram;

/// Bucket layouts that do not fit together: exponential with custom ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Incompatible;

/// A sum with Kahan's compensation for each bucket.
#[derive(Debug, Clone)]
pub(crate) struct HistogramSum {
    sum: FloatHistogram,
    compensation: Option<FloatHistogram>,
}

impl HistogramSum {
    pub(crate) fn new(first: &FloatHistogram) -> Self {
        Self { sum: first.clone(), compensation: None }
    }

    /// Adds a histogram; true where custom bounds had to be reconciled.
    pub(crate) fn add(&mut self, histogram: &FloatHistogram) -> Result<bool, Incompatible> {
        let compensation = self.compensation.take();
        let (compensation, reconciled) =
            self.sum.kahan_add(histogram, compensation).map_err(|_| Incompatible)?;
        self.compensation = compensation;
        Ok(reconciled.bounds_reconciled)
    }

    fn scale(&mut self, change: impl Fn(&mut FloatHistogram)) {
        change(&mut self.sum);
        self.compensation.iter_mut().for_each(change);
    }

    pub(crate) fn total(self) -> FloatHistogram {
        let Self { mut sum, compensation } = self;
        if let Some(compensation) = compensation {
            // It has the layout of the sum, so that it always fits.
            let _ = sum.add(&compensation);
        }
        sum
    }
}

/// A mean; goes over to an incremental one where the sum would overflow.
#[derive(Debug, Clone)]
pub(crate) struct HistogramMean {
    /// The sum, or the mean itself once `incremental`.
    sum: HistogramSum,
    count: f64,
    incremental: bool,
}

impl HistogramMean {
    pub(crate) fn new(first: &FloatHistogram) -> Self {
        Self { sum: HistogramSum::new(first), count: 1.0, incremental: false }
    }

    /// Takes in a histogram; true where custom bounds had to be reconciled.
    pub(crate) fn add(&mut self, histogram: &FloatHistogram) -> Result<bool, Incompatible> {
        self.count += 1.0;
        let count = self.count;
        if !self.incremental {
            let mut next = self.sum.clone();
            let reconciled = next.add(histogram)?;
            if !next.sum.has_overflow() {
                self.sum = next;
                return Ok(reconciled);
            }
            self.incremental = true;
            self.sum.scale(|part| part.div(count - 1.0));
        }
        self.sum.scale(|part| part.mul((count - 1.0) / count));
        let mut share = histogram.clone();
        share.div(count);
        self.sum.add(&share)
    }

    pub(crate) fn mean(mut self) -> FloatHistogram {
        if !self.incremental {
            let count = self.count;
            self.sum.scale(|part| part.div(count));
        }
        self.sum.total()
    }
}
