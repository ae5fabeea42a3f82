//! Random lives of alerts with kills, reloads and silences: whoever was told of an alert is told of its end, and
//! nobody is told the same twice within the repeat interval.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

#[derive(Debug, Clone)]
enum Action {
    Fire(u8),
    Resolve(u8),
    Silence(u8, u8),
    Kill,
    Reload,
    /// The last message is given up, if it told of nothing that is over.
    Refuse,
    Acknowledge(u8),
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        4 => (0_u8..6).prop_map(Action::Fire),
        3 => (0_u8..6).prop_map(Action::Resolve),
        1 => (0_u8..6, 1_u8..20).prop_map(|(n, secs)| Action::Silence(n, secs)),
        1 => Just(Action::Kill),
        1 => Just(Action::Reload),
        1 => Just(Action::Refuse),
        1 => (0_u8..6).prop_map(Action::Acknowledge),
    ]
}

const CONFIG: &str = "
global: {resolve_timeout: 20s}
route: {receiver: w, group_by: [g], group_wait: 1s, group_interval: 3s, repeat_interval: 1h}
receivers: [{name: w, webhook_configs: [{url: 'http://w'}]}]
";

fn name(n: u8) -> Post {
    alert(&format!("alertname=a{n},g={}", n % 2))
}

/// As the outbox does when it gives the newest message about a group up.
fn refuse_last(world: &mut World) {
    let tells_of_ends =
        |own: &Delivery| own.notification.alerts.iter().any(|alert| alert.status == AlertStatus::Resolved);
    let Some(refused) = world.deliveries.pop_if(|own| !tells_of_ends(own)) else { return };
    let told = &refused.notification;
    let dead = DeadDelivery {
        group_key: told.group_key.clone(),
        receiver: told.receiver.clone(),
        integration: 0,
        at: told.at,
    };
    if !world.machine.delivery_failed(&dead) {
        return;
    }
    let key = (dead.group_key, dead.receiver, 0);
    let entry = world.disk.log.get_mut(&key).unwrap();
    if entry.before.is_empty() {
        world.disk.log.remove(&key);
    } else {
        entry.at = NotificationLogEntry::LOST;
        entry.firing.clone_from(&entry.before);
        entry.resolved.clear();
    }
}

fn acknowledge(world: &mut World, n: u8) {
    let fingerprint = Labels::from_pairs(name(n).labels).fingerprint();
    let acknowledgement =
        Acknowledgement { by: "ann".to_owned(), comment: String::new(), at: world.now, until: None };
    if let Ok(effects) = world.machine.acknowledge(world.now, &[fingerprint], acknowledgement) {
        world.carry_out(effects);
    }
}

fn live(actions: &[(u8, Action)]) -> World {
    let mut world = World::new(CONFIG);
    let mut clock = 0.0;
    for (wait, action) in actions {
        clock += f64::from(*wait) * 0.7;
        world.at(clock);
        match action {
            Action::Fire(n) => drop(world.post([name(*n).starts(clock)])),
            Action::Resolve(n) => drop(world.post([name(*n).starts(clock - 0.1).ends(clock)])),
            Action::Silence(n, secs) => {
                drop(world.silence(clock, clock + f64::from(*secs), &format!("alertname=a{n}")));
            }
            Action::Kill => drop(world.restart()),
            Action::Reload => drop(world.reload(CONFIG)),
            Action::Refuse => refuse_last(&mut world),
            Action::Acknowledge(n) => acknowledge(&mut world, *n),
        }
    }
    // Everything times out, every silence ends.
    world.at(clock + 200.0);
    world
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_told_alert_is_told_to_be_over(actions in prop::collection::vec((0_u8..6, action()), 1..40)) {
        let world = live(&actions);
        let mut open = BTreeSet::new();
        for delivery in &world.deliveries {
            for alert in &delivery.notification.alerts {
                match alert.status {
                    AlertStatus::Firing => open.insert(alert.labels.clone()),
                    AlertStatus::Resolved => open.remove(&alert.labels),
                };
            }
        }
        prop_assert!(open.is_empty(), "never told to be over: {open:?} in {:#?}", world.sent());
        prop_assert_eq!(world.machine.sizes(), (0, 0));
        prop_assert!(world.disk.alerts.is_empty() && world.disk.acknowledgements.is_empty());
    }

    #[test]
    fn no_two_messages_in_a_row_say_the_same(
        mut actions in prop::collection::vec((0_u8..6, action()), 1..40),
    ) {
        // After a message that was lost the one before it is said again.
        actions.retain(|(_, action)| !matches!(action, Action::Refuse));
        let world = live(&actions);
        let mut last: FxHashMap<String, Vec<(Labels, AlertStatus)>> = FxHashMap::default();
        let mut ids = BTreeSet::new();
        for delivery in &world.deliveries {
            let notification = &delivery.notification;
            let said: Vec<_> = notification.alerts.iter().map(|own| (own.labels.clone(), own.status)).collect();
            let before = last.insert(notification.group_key.clone(), said.clone());
            prop_assert!(before != Some(said), "twice: {:#?}", world.sent());
            prop_assert!(ids.insert(delivery.id.clone()), "id {} twice", delivery.id);
        }
    }
}
