//! A detector over windows that are written down.

use std::path::Path;

use bellwether_model::Timestamp;
use bellwether_model::detector::{Detector, DetectorError, DetectorFunction, Verdicts, WindowMatrix};
use bellwether_model::number::Plain;
use serde::Deserialize;

use super::input::Number;
use super::read_input;
use crate::error::WorkbenchError;

/// What is asked of a detector.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DetectorCase {
    function: String,
    /// Those that are not given have their defaults.
    #[serde(default)]
    params: Vec<Number>,
    /// The time of the evaluation, and of the newest point.
    #[serde(default = "default_time")]
    at: String,
    /// For each window its series, each a list of points: seconds since the first point, and a value.
    windows: Vec<Vec<Vec<(Number, Number)>>>,
}

pub(super) fn default_time() -> String {
    "2026-01-01T00:00:00Z".to_owned()
}

/// A call that is ready.
#[derive(Debug, Clone)]
pub(crate) struct Evaluation {
    pub(crate) function: String,
    pub(crate) params: Vec<f64>,
    pub(crate) at: Timestamp,
    pub(crate) windows: Vec<WindowMatrix>,
    /// For each series of the case whether the host hands it over.
    kept: Vec<bool>,
    min_points: u32,
}

impl DetectorCase {
    pub(crate) fn read(path: &Path) -> Result<Self, WorkbenchError> {
        serde_json::from_str(&read_input(path)?).map_err(|error| WorkbenchError::in_file(path, error))
    }

    /// The call that the host would make; an error where a rule with such a call would not load.
    pub(crate) fn evaluation(&self, functions: &[DetectorFunction]) -> Result<Evaluation, String> {
        let known: Vec<&str> = functions.iter().map(|function| function.name.as_str()).collect();
        let function = functions.iter().find(|function| function.name == self.function);
        let function = function.ok_or_else(|| {
            format!("there is no function {:?}; there are {}", self.function, known.join(", "))
        })?;
        if self.windows.len() != usize::from(function.windows) {
            return Err(format!(
                "{} takes {} windows, here are {}",
                function.name,
                function.windows,
                self.windows.len()
            ));
        }
        let series = self.windows.first().map_or(0, Vec::len);
        if self.windows.iter().any(|window| window.len() != series) {
            return Err("the windows have different numbers of series; the host pairs them by labels".into());
        }
        let enough = |window: &Vec<Vec<(Number, Number)>>, index: usize| {
            let points = window[index].len();
            points > 0 && points >= usize::try_from(function.min_points).unwrap_or(usize::MAX)
        };
        let kept: Vec<bool> =
            (0..series).map(|index| self.windows.iter().all(|window| enough(window, index))).collect();
        let at = Timestamp::parse_rfc3339(&self.at).map_err(|error| error.to_string())?;
        let zero = at.offset_millis(-self.newest_ms());
        Ok(Evaluation {
            function: function.name.clone(),
            params: self.all_params(function)?,
            at,
            windows: self.windows.iter().map(|window| matrix(window, &kept, zero)).collect(),
            kept,
            min_points: function.min_points,
        })
    }

    fn all_params(&self, function: &DetectorFunction) -> Result<Vec<f64>, String> {
        if self.params.len() > function.params.len() {
            return Err(format!("{} takes at most {} params", function.name, function.params.len()));
        }
        let given = self.params.iter().map(|number| Ok(number.value()));
        let rest = function.params.iter().skip(self.params.len());
        let rest = rest.map(|param| {
            param.default.ok_or_else(|| format!("{} needs the param {}", function.name, param.name))
        });
        given.chain(rest).collect()
    }

    /// The largest time of all points.
    fn newest_ms(&self) -> i64 {
        let points = self.windows.iter().flatten().flatten();
        points.map(|(time, _)| millis(*time)).max().unwrap_or(0)
    }
}

pub(super) fn millis(seconds: Number) -> i64 {
    Timestamp::from_secs_f64(seconds.value()).as_millis()
}

fn matrix(window: &[Vec<(Number, Number)>], kept: &[bool], zero: Timestamp) -> WindowMatrix {
    let mut matrix = WindowMatrix { offsets: vec![0], ..WindowMatrix::default() };
    for (points, _) in window.iter().zip(kept).filter(|(_, kept)| **kept) {
        for (time, value) in points {
            matrix.times.push(zero.offset_millis(millis(*time)).as_millis());
            matrix.values.push(value.value());
        }
        matrix.offsets.push(u32::try_from(matrix.times.len()).unwrap_or(u32::MAX));
    }
    matrix
}

/// A line for each series of the case.
pub(super) async fn lines(detector: &impl Detector, case: &DetectorCase) -> Result<Vec<String>, String> {
    let call = case.evaluation(detector.functions())?;
    let verdicts = detector.evaluate(&call.function, &call.params, call.at, &call.windows).await;
    Ok(match verdicts {
        Ok(verdicts) => verdict_lines(&call, &verdicts),
        Err(DetectorError::BadParam(why)) => vec![format!("error bad param: {why}")],
        Err(DetectorError::Failed(why)) => vec![format!("error failed: {why}")],
        Err(crash @ DetectorError::Crashed(_)) => vec![format!("error {crash}")],
    })
}

fn verdict_lines(call: &Evaluation, verdicts: &Verdicts) -> Vec<String> {
    let mut handed_over = 0..;
    let line = |(index, kept): (usize, &bool)| {
        if !kept {
            return format!("{index} left out, it has fewer than {} points", call.min_points.max(1));
        }
        let at = handed_over.next().unwrap_or(usize::MAX);
        match verdicts.score.get(at).filter(|score| !score.is_nan()) {
            None => format!("{index} left out"),
            Some(score) => format!("{index} score {}{}", Plain(*score), columns(verdicts, at)),
        }
    };
    call.kept.iter().enumerate().map(line).collect()
}

/// What the detector expected, as far as it says so.
pub(super) fn columns(verdicts: &Verdicts, at: usize) -> String {
    let columns = [("expected", &verdicts.expected), ("lower", &verdicts.lower), ("upper", &verdicts.upper)];
    let said = columns.into_iter().filter_map(|(name, column)| Some((name, column.get(at)?)));
    said.filter(|(_, value)| !value.is_nan())
        .map(|(name, value)| format!(" {name} {}", Plain(*value)))
        .collect()
}

#[cfg(test)]
mod tests {
    use bellwether_model::detector::DetectorParam;

    use super::*;

    fn functions() -> Vec<DetectorFunction> {
        let param = |name: &str, default| DetectorParam { name: name.into(), help: String::new(), default };
        vec![DetectorFunction {
            name: "zscore".into(),
            help: String::new(),
            windows: 1,
            params: vec![param("a", None), param("b", Some(2.0))],
            min_points: 2,
        }]
    }

    fn evaluation(json: &str) -> Result<Evaluation, String> {
        let case: DetectorCase = serde_json::from_str(json).unwrap();
        case.evaluation(&functions())
    }

    #[test]
    fn the_newest_point_is_at_the_time_of_the_evaluation() {
        let json = r#"{"function": "zscore", "params": [3], "at": "1970-01-01T00:01:00Z",
            "windows": [[[[0, 1.0], [15, "NaN"]], [[0, 1]], [[1, "-Inf"], [2, "+Inf"]]]]}"#;
        let call = evaluation(json).unwrap();
        assert_eq!(
            (call.params.as_slice(), call.windows[0].offsets.as_slice()),
            (&[3.0, 2.0][..], &[0, 2, 4][..])
        );
        assert_eq!(call.windows[0].times, [45_000, 60_000, 46_000, 47_000]);
        let verdicts = Verdicts { score: vec![1.5, f64::NAN], lower: vec![0.0, 0.0], ..Verdicts::default() };
        let lines = ["0 score 1.5 lower 0", "1 left out, it has fewer than 2 points", "2 left out"];
        assert_eq!(verdict_lines(&call, &verdicts), lines);
    }

    #[test]
    fn calls_that_no_rule_could_make_are_refused() {
        for (json, problem) in [
            (r#"{"function": "x", "windows": []}"#, "there are zscore"),
            (r#"{"function": "zscore", "windows": []}"#, "takes 1 windows"),
            (r#"{"function": "zscore", "windows": [[]]}"#, "needs the param a"),
            (r#"{"function": "zscore", "params": [1, 2, 3], "windows": [[]]}"#, "at most 2"),
            (r#"{"function": "zscore", "params": [1], "at": "now", "windows": [[]]}"#, "RFC 3339"),
        ] {
            let error = evaluation(json).unwrap_err();
            assert!(error.contains(problem), "{error}");
        }
    }
}
