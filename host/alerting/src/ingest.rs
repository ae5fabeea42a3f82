//! Taking alerts in from clients of the API: what they may leave out, and what is refused.

use std::time::Duration;

use bellwether_model::{Alert, Labels, Timestamp};

/// An alert as a client sends it.
#[derive(Debug, Clone, PartialEq)]
pub struct PostedAlert {
    /// Names and values as they were sent, empty values included.
    pub labels: Vec<(String, String)>,
    /// Likewise.
    pub annotations: Vec<(String, String)>,
    /// Since when, if said.
    pub starts_at: Option<Timestamp>,
    /// Until when, if said.
    pub ends_at: Option<Timestamp>,
    /// Where its rule can be looked at; may be empty.
    pub generator_url: String,
}

/// Why an alert of a client is refused. The words are Alertmanager's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAlert {
    /// No label has a value.
    #[error("at least one label pair required")]
    NoLabels,
    /// It would end before it begins.
    #[error("start time must be before end time")]
    EndsBeforeStart,
    /// A label without a name.
    #[error("invalid label set: invalid name \"\"")]
    EmptyLabelName,
    /// An annotation without a name.
    #[error("invalid annotations: invalid name \"\"")]
    EmptyAnnotationName,
}

/// Fills in what was left out: the start is the end or now, the end is one resolve timeout from now.
pub fn accept(posted: PostedAlert, resolve_timeout: Duration, now: Timestamp) -> Result<Alert, InvalidAlert> {
    let has_empty_name = |pairs: &[(String, String)]| pairs.iter().any(|(name, _)| name.is_empty());
    if has_empty_name(&posted.labels) {
        return Err(InvalidAlert::EmptyLabelName);
    }
    if has_empty_name(&posted.annotations) {
        return Err(InvalidAlert::EmptyAnnotationName);
    }
    let labels = Labels::from_pairs(posted.labels);
    if labels.is_empty() {
        return Err(InvalidAlert::NoLabels);
    }
    let starts_at = posted.starts_at.or(posted.ends_at).unwrap_or(now);
    let ends_at = posted.ends_at.unwrap_or(now + resolve_timeout);
    if ends_at < starts_at {
        return Err(InvalidAlert::EndsBeforeStart);
    }
    Ok(Alert {
        labels,
        annotations: Labels::from_pairs(posted.annotations),
        starts_at,
        ends_at,
        ends_by_timeout: posted.ends_at.is_none(),
        updated_at: now,
        generator_url: posted.generator_url,
        value: None,
    })
}

/// Takes what is valid and says what is not, as Alertmanager does with a batch.
pub fn accept_all(
    posted: Vec<PostedAlert>,
    resolve_timeout: Duration,
    now: Timestamp,
) -> (Vec<Alert>, Vec<InvalidAlert>) {
    let (mut alerts, mut refused) = (Vec::with_capacity(posted.len()), Vec::new());
    for alert in posted {
        match accept(alert, resolve_timeout, now) {
            Ok(alert) => alerts.push(alert),
            Err(why) => refused.push(why),
        }
    }
    (alerts, refused)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(300);

    fn posted(labels: &[(&str, &str)], starts: Option<i64>, ends: Option<i64>) -> PostedAlert {
        PostedAlert {
            labels: labels.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect(),
            annotations: vec![],
            starts_at: starts.map(Timestamp::from_millis),
            ends_at: ends.map(Timestamp::from_millis),
            generator_url: String::new(),
        }
    }

    #[test]
    fn fills_in_start_and_end() {
        let now = Timestamp::from_millis(10_000);
        let bare = accept(posted(&[("a", "1"), ("b", "")], None, None), TIMEOUT, now).unwrap();
        assert_eq!((bare.starts_at, bare.ends_at, bare.ends_by_timeout), (now, now + TIMEOUT, true));
        assert_eq!(bare.labels.len(), 1, "empty values are no labels");
        let ended = accept(posted(&[("a", "1")], None, Some(4000)), TIMEOUT, now).unwrap();
        assert_eq!(ended.starts_at, Timestamp::from_millis(4000));
        assert!(!ended.ends_by_timeout);
    }

    #[test]
    fn refuses_single_alerts_and_takes_the_rest() {
        let now = Timestamp::from_millis(10_000);
        let batch = vec![
            posted(&[("a", "1")], Some(5), Some(4)),
            posted(&[("a", "")], None, None),
            posted(&[("", "1")], None, None),
            posted(&[("a", "1")], None, None),
        ];
        let (alerts, refused) = accept_all(batch, TIMEOUT, now);
        assert_eq!(alerts.len(), 1);
        assert_eq!(
            refused,
            [InvalidAlert::EndsBeforeStart, InvalidAlert::NoLabels, InvalidAlert::EmptyLabelName]
        );
    }
}
