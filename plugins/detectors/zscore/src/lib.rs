//! Functions that say how far the newest point of a window is away from the rest, in units of its usual spread.
//!
//! All three judge the last point against the points before it, so that an outlier does not widen the band that is to
//! catch it.

mod statistics;

use bellwether_plugin_sdk::detector::{
    About, Detector, Error, Function, Instant, Matrix, Param, Verdict, Verdicts, judge_each,
};

use statistics::{Spread, ewma, mean_and_deviation, median_and_mad};

/// Half the width of the band in the verdicts, in units of the spread: the usual threshold of rules.
const BAND: f64 = 3.0;
/// With fewer points there is no spread to speak of: two to compare with and one to judge.
const MIN_POINTS: u32 = 3;
/// Weight of the newest value in `ewma_deviation` where the rule says nothing.
const DEFAULT_ALPHA: f64 = 0.3;

struct ZScore;

impl Detector for ZScore {
    fn describe() -> (About, Vec<Function>) {
        let about = About {
            name: "zscore".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            summary: "How far the newest point is out, in units of the window's usual spread".into(),
            homepage: None,
            settings: Vec::new(),
        };
        let alpha = Param {
            name: "alpha".into(),
            help: "Weight of the newest value in the moving average, above 0 and at most 1".into(),
            default: Some(DEFAULT_ALPHA),
        };
        let functions = vec![
            function(
                "zscore",
                "Standard deviations between the newest point and the mean of the others",
                vec![],
            ),
            function(
                "mad_zscore",
                "The same with median and median absolute deviation: robust to outliers",
                vec![],
            ),
            function(
                "ewma_deviation",
                "Deviations between the newest point and the moving average before it",
                vec![alpha],
            ),
        ];
        (about, functions)
    }

    fn evaluate(function: &str, params: &[f64], _at: Instant, windows: &[Matrix]) -> Result<Verdicts, Error> {
        let [window] = windows else {
            return Err(Error::BadParam(format!("{function} takes one window, not {}", windows.len())));
        };
        match function {
            "zscore" => Ok(judge_each(window, |points| judge(points, mean_and_deviation))),
            "mad_zscore" => Ok(judge_each(window, |points| judge(points, median_and_mad))),
            "ewma_deviation" => {
                let alpha = checked_alpha(params)?;
                Ok(judge_each(window, |points| judge(points, |history| ewma(history, alpha))))
            }
            other => Err(Error::BadParam(format!("there is no function {other}"))),
        }
    }
}

fn function(name: &str, help: &str, params: Vec<Param>) -> Function {
    Function { name: name.into(), help: help.into(), windows: 1, params, min_points: MIN_POINTS }
}

fn checked_alpha(params: &[f64]) -> Result<f64, Error> {
    let alpha = params.first().copied().unwrap_or(DEFAULT_ALPHA);
    if alpha > 0.0 && alpha <= 1.0 {
        return Ok(alpha);
    }
    Err(Error::BadParam(format!("alpha is {alpha}; it must be above 0 and at most 1")))
}

/// The newest point against the spread of those before it.
fn judge(points: &[f64], spread_of: impl Fn(&[f64]) -> Spread) -> Verdict {
    let Some((newest, history)) = points.split_last() else {
        return Verdict::NONE;
    };
    if points.len() < MIN_POINTS as usize {
        return Verdict::NONE;
    }
    let Spread { center, scale } = spread_of(history);
    Verdict {
        score: score(newest - center, scale),
        expected: center,
        lower: center - BAND * scale,
        upper: center + BAND * scale,
    }
}

/// A series that never moved scores 0 while it stays, and infinity with the sign of the move when it leaves.
fn score(distance: f64, scale: f64) -> f64 {
    if distance == 0.0 { 0.0 } else { distance / scale }
}

bellwether_plugin_sdk::export_detector!(ZScore);

#[cfg(test)]
mod tests {
    use super::*;

    fn evaluate(function: &str, params: &[f64], series: &[&[f64]]) -> Result<Verdicts, Error> {
        let mut window = Matrix { offsets: vec![0], times: Vec::new(), values: Vec::new() };
        for points in series {
            window.values.extend_from_slice(points);
            window.times.extend((0..points.len()).map(|i| i as i64 * 1000));
            window.offsets.push(window.values.len() as u32);
        }
        ZScore::evaluate(function, params, 0, &[window])
    }

    #[test]
    fn scores_the_newest_point_against_those_before_it() {
        let verdicts = evaluate("zscore", &[], &[&[1.0, 3.0, 1.0, 3.0, 6.0]]).unwrap();
        assert_eq!(verdicts.score, [4.0]);
        assert_eq!((verdicts.expected[0], verdicts.lower[0], verdicts.upper[0]), (2.0, -1.0, 5.0));
    }

    #[test]
    fn constant_series_scores_zero_until_it_moves() {
        let verdicts =
            evaluate("zscore", &[], &[&[5.0, 5.0, 5.0], &[5.0, 5.0, 6.0], &[5.0, 5.0, 4.0]]).unwrap();
        assert_eq!(verdicts.score, [0.0, f64::INFINITY, f64::NEG_INFINITY]);
    }

    #[test]
    fn too_short_series_is_left_out() {
        let verdicts = evaluate("mad_zscore", &[], &[&[], &[1.0, 2.0], &[1.0, 2.0, 3.0]]).unwrap();
        assert!(verdicts.score[0].is_nan() && verdicts.score[1].is_nan() && verdicts.score[2].is_finite());
    }

    #[test]
    fn robust_score_is_not_moved_by_an_old_outlier() {
        let points: &[f64] = &[1.0, 2.0, 1.0, 2.0, 500.0, 1.0, 2.0, 10.0];
        let plain = evaluate("zscore", &[], &[points]).unwrap().score[0];
        let robust = evaluate("mad_zscore", &[], &[points]).unwrap().score[0];
        assert!(plain.abs() < 1.0, "{plain}");
        assert!(robust > 3.0, "{robust}");
    }

    #[test]
    fn moving_average_follows_a_slow_drift() {
        let drift: Vec<f64> = (0..50).map(|i| f64::from(i) * 0.1).collect();
        let calm = evaluate("ewma_deviation", &[], &[&drift]).unwrap().score[0];
        let mut jump = drift;
        jump.push(50.0);
        let alarm = evaluate("ewma_deviation", &[], &[&jump]).unwrap().score[0];
        assert!(calm < 3.0 && alarm > 10.0, "{calm} {alarm}");
    }

    #[test]
    fn refuses_an_alpha_out_of_range() {
        assert!(matches!(evaluate("ewma_deviation", &[0.0], &[]), Err(Error::BadParam(_))));
        assert!(matches!(evaluate("ewma_deviation", &[f64::NAN], &[]), Err(Error::BadParam(_))));
        assert!(matches!(evaluate("zzz", &[], &[]), Err(Error::BadParam(_))));
    }
}
