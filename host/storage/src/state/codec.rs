//! How values become columns: JSON that keeps infinities, numbers that keep all their bits, long texts packed.

use bellwether_model::Timestamp;
use bellwether_model::receiver::Notification;
use rusqlite::types::ValueRef;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::Failure;

/// As JSON.
pub(super) fn to_json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("plain values with text keys can be written as JSON")
}

/// From JSON; `what` is the kind of row, for the error.
pub(super) fn from_json<T: DeserializeOwned>(what: &'static str, text: &str) -> Result<T, Failure> {
    serde_json::from_str(text).map_err(|error| Failure::Damaged { what, cause: error.to_string() })
}

/// One of a set of words, as it is written in JSON without its quotes.
pub(super) fn to_word(value: &impl Serialize) -> String {
    to_json(value).trim_matches('"').to_owned()
}

/// Reads what [`to_word`] wrote.
pub(super) fn word<T: DeserializeOwned>(what: &'static str, text: String) -> Result<T, Failure> {
    serde_json::from_value(Value::String(text))
        .map_err(|error| Failure::Damaged { what, cause: error.to_string() })
}

/// The bits of a number, so that NaN and the infinities come back as they were.
pub(super) const fn to_bits(value: f64) -> i64 {
    value.to_bits().cast_signed()
}

/// The number of some bits.
pub(super) const fn from_bits(bits: i64) -> f64 {
    f64::from_bits(bits.cast_unsigned())
}

/// A column of milliseconds.
pub(super) fn time(row: &rusqlite::Row<'_>, column: &str) -> rusqlite::Result<Timestamp> {
    row.get(column).map(Timestamp::from_millis)
}

/// A notification as JSON, with `"NaN"`, `"+Inf"` or `"-Inf"` where the value of an alert is no ordinary number.
pub(super) fn notification_to_json(notification: &Notification) -> String {
    let odd = |value: Option<f64>| value.filter(|value| !value.is_finite());
    if notification.alerts.iter().all(|alert| odd(alert.value).is_none()) {
        return to_json(notification);
    }
    let mut json = serde_json::to_value(notification).expect("plain values can be written as JSON");
    for (at, alert) in notification.alerts.iter().enumerate() {
        if let (Some(value), Some(place)) =
            (odd(alert.value), json.pointer_mut(&format!("/alerts/{at}/value")))
        {
            *place = Value::from(name_of(value));
        }
    }
    json.to_string()
}

/// Reads what [`notification_to_json`] wrote.
pub(super) fn notification_from_json(what: &'static str, text: &str) -> Result<Notification, Failure> {
    if let Ok(notification) = serde_json::from_str(text) {
        return Ok(notification);
    }
    let mut json: Value = from_json(what, text)?;
    let mut odd = Vec::new();
    let alerts = json.get_mut("alerts").and_then(Value::as_array_mut);
    for (at, alert) in alerts.into_iter().flatten().enumerate() {
        let Some(place) = alert.get_mut("value") else {
            continue;
        };
        if let Some(value) = place.as_str().and_then(value_of) {
            odd.push((at, value));
            *place = Value::Null;
        }
    }
    let read: Result<Notification, _> = serde_json::from_value(json);
    let mut notification = read.map_err(|error| Failure::Damaged { what, cause: error.to_string() })?;
    for (at, value) in odd {
        notification.alerts[at].value = Some(value);
    }
    Ok(notification)
}

/// A long text without its repetitions: a message says the same of each of its alerts.
pub(super) fn packed(text: &str) -> Vec<u8> {
    snap::raw::Encoder::new().compress_vec(text.as_bytes()).expect("texts of messages are far below 4 GiB")
}

/// Reads what [`packed`] wrote, or a text as it was kept before.
pub(super) fn unpacked(what: &'static str, column: ValueRef<'_>) -> Result<String, Failure> {
    let damaged = |cause: String| Failure::Damaged { what, cause };
    let bytes = match column {
        ValueRef::Blob(packed) => {
            snap::raw::Decoder::new().decompress_vec(packed).map_err(|error| damaged(error.to_string()))?
        }
        ValueRef::Text(text) => text.to_vec(),
        ValueRef::Null | ValueRef::Integer(_) | ValueRef::Real(_) => {
            return Err(damaged("no text".to_owned()));
        }
    };
    String::from_utf8(bytes).map_err(|error| damaged(error.to_string()))
}

const fn name_of(value: f64) -> &'static str {
    if value.is_nan() {
        "NaN"
    } else if value > 0.0 {
        "+Inf"
    } else {
        "-Inf"
    }
}

fn value_of(name: &str) -> Option<f64> {
    match name {
        "NaN" => Some(f64::NAN),
        "+Inf" => Some(f64::INFINITY),
        "-Inf" => Some(f64::NEG_INFINITY),
        _ => None,
    }
}
