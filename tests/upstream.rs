//! The real tools' own data, read from beside the repository.

use std::path::Path;

use bellwether_promql::testing;
use libtest_mimic::Trial;

use crate::harness::{shared, trial_with};

/// Files of the upstream suite that hold completely, but for evaluations that need native histograms.
const WHOLE: [&str; 3] = ["literals", "selectors", "operators"];

pub(crate) fn trials() -> Vec<Trial> {
    let promql = WHOLE.iter().map(|name| {
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
