use bellwether_model::{MatchOp, RegexDialect, Series};
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
    head.series(matchers, Timestamp::MIN, Timestamp::MAX).unwrap().iter().map(Labels::to_string).collect()
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

#[test]
fn lists_are_the_same_until_such_a_series_appears_or_goes() {
    let series = |name: &str, number: &str| Labels::from_pairs([("__name__", name), ("n", number)]);
    let mut head = head_of(&[series("a", "1"), series("b", "1")]);
    let a = [matcher("__name__", "=", "a")];
    let all = [matcher("n", "=~", ".+")];
    let find = |head: &Head, matchers: &[Matcher]| head.find(matchers).unwrap();
    let (list, all_list) = (find(&head, &a), find(&head, &all));
    head.create(slot_at(2), LogRef(2), series("b", "2"));
    head.push(slot_at(2), Sample::new(at(0), 1.0));
    assert!(Arc::ptr_eq(&list, &find(&head, &a)), "another metric");
    assert_eq!((all_list.len(), find(&head, &all).len()), (2, 3));
    head.create(slot_at(3), LogRef(3), series("a", "2"));
    head.push(slot_at(3), Sample::new(at(5_000), 7.0));
    assert_eq!(find(&head, &a).len(), 2);
    assert_eq!(find(&head, &[matcher("__name__", "=", "c")]).len(), 0);

    // What an old list calls a series is another's slot by now.
    head.drop_before(at(1));
    head.create(slot_at(0), LogRef(4), series("c", "1"));
    head.push(slot_at(0), Sample::new(at(5_000), 8.0));
    let mut seen = Vec::new();
    head.latest(&list, 0..1, at(0), at(9_000), &mut |place, _| {
        seen.push(place);
        ControlFlow::Continue(())
    })
    .unwrap();
    assert_eq!(seen, Vec::<usize>::new());
    assert_eq!(find(&head, &a).labels()[..], [series("a", "2")]);
    assert_eq!(find(&head, &[matcher("__name__", "=", "c")]).len(), 1);
}

#[test]
fn the_newest_sample_at_a_time_is_found() {
    let mut head = head_of(&[Labels::from_pairs([("a", "1")])]);
    for second in 1..400 {
        head.push(slot_at(0), Sample::new(at(second * 1000), second as f64));
    }
    let list = head.find(&[]).unwrap();
    let latest = |after: i64, until: i64| {
        let mut found = None;
        head.latest(&list, 0..1, at(after), at(until), &mut |_, latest: Latest<'_>| {
            found = Some(latest.at);
            ControlFlow::Continue(())
        })
        .unwrap();
        found
    };
    for (after, until, wanted) in [
        (0, 1_000_000, Some(399_000)),
        (399_000, 1_000_000, None),
        (0, 120_500, Some(120_000)),
        (120_000, 120_500, None),
        (-1, 0, Some(0)),
        (-10, -1, None),
    ] {
        assert_eq!(latest(after, until), wanted, "{after}..{until}");
    }
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
        let found_series = head.series(&matchers, start, end).unwrap();
        prop_assert_eq!(found_series, wanted.into_iter().map(|series| series.labels).collect::<Vec<_>>());
    }
}
