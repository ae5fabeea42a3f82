//! How lists of alerts and groups are written: straight from what the machine shows, without a copy of each alert.

use std::fmt::Display;
use std::sync::Arc;

use bellwether_model::time::Rfc3339Millis;
use bellwether_model::{Fingerprint, Labels};
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use crate::view::{AlertState, GroupView, ShownAlert};

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
