//! An alert as the machine holds it: small, since there may be a hundred thousand of them.

use std::sync::Arc;

use bellwether_model::state::Acknowledgement;
use bellwether_model::{Alert, Fingerprint, Labels, Timestamp};

use serde_json::value::{RawValue, to_raw_value};

use super::{GroupId, Mute};
use crate::merge::Span;

/// What an alert says. Shared with those who look at it, and replaced as a whole.
#[derive(Debug)]
pub(crate) struct Content {
    /// Identity.
    pub(crate) labels: Labels,
    /// Annotations, a JSON object: read as a whole and rarely, and written to clients as they are.
    pub(crate) annotations: Box<RawValue>,
    /// Where its rule can be looked at; may be empty.
    pub(crate) generator_url: Box<str>,
}

impl Content {
    pub(super) fn new(labels: Labels, annotations: &Labels, generator_url: &str) -> Self {
        let annotations = to_raw_value(annotations).expect("a map of texts can be written as JSON");
        Self { labels, annotations, generator_url: generator_url.into() }
    }

    pub(crate) fn annotations(&self) -> Labels {
        serde_json::from_str(self.annotations.get()).expect("what was written as a map of texts")
    }
}

/// An alert that somebody may have to be told about.
#[derive(Debug)]
pub(crate) struct Tracked {
    pub(crate) content: Arc<Content>,
    pub(crate) span: Span,
    /// Value of the rule's expression; none for alerts from outside.
    pub(crate) value: Option<f64>,
    /// Until when it counts as firing: its end, or later after a restart, so that its sender can be heard first.
    pub(crate) fires_until: Timestamp,
    /// The groups that it is in.
    pub(crate) groups: Box<[GroupId]>,
    /// How it was last seen to be muted, to speak of it only when that changes.
    pub(crate) mute: Mute,
    /// Who has taken it on.
    pub(crate) acknowledgement: Option<Box<Acknowledgement>>,
    /// The end that was written down last.
    pub(super) written_end: Timestamp,
    /// When its end will be looked at; none once it has been spoken of.
    pub(super) end_timer: Option<Timestamp>,
}

impl Tracked {
    pub(super) fn new(content: Content, alert: &Alert, fires_until: Timestamp) -> Self {
        Self {
            content: Arc::new(content),
            span: Span::of(alert),
            value: alert.value,
            fires_until,
            groups: Box::default(),
            mute: Mute::None,
            acknowledgement: None,
            written_end: alert.ends_at,
            end_timer: None,
        }
    }

    pub(crate) fn labels(&self) -> &Labels {
        &self.content.labels
    }

    pub(crate) fn fingerprint(&self) -> Fingerprint {
        self.content.labels.fingerprint()
    }

    pub(crate) fn is_resolved(&self, now: Timestamp) -> bool {
        self.fires_until <= now
    }

    /// The span with the end that counts: one that a restart has put off is as good as a timeout.
    pub(crate) fn firing_span(&self) -> Span {
        let put_off = self.fires_until > self.span.ends_at;
        let ends_by_timeout = self.span.ends_by_timeout || put_off;
        Span { ends_at: self.fires_until, ends_by_timeout, ..self.span }
    }

    /// As it was said, and has to be written down.
    pub(crate) fn alert(&self) -> Alert {
        self.alert_of(self.span)
    }

    /// With the end that counts.
    pub(crate) fn as_firing(&self) -> Alert {
        self.alert_of(self.firing_span())
    }

    fn alert_of(&self, span: Span) -> Alert {
        Alert {
            labels: self.content.labels.clone(),
            annotations: self.content.annotations(),
            starts_at: span.starts_at,
            ends_at: span.ends_at,
            ends_by_timeout: span.ends_by_timeout,
            updated_at: span.updated_at,
            generator_url: self.content.generator_url.to_string(),
            value: self.value,
        }
    }

    /// Takes what an alert says besides its labels; whether that is anything new.
    pub(super) fn take_in(&mut self, alert: &Alert) -> bool {
        let news = Content::new(self.content.labels.clone(), &alert.annotations, &alert.generator_url);
        let is_new = news.annotations.get() != self.content.annotations.get()
            || news.generator_url != self.content.generator_url;
        if is_new {
            self.content = Arc::new(news);
        }
        is_new
    }

    pub(super) fn join(&mut self, group: GroupId) {
        self.groups = self.groups.iter().copied().chain([group]).collect();
    }

    pub(super) fn leave(&mut self, group: GroupId) {
        self.groups = self.groups.iter().copied().filter(|own| *own != group).collect();
    }
}
