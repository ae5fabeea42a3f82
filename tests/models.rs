//! Models inside a whole host, in the sandbox: fitted to what is stored, looked at by rules, carried over.

use std::time::Duration;

use bellwether_model::state::DurableState;
use bellwether_model::{Labels, Matcher, Queryable, Record, Timestamp};
use bellwether_server::host::Host;
use libtest_mimic::Trial;

use crate::harness::{EPOCH, Folder, host, on_simulated_time_from, repository, trial};

const MODELS: &str = "
plugins: {dir: plugins}
global: {evaluation_interval: 1m}
models: [{name: boiler, model: level, expr: 'temp{site=\"north\"}', settings: {scale: 2}}]
";
const RULES: &str = "
groups:
  - name: boiler
    interval: 1m
    rules: [{alert: BoilerUnusual, expr: 'abs(boiler:score) > 4'}]
";
const ROUTING: &str = "
route: {receiver: team, group_wait: 1s}
receivers: [{name: team, inbox_configs: [{}]}]
";
const PLUGIN: &str = "plugins/hostile-models.wasm";
const MINUTE: Duration = Duration::from_secs(60);

pub(crate) fn trials() -> Vec<Trial> {
    vec![trial("models_are_fitted_once_and_outlive_restarts_and_new_versions", carried_over)]
}

/// A component that does the same and is another file: with a section of no meaning at its end.
fn next_version(wasm: &[u8]) -> Vec<u8> {
    [wasm, &[0, 5, 4, b'n', b'e', b'x', b't']].concat()
}

/// Samples each minute, from a time on.
fn push(host: &Host, from: Timestamp, minutes: u32, value: f64) {
    let labels = Labels::from_pairs([("__name__", "temp"), ("site", "north")]);
    let records = (0..minutes).map(|minute| Record::new(labels.clone(), from + MINUTE * minute, value));
    host.appender.append(&records.collect::<Vec<_>>()).expect("samples are taken in");
}

/// The newest value of a series.
fn newest(host: &Host, name: &str) -> Option<f64> {
    let matchers = [Matcher::equal("__name__", name), Matcher::equal("site", "north")];
    let found = host.store.select(&matchers, EPOCH, Timestamp::MAX, usize::MAX).expect("the store answers");
    Some(found.first()?.samples.last()?.value)
}

fn fitted_at(host: &Host) -> Option<Timestamp> {
    Some(host.state.models("boiler").expect("the state answers").first()?.fitted_at)
}

fn carried_over() {
    let wasm = repository().join("plugins/dist/hostile/models.wasm");
    let wasm = std::fs::read(wasm).expect("the plugin is there");
    let folder =
        Folder::with(&[("bellwether.yaml", MODELS), ("rules.yml", RULES), ("alertmanager.yml", ROUTING)]);
    folder.write(PLUGIN, &wasm);
    let data = tempfile::tempdir().expect("a temporary folder");
    on_simulated_time_from(EPOCH + MINUTE * 60, |clock| {
        let starting = host(folder.origin(), data.path(), clock);
        async move {
            let host = starting.await;
            first_life(&host).await;
        }
    });
    on_simulated_time_from(EPOCH + MINUTE * 80, |clock| {
        let starting = host(folder.origin(), data.path(), clock);
        let replace = || folder.write(PLUGIN, &next_version(&wasm));
        async move {
            let host = starting.await;
            second_life(&host, replace).await;
        }
    });
}

async fn first_life(host: &Host) {
    push(host, EPOCH, 70, 20.0);
    tokio::time::sleep(MINUTE * 3).await;
    assert_eq!((newest(host, "boiler:score"), newest(host, "boiler:expected")), (Some(0.0), Some(20.0)));
    assert!(fitted_at(host).is_some());
    tokio::time::sleep(MINUTE * 7).await;
    push(host, EPOCH + MINUTE * 70, 10, 25.0);
    tokio::time::sleep(MINUTE * 5).await;
    assert_eq!(newest(host, "boiler:score"), Some(10.0), "what is odd does not become usual");
    assert_eq!(host.state.inbox(10).expect("the inbox can be read").len(), 1, "a rule looks at the score");
    host.stop().await;
}

async fn second_life(host: &Host, replace_plugin: impl FnOnce()) {
    let first = fitted_at(host);
    push(host, EPOCH + MINUTE * 80, 20, 21.0);
    let is_as_before = |host: &Host| {
        fitted_at(host) == first
            && newest(host, "boiler:score").is_some_and(|score| (1.0..=2.0).contains(&score))
    };
    tokio::time::sleep(MINUTE * 3).await;
    assert!(is_as_before(host), "restored, not fitted");
    let version = || host.models.views()[0].plugin.clone().expect("there is a plugin").sha256;
    let before = version();
    replace_plugin();
    tokio::time::sleep(MINUTE * 3).await;
    assert_ne!(version(), before, "the new version is at work");
    assert!(is_as_before(host), "and has taken over");
    assert_eq!(host.models.views()[0].last_evaluation().error, None);
    host.stop().await;
}
