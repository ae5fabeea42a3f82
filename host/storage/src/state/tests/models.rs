//! Fitted models over a restart.

use bellwether_model::modelling::FitReport;
use bellwether_model::state::StoredModel;

use super::*;

fn model(device: &str, state: &[u8]) -> StoredModel {
    StoredModel {
        series: Labels::from_pairs([("device", device)]),
        dimensions: vec![Labels::from_pairs([("device", device)])],
        plugin: "seasonal".to_owned(),
        sha256: "ab".to_owned(),
        definition: "{}".to_owned(),
        fitted_at: at(7),
        report: FitReport {
            usable: true,
            points: 10,
            summary: "period 24h".to_owned(),
            figures: vec![("sd".to_owned(), 0.5)],
        },
        state: state.to_vec(),
    }
}

#[test]
fn models_come_back_as_they_were_and_the_newest_counts() {
    let (dir, state) = state();
    state.put_models("boiler", &[model("a", b"old"), model("b", &[0, 255])]).unwrap();
    state.put_models("boiler", &[model("a", b"new")]).unwrap();
    state.put_models("pump", &[model("a", b"pump")]).unwrap();
    drop(state);
    let state = SqliteState::open(&dir.path().join("state.db")).unwrap();
    assert_eq!(state.models("boiler").unwrap(), [model("a", b"new"), model("b", &[0, 255])]);
    assert_eq!(state.models("other").unwrap(), []);
}

#[test]
fn what_is_gone_is_forgotten_and_nothing_else() {
    let (_dir, state) = state();
    for name in ["boiler", "pump"] {
        state.put_models(name, &[model("a", b"1"), model("b", b"2")]).unwrap();
    }
    state.forget_series("boiler", &[model("a", b"").series]).unwrap();
    assert_eq!(state.models("boiler").unwrap(), [model("b", b"2")]);
    state.keep_only_models(&["boiler".to_owned()]).unwrap();
    assert_eq!((state.models("boiler").unwrap().len(), state.models("pump").unwrap().len()), (1, 0));
    state.keep_only_models(&[]).unwrap();
    assert_eq!(state.models("boiler").unwrap(), []);
}
