//! Grouping, repeating and deduplicating.

use super::*;

const ONE_SECOND: &str = "group_by: [alertname], group_wait: 1s, group_interval: 1s";

#[test]
fn batches_what_comes_within_group_wait_and_then_per_interval() {
    let mut world = world("group_wait: 1s, group_interval: 1s, repeat_interval: 4900ms");
    world.at(1.1).post([alert("alertname=a").starts(1.0)]);
    world.at(1.7).post([alert("alertname=e").starts(1.0)]);
    world.at(3.3).post([alert("alertname=b").starts(1.5), alert("alertname=c").starts(1.6)]);
    world.at(9.5).want(&[
        "w@2.1 {alertname=a@1} {alertname=e@1}",
        "w@4.1 {alertname=a@1} {alertname=b@1.5} {alertname=c@1.6} {alertname=e@1}",
        "w@9.1 {alertname=a@1} {alertname=b@1.5} {alertname=c@1.6} {alertname=e@1}",
    ]);
}

#[test]
fn merges_what_is_heard_of_one_alert() {
    let mut world = world(&format!("{ONE_SECOND}, repeat_interval: 1ms"));
    world.at(1.0).post([alert("alertname=t").starts(1.1)]);
    world.at(1.2).post([alert("alertname=t").starts(1.0)]);
    world.at(2.1).post([alert("alertname=t").starts(2.0).note("ann=v1")]);
    world.at(3.6).post([alert("alertname=t").starts(1.5).note("ann=v2")]);
    world.at(4.6).post([alert("alertname=t").starts(3.0).ends(4.5).note("ann=v2")]);
    world.at(4.8).post([alert("alertname=t").starts(2.9).ends(4.8).note("ann=v3")]);
    world.at(4.8).post([alert("alertname=t").starts(2.9).ends(4.1).note("ann=v3")]);
    world.at(5.3).post([alert("alertname=t").starts(5.0)]);
    world.at(6.5).want(&[
        "w@2 {alertname=t@1}",
        "w@3 {alertname=t@1} ann=v1",
        "w@4 {alertname=t@1} ann=v2",
        "w@5 {alertname=t@1→4.8} ann=v3",
        "w@6 {alertname=t@5}",
    ]);
}

#[test]
fn repeats_at_the_first_flush_after_the_interval() {
    let mut world = world("group_wait: 1s, group_interval: 2s, repeat_interval: 3s");
    world.at(1.0).post([alert("alertname=t")]);
    world.at(8.0).want(&["w@2 {alertname=t@1}", "w@6 {alertname=t@1}"]);
}

#[test]
fn an_alert_without_end_is_resolved_by_timeout() {
    let mut world = World::new(
        "global: {resolve_timeout: 10s}
route: {receiver: w, group_by: [alertname], group_wait: 1s, group_interval: 5s}
receivers: [{name: w, webhook_configs: [{url: 'http://w'}]}]",
    );
    world.at(1.0).post([alert("alertname=t,l=1"), alert("alertname=t,l=2")]);
    world.at(13.0).want(&[
        "w@2 {alertname=t,l=1@1} {alertname=t,l=2@1}",
        "w@12 {alertname=t,l=1@1→11} {alertname=t,l=2@1→11}",
    ]);
    assert_eq!(world.machine.sizes().0, 0, "told and forgotten");
    world.at(17.5);
    assert_eq!(world.machine.sizes(), (0, 0), "an empty group ends");
}

#[test]
fn integrations_that_want_no_ends_get_none() {
    let mut world = World::new(
        "global: {resolve_timeout: 10s}
route: {receiver: w, group_by: [alertname], group_wait: 1s, group_interval: 5s}
receivers: [{name: w, webhook_configs: [{url: 'http://w'}, {url: 'http://x', send_resolved: false}]}]",
    );
    world.at(1.0).post([alert("alertname=t,l=1"), alert("alertname=t,l=2")]);
    world.at(3.0).post([alert("alertname=t,l=1").starts(1.0).ends(4.0), alert("alertname=t,l=3")]);
    world.at(8.0).post([alert("alertname=t,l=3").starts(3.0)]);
    world.at(12.5);
    let of = |integration| -> Vec<String> {
        let own = world.deliveries.iter().filter(|delivery| delivery.integration == integration);
        own.map(|delivery| line(&delivery.notification)).collect()
    };
    assert_eq!(
        of(0),
        [
            "w@2 {alertname=t,l=1@1} {alertname=t,l=2@1}",
            "w@7 {alertname=t,l=1@1→4} {alertname=t,l=2@1} {alertname=t,l=3@3}",
            "w@12 {alertname=t,l=2@1→11} {alertname=t,l=3@3}",
        ]
    );
    assert_eq!(
        of(1),
        ["w@2 {alertname=t,l=1@1} {alertname=t,l=2@1}", "w@7 {alertname=t,l=2@1} {alertname=t,l=3@3}",]
    );
}

#[test]
fn an_old_alert_does_not_wait() {
    let mut world = world("group_wait: 5s, group_interval: 2s");
    world.at(1.0).post([alert("alertname=t").starts(-10.0)]).want(&["w@1 {alertname=t@-10}"]);
}

#[test]
fn without_group_wait_the_message_leaves_in_the_same_step() {
    let mut world = world("group_wait: 0s");
    world.at(1.0).post([alert("alertname=t"), alert("alertname=u")]);
    world.want(&["w@1 {alertname=t@1} {alertname=u@1}"]);
}

#[test]
fn another_annotation_is_no_news() {
    let mut world = world(ONE_SECOND);
    world.at(1.0).post([alert("alertname=t").note("v=1")]);
    world.at(2.5).post([alert("alertname=t").note("v=2")]);
    world.at(10.0).want(&["w@2 {alertname=t@1} v=1"]);
}

#[test]
fn what_begins_and_ends_within_group_wait_is_silent() {
    let mut world = world(ONE_SECOND);
    world.at(1.0).post([alert("alertname=t").starts(1.0)]);
    world.at(1.4).post([alert("alertname=t").starts(1.0).ends(1.3)]);
    world.at(10.0).want(&[]);
    assert!(world.disk.alerts.is_empty());
}

#[test]
fn flapping_between_two_flushes_is_silent() {
    let mut world = world("group_by: [alertname], group_wait: 1s, group_interval: 3s");
    world.at(1.0).post([alert("alertname=t").starts(1.0)]);
    world.at(2.5).post([alert("alertname=t").starts(1.0).ends(2.4)]);
    world.at(3.5).post([alert("alertname=t").starts(3.4)]);
    world.at(8.0).want(&["w@2 {alertname=t@1}"]);
}

#[test]
fn a_repeated_end_of_an_unknown_alert_changes_nothing() {
    let mut world = world(ONE_SECOND);
    world.at(5.0).post([alert("alertname=t").starts(1.0).ends(2.0)]);
    assert_eq!(world.machine.sizes(), (0, 0));
    assert!(world.disk.alerts.is_empty() && world.events.is_empty());
}

#[test]
fn continue_tells_several_receivers_under_their_own_keys() {
    let mut world = World::new(
        "route:
  receiver: a
  group_by: [alertname]
  group_wait: 1s
  routes:
  - {receiver: b, match: {severity: critical}, continue: true}
  - {receiver: c, match_re: {severity: crit.*|warn.*}}
receivers:
- {name: a, webhook_configs: [{url: 'http://w'}]}
- {name: b, webhook_configs: [{url: 'http://w'}]}
- {name: c, webhook_configs: [{url: 'http://w'}]}",
    );
    world.at(1.0).post([
        alert("alertname=x,severity=critical"),
        alert("alertname=y,severity=warning"),
        alert("alertname=z"),
    ]);
    world.at(3.0);
    let mut keys: Vec<(String, String)> = world
        .deliveries
        .iter()
        .map(|delivery| (delivery.notification.receiver.clone(), delivery.notification.group_key.clone()))
        .collect();
    keys.sort();
    let of = |receiver: &str, key: &str| (receiver.to_owned(), key.to_owned());
    assert_eq!(
        keys,
        [
            of("a", r#"{}:{alertname="z"}"#),
            of("b", r#"{}/{severity="critical"}:{alertname="x"}"#),
            of("c", r#"{}/{severity=~"^(?:crit.*|warn.*)$"}:{alertname="x"}"#),
            of("c", r#"{}/{severity=~"^(?:crit.*|warn.*)$"}:{alertname="y"}"#),
        ]
    );
    let mut ids: Vec<&String> = world.deliveries.iter().map(|delivery| &delivery.id).collect();
    ids.dedup();
    assert_eq!(ids.len(), 4);
    assert!(ids.iter().all(|id| id.starts_with("1767571202000-") && id.len() == 30), "{ids:?}");
}

#[test]
fn grouping_by_everything_makes_each_alert_a_group() {
    let mut world = world("group_by: ['...'], group_wait: 1s");
    world.at(1.0).post([alert("alertname=t,l=1"), alert("alertname=t,l=2")]);
    world.at(3.0).want(&["w@2 {alertname=t,l=1@1}", "w@2 {alertname=t,l=2@1}"]);
}

#[test]
fn max_alerts_cuts_the_message_and_says_so() {
    let mut world = World::new(
        "route: {receiver: w, group_wait: 1s}
receivers: [{name: w, webhook_configs: [{url: 'http://w', max_alerts: 1}]}]",
    );
    world.at(1.0).post([alert("alertname=t,l=1"), alert("alertname=t,l=2")]);
    world.at(3.0).want(&["w@2 {alertname=t,l=1@1}"]);
    assert_eq!(world.deliveries[0].notification.truncated_alerts, 1);
}

#[test]
fn events_tell_the_story() {
    let mut world = world("group_by: [alertname], group_wait: 1s, group_interval: 1s");
    world.at(1.0).post([alert("alertname=t").ends(3.5)]);
    world.at(5.0);
    assert_eq!(world.kinds(), ["firing", "group_formed", "queued", "resolved", "queued"]);
}

#[test]
fn a_refresh_is_not_written_down() {
    let mut world = world(ONE_SECOND);
    world.at(1.0).post([alert("alertname=t").starts(1.0)]);
    world.at(2.0);
    let effects = world.machine.step(
        at(3.0),
        Input::Alerts(vec![Alert {
            updated_at: at(3.0),
            ends_at: at(303.0),
            ..world.disk.alerts.values().next().unwrap().clone()
        }]),
    );
    assert!(effects.iter().all(|effect| !matches!(effect, Effect::Write(_))), "{effects:?}");
}

#[test]
fn lists_can_be_narrowed_by_labels_of_receivers() {
    let mut world = World::new(
        "route: {receiver: a, routes: [{receiver: b, match: {s: b}}]}
receivers: [{name: a, labels: {team: x}}, {name: b, labels: {team: y}}]",
    );
    world.at(1.0).post([alert("alertname=1"), alert("alertname=2,s=b")]);
    let names = |matcher: &str| {
        let matchers = vec![crate::matchers::parse_one(matcher).unwrap()];
        let filter = crate::view::AlertFilter { receiver_matchers: matchers.clone(), ..Default::default() };
        let alerts = world.machine.alerts(&filter, world.now).len();
        let groups = world.machine.groups(&filter, world.now).len();
        let receivers = world.machine.receivers(&matchers);
        (alerts, groups, receivers.into_iter().map(|own| own.name).collect::<String>())
    };
    assert_eq!(names("team=y"), (1, 1, "b".to_owned()));
    assert_eq!(names("name=~.+"), (2, 2, "ab".to_owned()));
    assert_eq!(names("team=z"), (0, 0, String::new()));
}
