//! Models in the sandbox: at work, misbehaving, and carried over.

use std::time::Duration;

use bellwether_model::Fingerprint;
use bellwether_model::detector::WindowMatrix;
use bellwether_model::modelling::{
    MAX_STATE_BYTES, ModelError, ModelPoints, ModelSession, ModelSpec, Modeller,
};
use serde_json::json;

use super::*;
use crate::{CallLimits, ModelLimits, NoHttp, SandboxedModeller, Standing};

const HOSTILE_MODELS: &[u8] = include_bytes!("../../../../plugins/dist/hostile/models.wasm");
const A: Fingerprint = Fingerprint(1);
const B: Fingerprint = Fingerprint(2);

async fn loaded(limits: Limits) -> Plugins {
    let embedded = vec![EmbeddedPlugin { name: "hostile-models", wasm: HOSTILE_MODELS }];
    Plugins::load(PluginsOptions { embedded, limits, http: Arc::new(NoHttp), ..options() }).await.unwrap()
}

/// Budgets that are soon used up.
fn short() -> Limits {
    let usual = ModelLimits::default();
    let fit = CallLimits { cpu: Duration::from_millis(200), ..usual.fit };
    Limits { model: ModelLimits { fit, ..usual }, ..Limits::default() }
}

async fn modeller(kind: &str) -> (Plugins, SandboxedModeller) {
    let plugins = loaded(short()).await;
    let modeller = plugins.modeller(kind).unwrap();
    (plugins, modeller)
}

fn spec(kind: &str) -> ModelSpec {
    ModelSpec { name: "boiler".into(), kind: kind.into(), config: "{\"scale\":1}".into() }
}

fn matrix(series: &[&[f64]]) -> WindowMatrix {
    let mut matrix = WindowMatrix { offsets: vec![0], ..WindowMatrix::default() };
    for values in series {
        matrix.values.extend_from_slice(values);
        matrix.times.extend((0..values.len()).map(|at| at as i64 * 60_000));
        matrix.offsets.push(u32::try_from(matrix.values.len()).unwrap());
    }
    matrix
}

fn points(series: Fingerprint, values: &[f64]) -> ModelPoints {
    ModelPoints { series, points: matrix(&[values]) }
}

/// A model of the values at work under a key.
async fn put(
    modeller: &SandboxedModeller,
    spec: &ModelSpec,
    key: Fingerprint,
    values: &[f64],
    at: &mut dyn ModelSession,
) {
    let fitted = modeller.fit(spec, key, &matrix(&[values])).await.unwrap();
    at.restore(key, &fitted.state).await.unwrap();
}

async fn scores(session: &mut dyn ModelSession, series: Fingerprint, values: &[f64]) -> Vec<f64> {
    session.score(&[points(series, values)]).await.unwrap().remove(0).unwrap().score
}

fn crash(error: ModelError) -> String {
    let ModelError::Crashed(text) = error else { panic!("{error:?}") };
    text
}

#[tokio::test]
async fn kinds_are_listed_with_their_settings() {
    let plugins = loaded(Limits::default()).await;
    let modeller = plugins.modeller("together").unwrap();
    assert!(modeller.kind("together").unwrap().multivariate);
    let level = modeller.kind("level").unwrap();
    assert_eq!((level.history, level.multivariate), (Duration::from_secs(3_600), false));
    assert_eq!(modeller.plugin().sha256, plugins.status()[0].sha256);
    assert!(plugins.status()[0].provides.contains(&"model level".to_owned()));
    assert!(plugins.modeller("no_such").is_none());
    assert_eq!(modeller.check_settings("level", &Map::new()).unwrap(), "{\"scale\":1}");
    let problems = modeller.check_settings("level", &object(json!({"scael": 2}))).unwrap_err();
    assert!(problems[0].to_string().contains("did you mean scale?"), "{problems:?}");
}

#[tokio::test]
async fn detectors_without_models_are_as_before() {
    let plugins = first_party(Arc::new(NoHttp)).await;
    assert!(plugins.modellers().is_empty() && plugins.detectors().len() == 1);
}

#[tokio::test]
async fn a_model_is_fitted_scores_learns_and_is_carried_over() {
    let (_plugins, modeller) = modeller("level").await;
    let spec = spec("level");
    let fitted = modeller.fit(&spec, A, &matrix(&[&[1.0, 2.0, 3.0]])).await.unwrap();
    assert_eq!((fitted.report.points, fitted.report.summary.as_str()), (3, "mean 2 of 3"));
    assert_eq!(fitted.report.figures, [], "figures that are no numbers are left out");
    let mut session = modeller.open(spec.clone());
    session.restore(A, &fitted.state).await.unwrap();
    put(&modeller, &spec, B, &[10.0], session.as_mut()).await;
    assert_eq!(scores(session.as_mut(), A, &[2.0, 5.0]).await, [0.0, 3.0]);
    assert_eq!(scores(session.as_mut(), B, &[11.0]).await, [1.0], "each series has its own");
    assert_eq!(session.update(&[points(A, &[6.0])]).await.unwrap(), [Ok(())]);
    assert_eq!(scores(session.as_mut(), A, &[3.0]).await, [0.0], "it has learnt");
    assert_eq!(session.explain(&points(A, &[9.0])).await.unwrap().text, "[9.0] are not 3");

    let state = session.save(A).await.unwrap();
    let mut next = modeller.open(spec);
    next.restore(A, &state).await.unwrap();
    assert_eq!(scores(next.as_mut(), A, &[3.0, 7.0]).await, [0.0, 4.0]);
}

#[tokio::test]
async fn a_series_without_a_model_says_so_and_others_are_scored() {
    let (_plugins, modeller) = modeller("level").await;
    let spec = spec("level");
    let mut session = modeller.open(spec.clone());
    assert_eq!(session.score(&[points(A, &[1.0])]).await.unwrap(), [Err("it is not fitted".to_owned())]);
    put(&modeller, &spec, A, &[1.0], session.as_mut()).await;
    let both = session.score(&[points(B, &[1.0]), points(A, &[1.0])]).await.unwrap();
    assert!(both[0].is_err() && both[1].is_ok());
    session.forget(A).await.unwrap();
    assert!(session.score(&[points(A, &[1.0])]).await.unwrap()[0].is_err());
}

#[tokio::test]
async fn one_model_of_all_series_gives_a_verdict_for_each() {
    let (_plugins, modeller) = modeller("together").await;
    let spec = spec("together");
    let fitted = modeller.fit(&spec, A, &matrix(&[&[1.0, 1.0], &[3.0, 3.0]])).await.unwrap();
    let mut session = modeller.open(spec);
    session.restore(A, &fitted.state).await.unwrap();
    let now = ModelPoints { series: A, points: matrix(&[&[2.0], &[5.0]]) };
    assert_eq!(session.score(&[now]).await.unwrap()[0].as_ref().unwrap().score, [0.0, 3.0]);
}

#[tokio::test]
async fn a_fit_that_breaks_is_reported_and_touches_nothing_that_is_at_work() {
    let plugins = loaded(short()).await;
    let modeller = plugins.modeller("level").unwrap();
    let mut session = modeller.open(spec("level"));
    put(&modeller, &spec("level"), A, &[1.0], session.as_mut()).await;
    let fit = async |kind: &str| {
        plugins.pardon("hostile-models", Some("boiler (fit)"));
        modeller.fit(&spec(kind), A, &matrix(&[&[1.0]])).await.unwrap_err()
    };
    let spun = crash(fit("spin_fit").await);
    assert_eq!(spun, "plugin hostile-models: fit for \"boiler (fit)\" ran 200 ms without finishing");
    let flood = crash(fit("flood_save").await);
    assert_eq!(flood, "plugin hostile-models: save for \"boiler (fit)\" returned more than 1 MiB");
    assert_eq!(fit("fail_fit").await, ModelError::Failed("it does not like this history".into()));
    let refused = ModelSpec { config: "{\"scale\":-1}".into(), ..spec("level") };
    let refused = modeller.fit(&refused, A, &matrix(&[&[1.0]])).await.unwrap_err();
    assert_eq!(refused, ModelError::Failed("scale: must not be negative".into()));
    assert_eq!(scores(session.as_mut(), A, &[1.0]).await, [0.0]);
}

#[tokio::test]
async fn a_fit_has_so_much_memory() {
    let plugins = loaded(Limits::default()).await;
    let modeller = plugins.modeller("hoard_fit").unwrap();
    let hoarded = modeller.fit(&spec("hoard_fit"), A, &matrix(&[&[1.0]])).await.unwrap_err();
    assert!(crash(hoarded.clone()).ends_with(", limit 128 MiB"), "{hoarded:?}");
}

#[tokio::test]
async fn a_crash_takes_all_models_of_the_spec_and_is_blamed_on_its_name() {
    let (plugins, modeller) = modeller("level").await;
    let spec = spec("level");
    let mut session = modeller.open(spec.clone());
    put(&modeller, &spec, A, &[1.0], session.as_mut()).await;
    let state = session.save(A).await.unwrap();
    let said = crash(session.score(&[points(A, &[666.0])]).await.unwrap_err());
    assert!(said.contains("score for \"boiler\" trapped") && said.contains("deliberate crash"), "{said}");
    let status = &plugins.status()[0];
    assert_eq!(status.subjects[0].subject, "boiler");
    assert!(matches!(status.subjects[0].standing, Standing::Paused { .. }));
    assert!(matches!(session.score(&[points(A, &[1.0])]).await, Err(ModelError::Refused(_))));
    plugins.pardon("hostile-models", None);
    assert!(crash(session.score(&[points(A, &[1.0])]).await.unwrap_err()).contains("is gone"));
    let mut next = modeller.open(spec);
    next.restore(A, &state).await.unwrap();
    assert_eq!(scores(next.as_mut(), A, &[1.0]).await, [0.0]);
}

#[tokio::test]
async fn scoring_is_bounded_and_answers_are_checked() {
    let (plugins, modeller) = modeller("level").await;
    let score = async |kind: &str| {
        plugins.pardon("hostile-models", None);
        let spec = spec(kind);
        let mut session = modeller.open(spec.clone());
        put(&modeller, &spec, A, &[1.0], session.as_mut()).await;
        session.score(&[points(A, &[1.0, 2.0])]).await
    };
    let spun = crash(score("spin_score").await.unwrap_err());
    assert_eq!(spun, "plugin hostile-models: score for \"boiler\" ran 100 ms without finishing");
    assert!(crash(score("recurse_score").await.unwrap_err()).ends_with("nested its calls too deeply"));
    let short = crash(score("short_score").await.unwrap_err());
    assert!(short.contains("impossible answer: not one verdict for each of 2 points"), "{short}");
    assert_eq!(score("fail_score").await.unwrap(), [Err("it has no opinion".to_owned())]);
}

#[tokio::test]
async fn what_cannot_be_restored_is_to_be_fitted_again() {
    let (_plugins, modeller) = modeller("level").await;
    let spec = spec("level");
    let mut session = modeller.open(spec.clone());
    put(&modeller, &spec, A, &[1.0], session.as_mut()).await;
    for state in [&b"x"[..], b"", &[255; 10], &vec![b'1'; MAX_STATE_BYTES]] {
        let error = session.restore(A, state).await.unwrap_err();
        assert!(matches!(error, ModelError::Failed(_)), "{error:?}");
    }
    assert_eq!(scores(session.as_mut(), A, &[1.0]).await, [0.0], "the former one goes on");
}
