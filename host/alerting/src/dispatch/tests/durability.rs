//! Restarts and reloads.

use bellwether_model::receiver::NotificationReason;
use bellwether_model::state::DeadDelivery;

use super::*;

const SHORT: &str = "group_by: [alertname], group_wait: 500ms, group_interval: 2s, repeat_interval: 1h";

#[test]
fn nothing_is_told_twice_after_a_kill() {
    let mut world = world(SHORT);
    world.at(0.2).post([alert("alertname=t").starts(0.0)]);
    world.at(2.0).restart().at(3.0).post([alert("alertname=t").starts(0.0)]);
    world.at(60.0).want(&["w@0.7 {alertname=t@0}"]);
}

#[test]
fn an_alert_that_was_not_told_yet_is_told_once_after_a_kill() {
    let mut world = world(SHORT);
    world.at(0.2).post([alert("alertname=t")]);
    world.at(0.4).restart().at(60.0);
    assert_eq!(world.sent().len(), 1);
}

#[test]
fn the_end_of_an_alert_is_told_after_a_kill() {
    let mut world = World::new(
        "global: {resolve_timeout: 3s}
route: {receiver: w, group_by: [alertname], group_wait: 500ms, group_interval: 2s, repeat_interval: 1h}
receivers: [{name: w, webhook_configs: [{url: 'http://w'}]}]",
    );
    world.at(0.2).post([alert("alertname=t").starts(0.0)]);
    world.at(1.5).restart();
    // It fires until its sender has had the time to be heard, and then ends when it really did.
    world.at(4.0).want(&["w@0.7 {alertname=t@0}"]);
    world.at(8.0).want(&["w@0.7 {alertname=t@0}", "w@4.7 {alertname=t@0→3.2}"]);
}

#[test]
fn an_end_that_was_heard_before_the_kill_is_told_after_it() {
    let mut world = world(SHORT);
    world.at(0.2).post([alert("alertname=t").starts(0.0)]);
    world.at(1.0).post([alert("alertname=t").starts(0.0).ends(0.9)]);
    world.at(1.2).restart().at(10.0).want(&["w@0.7 {alertname=t@0}", "w@2.7 {alertname=t@0→0.9}"]);
}

#[test]
fn a_restart_does_not_resolve_what_is_refreshed_soon() {
    let mut world = world(SHORT);
    world.at(0.2).post([alert("alertname=t").starts(0.2).ends(60.0)]);
    world.at(1.0);
    // Down for longer than the end that was written.
    world.now = at(100.0);
    world.restart().at(110.0).post([alert("alertname=t").starts(110.0).ends(300.0)]);
    world.at(200.0).want(&["w@0.7 {alertname=t@0.2}"]);
    let alerts = world.machine.alerts(&crate::view::AlertFilter::default(), world.now);
    assert_eq!(alerts[0].span.starts_at, at(0.2), "still the same episode");
}

#[test]
fn inhibited_alerts_do_not_leak_at_start() {
    let config = "route: {receiver: w, group_by: [alertname], group_wait: 0s, group_interval: 2s}
receivers: [{name: w, webhook_configs: [{url: 'http://w'}]}]
inhibit_rules: [{source_match: {s: c}, target_match: {s: w}}]";
    let mut world = World::new(config);
    world.at(1.0).post([alert("alertname=z,s=c"), alert("alertname=a,s=w")]);
    world.at(1.5).restart().at(30.0).want(&["w@1 {alertname=z,s=c@1}"]);
    world.reload(config).at(60.0).want(&["w@1 {alertname=z,s=c@1}"]);
}

#[test]
fn silences_outlive_a_kill() {
    let mut world = world(SHORT);
    world.at(0.1).silence(0.1, 100.0, "alertname=t");
    world.at(0.2).restart().post([alert("alertname=t")]).at(10.0).want(&[]);
    assert_eq!(world.machine.silences(&[], world.now).len(), 1);
}

#[test]
fn a_reload_looks_at_groups_that_were_told_and_their_interval_counts_from_there() {
    let config = "route: {receiver: w, group_wait: 1s, group_interval: 6s, repeat_interval: 10m}
receivers: [{name: w, webhook_configs: [{url: 'http://w'}]}]";
    let mut world = World::new(config);
    world.at(1.0).post([alert("alertname=a")]);
    world.at(3.0).reload(config);
    world.at(4.0).post([alert("alertname=b")]);
    world.at(9.0).want(&["w@2 {alertname=a@1}", "w@9 {alertname=a@1} {alertname=b@4}"]);
}

#[test]
fn however_often_files_are_loaded_everybody_is_told_in_time_and_once() {
    let config = "route: {receiver: w, group_wait: 5s, group_interval: 6s, repeat_interval: 10m}
receivers: [{name: w, webhook_configs: [{url: 'http://w'}]}]";
    let mut world = World::new(config);
    world.at(1.0).post([alert("alertname=a")]);
    for second in 2..60 {
        world.at(f64::from(second)).reload(config);
        if second == 20 {
            world.post([alert("alertname=b")]);
        }
    }
    world.want(&["w@6 {alertname=a@1}", "w@21 {alertname=a@1} {alertname=b@20}"]);
}

#[test]
fn a_reload_routes_anew() {
    let mut world = world("group_wait: 1s, group_interval: 6s");
    world.at(1.0).post([alert("alertname=a"), alert("alertname=b")]);
    world.at(3.0).reload(
        "route:
  receiver: w
  group_interval: 2s
  group_wait: 1s
  routes: [{receiver: x, match: {alertname: b}}]
receivers: [{name: w, webhook_configs: [{url: 'http://w'}]}, {name: x, webhook_configs: [{url: 'http://x'}]}]",
    );
    world.at(9.0).want(&["w@2 {alertname=a@1} {alertname=b@1}", "x@3 {alertname=b@1}"]);
    let groups = world.machine.groups(&crate::view::AlertFilter::default(), world.now);
    assert_eq!(groups.len(), 2);
    assert_eq!(groups[0].next_flush, at(11.0), "the new interval counts from the reload");
}

/// The last message never got there.
fn last_message_dies(world: &mut World) -> bool {
    let delivery = world.deliveries.last().unwrap();
    let told = &delivery.notification;
    let dead = DeadDelivery {
        group_key: told.group_key.clone(),
        receiver: told.receiver.clone(),
        integration: delivery.integration,
        at: told.at,
    };
    world.machine.delivery_failed(&dead)
}

#[test]
fn a_refused_message_is_told_again_at_the_next_group_interval() {
    let mut world = world("group_by: [alertname], group_wait: 1s, group_interval: 3s, repeat_interval: 1h");
    world.at(1.0).post([alert("alertname=t").starts(1.0)]).at(2.5).want(&["w@2 {alertname=t@1}"]);
    assert!(last_message_dies(&mut world));
    assert!(!last_message_dies(&mut world), "it is gone already");
    world.at(4.9).want(&["w@2 {alertname=t@1}"]);
    world.at(60.0).want(&["w@2 {alertname=t@1}", "w@5 {alertname=t@1}"]);
    assert_eq!(world.deliveries[1].notification.reason, NotificationReason::First);
}

#[test]
fn the_end_is_told_to_who_was_told_before_a_message_was_refused() {
    let mut world = world("group_by: [alertname], group_wait: 1s, group_interval: 3s, repeat_interval: 4s");
    world.at(1.0).post([alert("alertname=t").starts(1.0)]).at(8.5);
    world.want(&["w@2 {alertname=t@1}", "w@8 {alertname=t@1}"]);
    assert!(last_message_dies(&mut world));
    world.post([alert("alertname=t").starts(1.0).ends(8.5)]).at(60.0);
    assert_eq!(world.sent()[2..], ["w@11 {alertname=t@1→8.5}"]);
}

#[test]
fn a_late_word_of_a_lost_message_does_not_repeat_a_newer_one() {
    let mut world = world("group_by: [alertname], group_wait: 1s, group_interval: 3s, repeat_interval: 4s");
    world.at(1.0).post([alert("alertname=t").starts(1.0)]).at(8.5);
    let newer = world.deliveries.pop().unwrap();
    assert!(!last_message_dies(&mut world));
    world.deliveries.push(newer);
    world.at(13.9).want(&["w@2 {alertname=t@1}", "w@8 {alertname=t@1}"]);
}
