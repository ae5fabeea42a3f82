//! Who a device is, from the keys by which firmware says so.

use bellwether_plugin_sdk::driver::Identity;

use crate::fact::{Fact, Value};

const ID: [&str; 5] = ["mac", "mac_address", "serial_number", "chip_id", "device_serial"];
const BOARD: [&str; 2] = ["board", "board_name"];
const FIRMWARE: [&str; 5] = ["firmware", "firmware_version", "fw", "fw_version", "version"];
/// Keys whose texts are kept as they are, by their own name.
const EXTRAS: [&str; 4] = ["chip", "soc", "sdk", "idf_version"];

/// Takes over what the facts say; returns whether that is news.
pub(crate) fn learn(identity: &mut Identity, facts: &[Fact<'_>]) -> bool {
    let mut news = false;
    for fact in facts {
        news |= learn_one(identity, fact);
    }
    news
}

fn learn_one(identity: &mut Identity, fact: &Fact<'_>) -> bool {
    let key = &*fact.key;
    if ID.contains(&key) {
        replace(&mut identity.id, text(&fact.value))
    } else if BOARD.contains(&key) {
        replace(&mut identity.model, text(&fact.value))
    } else if FIRMWARE.contains(&key) {
        replace(&mut identity.firmware, text(&fact.value))
    } else if EXTRAS.contains(&key) {
        replace_extra(&mut identity.extras, key, text(&fact.value))
    } else {
        false
    }
}

/// Versions such as 1.2 look like numbers.
fn text(value: &Value<'_>) -> String {
    match value {
        Value::Text(text) => text.clone().into_owned(),
        Value::Number(number) => number.to_string(),
    }
}

fn replace(place: &mut Option<String>, text: String) -> bool {
    let news = place.as_ref() != Some(&text);
    *place = Some(text);
    news
}

fn replace_extra(extras: &mut Vec<(String, String)>, key: &str, text: String) -> bool {
    if let Some((_, old)) = extras.iter_mut().find(|(name, _)| name == key) {
        let news = *old != text;
        *old = text;
        return news;
    }
    extras.push((key.to_owned(), text));
    true
}
