//! Receivers that cannot be reached: who is told instead, and the alert that the host raises about it itself.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bellwether_model::state::{Delivery, DeliveryOutcome, InsteadOf};
use bellwether_model::{Alert, Labels, Timestamp};

use super::receivers::Fallback;

/// A message that waits for so long is told to the fallback, and an alert is raised about its receiver.
const PATIENCE: Duration = Duration::from_secs(300);
/// How long that alert fires after the last failure.
const ALERT_LASTS: Duration = Duration::from_secs(3600);

/// The name of the alert.
const ALERT_NAME: &str = "NotificationFailed";

/// What others are told instead of the receiver of a message, now that an attempt has ended: nothing while it may still
/// get there soon. Always the same for the same message, so that it may be asked after each attempt.
pub(super) fn instead(
    delivery: &Delivery,
    outcome: &DeliveryOutcome,
    fallback: Option<&Fallback>,
    now: Timestamp,
) -> Vec<Delivery> {
    let (true, Some(fallback)) = (is_serious(delivery, outcome, now), fallback) else {
        return Vec::new();
    };
    let origin =
        InsteadOf { receiver: delivery.notification.receiver.clone(), integration: delivery.integration };
    let of = |(index, kind): (u32, &String)| {
        let mut notification = delivery.notification.clone();
        notification.receiver.clone_from(&fallback.receiver);
        Delivery {
            id: format!("{}-instead-{}-{index}", delivery.id, delivery.integration),
            integration: index,
            kind: kind.clone(),
            notification,
            instead_of: Some(delivery.instead_of.clone().unwrap_or_else(|| origin.clone())),
            attempts: 0,
            not_before: now,
        }
    };
    (0..).zip(&fallback.kinds).map(of).collect()
}

fn is_serious(delivery: &Delivery, outcome: &DeliveryOutcome, now: Timestamp) -> bool {
    match outcome {
        DeliveryOutcome::Delivered(_) => false,
        DeliveryOutcome::RetryAt(..) => now.since(delivery.notification.at) >= PATIENCE,
        DeliveryOutcome::Dead(_) => true,
    }
}

/// Which integrations cannot be reached, as the host has said in alerts of its own.
#[derive(Debug, Default)]
pub struct Failing(Mutex<BTreeMap<(String, u32), Alert>>);

impl Failing {
    /// The alert that has to be told to routing after an attempt, if any: that a receiver cannot be reached, or can be
    /// again.
    pub(super) fn alert_after(
        &self,
        delivery: &Delivery,
        outcome: &DeliveryOutcome,
        now: Timestamp,
    ) -> Option<Alert> {
        let mut failing = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (delivery.notification.receiver.clone(), delivery.integration);
        let error = match outcome {
            DeliveryOutcome::Delivered(_) => {
                let alert = failing.remove(&key)?;
                return Some(Alert { ends_at: now, ends_by_timeout: false, updated_at: now, ..alert });
            }
            _ if !is_serious(delivery, outcome, now) => return None,
            DeliveryOutcome::RetryAt(_, error) | DeliveryOutcome::Dead(error) => error,
        };
        let starts_at = failing.get(&key).map_or(now, |known| known.starts_at);
        let alert = alert(delivery, error, starts_at, now);
        failing.insert(key, alert.clone());
        Some(alert)
    }
}

fn alert(delivery: &Delivery, error: &str, starts_at: Timestamp, now: Timestamp) -> Alert {
    let receiver = &delivery.notification.receiver;
    let kind = &delivery.kind;
    Alert {
        labels: Labels::from_pairs([
            ("alertname", ALERT_NAME),
            ("severity", "critical"),
            ("receiver", receiver),
            ("integration", kind),
        ]),
        annotations: Labels::from_pairs([
            ("summary", format!("Messages to receiver {receiver} do not get there by {kind}")),
            ("description", error.to_owned()),
        ]),
        starts_at,
        ends_at: now + ALERT_LASTS,
        ends_by_timeout: true,
        updated_at: now,
        generator_url: String::new(),
        value: None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::{DECIDED_AT, delivery};
    use super::*;

    fn retry() -> DeliveryOutcome {
        DeliveryOutcome::RetryAt(Timestamp::MAX, "503".to_owned())
    }

    fn fallback() -> Fallback {
        Fallback { receiver: "others".to_owned(), kinds: vec!["inbox".to_owned(), "email".to_owned()] }
    }

    #[test]
    fn others_are_told_when_a_message_is_given_up_or_waits_too_long() {
        let delivery = delivery("1", "team");
        let told = |outcome: &DeliveryOutcome, after: Duration| {
            instead(&delivery, outcome, Some(&fallback()), DECIDED_AT + after)
        };
        assert_eq!(told(&retry(), PATIENCE - Duration::from_secs(1)), []);
        assert_eq!(told(&DeliveryOutcome::Delivered(None), PATIENCE), []);
        let late = told(&retry(), PATIENCE);
        let given_up = told(&DeliveryOutcome::Dead("400".to_owned()), Duration::ZERO);
        let ids = |all: &[Delivery]| all.iter().map(|own| own.id.clone()).collect::<Vec<_>>();
        assert_eq!(ids(&late), ["1-instead-0-0", "1-instead-0-1"]);
        assert_eq!(ids(&late), ids(&given_up), "told once");
        assert_eq!((late[1].kind.as_str(), late[1].notification.receiver.as_str()), ("email", "others"));
        assert_eq!(instead(&delivery, &retry(), None, Timestamp::MAX), []);
    }

    #[test]
    fn the_fallback_of_a_fallback_stands_in_for_the_first_one() {
        let mut delivery = delivery("1", "team");
        let first = InsteadOf { receiver: "origin".to_owned(), integration: 3 };
        delivery.instead_of = Some(first.clone());
        let dead = DeliveryOutcome::Dead("400".to_owned());
        assert_eq!(instead(&delivery, &dead, Some(&fallback()), DECIDED_AT)[0].instead_of, Some(first));
    }

    #[test]
    fn an_alert_tells_of_a_receiver_until_it_takes_a_message_again() {
        let (failing, delivery) = (Failing::default(), delivery("1", "team"));
        assert_eq!(failing.alert_after(&delivery, &retry(), DECIDED_AT), None);
        let late = DECIDED_AT + PATIENCE;
        let alert = failing.alert_after(&delivery, &retry(), late).unwrap();
        assert_eq!((alert.name(), alert.labels.value("receiver")), (ALERT_NAME, "team"));
        assert!(!alert.is_resolved(late));
        let again = failing.alert_after(&delivery, &retry(), late + PATIENCE).unwrap();
        assert_eq!(again.starts_at, late, "the same episode");
        let done = DeliveryOutcome::Delivered(None);
        let over = failing.alert_after(&delivery, &done, late + PATIENCE * 2).unwrap();
        assert!(over.is_resolved(late + PATIENCE * 2) && over.labels == alert.labels);
        assert_eq!(failing.alert_after(&delivery, &done, late + PATIENCE * 3), None);
    }
}
