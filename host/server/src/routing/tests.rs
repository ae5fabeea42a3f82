//! Routing over a state that fails for a while.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use bellwether_model::history::{EpisodeRecord, HistoryQuery};
use bellwether_model::receiver::Receipt;
use bellwether_model::state::{
    Attempt, DeadDelivery, Delivery, InboxMessage, LeaseLimits, StateChange, StateSnapshot, StoredModel,
    StoredRuleAlert,
};

use super::*;

/// Keeps what is written, but fails as often as it is told to.
#[derive(Debug, Default)]
pub(crate) struct FlakyState {
    failures_left: AtomicUsize,
    told: Mutex<Vec<Delivery>>,
    attempts: AtomicUsize,
    written: Mutex<Vec<String>>,
    models: Mutex<std::collections::BTreeMap<(String, Labels), StoredModel>>,
}

impl FlakyState {
    pub(crate) fn fail(&self, times: usize) {
        self.failures_left.store(times, Ordering::SeqCst);
    }

    /// What was written, in order: `alert a`, `flush of a`, `silence s`, `rule key: 1`.
    pub(crate) fn written(&self) -> Vec<String> {
        self.written.lock().unwrap().clone()
    }

    fn attempts(&self) -> usize {
        self.attempts.load(Ordering::SeqCst)
    }

    fn write(&self, rows: impl IntoIterator<Item = String>) -> Result<(), StateError> {
        self.attempts.fetch_add(1, Ordering::SeqCst);
        let fails = |left: usize| left.checked_sub(1);
        if self.failures_left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, fails).is_ok() {
            let (place, cause) = ("state.db".to_owned(), "disk is full".to_owned());
            return Err(StateError::Database { action: "write", place, cause });
        }
        self.written.lock().unwrap().extend(rows);
        Ok(())
    }
}

fn lines(change: &StateChange) -> Vec<String> {
    match change {
        StateChange::PutAlerts(alerts) => {
            alerts.iter().map(|alert| format!("alert {}", alert.labels)).collect()
        }
        StateChange::PutSilence(silence) => vec![format!("silence {}", silence.comment)],
        StateChange::ForgetSilences(ids) => vec![format!("forget {}", ids.len())],
        StateChange::Flush(flush) => {
            let told = flush.deliveries.iter().flat_map(|delivery| &delivery.notification.alerts);
            told.map(|alert| format!("told {} {}", alert.status.as_str(), alert.labels)).collect()
        }
        StateChange::Acknowledge(alerts, own) => vec![format!("{} takes on {}", own.by, alerts.len())],
        StateChange::Unacknowledge(alerts) => vec![format!("gives back {}", alerts.len())],
        StateChange::EndEpisode(episode) => vec![format!("episode of {}", episode.alert.labels)],
    }
}

impl DurableState for FlakyState {
    fn load(&self) -> Result<StateSnapshot, StateError> {
        Ok(StateSnapshot::default())
    }

    fn apply(&self, changes: &[&StateChange]) -> Result<(), StateError> {
        self.write(changes.iter().flat_map(|change| lines(change)))?;
        let told = changes.iter().flat_map(|change| match change {
            StateChange::Flush(flush) => &flush.deliveries[..],
            _ => &[],
        });
        self.told.lock().unwrap().extend(told.cloned());
        Ok(())
    }

    fn history(&self, _query: &HistoryQuery) -> Result<Vec<EpisodeRecord>, StateError> {
        Ok(Vec::new())
    }

    fn forget_history(&self, _before: Timestamp, _now: Timestamp) -> Result<(), StateError> {
        Ok(())
    }

    fn lease_deliveries(
        &self,
        _now: Timestamp,
        _until: Timestamp,
        _limits: LeaseLimits<'_>,
    ) -> Result<Vec<Delivery>, StateError> {
        Ok(Vec::new())
    }

    fn delivery_ended(&self, _id: &str) {}

    fn settle_deliveries(&self, _attempts: &[Attempt]) -> Result<Vec<DeadDelivery>, StateError> {
        Ok(Vec::new())
    }

    fn retry_now(&self, _integrations: &[(String, u32)], _now: Timestamp) -> Result<(), StateError> {
        Ok(())
    }

    fn last_receipt(
        &self,
        _group_key: &str,
        _receiver: &str,
        _integration: u32,
    ) -> Result<Option<Receipt>, StateError> {
        Ok(None)
    }

    fn next_delivery(&self, _after: Timestamp) -> Result<Option<Timestamp>, StateError> {
        Ok(None)
    }

    fn pending_deliveries(&self) -> Result<(u64, Option<Timestamp>), StateError> {
        Ok((0, None))
    }

    fn put_rule_alerts(&self, rule_key: &str, alerts: &[StoredRuleAlert]) -> Result<(), StateError> {
        self.write([format!("rule {rule_key}: {}", alerts.len())])
    }

    fn models(&self, model: &str) -> Result<Vec<StoredModel>, StateError> {
        let models = self.models.lock().unwrap();
        Ok(models.iter().filter(|((name, _), _)| name == model).map(|(_, stored)| stored.clone()).collect())
    }

    fn put_models(&self, model: &str, models: &[StoredModel]) -> Result<(), StateError> {
        self.write(models.iter().map(|stored| format!("model {model} {}", stored.series)))?;
        let rows = models.iter().map(|stored| ((model.to_owned(), stored.series.clone()), stored.clone()));
        self.models.lock().unwrap().extend(rows);
        Ok(())
    }

    fn forget_series(&self, model: &str, series: &[Labels]) -> Result<(), StateError> {
        self.models.lock().unwrap().retain(|(name, labels), _| name != model || !series.contains(labels));
        Ok(())
    }

    fn keep_only_models(&self, configured: &[String]) -> Result<(), StateError> {
        self.models.lock().unwrap().retain(|(name, _), _| configured.contains(name));
        Ok(())
    }

    fn post_to_inbox(&self, _message: &InboxMessage) -> Result<(), StateError> {
        Ok(())
    }

    fn inbox(&self, _limit: usize) -> Result<Vec<InboxMessage>, StateError> {
        Ok(Vec::new())
    }

    fn inbox_message(&self, _id: &str) -> Result<Option<InboxMessage>, StateError> {
        Ok(None)
    }
}

const CONFIG: &str = "
route: {receiver: team, group_wait: 10s, group_interval: 1m, repeat_interval: 1h}
receivers: [{name: team, webhook_configs: [{url: 'http://localhost/hook'}]}]
";

/// Routing as it runs, over a state of the test.
pub(crate) fn routing(state: &Arc<FlakyState>, clock: &Clock, tasks: &Tasks) -> RoutingHandle {
    start(deps(state, clock), Config::parse("routing.yml", CONFIG).unwrap().0, tasks).unwrap()
}

fn deps(state: &Arc<FlakyState>, clock: &Clock) -> RoutingDeps {
    RoutingDeps {
        state: Arc::clone(state) as _,
        outbox: Arc::default(),
        journal: Arc::default(),
        clock: clock.clone(),
        start: Start::default(),
    }
}

struct World {
    state: Arc<FlakyState>,
    clock: Clock,
    tasks: Tasks,
    routing: RoutingHandle,
}

impl World {
    fn new() -> Self {
        let (state, tasks) = (Arc::<FlakyState>::default(), Tasks::default());
        let clock = Clock::runtime(Timestamp::from_millis(1_700_000_000_000));
        let routing = routing(&state, &clock, &tasks);
        Self { state, clock, tasks, routing }
    }

    fn alert(&self, name: &str, lasts_secs: u64) -> Alert {
        let now = self.clock.now();
        Alert {
            labels: Labels::from_pairs([("alertname", name)]),
            annotations: Labels::empty(),
            starts_at: now,
            ends_at: now + Duration::from_secs(lasts_secs),
            ends_by_timeout: false,
            updated_at: now,
            generator_url: String::new(),
            value: None,
        }
    }

    async fn post(&self, name: &str) -> Result<(), RoutingError> {
        self.routing.alerts(vec![self.alert(name, 3600)]).await
    }
}

fn after(secs: u64) -> impl Future<Output = ()> {
    tokio::time::sleep(Duration::from_secs(secs))
}

#[tokio::test(start_paused = true)]
async fn an_alert_is_acknowledged_once_it_is_written_and_not_before() {
    let world = World::new();
    world.state.fail(3);
    let begin = world.clock.now();
    world.post("a").await.unwrap();
    assert_eq!(world.state.written(), [r#"alert {alertname="a"}"#]);
    assert_eq!(world.state.attempts(), 4);
    assert_eq!(world.clock.now().since(begin).as_millis(), 100 + 200 + 400);
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_too_long_gets_an_error_and_so_does_a_retry_until_it_is_written() {
    let world = World::new();
    world.state.fail(usize::MAX);
    let begin = world.clock.now();
    for attempt in 1..=2 {
        let error = world.post("a").await.unwrap_err();
        assert!(error.to_string().contains("disk is full"), "{error}");
        assert_eq!(world.clock.now().since(begin), ANSWER_TIMEOUT * attempt);
    }
    let alerts = world.routing.read(|dispatcher, _| dispatcher.sizes().0).await;
    assert_eq!(alerts, Some(1), "the machine can be looked at meanwhile");
    assert!(world.state.written().is_empty());
    world.state.fail(0);
    world.post("a").await.unwrap();
    assert_eq!(world.state.written()[0], r#"alert {alertname="a"}"#);
}

#[tokio::test(start_paused = true)]
async fn what_was_decided_while_writing_failed_is_written_in_order() {
    let world = World::new();
    world.post("a").await.unwrap();
    world.state.fail(usize::MAX);
    after(12).await;
    assert!(world.post("b").await.is_err());
    let silence = Silence {
        id: String::new(),
        matchers: vec![bellwether_model::state::StoredMatcher {
            name: "alertname".to_owned(),
            value: "c".to_owned(),
            is_regex: false,
            is_equal: true,
        }],
        starts_at: world.clock.now(),
        ends_at: world.clock.now() + Duration::from_secs(60),
        updated_at: world.clock.now(),
        created_by: "me".to_owned(),
        comment: "s".to_owned(),
        annotations: std::collections::BTreeMap::default(),
    };
    assert!(world.routing.set_silence(silence).await.is_err());
    after(120).await;
    assert_eq!(world.state.written().len(), 1);
    let backed_off = world.state.attempts();
    assert!((25..40).contains(&backed_off), "every 5 s in the end: {backed_off}");
    world.state.fail(0);
    after(10).await;
    assert_eq!(
        world.state.written(),
        [
            r#"alert {alertname="a"}"#,
            r#"told firing {alertname="a"}"#,
            r#"alert {alertname="b"}"#,
            "silence s",
            r#"told firing {alertname="a"}"#,
            r#"told firing {alertname="b"}"#,
        ]
    );
    world.post("d").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn signs_of_life_count_while_writing_fails() {
    let world = World::new();
    world.routing.alerts(vec![world.alert("a", 120)]).await.unwrap();
    after(30).await;
    world.state.fail(usize::MAX);
    for _ in 0..20 {
        drop(world.routing.alerts(vec![world.alert("a", 120), world.alert("b", 3600)]).await);
        after(55).await;
    }
    world.state.fail(0);
    after(30).await;
    let resolved = |row: &String| row.contains("resolved");
    assert!(!world.state.written().iter().any(resolved), "{:#?}", world.state.written());
}

#[tokio::test(start_paused = true)]
async fn a_refused_silence_costs_no_notification() {
    let world = World::new();
    world.post("a").await.unwrap();
    // Both the flush and the request are due at the next turn of the task.
    after(10).await;
    assert!(world.routing.expire_silence("unknown".to_owned()).await.is_err());
    after(1).await;
    assert_eq!(world.state.written()[1..], [r#"told firing {alertname="a"}"#]);
}

#[tokio::test(start_paused = true)]
async fn a_configuration_is_in_force_for_what_is_asked_after_it() {
    let world = World::new();
    let config = CONFIG.replace("group_wait: 10s", "group_wait: 1s");
    world.routing.swap(Config::parse("routing.yml", &config).unwrap().0).await;
    world.post("a").await.unwrap();
    after(2).await;
    assert_eq!(world.state.written().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_a_message_that_was_given_up_would_have_told_is_told_again() {
    let world = World::new();
    world.post("a").await.unwrap();
    after(11).await;
    let delivery = world.state.told.lock().unwrap().pop().unwrap();
    let dead = DeadDelivery {
        group_key: delivery.notification.group_key,
        receiver: delivery.notification.receiver,
        integration: delivery.integration,
        at: delivery.notification.at,
    };
    world.routing.delivery_failed(dead).await;
    after(60).await;
    assert_eq!(world.state.written()[1..], [r#"told firing {alertname="a"}"#; 2]);
}

#[tokio::test(start_paused = true)]
async fn stopping_writes_what_is_left_and_tells_who_waits() {
    let world = World::new();
    world.state.fail(1);
    let routing = world.routing.clone();
    let alert = world.alert("a", 3600);
    let asked = tokio::spawn(async move { routing.alerts(vec![alert]).await });
    while world.state.attempts() == 0 {
        tokio::task::yield_now().await;
    }
    world.tasks.stop().await;
    asked.await.unwrap().unwrap();
    assert_eq!(world.state.written(), [r#"alert {alertname="a"}"#]);
    assert!(matches!(world.post("b").await, Err(RoutingError::Stopping)));
}
