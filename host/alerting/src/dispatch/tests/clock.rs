//! Clocks that jump.

use super::*;

const ROUTE: &str = "group_by: [alertname], group_wait: 1s, group_interval: 10s, repeat_interval: 4h";
const HOUR: f64 = 3600.0;

/// A sender that says of five alerts, every ten seconds, that they fire, with ends four minutes ahead on its own clock.
fn refresh(world: &mut World, firing: bool) {
    let now = secs(world.now);
    let ends = if firing { now + 240.0 } else { now };
    world.post((0..5).map(|n| alert(&format!("alertname=a{n}")).starts(0.0).ends(ends)));
}

fn jump(world: &mut World, by: f64) {
    world.now = at(secs(world.now) + by);
    let effects = world.machine.step(world.now, Input::Wake);
    world.carry_out(effects);
}

fn live(world: &mut World, from: f64, seconds: u32) {
    for second in (0..seconds).step_by(10) {
        world.at(from + f64::from(second));
        refresh(world, true);
    }
}

#[test]
fn an_hour_ahead_ends_nothing_that_is_still_heard_of() {
    let mut world = world(ROUTE);
    live(&mut world, 1.0, 60);
    assert_eq!(world.sent().len(), 5);
    jump(&mut world, HOUR);
    live(&mut world, HOUR + 70.0, 120);
    assert_eq!(world.sent().len(), 5, "{:?}", world.sent());
    refresh(&mut world, false);
    world.at(HOUR + 300.0);
    assert_eq!(world.sent().len(), 10, "and each end is told");
}

#[test]
fn what_is_not_heard_of_after_a_sleep_ends() {
    let mut world = World::new(
        "global: {resolve_timeout: 5m}
route: {receiver: w, group_by: [alertname], group_wait: 1s, group_interval: 10s}
receivers: [{name: w, webhook_configs: [{url: 'http://w'}]}]",
    );
    live(&mut world, 1.0, 60);
    jump(&mut world, HOUR);
    world.at(HOUR + 340.0);
    assert_eq!(world.sent().len(), 5);
    world.at(HOUR + 400.0);
    assert_eq!(world.sent().len(), 10);
}

#[test]
fn an_hour_back_news_are_told_as_soon_as_ever() {
    let mut world = world(ROUTE);
    live(&mut world, HOUR, 60);
    assert_eq!(world.sent().len(), 5);
    jump(&mut world, -HOUR);
    refresh(&mut world, true);
    world.post([alert("alertname=new")]);
    let now = secs(world.now);
    world.at(now + 2.0);
    assert_eq!(world.sent().len(), 6, "a new group");
    refresh(&mut world, false);
    world.at(now + 20.0);
    assert_eq!(world.sent().len(), 11, "and each end: {:?}", world.sent());
}
