//! How long models take to be fitted and to judge.

use std::time::Instant;

use bellwether_model::Fingerprint;
use bellwether_model::detector::WindowMatrix;
use bellwether_model::modelling::{ModelError, ModelPoints, ModelSpec, Modeller as _};
use bellwether_sandbox::{SandboxedDetector, SandboxedModeller};
use serde_json::Map;

use super::{MEASURED, Tally, WARM_UP_CALLS};
use crate::cases::ModelCase;

/// Points of a history, one a minute, where there is no input: a week.
const HISTORY: u32 = 7 * 24 * 60;
/// The model that is measured.
const MODEL: Fingerprint = Fingerprint(1);

/// A model as a case has it.
pub(super) async fn bench_case(
    detector: &SandboxedDetector,
    case: &ModelCase,
) -> Result<Vec<String>, String> {
    let modeller = detector.modeller().ok_or("the plugin has no models")?;
    let spec = case.spec(modeller)?;
    let multivariate = modeller.kind(&spec.kind).is_some_and(|kind| kind.multivariate);
    let history = case.histories(multivariate)?.into_iter().next().ok_or("the case has no history")?;
    bench_model(modeller, &spec, &history).await.map_err(|error| error.to_string())
}

/// Each kind that needs no settings, with a made-up history.
pub(super) async fn bench_kinds(detector: &SandboxedDetector) -> Vec<String> {
    let Some(modeller) = detector.modeller() else { return Vec::new() };
    let mut lines = Vec::new();
    for kind in modeller.kinds() {
        let Ok(config) = modeller.check_settings(&kind.name, &Map::new()) else { continue };
        let spec = ModelSpec { name: "bench".to_owned(), kind: kind.name.clone(), config };
        match bench_model(modeller, &spec, &made_up_history()).await {
            Ok(more) => lines.extend(more),
            Err(error) => lines.push(format!("{}: {error}", kind.name)),
        }
    }
    lines
}

/// A week that wobbles.
fn made_up_history() -> WindowMatrix {
    WindowMatrix {
        offsets: vec![0, HISTORY],
        times: (0..i64::from(HISTORY)).map(|minute| minute * 60_000).collect(),
        values: (0..HISTORY)
            .map(|minute| f64::from(minute / 60 % 24) + f64::from(minute * 7 % 13) / 13.0)
            .collect(),
    }
}

async fn bench_model(
    modeller: &SandboxedModeller,
    spec: &ModelSpec,
    history: &WindowMatrix,
) -> Result<Vec<String>, ModelError> {
    let (mut fits, began) = (Tally::default(), Instant::now());
    let mut state = None;
    while state.is_none() || began.elapsed() < MEASURED {
        let called = Instant::now();
        let fitted = modeller.fit(spec, MODEL, history).await?;
        fits.times.push(called.elapsed());
        fits.units += history.values.len() as u64;
        state = Some(fitted.state);
    }
    let mut lines = fits.lines(&format!("fit {}", spec.kind), "point");
    lines.extend(state.as_ref().map(|state| format!("  state             {} bytes", state.len())));
    let mut session = modeller.open(spec.clone());
    session.restore(MODEL, &state.unwrap_or_default()).await?;
    let newest = [ModelPoints { series: MODEL, points: newest_points(history) }];
    let (mut scores, mut began) = (Tally::default(), Instant::now());
    let mut warm_up = WARM_UP_CALLS;
    while began.elapsed() < MEASURED {
        let called = Instant::now();
        let scored = session.score(&newest).await?;
        if warm_up > 0 {
            (warm_up, began) = (warm_up - 1, Instant::now());
            continue;
        }
        scores.times.push(called.elapsed());
        scores.units += newest[0].points.values.len() as u64;
        scores.failed += scored.iter().filter(|scored| scored.is_err()).count() as u64;
    }
    lines.extend(scores.lines(&format!("score {}", spec.kind), "point"));
    Ok(lines)
}

/// The newest point of each series, as the host asks for them.
fn newest_points(history: &WindowMatrix) -> WindowMatrix {
    let mut newest = WindowMatrix { offsets: vec![0], ..WindowMatrix::default() };
    for end in history.offsets.iter().skip(1) {
        let last = usize::try_from(*end).unwrap_or(0).checked_sub(1);
        let point = last.and_then(|last| history.times.get(last).zip(history.values.get(last)));
        let (time, value) = point.unwrap_or((&0, &f64::NAN));
        newest.times.push(*time);
        newest.values.push(*value);
        newest.offsets.push(u32::try_from(newest.values.len()).unwrap_or(u32::MAX));
    }
    newest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_point_of_each_series_is_judged() {
        let history =
            WindowMatrix { offsets: vec![0, 2, 3], times: vec![1, 2, 3], values: vec![10.0, 20.0, 30.0] };
        let newest = newest_points(&history);
        assert_eq!(
            (newest.offsets, newest.times, newest.values),
            (vec![0, 1, 2], vec![2, 3], vec![20.0, 30.0])
        );
        assert_eq!(made_up_history().values.len(), 10_080);
    }
}
