//! Plugins that misbehave, inside a whole host: each is stopped and named, and nothing beside it misses a beat.

use std::time::Duration;

use bellwether_model::{Matcher, Queryable};
use bellwether_server::host::Host;
use libtest_mimic::Trial;

use crate::harness::{EPOCH, Folder, host, on_simulated_time, repository, trial};

/// Boards whose driver does what their lines say, and one that is well.
const DEVICES: &str = "
plugins: {dir: plugins}
devices:
  - &bad
    id: spins
    platform: test
    driver: hostile-driver
    transport: {sim: {format: key_value, interval: 1s, script: [{at: 5s, action: {print: spin}}]}}
  - {<<: *bad, id: hoards, transport: {sim: {format: key_value, interval: 1s, script: [{at: 5s, action: {print: hoard}}]}}}
  - {<<: *bad, id: crashes, transport: {sim: {format: key_value, interval: 1s, script: [{at: 5s, action: {print: crash}}]}}}
  - {<<: *bad, id: recurses, transport: {sim: {format: key_value, interval: 1s, script: [{at: 5s, action: {print: recurse}}]}}}
  - {id: well, platform: test, driver: jsonl, transport: {sim: {format: json_lines, interval: 500ms}}}
";

const RULES: &str = "
groups:
  - name: hostile
    interval: 1s
    rules:
      - {record: spins, expr: 'hostile_spin(device_temperature_celsius[1m])'}
      - {record: hoards, expr: 'hostile_hoard(device_temperature_celsius[1m])'}
      - {record: crashes, expr: 'hostile_crash(device_temperature_celsius[1m])'}
      - {record: floods, expr: 'hostile_flood(device_temperature_celsius[1m])'}
  - name: well
    interval: 1s
    rules:
      - {record: beat, expr: vector(1)}
      - {alert: Told, expr: device_temperature_celsius > -100, labels: {to: '{{ $labels.device_id }}'}}
";

const ROUTING: &str = "
route:
  receiver: inbox
  group_wait: 0s
  group_interval: 1s
  routes:
    - {receiver: inbox, group_wait: 0s, continue: true}
    - {receiver: denied, group_wait: 0s, continue: true}
    - {receiver: spin, group_wait: 0s, continue: true}
    - {receiver: crash, group_wait: 0s, continue: true}
receivers:
  - {name: inbox, inbox_configs: [{}]}
  - {name: denied, hostile-receiver_configs: [{target: 'http://evil.example'}]}
  - {name: spin, hostile-receiver_configs: [{}]}
  - {name: crash, hostile-receiver_configs: [{}]}
";

const RUN: Duration = Duration::from_secs(20);

pub(crate) fn trials() -> Vec<Trial> {
    vec![trial("hostile_plugins_are_stopped_and_named_and_nothing_beside_them_stops", hostile_plugins)]
}

fn folder() -> Folder {
    let folder =
        Folder::with(&[("bellwether.yaml", DEVICES), ("rules.yml", RULES), ("alertmanager.yml", ROUTING)]);
    for kind in ["driver", "detector", "receiver"] {
        let wasm = std::fs::read(repository().join(format!("plugins/dist/hostile/{kind}.wasm")))
            .expect("built guests");
        folder.write(&format!("plugins/hostile-{kind}.wasm"), &wasm);
    }
    folder.write("plugins/hostile-receiver.toml", b"[grants]\nhosts = [\"https://api.example\"]\n");
    folder
}

fn hostile_plugins() {
    let folder = folder();
    let data = tempfile::tempdir().expect("a temporary folder");
    on_simulated_time(|clock| async move {
        let host = host(folder.origin(), data.path(), clock).await;
        tokio::time::sleep(RUN).await;
        crashes_are_named(&host);
        rules_are_unhealthy_with_the_reason(&host);
        receivers_failed_with_the_reason(&host);
        the_others_went_on(&host);
        host.stop().await;
    });
}

fn crashes_are_named(host: &Host) {
    let status = host.plugins.status();
    let texts = |name: &str| {
        let plugin = status.iter().find(|plugin| plugin.name == name).expect("the plugin is listed");
        let subjects =
            plugin.subjects.iter().map(|subject| format!("{}: {}", subject.subject, subject.last_crash));
        subjects.collect::<Vec<_>>().join("\n")
    };
    let drivers = texts("hostile-driver");
    for (device, words) in [
        ("spins", "without finishing"),
        ("hoards", "MiB"),
        ("crashes", "deliberate crash"),
        ("recurses", "too deeply"),
    ] {
        let line = drivers.lines().find(|line| line.starts_with(device));
        assert!(drivers.contains(words) && line.is_some(), "{device}: no {words:?} in {drivers}");
    }
    let detectors = texts("hostile-detector");
    for function in ["hostile_spin", "hostile_hoard", "hostile_crash", "hostile_flood"] {
        assert!(detectors.contains(function), "{function} is not named in {detectors}");
    }
}

fn rules_are_unhealthy_with_the_reason(host: &Host) {
    let groups = host.rules.groups();
    let hostile = bellwether_server::evaluation::lock(&groups[0]);
    for rule in &hostile.rules {
        let health = format!("{:?}", rule.status.health);
        assert!(health.contains("hostile"), "{}: {health}", rule.name());
    }
}

fn receivers_failed_with_the_reason(host: &Host) {
    for (receiver, words) in
        [("denied", "evil.example"), ("spin", "hostile-receiver"), ("crash", "hostile-receiver")]
    {
        let book = host.ledger.of_receiver(receiver);
        assert_eq!(book.last_delivery, None, "{receiver}");
        let (_, error) = book.last_error.unwrap_or_else(|| panic!("{receiver} was not tried"));
        assert!(error.contains(words), "{receiver}: {error}");
    }
}

fn the_others_went_on(host: &Host) {
    let end = EPOCH + RUN;
    let samples = |matchers: &[Matcher]| {
        let found = host.store.select(matchers, EPOCH, end, usize::MAX).expect("the store answers");
        found.iter().map(|series| series.samples.len()).sum::<usize>()
    };
    let beats = samples(&[Matcher::equal("__name__", "beat")]);
    assert!((19..=21).contains(&beats), "a rule missed a beat: {beats} of 20");
    let of_well =
        [Matcher::equal("__name__", "device_temperature_celsius"), Matcher::equal("device_id", "well")];
    let lines = samples(&of_well);
    assert!((39..=41).contains(&lines), "a device missed a beat: {lines} of 40");
    assert!(host.ledger.of_receiver("inbox").last_delivery.is_some(), "the inbox got its message");
}
