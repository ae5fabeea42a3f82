use bellwether_model::is_stale;

use super::*;

fn rules() -> ScrapeRules {
    ScrapeRules {
        labels: Labels::from_pairs([("job", "edge"), ("instance", "dev:1")]),
        honor_labels: false,
        honor_timestamps: true,
        sample_limit: 0,
    }
}

fn time(secs: i64) -> ScrapeTime {
    ScrapeTime { at: Timestamp::from_millis(secs * 1000), took: Duration::from_millis(250) }
}

/// `name{labels that are not the target's} value`, sorted; `stale` for the end marker.
fn told(records: &[Record]) -> Vec<String> {
    let mut told: Vec<String> = records
        .iter()
        .map(|record| {
            let own = record.labels.filtered(|name| !matches!(name, "job" | "instance"));
            let value = record.sample.value;
            if is_stale(value) { format!("{own} stale") } else { format!("{own} {value}") }
        })
        .collect();
    told.sort();
    told
}

fn scraped(state: &mut ScrapeLoop, body: &str, secs: i64) -> Vec<String> {
    let result = state.scraped(body.as_bytes(), Format::Prometheus, time(secs));
    assert_eq!(result.error, None);
    told(&result.records)
}

fn own(up: u8, samples: usize, added: usize) -> [String; 5] {
    [
        "scrape_duration_seconds 0.25".to_owned(),
        format!("scrape_samples_post_metric_relabeling {samples}"),
        format!("scrape_samples_scraped {samples}"),
        format!("scrape_series_added {added}"),
        format!("up {up}"),
    ]
}

fn with_own(series: &[&str], own: [String; 5]) -> Vec<String> {
    let mut all: Vec<String> = series.iter().map(|&text| text.to_owned()).chain(own).collect();
    all.sort();
    all
}

#[test]
fn a_series_that_vanishes_ends_and_one_that_stays_does_not() {
    let mut state = ScrapeLoop::new(rules());
    assert_eq!(
        scraped(&mut state, "a 1\nb{x=\"1\"} 2\n", 0),
        with_own(&["a 1", "b{x=\"1\"} 2"], own(1, 2, 2))
    );
    assert_eq!(
        scraped(&mut state, "a 1\nc 3\n", 15),
        with_own(&["a 1", "b{x=\"1\"} stale", "c 3"], own(1, 2, 1))
    );
    assert_eq!(scraped(&mut state, "a 1\nc 3\n", 30), with_own(&["a 1", "c 3"], own(1, 2, 0)));
}

#[test]
fn a_failure_ends_all_series_once_and_they_come_back_as_known() {
    let mut state = ScrapeLoop::new(rules());
    scraped(&mut state, "a 1\n", 0);
    assert_eq!(told(&state.failed(time(15))), with_own(&["a stale"], own(0, 0, 0)));
    assert_eq!(told(&state.failed(time(30))), with_own(&[], own(0, 0, 0)));
    assert_eq!(scraped(&mut state, "a 2\n", 45), with_own(&["a 2"], own(1, 1, 0)));
}

#[test]
fn a_page_that_breaks_off_counts_for_nothing() {
    let mut state = ScrapeLoop::new(rules());
    scraped(&mut state, "a 1\n", 0);
    let result = state.scraped(b"a 2\nb 3\nb{", Format::Prometheus, time(15));
    assert!(
        matches!(&result.error, Some(PageError::Malformed(error)) if error.line == 3),
        "{:?}",
        result.error
    );
    assert_eq!(told(&result.records), with_own(&["a stale"], own(0, 2, 1)));
    assert_eq!(scraped(&mut state, "b 3\n", 30), with_own(&["b 3"], own(1, 1, 1)));
}

#[test]
fn stopping_ends_everything_after_the_last_sample() {
    let mut state = ScrapeLoop::new(rules());
    assert!(state.stopped(time(0).at).is_empty());
    scraped(&mut state, "a 1\n", 5);
    let records = state.stopped(time(5).at);
    assert_eq!(records.len(), 6);
    assert!(records.iter().all(|r| is_stale(r.sample.value) && r.sample.at == Timestamp::from_millis(5001)));
}

#[test]
fn labels_of_the_target_win_unless_those_of_the_page_are_honoured() {
    let exposed =
        Labels::from_pairs([("__name__", "a"), ("job", "x"), ("exported_job", "y"), ("instance", "i")]);
    let target = rules().labels;
    assert_eq!(
        merged(&exposed, &target, false).to_string(),
        r#"a{exported_exported_job="x", exported_instance="i", exported_job="y", instance="dev:1", job="edge"}"#
    );
    assert_eq!(merged(&exposed, &target, true).to_string(), r#"a{exported_job="y", instance="i", job="x"}"#);
}

#[test]
fn timestamps_of_the_page_count_where_they_are_honoured() {
    let mut state = ScrapeLoop::new(rules());
    let result = state.scraped(b"a 1 7000\nb 2\n", Format::Prometheus, time(60));
    assert_eq!(result.records[0].sample.at, Timestamp::from_millis(7000));
    assert_eq!(result.records[1].sample.at, Timestamp::from_millis(60_000));
    // A series with its own times gets no stale marker, as in Prometheus.
    assert_eq!(scraped(&mut state, "", 75), with_own(&["b stale"], own(1, 0, 0)));
    let mut deaf = ScrapeLoop::new(ScrapeRules { honor_timestamps: false, ..rules() });
    let result = deaf.scraped(b"a 1 7000\n", Format::Prometheus, time(60));
    assert_eq!(result.records[0].sample.at, Timestamp::from_millis(60_000));
}

#[test]
fn too_many_samples_repeated_labels_and_nameless_series_refuse_the_page() {
    let mut state = ScrapeLoop::new(ScrapeRules { sample_limit: 1, ..rules() });
    let error = state.scraped(b"a 1\nb 1\n", Format::Prometheus, time(0)).error;
    assert_eq!(error, Some(PageError::TooManySamples { limit: 1 }));
    let error = state.scraped(b"a{b=\"1\",b=\"2\"} 1\n", Format::Prometheus, time(1)).error;
    assert!(matches!(error, Some(PageError::RepeatedLabel { label, .. }) if label == "b"));
    let error = state.scraped(b"{\"\"} 1\n", Format::Prometheus, time(2)).error;
    assert_eq!(error, Some(PageError::NoName));
}

#[test]
fn what_a_good_page_says_about_metrics_is_known() {
    let mut state = ScrapeLoop::new(rules());
    let page = "# HELP a What it is.\n# TYPE a counter\na 1\n";
    scraped(&mut state, page, 0);
    assert_eq!(state.families()["a"].help, "What it is.");
    let refused = state.scraped(b"# TYPE b gauge\nb{", Format::Prometheus, time(15));
    assert!(refused.error.is_some());
    state.failed(time(30));
    assert_eq!(state.families().len(), 1);
}
