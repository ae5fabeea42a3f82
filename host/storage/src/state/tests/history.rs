//! Looking back.

use bellwether_model::history::DeliveryState;
use bellwether_model::state::{Acknowledgement, Episode};
use bellwether_model::{Fingerprint, MatchOp, Matcher, RegexDialect};

use super::*;

fn all() -> HistoryQuery {
    HistoryQuery {
        alert: None,
        matchers: vec![],
        since: Timestamp::MIN,
        until: Timestamp::MAX,
        after: None,
        limit: 100,
    }
}

fn spanning(name: &str, starts: i64, ends: i64) -> Alert {
    Alert { starts_at: at(starts), ends_at: at(ends), ..alert(name, None) }
}

fn acknowledgement() -> Acknowledgement {
    Acknowledgement { by: "ann".to_owned(), comment: "on it".to_owned(), at: at(3), until: None }
}

fn over(alert: Alert) -> StateChange {
    StateChange::EndEpisode(Episode { alert, acknowledgement: Some(acknowledgement()) })
}

fn starts(state: &SqliteState, query: &HistoryQuery) -> Vec<(String, i64, bool)> {
    let episodes = state.history(query).unwrap();
    let line = |own: &EpisodeRecord| {
        (own.alert.name().to_owned(), own.alert.starts_at.as_millis() / 1000, own.is_over)
    };
    episodes.iter().map(line).collect()
}

fn line(name: &str, starts: i64, is_over: bool) -> (String, i64, bool) {
    (name.to_owned(), starts, is_over)
}

#[test]
fn episodes_come_newest_first_those_under_way_included() {
    let (_dir, state) = state();
    state.put_alerts(&[spanning("Hot", 500, 900), spanning("Cold", 50, 60)]).unwrap();
    state.apply(&[&over(spanning("Hot", 100, 200)), &over(spanning("Cold", 50, 60))]).unwrap();
    // The same episode again, longer: as after a flap.
    state.apply(&[&over(spanning("Hot", 100, 300))]).unwrap();
    let everything = [line("Hot", 500, false), line("Hot", 100, true), line("Cold", 50, true)];
    assert_eq!(starts(&state, &all()), everything);
    let found = state.history(&all()).unwrap();
    assert_eq!(found[1].alert.ends_at, at(300));
    assert_eq!(found[1].acknowledgement, Some(acknowledgement()));
    let hot = HistoryQuery { alert: Some(labels("Hot").fingerprint()), ..all() };
    assert_eq!(starts(&state, &hot), everything[..2]);
    let matcher = Matcher::new("alertname", MatchOp::Equal, "Cold", RegexDialect::Alertmanager).unwrap();
    assert_eq!(starts(&state, &HistoryQuery { matchers: vec![matcher], ..all() }), everything[2..]);
    let within = HistoryQuery { since: at(250), until: at(400), ..all() };
    assert_eq!(starts(&state, &within), everything[1..2]);
}

#[test]
fn a_list_goes_on_where_it_ended() {
    let (_dir, state) = state();
    let names = ["a", "b", "c"];
    state.put_alerts(&names.map(|name| spanning(name, 100, 900))).unwrap();
    state.apply(&names.map(|name| over(spanning(name, 10, 20))).iter().collect::<Vec<_>>()).unwrap();
    let (mut seen, mut query) = (Vec::new(), HistoryQuery { limit: 2, ..all() });
    loop {
        let page = state.history(&query).unwrap();
        let Some(last) = page.last() else { break };
        query.after = Some(last.key());
        seen.extend(page.iter().map(EpisodeRecord::key));
    }
    assert_eq!(seen.len(), 6);
    assert!(seen.is_sorted_by(|a, b| a.starts_at >= b.starts_at), "{seen:?}");
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 6, "each once");
}

#[test]
fn each_message_and_each_attempt_is_there() {
    let (_dir, state) = state();
    state.put_alerts(&[spanning("Hot", 1, 900)]).unwrap();
    state.record_flush(&flush(vec![delivery("d1", 5)])).unwrap();
    state.lease_deliveries(at(5), at(50), at_most(9)).unwrap();
    state.settle_delivery("d1", &DeliveryOutcome::RetryAt(at(8), "503".to_owned()), at(6)).unwrap();
    state.settle_delivery("d1", &DeliveryOutcome::Delivered(None), at(9)).unwrap();
    state.settle_delivery("d1", &DeliveryOutcome::Dead("late".to_owned()), at(10)).unwrap();
    let found = state.history(&all()).unwrap();
    let [message] = &found[0].deliveries[..] else { panic!("{found:?}") };
    assert_eq!((message.state, message.receiver.as_str()), (DeliveryState::Delivered, "team"));
    let attempts: Vec<_> =
        message.attempts.iter().map(|own| (own.number, own.at, own.error.as_deref())).collect();
    assert_eq!(attempts, [(1, at(6), Some("503")), (2, at(9), None)]);
}

#[test]
fn a_message_belongs_to_the_episode_in_which_it_was_told() {
    let (_dir, state) = state();
    state.apply(&[&over(spanning("Hot", 1, 3))]).unwrap();
    state.put_alerts(&[spanning("Hot", 100, 900)]).unwrap();
    state.record_flush(&flush(vec![delivery("d1", 5)])).unwrap();
    let found = state.history(&all()).unwrap();
    assert_eq!(found.iter().map(|own| own.deliveries.len()).collect::<Vec<_>>(), [0, 1]);
}

#[test]
fn what_is_too_old_goes_and_what_waits_stays() {
    let (_dir, state) = state();
    state.put_alerts(&[spanning("Hot", 1, 900)]).unwrap();
    state.apply(&[&over(spanning("Cold", 1, 50))]).unwrap();
    state.record_flush(&flush(vec![delivery("d1", 5), delivery("d2", 5)])).unwrap();
    state.settle_delivery("d1", &DeliveryOutcome::Delivered(None), at(40)).unwrap();
    state.forget_history(at(100), at(100)).unwrap();
    assert_eq!(starts(&state, &all()), [line("Hot", 1, false)]);
    assert_eq!(state.history(&all()).unwrap()[0].deliveries.len(), 1);
    assert_eq!(state.pending_deliveries().unwrap().0, 1);
}

#[test]
fn an_acknowledgement_is_kept_until_it_is_taken_back() {
    let (_dir, state) = state();
    state.put_alerts(&[spanning("Hot", 1, 900)]).unwrap();
    let hot = vec![labels("Hot").fingerprint()];
    state.apply(&[&StateChange::Acknowledge(hot.clone(), acknowledgement())]).unwrap();
    assert_eq!(state.load().unwrap().acknowledgements, [(hot[0], acknowledgement())]);
    assert_eq!(state.history(&all()).unwrap()[0].acknowledgement, Some(acknowledgement()));
    state.apply(&[&StateChange::Unacknowledge(vec![hot[0], Fingerprint(1)])]).unwrap();
    assert_eq!(state.load().unwrap().acknowledgements, []);
}
