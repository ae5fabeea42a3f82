//! The real tools' own data, read from beside the repository.

use std::path::Path;

use bellwether_promql::testing;
use libtest_mimic::Trial;

use crate::harness::{shared, trial_with};

/// Files of the upstream suite that hold, with whether some of their evaluations need native histograms.
const HOLDING: [(&str, bool); 3] = [("literals", false), ("selectors", false), ("operators", true)];

pub(crate) fn trials() -> Vec<Trial> {
    let promql = HOLDING.iter().map(|(name, has_histograms)| {
        let path = shared(&format!("conformance/promql/testdata/{name}.test"));
        trial_with(&format!("upstream_promql_{name}"), &path.clone(), move || holds(&path, *has_histograms))
    });
    promql.collect()
}

fn holds(path: &Path, has_histograms: bool) {
    let report = testing::run_file(path);
    assert!(report.passed > 0, "nothing was evaluated");
    assert!(report.failures.is_empty(), "{:#?}", report.failures);
    let excused = |reason: &str| has_histograms && reason == "needs native histograms";
    let left_out: Vec<_> = report.skipped.iter().filter(|finding| !excused(&finding.reason)).collect();
    assert!(left_out.is_empty(), "left out without that reason: {left_out:#?}");
}
