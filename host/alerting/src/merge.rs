//! What becomes of an alert when it is heard of again: one episode goes on, or another one begins.

use bellwether_model::{Alert, Timestamp};

/// Since when an alert fires, until when, and when that was said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Since when.
    pub starts_at: Timestamp,
    /// Until when; over once this has passed.
    pub ends_at: Timestamp,
    /// Whether the end was not given but follows from the resolve timeout.
    pub ends_by_timeout: bool,
    /// When it was last heard of.
    pub updated_at: Timestamp,
}

impl Span {
    /// The span of an alert.
    pub const fn of(alert: &Alert) -> Self {
        let Alert { starts_at, ends_at, ends_by_timeout, updated_at, .. } = *alert;
        Self { starts_at, ends_at, ends_by_timeout, updated_at }
    }

    fn is_over(self, now: Timestamp) -> bool {
        self.ends_at <= now
    }
}

/// What is known after news about an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Merged {
    /// Since when, until when.
    pub span: Span,
    /// Whether what the news say besides, such as annotations, counts too.
    pub news_count: bool,
    /// Whether it is still the same episode.
    pub goes_on: bool,
}

/// Joins what is known of an alert with news about it.
///
/// As Alertmanager: when the two spans of time overlap they are one episode, otherwise the news replaces what was known.
pub fn merge(known: Span, news: Span, now: Timestamp) -> Merged {
    let overlaps = news.ends_at > known.starts_at && news.starts_at < known.ends_at;
    if !overlaps {
        return Merged { span: news, news_count: true, goes_on: false };
    }
    let news_count = news.updated_at >= known.updated_at;
    let (older, newer) = if news_count { (known, news) } else { (news, known) };
    Merged { span: merge_episode(older, newer, now), news_count, goes_on: true }
}

/// Within one episode: the earliest start; the later of two ends that are over; an end that somebody named outlives
/// one that only follows from the resolve timeout.
fn merge_episode(older: Span, newer: Span, now: Timestamp) -> Span {
    let mut merged = newer;
    merged.starts_at = older.starts_at.min(newer.starts_at);
    if newer.is_over(now) {
        if older.is_over(now) && older.ends_at > newer.ends_at {
            merged.ends_at = older.ends_at;
        }
    } else if older.ends_at > newer.ends_at && !older.ends_by_timeout {
        merged.ends_at = older.ends_at;
        merged.ends_by_timeout = older.ends_by_timeout;
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(starts: i64, ends: i64, updated: i64) -> Span {
        Span {
            starts_at: Timestamp::from_millis(starts),
            ends_at: Timestamp::from_millis(ends),
            ends_by_timeout: false,
            updated_at: Timestamp::from_millis(updated),
        }
    }

    fn merged(known: Span, news: Span, now: i64) -> (i64, i64) {
        let result = merge(known, news, Timestamp::from_millis(now)).span;
        (result.starts_at.as_millis(), result.ends_at.as_millis())
    }

    #[test]
    fn overlapping_spans_keep_the_earliest_start() {
        assert_eq!(merged(span(100, 500, 1), span(200, 700, 2), 300), (100, 700));
        assert_eq!(merged(span(200, 700, 1), span(100, 900, 2), 300), (100, 900));
    }

    #[test]
    fn a_named_end_outlives_a_timeout_but_not_the_other_way() {
        let timeout = |span: Span| Span { ends_by_timeout: true, ..span };
        assert_eq!(merged(span(100, 900, 1), timeout(span(100, 700, 2)), 300), (100, 900));
        assert_eq!(merged(timeout(span(100, 900, 1)), span(100, 700, 2), 300), (100, 700));
    }

    #[test]
    fn of_two_ends_that_are_over_the_later_one_counts() {
        assert_eq!(merged(span(100, 480, 1), span(110, 410, 2), 500), (100, 480));
        assert_eq!(merged(span(100, 900, 1), span(110, 410, 2), 500), (100, 410));
    }

    #[test]
    fn a_gap_makes_a_new_episode() {
        let now = Timestamp::from_millis(510);
        let merged = merge(span(100, 480, 1), span(500, 900, 2), now);
        assert_eq!((merged.span, merged.goes_on), (span(500, 900, 2), false));
    }

    #[test]
    fn late_news_do_not_overwrite_what_was_said_since() {
        let now = Timestamp::from_millis(200);
        assert!(!merge(span(100, 900, 5), span(100, 900, 2), now).news_count);
        assert!(merge(span(100, 900, 2), span(100, 900, 2), now).news_count);
    }
}
