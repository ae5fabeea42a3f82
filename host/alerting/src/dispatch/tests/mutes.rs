//! Inhibition, silences and time intervals.

use super::*;

const INHIBIT: &str = "
route: {receiver: w, group_wait: 1s, group_interval: 1s, repeat_interval: 1s}
receivers: [{name: w, webhook_configs: [{url: 'http://w'}]}]
inhibit_rules:
- {source_match: {alertname: JobDown}, target_match: {alertname: InstanceDown}, equal: [job, zone]}
";

#[test]
fn targets_are_not_told_while_a_source_fires() {
    let mut world = World::new(INHIBIT);
    world.at(1.0).post([
        alert("alertname=test1,job=j,zone=aa"),
        alert("alertname=InstanceDown,job=j,zone=aa"),
        alert("alertname=InstanceDown,job=j,zone=ab"),
    ]);
    world.at(2.2).post([alert("alertname=JobDown,job=j,zone=aa")]);
    world.at(3.6).post([alert("alertname=JobDown,job=j,zone=aa").starts(2.2).ends(3.6)]);
    world.at(4.5).want(&[
        "w@2 {alertname=InstanceDown,job=j,zone=aa@1} {alertname=InstanceDown,job=j,zone=ab@1} {alertname=test1,job=j,zone=aa@1}",
        "w@3 {alertname=InstanceDown,job=j,zone=ab@1} {alertname=JobDown,job=j,zone=aa@2.2} {alertname=test1,job=j,zone=aa@1}",
        "w@4 {alertname=InstanceDown,job=j,zone=aa@1} {alertname=InstanceDown,job=j,zone=ab@1} {alertname=JobDown,job=j,zone=aa@2.2→3.6} {alertname=test1,job=j,zone=aa@1}",
    ]);
}

#[test]
fn a_target_inhibited_all_along_shows_up_with_its_end() {
    let mut world = World::new(INHIBIT);
    world
        .at(1.0)
        .post([alert("alertname=InstanceDown,job=j,zone=aa"), alert("alertname=JobDown,job=j,zone=aa")]);
    world.at(2.6).post([
        alert("alertname=JobDown,job=j,zone=aa").starts(1.0).ends(2.6),
        alert("alertname=InstanceDown,job=j,zone=aa").starts(1.0).ends(2.6),
    ]);
    world.at(5.0).want(&[
        "w@2 {alertname=JobDown,job=j,zone=aa@1}",
        "w@3 {alertname=InstanceDown,job=j,zone=aa@1→2.6} {alertname=JobDown,job=j,zone=aa@1→2.6}",
    ]);
}

#[test]
fn an_alert_on_both_sides_is_not_inhibited_by_its_like() {
    let mut world = World::new(
        "route: {receiver: w, group_by: [alertname], group_wait: 1s}
receivers: [{name: w, webhook_configs: [{url: 'http://w'}]}]
inhibit_rules:
- {source_match: {severity: critical}, target_match_re: {severity: critical|warning}, equal: [alertname]}",
    );
    world.at(1.0).post([alert("alertname=a,severity=critical"), alert("alertname=a,severity=warning")]);
    world.at(3.0).want(&["w@2 {alertname=a,severity=critical@1}"]);
    assert!(world.kinds().contains(&"inhibited".to_owned()));
}

#[test]
fn labels_missing_on_both_sides_count_as_equal() {
    let mut world = World::new(
        "route: {receiver: w, group_by: [alertname], group_wait: 1s}
receivers: [{name: w, webhook_configs: [{url: 'http://w'}]}]
inhibit_rules:
- {source_match: {severity: critical}, target_match: {severity: warning}, equal: [nolabel]}",
    );
    world.at(1.0).post([alert("alertname=a,severity=critical"), alert("alertname=b,severity=warning")]);
    world.at(3.0).want(&["w@2 {alertname=a,severity=critical@1}"]);
}

#[test]
fn silences_hold_back_between_start_and_end() {
    let mut world = world("group_wait: 1s, group_interval: 1s, repeat_interval: 1ms");
    world.at(1.0).post([alert("alertname=test1"), alert("alertname=test2")]);
    world.at(2.3).silence(2.5, 4.5, "alertname=test1");
    world.at(5.5).want(&[
        "w@2 {alertname=test1@1} {alertname=test2@1}",
        "w@3 {alertname=test2@1}",
        "w@4 {alertname=test2@1}",
        "w@5 {alertname=test1@1} {alertname=test2@1}",
    ]);
    let told = world.kinds();
    for kind in ["silence_began", "silenced", "silence_ended", "unmuted"] {
        assert!(told.iter().any(|known| known == kind), "{kind} is missing in {told:?}");
    }
}

#[test]
fn an_ended_silence_frees_at_the_next_flush() {
    let mut world = world("group_wait: 1s, group_interval: 1s, repeat_interval: 1ms");
    world.at(1.0).post([alert("alertname=test1")]);
    let id = world.at(1.3).silence(1.5, 100.0, "alertname=~.+");
    world.at(3.5).expire(&id).at(4.5).want(&["w@4 {alertname=test1@1}"]);
}

#[test]
fn an_end_under_a_silence_is_told_when_the_silence_ends() {
    let mut world = world("group_by: [alertname], group_wait: 1s, group_interval: 2s");
    world.at(1.0).post([alert("alertname=t").starts(1.0)]);
    let id = world.at(2.6).silence(2.6, 100.0, "alertname=t");
    world.at(3.0).post([alert("alertname=t").starts(1.0).ends(2.9)]);
    world.at(5.5).expire(&id).at(9.0).want(&["w@2 {alertname=t@1}", "w@6 {alertname=t@1→2.9}"]);
    assert!(world.disk.alerts.is_empty(), "told and forgotten");
}

#[test]
fn what_was_never_told_is_forgotten_under_a_silence() {
    let mut world = world("group_by: [alertname], group_wait: 1s, group_interval: 2s");
    let id = world.at(0.5).silence(0.5, 100.0, "alertname=t");
    world.at(1.0).post([alert("alertname=t").starts(1.0)]);
    world.at(3.0).post([alert("alertname=t").starts(1.0).ends(2.9)]);
    world.at(5.5).expire(&id).at(9.0).want(&[]);
    assert!(world.disk.alerts.is_empty());
}

#[test]
fn time_intervals_mute_routes() {
    let mut world = World::new(
        "route:
  receiver: w
  group_wait: 1s
  group_interval: 1s
  routes:
  - {receiver: w, match: {m: '1'}, mute_time_intervals: [always]}
  - {receiver: w2, match: {m: '2'}, active_time_intervals: [always]}
  - {receiver: w2, match: {m: '3'}, active_time_intervals: [never]}
receivers: [{name: w, webhook_configs: [{url: 'http://w'}]}, {name: w2, webhook_configs: [{url: 'http://w'}]}]
time_intervals: [{name: always, time_intervals: [{}]}, {name: never, time_intervals: [{years: ['1999']}]}]",
    );
    world.at(1.0).post([alert("alertname=a,m=1"), alert("alertname=b,m=2"), alert("alertname=c,m=3")]);
    world.at(4.0).want(&["w2@2 {alertname=b,m=2@1}"]);
    let muted =
        world.machine.groups(&crate::view::AlertFilter { muted: false, ..Default::default() }, world.now);
    assert_eq!(muted.len(), 1, "only the group that is not muted");
}

#[test]
fn the_office_opens_in_its_own_time_zone() {
    let mut world = World::new(
        "route:
  receiver: w
  group_interval: 1m
  routes: [{receiver: w, matchers: [a=b], active_time_intervals: [office], group_wait: 0s}]
receivers: [{name: w, webhook_configs: [{url: 'http://w'}]}]
time_intervals:
- name: office
  time_intervals:
  - {times: [{start_time: '09:00', end_time: '17:00'}], weekdays: ['monday:friday'], location: Europe/Berlin}",
    );
    // The clock starts on Monday, 2026-01-05T00:00:00Z; Berlin is one hour ahead.
    world.at(7.5 * 3600.0).post([alert("a=b").starts(7.5 * 3600.0).ends(9.0 * 3600.0)]);
    world.at(9.0 * 3600.0 - 1.0).want(&["w@28800 {a=b@27000}"]);
}
