//! Random configurations, alerts and silences with the answers that Alertmanager gave about them.

use std::collections::BTreeMap;
use std::io::Read;

use serde::Deserialize;
use serde_json::{Value, json};

use super::*;
use crate::view::{AlertFilter, ShownAlert};

#[derive(Deserialize)]
struct RecordedWorld {
    config: String,
    alerts: Vec<RecordedAlert>,
    silences: Vec<RecordedSilence>,
    queries: Vec<String>,
    answer: Value,
}

#[derive(Deserialize)]
struct RecordedAlert {
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
    resolved: bool,
}

#[derive(Deserialize)]
struct RecordedSilence {
    matchers: Vec<crate::api_v2::MatcherBody>,
    start: f64,
}

fn build(recorded: &RecordedWorld) -> (World, BTreeMap<String, usize>, Vec<usize>) {
    let mut world = World::new(&recorded.config);
    world.at(10.0);
    let (mut ids, mut refused) = (BTreeMap::new(), Vec::new());
    for (index, own) in recorded.silences.iter().enumerate() {
        let stored = own.matchers.iter().map(|own| StoredMatcher {
            name: own.name.clone(),
            value: own.value.clone(),
            is_regex: own.is_regex,
            is_equal: own.is_equal,
        });
        let silence = Silence {
            id: String::new(),
            matchers: stored.collect(),
            starts_at: at(10.0 + own.start),
            ends_at: at(7200.0),
            updated_at: world.now,
            created_by: "t".to_owned(),
            comment: "c".to_owned(),
            annotations: BTreeMap::default(),
        };
        match world.machine.set_silence(world.now, silence, format!("id-{index}")) {
            Ok((id, _)) => drop(ids.insert(id, index)),
            Err(_) => refused.push(index),
        }
    }
    world.at(11.0).post(recorded.alerts.iter().map(|own| Post {
        labels: own.labels.clone().into_iter().collect(),
        annotations: own.annotations.clone().into_iter().collect(),
        starts: Some(-590.0),
        ends: Some(if own.resolved { -50.0 } else { 3610.0 }),
    }));
    world.at(12.0);
    (world, ids, refused)
}

fn filter(query: &str) -> AlertFilter {
    let decoded: Vec<(String, String)> = query
        .split('&')
        .filter_map(|part| part.split_once('='))
        .map(|(name, value)| (name.to_owned(), percent_decode(value)))
        .collect();
    let of = |name: &str| {
        decoded
            .iter()
            .filter(move |(key, _)| key == name)
            .map(|(_, value)| value.as_str())
            .collect::<Vec<_>>()
    };
    let mut filter = AlertFilter::parse(of("filter"), of("receiver").first().copied()).unwrap();
    let shown = |name: &str| !of(name).contains(&"false");
    (filter.active, filter.silenced, filter.inhibited) =
        (shown("active"), shown("silenced"), shown("inhibited"));
    filter
}

fn percent_decode(text: &str) -> String {
    let (mut bytes, mut rest) = (Vec::new(), text.bytes());
    while let Some(byte) = rest.next() {
        match byte {
            b'%' => {
                let digits = [rest.next().unwrap(), rest.next().unwrap()];
                bytes.push(u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap());
            }
            b'+' => bytes.push(b' '),
            other => bytes.push(other),
        }
    }
    String::from_utf8(bytes).unwrap()
}

fn normal(shown: &ShownAlert, ids: &BTreeMap<String, usize>) -> Value {
    let body = serde_json::to_value(shown).unwrap();
    let mut receivers: Vec<&str> =
        body["receivers"].as_array().unwrap().iter().filter_map(|own| own["name"].as_str()).collect();
    receivers.sort_unstable();
    let mut silenced: Vec<usize> = shown.status.silenced_by.iter().map(|id| ids[id]).collect();
    silenced.sort_unstable();
    json!({
        "labels": body["labels"], "annotations": body["annotations"], "fingerprint": body["fingerprint"],
        "receivers": receivers, "state": body["status"]["state"],
        "inhibited": !shown.status.inhibited_by.is_empty(),
        "silencedBy": silenced, "mutedBy": shown.status.muted_by,
    })
}

fn sorted(mut list: Vec<Value>, key: impl Fn(&Value) -> String) -> Vec<Value> {
    list.sort_by_key(|value| key(value));
    list
}

fn fingerprint(value: &Value) -> String {
    value["fingerprint"].as_str().unwrap_or_default().to_owned()
}

/// Objects compare by content, lists by order: both sides are put into the same one.
fn group_key(value: &Value) -> String {
    let alerts: Vec<String> = value["alerts"].as_array().unwrap().iter().map(fingerprint).collect();
    let labels: BTreeMap<String, Value> = serde_json::from_value(value["labels"].clone()).unwrap();
    format!("{:?} {} {alerts:?}", labels, value["receiver"])
}

fn differences(number: usize, recorded: &RecordedWorld) -> Vec<String> {
    let (world, ids, refused) = build(recorded);
    let mut found = Vec::new();
    let mut compare = |what: String, got: Value, want: &Value| {
        if got != *want {
            found.push(format!("world {number}, {what}:\n  want {want}\n  got  {got}"));
        }
    };
    compare("refused".to_owned(), json!(refused), &recorded.answer["refused"]);
    for query in &recorded.queries {
        let filter = filter(query);
        let alerts =
            world.machine.alerts(&filter, world.now).iter().map(|shown| normal(shown, &ids)).collect();
        let want = recorded.answer["alerts"][query].as_array().unwrap()[1..].to_vec();
        compare(format!("alerts?{query}"), Value::Array(sorted(alerts, fingerprint)), &Value::Array(want));
        let group = |view: crate::view::GroupView| {
            let alerts = view.alerts.iter().map(|own| normal(own, &ids)).collect();
            json!({"labels": view.labels, "receiver": view.receiver, "alerts": sorted(alerts, fingerprint)})
        };
        let groups = world.machine.groups(&filter, world.now).into_iter().map(group).collect();
        let want = recorded.answer["groups"][query].as_array().unwrap()[1..].to_vec();
        compare(
            format!("groups?{query}"),
            Value::Array(sorted(groups, group_key)),
            &Value::Array(sorted(want, group_key)),
        );
    }
    found
}

#[test]
#[cfg_attr(not(conformance), ignore = "needs answers recorded from Alertmanager beside the repository")]
fn answers_are_those_of_alertmanager() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../../shared/conformance/alertmanager/worlds/worlds.json.gz"
    );
    let mut text = String::new();
    flate2::read::GzDecoder::new(&std::fs::read(path).unwrap()[..]).read_to_string(&mut text).unwrap();
    let worlds: Vec<RecordedWorld> = serde_json::from_str(&text).unwrap();
    let found: Vec<String> = worlds.iter().enumerate().flat_map(|(n, world)| differences(n, world)).collect();
    assert!(found.is_empty(), "{} differences, the first: {}", found.len(), found[0]);
}
