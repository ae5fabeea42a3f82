//! What a target says about its metrics beside their values: type, help text and unit of each family. Pure.

use std::collections::BTreeMap;
use std::sync::Arc;

use bellwether_model::exposition::{Entry, MetricType};
use rustc_hash::FxHashMap;

/// Scrapes that a family may be missing from before it is forgotten, as in Prometheus.
const KEPT_SCRAPES: u64 = 10;
/// Families of one target that are remembered; the largest exporters have some thousands.
const MAX_FAMILIES: usize = 10_000;
/// The longest help text or unit that is remembered; longer ones are cut off.
const MAX_TEXT_BYTES: usize = 4096;

/// What is known of the metrics of a target, by the name of the family.
pub type Families = BTreeMap<Arc<str>, FamilyMetadata>;

/// What is known of one metric family.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FamilyMetadata {
    /// Its type.
    pub kind: MetricType,
    /// What it is; empty where nothing is said.
    pub help: String,
    /// Its unit; empty where nothing is said.
    pub unit: String,
}

impl Default for FamilyMetadata {
    fn default() -> Self {
        Self { kind: MetricType::Unknown, help: String::new(), unit: String::new() }
    }
}

/// The metric families of one target, from scrape to scrape.
#[derive(Debug, Default)]
pub(crate) struct TargetMetadata {
    /// Shared with whoever looks at the target, and copied when something changes, which is rare.
    families: Arc<Families>,
    /// The scrape that each was last seen in.
    last_seen: FxHashMap<Arc<str>, u64>,
    scrapes: u64,
}

impl TargetMetadata {
    /// What is known now.
    pub(crate) fn families(&self) -> Arc<Families> {
        Arc::clone(&self.families)
    }

    /// A scrape gave no page that could be used.
    pub(crate) fn missed(&mut self) {
        self.scrapes += 1;
    }

    /// Takes in what a page says, and forgets what no page has said for a while.
    pub(crate) fn scraped(&mut self, entries: Vec<Entry>) {
        self.scrapes += 1;
        for entry in entries {
            match entry {
                Entry::Sample(_) => {}
                Entry::Type(name, kind) => self.tell(name, |family| &mut family.kind, kind),
                Entry::Help(name, help) => self.tell(name, |family| &mut family.help, cut_off(help)),
                Entry::Unit(name, unit) => self.tell(name, |family| &mut family.unit, cut_off(unit)),
            }
        }
        let (families, now) = (&mut self.families, self.scrapes);
        self.last_seen.retain(|name, last_seen| {
            let keep = now - *last_seen <= KEPT_SCRAPES;
            if !keep {
                Arc::make_mut(families).remove(name);
            }
            keep
        });
    }

    fn tell<T: PartialEq>(&mut self, name: String, part: impl Fn(&mut FamilyMetadata) -> &mut T, said: T) {
        let mut family = match self.families.get(name.as_str()) {
            Some(family) => family.clone(),
            None if self.families.len() >= MAX_FAMILIES => return,
            None => FamilyMetadata::default(),
        };
        let is_new = !self.families.contains_key(name.as_str());
        let name: Arc<str> = name.into();
        self.last_seen.insert(Arc::clone(&name), self.scrapes);
        let known = part(&mut family);
        if is_new || *known != said {
            *known = said;
            Arc::make_mut(&mut self.families).insert(name, family);
        }
    }
}

fn cut_off(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(MAX_TEXT_BYTES));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(names: &[&str]) -> Vec<Entry> {
        let entries = names.iter().flat_map(|&name| {
            let (kind, help) = (MetricType::Counter, format!("help of {name}"));
            [Entry::Type(name.to_owned(), kind), Entry::Help(name.to_owned(), help)]
        });
        entries.collect()
    }

    #[test]
    fn families_are_forgotten_after_ten_scrapes_without_them() {
        let mut metadata = TargetMetadata::default();
        metadata.scraped(page(&["a", "b"]));
        let family = &metadata.families()["a"];
        assert_eq!(
            (family.kind, family.help.as_str(), family.unit.as_str()),
            (MetricType::Counter, "help of a", "")
        );
        for _ in 0..9 {
            metadata.scraped(page(&["b"]));
        }
        metadata.missed();
        assert_eq!(metadata.families().len(), 2);
        metadata.scraped(page(&["b"]));
        assert_eq!(metadata.families().keys().map(|name| &**name).collect::<Vec<_>>(), ["b"]);
    }

    #[test]
    fn nothing_is_copied_where_nothing_changes() {
        let mut metadata = TargetMetadata::default();
        metadata.scraped(page(&["a"]));
        let before = metadata.families();
        metadata.scraped(page(&["a"]));
        assert!(Arc::ptr_eq(&before, &metadata.families()));
        metadata.scraped(vec![Entry::Unit("a".to_owned(), "seconds".to_owned())]);
        assert_eq!((metadata.families()["a"].unit.as_str(), before["a"].unit.as_str()), ("seconds", ""));
    }

    #[test]
    fn what_a_target_may_say_is_bounded() {
        let mut metadata = TargetMetadata::default();
        let names: Vec<String> = (0..MAX_FAMILIES + 5).map(|number| format!("m{number}")).collect();
        metadata.scraped(page(&names.iter().map(String::as_str).collect::<Vec<_>>()));
        assert_eq!((metadata.families().len(), metadata.last_seen.len()), (MAX_FAMILIES, MAX_FAMILIES));
        metadata.scraped(vec![Entry::Help("m0".to_owned(), "ä".repeat(MAX_TEXT_BYTES))]);
        assert_eq!(metadata.families()["m0"].help.len(), MAX_TEXT_BYTES);
    }
}
