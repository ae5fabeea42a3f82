//! A model over a history and points that are written down: fitted, asked about each point as the host would ask, saved
//! and restored.

use std::path::Path;
use std::time::Duration;

use bellwether_model::detector::{Verdicts, WindowMatrix};
use bellwether_model::duration::parse_prometheus;
use bellwether_model::modelling::{Fitted, ModelError, ModelPoints, ModelSession, ModelSpec, Modeller};
use bellwether_model::number::Plain;
use bellwether_model::{Fingerprint, Timestamp};
use bellwether_sandbox::SandboxedModeller;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::detector::{columns, default_time, millis};
use super::input::Number;
use super::read_input;
use crate::error::WorkbenchError;

/// Points of all series of a history.
const MAX_POINTS: usize = 5_000_000;

/// What a model is fitted to and asked about.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ModelCase {
    /// A kind that the plugin offers.
    model: String,
    #[serde(default)]
    settings: Map<String, Value>,
    /// The time of second 0.
    #[serde(default = "default_time")]
    start: String,
    /// Its series.
    history: Vec<Series>,
    /// Seconds since `start`, and a value for each series.
    #[serde(default)]
    points: Vec<(Number, Vec<Number>)>,
    /// Only points with a smaller score are learnt from.
    #[serde(default = "default_normal_below")]
    normal_below: f64,
}

fn default_normal_below() -> f64 {
    3.0
}

/// One series: its points, or values in even steps, again and again.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum Series {
    Points(Vec<(Number, Number)>),
    Even(Even),
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Even {
    /// From one value to the next, such as `10m`.
    every: String,
    values: Vec<Number>,
    /// How often the values come.
    #[serde(default = "once")]
    repeat: usize,
}

const fn once() -> usize {
    1
}

impl ModelCase {
    /// None where it is a case of a function.
    pub(crate) fn read(path: &Path) -> Result<Option<Self>, WorkbenchError> {
        let text = read_input(path)?;
        let value: Value =
            serde_json::from_str(&text).map_err(|error| WorkbenchError::in_file(path, error))?;
        if value.get("model").is_none() {
            return Ok(None);
        }
        // Once more from the text, for the places of mistakes.
        serde_json::from_str(&text).map(Some).map_err(|error| WorkbenchError::in_file(path, error))
    }

    /// The model that the host would make; an error where a configuration with it would not load.
    pub(crate) fn spec(&self, modeller: &SandboxedModeller) -> Result<ModelSpec, String> {
        if modeller.kind(&self.model).is_none() {
            let known: Vec<&str> = modeller.kinds().iter().map(|kind| kind.name.as_str()).collect();
            return Err(format!("there are no models {:?}; there are {}", self.model, known.join(", ")));
        }
        let config = modeller
            .check_settings(&self.model, &self.settings)
            .map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))?;
        Ok(ModelSpec { name: "case".to_owned(), kind: self.model.clone(), config })
    }

    /// What each model is fitted to: one series each, or all for one.
    pub(crate) fn histories(&self, multivariate: bool) -> Result<Vec<WindowMatrix>, String> {
        let start = self.start()?;
        let mut series = Vec::with_capacity(self.history.len());
        let mut total = 0_usize;
        for own in &self.history {
            total = total.saturating_add(own.len());
            if total > MAX_POINTS {
                return Err(format!("the history has more than {MAX_POINTS} points"));
            }
            series.push(own.points(start)?);
        }
        let all: Vec<&[(i64, f64)]> = series.iter().map(Vec::as_slice).collect();
        Ok(if multivariate { vec![matrix(&all)] } else { all.iter().map(|own| matrix(&[own])).collect() })
    }

    fn start(&self) -> Result<Timestamp, String> {
        Timestamp::parse_rfc3339(&self.start).map_err(|error| error.to_string())
    }
}

impl Series {
    fn len(&self) -> usize {
        match self {
            Self::Points(points) => points.len(),
            Self::Even(even) => even.values.len().saturating_mul(even.repeat),
        }
    }

    fn points(&self, start: Timestamp) -> Result<Vec<(i64, f64)>, String> {
        let at = |ms: i64| start.offset_millis(ms).as_millis();
        let even = match self {
            Self::Points(points) => {
                return Ok(points.iter().map(|(time, value)| (at(millis(*time)), value.value())).collect());
            }
            Self::Even(even) => even,
        };
        let step = parse_prometheus(&even.every).ok().filter(|step| *step > Duration::ZERO);
        let step = step.ok_or_else(|| format!("every: {:?} is no duration such as 10m", even.every))?;
        let values = std::iter::repeat_n(&even.values, even.repeat).flatten();
        let place = |count: usize| i64::try_from(count as u128 * step.as_millis()).unwrap_or(i64::MAX);
        Ok(values.enumerate().map(|(count, value)| (at(place(count)), value.value())).collect())
    }
}

fn matrix(series: &[&[(i64, f64)]]) -> WindowMatrix {
    let mut matrix = WindowMatrix { offsets: vec![0], ..WindowMatrix::default() };
    for points in series {
        matrix.times.extend(points.iter().map(|(time, _)| *time));
        matrix.values.extend(points.iter().map(|(_, value)| *value));
        matrix.offsets.push(u32::try_from(matrix.times.len()).unwrap_or(u32::MAX));
    }
    matrix
}

/// The fits, the verdicts, and whether they survive saving: a line each.
pub(super) async fn lines(
    modeller: Option<&SandboxedModeller>,
    case: &ModelCase,
) -> Result<Vec<String>, String> {
    let modeller = modeller.ok_or("the plugin has no models")?;
    let spec = case.spec(modeller)?;
    let multivariate = modeller.kind(&case.model).is_some_and(|kind| kind.multivariate);
    let rows = rows(case, multivariate)?;
    let mut session = modeller.open(spec.clone());
    let (mut lines, mut at_work) = (Vec::new(), Vec::new());
    for (series, history) in case.histories(multivariate)?.iter().enumerate() {
        let fitted = modeller.fit(&spec, key(series), history).await;
        lines.push(format!("fit {series} {}", fit_words(&fitted)));
        if let Some(fitted) = fitted.ok().filter(|fitted| fitted.report.usable) {
            session.restore(key(series), &fitted.state).await.map_err(|error| error.to_string())?;
            at_work.push(series);
        }
    }
    for row in &rows {
        lines.extend(judge(session.as_mut(), row, case.normal_below).await);
    }
    for series in at_work {
        let mut restored = modeller.open(spec.clone());
        let survived = survives(session.as_mut(), restored.as_mut(), series, &rows).await;
        lines.push(format!("restored {series} {survived}"));
    }
    Ok(lines)
}

/// Points of one time, for each model.
struct Row {
    at: Timestamp,
    points: Vec<ModelPoints>,
}

fn rows(case: &ModelCase, multivariate: bool) -> Result<Vec<Row>, String> {
    let start = case.start()?;
    let row = |(time, values): &(Number, Vec<Number>)| {
        if values.len() != case.history.len() {
            return Err(format!(
                "{} values at {}, but {} series",
                values.len(),
                time.value(),
                case.history.len()
            ));
        }
        let at = start.offset_millis(millis(*time));
        let single: Vec<[(i64, f64); 1]> =
            values.iter().map(|value| [(at.as_millis(), value.value())]).collect();
        let all: Vec<&[(i64, f64)]> = single.iter().map(|point| &point[..]).collect();
        let of = |series: usize, points: WindowMatrix| ModelPoints { series: key(series), points };
        let points = if multivariate {
            vec![of(0, matrix(&all))]
        } else {
            all.iter().enumerate().map(|(series, own)| of(series, matrix(&[own]))).collect()
        };
        Ok(Row { at, points })
    };
    case.points.iter().map(row).collect()
}

fn key(series: usize) -> Fingerprint {
    Fingerprint(series as u64)
}

fn fit_words(fitted: &Result<Fitted, ModelError>) -> String {
    let report = match fitted {
        Ok(fitted) => &fitted.report,
        Err(error) => return format!("error {error}"),
    };
    let figures: Vec<String> =
        report.figures.iter().map(|(name, figure)| format!("{name} {}", Plain(*figure))).collect();
    let figures = if figures.is_empty() { String::new() } else { format!("; {}", figures.join(", ")) };
    let usable = if report.usable { "usable" } else { "not usable" };
    format!("{usable}, {} points: {}{figures}", report.points, report.summary)
}

/// Scores one time as the host does: normal points are learnt from, the others are explained.
async fn judge(session: &mut dyn ModelSession, row: &Row, normal_below: f64) -> Vec<String> {
    let scored = match session.score(&row.points).await {
        Ok(scored) => scored,
        Err(error) => return vec![format!("{} error {error}", row.at)],
    };
    let mut lines = Vec::new();
    for (points, verdicts) in row.points.iter().zip(scored) {
        let model = points.series;
        let verdicts = match verdicts {
            Ok(verdicts) => verdicts,
            Err(why) => {
                lines.push(format!("{} {} left out: {why}", row.at, model.0));
                continue;
            }
        };
        lines.extend((0..verdicts.score.len()).map(|place| {
            let series = model.0 + place as u64;
            format!("{} {series} {}", row.at, verdict_words(&verdicts, place))
        }));
        let scores = verdicts.score.iter().filter(|score| !score.is_nan());
        let is_normal = scores.clone().all(|score| score.abs() < normal_below);
        if scores.count() == 0 {
            continue;
        }
        lines.extend(if is_normal {
            learn(session, points).await.map(|why| format!("  {} did not learn: {why}", model.0))
        } else {
            explain(session, points).await.map(|text| format!("  {} {text}", model.0))
        });
    }
    lines
}

fn verdict_words(verdicts: &Verdicts, place: usize) -> String {
    let score = verdicts.score[place];
    if score.is_nan() {
        "left out".to_owned()
    } else {
        format!("score {}{}", Plain(score), columns(verdicts, place))
    }
}

/// Why it did not.
async fn learn(session: &mut dyn ModelSession, points: &ModelPoints) -> Option<String> {
    match session.update(std::slice::from_ref(points)).await {
        Ok(learnt) => learnt.into_iter().find_map(Result::err),
        Err(error) => Some(error.to_string()),
    }
}

async fn explain(session: &mut dyn ModelSession, points: &ModelPoints) -> Option<String> {
    session.explain(points).await.ok().map(|explanation| explanation.text)
}

/// Whether a model that is saved and restored gives the same verdicts.
async fn survives(
    session: &mut dyn ModelSession,
    restored: &mut dyn ModelSession,
    series: usize,
    rows: &[Row],
) -> String {
    let state = match session.save(key(series)).await {
        Ok(state) => state,
        Err(error) => return format!("error {error}"),
    };
    if let Err(error) = restored.restore(key(series), &state).await {
        return format!("error {error}");
    }
    for row in rows {
        let own: Vec<ModelPoints> =
            row.points.iter().filter(|points| points.series == key(series)).cloned().collect();
        let (before, after) = (session.score(&own).await, restored.score(&own).await);
        // NaN is equal to itself here.
        if format!("{before:?}") != format!("{after:?}") {
            return format!("gives other verdicts at {}", row.at);
        }
    }
    "gives the same verdicts".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case(json: &str) -> ModelCase {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn a_history_is_points_or_even_steps() {
        let case = case(
            r#"{"model": "m", "start": "1970-01-01T00:00:00Z", "history": [
                [[0, 1], [1.5, "NaN"]], {"every": "1m", "values": [1, 2], "repeat": 2}]}"#,
        );
        let histories = case.histories(false).unwrap();
        assert_eq!((histories.len(), &histories[0].times[..]), (2, &[0, 1_500][..]));
        assert_eq!(histories[1].times, [0, 60_000, 120_000, 180_000]);
        assert_eq!(histories[1].values, [1.0, 2.0, 1.0, 2.0]);
        let all = case.histories(true).unwrap();
        assert_eq!((all.len(), &all[0].offsets[..]), (1, &[0, 2, 6][..]));
    }

    #[test]
    fn what_cannot_be_is_told() {
        let even = |every: &str, repeat: usize| {
            let json = format!(
                r#"{{"model": "m", "history": [{{"every": "{every}", "values": [1], "repeat": {repeat}}}]}}"#
            );
            case(&json).histories(false).unwrap_err()
        };
        assert!(even("often", 1).contains("no duration such as 10m"));
        assert!(even("1m", usize::MAX).contains("more than 5000000 points"));
        let uneven = case(r#"{"model": "m", "history": [[], []], "points": [[0, [1]]]}"#);
        assert!(rows(&uneven, false).err().unwrap().contains("1 values at 0, but 2 series"));
    }

    #[test]
    fn a_point_is_asked_of_each_model_or_of_one() {
        let case = case(
            r#"{"model": "m", "start": "1970-01-01T00:00:00Z", "history": [[], []], "points": [[60, [1, 2]]]}"#,
        );
        let each = &rows(&case, false).unwrap()[0].points;
        assert_eq!((each.len(), each[1].series, &each[1].points.values[..]), (2, key(1), &[2.0][..]));
        let one = &rows(&case, true).unwrap()[0].points;
        assert_eq!((one.len(), &one[0].points.offsets[..]), (1, &[0, 1, 2][..]));
        assert_eq!(one[0].points.times, [60_000, 60_000]);
    }

    #[test]
    fn cases_of_functions_are_none_of_models() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        std::fs::write(&path, r#"{"function": "f", "windows": []}"#).unwrap();
        assert!(ModelCase::read(&path).unwrap().is_none());
        std::fs::write(&path, r#"{"model": "m", "histroy": []}"#).unwrap();
        assert!(ModelCase::read(&path).unwrap_err().to_string().contains("histroy"));
    }
}
