//! Inhibition: an alert is not told while another one, that explains it, fires.
//!
//! Sources are indexed by rule and by the values of the labels that both sides must share. All of them are kept, so
//! that the end of one does not free the targets of another (upstream issue 5542, fixed there in 0.34.1).

use std::collections::BTreeSet;

use bellwether_model::matcher::all_match;
use bellwether_model::{Fingerprint, Labels};
use rustc_hash::FxHashMap;

use crate::config::{Config, InhibitRuleConfig};

/// Values of the shared labels; an absent label has the value `""`.
type EqualKey = Box<[Box<str>]>;

/// The rules of a configuration with the alerts that may inhibit.
#[derive(Debug, Default)]
pub struct Inhibitor {
    rules: Vec<Rule>,
}

#[derive(Debug)]
struct Rule {
    config: InhibitRuleConfig,
    sources: FxHashMap<EqualKey, Sources>,
}

/// Alerts that match the source side, apart by whether they match the target side too.
#[derive(Debug, Default)]
struct Sources {
    one_sided: BTreeSet<Fingerprint>,
    two_sided: BTreeSet<Fingerprint>,
}

impl Inhibitor {
    /// The rules, without any alerts yet.
    pub fn new(config: &Config) -> Self {
        let rule =
            |config: &InhibitRuleConfig| Rule { config: config.clone(), sources: FxHashMap::default() };
        Self { rules: config.inhibit_rules.iter().map(rule).collect() }
    }

    /// Takes note of an alert that may inhibit others while it fires.
    pub fn add(&mut self, labels: &Labels) {
        for rule in self.rules.iter_mut().filter(|rule| all_match(&rule.config.source, labels)) {
            let two_sided = all_match(&rule.config.target, labels);
            let sources = rule.sources.entry(equal_key(&rule.config.equal, labels)).or_default();
            let side = if two_sided { &mut sources.two_sided } else { &mut sources.one_sided };
            side.insert(labels.fingerprint());
        }
    }

    /// Forgets an alert.
    pub fn remove(&mut self, labels: &Labels) {
        let fingerprint = labels.fingerprint();
        for rule in self.rules.iter_mut().filter(|rule| all_match(&rule.config.source, labels)) {
            let key = equal_key(&rule.config.equal, labels);
            let Some(sources) = rule.sources.get_mut(&key) else {
                continue;
            };
            sources.one_sided.remove(&fingerprint);
            sources.two_sided.remove(&fingerprint);
            if sources.one_sided.is_empty() && sources.two_sided.is_empty() {
                rule.sources.remove(&key);
            }
        }
    }

    /// Whether another alert could inhibit this one.
    pub fn is_target(&self, labels: &Labels) -> bool {
        self.rules.iter().any(|rule| all_match(&rule.config.target, labels))
    }

    /// An alert that inhibits this one; `fires` says of a source whether it fires now.
    ///
    /// An alert that matches both sides of a rule is not inhibited by others that do so too, nor by itself.
    pub fn inhibited_by(&self, labels: &Labels, fires: impl Fn(Fingerprint) -> bool) -> Option<Fingerprint> {
        self.rules.iter().find_map(|rule| rule.inhibited_by(labels, &fires))
    }
}

impl Rule {
    fn inhibited_by(&self, labels: &Labels, fires: impl Fn(Fingerprint) -> bool) -> Option<Fingerprint> {
        if self.sources.is_empty() || !all_match(&self.config.target, labels) {
            return None;
        }
        let sources = self.sources.get(&equal_key(&self.config.equal, labels))?;
        let by_one_sided = sources.one_sided.iter().copied().find(|source| fires(*source));
        if by_one_sided.is_some() || all_match(&self.config.source, labels) {
            return by_one_sided;
        }
        sources.two_sided.iter().copied().find(|source| fires(*source))
    }
}

fn equal_key(equal: &[String], labels: &Labels) -> EqualKey {
    equal.iter().map(|name| Box::from(labels.value(name))).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn inhibitor(rules: &str) -> Inhibitor {
        let text = format!("route: {{receiver: a}}\nreceivers: [{{name: a}}]\ninhibit_rules: {rules}\n");
        Inhibitor::new(&Config::parse("t.yml", &text).unwrap_or_else(|error| panic!("{error}")).0)
    }

    fn alert(pairs: &[(&str, &str)]) -> Labels {
        Labels::from_pairs(pairs.iter().copied())
    }

    /// Whether a rule of the file inhibits, asked of every pair of alerts.
    fn by_brute_force(rules: &[InhibitRuleConfig], target: &Labels, firing: &[Labels]) -> bool {
        let inhibits = |rule: &InhibitRuleConfig, source: &Labels| {
            let both = |labels: &Labels| all_match(&rule.source, labels) && all_match(&rule.target, labels);
            all_match(&rule.source, source)
                && all_match(&rule.target, target)
                && rule.equal.iter().all(|name| source.value(name) == target.value(name))
                && !(both(source) && both(target))
        };
        rules.iter().any(|rule| firing.iter().any(|source| inhibits(rule, source)))
    }

    fn any_alert() -> impl Strategy<Value = Labels> {
        let label = || prop::option::of(prop::sample::select(vec!["x", "y", "z"]));
        (label(), label(), label()).prop_map(|(a, b, c)| {
            let pairs = [("a", a), ("b", b), ("c", c), ("n", Some("1"))];
            Labels::from_pairs(pairs.into_iter().filter_map(|(name, value)| Some((name, value?))))
        })
    }

    fn any_rule() -> impl Strategy<Value = String> {
        let side = || prop::sample::select(vec!["a=x", "a=~x|y", "b!=y", "c=z", "b=~.*", "a=\"\""]);
        let equal = prop::sample::select(vec!["", "b", "c", "b, c", "nowhere"]);
        (side(), side(), equal).prop_map(|(source, target, equal)| {
            format!("{{source_matchers: ['{source}'], target_matchers: ['{target}'], equal: [{equal}]}}")
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn the_index_finds_what_a_look_at_every_pair_finds(
            rules in prop::collection::vec(any_rule(), 1..4),
            alerts in prop::collection::vec((any_alert(), any::<bool>(), any::<bool>()), 1..12),
        ) {
            let mut inhibitor = inhibitor(&format!("[{}]", rules.join(", ")));
            alerts.iter().for_each(|(labels, ..)| inhibitor.add(labels));
            let gone = |labels: &Labels| alerts.iter().any(|(own, gone, _)| *gone && own == labels);
            alerts.iter().filter(|(labels, ..)| gone(labels)).for_each(|(labels, ..)| inhibitor.remove(labels));
            let left = alerts.iter().filter(|(labels, _, firing)| *firing && !gone(labels));
            let firing: Vec<Labels> = left.map(|(labels, ..)| labels.clone()).collect();
            let fires = |source| firing.iter().any(|labels| labels.fingerprint() == source);
            let configs: Vec<InhibitRuleConfig> = inhibitor.rules.iter().map(|rule| rule.config.clone()).collect();
            for (target, ..) in &alerts {
                let got = inhibitor.inhibited_by(target, fires).is_some();
                prop_assert_eq!(got, by_brute_force(&configs, target, &firing), "{} among {:?}", target, firing);
            }
        }
    }

    #[test]
    fn every_source_counts_until_the_last_one_ends() {
        let mut inhibitor = inhibitor("[{source_match: {s: c}, target_match: {s: w}, equal: [site]}]");
        let sources = ["1", "2"].map(|n| alert(&[("s", "c"), ("site", "x"), ("n", n)]));
        sources.iter().for_each(|source| inhibitor.add(source));
        let target = alert(&[("s", "w"), ("site", "x")]);
        let by = |firing: &[&Labels]| {
            inhibitor.inhibited_by(&target, |fp| firing.iter().any(|labels| labels.fingerprint() == fp))
        };
        assert_eq!(by(&[&sources[1]]), Some(sources[1].fingerprint()));
        assert_eq!(by(&[]), None);
        inhibitor.remove(&sources[0]);
        assert_eq!(inhibitor.inhibited_by(&target, |_| true), Some(sources[1].fingerprint()));
        assert_eq!(inhibitor.inhibited_by(&alert(&[("s", "w"), ("site", "y")]), |_| true), None);
    }

    #[test]
    fn alerts_of_both_sides_do_not_inhibit_each_other() {
        let mut inhibitor = inhibitor("[{source_match: {s: c}, target_match_re: {s: c|w}, equal: [a]}]");
        let (critical, warning) = (alert(&[("a", "x"), ("s", "c")]), alert(&[("a", "x"), ("s", "w")]));
        inhibitor.add(&critical);
        inhibitor.add(&warning);
        assert_eq!(inhibitor.inhibited_by(&critical, |_| true), None);
        assert_eq!(inhibitor.inhibited_by(&warning, |_| true), Some(critical.fingerprint()));
    }

    #[test]
    fn labels_absent_on_both_sides_are_equal_and_an_empty_rule_inhibits_nothing() {
        let mut missing = inhibitor("[{source_match: {s: c}, target_match: {s: w}, equal: [nolabel]}]");
        missing.add(&alert(&[("a", "1"), ("s", "c")]));
        assert!(missing.inhibited_by(&alert(&[("a", "2"), ("s", "w")]), |_| true).is_some());
        let mut empty = inhibitor("[null]");
        let any = alert(&[("a", "1")]);
        empty.add(&any);
        assert_eq!(empty.inhibited_by(&any, |_| true), None);
        assert_eq!(empty.inhibited_by(&alert(&[("b", "1")]), |_| true), None);
    }
}
