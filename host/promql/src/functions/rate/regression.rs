//! The line of least squares through the floats of a window.

use crate::functions::Window;
use crate::statistics::KahanSum;

pub(in crate::functions) fn deriv(window: &Window<'_>, _: &[f64]) -> Option<f64> {
    // An origin near the samples keeps the numbers small.
    let &origin = window.samples.times.first()?;
    Some(linear_regression(window, origin)?.slope)
}

pub(in crate::functions) fn predict_linear(window: &Window<'_>, params: &[f64]) -> Option<f64> {
    let line = linear_regression(window, window.at)?;
    Some(line.slope * params[0] + line.intercept)
}

struct Line {
    /// Per second.
    slope: f64,
    intercept: f64,
}

/// The line of least squares, with its intercept at `origin`; needs two samples.
fn linear_regression(window: &Window<'_>, origin: i64) -> Option<Line> {
    let (times, values) = (window.samples.times, window.samples.values);
    let [first, _, ..] = *values else {
        return None;
    };
    if values.iter().all(|&value| value == first) {
        let flat = Line { slope: 0.0, intercept: first };
        let undefined = Line { slope: f64::NAN, intercept: f64::NAN };
        return Some(if first.is_infinite() { undefined } else { flat });
    }
    let [mut x_sum, mut y_sum, mut xy_sum, mut xx_sum] = [KahanSum::default(); 4];
    for (&at, &value) in times.iter().zip(values) {
        let x = (at - origin) as f64 / 1000.0;
        x_sum.add(x);
        y_sum.add(value);
        xy_sum.add(x * value);
        xx_sum.add(x * x);
    }
    let count = values.len() as f64;
    let [x, y, xy, xx] = [x_sum, y_sum, xy_sum, xx_sum].map(KahanSum::total);
    let slope = (xy - x * y / count) / (xx - x * x / count);
    Some(Line { slope, intercept: y / count - slope * x / count })
}
