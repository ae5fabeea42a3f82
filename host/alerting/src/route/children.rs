//! The routes below a route, and which of them an alert can match at all.
//!
//! Fleets have a route for each team or customer: hundreds of siblings that each want one value of the same label. That
//! label's value picks the few that are worth asking.

use std::sync::Arc;

use bellwether_model::Labels;
use bellwether_model::matcher::MatchOp;
use rustc_hash::FxHashMap;

use super::{Route, RouteId};

/// With fewer siblings than this that want a value of one label, asking each is as fast.
const WORTH_AN_INDEX: usize = 4;

/// The routes below a route, from left to right.
#[derive(Debug, Clone, Default)]
pub(super) struct Children {
    all: Vec<RouteId>,
    index: Option<Index>,
}

/// Siblings by the value of one label that they want. Places ascend in each list.
#[derive(Debug, Clone)]
struct Index {
    label: Arc<str>,
    by_value: FxHashMap<Arc<str>, Vec<RouteId>>,
    /// Those that do not want one value of it.
    others: Vec<RouteId>,
}

impl Children {
    /// From left to right; `route` finds each.
    pub(super) fn new<'a>(all: Vec<RouteId>, route: impl Fn(RouteId) -> &'a Route) -> Self {
        let index = Index::new(&all, route);
        Self { all, index }
    }

    pub(super) fn all(&self) -> &[RouteId] {
        &self.all
    }

    /// From left to right all that may match these labels, among others that do not.
    pub(super) fn candidates(&self, labels: &Labels) -> Candidates<'_> {
        match &self.index {
            None => Candidates { wanting: &[], others: &self.all },
            Some(index) => {
                let wanting = index.by_value.get(labels.value(&index.label));
                Candidates { wanting: wanting.map_or(&[], Vec::as_slice), others: &index.others }
            }
        }
    }
}

impl Index {
    fn new<'a>(all: &[RouteId], route: impl Fn(RouteId) -> &'a Route) -> Option<Self> {
        let mut wanted: FxHashMap<&str, usize> = FxHashMap::default();
        for (name, _) in all.iter().flat_map(|id| equalities(route(*id))) {
            *wanted.entry(name).or_default() += 1;
        }
        // The name breaks ties, so that the same file always makes the same index.
        let (label, count) = wanted.into_iter().max_by_key(|(name, count)| (*count, *name))?;
        if count < WORTH_AN_INDEX {
            return None;
        }
        let mut index = Self { label: label.into(), by_value: FxHashMap::default(), others: Vec::new() };
        for id in all {
            match equalities(route(*id)).find(|(name, _)| *name == label) {
                Some((_, value)) => index.by_value.entry(value.into()).or_default().push(*id),
                None => index.others.push(*id),
            }
        }
        Some(index)
    }
}

/// Labels that must have one value for the route to match. An absent label has the value `""`, here as in a matcher.
fn equalities(route: &Route) -> impl Iterator<Item = (&str, &str)> {
    let equal = route.matchers.iter().filter(|matcher| matcher.op() == MatchOp::Equal);
    equal.map(|matcher| (matcher.name(), matcher.value()))
}

/// Two ascending lists as one.
pub(super) struct Candidates<'a> {
    wanting: &'a [RouteId],
    others: &'a [RouteId],
}

impl Iterator for Candidates<'_> {
    type Item = RouteId;

    fn next(&mut self) -> Option<RouteId> {
        let from_wanting = match (self.wanting.first(), self.others.first()) {
            (Some(wanting), Some(other)) => wanting < other,
            (wanting, _) => wanting.is_some(),
        };
        let list = if from_wanting { &mut self.wanting } else { &mut self.others };
        let (first, rest) = list.split_first()?;
        *list = rest;
        Some(*first)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::RouteTree;
    use super::*;
    use crate::config::Config;

    /// As the documentation of routing tells it, every child asked.
    fn by_depth_first_search(tree: &RouteTree, id: RouteId, labels: &Labels) -> Vec<RouteId> {
        let route = tree.route(id);
        if !route.matchers.iter().all(|matcher| matcher.matches(labels)) {
            return vec![];
        }
        let mut found = vec![];
        for child in route.children() {
            let below = by_depth_first_search(tree, *child, labels);
            let stops = !below.is_empty() && !tree.route(*child).continues;
            found.extend(below);
            if stops {
                break;
            }
        }
        if found.is_empty() { vec![id] } else { found }
    }

    fn any_routes() -> impl Strategy<Value = String> {
        let matcher = prop::sample::select(vec![
            "a=x", "a=y", "a=z", "a=x", "a=y", "a=\"\"", "b=x", "b=y", "a=~x|y", "a!=x", "b!=\"\"",
        ]);
        let matchers = prop::collection::vec(matcher, 1..3);
        let leaf = (matchers, any::<bool>()).prop_map(|(matchers, continues)| {
            let matchers: Vec<String> = matchers.iter().map(|own| format!("'{own}'")).collect();
            format!("matchers: [{}], continue: {continues}", matchers.join(", "))
        });
        let tree = leaf.clone().prop_recursive(3, 64, 12, move |below| {
            (leaf.clone(), prop::collection::vec(below, 0..12)).prop_map(|(own, below)| {
                let below: Vec<String> = below.iter().map(|route| format!("{{{route}}}")).collect();
                format!("{own}, routes: [{}]", below.join(", "))
            })
        });
        prop::collection::vec(tree, 0..12).prop_map(|routes| {
            let routes: Vec<String> = routes.iter().map(|route| format!("{{{route}}}")).collect();
            routes.join(", ")
        })
    }

    fn tree(routes: &str) -> RouteTree {
        let text = format!("route: {{receiver: r, routes: [{routes}]}}\nreceivers: [{{name: r}}]\n");
        RouteTree::new(&Config::parse("t.yml", &text).unwrap_or_else(|error| panic!("{error}")).0)
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn the_index_finds_what_a_walk_of_all_routes_finds(routes in any_routes()) {
            let tree = tree(&routes);
            for a in ["", "x", "y", "z", "other"] {
                for b in ["", "x", "y"] {
                    let labels = Labels::from_pairs([("a", a), ("b", b), ("n", "1")]);
                    let expected = by_depth_first_search(&tree, tree.root(), &labels);
                    prop_assert_eq!(tree.matching(&labels), expected, "{} in {}", labels, routes);
                }
            }
        }
    }

    #[test]
    fn the_value_of_a_label_picks_the_siblings_that_are_asked() {
        let routes: Vec<String> = (0..100).map(|n| format!("{{matchers: ['team=t{n}']}}")).collect();
        let tree = tree(&format!("{}, {{matchers: ['severity=page']}}", routes.join(", ")));
        let children = &tree.route(tree.root()).children;
        let asked = |labels: &[(&str, &str)]| {
            children.candidates(&Labels::from_pairs(labels.iter().copied())).count()
        };
        assert_eq!(asked(&[("team", "t42")]), 2);
        assert_eq!(asked(&[("severity", "page")]), 1);
        assert_eq!(children.all().len(), 101);
    }
}
