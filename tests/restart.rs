//! A host that dies in the middle: nothing acknowledged is lost, nobody is told twice.

use std::time::Duration;

use bellwether_model::state::DurableState;
use bellwether_model::{AlertStatus, Matcher, Queryable, Timestamp};
use bellwether_server::clock::Clock;
use bellwether_server::host::Host;
use libtest_mimic::Trial;

use crate::harness::{EPOCH, Folder, options, trial};

const RULES: &str = "
groups:
  - name: boards
    interval: 1s
    rules: [{alert: Overheating, expr: device_temperature_celsius > 85, for: 2s}]
";

const ROUTING: &str = "
route: {receiver: team, group_wait: 1s, group_interval: 2s, repeat_interval: 1h}
receivers: [{name: team, inbox_configs: [{send_resolved: true}]}]
";

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("killed_between_firing_and_resolved_tells_each_once", killed_while_firing),
        trial("killed_while_pending_fires_once", killed_while_pending),
        trial("samples_survive_a_kill", samples_survive_a_kill),
    ]
}

/// A board that follows a script, in `bellwether.yaml`.
fn devices(script: &str) -> String {
    format!(
        "devices:\n  - id: board\n    platform: test\n    driver: jsonl\n    transport: {{sim: {{format: json_lines, \
         interval: 500ms, baseline: {{temp_c: 60}}, script: [{script}]}}}}\n"
    )
}

const HOT: &str = "{at: 0s, action: {temperature: {to_c: 95, per_s: 1000}}}";
const HOT_THEN_COLD: &str = "{at: 0s, action: {temperature: {to_c: 95, per_s: 1000}}}, \
                             {at: 10s, action: {temperature: {to_c: 60, per_s: 1000}}}";

struct Lives {
    folder: Folder,
    data: tempfile::TempDir,
    now: Timestamp,
}

impl Lives {
    fn new() -> Self {
        let folder = Folder::with(&[("rules.yml", RULES), ("alertmanager.yml", ROUTING)]);
        Self { folder, data: tempfile::tempdir().expect("a temporary folder"), now: EPOCH }
    }

    /// Runs a host for so long on simulated time; then it is gone, without a word to any of its tasks.
    fn live_and_die(&mut self, script: &str, secs: u64, look: impl FnOnce(&Host)) {
        self.folder.write("bellwether.yaml", devices(script).as_bytes());
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .expect("a runtime needs nothing special");
        let life = Duration::from_secs(secs);
        runtime.block_on(async {
            let options = options(self.data.path(), Clock::runtime(self.now));
            let host = Host::start(self.folder.origin(), options).await.expect("the host starts");
            tokio::time::sleep(life).await;
            look(&host);
        });
        drop(runtime);
        self.now += life;
    }
}

/// How many messages of each sort lie in the inbox.
fn told(host: &Host) -> (usize, usize) {
    let inbox = host.state.inbox(100).expect("the inbox can be read");
    let count = |status| inbox.iter().filter(|message| message.status == status).count();
    (count(AlertStatus::Firing), count(AlertStatus::Resolved))
}

fn killed_while_firing() {
    let mut lives = Lives::new();
    lives.live_and_die(HOT, 10, |host| assert_eq!(told(host), (1, 0)));
    lives.live_and_die(HOT, 10, |host| assert_eq!(told(host), (1, 0), "told again after the restart"));
    lives.live_and_die(HOT_THEN_COLD, 30, |host| assert_eq!(told(host), (1, 1), "the end is told, once"));
    lives.live_and_die("", 30, |host| assert_eq!(told(host), (1, 1)));
}

fn killed_while_pending() {
    let mut lives = Lives::new();
    lives.live_and_die(HOT, 2, |host| assert_eq!(told(host), (0, 0)));
    lives.live_and_die(HOT, 10, |host| assert_eq!(told(host), (1, 0)));
}

fn samples_survive_a_kill() {
    let mut lives = Lives::new();
    let count = |host: &Host| {
        let matchers = [Matcher::equal("__name__", "device_temperature_celsius")];
        let found =
            host.store.select(&matchers, EPOCH, Timestamp::MAX, usize::MAX).expect("the store answers");
        found.iter().map(|series| series.samples.len()).sum::<usize>()
    };
    let mut before = 0;
    lives.live_and_die(HOT, 10, |host| before = count(host));
    assert!(before >= 19, "{before} samples in 10 s");
    lives.live_and_die("", 0, |host| assert!(count(host) >= before));
}
