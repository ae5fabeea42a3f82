use bellwether_model::{MatchOp, RegexDialect};
use proptest::prelude::*;

use super::*;

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn matcher(name: &str, op: &str, value: &str) -> Matcher {
    let op = match op {
        "=" => MatchOp::Equal,
        "!=" => MatchOp::NotEqual,
        "=~" => MatchOp::Regex,
        _ => MatchOp::NotRegex,
    };
    Matcher::new(name, op, value, RegexDialect::Prometheus).unwrap()
}

/// One sample at 0 for each series, in slots counted from 0.
fn head_of(series: &[Labels]) -> Head {
    let mut head = Head::default();
    for (number, labels) in series.iter().enumerate() {
        head.create(slot_at(number), LogRef(number as u64), labels.clone());
        head.push(slot_at(number), Sample::new(at(0), 1.0));
    }
    head
}

fn names(head: &Head, matchers: &[Matcher]) -> Vec<String> {
    head.series(matchers, Timestamp::MIN, Timestamp::MAX).iter().map(Labels::to_string).collect()
}

#[test]
fn matchers_see_an_absent_label_as_empty() {
    let of = |pairs: &[(&str, &str)]| Labels::from_pairs(pairs.iter().copied());
    let head = head_of(&[
        of(&[("n", "1")]),
        of(&[("n", "1"), ("i", "a")]),
        of(&[("n", "1"), ("i", "b")]),
        of(&[("n", "2")]),
    ]);
    let (bare, a, b, two) = (r#"{n="1"}"#, r#"{i="a", n="1"}"#, r#"{i="b", n="1"}"#, r#"{n="2"}"#);
    // The cases of Prometheus' own `TestPostingsForMatchers`.
    for (matchers, wanted) in [
        (vec![("n", "=", "1")], vec![a, b, bare]),
        (vec![("n", "=", "1"), ("i", "=", "a")], vec![a]),
        (vec![("n", "=", "1"), ("i", "=", "missing")], vec![]),
        (vec![("missing", "=", "")], vec![a, b, bare, two]),
        (vec![("n", "!=", "1")], vec![two]),
        (vec![("i", "!=", "")], vec![a, b]),
        (vec![("missing", "!=", "")], vec![]),
        (vec![("n", "=", "1"), ("i", "!=", "a")], vec![b, bare]),
        (vec![("n", "=", "1"), ("i", "=", "")], vec![bare]),
        (vec![("n", "=~", "^1$")], vec![a, b, bare]),
        (vec![("n", "=", "1"), ("i", "=~", "^a?$")], vec![a, bare]),
        (vec![("i", "=~", "^$")], vec![bare, two]),
        (vec![("i", "=~", ".*")], vec![a, b, bare, two]),
        (vec![("i", "=~", ".+")], vec![a, b]),
        (vec![("n", "!~", "^1$")], vec![two]),
        (vec![("n", "=", "1"), ("i", "!~", "^a?$")], vec![b]),
        (vec![("n", "=", "1"), ("i", "!~", "^$")], vec![a, b]),
        (vec![("i", "!~", ".*")], vec![]),
        (vec![("n", "=", "1"), ("i", "!=", "b"), ("i", "=~", "^(b|a).*$")], vec![a]),
        (vec![], vec![a, b, bare, two]),
    ] {
        let built: Vec<Matcher> = matchers.iter().map(|(n, op, v)| matcher(n, op, v)).collect();
        assert_eq!(names(&head, &built), wanted, "{built:?}");
    }
}

#[test]
fn a_select_that_would_load_too_much_is_refused() {
    let mut head = head_of(&[Labels::from_pairs([("a", "1")]), Labels::from_pairs([("a", "2")])]);
    head.push(slot_at(0), Sample::new(at(10), 2.0));
    assert_eq!(head.select(&[], at(0), at(10), 3).unwrap().len(), 2);
    assert!(matches!(head.select(&[], at(0), at(10), 2), Err(QueryError::TooManySamples { limit: 2 })));
    assert_eq!(head.select(&[], at(10), at(10), 1).unwrap().len(), 1);
    assert_eq!(head.select(&[], at(11), at(10), 0).unwrap(), vec![]);
}

#[test]
fn dropped_series_leave_nothing_in_the_index() {
    let mut head = head_of(&[Labels::from_pairs([("a", "1"), ("b", "x")]), Labels::from_pairs([("a", "2")])]);
    head.push(slot_at(1), Sample::new(at(5_000), 1.0));
    let dead = head.drop_before(at(1));
    assert_eq!(dead, vec![(slot_at(0), Labels::from_pairs([("a", "1"), ("b", "x")]))]);
    assert_eq!(names(&head, &[]), vec![r#"{a="2"}"#]);
    assert_eq!(head.label_names(&[], Timestamp::MIN, Timestamp::MAX), vec!["a".into()]);
    assert_eq!(head.label_values("a", &[], Timestamp::MIN, Timestamp::MAX), vec!["2".into()]);
    assert_eq!(head.stats().series, 1);
}

fn any_labels() -> impl Strategy<Value = Labels> {
    let value = prop_oneof![Just(""), Just("a"), Just("b"), Just("ab")];
    (value.clone(), value.clone(), value)
        .prop_map(|(x, y, z)| Labels::from_pairs([("x", x), ("y", y), ("z", z)]))
}

fn any_matcher() -> impl Strategy<Value = Matcher> {
    let name = prop_oneof![Just("x"), Just("y"), Just("z"), Just("missing")];
    let equal = prop_oneof![Just("="), Just("!=")];
    let regex = prop_oneof![Just("=~"), Just("!~")];
    let value = prop_oneof![Just(""), Just("a"), Just("b")];
    let pattern = prop_oneof![Just(""), Just("a.*"), Just(".+"), Just(".*"), Just("a|b"), Just("a?")];
    (name, prop_oneof![(equal, value), (regex, pattern)])
        .prop_map(|(name, (op, value))| matcher(name, op, value))
}

proptest! {
    /// Against the obvious: a list of all samples, filtered.
    #[test]
    fn answers_like_a_plain_list(
        labels in proptest::collection::btree_set(any_labels(), 1..20),
        pushes in proptest::collection::vec((any::<proptest::sample::Index>(), 1_i64..50), 0..600),
        matchers in proptest::collection::vec(any_matcher(), 0..4),
        cutoff in 0_i64..2_000, start in 0_i64..3_000, length in 0_i64..3_000,
    ) {
        let labels: Vec<Labels> = labels.into_iter().collect();
        let mut head = Head::default();
        let mut model: Vec<Series> = Vec::new();
        for (number, labels) in labels.iter().enumerate() {
            head.create(slot_at(number), LogRef(0), labels.clone());
            model.push(Series { labels: labels.clone(), samples: Vec::new() });
        }
        for (step, (index, advance)) in pushes.into_iter().enumerate() {
            let number = index.index(labels.len());
            let last = model[number].samples.last().map_or(0, |sample: &Sample| sample.at.as_millis());
            let sample = Sample::new(at(last + advance), step as f64);
            head.push(slot_at(number), sample);
            model[number].samples.push(sample);
        }
        head.drop_before(at(cutoff));
        let (start, end) = (at(start.max(cutoff)), at(start.max(cutoff) + length));
        let wanted: Vec<Series> = model.into_iter().filter_map(|mut series| {
            series.samples.retain(|sample| sample.at >= start && sample.at <= end);
            let matches = matchers.iter().all(|matcher| matcher.matches(&series.labels));
            (matches && !series.samples.is_empty()).then_some(series)
        }).collect();
        let found = head.select(&matchers, start, end, usize::MAX).unwrap();
        prop_assert_eq!(&found, &wanted);
        let found_series = head.series(&matchers, start, end);
        prop_assert_eq!(found_series, wanted.into_iter().map(|series| series.labels).collect::<Vec<_>>());
    }
}
