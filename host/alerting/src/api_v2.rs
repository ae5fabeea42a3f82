//! The bodies of Alertmanager's API v2, as its clients read and write them. Only shapes; the server does the rest.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::Arc;

use bellwether_model::state::{Silence, StoredMatcher};
use bellwether_model::time::{ParseTimestampError, Rfc3339Millis};
use bellwether_model::{Fingerprint, Labels, Timestamp};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;

use crate::ingest::PostedAlert;
use crate::silence::SilenceState;
use crate::view::{AlertState, GroupView, ReceiverView, ShownAlert};

/// Go's zero time, which `amtool` sends for times that are not given.
const ZERO_TIME_PREFIX: &str = "0001-01-01T00:00:00";

/// A receiver as `GET /receivers` lists it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GettableReceiver {
    /// The name.
    pub name: String,
    /// Its labels.
    pub labels: Labels,
}

/// A name and nothing else.
#[derive(Serialize)]
struct Named<'a> {
    name: &'a str,
}

/// What mutes an alert.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct StatusBody<'a> {
    inhibited_by: List<'a, Fingerprint>,
    muted_by: &'a [String],
    silenced_by: &'a [String],
    state: AlertState,
}

/// An alert as `GET /alerts` lists it. Times are RFC 3339 with milliseconds.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AlertBody<'a> {
    annotations: &'a RawValue,
    ends_at: Rfc3339Millis,
    fingerprint: Text<Fingerprint>,
    receivers: Receivers<'a>,
    starts_at: Rfc3339Millis,
    status: StatusBody<'a>,
    updated_at: Rfc3339Millis,
    #[serde(rename = "generatorURL", skip_serializing_if = "str::is_empty")]
    generator_url: &'a str,
    labels: &'a Labels,
}

impl Serialize for ShownAlert {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let body = AlertBody {
            annotations: &self.content.annotations,
            ends_at: Rfc3339Millis(self.span.ends_at),
            fingerprint: Text(self.content.labels.fingerprint()),
            receivers: Receivers(&self.receivers),
            starts_at: Rfc3339Millis(self.span.starts_at),
            status: StatusBody {
                inhibited_by: List(&self.status.inhibited_by),
                muted_by: &self.status.muted_by,
                silenced_by: &self.status.silenced_by,
                state: self.status.state,
            },
            updated_at: Rfc3339Millis(self.span.updated_at),
            generator_url: &self.content.generator_url,
            labels: &self.content.labels,
        };
        body.serialize(serializer)
    }
}

/// Something as the text that it prints as.
struct Text<T>(T);

impl<T: Display> Serialize for Text<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// Several such texts.
struct List<'a, T>(&'a [T]);

impl<T: Display> Serialize for List<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(Text))
    }
}

struct Receivers<'a>(&'a [Arc<str>]);

impl Serialize for Receivers<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|name| Named { name }))
    }
}

/// A group as `GET /alerts/groups` lists it.
impl Serialize for GroupView {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct GroupBody<'a> {
            alerts: &'a [ShownAlert],
            labels: &'a Labels,
            receiver: Named<'a>,
            route_labels: &'a Labels,
        }
        let body = GroupBody {
            alerts: &self.alerts,
            labels: &self.labels,
            receiver: Named { name: &self.receiver },
            route_labels: &self.route_labels,
        };
        body.serialize(serializer)
    }
}

impl From<ReceiverView> for GettableReceiver {
    fn from(view: ReceiverView) -> Self {
        Self { name: view.name, labels: view.labels }
    }
}

/// An alert as clients post it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PostableAlert {
    /// Identity.
    pub labels: BTreeMap<String, String>,
    /// What to tell.
    #[serde(default)]
    pub annotations: Option<BTreeMap<String, String>>,
    /// RFC 3339; absent, empty or Go's zero time when not known.
    #[serde(default)]
    pub starts_at: Option<String>,
    /// Likewise.
    #[serde(default)]
    pub ends_at: Option<String>,
    /// Where its rule can be looked at.
    #[serde(default, rename = "generatorURL")]
    pub generator_url: Option<String>,
}

impl TryFrom<PostableAlert> for PostedAlert {
    type Error = ParseTimestampError;

    fn try_from(body: PostableAlert) -> Result<Self, Self::Error> {
        Ok(Self {
            labels: body.labels.into_iter().collect(),
            annotations: body.annotations.unwrap_or_default().into_iter().collect(),
            starts_at: optional_time(body.starts_at.as_deref())?,
            ends_at: optional_time(body.ends_at.as_deref())?,
            generator_url: body.generator_url.unwrap_or_default(),
        })
    }
}

fn optional_time(text: Option<&str>) -> Result<Option<Timestamp>, ParseTimestampError> {
    match text {
        None | Some("") => Ok(None),
        Some(text) if text.starts_with(ZERO_TIME_PREFIX) => Ok(None),
        Some(text) => Timestamp::parse_rfc3339(text).map(Some),
    }
}

/// A matcher of a silence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MatcherBody {
    /// Whether a match means yes.
    #[serde(default = "yes")]
    pub is_equal: bool,
    /// Whether the value is a regular expression.
    pub is_regex: bool,
    /// The label.
    pub name: String,
    /// The value.
    pub value: String,
}

fn yes() -> bool {
    true
}

/// A silence as clients post it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PostableSilence {
    /// Empty or absent for a new one.
    #[serde(default)]
    pub id: Option<String>,
    /// All must match.
    pub matchers: Vec<MatcherBody>,
    /// RFC 3339.
    pub starts_at: String,
    /// RFC 3339.
    pub ends_at: String,
    /// Who.
    pub created_by: String,
    /// Why.
    pub comment: String,
}

impl PostableSilence {
    /// The silence that is asked for.
    pub fn into_silence(self, now: Timestamp) -> Result<Silence, ParseTimestampError> {
        let stored = |body: MatcherBody| StoredMatcher {
            name: body.name,
            value: body.value,
            is_regex: body.is_regex,
            is_equal: body.is_equal,
        };
        Ok(Silence {
            id: self.id.unwrap_or_default(),
            matchers: self.matchers.into_iter().map(stored).collect(),
            starts_at: Timestamp::parse_rfc3339(&self.starts_at)?,
            ends_at: Timestamp::parse_rfc3339(&self.ends_at)?,
            updated_at: now,
            created_by: self.created_by,
            comment: self.comment,
        })
    }
}

/// Where a silence is in its life.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SilenceStatusBody {
    /// `pending`, `active` or `expired`.
    pub state: &'static str,
}

/// A silence as the API shows it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GettableSilence {
    /// UUID.
    pub id: String,
    /// Where it is in its life.
    pub status: SilenceStatusBody,
    /// RFC 3339 with milliseconds.
    pub updated_at: String,
    /// Why.
    pub comment: String,
    /// Who.
    pub created_by: String,
    /// RFC 3339 with milliseconds.
    pub ends_at: String,
    /// All must match.
    pub matchers: Vec<MatcherBody>,
    /// RFC 3339 with milliseconds.
    pub starts_at: String,
}

impl From<(Silence, SilenceState)> for GettableSilence {
    fn from((silence, state): (Silence, SilenceState)) -> Self {
        let body = |own: StoredMatcher| MatcherBody {
            is_equal: own.is_equal,
            is_regex: own.is_regex,
            name: own.name,
            value: own.value,
        };
        Self {
            id: silence.id,
            status: SilenceStatusBody { state: state.as_str() },
            updated_at: silence.updated_at.to_rfc3339_millis(),
            comment: silence.comment,
            created_by: silence.created_by,
            ends_at: silence.ends_at.to_rfc3339_millis(),
            matchers: silence.matchers.into_iter().map(body).collect(),
            starts_at: silence.starts_at.to_rfc3339_millis(),
        }
    }
}

/// The answer to `POST /silences`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SilenceIdBody {
    /// The id under which the silence is known.
    #[serde(rename = "silenceID")]
    pub silence_id: String,
}
