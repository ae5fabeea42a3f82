//! Keys of a mapping that the other tool knows and we do not serve yet: refused by name, at their place.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::{MapAccessDeserializer, StringDeserializer};
use serde::de::{DeserializeSeed, Error, IntoDeserializer, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// Names of such keys; service discoveries (`…_sd_configs`) count among them without being listed.
#[derive(Debug, Clone, Copy)]
pub(super) struct KnownKeys(pub(super) &'static [&'static str]);

impl KnownKeys {
    /// Reads a mapping into `T`, but refuses these keys with an explanation.
    pub(super) fn deserialize<'de, T, D>(self, deserializer: D) -> Result<T, D::Error>
    where
        T: Deserialize<'de>,
        D: Deserializer<'de>,
    {
        deserializer.deserialize_map(MappingVisitor { keys: self, into: PhantomData })
    }

    fn explain(self, key: &str) -> Option<String> {
        if key.ends_with("_sd_configs") {
            return Some(format!(
                "service discovery by `{key}` is not supported yet; remove it and list the targets under `static_configs`"
            ));
        }
        let instead = match key {
            "relabel_configs" => " and set the labels under `static_configs`",
            _ => "",
        };
        self.0.contains(&key).then(|| format!("`{key}` is not supported yet; remove it{instead}"))
    }
}

struct MappingVisitor<T> {
    keys: KnownKeys,
    into: PhantomData<T>,
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for MappingVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a mapping")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        T::deserialize(MapAccessDeserializer::new(CheckedMap { map, keys: self.keys }))
    }
}

/// A mapping whose keys are looked at before they are passed on.
struct CheckedMap<A> {
    map: A,
    keys: KnownKeys,
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for CheckedMap<A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, A::Error> {
        self.map.next_key_seed(CheckedKey { seed, keys: self.keys })
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, A::Error> {
        self.map.next_value_seed(seed)
    }
}

struct CheckedKey<K> {
    seed: K,
    keys: KnownKeys,
}

impl<'de, K: DeserializeSeed<'de>> DeserializeSeed<'de> for CheckedKey<K> {
    type Value = K::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<K::Value, D::Error> {
        let key = String::deserialize(deserializer)?;
        if let Some(explanation) = self.keys.explain(&key) {
            return Err(D::Error::custom(explanation));
        }
        let key: StringDeserializer<D::Error> = key.into_deserializer();
        self.seed.deserialize(key)
    }
}
