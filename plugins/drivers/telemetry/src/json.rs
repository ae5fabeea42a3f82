//! Facts out of a JSON object, in one pass: most lines are read many times a second, and few of their values are kept.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::fact::{Fact, Value, normalized};

/// Most facts of one line; the rest of a longer line is left out.
const MAX_FACTS: usize = 256;

/// Keys that only wrap the rest: `{"telemetry":{"temp":41}}` says the same as `{"temp":41}`.
const WRAPPERS: [&str; 7] = ["data", "metrics", "payload", "readings", "sensors", "telemetry", "values"];

/// All the values inside a JSON object. Booleans count as 0 and 1, texts that hold a number as that number.
pub fn from_json(text: &str) -> Result<Vec<Fact<'_>>, serde_json::Error> {
    let mut facts = Vec::new();
    let mut json = serde_json::Deserializer::from_str(text);
    json.deserialize_map(Under { key: Cow::Borrowed(""), facts: &mut facts })?;
    json.end()?;
    Ok(facts)
}

/// What stands under a key. How deeply is bounded by the JSON parser.
struct Under<'a, 'de> {
    key: Cow<'de, str>,
    facts: &'a mut Vec<Fact<'de>>,
}

#[derive(Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de> Under<'_, 'de> {
    fn push(self, value: Value<'de>) {
        if self.facts.len() < MAX_FACTS {
            self.facts.push(Fact { key: self.key, value });
        }
    }

    fn joined(&self, key: Key<'de>) -> Cow<'de, str> {
        let key = match key.0 {
            Cow::Borrowed(key) => normalized(key),
            Cow::Owned(key) => Cow::Owned(normalized(&key).into_owned()),
        };
        if self.key.is_empty() || WRAPPERS.contains(&&*self.key) {
            return key;
        }
        Cow::Owned(format!("{}_{key}", self.key))
    }
}

impl<'de> DeserializeSeed<'de> for Under<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Under<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, yes: bool) -> Result<(), E> {
        self.push(Value::Number(f64::from(u8::from(yes))));
        Ok(())
    }

    fn visit_f64<E>(self, number: f64) -> Result<(), E> {
        self.push(Value::Number(number));
        Ok(())
    }

    fn visit_i64<E>(self, number: i64) -> Result<(), E> {
        self.push(Value::Number(number as f64));
        Ok(())
    }

    fn visit_u64<E>(self, number: u64) -> Result<(), E> {
        self.push(Value::Number(number as f64));
        Ok(())
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<(), E> {
        self.push(Value::parse(text));
        Ok(())
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        self.push(Value::parse(text.to_owned()));
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let mut index = 0;
        while self.facts.len() < MAX_FACTS {
            let under = Under { key: Cow::Owned(format!("{}_{index}", self.key)), facts: &mut *self.facts };
            if items.next_element_seed(under)?.is_none() {
                return Ok(());
            }
            index += 1;
        }
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        while let Some(key) = entries.next_key()? {
            let key = self.joined(key);
            entries.next_value_seed(Under { key, facts: &mut *self.facts })?;
        }
        Ok(())
    }
}
