//! Alerts that somebody has taken on.

use super::*;

const ROUTE: &str = "group_by: [g], group_wait: 1s, group_interval: 5s, repeat_interval: 10s";

impl World {
    fn acknowledge(&mut self, labels: &str, until: Option<f64>) -> Result<(), AcknowledgeError> {
        let fingerprint = Labels::from_pairs(pairs(labels)).fingerprint();
        let acknowledgement = Acknowledgement {
            by: "ann".to_owned(),
            comment: "on it".to_owned(),
            at: self.now,
            until: until.map(at),
        };
        let effects = self.machine.acknowledge(self.now, &[fingerprint], acknowledgement)?;
        self.carry_out(effects);
        Ok(())
    }

    fn firing(&mut self, labels: &str) {
        self.post([alert(labels).starts(1.0).ends(1000.0)]);
    }

    fn times(&self) -> Vec<f64> {
        self.deliveries.iter().map(|delivery| secs(delivery.notification.at)).collect()
    }
}

#[test]
fn nobody_is_reminded_of_an_alert_that_somebody_took_on_even_after_a_kill() {
    let mut world = world(ROUTE);
    world.at(1.0).firing("alertname=a");
    world.at(3.0).acknowledge("alertname=a", None).unwrap();
    world.at(20.0).restart().at(100.0);
    assert_eq!(world.times(), [2.0]);
    let shown = world.machine.alert_views(world.now);
    assert_eq!(shown[0].acknowledgement.as_ref().unwrap().by, "ann");
    assert!(world.kinds().contains(&"acknowledged".to_owned()));
}

#[test]
fn reminders_begin_again_at_the_time_that_was_named() {
    let mut world = world(ROUTE);
    world.at(1.0).firing("alertname=a");
    world.at(3.0).acknowledge("alertname=a", Some(40.0)).unwrap();
    world.at(50.0);
    assert_eq!(world.times(), [2.0, 42.0]);
    assert!(world.machine.alert_views(world.now)[0].acknowledgement.is_none());
}

#[test]
fn another_alert_of_the_group_and_the_end_are_told_all_the_same() {
    let mut world = world(ROUTE);
    world.at(1.0).firing("alertname=a");
    world.at(3.0).acknowledge("alertname=a", None).unwrap();
    world.at(20.0).firing("alertname=b");
    world.at(30.0).post([alert("alertname=b").starts(1.0).ends(30.0)]);
    world.at(40.0).post([alert("alertname=a").starts(1.0).ends(39.0)]).at(60.0);
    assert_eq!(world.times(), [2.0, 22.0, 32.0, 42.0]);
    let episode = world.episodes.last().unwrap();
    assert_eq!(episode.acknowledgement.as_ref().unwrap().comment, "on it");
    assert!(world.disk.acknowledgements.is_empty(), "nobody is in charge of what is over");
}

#[test]
fn the_next_episode_is_nobodys() {
    let mut world = world(ROUTE);
    world.at(1.0).firing("alertname=a");
    world.at(3.0).acknowledge("alertname=a", None).unwrap();
    world.at(10.0).post([alert("alertname=a").starts(1.0).ends(9.0)]);
    world.at(30.0).post([alert("alertname=a").starts(30.0).ends(1000.0)]).at(50.0);
    assert_eq!(world.times(), [2.0, 12.0, 31.0, 46.0]);
}

#[test]
fn given_back_it_is_repeated_again() {
    let mut world = world(ROUTE);
    world.at(1.0).firing("alertname=a");
    world.at(3.0).acknowledge("alertname=a", None).unwrap();
    world.at(20.0);
    let effects =
        world.machine.unacknowledge(at(20.0), &[Labels::from_pairs(pairs("alertname=a")).fingerprint()]);
    world.carry_out(effects);
    world.at(23.0);
    assert_eq!(world.times(), [2.0, 22.0]);
}

#[test]
fn what_does_not_fire_cannot_be_taken_on() {
    let mut world = world(ROUTE);
    let fingerprint = Labels::from_pairs(pairs("alertname=a")).fingerprint();
    assert_eq!(world.acknowledge("alertname=a", None), Err(AcknowledgeError::NotFiring(fingerprint)));
    world.at(1.0).firing("alertname=a");
    assert_eq!(world.acknowledge("alertname=a", Some(1.0)), Err(AcknowledgeError::InThePast));
}
