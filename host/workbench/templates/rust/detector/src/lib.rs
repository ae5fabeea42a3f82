//! `__SNAKE__(x[6h], tolerance)`: how long a value has not changed, in units of the longest pause that it had before.
//!
//! A sensor that died often goes on sending its last value, which no threshold sees. What is long depends on the sensor,
//! so it is measured by the sensor's own past.

use bellwether_plugin_sdk::detector::{
    About, Detector, Error, Function, Instant, Matrix, Param, Verdicts,
};

/// The name of the function in expressions.
const FUNCTION: &str = "__SNAKE__";

struct Stuck;

impl Detector for Stuck {
    fn describe() -> (About, Vec<Function>) {
        let about = About {
            name: "__NAME__".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            summary: "Finds sensors that got stuck at a value".into(),
            homepage: None,
            settings: Vec::new(),
        };
        let tolerance = Param {
            name: "tolerance".into(),
            help: "Changes up to this count as none".into(),
            default: Some(0.0),
        };
        let function = Function {
            name: FUNCTION.into(),
            help: "Time without a change, in units of the longest such time before".into(),
            windows: 1,
            params: vec![tolerance],
            min_points: 3,
        };
        (about, vec![function])
    }

    fn evaluate(function: &str, params: &[f64], at: Instant, windows: &[Matrix]) -> Result<Verdicts, Error> {
        let ([tolerance], [window]) = (params, windows) else {
            return Err(Error::Failed(format!("{function} takes one param and one window")));
        };
        if !tolerance.is_finite() || *tolerance < 0.0 {
            return Err(Error::BadParam(format!("tolerance is {tolerance}, it must be 0 or more")));
        }
        let scores = (0..window.series()).map(|series| {
            score(window.times_of(series), window.values_of(series), at, *tolerance)
        });
        Ok(Verdicts { score: scores.collect(), expected: Vec::new(), lower: Vec::new(), upper: Vec::new() })
    }
}

/// NaN, which leaves the series out, while it has not changed at all: there is nothing to measure with.
fn score(times: &[Instant], values: &[f64], at: Instant, tolerance: f64) -> f64 {
    let mut points = times.iter().zip(values).filter(|(_, value)| !value.is_nan());
    let Some((mut since, mut level)) = points.next() else { return f64::NAN };
    let mut longest_ms = 0;
    for (time, value) in points {
        // Two infinite values of one sign are the same, although their difference is no number.
        if value != level && !((value - level).abs() <= tolerance) {
            longest_ms = longest_ms.max(time.saturating_sub(*since));
            (since, level) = (time, value);
        }
    }
    match longest_ms {
        0 => f64::NAN,
        _ => at.saturating_sub(*since) as f64 / longest_ms as f64,
    }
}

bellwether_plugin_sdk::export_detector!(Stuck);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn measures_the_last_pause_by_the_longest_before() {
        let times: Vec<Instant> = (0..8).map(|i| i * 1000).collect();
        let values = [1.0, 1.0, 2.0, 3.0, 3.0, 3.0, 3.0, 3.0];
        assert_eq!(score(&times, &values, 9000, 0.0), 3.0);
        assert!(score(&times, &values, 9000, 5.0).is_nan(), "all within the tolerance");
        assert!(score(&[], &[], 0, 0.0).is_nan());
    }

    #[test]
    fn infinite_values_are_values() {
        assert_eq!(score(&[0, 1, 2], &[1.0, f64::INFINITY, f64::INFINITY], 3, 0.0), 2.0);
    }
}
