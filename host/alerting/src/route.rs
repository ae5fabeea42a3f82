//! The routing tree with everything inherited, ready to be asked where an alert goes.
//!
//! Routes live in one list and are known by their place in it; a walk visits children from left to right and stops at
//! the first that matches, unless that one continues. A route whose children all refuse takes the alert itself.

mod children;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use bellwether_model::{Labels, Matcher};

use crate::config::{
    Config, DEFAULT_GROUP_INTERVAL, DEFAULT_GROUP_WAIT, DEFAULT_REPEAT_INTERVAL, RouteConfig,
};
use crate::matchers::{PrintedLabels, PrintedList};
use children::Children;

/// A route's place in its tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RouteId(u32);

impl RouteId {
    fn index(self) -> usize {
        self.0 as usize
    }
}

/// By which labels alerts are put together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GroupBy {
    /// By every label: each alert is a group.
    All,
    /// By these; an empty list makes one group of all.
    Labels(Vec<Arc<str>>),
}

/// A route with all that it inherits.
#[derive(Debug, Clone)]
pub struct Route {
    /// Who is told.
    pub receiver: Arc<str>,
    /// By which labels alerts are put together.
    pub group_by: GroupBy,
    /// How long a new group collects before it is told.
    pub group_wait: Duration,
    /// How often a group is looked at afterwards.
    pub group_interval: Duration,
    /// After how long the same is told again.
    pub repeat_interval: Duration,
    /// All must match.
    pub matchers: Vec<Matcher>,
    /// Whether siblings further down see the alert too.
    pub continues: bool,
    /// Time intervals in which nothing is told.
    pub mute_time_intervals: Vec<String>,
    /// Time intervals outside of which nothing is told.
    pub active_time_intervals: Vec<String>,
    /// Labels of the route as they are written, templates included.
    pub labels: BTreeMap<String, String>,
    /// Matchers from the root down to here: `{}/{severity="critical"}`. Not unique among siblings.
    pub key: Arc<str>,
    /// The key with the indexes of the way, unique in the tree: how a route is found again after a reload.
    pub path: Arc<str>,
    children: Children,
}

impl Route {
    /// The routes below it, from left to right.
    pub fn children(&self) -> &[RouteId] {
        self.children.all()
    }

    /// The labels of an alert by which this route groups.
    pub fn group_labels(&self, alert: &Labels) -> Labels {
        match &self.group_by {
            GroupBy::All => alert.clone(),
            GroupBy::Labels(names) => alert.filtered(|name| names.iter().any(|wanted| **wanted == *name)),
        }
    }

    /// The group's identity in notifications: `{}/{severity="critical"}:{alertname="T2", component="device"}`.
    pub fn group_key(&self, group_labels: &Labels) -> String {
        format!("{}:{}", self.key, PrintedLabels(group_labels))
    }
}

/// The routes of a configuration.
#[derive(Debug, Clone)]
pub struct RouteTree {
    routes: Vec<Route>,
}

impl RouteTree {
    /// Compiles a checked configuration.
    pub fn new(config: &Config) -> Self {
        let mut tree = Self { routes: Vec::new() };
        let root = Route {
            receiver: "".into(),
            group_by: GroupBy::Labels(Vec::new()),
            group_wait: DEFAULT_GROUP_WAIT,
            group_interval: DEFAULT_GROUP_INTERVAL,
            repeat_interval: DEFAULT_REPEAT_INTERVAL,
            matchers: Vec::new(),
            continues: false,
            mute_time_intervals: Vec::new(),
            active_time_intervals: Vec::new(),
            labels: BTreeMap::new(),
            key: "".into(),
            path: "".into(),
            children: Children::default(),
        };
        tree.add(&root, &config.route, None);
        tree
    }

    fn add(&mut self, parent: &Route, config: &RouteConfig, index: Option<usize>) -> RouteId {
        // Configurations are bounded in size (`yaml::MAX_FILE_BYTES`), far below u32::MAX routes.
        let id = RouteId(u32::try_from(self.routes.len()).unwrap_or(u32::MAX));
        let route = inherit(parent, config, index);
        self.routes.push(route.clone());
        let children = config.routes.iter().enumerate();
        let children: Vec<RouteId> =
            children.map(|(index, child)| self.add(&route, child, Some(index))).collect();
        self.routes[id.index()].children = Children::new(children, |child| self.route(child));
        id
    }

    /// The route that takes what nobody else takes.
    pub const fn root(&self) -> RouteId {
        RouteId(0)
    }

    /// A route of this tree.
    pub fn route(&self, id: RouteId) -> &Route {
        &self.routes[id.index()]
    }

    /// All routes from the root down, parents before children.
    pub fn iter(&self) -> impl Iterator<Item = (RouteId, &Route)> {
        (0_u32..).map(RouteId).zip(&self.routes)
    }

    /// Where an alert goes; never nowhere, since the root takes what nobody else takes.
    pub fn matching(&self, labels: &Labels) -> Vec<RouteId> {
        let mut found = Vec::new();
        self.collect(self.root(), labels, &mut found);
        found
    }

    /// Depth is bounded by the configuration's limit on nested routes.
    fn collect(&self, id: RouteId, labels: &Labels, found: &mut Vec<RouteId>) -> bool {
        let route = self.route(id);
        if !route.matchers.iter().all(|matcher| matcher.matches(labels)) {
            return false;
        }
        let before = found.len();
        for child in route.children.candidates(labels) {
            let matched = self.collect(child, labels, found);
            if matched && !self.route(child).continues {
                break;
            }
        }
        if found.len() == before {
            found.push(id);
        }
        true
    }
}

fn inherit(parent: &Route, config: &RouteConfig, index: Option<usize>) -> Route {
    let printed = PrintedList(&config.matchers).to_string();
    let (mut key, mut path) = (String::new(), String::new());
    if let Some(index) = index {
        let _ = write!(key, "{}/", parent.key);
        let _ = write!(path, "{}/{index}", parent.path);
    }
    key += &printed;
    path += &printed;
    let mut labels = parent.labels.clone();
    labels.extend(config.labels.iter().map(|(name, value)| (name.clone(), value.clone())));
    let group_by = config.group_by.as_ref().map_or_else(|| parent.group_by.clone(), |names| group_by(names));
    Route {
        receiver: config.receiver.as_deref().map_or_else(|| parent.receiver.clone(), Arc::from),
        group_by,
        group_wait: config.group_wait.unwrap_or(parent.group_wait),
        group_interval: config.group_interval.unwrap_or(parent.group_interval),
        repeat_interval: config.repeat_interval.unwrap_or(parent.repeat_interval),
        matchers: config.matchers.clone(),
        continues: config.continues,
        mute_time_intervals: config.mute_time_intervals.clone(),
        active_time_intervals: config.active_time_intervals.clone(),
        labels,
        key: key.into(),
        path: path.into(),
        children: Children::default(),
    }
}

fn group_by(names: &[String]) -> GroupBy {
    match names {
        [only] if only == "..." => GroupBy::All,
        names => GroupBy::Labels(names.iter().map(|name| Arc::from(name.as_str())).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(text: &str) -> RouteTree {
        RouteTree::new(&Config::parse("t.yml", text).unwrap_or_else(|error| panic!("{error}")).0)
    }

    fn receivers(tree: &RouteTree, labels: &[(&str, &str)]) -> Vec<String> {
        let labels = Labels::from_pairs(labels.iter().copied());
        tree.matching(&labels).iter().map(|id| tree.route(*id).receiver.to_string()).collect()
    }

    const TREE: &str = "
route:
  receiver: a
  group_by: [alertname]
  group_wait: 10s
  routes:
  - {receiver: b, match: {severity: critical}, continue: true, group_wait: 0s}
  - receiver: c
    match_re: {severity: crit.*|warn.*}
    routes:
    - {matchers: ['team = \"ops\"', device=1], group_by: []}
receivers: [{name: a}, {name: b}, {name: c}]
";

    #[test]
    fn walks_depth_first_and_goes_on_only_where_told() {
        let tree = tree(TREE);
        assert_eq!(receivers(&tree, &[("alertname", "z")]), ["a"]);
        assert_eq!(receivers(&tree, &[("severity", "critical")]), ["b", "c"]);
        assert_eq!(receivers(&tree, &[("severity", "warning")]), ["c"]);
    }

    #[test]
    fn inherits_options_but_not_matchers() {
        let tree = tree(TREE);
        let labels = Labels::from_pairs([("severity", "warning"), ("team", "ops"), ("device", "1")]);
        let [id] = tree.matching(&labels)[..] else { panic!("one route") };
        let route = tree.route(id);
        assert_eq!(&*route.receiver, "c");
        assert_eq!(route.group_wait, Duration::from_secs(10));
        assert_eq!(route.group_by, GroupBy::Labels(vec![]), "an empty list overrides the parent's");
        assert_eq!(route.group_interval, DEFAULT_GROUP_INTERVAL);
        assert!(!route.continues);
    }

    #[test]
    fn prints_group_keys_as_alertmanager() {
        let tree = tree(TREE);
        let labels = Labels::from_pairs([("severity", "critical"), ("alertname", "x"), ("n", "1")]);
        let keys: Vec<String> = tree
            .matching(&labels)
            .iter()
            .map(|id| tree.route(*id).group_key(&tree.route(*id).group_labels(&labels)))
            .collect();
        assert_eq!(
            keys,
            [
                r#"{}/{severity="critical"}:{alertname="x"}"#,
                r#"{}/{severity=~"^(?:crit.*|warn.*)$"}:{alertname="x"}"#
            ]
        );
        let deepest = tree.iter().last().map(|(_, route)| route.key.to_string());
        assert_eq!(
            deepest.as_deref(),
            Some(r#"{}/{severity=~"^(?:crit.*|warn.*)$"}/{device="1",team="ops"}"#)
        );
    }
}
