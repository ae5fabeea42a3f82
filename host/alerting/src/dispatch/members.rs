//! The alerts of a group. Most groups have one, some have very many.

use std::collections::BTreeSet;

use bellwether_model::Fingerprint;

/// A set of alerts, in order of their fingerprints.
#[derive(Debug, Default)]
pub(crate) enum Members {
    #[default]
    None,
    One(Fingerprint),
    Many(BTreeSet<Fingerprint>),
}

impl Members {
    pub(crate) fn is_empty(&self) -> bool {
        match self {
            Self::None => true,
            Self::One(_) => false,
            Self::Many(all) => all.is_empty(),
        }
    }

    pub(crate) fn insert(&mut self, member: Fingerprint) {
        match self {
            Self::None => *self = Self::One(member),
            Self::One(only) if *only == member => {}
            Self::One(only) => *self = Self::Many(BTreeSet::from([*only, member])),
            Self::Many(all) => drop(all.insert(member)),
        }
    }

    pub(crate) fn remove(&mut self, member: Fingerprint) {
        match self {
            Self::One(only) if *only == member => *self = Self::None,
            Self::None | Self::One(_) => {}
            Self::Many(all) => drop(all.remove(&member)),
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Fingerprint> {
        let (one, many) = match self {
            Self::None => (None, None),
            Self::One(only) => (Some(*only), None),
            Self::Many(all) => (None, Some(all.iter().copied())),
        };
        one.into_iter().chain(many.into_iter().flatten())
    }
}
