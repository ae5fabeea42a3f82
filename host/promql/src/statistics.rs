//! Sums, means and quantiles as Prometheus computes them; shared by aggregations and `*_over_time` functions.
//!
//! No function here takes an empty slice.

pub(crate) mod histograms;

/// A sum with Kahan's and Neumaier's compensation.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct KahanSum {
    sum: f64,
    compensation: f64,
}

impl KahanSum {
    pub(crate) fn add(&mut self, value: f64) {
        let total = self.sum + value;
        if total.is_infinite() {
            self.compensation = 0.0;
        } else if self.sum.abs() >= value.abs() {
            self.compensation += (self.sum - total) + value;
        } else {
            self.compensation += (value - total) + self.sum;
        }
        self.sum = total;
    }

    pub(crate) fn total(self) -> f64 {
        if self.sum.is_infinite() { self.sum } else { self.sum + self.compensation }
    }

    /// A sum that begins with a value.
    pub(crate) fn of(first: f64) -> Self {
        Self { sum: first, compensation: 0.0 }
    }

    fn scaled(self, by: f64) -> Self {
        Self { sum: self.sum * by, compensation: self.compensation * by }
    }

    fn divided(self, by: f64) -> Self {
        Self { sum: self.sum / by, compensation: self.compensation / by }
    }
}

pub(crate) fn sum(values: &[f64]) -> f64 {
    let mut sum = KahanSum::default();
    values.iter().for_each(|&value| sum.add(value));
    sum.total()
}

/// A mean that grows; goes over to an incremental mean where the sum would overflow, as Prometheus 3.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mean {
    /// The sum, or the mean itself once `incremental`.
    sum: KahanSum,
    count: f64,
    incremental: bool,
}

impl Mean {
    pub(crate) fn of(first: f64) -> Self {
        Self { sum: KahanSum::of(first), count: 1.0, incremental: false }
    }

    pub(crate) fn add(&mut self, value: f64) {
        self.count += 1.0;
        if !self.incremental {
            let mut next = self.sum;
            next.add(value);
            if !next.sum.is_infinite() {
                self.sum = next;
                return;
            }
            self.incremental = true;
            self.sum = self.sum.divided(self.count - 1.0);
        }
        self.sum = self.sum.scaled((self.count - 1.0) / self.count);
        self.sum.add(value / self.count);
    }

    pub(crate) fn value(self) -> f64 {
        let KahanSum { sum, compensation } = self.sum;
        if self.incremental { sum + compensation } else { sum / self.count + compensation / self.count }
    }
}

/// The mean.
pub(crate) fn mean(values: &[f64]) -> f64 {
    let mut mean = Mean::of(values[0]);
    values[1..].iter().for_each(|&value| mean.add(value));
    mean.value()
}

/// A population variance that grows, by Welford's method.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Variance {
    mean: f64,
    squares: f64,
    count: f64,
}

impl Variance {
    /// As Prometheus' aggregations: without compensation, and undefined from the start where the first value is.
    pub(crate) fn of(first: f64) -> Self {
        Self { mean: first, squares: if first.is_finite() { 0.0 } else { f64::NAN }, count: 1.0 }
    }

    pub(crate) fn add(&mut self, value: f64) {
        self.count += 1.0;
        let delta = value - self.mean;
        self.mean += delta / self.count;
        self.squares += delta * (value - self.mean);
    }

    pub(crate) fn value(self) -> f64 {
        self.squares / self.count
    }
}

/// The population variance, by Welford's method.
pub(crate) fn variance(values: &[f64]) -> f64 {
    let (mut mean, mut squares) = (KahanSum::default(), KahanSum::default());
    for (at, value) in values.iter().enumerate() {
        let delta = value - (mean.sum + mean.compensation);
        mean.add(delta / (at + 1) as f64);
        squares.add(delta * (value - (mean.sum + mean.compensation)));
    }
    (squares.sum + squares.compensation) / values.len() as f64
}

pub(crate) fn standard_deviation(values: &[f64]) -> f64 {
    variance(values).sqrt()
}

/// The smallest value; NaN only if there is nothing else.
pub(crate) fn min(values: &[f64]) -> f64 {
    values.iter().copied().reduce(|a, b| if b < a || a.is_nan() { b } else { a }).unwrap_or(f64::NAN)
}

/// The largest value; NaN only if there is nothing else.
pub(crate) fn max(values: &[f64]) -> f64 {
    values.iter().copied().reduce(|a, b| if b > a || a.is_nan() { b } else { a }).unwrap_or(f64::NAN)
}

/// The φ-quantile with linear interpolation. Outside of 0..=1 it is infinite; NaNs count as the smallest values.
pub(crate) fn quantile(phi: f64, values: &[f64]) -> f64 {
    if phi.is_nan() {
        return f64::NAN;
    }
    if !(0.0..=1.0).contains(&phi) {
        return if phi < 0.0 { f64::NEG_INFINITY } else { f64::INFINITY };
    }
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(|a, b| b.is_nan().cmp(&a.is_nan()).then(a.total_cmp(b)));
    let rank = phi * (sorted.len() - 1) as f64;
    let lower = rank.floor() as usize;
    let upper = (lower + 1).min(sorted.len() - 1);
    let weight = rank - rank.floor();
    sorted[lower] * (1.0 - weight) + sorted[upper] * weight
}

/// The median absolute deviation; NaN as soon as one value is.
pub(crate) fn median_absolute_deviation(values: &[f64]) -> f64 {
    if values.iter().any(|value| value.is_nan()) {
        return f64::NAN;
    }
    let median = quantile(0.5, values);
    let deviations: Vec<f64> = values.iter().map(|value| (value - median).abs()).collect();
    quantile(0.5, &deviations)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_keep_what_plain_addition_loses() {
        assert_eq!(sum(&[1.0, 1e100, 1.0, -1e100]), 2.0);
        assert_eq!(sum(&[f64::INFINITY, 1.0]), f64::INFINITY);
        assert!(sum(&[f64::INFINITY, f64::NEG_INFINITY]).is_nan());
    }

    #[test]
    fn means_do_not_overflow() {
        let big = 1.797_693_134_862_315_7e308;
        assert!((mean(&[big, big, big]) / big - 1.0).abs() < 1e-15);
        assert_eq!(mean(&[1.0, 2.0, 6.0]), 3.0);
    }

    #[test]
    fn quantiles_interpolate_and_count_nan_as_smallest() {
        assert_eq!(quantile(0.5, &[3.0, 1.0, 2.0, 4.0]), 2.5);
        assert_eq!(quantile(1.0, &[f64::NAN, 2.0]), 2.0);
        assert!(quantile(0.0, &[f64::NAN, 2.0]).is_nan());
        assert_eq!(quantile(-0.1, &[1.0]), f64::NEG_INFINITY);
    }

    #[test]
    fn extremes_pass_over_nan() {
        assert_eq!(min(&[f64::NAN, 2.0, 1.0]), 1.0);
        assert_eq!(max(&[2.0, f64::NAN]), 2.0);
        assert!(max(&[f64::NAN]).is_nan());
    }
}
