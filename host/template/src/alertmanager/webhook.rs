//! The body of Alertmanager's webhook, version 4, as data for templates: what `amtool template render` reads.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};

/// A notification as the webhook sends it. Everything may be missing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct WebhookData {
    /// The receiver's name.
    pub receiver: String,
    /// `firing` or `resolved`.
    pub status: String,
    /// The alerts, ordered.
    #[serde(deserialize_with = "null_as_default")]
    pub alerts: Vec<WebhookAlert>,
    /// Why now.
    #[serde(rename = "notification_reason")]
    pub notification_reason: String,
    /// The labels that the group is made by.
    #[serde(deserialize_with = "null_as_default")]
    pub group_labels: BTreeMap<String, String>,
    /// Labels that all alerts share.
    #[serde(deserialize_with = "null_as_default")]
    pub common_labels: BTreeMap<String, String>,
    /// Annotations that all alerts share.
    #[serde(deserialize_with = "null_as_default")]
    pub common_annotations: BTreeMap<String, String>,
    /// Labels of the route.
    #[serde(deserialize_with = "null_as_default")]
    pub route_labels: BTreeMap<String, String>,
    /// Where the host can be reached.
    #[serde(rename = "externalURL")]
    pub external_url: String,
    /// Same for the same group and route.
    pub group_key: String,
    /// How many alerts were left out.
    pub truncated_alerts: u32,
}

/// An alert of the webhook's body.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct WebhookAlert {
    /// `firing` or `resolved`.
    pub status: String,
    /// Identity.
    #[serde(deserialize_with = "null_as_default")]
    pub labels: BTreeMap<String, String>,
    /// What to tell.
    #[serde(deserialize_with = "null_as_default")]
    pub annotations: BTreeMap<String, String>,
    /// Since when, RFC 3339.
    pub starts_at: String,
    /// Until when, RFC 3339; year 1 while it fires.
    pub ends_at: String,
    /// The rule's page.
    #[serde(rename = "generatorURL")]
    pub generator_url: String,
    /// 16 hex digits.
    pub fingerprint: String,
}

/// Go writes empty lists and maps as null.
fn null_as_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Option::<T>::deserialize(deserializer).map(Option::unwrap_or_default)
}
