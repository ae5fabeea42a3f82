//! The counts that Prometheus' own test of its statistics expects (`TestQueryStatistics` of `promql/engine_test.go`).

use std::time::Duration;

use bellwether_model::histogram::{BucketSpan, Buckets};
use bellwether_model::{FloatHistogram, Labels, Sample, Timestamp};

use super::*;
use crate::engine::{Engine, Limits, Range};
use crate::testing::MemoryStore;

/// Query, start, end and step in seconds (0 for an instant query), what was looked at and what was read at each step.
type Case = ((&'static str, i64, i64, u64), &'static [u64], &'static [u64]);

#[rustfmt::skip]
const CASES: &[Case] = &[
    ((r#""literal string""#, 21, 21, 0), &[0], &[0]),
    (("1", 21, 21, 0), &[0], &[0]),
    (("one", 21, 21, 0), &[1], &[1]),
    (("histogram", 21, 21, 0), &[13], &[13]),
    (("timestamp(one)", 21, 21, 0), &[1], &[1]),
    (("timestamp(histogram)", 21, 21, 0), &[1], &[1]),
    (("one", 22, 22, 0), &[1], &[1]),
    (("one offset 10s", 21, 21, 0), &[1], &[1]),
    (("one @ 15", 21, 21, 0), &[1], &[1]),
    ((r#"three{a="1"}"#, 21, 21, 0), &[1], &[1]),
    ((r#"three{a="1"} @ 19"#, 21, 21, 0), &[1], &[1]),
    ((r#"three{a="1"}[20s] @ 19"#, 21, 21, 0), &[2], &[2]),
    (("three", 21, 21, 0), &[3], &[3]),
    (("one[60s]", 201, 201, 0), &[6], &[6]),
    (("histogram[60s]", 201, 201, 0), &[78], &[78]),
    (("max_over_time(one[60s])[20s:5s]", 201, 201, 0), &[24], &[8]),
    (("max_over_time(one[61s])[20s:5s]", 201, 201, 0), &[26], &[8]),
    (("max_over_time(histogram[60s])[20s:5s]", 201, 201, 0), &[312], &[104]),
    (("one[60s] @ 30", 201, 201, 0), &[4], &[4]),
    (("histogram[60s] @ 30", 201, 201, 0), &[52], &[52]),
    (("sum(max_over_time(three[60s] @ 30))", 201, 201, 0), &[12], &[12]),
    (("sum by (b) (max_over_time(three[60s] @ 30))", 201, 201, 0), &[12], &[12]),
    (("one[60s] offset 10s", 201, 201, 0), &[6], &[6]),
    (("three[60s]", 201, 201, 0), &[18], &[18]),
    (("max_over_time(one[60s])", 201, 201, 0), &[6], &[6]),
    (("absent_over_time(one[60s])", 201, 201, 0), &[6], &[6]),
    (("max_over_time(three[60s])", 201, 201, 0), &[18], &[18]),
    (("one[60s:5s]", 201, 201, 0), &[12], &[12]),
    (("one[60s:5s] offset 10s", 201, 201, 0), &[12], &[12]),
    (("max_over_time(three[60s:5s])", 201, 201, 0), &[36], &[36]),
    (("sum(max_over_time(three[60s:5s])) + sum(max_over_time(three[60s:5s]))", 201, 201, 0), &[72], &[72]),
    ((r#"three{a="1"}"#, 201, 220, 5), &[1, 1, 1, 1], &[1, 1, 1, 1]),
    ((r#"three{a="1"}"#, 204, 223, 5), &[1, 1, 1, 1], &[1, 1, 1, 1]),
    (("histogram", 204, 223, 5), &[13, 13, 13, 13], &[13, 13, 13, 13]),
    (("timestamp(one)", 201, 220, 5), &[1, 1, 1, 1], &[1, 1, 1, 1]),
    (("timestamp(histogram)", 201, 220, 5), &[1, 1, 1, 1], &[1, 1, 1, 1]),
    ((r#"max_over_time(three{a="1"}[10s])"#, 991, 1021, 10), &[1, 1, 0, 0], &[1, 1, 0, 0]),
    ((r#"three{a="1"} offset 10s"#, 201, 220, 5), &[1, 1, 1, 1], &[1, 1, 1, 1]),
    (("max_over_time(three[60s] @ 30)", 201, 220, 5), &[12, 12, 12, 12], &[12, 0, 0, 0]),
    (("three", 201, 220, 5), &[3, 3, 3, 3], &[3, 3, 3, 3]),
    (("max_over_time(three[60s])", 201, 220, 5), &[18, 18, 18, 18], &[18, 0, 3, 0]),
    (("max_over_time(three[60s:5s])", 201, 216, 5), &[36, 36, 36, 36], &[36, 3, 3, 3]),
    (("max_over_time(three[60s:5s])", 201, 220, 5), &[36, 36, 36, 36], &[36, 3, 3, 3]),
    (("max_over_time(one[60s:5s])", 201, 220, 5), &[12, 12, 12, 12], &[12, 1, 1, 1]),
    (("sum by (b) (max_over_time(one[60s:5s]))", 201, 220, 5), &[12, 12, 12, 12], &[12, 1, 1, 1]),
    (("sum(max_over_time(three[60s:5s])) + sum(max_over_time(three[60s:5s]))", 201, 220, 5), &[72, 72, 72, 72], &[72, 6, 6, 6]),
    (("sum(max_over_time(three[60s:5s])) + sum(max_over_time(one[60s:5s]))", 201, 216, 5), &[48, 48, 48, 48], &[48, 4, 4, 4]),
    (("sum(max_over_time(three[60s:5s])) + sum(max_over_time(one[60s:5s]))", 201, 220, 5), &[48, 48, 48, 48], &[48, 4, 4, 4]),
    (("max_over_time(one[20s:10s])", 201, 201, 0), &[2], &[2]),
    (("sum_over_time(one[30s:30s])", 90, 90, 0), &[1], &[1]),
    (("max_over_time(one[30s:2m])", 240, 240, 0), &[1], &[1]),
    (("max_over_time(one[30s:10s])", 201, 231, 30), &[3, 3], &[3, 3]),
    (("max_over_time(one[20s:10s])", 201, 261, 10), &[2, 2, 2, 2, 2, 2, 2], &[2, 1, 1, 1, 1, 1, 1]),
    (("max_over_time(one[30s:10s])", 201, 261, 60), &[3, 3], &[3, 3]),
    (("histogram_count(max_over_time(histogram[20s:10s]))", 201, 201, 0), &[26], &[26]),
    (("avg_over_time(histogram[2m:1m])", 120, 240, 60), &[26, 26, 26], &[26, 13, 13]),
    (("max_over_time(three[60s:10s])", 200, 400, 30), &[18, 18, 18, 18, 18, 18, 18], &[18, 9, 9, 9, 9, 9, 9]),
    (("predict_linear(one[60s] @ 100, 60)", 100, 300, 100), &[6, 6, 6], &[6, 0, 0]),
    (("sum_over_time(three[20s:10s] @ 200)", 250, 250, 0), &[6], &[6]),
    (("sum_over_time(one[20s:10s] offset 1m)", 240, 240, 0), &[2], &[2]),
    (("sum_over_time(three[1m:10s] @ 200 offset 1m)", 300, 300, 0), &[18], &[18]),
    (("sum_over_time(max_over_time(three[60s] @ 300)[5m:1m] @ 600)[10m:2m]", 800, 800, 0), &[75], &[18]),
    (("rate(sum_over_time(one[30s])[1m:30s])", 240, 240, 0), &[2], &[6]),];

/// `one` is a series, `three` are three, `histogram` is a histogram that counts as 13 samples; all have a sample every
/// ten seconds.
fn store() -> MemoryStore {
    let mut store = MemoryStore::default();
    let series = |name, a: &'static str, b: &'static str| {
        Labels::from_pairs(
            [("__name__", name), ("a", a), ("b", b)].into_iter().filter(|pair| !pair.1.is_empty()),
        )
    };
    let floats = [
        series("one", "", ""),
        series("three", "1", "1"),
        series("three", "2", "2"),
        series("three", "3", "2"),
    ];
    for step in 0..=100_i64 {
        let (at, step) = (Timestamp::from_millis(step * 10_000), step as f64);
        for labels in &floats {
            store.put(labels, Sample::new(at, 1.0 + step));
        }
        let counts = [(1.0, 1.0), (2.0, 2.0), (1.0, 3.0), (1.0, 4.0)];
        let histogram = FloatHistogram {
            schema: 1,
            count: 5.0 + 10.0 * step,
            sum: 20.0 + 5.0 * step,
            positive: Buckets {
                spans: vec![BucketSpan { offset: 0, length: 4 }],
                counts: counts.iter().map(|(first, more)| first + more * step).collect(),
            },
            ..FloatHistogram::default()
        };
        store.put_histogram(&series("histogram", "", ""), at, histogram, 0);
    }
    store
}

fn stats(
    store: &MemoryStore,
    (text, start, end, step): (&str, i64, i64, u64),
    statistics: Statistics,
) -> QueryStats {
    let engine = Engine::default();
    let query = engine.prepare(text).unwrap();
    let limits = Limits { statistics, ..Limits::NONE };
    let [start, end] = [start, end].map(|secs| Timestamp::from_millis(secs * 1000));
    let answer = if step == 0 {
        engine.instant_within(&query, store, start, limits)
    } else {
        engine.range_within(&query, store, Range { start, end, step: Duration::from_secs(step) }, limits)
    };
    answer.unwrap_or_else(|error| panic!("{text}: {error}")).stats
}

#[test]
fn counts_are_those_of_prometheus() {
    let store = store();
    for &(case, totals, reads) in CASES {
        let stats = stats(&store, case, Statistics::PerStep);
        let counts = |steps: &[(Timestamp, u64)]| steps.iter().map(|step| step.1).collect::<Vec<_>>();
        assert_eq!(counts(&stats.samples_per_step), totals, "totals of {case:?}");
        assert_eq!(counts(&stats.read_per_step), reads, "reads of {case:?}");
        assert_eq!(stats.total_samples, totals.iter().sum::<u64>(), "{case:?}");
        assert_eq!(stats.samples_read, reads.iter().sum::<u64>(), "{case:?}");
        assert_eq!(stats.samples_per_step[0].0, Timestamp::from_millis(case.1 * 1000));
    }
}

#[test]
fn steps_are_counted_only_for_those_who_ask() {
    let store = store();
    for &(case, totals, _) in CASES {
        let sums = stats(&store, case, Statistics::Totals);
        assert_eq!((sums.total_samples, sums.samples_per_step.len()), (totals.iter().sum(), 0), "{case:?}");
        // What is not counted may be shared, so that the peak can be lower.
        let nothing = QueryStats { peak_samples: 0, ..stats(&store, case, Statistics::Off) };
        assert_eq!(nothing, QueryStats::default(), "{case:?}");
    }
}
