//! Whether a group has to be told about again: a pure function of what was told and what is.

use std::time::Duration;

use bellwether_model::Timestamp;
use bellwether_model::receiver::NotificationReason;

/// What was told last.
#[derive(Debug, Clone, Copy)]
pub struct LastTold<'a> {
    /// When.
    pub at: Timestamp,
    /// Identities of the alerts told as firing, sorted.
    pub firing: &'a [u64],
    /// Identities of the alerts told as resolved, sorted.
    pub resolved: &'a [u64],
}

/// What a flush would tell, and when.
#[derive(Debug, Clone, Copy)]
pub struct Telling<'a> {
    /// Identities of the alerts that fire, sorted.
    pub firing: &'a [u64],
    /// Identities of the alerts that are over, sorted.
    pub resolved: &'a [u64],
    /// Whether the integration wants to hear of alerts that are over.
    pub send_resolved: bool,
    /// After how long to tell the same again; none where somebody has acknowledged all that fires.
    pub repeat_interval: Option<Duration>,
    /// The time of the flush.
    pub now: Timestamp,
}

/// Why to tell, or none: the decision table of Alertmanager's dedup stage, row by row.
///
/// "All resolved" comes whether or not the integration wants to hear of it, so that the log forgets the firing alerts;
/// whoever sends has to look at `send_resolved` again.
pub fn reason_to_notify(last: Option<LastTold<'_>>, telling: Telling<'_>) -> Option<NotificationReason> {
    let Some(last) = last else {
        return (!telling.firing.is_empty()).then_some(NotificationReason::First);
    };
    if !is_subset(telling.firing, last.firing) {
        let first = last.firing.is_empty();
        return Some(if first { NotificationReason::First } else { NotificationReason::NewAlerts });
    }
    if telling.firing.is_empty() {
        return (!last.firing.is_empty()).then_some(NotificationReason::AllResolved);
    }
    if telling.send_resolved && !is_subset(telling.resolved, last.resolved) {
        return Some(NotificationReason::SomeResolved);
    }
    let repeats_at = last.at + telling.repeat_interval?;
    (repeats_at < telling.now).then_some(NotificationReason::Repeat)
}

/// Whether all of `part` is in `whole`; both sorted.
fn is_subset(part: &[u64], whole: &[u64]) -> bool {
    part.len() <= whole.len() && part.iter().all(|id| whole.binary_search(id).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told<'a>(firing: &'a [u64], resolved: &'a [u64], at: i64) -> LastTold<'a> {
        LastTold { at: Timestamp::from_millis(at), firing, resolved }
    }

    fn reason(
        last: Option<LastTold<'_>>,
        firing: &[u64],
        resolved: &[u64],
        send_resolved: bool,
    ) -> Option<NotificationReason> {
        let repeat_interval = Some(Duration::from_millis(1000));
        let now = Timestamp::from_millis(1500);
        reason_to_notify(last, Telling { firing, resolved, send_resolved, repeat_interval, now })
    }

    #[test]
    fn follows_the_table() {
        use NotificationReason::{AllResolved, First, NewAlerts, Repeat, SomeResolved};
        assert_eq!(reason(None, &[], &[1], true), None);
        assert_eq!(reason(None, &[1], &[], true), Some(First));
        assert_eq!(reason(Some(told(&[], &[1], 1000)), &[1], &[], true), Some(First));
        assert_eq!(reason(Some(told(&[1], &[], 1000)), &[1, 2], &[], true), Some(NewAlerts));
        assert_eq!(reason(Some(told(&[1], &[], 1000)), &[], &[1], false), Some(AllResolved));
        assert_eq!(reason(Some(told(&[], &[1], 0)), &[], &[1], true), None);
        assert_eq!(reason(Some(told(&[1, 2], &[], 1000)), &[1], &[2], true), Some(SomeResolved));
        assert_eq!(reason(Some(told(&[1, 2], &[], 1000)), &[1], &[2], false), None);
        assert_eq!(reason(Some(told(&[1, 2], &[2], 1000)), &[1], &[2], true), None);
        assert_eq!(reason(Some(told(&[1], &[], 499)), &[1], &[], true), Some(Repeat));
        assert_eq!(reason(Some(told(&[1], &[], 500)), &[1], &[], true), None);
    }

    #[test]
    fn what_is_acknowledged_is_not_repeated_but_news_are_told() {
        let telling = |firing| Telling {
            firing,
            resolved: &[],
            send_resolved: true,
            repeat_interval: None,
            now: Timestamp::MAX,
        };
        assert_eq!(reason_to_notify(Some(told(&[1], &[], 0)), telling(&[1])), None);
        let news = reason_to_notify(Some(told(&[1], &[], 0)), telling(&[1, 2]));
        assert_eq!(news, Some(NotificationReason::NewAlerts));
    }
}
