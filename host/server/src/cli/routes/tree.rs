//! The routing tree as a drawing, as `amtool config routes` prints it.

use bellwether_alerting::matchers::PrintedList;
use bellwether_alerting::route::{Route, RouteId, RouteTree};
use bellwether_model::Labels;
use bellwether_model::matcher::all_match;

/// What stands between the parts of a line.
const GAP: &str = "  ";

/// A line of a drawing, and what hangs below it.
struct Branch {
    text: String,
    below: Vec<Self>,
}

/// Every route, with its receiver.
pub(super) fn whole(tree: &RouteTree) -> String {
    drawn(&branch(tree, tree.root()))
}

/// Depth of this and of all below is bounded by the configuration's limit on nested routes.
fn branch(tree: &RouteTree, id: RouteId) -> Branch {
    let route = tree.route(id);
    let continues = if route.continues { format!("{GAP}continue: true") } else { String::new() };
    let text = format!("{}{continues}{GAP}receiver: {}", matchers(route), route.receiver);
    Branch { text, below: route.children().iter().map(|child| branch(tree, *child)).collect() }
}

/// The routes that an alert goes through; those that take it, with their receivers.
pub(super) fn matching(tree: &RouteTree, labels: &Labels) -> String {
    drawn(&matching_branch(tree, tree.root(), labels))
}

fn matching_branch(tree: &RouteTree, id: RouteId, labels: &Labels) -> Branch {
    let route = tree.route(id);
    let mut below = Vec::new();
    for child in route.children() {
        if all_match(&tree.route(*child).matchers, labels) {
            below.push(matching_branch(tree, *child, labels));
            if !tree.route(*child).continues {
                break;
            }
        }
    }
    let receiver =
        if below.is_empty() { format!("{GAP}receiver: {}", route.receiver) } else { String::new() };
    Branch { text: matchers(route) + &receiver, below }
}

fn matchers(route: &Route) -> String {
    match route.matchers.as_slice() {
        [] => "default-route".to_owned(),
        matchers => PrintedList(matchers).to_string(),
    }
}

fn drawn(root: &Branch) -> String {
    let mut out = ".\n".to_owned();
    draw(root, "", true, &mut out);
    out
}

fn draw(branch: &Branch, indent: &str, is_last: bool, out: &mut String) {
    let (corner, below) = if is_last { ("└── ", "    ") } else { ("├── ", "│   ") };
    *out += &format!("{indent}{corner}{}\n", branch.text);
    let indent = format!("{indent}{below}");
    let last = branch.below.len().saturating_sub(1);
    for (at, child) in branch.below.iter().enumerate() {
        draw(child, &indent, at == last, out);
    }
}

#[cfg(test)]
mod tests {
    use bellwether_alerting::config::Config;

    use super::*;

    #[test]
    fn draws_routes_below_routes() {
        let config = "
route:
  receiver: a
  routes:
  - matchers: [severity=\"critical\"]
    continue: true
    routes:
    - {receiver: b, match: {team: x}}
    - {match_re: {team: y.*}}
  - {receiver: b}
receivers: [{name: a}, {name: b}]
";
        let tree = RouteTree::new(&Config::parse("t.yml", config).unwrap().0);
        let expected = r#"
.
└── default-route  receiver: a
    ├── {severity="critical"}  continue: true  receiver: a
    │   ├── {team="x"}  receiver: b
    │   └── {team=~"^(?:y.*)$"}  receiver: a
    └── default-route  receiver: b
"#;
        assert_eq!(whole(&tree), expected.trim_start());
    }
}
