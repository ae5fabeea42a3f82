//! The first moments after a start.

use super::*;

const INHIBITING: &str = "
route: {receiver: w, group_by: [alertname], group_wait: 0s, group_interval: 5s}
receivers: [{name: w, webhook_configs: [{url: 'http://w'}]}]
inhibit_rules: [{source_match: {s: c}, target_match: {s: w}}]
";

fn starting(rules_within: u64) -> World {
    let start = Start { rules_within: Duration::from_secs(rules_within), ..Start::default() };
    World::starting(INHIBITING, start)
}

fn rules_evaluated(world: &mut World) {
    let effects = world.machine.step(world.now, Input::RulesEvaluated);
    world.carry_out(effects);
}

#[test]
fn an_alert_whose_source_is_evaluated_later_does_not_leak() {
    let mut world = starting(60);
    world.at(1.0).post([alert("alertname=a,s=w")]);
    world.at(2.0).post([alert("alertname=z,s=c")]);
    rules_evaluated(&mut world);
    world.at(30.0).want(&["w@2 {alertname=z,s=c@2}"]);
}

#[test]
fn what_nothing_inhibits_is_told_as_soon_as_all_rules_are_evaluated_or_the_time_is_over() {
    let mut world = starting(60);
    world.at(1.0).post([alert("alertname=a,s=w")]);
    world.at(3.0);
    rules_evaluated(&mut world);
    world.at(4.0).want(&["w@3 {alertname=a,s=w@1}"]);
    let mut world = starting(60);
    world.at(1.0).post([alert("alertname=a,s=w")]).at(100.0);
    assert_eq!(world.sent(), ["w@60 {alertname=a,s=w@1}"]);
}

#[test]
fn what_cannot_be_inhibited_does_not_wait() {
    let mut world = starting(60);
    world.at(1.0).post([alert("alertname=a,s=x")]).at(2.0).want(&["w@1 {alertname=a,s=x@1}"]);
}

#[test]
fn a_delay_at_start_holds_everything() {
    let mut world = World::starting(INHIBITING, Start { delay: Duration::from_secs(5), ..Start::default() });
    world.at(1.0).post([alert("alertname=a,s=x")]).at(10.0).want(&["w@5 {alertname=a,s=x@1}"]);
}

#[test]
fn a_group_that_was_looked_at_since_is_not_looked_at_again_when_rules_are_evaluated() {
    let start =
        Start { delay: Duration::from_secs(5), rules_within: Duration::from_secs(60), ..Start::default() };
    let mut world = World::starting(INHIBITING, start);
    world.at(1.0).post([alert("alertname=a,s=x")]);
    world.at(6.0).post([alert("alertname=a,s=x,n=2")]);
    rules_evaluated(&mut world);
    world.at(9.9).want(&["w@5 {alertname=a,s=x@1}"]);
    world.at(10.0);
    assert_eq!(world.sent().len(), 2, "at its interval");
}

#[test]
fn a_clock_that_goes_back_does_not_make_the_hold_longer() {
    let mut world = starting(60);
    world.at(1.0).post([alert("alertname=a,s=w")]);
    world.at(2.0);
    world.now = at(-3600.0);
    let effects = world.machine.step(world.now, Input::Wake);
    world.carry_out(effects);
    world.at(-3600.0 + 61.0);
    assert_eq!(world.sent().len(), 1);
}
