use std::sync::Mutex;

use bellwether_alerting::config::Config;
use bellwether_alerting::dispatch::Start;
use bellwether_model::receiver::{Receiver, ReceiverTemplate};
use bellwether_model::state::{FlushRecord, NO_PAUSES, NotificationLogEntry, StateChange};
use bellwether_model::{BoxFuture, Labels};
use bellwether_storage::SqliteState;
use tokio::time::{Instant, sleep};

use super::super::samples::{DECIDED_AT, delivery};
use super::*;
use crate::routing::{self, RoutingDeps};

/// What a receiver does with each message.
#[derive(Debug, Clone, Copy)]
enum Manner {
    Takes,
    TakesAfter(Duration),
    Hangs,
    Refuses,
    /// Until so long after the start.
    RefusesFor(Duration),
    Panics,
}

impl Receiver for Manner {
    fn name(&self) -> &str {
        "sample"
    }

    fn templates(&self) -> &[ReceiverTemplate] {
        &[]
    }

    fn check<'a>(&'a self, _config: &'a str) -> BoxFuture<'a, Result<(), Vec<String>>> {
        Box::pin(async { Ok(()) })
    }

    fn notify(&self, call: ReceiverCall) -> BoxFuture<'_, Result<Receipt, DeliveryFailure>> {
        Box::pin(async move {
            match self {
                Self::Takes => {}
                Self::TakesAfter(time) => sleep(*time).await,
                Self::Hangs => std::future::pending().await,
                Self::Refuses => return Err(DeliveryFailure::Permanent("400".to_owned())),
                Self::RefusesFor(time) if call.now < DECIDED_AT + *time => {
                    return Err(DeliveryFailure::Permanent("400".to_owned()));
                }
                Self::RefusesFor(_) => {}
                Self::Panics => panic!("a receiver that panics, as the test wants"),
            }
            Ok(Receipt { id: call.idempotency_key, url: None })
        })
    }
}

/// A receiver that notes when it was called and which earlier message it was told of.
#[derive(Debug, Default)]
struct Diary {
    pause: Duration,
    /// Whether it answers that an earlier message is gone.
    loses: bool,
    calls: Mutex<Vec<(u128, Option<String>)>>,
}

impl Receiver for Diary {
    fn name(&self) -> &str {
        "sample"
    }

    fn templates(&self) -> &[ReceiverTemplate] {
        &[]
    }

    fn updates(&self) -> bool {
        true
    }

    fn min_interval(&self) -> Duration {
        self.pause
    }

    fn check<'a>(&'a self, _config: &'a str) -> BoxFuture<'a, Result<(), Vec<String>>> {
        Box::pin(async { Ok(()) })
    }

    fn notify(&self, call: ReceiverCall) -> BoxFuture<'_, Result<Receipt, DeliveryFailure>> {
        let previous = call.previous.map(|receipt| receipt.id);
        let lost = self.loses && previous.is_some();
        self.calls.lock().unwrap().push((call.now.since(DECIDED_AT).as_millis(), previous));
        Box::pin(async move {
            if lost {
                return Err(DeliveryFailure::PreviousLost);
            }
            Ok(Receipt { id: format!("receipt of {}", call.idempotency_key), url: None })
        })
    }
}

/// A worker with its outbox, on time that stands still while nobody waits.
struct Bench {
    deps: DeliveryDeps,
    dead: Arc<Mutex<Vec<DeadDelivery>>>,
    token: CancellationToken,
    _folder: tempfile::TempDir,
}

impl Bench {
    fn new(receivers: &[(&str, Manner)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let state = SqliteState::open(&folder.path().join("state.db")).unwrap();
        let senders = receivers.iter().map(|(name, manner)| (*name, Arc::new(*manner) as Arc<dyn Receiver>));
        let dead = Arc::new(Mutex::new(Vec::new()));
        let note_dead = Arc::clone(&dead);
        let deps = DeliveryDeps {
            state: Arc::new(state),
            receivers: Arc::new(ArcSwap::from_pointee(ConfiguredReceivers::of(senders))),
            wake: Arc::new(Notify::new()),
            ledger: Arc::default(),
            journal: Arc::default(),
            telemetry: Arc::default(),
            on_alert: Arc::new(drop),
            failing: Arc::default(),
            on_dead: Arc::new(move |dead| note_dead.lock().unwrap().push(dead)),
            clock: Clock::runtime(DECIDED_AT),
        };
        Self { deps, dead, token: CancellationToken::new(), _folder: folder }
    }

    fn with(name: &str, receiver: &Arc<Diary>) -> Self {
        let bench = Self::new(&[]);
        let senders = [(name, Arc::clone(receiver) as Arc<dyn Receiver>)];
        bench.deps.receivers.store(Arc::new(ConfiguredReceivers::of(senders)));
        bench
    }

    fn put(&self, deliveries: Vec<Delivery>) {
        let log = |delivery: &Delivery| NotificationLogEntry {
            group_key: delivery.notification.group_key.clone(),
            receiver: delivery.notification.receiver.clone(),
            integration: delivery.integration,
            at: delivery.notification.at,
            firing: vec![1],
            resolved: vec![],
            before: vec![],
            expires_at: Timestamp::MAX,
        };
        let log = deliveries.iter().map(log).collect();
        let flush = FlushRecord { log, deliveries, ..FlushRecord::default() };
        self.deps.state.apply(&[&StateChange::Flush(flush)]).unwrap();
        self.deps.wake.notify_one();
    }

    fn start(&self) -> JoinHandle<()> {
        tokio::spawn(run(self.deps.clone(), self.token.clone()))
    }

    /// What is left in the outbox.
    fn left(&self) -> Vec<Delivery> {
        let far = DECIDED_AT + Duration::from_secs(1_000_000);
        let limits = LeaseLimits { total: 1000, per_integration: 1000, pauses: &NO_PAUSES };
        self.deps.state.lease_deliveries(far, far, limits).unwrap()
    }

    fn delivered(&self, receiver: &str) -> Option<Duration> {
        Some(self.deps.ledger.of_receiver(receiver).last_delivery?.since(DECIDED_AT))
    }
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_hangs_holds_up_nobody_else() {
    let bench = Bench::new(&[("hangs", Manner::Hangs), ("works", Manner::Takes)]);
    bench.put((0..100).map(|n| delivery(&format!("{n:03}"), "hangs")).collect());
    let running = bench.start();
    sleep(Duration::from_secs(1)).await;
    bench.put(vec![delivery("late", "works")]);
    sleep(Duration::from_secs(1)).await;
    assert!(bench.delivered("works").is_some_and(|after| after < Duration::from_millis(1100)));
    bench.token.cancel();
    running.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_stop_waits_for_what_is_under_way_and_begins_nothing() {
    let bench = Bench::new(&[("slow", Manner::TakesAfter(Duration::from_secs(2)))]);
    bench.put((0..10).map(|n| delivery(&format!("{n}"), "slow")).collect());
    let running = bench.start();
    sleep(Duration::from_secs(1)).await;
    bench.token.cancel();
    running.await.unwrap();
    assert_eq!(bench.delivered("slow"), Some(Duration::from_secs(2)));
    let left: Vec<_> = bench.left().into_iter().map(|delivery| (delivery.id, delivery.attempts)).collect();
    assert_eq!(left, [("8".to_owned(), 0), ("9".to_owned(), 0)], "eight at a time, and each settled");
}

#[tokio::test(start_paused = true)]
async fn a_stop_does_not_wait_for_ever() {
    let bench = Bench::new(&[("hangs", Manner::Hangs)]);
    bench.put(vec![delivery("1", "hangs")]);
    let running = bench.start();
    sleep(Duration::from_secs(1)).await;
    bench.token.cancel();
    let before = Instant::now();
    running.await.unwrap();
    assert_eq!(before.elapsed().as_secs(), STOP_WAIT.as_secs());
    assert_eq!(bench.left().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_a_failed_attempt() {
    let bench = Bench::new(&[("panics", Manner::Panics), ("works", Manner::Takes)]);
    bench.put(vec![delivery("1", "panics"), delivery("2", "works")]);
    let running = bench.start();
    sleep(Duration::from_secs(10)).await;
    bench.token.cancel();
    running.await.unwrap();
    let left = bench.left();
    assert_eq!((left.len(), left[0].attempts), (1, 6), "after 0, 0.5, 1.25, 2.4, 4.1 and 6.6 s and a little");
    let (_, error) = bench.deps.ledger.of_receiver("panics").last_error.unwrap();
    assert_eq!(error, "internal error: a receiver that panics, as the test wants");
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_final_and_the_group_is_to_be_told_again() {
    let bench = Bench::new(&[("refuses", Manner::Refuses)]);
    bench.put(vec![delivery("1", "refuses")]);
    let running = bench.start();
    sleep(Duration::from_secs(1)).await;
    bench.token.cancel();
    running.await.unwrap();
    let dead = bench.dead.lock().unwrap().clone();
    assert_eq!(dead.len(), 1);
    assert_eq!((dead[0].group_key.as_str(), dead[0].at), ("group of 1", DECIDED_AT));
    assert!(bench.left().is_empty());
    assert!(bench.deps.state.load().unwrap().log.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_message_for_a_receiver_that_is_missing_waits_for_it() {
    let bench = Bench::new(&[]);
    bench.put(vec![delivery("1", "later")]);
    let running = bench.start();
    sleep(Duration::from_secs(60)).await;
    let senders = [("later", Arc::new(Manner::Takes) as Arc<dyn Receiver>)];
    bench.deps.receivers.store(Arc::new(ConfiguredReceivers::of(senders)));
    sleep(Duration::from_secs(400)).await;
    assert!(bench.delivered("later").is_some());
    bench.token.cancel();
    running.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_receiver_is_called_no_more_often_than_it_asks_for() {
    let diary = Arc::new(Diary { pause: Duration::from_secs(2), ..Diary::default() });
    let bench = Bench::with("paced", &diary);
    bench.put((0..3).map(|n| delivery(&format!("{n}"), "paced")).collect());
    let running = bench.start();
    sleep(Duration::from_secs(60)).await;
    bench.token.cancel();
    running.await.unwrap();
    let times: Vec<u128> = diary.calls.lock().unwrap().iter().map(|(at, _)| *at).collect();
    assert_eq!(times, [0, 2000, 4000]);
}

/// A message about group `g`.
fn about_g(id: &str, reason: NotificationReason) -> Delivery {
    let mut delivery = delivery(id, "team");
    delivery.notification.group_key = "g".to_owned();
    delivery.notification.reason = reason;
    delivery
}

async fn told_before(diary: &Arc<Diary>) -> Vec<Option<String>> {
    let bench = Bench::with("team", diary);
    let running = bench.start();
    for (id, reason) in [
        ("1", NotificationReason::First),
        ("2", NotificationReason::NewAlerts),
        ("3", NotificationReason::First),
    ] {
        bench.put(vec![about_g(id, reason)]);
        sleep(Duration::from_secs(1)).await;
    }
    bench.token.cancel();
    running.await.unwrap();
    assert_eq!(bench.left().len(), 0);
    diary.calls.lock().unwrap().iter().map(|(_, previous)| previous.clone()).collect()
}

#[tokio::test(start_paused = true)]
async fn an_update_is_told_what_the_message_before_it_returned() {
    let seen = told_before(&Arc::default()).await;
    assert_eq!(seen, [None, Some("receipt of 1".to_owned()), None], "a first message has none before it");
}

#[tokio::test(start_paused = true)]
async fn where_the_earlier_message_is_gone_the_message_is_sent_anew() {
    let diary = Arc::new(Diary { loses: true, ..Diary::default() });
    let seen = told_before(&diary).await;
    assert_eq!(seen, [None, Some("receipt of 1".to_owned()), None, None]);
}

/// Scenario `x_4xx_not_retried_in_flush`, as Alertmanager behaves: one attempt a flush, again a group interval later.
#[tokio::test(start_paused = true)]
async fn a_refused_group_is_told_again_at_its_next_interval() {
    let mut bench = Bench::new(&[("team", Manner::RefusesFor(Duration::from_secs(3)))]);
    let (deps, tasks) = (&mut bench.deps, Tasks::default());
    let routing_deps = RoutingDeps {
        state: Arc::clone(&deps.state),
        outbox: Arc::clone(&deps.wake),
        journal: Arc::clone(&deps.journal),
        clock: deps.clock.clone(),
        start: Start::default(),
    };
    let config = "route: {receiver: team, group_wait: 2s, group_interval: 3s, repeat_interval: 1h}
receivers: [{name: team, sample_configs: [{}]}]";
    let config = Config::parse("routing.yml", config).unwrap().0;
    let routing = routing::start(routing_deps, config, &tasks).unwrap();
    deps.on_dead = tell_routing(routing.clone(), tasks.clone());
    bench.start();
    let alert = Alert {
        labels: Labels::from_pairs([("alertname", "Hot")]),
        annotations: Labels::empty(),
        starts_at: DECIDED_AT,
        ends_at: DECIDED_AT + Duration::from_secs(3600),
        ends_by_timeout: false,
        updated_at: DECIDED_AT,
        generator_url: String::new(),
        value: None,
    };
    routing.alerts(vec![alert]).await.unwrap();
    sleep(Duration::from_secs(60)).await;
    bench.token.cancel();
    tasks.stop().await;
    assert_eq!(bench.deps.ledger.of_kind("sample"), (1, 1), "one that got there, one that did not");
    let delivered = bench.delivered("team").unwrap();
    assert!(delivered >= Duration::from_secs(5) && delivered < Duration::from_millis(5100), "{delivered:?}");
}
