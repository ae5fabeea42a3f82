use bellwether_model::Labels;
use bellwether_model::alert::{Alert, AlertStatus};
use bellwether_model::receiver::{FingerprintText, Notification, NotificationReason, NotifiedAlert};
use bellwether_model::state::{
    DeliveryOutcome, FlushRecord, InsteadOf, NO_PAUSES, NotificationLogEntry, Pauses, Silence, StoredMatcher,
};
use tempfile::TempDir;

use super::*;

fn at(secs: i64) -> Timestamp {
    Timestamp::from_millis(secs * 1000)
}

fn labels(name: &str) -> Labels {
    Labels::from_pairs([("alertname", name), ("device", "ü-1")])
}

fn alert(name: &str, value: Option<f64>) -> Alert {
    Alert {
        labels: labels(name),
        annotations: Labels::from_pairs([("summary", "it is hot")]),
        starts_at: at(1),
        ends_at: at(100),
        ends_by_timeout: true,
        updated_at: at(2),
        generator_url: "http://x/".to_owned(),
        value,
    }
}

fn notification(value: f64) -> Notification {
    let alert = NotifiedAlert {
        fingerprint: FingerprintText(labels("Hot").fingerprint()),
        status: AlertStatus::Firing,
        labels: labels("Hot"),
        annotations: Labels::empty(),
        starts_at: at(1),
        ends_at: None,
        value: Some(value),
        generator_url: String::new(),
    };
    Notification {
        receiver: "team".to_owned(),
        group_key: "{}:{}".to_owned(),
        status: AlertStatus::Firing,
        reason: NotificationReason::First,
        at: at(5),
        group_labels: Labels::empty(),
        common_labels: labels("Hot"),
        common_annotations: Labels::empty(),
        route_labels: Labels::empty(),
        alerts: vec![alert],
        truncated_alerts: 0,
        external_url: "http://localhost:9093".to_owned(),
    }
}

/// A message that tells of an alert of its own too, so that no other one says all that it says.
pub(super) fn delivery(id: &str, due: i64) -> Delivery {
    let mut notification = notification(91.5);
    let own = labels(id);
    let fingerprint = FingerprintText(own.fingerprint());
    notification.alerts.push(NotifiedAlert { fingerprint, labels: own, ..notification.alerts[0].clone() });
    Delivery {
        id: id.to_owned(),
        integration: 0,
        kind: "webhook".to_owned(),
        notification,
        instead_of: None,
        attempts: 0,
        not_before: at(due),
    }
}

fn log_entry(group_key: &str, secs: i64) -> NotificationLogEntry {
    NotificationLogEntry {
        group_key: group_key.to_owned(),
        receiver: "team".to_owned(),
        integration: 0,
        at: at(secs),
        firing: vec![u64::MAX, 1],
        resolved: vec![],
        before: vec![],
        expires_at: at(secs + 10),
    }
}

fn state() -> (TempDir, SqliteState) {
    let dir = TempDir::new().unwrap();
    let state = SqliteState::open(&dir.path().join("state.db")).unwrap();
    (dir, state)
}

impl SqliteState {
    fn put_alerts(&self, alerts: &[Alert]) -> Result<(), StateError> {
        self.apply(&[&StateChange::PutAlerts(alerts.to_vec())])
    }

    fn settle_delivery(
        &self,
        id: &str,
        outcome: &DeliveryOutcome,
        at: Timestamp,
    ) -> Result<Option<DeadDelivery>, StateError> {
        let attempt = Attempt { id: id.to_owned(), outcome: outcome.clone(), at, instead: vec![] };
        self.settle_deliveries(&[attempt]).map(|mut dead| dead.pop())
    }

    fn record_flush(&self, flush: &FlushRecord) -> Result<(), StateError> {
        self.apply(&[&StateChange::Flush(flush.clone())])
    }
}

fn flush(deliveries: Vec<Delivery>) -> FlushRecord {
    FlushRecord { deliveries, ..FlushRecord::default() }
}

const fn at_most(total: usize) -> LeaseLimits<'static> {
    LeaseLimits { total, per_integration: usize::MAX, pauses: &NO_PAUSES }
}

fn ids(deliveries: &[Delivery]) -> Vec<&str> {
    deliveries.iter().map(|delivery| delivery.id.as_str()).collect()
}

#[test]
fn everything_comes_back_after_a_restart() {
    let (dir, state) = state();
    let silence = Silence {
        id: "s1".to_owned(),
        matchers: vec![StoredMatcher {
            name: "a".into(),
            value: "b.*".into(),
            is_regex: true,
            is_equal: false,
        }],
        starts_at: at(1),
        ends_at: at(2),
        updated_at: at(1),
        created_by: "me".to_owned(),
        comment: "why".to_owned(),
        annotations: [("ticket".to_owned(), "OPS-17".to_owned())].into(),
    };
    let rule_alert = StoredRuleAlert {
        labels: labels("Hot"),
        annotations: Labels::empty(),
        active_at: at(1),
        fired_at: Some(at(2)),
        keep_firing_since: None,
        value: f64::INFINITY,
    };
    state.put_alerts(&[alert("Hot", Some(f64::NEG_INFINITY)), alert("Cold", None)]).unwrap();
    state.put_alerts(&[alert("Hot", Some(2.5))]).unwrap();
    state.apply(&[&StateChange::PutSilence(silence.clone())]).unwrap();
    state.put_rule_alerts("r1", &[rule_alert.clone(), rule_alert.clone()]).unwrap();
    state.put_rule_alerts("r1", std::slice::from_ref(&rule_alert)).unwrap();
    state.put_rule_alerts("r2", std::slice::from_ref(&rule_alert)).unwrap();
    state.put_rule_alerts("r2", &[]).unwrap();
    let log = vec![log_entry("g", 5)];
    state.record_flush(&FlushRecord { log: log.clone(), ..FlushRecord::default() }).unwrap();
    drop(state);
    let loaded = SqliteState::open(&dir.path().join("state.db")).unwrap().load().unwrap();
    let mut alerts = loaded.alerts;
    alerts.sort_by_key(|alert| alert.name().to_owned());
    assert_eq!(alerts, vec![alert("Cold", None), alert("Hot", Some(2.5))]);
    assert_eq!(loaded.silences, vec![silence]);
    assert_eq!(loaded.log, log);
    assert_eq!(loaded.rule_alerts, vec![("r1".to_owned(), vec![rule_alert])]);
}

#[test]
fn a_flush_is_written_as_a_whole_or_not_at_all() {
    let (dir, state) = state();
    state.put_alerts(&[alert("Hot", None)]).unwrap();
    let other = Connection::open(dir.path().join("state.db")).unwrap();
    other
        .execute_batch("CREATE TRIGGER refuse BEFORE DELETE ON alert BEGIN SELECT RAISE(ABORT, 'no'); END")
        .unwrap();
    let record = FlushRecord {
        log: vec![log_entry("g", 5)],
        deliveries: vec![delivery("d1", 5)],
        forgotten: vec![labels("Hot").fingerprint()],
    };
    let error = state.record_flush(&record).unwrap_err();
    assert!(
        error.to_string().contains("cannot write down what alerting decided in")
            && error.to_string().contains("state.db"),
        "{error}"
    );
    assert!(state.load().unwrap().log.is_empty());
    assert_eq!(state.pending_deliveries().unwrap(), (0, None));
    other.execute_batch("DROP TRIGGER refuse").unwrap();
    state.record_flush(&record).unwrap();
    let loaded = state.load().unwrap();
    assert!(loaded.alerts.is_empty());
    assert_eq!(loaded.log.len(), 1);
    assert_eq!(state.pending_deliveries().unwrap(), (1, Some(at(5))));
}

/// A delivery about another group than [`delivery`]'s.
fn other_group(id: &str, due: i64) -> Delivery {
    let mut delivery = delivery(id, due);
    delivery.notification.group_key = format!("group of {id}");
    delivery
}

#[test]
fn a_lease_ends_by_time_and_hands_the_delivery_out_again() {
    let (_dir, state) = state();
    state.record_flush(&flush(vec![other_group("d2", 6), delivery("d1", 5), delivery("d3", 50)])).unwrap();
    assert_eq!(state.lease_deliveries(at(4), at(9), at_most(10)).unwrap(), vec![]);
    assert_eq!(ids(&state.lease_deliveries(at(10), at(40), at_most(1)).unwrap()), ["d1"]);
    assert_eq!(ids(&state.lease_deliveries(at(10), at(41), at_most(9)).unwrap()), ["d2"]);
    assert_eq!(state.lease_deliveries(at(39), at(99), at_most(9)).unwrap(), vec![]);
    assert_eq!(state.pending_deliveries().unwrap(), (3, Some(at(40))));
    let again = state.lease_deliveries(at(40), at(99), at_most(9)).unwrap();
    assert_eq!(again, vec![delivery("d1", 5)]);
}

#[test]
fn messages_about_one_group_go_out_in_order() {
    let (_dir, state) = state();
    let deliveries = vec![delivery("1-fires", 0), delivery("2-over", 0)];
    state.record_flush(&FlushRecord { deliveries, ..FlushRecord::default() }).unwrap();
    let ids = |secs| {
        let leased = state.lease_deliveries(at(secs), at(secs + 10), at_most(9)).unwrap();
        leased.into_iter().map(|delivery| delivery.id).collect::<Vec<_>>()
    };
    assert_eq!(ids(0), ["1-fires"]);
    state.settle_delivery("1-fires", &DeliveryOutcome::RetryAt(at(60), "down".to_owned()), at(1)).unwrap();
    assert_eq!(ids(30), [""; 0], "the end waits for the beginning");
    assert_eq!(state.pending_deliveries().unwrap(), (2, Some(at(60))));
    assert_eq!(ids(60), ["1-fires"]);
    state.settle_delivery("1-fires", &DeliveryOutcome::Delivered(None), at(61)).unwrap();
    assert_eq!(ids(61), ["2-over"]);
}

#[test]
fn a_settled_delivery_is_never_handed_out_again() {
    let (_dir, state) = state();
    state.record_flush(&flush(vec![delivery("d1", 0), delivery("d2", 0), delivery("d3", 0)])).unwrap();
    state.lease_deliveries(at(1), at(10), at_most(9)).unwrap();
    let receipt = Receipt { id: "ts=1".to_owned(), url: None };
    state.settle_delivery("d1", &DeliveryOutcome::Delivered(Some(receipt.clone())), at(2)).unwrap();
    state.settle_delivery("d1", &DeliveryOutcome::Dead("late".to_owned()), at(3)).unwrap();
    state.settle_delivery("d2", &DeliveryOutcome::Dead("410 gone".to_owned()), at(3)).unwrap();
    state.settle_delivery("d3", &DeliveryOutcome::RetryAt(at(20), "503".to_owned()), at(3)).unwrap();
    assert_eq!(state.pending_deliveries().unwrap(), (1, Some(at(20))));
    // The same flush again, as after a restart in the middle of it, changes nothing.
    state.record_flush(&flush(vec![delivery("d1", 0)])).unwrap();
    let left = state.lease_deliveries(at(100), at(200), at_most(9)).unwrap();
    assert_eq!(ids(&left), ["d3"]);
    assert_eq!(left[0].attempts, 1);
    assert_eq!(state.last_receipt("{}:{}", "team", 0).unwrap(), Some(receipt));
    let dead = state.dead_letters(10).unwrap();
    assert_eq!((dead.len(), dead[0].error.as_str(), dead[0].delivery.attempts), (1, "410 gone", 1));
}

#[test]
fn texts_of_delivered_messages_go_after_a_week_and_those_given_up_stay() {
    let (_dir, state) = state();
    const DAY: i64 = 86_400;
    let id = |secs: i64, name: &str| format!("{:013}-{name}", secs * 1000);
    let [told, lost, late] = [id(1, "told"), id(1, "lost"), id(6 * DAY, "late")];
    state.record_flush(&flush([&told, &lost, &late].map(|id| delivery(id, 0)).to_vec())).unwrap();
    state.settle_delivery(&told, &DeliveryOutcome::Delivered(None), at(1)).unwrap();
    state.settle_delivery(&lost, &DeliveryOutcome::Dead("no".to_owned()), at(1)).unwrap();
    state.settle_delivery(&late, &DeliveryOutcome::Delivered(None), at(6 * DAY)).unwrap();
    let texts = |now: i64| {
        state.forget_history(at(0), at(now)).unwrap();
        let texts = state.read("look", |db| {
            let mut statement = db.prepare("SELECT delivery FROM message ORDER BY delivery")?;
            let ids: rusqlite::Result<Vec<String>> = statement.query_map([], |row| row.get(0))?.collect();
            Ok(ids?)
        });
        texts.unwrap()
    };
    assert_eq!(texts(7 * DAY), [lost.clone(), told, late.clone()]);
    assert_eq!(texts(8 * DAY), [lost.clone(), late]);
    assert_eq!(texts(14 * DAY), std::slice::from_ref(&lost));
    assert_eq!(state.dead_letters(10).unwrap()[0].delivery.notification, delivery(&lost, 0).notification);
}

#[test]
fn infinities_survive_in_notifications() {
    let (_dir, state) = state();
    let mut odd = delivery("d1", 0);
    odd.notification = notification(f64::NEG_INFINITY);
    state.record_flush(&flush(vec![odd.clone()])).unwrap();
    assert_eq!(state.lease_deliveries(at(1), at(2), at_most(1)).unwrap(), vec![odd]);
}

#[test]
fn the_notification_log_forgets_what_has_expired_long_ago() {
    let (_dir, state) = state();
    state.record_flush(&FlushRecord { log: vec![log_entry("old", 0)], ..FlushRecord::default() }).unwrap();
    const DAY: i64 = 86_400;
    let keys = || {
        let log = state.load().unwrap().log;
        log.into_iter().map(|entry| entry.group_key).collect::<Vec<_>>()
    };
    // A group that is muted for days still needs its entry.
    state
        .record_flush(&FlushRecord { log: vec![log_entry("silenced", 6 * DAY)], ..FlushRecord::default() })
        .unwrap();
    assert_eq!(keys(), ["old", "silenced"]);
    state
        .record_flush(&FlushRecord { log: vec![log_entry("new", 8 * DAY)], ..FlushRecord::default() })
        .unwrap();
    assert_eq!(keys(), ["new", "silenced"]);
}

#[test]
fn the_inbox_is_bounded_newest_first_and_takes_a_message_once() {
    let (_dir, state) = state();
    let message = |number: usize| InboxMessage {
        id: format!("{number:08}"),
        at: at(number as i64),
        receiver: "inbox".to_owned(),
        status: AlertStatus::Resolved,
        title: "t".to_owned(),
        body: "b".to_owned(),
        notification: notification(1.0),
    };
    // One transaction each would sync ten thousand times: the bound is tested from just below it.
    state
        .write("fill the inbox", Sync::Later, |db, _| {
            (0..10_000).try_for_each(|number| inbox::post(db, &message(number)))
        })
        .unwrap();
    state.post_to_inbox(&message(10_000)).unwrap();
    state.post_to_inbox(&message(10_000)).unwrap();
    assert_eq!(state.inbox(1).unwrap(), vec![message(10_000)]);
    assert_eq!(state.inbox_message("00000017").unwrap(), Some(message(17)));
    assert_eq!(state.inbox_message("00000000").unwrap(), None);
    let all = state.inbox(20_000).unwrap();
    assert_eq!((all.len(), all.last().unwrap().id.as_str()), (10_000, "00000001"));
}

#[test]
fn a_later_schema_and_a_file_that_is_no_database_are_refused() {
    let (dir, state) = state();
    drop(state);
    let path = dir.path().join("state.db");
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let error = SqliteState::open(&path).unwrap_err();
    assert!(error.to_string().contains("newer bellwether (format 99"), "{error}");
    let other = dir.path().join("other.db");
    std::fs::write(&other, vec![b'x'; 8192]).unwrap();
    let error = SqliteState::open(&other).unwrap_err();
    assert!(error.to_string().contains("other.db"), "{error}");
}

mod history;
mod models;
mod outbox;
mod plugin_values;
