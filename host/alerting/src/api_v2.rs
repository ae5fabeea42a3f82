//! The bodies of Alertmanager's API v2, as its clients read and write them. Only shapes; the server does the rest.

mod listed;

use std::collections::BTreeMap;

use bellwether_model::state::{Silence, StoredMatcher};
use bellwether_model::time::ParseTimestampError;
use bellwether_model::{Labels, Matcher, Timestamp};
use serde::{Deserialize, Serialize};

use crate::ingest::PostedAlert;
use crate::silence::SilenceState;
use crate::view::{AlertState, ReceiverView};

/// Go's zero time, which `amtool` sends for times that are not given.
const ZERO_TIME_PREFIX: &str = "0001-01-01T00:00:00";

/// A name and nothing else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiverName {
    /// The name.
    pub name: String,
}

/// A receiver as `GET /receivers` lists it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GettableReceiver {
    /// The name.
    pub name: String,
    /// Its labels.
    pub labels: Labels,
}

/// What mutes an alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AlertStatusBody {
    /// Fingerprints.
    pub inhibited_by: Vec<String>,
    /// Names of time intervals; Alertmanager before 0.28 has none.
    #[serde(default)]
    pub muted_by: Vec<String>,
    /// Ids.
    pub silenced_by: Vec<String>,
    /// All in one word.
    pub state: AlertState,
}

/// An alert as `GET /alerts` lists it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GettableAlert {
    /// What to tell.
    pub annotations: Labels,
    /// RFC 3339 with milliseconds.
    pub ends_at: String,
    /// 16 hex digits.
    pub fingerprint: String,
    /// Who is told.
    pub receivers: Vec<ReceiverName>,
    /// RFC 3339 with milliseconds.
    pub starts_at: String,
    /// What mutes it.
    pub status: AlertStatusBody,
    /// RFC 3339 with milliseconds.
    pub updated_at: String,
    /// Where its rule can be looked at.
    #[serde(rename = "generatorURL", default, skip_serializing_if = "String::is_empty")]
    pub generator_url: String,
    /// Identity.
    pub labels: Labels,
}

impl From<ReceiverView> for GettableReceiver {
    fn from(view: ReceiverView) -> Self {
        Self { name: view.name, labels: view.labels }
    }
}

/// An alert as clients post it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PostableAlert {
    /// Identity.
    pub labels: BTreeMap<String, String>,
    /// What to tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub annotations: Option<BTreeMap<String, String>>,
    /// RFC 3339; absent, empty or Go's zero time when not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub starts_at: Option<String>,
    /// Likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_at: Option<String>,
    /// Where its rule can be looked at.
    #[serde(default, rename = "generatorURL", skip_serializing_if = "Option::is_none")]
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

impl From<&Matcher> for MatcherBody {
    fn from(matcher: &Matcher) -> Self {
        Self {
            is_equal: matcher.op().is_positive(),
            is_regex: matcher.op().is_regex(),
            name: matcher.name().to_owned(),
            value: matcher.value().to_owned(),
        }
    }
}

impl From<MatcherBody> for StoredMatcher {
    fn from(body: MatcherBody) -> Self {
        Self { name: body.name, value: body.value, is_regex: body.is_regex, is_equal: body.is_equal }
    }
}

impl From<StoredMatcher> for MatcherBody {
    fn from(own: StoredMatcher) -> Self {
        Self { is_equal: own.is_equal, is_regex: own.is_regex, name: own.name, value: own.value }
    }
}

/// A silence as clients post it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PostableSilence {
    /// Empty or absent for a new one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
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
    /// What else is to be known about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub annotations: Option<BTreeMap<String, String>>,
}

impl PostableSilence {
    /// The silence that is asked for.
    pub fn into_silence(self, now: Timestamp) -> Result<Silence, ParseTimestampError> {
        Ok(Silence {
            id: self.id.unwrap_or_default(),
            matchers: self.matchers.into_iter().map(StoredMatcher::from).collect(),
            starts_at: Timestamp::parse_rfc3339(&self.starts_at)?,
            ends_at: Timestamp::parse_rfc3339(&self.ends_at)?,
            updated_at: now,
            created_by: self.created_by,
            comment: self.comment,
            annotations: self.annotations.unwrap_or_default(),
        })
    }
}

/// Where a silence is in its life.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SilenceStatusBody {
    /// `pending`, `active` or `expired`.
    pub state: SilenceState,
}

/// A silence as the API shows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GettableSilence {
    /// UUID.
    pub id: String,
    /// Where it is in its life.
    pub status: SilenceStatusBody,
    /// RFC 3339 with milliseconds.
    pub updated_at: String,
    /// What else is to be known about it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
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
        Self {
            id: silence.id,
            status: SilenceStatusBody { state },
            updated_at: silence.updated_at.to_rfc3339_millis(),
            annotations: silence.annotations,
            comment: silence.comment,
            created_by: silence.created_by,
            ends_at: silence.ends_at.to_rfc3339_millis(),
            matchers: silence.matchers.into_iter().map(MatcherBody::from).collect(),
            starts_at: silence.starts_at.to_rfc3339_millis(),
        }
    }
}

/// The answer to `POST /silences`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SilenceIdBody {
    /// The id under which the silence is known.
    #[serde(rename = "silenceID")]
    pub silence_id: String,
}
