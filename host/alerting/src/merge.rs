//! What becomes of an alert when it is heard of again: one episode goes on, or another one begins.

use bellwether_model::{Alert, Timestamp};

/// Joins what is known of an alert with news about it. Both have the same labels.
///
/// As Alertmanager: when the two spans of time overlap they are one episode, otherwise the news replaces what was known.
pub fn merge(known: &Alert, news: Alert, now: Timestamp) -> Alert {
    let overlaps = news.ends_at > known.starts_at && news.starts_at < known.ends_at;
    if overlaps { merge_episode(known, news, now) } else { news }
}

/// Within one episode: the earliest start; the later of two ends that are over; an end that somebody named outlives
/// one that only follows from the resolve timeout.
fn merge_episode(known: &Alert, news: Alert, now: Timestamp) -> Alert {
    let (older, newer) = if news.updated_at < known.updated_at { (&news, known) } else { (known, &news) };
    let mut merged = newer.clone();
    merged.starts_at = older.starts_at.min(newer.starts_at);
    if newer.is_resolved(now) {
        if older.is_resolved(now) && older.ends_at > newer.ends_at {
            merged.ends_at = older.ends_at;
        }
    } else if older.ends_at > newer.ends_at && !older.ends_by_timeout {
        merged.ends_at = older.ends_at;
        merged.ends_by_timeout = older.ends_by_timeout;
    }
    merged.value = newer.value.or(older.value);
    merged
}

#[cfg(test)]
mod tests {
    use bellwether_model::Labels;

    use super::*;

    fn alert(starts: i64, ends: i64, updated: i64) -> Alert {
        Alert {
            labels: Labels::from_pairs([("alertname", "x")]),
            annotations: Labels::empty(),
            starts_at: Timestamp::from_millis(starts),
            ends_at: Timestamp::from_millis(ends),
            ends_by_timeout: false,
            updated_at: Timestamp::from_millis(updated),
            generator_url: String::new(),
            value: None,
        }
    }

    fn merged(known: &Alert, news: Alert, now: i64) -> (i64, i64) {
        let result = merge(known, news, Timestamp::from_millis(now));
        (result.starts_at.as_millis(), result.ends_at.as_millis())
    }

    #[test]
    fn overlapping_spans_keep_the_earliest_start() {
        assert_eq!(merged(&alert(100, 500, 1), alert(200, 700, 2), 300), (100, 700));
        assert_eq!(merged(&alert(200, 700, 1), alert(100, 900, 2), 300), (100, 900));
    }

    #[test]
    fn a_named_end_outlives_a_timeout_but_not_the_other_way() {
        let timeout = |mut alert: Alert| {
            alert.ends_by_timeout = true;
            alert
        };
        assert_eq!(merged(&alert(100, 900, 1), timeout(alert(100, 700, 2)), 300), (100, 900));
        assert_eq!(merged(&timeout(alert(100, 900, 1)), alert(100, 700, 2), 300), (100, 700));
    }

    #[test]
    fn of_two_ends_that_are_over_the_later_one_counts() {
        assert_eq!(merged(&alert(100, 480, 1), alert(110, 410, 2), 500), (100, 480));
        assert_eq!(merged(&alert(100, 900, 1), alert(110, 410, 2), 500), (100, 410));
    }

    #[test]
    fn a_gap_makes_a_new_episode() {
        assert_eq!(merged(&alert(100, 480, 1), alert(500, 900, 2), 510), (500, 900));
    }

    #[test]
    fn late_news_do_not_overwrite_annotations() {
        let mut known = alert(100, 900, 5);
        known.annotations = Labels::from_pairs([("summary", "new")]);
        let mut late = alert(100, 900, 2);
        late.annotations = Labels::from_pairs([("summary", "old")]);
        let result = merge(&known, late, Timestamp::from_millis(200));
        assert_eq!(result.annotations.value("summary"), "new");
    }
}
