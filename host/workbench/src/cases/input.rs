//! Numbers and labels as they stand in the inputs of cases.

use std::collections::BTreeMap;

use bellwether_model::Labels;
use serde::Deserialize;

/// A number, or one of those that JSON has no numbers for.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(untagged)]
pub(crate) enum Number {
    Plain(f64),
    Named(NamedNumber),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(crate) enum NamedNumber {
    NaN,
    #[serde(rename = "+Inf", alias = "Inf")]
    Infinite,
    #[serde(rename = "-Inf")]
    NegativeInfinite,
}

impl Number {
    pub(crate) const fn value(self) -> f64 {
        match self {
            Self::Plain(value) => value,
            Self::Named(NamedNumber::NaN) => f64::NAN,
            Self::Named(NamedNumber::Infinite) => f64::INFINITY,
            Self::Named(NamedNumber::NegativeInfinite) => f64::NEG_INFINITY,
        }
    }
}

/// Labels as a map.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(transparent)]
pub(crate) struct LabelMap(BTreeMap<String, String>);

impl LabelMap {
    pub(crate) fn labels(&self) -> Labels {
        Labels::from_pairs(self.0.iter().map(|(name, value)| (name.as_str(), value.as_str())))
    }
}
