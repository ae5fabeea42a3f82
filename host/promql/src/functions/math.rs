//! Functions of one value.

/// Go's `math.Max`: NaN wins over everything but `+Inf`.
pub(super) fn max(a: f64, b: f64) -> f64 {
    if a == f64::INFINITY || b == f64::INFINITY {
        f64::INFINITY
    } else if a.is_nan() || b.is_nan() {
        f64::NAN
    } else {
        a.max(b)
    }
}

/// Go's `math.Min`: NaN wins over everything but `-Inf`.
pub(super) fn min(a: f64, b: f64) -> f64 {
    -max(-a, -b)
}

/// The value inside of `[min, max]`; nothing where the bounds are crossed.
pub(super) fn clamp(value: f64, bounds: &[f64]) -> Option<f64> {
    let crossed = bounds[1] < bounds[0];
    (!crossed).then(|| max(bounds[0], min(bounds[1], value)))
}

/// To the nearest multiple of the argument, or to whole numbers; halves go up.
pub(super) fn round(value: f64, to: &[f64]) -> Option<f64> {
    // Multiplying by the inverse is exact for more of the usual arguments than dividing.
    let inverse = 1.0 / to.first().copied().unwrap_or(1.0);
    Some((value * inverse + 0.5).floor() / inverse)
}

pub(super) fn sgn(value: f64, _: &[f64]) -> Option<f64> {
    Some(if value < 0.0 {
        -1.0
    } else if value > 0.0 {
        1.0
    } else {
        value
    })
}
