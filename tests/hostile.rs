//! Plugins that misbehave, inside a whole host: each is stopped and named, and nothing beside it misses a beat.

mod deeds;

use std::time::Duration;

use bellwether_model::{Matcher, Queryable, Timestamp};
use bellwether_server::host::Host;
use libtest_mimic::Trial;

use crate::harness::{EPOCH, Folder, host, on_simulated_time, repository, trial};

use deeds::{BOARDS, Board, CRASHES, FUNCTIONS, RECEIVERS, SLOW};

/// The board that is well, and the rule that is.
const INTERVAL_OF_LINES: Duration = Duration::from_millis(500);
const INTERVAL_OF_BEATS: Duration = Duration::from_secs(1);
const WELL_BOARD: &str = "  - {id: well, platform: test, driver: jsonl, transport: {sim: {format: json_lines, interval: 500ms}}}\n";
/// Among them a function that another plugin would like to replace.
const WELL_RULES: &str = "
groups:
  - name: well
    interval: 1s
    rules:
      - {record: beat, expr: vector(1)}
      - {record: pace, expr: 'rate(device_uptime_seconds{device_id=\"well\"}[10s])'}
      - {alert: Told, expr: device_temperature_celsius > -100, labels: {to: '{{ $labels.device_id }}'}}
  - name: hostile
    interval: 1s
    rules:
";

/// By then every function and receiver was called, and no function so often that its whole plugin is in quarantine.
const FIRST_CALLS: Duration = Duration::from_millis(1800);
/// Longer than the slowest of the deeds may take.
const RUN: Duration = Duration::from_secs(35);

pub(crate) fn trials() -> Vec<Trial> {
    vec![trial("hostile_plugins_are_stopped_and_named_and_nothing_beside_them_stops", hostile_plugins)]
}

fn hostile_plugins() {
    // Takes connections into its queue and never answers.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let silent = format!("http://{}", silent.local_addr().expect("it is bound"));
    let folder = folder(&silent);
    let data = tempfile::tempdir().expect("a temporary folder");
    on_simulated_time(|clock| async move {
        let host = host(folder.origin(), data.path(), clock).await;
        tokio::time::sleep(FIRST_CALLS).await;
        rules_are_unhealthy_with_the_reason(&host);
        receivers_failed_with_the_reason(&host, RECEIVERS);
        tokio::time::sleep(RUN - FIRST_CALLS).await;
        receivers_failed_with_the_reason(&host, &[SLOW]);
        crashes_are_named(&host);
        the_others_went_on(&host);
        host.stop().await;
    });
}

fn folder(silent: &str) -> Folder {
    let folder = Folder::with(&[
        ("bellwether.yaml", &devices()),
        ("rules.yml", &rules()),
        ("alertmanager.yml", &routing(silent)),
    ]);
    for kind in ["driver", "detector", "receiver", "wasi"] {
        folder.write(&format!("plugins/hostile-{kind}.wasm"), &guest(kind));
    }
    folder.write("plugins/hostile-liar.wasm", &liar());
    folder.write(&format!("plugins/{CRASHES}.wasm"), &crashing());
    let grants = format!("[grants]\nhosts = [\"https://api.example\", \"{silent}\"]\n");
    for plugin in ["hostile-receiver", CRASHES] {
        folder.write(&format!("plugins/{plugin}.toml"), grants.as_bytes());
    }
    folder
}

fn guest(kind: &str) -> Vec<u8> {
    std::fs::read(repository().join(format!("plugins/dist/hostile/{kind}.wasm"))).expect("built guests")
}

/// A detector that has functions of the language's own names.
fn liar() -> Vec<u8> {
    let mut wasm = guest("detector");
    let (honest, lie) = (format!("{:<32}", "lie: none"), format!("{:<32}", "lie: known function"));
    replace(&mut wasm, &honest, &lie);
    wasm
}

/// The receiver under another name.
fn crashing() -> Vec<u8> {
    let mut wasm = guest("receiver");
    replace(&mut wasm, "hostile-receiver", CRASHES);
    wasm
}

fn replace(wasm: &mut [u8], old: &str, new: &str) {
    assert_eq!(old.len(), new.len(), "no text of a component may change its length");
    let places: Vec<usize> = wasm
        .windows(old.len())
        .enumerate()
        .filter(|(_, text)| *text == old.as_bytes())
        .map(|(at, _)| at)
        .collect();
    assert!(!places.is_empty(), "{old} is in the guest");
    for at in places {
        wasm[at..at + new.len()].copy_from_slice(new.as_bytes());
    }
}

fn devices() -> String {
    let board = |Board { id, driver, prints, .. }: &Board| {
        let script = format!("[{{at: 5s, action: {{print: '{prints}'}}}}]");
        format!(
            "  - {{id: {id}, platform: test, driver: {driver}, transport: {{sim: {{format: key_value, interval: 1s, script: {script}}}}}}}\n"
        )
    };
    format!(
        "plugins: {{dir: plugins}}\ndevices:\n{WELL_BOARD}{}",
        BOARDS.iter().map(board).collect::<String>()
    )
}

fn rules() -> String {
    let rule = |(function, _): &(&str, &str)| {
        format!("      - {{record: of_{function}, expr: '{function}(device_temperature_celsius[1m])'}}\n")
    };
    format!("{WELL_RULES}{}", FUNCTIONS.iter().map(rule).collect::<String>())
}

fn routing(silent: &str) -> String {
    let route =
        |(name, _): &(&str, &str)| format!("    - {{receiver: {name}, group_wait: 0s, continue: true}}\n");
    let receiver = |(name, words): &(&str, &str)| {
        let target = if *name == SLOW.0 { silent } else { "http://evil.example" };
        let plugin = if *words == CRASHES { CRASHES } else { "hostile-receiver" };
        format!("  - {{name: {name}, {plugin}_configs: [{{target: '{target}', token: hunter22}}]}}\n")
    };
    let all = || RECEIVERS.iter().chain([&SLOW]);
    let routes: String = all().map(route).collect();
    let receivers: String = all().map(receiver).collect();
    format!(
        "
route:
  receiver: inbox
  group_wait: 0s
  group_interval: 1s
  routes:
    - {{receiver: inbox, group_wait: 0s, continue: true}}
{routes}
receivers:
  - {{name: inbox, inbox_configs: [{{}}]}}
{receivers}"
    )
}

fn crashes_are_named(host: &Host) {
    let status = host.plugins.status();
    for Board { id, driver, crash, .. } in BOARDS {
        let plugin = status.iter().find(|plugin| plugin.name == *driver).expect("the plugin is listed");
        let subject = plugin.subjects.iter().find(|subject| subject.subject == *id);
        match (subject.map(|subject| subject.last_crash.to_string()), crash) {
            (Some(said), Some(words)) => assert!(said.contains(words), "{id}: no {words:?} in {said}"),
            // On a machine that is busy with other things.
            (Some(said), None) => assert!(said.contains("without finishing"), "{said}"),
            (None, wanted) => assert_eq!(*wanted, None, "{id} did not crash"),
        }
    }
}

fn rules_are_unhealthy_with_the_reason(host: &Host) {
    let groups = host.rules.groups();
    let [well, hostile] = &groups[..] else { panic!("{} groups", groups.len()) };
    for (rule, (function, words)) in bellwether_server::evaluation::lock(hostile).rules.iter().zip(FUNCTIONS)
    {
        let health = format!("{:?}", rule.status.health);
        assert!(health.contains(words), "{function}: {health}");
    }
    for rule in &bellwether_server::evaluation::lock(well).rules {
        let health = &rule.status.health;
        assert!(matches!(health, bellwether_rules::Health::Good), "{}: {health:?}", rule.name());
    }
}

fn receivers_failed_with_the_reason(host: &Host, receivers: &[(&str, &str)]) {
    for (receiver, words) in receivers {
        let book = host.ledger.of_receiver(receiver);
        if words.is_empty() {
            assert!(book.last_delivery.is_some(), "{receiver}: {:?}", book.last_error);
            continue;
        }
        assert_eq!(book.last_delivery, None, "{receiver}");
        let (_, error) = book.last_error.unwrap_or_else(|| panic!("{receiver} was not tried"));
        assert!(error.contains(words) && !error.contains("hunter22"), "{receiver}: {error}");
    }
}

fn the_others_went_on(host: &Host) {
    assert_no_gap(&times(host, "beat", None), INTERVAL_OF_BEATS);
    assert_no_gap(&times(host, "device_temperature_celsius", Some("well")), INTERVAL_OF_LINES);
    assert!(host.ledger.of_receiver("inbox").last_delivery.is_some(), "the inbox got its message");
}

fn times(host: &Host, metric: &str, device: Option<&str>) -> Vec<Timestamp> {
    let mut matchers = vec![Matcher::equal("__name__", metric)];
    matchers.extend(device.map(|device| Matcher::equal("device_id", device)));
    let found = host.store.select(&matchers, EPOCH, EPOCH + RUN, usize::MAX).expect("the store answers");
    found.iter().flat_map(|series| series.samples.iter().map(|sample| sample.at)).collect()
}

/// From one end of the run to the other.
fn assert_no_gap(times: &[Timestamp], interval: Duration) {
    let (Some(first), Some(last)) = (times.first(), times.last()) else { panic!("no samples") };
    assert!(first.since(EPOCH) <= interval * 2, "late: {times:?}");
    assert!((EPOCH + RUN).since(*last) <= interval, "ended early: {times:?}");
    assert!(times.windows(2).all(|pair| pair[1].since(pair[0]) == interval), "a beat was missed: {times:?}");
}
