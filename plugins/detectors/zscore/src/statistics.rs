//! Three ways to say where the points of a window lie and how far they usually stray.

/// Turns a median absolute deviation into a standard deviation, for normally distributed points.
const MAD_TO_DEVIATION: f64 = 1.4826;

/// Where points lie, and how far from there they usually are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Spread {
    pub(crate) center: f64,
    pub(crate) scale: f64,
}

/// Mean and population standard deviation, as PromQL's `stddev_over_time`.
///
/// In one pass, around the first point: since that is one of them, it is at most as many variances away from the mean as
/// there are points, and no more digits are lost than that costs.
pub(crate) fn mean_and_deviation(points: &[f64]) -> Spread {
    let count = points.len() as f64;
    let origin = points.first().copied().unwrap_or(f64::NAN);
    let Sums { linear, squared } = sums(points, origin);
    let mean = linear / count;
    // Rounding may bring it below zero; NaN stays.
    let variance = (squared / count - mean * mean).clamp(0.0, f64::INFINITY);
    Spread { center: origin + mean, scale: variance.sqrt() }
}

/// Sums of the distances from a point and of their squares.
#[derive(Clone, Copy, Default)]
struct Sums {
    linear: f64,
    squared: f64,
}

impl Sums {
    const fn add(&mut self, distance: f64) {
        self.linear += distance;
        self.squared += distance * distance;
    }
}

/// In four parts that do not wait for each other, as one long chain of additions would.
fn sums(points: &[f64], origin: f64) -> Sums {
    let (fours, rest) = points.as_chunks::<4>();
    let mut parts = [Sums::default(); 4];
    for four in fours {
        for (part, point) in parts.iter_mut().zip(four) {
            part.add(point - origin);
        }
    }
    for (part, point) in parts.iter_mut().zip(rest) {
        part.add(point - origin);
    }
    parts.into_iter().fold(Sums::default(), |sum, part| Sums {
        linear: sum.linear + part.linear,
        squared: sum.squared + part.squared,
    })
}

/// Median, and the median distance from it scaled to a standard deviation.
pub(crate) fn median_and_mad(points: &[f64]) -> Spread {
    let center = median(&mut points.to_vec());
    let mut distances: Vec<f64> = points.iter().map(|x| (x - center).abs()).collect();
    Spread { center, scale: median(&mut distances) * MAD_TO_DEVIATION }
}

/// Exponentially weighted moving average, and the equally weighted deviation of each point from the average before it.
pub(crate) fn ewma(points: &[f64], alpha: f64) -> Spread {
    let Some((first, rest)) = points.split_first() else {
        return Spread { center: f64::NAN, scale: f64::NAN };
    };
    let (mut center, mut variance) = (*first, 0.0);
    for point in rest {
        let surprise = point - center;
        variance = (1.0 - alpha) * (variance + alpha * surprise * surprise);
        center += alpha * surprise;
    }
    Spread { center, scale: variance.sqrt() }
}

/// Reorders as a side effect; NaN for no points.
fn median(points: &mut [f64]) -> f64 {
    if points.is_empty() {
        return f64::NAN;
    }
    let middle = points.len() / 2;
    let is_odd = points.len() % 2 == 1;
    let (below, upper, _) = points.select_nth_unstable_by(middle, f64::total_cmp);
    if is_odd {
        return *upper;
    }
    let lower = below.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    f64::midpoint(lower, *upper)
}
