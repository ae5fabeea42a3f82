//! Who may be told when: fairness between integrations, repeats that pile up, messages that are given up.

use super::*;

/// A message about its own group.
fn about(group_key: &str, receiver: &str, id: &str, reason: NotificationReason) -> Delivery {
    let mut delivery = delivery(id, 0);
    delivery.notification.group_key = group_key.to_owned();
    delivery.notification.receiver = receiver.to_owned();
    delivery.notification.reason = reason;
    delivery
}

fn first(group_key: &str, receiver: &str, id: &str) -> Delivery {
    about(group_key, receiver, id, NotificationReason::First)
}

/// A message about group `g` that tells of these alerts: `+a` fires, `-a` is over.
fn telling(id: &str, reason: NotificationReason, alerts: &str) -> Delivery {
    let mut delivery = about("g", "team", id, reason);
    let sample = delivery.notification.alerts.remove(0);
    delivery.notification.alerts.clear();
    delivery.notification.alerts.extend(alerts.split(' ').map(|text| {
        let (sign, name) = text.split_at(1);
        let status = if sign == "+" { AlertStatus::Firing } else { AlertStatus::Resolved };
        let labels = labels(name);
        NotifiedAlert { fingerprint: FingerprintText(labels.fingerprint()), labels, status, ..sample.clone() }
    }));
    delivery
}

fn dead(error: &str) -> DeliveryOutcome {
    DeliveryOutcome::Dead(error.to_owned())
}

fn retry(secs: i64) -> DeliveryOutcome {
    DeliveryOutcome::RetryAt(at(secs), "down".to_owned())
}

/// What may be sent at a time.
fn leased(state: &SqliteState, secs: i64, limits: LeaseLimits<'_>) -> Vec<String> {
    let leased = state.lease_deliveries(at(secs), at(secs + 40), limits).unwrap();
    leased.into_iter().map(|delivery| delivery.id).collect()
}

fn waiting(state: &SqliteState) -> Vec<String> {
    state
        .read("look", |db| {
            let mut statement = db.prepare("SELECT id FROM delivery WHERE status = 'pending' ORDER BY id")?;
            let ids: rusqlite::Result<Vec<String>> = statement.query_map([], |row| row.get(0))?.collect();
            Ok(ids?)
        })
        .unwrap()
}

#[test]
fn what_has_ended_makes_room_and_is_held_until_it_is_settled() {
    let (_dir, state) = state();
    let limits = LeaseLimits { per_integration: 1, ..at_most(9) };
    state.record_flush(&flush(vec![first("g1", "a", "1"), first("g2", "a", "2")])).unwrap();
    assert_eq!(ids(&state.lease_deliveries(at(1), at(40), limits).unwrap()), ["1"]);
    assert_eq!(state.lease_deliveries(at(1), at(40), limits).unwrap(), []);
    state.delivery_ended("1");
    assert_eq!(ids(&state.lease_deliveries(at(1), at(40), limits).unwrap()), ["2"]);
    state.delivery_ended("2");
    assert_eq!(state.lease_deliveries(at(2), at(40), limits).unwrap(), [], "both wait to be settled");
}

#[test]
fn what_a_writer_is_about_to_take_back_is_handed_to_nobody() {
    let (_dir, state) = state();
    state.record_flush(&flush(vec![first("g1", "a", "1"), first("g2", "a", "2")])).unwrap();
    assert!(state.leases.withhold("1", at(1)));
    assert_eq!(ids(&state.lease_deliveries(at(1), at(40), at_most(9)).unwrap()), ["2"]);
    assert!(!state.leases.withhold("2", at(1)), "somebody has it");
    // Any transaction that ends, this one for want of anything to write.
    state.record_flush(&flush(vec![])).unwrap();
    assert_eq!(ids(&state.lease_deliveries(at(1), at(40), at_most(9)).unwrap()), ["1"]);
}

#[test]
fn an_integration_that_hangs_leaves_room_for_the_others() {
    let (_dir, state) = state();
    let limits = LeaseLimits { per_integration: 4, ..at_most(6) };
    let mut messages: Vec<_> =
        (0..20).map(|n| first(&format!("g{n}"), "hangs", &format!("a{n:02}"))).collect();
    messages.extend((0..3).map(|n| first(&format!("g{n}"), "works", &format!("b{n:02}"))));
    let mut second = first("g0", "hangs", "c00");
    second.integration = 1;
    messages.push(second);
    state.record_flush(&flush(messages)).unwrap();
    let leased = state.lease_deliveries(at(1), at(40), limits).unwrap();
    assert_eq!(ids(&leased), ["a00", "b00", "c00", "a01", "b01", "a02"], "in turn, the oldest of each first");
    let leased = state.lease_deliveries(at(1), at(40), limits).unwrap();
    assert_eq!(ids(&leased), ["b02", "a03"], "four under way are enough");
    state.settle_delivery("b00", &DeliveryOutcome::Delivered(None), at(2)).unwrap();
    state.record_flush(&flush(vec![first("new", "works", "d00")])).unwrap();
    let leased = state.lease_deliveries(at(3), at(43), limits).unwrap();
    assert_eq!(ids(&leased), ["d00"]);
    state.settle_delivery("a01", &retry(60), at(4)).unwrap();
    assert_eq!(ids(&state.lease_deliveries(at(5), at(45), limits).unwrap()), ["a04"]);
}

#[test]
fn an_integration_that_wants_pauses_gets_messages_one_by_one_and_holds_up_nobody() {
    let (_dir, state) = state();
    let pauses = Pauses::from([(("slow".to_owned(), 0), Duration::from_secs(3))]);
    let limits = LeaseLimits { pauses: &pauses, ..at_most(9) };
    let messages = [("slow", "1"), ("slow", "2"), ("quick", "3"), ("quick", "4")];
    let messages = messages.map(|(receiver, id)| first(&format!("group {id}"), receiver, id));
    state.record_flush(&flush(messages.to_vec())).unwrap();
    let leased = |secs| leased(&state, secs, limits);
    assert_eq!(leased(1), ["1", "3", "4"]);
    state.settle_delivery("1", &DeliveryOutcome::Delivered(None), at(1)).unwrap();
    assert_eq!(leased(3), [""; 0], "also when it has none under way");
    assert_eq!(state.next_delivery(at(3)).unwrap(), Some(at(4)));
    assert_eq!(leased(4), ["2"]);
}

#[test]
fn a_pause_does_not_outlast_a_clock_that_goes_back() {
    let (_dir, state) = state();
    let pauses = Pauses::from([(("slow".to_owned(), 0), Duration::from_secs(3))]);
    let limits = LeaseLimits { pauses: &pauses, ..at_most(9) };
    state.record_flush(&flush(vec![first("a", "slow", "1"), first("b", "slow", "2")])).unwrap();
    let leased = |secs| leased(&state, secs, limits);
    assert_eq!(leased(50), ["1"]);
    assert_eq!(leased(20), ["2"]);
}

#[test]
fn what_waits_for_its_next_attempt_can_be_made_due() {
    let (_dir, state) = state();
    state.record_flush(&flush(vec![first("g", "a", "1"), first("g", "b", "2")])).unwrap();
    state.lease_deliveries(at(1), at(40), at_most(9)).unwrap();
    state.settle_delivery("1", &retry(300), at(1)).unwrap();
    state.settle_delivery("2", &retry(300), at(1)).unwrap();
    state.retry_now(&[("a".to_owned(), 0), ("b".to_owned(), 1)], at(5)).unwrap();
    assert_eq!(ids(&state.lease_deliveries(at(5), at(45), at_most(9)).unwrap()), ["1"]);
}

#[test]
fn the_receipt_of_a_group_that_is_over_is_not_for_the_next_one() {
    let (_dir, state) = state();
    let told = |id: &str, status: AlertStatus| {
        let mut message = first("g", "a", id);
        message.notification.status = status;
        state.record_flush(&flush(vec![message])).unwrap();
        let receipt = Receipt { id: format!("message {id}"), url: None };
        state.settle_delivery(id, &DeliveryOutcome::Delivered(Some(receipt)), at(1)).unwrap();
        state.last_receipt("g", "a", 0).unwrap().map(|receipt| receipt.id)
    };
    assert_eq!(told("1", AlertStatus::Firing).as_deref(), Some("message 1"));
    assert_eq!(told("2", AlertStatus::Firing).as_deref(), Some("message 2"));
    assert_eq!(told("3", AlertStatus::Resolved), None);
    assert_eq!(state.last_receipt("g", "a", 1).unwrap(), None);
}

#[test]
fn the_next_one_is_told_without_those_that_wait_behind_it() {
    let (_dir, state) = state();
    state.record_flush(&flush(vec![delivery("1", 0), delivery("2", 3), other_group("3", 20)])).unwrap();
    assert_eq!(state.next_delivery(at(-1)).unwrap(), Some(at(0)));
    state.lease_deliveries(at(0), at(50), at_most(9)).unwrap();
    assert_eq!(state.next_delivery(at(0)).unwrap(), Some(at(20)));
    state.settle_delivery("1", &retry(10), at(1)).unwrap();
    assert_eq!(state.next_delivery(at(1)).unwrap(), Some(at(10)));
    assert_eq!(state.next_delivery(at(20)).unwrap(), None);
}

#[test]
fn what_is_due_is_found_by_indexes() {
    let (_dir, state) = state();
    let plan = |query: &str| {
        let steps = state.read("explain", |db| {
            let mut statement = db.prepare(&format!("EXPLAIN QUERY PLAN {query}"))?;
            let steps: rusqlite::Result<Vec<String>> = statement.query_map([], |row| row.get(3))?.collect();
            Ok(steps?.join("; "))
        });
        steps.unwrap()
    };
    let next = plan(
        "SELECT not_before, id FROM delivery WHERE status = 'pending' AND is_head = 1 AND not_before > 1
         ORDER BY not_before",
    );
    assert!(next.contains("delivery_by_ready_time (not_before>?)") && !next.contains("TEMP"), "{next}");
    let due = plan(
        "SELECT not_before, id FROM delivery WHERE status = 'pending' AND is_head = 1 AND receiver = 'a'
            AND integration = 0 AND not_before <= 5 ORDER BY not_before, id",
    );
    assert!(due.contains("delivery_by_integration (receiver=? AND integration=? AND not_before<?)"), "{due}");
    let same = plan(
        "SELECT integration FROM delivery WHERE status = 'pending' AND is_head = 1 AND receiver = 'a'
            AND integration > 0 ORDER BY integration LIMIT 1",
    );
    assert!(same.contains("delivery_by_integration (receiver=? AND integration>?)"), "{same}");
    let other = plan(
        "SELECT receiver, integration FROM delivery WHERE status = 'pending' AND is_head = 1 AND receiver > 'a'
         ORDER BY receiver, integration LIMIT 1",
    );
    assert!(other.contains("delivery_by_integration (receiver>?)") && !other.contains("TEMP"), "{other}");
    assert!(!due.contains("TEMP"), "{due}");
}

#[test]
fn repeats_do_not_pile_up_behind_a_receiver_that_is_down() {
    use NotificationReason::{AllResolved, First, NewAlerts, Repeat};
    let (_dir, state) = state();
    let put = |id: &str, reason| {
        let alerts = if reason == AllResolved { "-a".to_owned() } else { format!("+a{id}") };
        state.record_flush(&flush(vec![telling(id, reason, &alerts)])).unwrap();
    };
    put("1", First);
    put("2", Repeat);
    assert_eq!(waiting(&state), ["1"], "the first message still waits and says it all");
    put("3", NewAlerts);
    put("4", AllResolved);
    put("5", Repeat);
    assert_eq!(waiting(&state), ["1", "3", "4"]);
    for id in ["1", "3", "4"] {
        assert_eq!(ids(&state.lease_deliveries(at(9), at(10), at_most(9)).unwrap()), [id]);
        state.settle_delivery(id, &DeliveryOutcome::Delivered(None), at(9)).unwrap();
    }
    put("6", Repeat);
    put("7", Repeat);
    assert_eq!(waiting(&state), ["7"], "the newer repeat takes the place of the older one");
    assert_eq!(ids(&state.lease_deliveries(at(9), at(30), at_most(9)).unwrap()), ["7"]);
    put("8", Repeat);
    put("9", NewAlerts);
    assert_eq!(waiting(&state), ["7", "9"], "what is under way stays");
    state.record_flush(&flush(vec![about("other", "team", "A", Repeat)])).unwrap();
    assert_eq!(waiting(&state), ["7", "9", "A"], "another group is another matter");
}

#[test]
fn a_message_that_a_newer_one_says_whole_is_not_sent_any_more() {
    use NotificationReason::{AllResolved, NewAlerts};
    let (_dir, state) = state();
    let put = |message| state.record_flush(&flush(vec![message])).unwrap();
    put(telling("1", NotificationReason::First, "+a"));
    put(telling("2", NewAlerts, "+a +b"));
    assert_eq!(waiting(&state), ["2"]);
    put(telling("3", NewAlerts, "-a +b +c"));
    assert_eq!(waiting(&state), ["2", "3"], "nobody was told that a fires");
    put(telling("4", AllResolved, "-b -c"));
    assert_eq!(waiting(&state), ["2", "3", "4"]);
    assert_eq!(ids(&state.lease_deliveries(at(9), at(30), at_most(9)).unwrap()), ["2"]);
    assert_eq!(state.dead_letters(9).unwrap()[0].error, "superseded by a newer message");
    put(telling("5", NewAlerts, "+a +b +d"));
    assert_eq!(waiting(&state), ["2", "3", "4", "5"], "what is under way stays");
}

#[test]
fn a_message_that_is_given_up_is_taken_out_of_the_log() {
    let (_dir, state) = state();
    let record = |key: &str, secs, id: &str| FlushRecord {
        log: vec![log_entry(key, secs)],
        deliveries: vec![first(key, "team", id)],
        ..FlushRecord::default()
    };
    state.record_flush(&record("g", 5, "1")).unwrap();
    state.record_flush(&record("other", 5, "2")).unwrap();
    let told = state.settle_delivery("1", &dead("400"), at(6)).unwrap();
    let want =
        DeadDelivery { group_key: "g".to_owned(), receiver: "team".to_owned(), integration: 0, at: at(5) };
    assert_eq!(told, Some(want));
    assert_eq!(state.load().unwrap().log, [log_entry("other", 5)]);
    assert_eq!(state.settle_delivery("1", &dead("400"), at(6)).unwrap(), None, "once is enough");
}

#[test]
fn the_log_keeps_whose_end_is_to_be_told_when_a_later_message_is_given_up() {
    let (_dir, state) = state();
    let record = |secs, id: &str| FlushRecord {
        log: vec![log_entry("g", secs)],
        deliveries: vec![first("g", "team", id)],
        ..FlushRecord::default()
    };
    state.record_flush(&record(5, "1")).unwrap();
    state.settle_delivery("1", &DeliveryOutcome::Delivered(None), at(5)).unwrap();
    let mut second = record(8, "2");
    second.log[0].before = vec![7];
    state.record_flush(&second).unwrap();
    let told = state.settle_delivery("2", &dead("400"), at(9)).unwrap().unwrap();
    assert_eq!(told.at, at(8));
    let left = NotificationLogEntry {
        at: NotificationLogEntry::LOST,
        firing: vec![7],
        before: vec![7],
        ..log_entry("g", 8)
    };
    assert_eq!(state.load().unwrap().log, [left]);
}

#[test]
fn a_newer_message_speaks_for_one_that_is_given_up() {
    let (_dir, state) = state();
    let record = |secs, id: &str| FlushRecord {
        log: vec![log_entry("g", secs)],
        deliveries: vec![first("g", "team", id)],
        ..FlushRecord::default()
    };
    state.record_flush(&record(5, "1")).unwrap();
    state.record_flush(&record(8, "2")).unwrap();
    assert_eq!(state.settle_delivery("1", &dead("400"), at(9)).unwrap(), None);
    assert_eq!(state.load().unwrap().log, [log_entry("g", 8)]);
}

#[test]
fn an_outbox_of_the_first_format_is_taken_over() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("state.db");
    let old = Connection::open(&path).unwrap();
    old.execute_batch(schema::MIGRATIONS[0]).unwrap();
    old.pragma_update(None, "user_version", 1).unwrap();
    for id in ["1", "2"] {
        let json = codec::notification_to_json(&notification(1.0));
        old.execute(
            "INSERT INTO delivery VALUES (?1, 'pending', '{}:{}', 'team', 0, 'webhook', ?2, 0, 0, 0, NULL, NULL, NULL)",
            [id, &json],
        )
        .unwrap();
    }
    drop(old);
    let state = SqliteState::open(&path).unwrap();
    assert_eq!(ids(&state.lease_deliveries(at(1), at(9), at_most(9)).unwrap()), ["1"]);
    state.settle_delivery("1", &DeliveryOutcome::Delivered(None), at(2)).unwrap();
    assert_eq!(ids(&state.lease_deliveries(at(2), at(9), at_most(9)).unwrap()), ["2"]);
}

#[test]
fn what_a_fallback_is_told_counts_as_told_until_that_is_given_up_too() {
    let (_dir, state) = state();
    let record = FlushRecord {
        log: vec![log_entry("g", 5)],
        deliveries: vec![first("g", "team", "1")],
        ..FlushRecord::default()
    };
    state.record_flush(&record).unwrap();
    let mut fallback = first("g", "others", "1-fallback");
    fallback.instead_of = Some(InsteadOf { receiver: "team".to_owned(), integration: 0 });
    let attempt = |id: &str, outcome, instead| Attempt { id: id.to_owned(), outcome, at: at(6), instead };
    let failed = [attempt("1", retry(60), vec![fallback.clone()])];
    assert_eq!(state.settle_deliveries(&failed).unwrap(), []);
    let given_up = [attempt("1", dead("410"), vec![fallback.clone()])];
    assert_eq!(state.settle_deliveries(&given_up).unwrap(), [], "somebody else is told, once");
    assert_eq!(state.load().unwrap().log, [log_entry("g", 5)]);
    assert_eq!(state.lease_deliveries(at(7), at(9), at_most(9)).unwrap(), [fallback]);
    let dead = state.settle_deliveries(&[attempt("1-fallback", dead("no"), vec![])]).unwrap();
    assert_eq!((dead.len(), dead[0].receiver.as_str()), (1, "team"), "its own receiver is told again");
    assert_eq!(state.load().unwrap().log, []);
}

#[test]
fn what_waits_is_due_when_the_clock_goes_back() {
    let (_dir, state) = state();
    let messages = vec![first("g", "team", "1"), first("h", "team", "2")];
    state.record_flush(&flush(messages)).unwrap();
    const HOUR: i64 = 3600;
    state.lease_deliveries(at(2 * HOUR), at(2 * HOUR + 45), at_most(9)).unwrap();
    state.settle_delivery("1", &retry(2 * HOUR + 30), at(2 * HOUR + 1)).unwrap();
    let leased = state.lease_deliveries(at(HOUR), at(HOUR + 45), at_most(9)).unwrap();
    assert_eq!(ids(&leased), ["1"], "2 is still held");
}
