//! The real tools' own data, read from beside the repository.

use std::path::Path;

use bellwether_promql::testing;
use libtest_mimic::Trial;

use crate::harness::{shared, trial_with};

/// Files of Prometheus' own suite.
const SUITE: [&str; 21] = [
    "aggregators",
    "at_modifier",
    "collision",
    "duration_expression",
    "extended_vectors",
    "fill-modifier",
    "functions",
    "histograms",
    "info",
    "limit",
    "literals",
    "name_label_dropping",
    "native_histograms",
    "operators",
    "range_queries",
    "selectors",
    "staleness",
    "start_timestamps",
    "subquery",
    "trig_functions",
    "type_and_unit",
];

pub(crate) fn trials() -> Vec<Trial> {
    let promql = SUITE.iter().map(|name| {
        let path = shared(&format!("conformance/promql/testdata/{name}.test"));
        trial_with(&format!("upstream_promql_{name}"), &path.clone(), move || holds(&path))
    });
    promql.collect()
}

fn holds(path: &Path) {
    let report = testing::run_file(path);
    assert!(report.passed > 0, "nothing was evaluated");
    assert!(report.failures.is_empty(), "{:#?}", report.failures);
}
