//! Rule groups at work on simulated time, over a state that fails when it is told to.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bellwether_alerting::view::AlertFilter;
use bellwether_model::query::{AppendError, Appended};
use bellwether_model::{Record, is_stale};
use bellwether_promql::testing::MemoryStore;
use bellwether_promql::{Engine, EngineOptions};
use bellwether_rules::{RuleKind, parse_rule_file};

use super::*;
use crate::routing::tests::{FlakyState, routing};

/// Samples that nobody reads back; a write can be held up.
#[derive(Default)]
struct Samples {
    written: std::sync::Mutex<Vec<Record>>,
    held: AtomicBool,
    waiting: AtomicBool,
}

impl Samples {
    /// Names of series that ended, sorted.
    fn ended(&self) -> Vec<String> {
        let written = self.written.lock().unwrap();
        let ends = written.iter().filter(|record| is_stale(record.sample.value));
        let mut names: Vec<String> =
            ends.filter_map(|record| record.labels.metric_name()).map(str::to_owned).collect();
        names.sort_unstable();
        names
    }
}

impl Appender for Samples {
    fn append(&self, records: &[Record]) -> Result<Appended, AppendError> {
        while self.held.load(Ordering::SeqCst) {
            self.waiting.store(true, Ordering::SeqCst);
            std::thread::yield_now();
        }
        self.written.lock().unwrap().extend_from_slice(records);
        Ok(Appended { accepted: records.len(), ..Appended::default() })
    }
}

struct World {
    state: Arc<FlakyState>,
    samples: Arc<Samples>,
    routing: RoutingHandle,
    groups: Arc<RuleGroups>,
}

impl World {
    fn new(rules: &str) -> Self {
        let (state, samples) = (Arc::<FlakyState>::default(), Arc::<Samples>::default());
        let (clock, tasks) = (Clock::runtime(Timestamp::from_millis(1_700_000_000_000)), Tasks::default());
        let routing = routing(&state, &clock, &tasks);
        let engine = Arc::new(ArcSwap::from_pointee(engine()));
        let deps = EvaluationDeps {
            evaluator: EngineEvaluator::new(
                engine,
                Arc::<MemoryStore>::default() as _,
                Duration::from_secs(120),
            ),
            appender: Arc::clone(&samples) as _,
            state: Arc::clone(&state) as _,
            routing: routing.clone(),
            journal: Arc::default(),
            clock: clock.clone(),
            telemetry: Arc::default(),
            external_labels: external(),
            external_url: String::new(),
        };
        let groups = RuleGroups::new(deps, tasks);
        groups.start(specs(rules), FxHashMap::default(), clock.now());
        Self { state, samples, routing, groups }
    }

    async fn routed(&self) -> Vec<String> {
        let all = AlertFilter::default();
        let views = self.routing.read(move |dispatcher, now| dispatcher.alerts(&all, now)).await.unwrap();
        views.iter().map(|view| view.labels().to_string()).collect()
    }

    /// What was kept of rules' alerts, in order, without the rest that was written.
    fn kept(&self) -> Vec<String> {
        self.state.written().into_iter().filter(|row| row.starts_with("rule ")).collect()
    }
}

fn engine() -> Engine {
    Engine::new(EngineOptions::default())
}

fn external() -> Labels {
    Labels::from_pairs([("site", "north"), ("severity", "none")])
}

fn specs(rules: &str) -> Vec<RuleGroupSpec> {
    let file = format!("groups: [{{name: g, interval: 15s, rules: [{rules}]}}]");
    parse_rule_file("r.yml", &file, &engine(), Duration::from_secs(15)).unwrap()
}

async fn after(secs: u64) {
    tokio::time::sleep(Duration::from_secs(secs)).await;
}

const ALWAYS: &str = "{alert: Always, expr: vector(1), labels: {severity: page}}";
const RECORDED: &str = "{record: one, expr: vector(1)}";

#[test]
fn labels_of_the_alert_go_before_external_ones() {
    let labels = Labels::from_pairs([("alertname", "A"), ("severity", "page")]);
    let all = with_external_labels(&labels, &external());
    assert_eq!(all.to_string(), r#"{alertname="A", severity="page", site="north"}"#);
    assert_eq!(with_external_labels(&labels, &Labels::empty()), labels);
}

#[tokio::test(start_paused = true)]
async fn routing_gets_alerts_with_external_labels() {
    let world = World::new(ALWAYS);
    after(20).await;
    assert_eq!(world.routed().await, [r#"{alertname="Always", severity="page", site="north"}"#]);
}

#[tokio::test(start_paused = true)]
async fn a_rule_that_is_gone_ends_its_series_and_leaves_no_row() {
    let world = World::new(&format!("{ALWAYS}, {RECORDED}"));
    after(20).await;
    let key = lock(&world.groups.groups()[0]).rules[0].key.clone();
    assert_eq!(world.kept(), [format!("rule {key}: 1")]);
    world.groups.reload(specs(RECORDED)).await;
    assert_eq!(world.kept()[1], format!("rule {key}: 0"));
    assert_eq!(world.samples.ended(), ["ALERTS", "ALERTS_FOR_STATE"]);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_kept_is_kept_with_the_next_evaluation() {
    let world = World::new("{alert: Waits, expr: vector(1), for: 1h}");
    world.state.fail(1);
    after(15).await;
    assert!(world.kept().is_empty());
    after(15).await;
    assert_eq!(world.kept().len(), 1, "although nothing has changed since");
}

#[tokio::test(start_paused = true)]
async fn a_reload_waits_for_the_evaluation_that_is_under_way() {
    let world = World::new(ALWAYS);
    world.samples.held.store(true, Ordering::SeqCst);
    // Time does not pass by itself while a thread is held up.
    tokio::task::yield_now().await;
    tokio::time::advance(Duration::from_secs(16)).await;
    while !world.samples.waiting.load(Ordering::SeqCst) {
        tokio::task::yield_now().await;
    }
    let groups = Arc::clone(&world.groups);
    let reload = tokio::spawn(async move { groups.reload(specs(ALWAYS)).await });
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(!reload.is_finished());
    world.samples.held.store(false, Ordering::SeqCst);
    reload.await.unwrap();
    let groups = world.groups.groups();
    let RuleKind::Alerting(rule) = &lock(&groups[0]).rules[0].kind else { panic!("an alerting rule") };
    assert_eq!(rule.alerts().len(), 1, "the new group goes on with the alert of that evaluation");
}
