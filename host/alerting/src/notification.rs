//! One message about one group: the alerts in order and what they have in common.

use std::cmp::Ordering;

use bellwether_model::alert::{Alert, AlertStatus};
use bellwether_model::labels::Labels;
use bellwether_model::receiver::{FingerprintText, NotifiedAlert};

/// The alerts of a message with what the flush has decided about each, ordered by job, instance and labels; `max` keeps
/// the first ones. Returns how many were left out, too.
pub fn notified_alerts(mut told: Vec<(Alert, AlertStatus)>, max: Option<usize>) -> (Vec<NotifiedAlert>, u32) {
    told.sort_by(|(a, _), (b, _)| order(&a.labels, &b.labels));
    let keep = max.unwrap_or(usize::MAX).min(told.len());
    let left_out = u32::try_from(told.len() - keep).unwrap_or(u32::MAX);
    (told.into_iter().take(keep).map(|(alert, status)| notified(alert, status)).collect(), left_out)
}

fn notified(alert: Alert, status: AlertStatus) -> NotifiedAlert {
    NotifiedAlert {
        fingerprint: FingerprintText(alert.fingerprint()),
        status,
        labels: alert.labels,
        annotations: alert.annotations,
        starts_at: alert.starts_at,
        ends_at: (status == AlertStatus::Resolved).then_some(alert.ends_at),
        value: alert.value,
        generator_url: alert.generator_url,
    }
}

/// Job, instance, then fewer labels first, then label after label, as Alertmanager orders alerts.
pub fn order(a: &Labels, b: &Labels) -> Ordering {
    let by = |name: &str| a.value(name).cmp(b.value(name));
    by("job").then_with(|| by("instance")).then_with(|| a.len().cmp(&b.len())).then_with(|| a.cmp(b))
}

/// Firing as long as one of them is.
pub fn status_of(alerts: &[NotifiedAlert]) -> AlertStatus {
    let firing = alerts.iter().any(|alert| alert.status == AlertStatus::Firing);
    if firing { AlertStatus::Firing } else { AlertStatus::Resolved }
}

/// Labels that all of the sets share.
pub fn common<'a>(sets: impl IntoIterator<Item = &'a Labels>) -> Labels {
    let mut sets = sets.into_iter();
    let Some(first) = sets.next() else {
        return Labels::empty();
    };
    sets.fold(first.clone(), |common, set| {
        if common.iter().all(|label| set.get(&label.name) == Some(&*label.value)) {
            return common;
        }
        common.filtered(|name| set.get(name).is_some() && set.get(name) == common.get(name))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_labels_are_those_with_one_value() {
        let sets = [
            Labels::from_pairs([("a", "1"), ("b", "2"), ("c", "3")]),
            Labels::from_pairs([("a", "1"), ("b", "x"), ("c", "3")]),
            Labels::from_pairs([("a", "1"), ("b", "2")]),
        ];
        assert_eq!(common(&sets), Labels::from_pairs([("a", "1")]));
        assert_eq!(common(&[]), Labels::empty());
    }

    #[test]
    fn job_and_instance_go_first() {
        let of = |pairs: &[(&str, &str)]| Labels::from_pairs(pairs.iter().copied());
        let mut sets = [
            of(&[("job", "b"), ("instance", "1")]),
            of(&[("z", "1")]),
            of(&[("a", "9"), ("z", "1")]),
            of(&[("job", "a"), ("instance", "2")]),
        ];
        sets.sort_by(order);
        let first: Vec<&str> = sets.iter().map(|labels| labels.value("job")).collect();
        assert_eq!(first, ["", "", "a", "b"]);
        assert_eq!(sets[0], of(&[("z", "1")]), "fewer labels first");
    }
}
