//! Rule files and groups on simulated time, over samples in memory.

use std::sync::Mutex;
use std::time::Duration;

use bellwether_model::query::{AppendError, Appended};
use bellwether_model::state::StoredRuleAlert;
use bellwether_model::{Appender, Labels, Matcher, Queryable, Record, Sample, Timestamp, is_stale};
use bellwether_promql::testing::MemoryStore;
use bellwether_promql::{Engine, EngineOptions, InstantSample, Limits, Query, Tick, Value};
use rustc_hash::FxHashMap;

use crate::group::{Evaluation, Evaluator, Group, GroupEnv, Health, RuleError};
use crate::schedule::Schedule;
use crate::{RuleKind, parse_rule_file};

const INTERVAL: Duration = Duration::from_secs(15);

const fn at(secs: i64) -> Timestamp {
    Timestamp::from_millis(secs * 1000)
}

/// Samples that rules read and write.
#[derive(Default)]
struct World {
    store: Mutex<MemoryStore>,
}

impl World {
    fn put(&self, labels: &[(&str, &str)], secs: i64, value: f64) {
        let labels = Labels::from_pairs(labels.iter().map(|&(n, v)| (n, v)));
        self.append(&[Record::new(labels, at(secs), value)]).unwrap();
    }

    fn samples(&self, selector: &[(&str, &str)]) -> Vec<Sample> {
        let matchers: Vec<Matcher> = selector.iter().map(|&(n, v)| Matcher::equal(n, v)).collect();
        let store = self.store.lock().unwrap();
        let found = store.select(&matchers, Timestamp::MIN, Timestamp::MAX, usize::MAX).unwrap();
        found.into_iter().next().map_or_else(Vec::new, |series| series.samples)
    }

    /// The newest value of a series; none once it has ended.
    fn last(&self, selector: &[(&str, &str)]) -> Option<f64> {
        self.samples(selector).last().map(|sample| sample.value).filter(|value| !is_stale(*value))
    }

    fn times(&self, selector: &[(&str, &str)]) -> Vec<Timestamp> {
        self.samples(selector).iter().map(|sample| sample.at).collect()
    }
}

impl Appender for World {
    fn append(&self, records: &[Record]) -> Result<Appended, AppendError> {
        let mut store = self.store.lock().unwrap();
        records.iter().for_each(|record| store.put(&record.labels, record.sample));
        Ok(Appended { accepted: records.len(), ..Appended::default() })
    }
}

struct OurEngine<'a>(&'a World);

impl Evaluator for OurEngine<'_> {
    fn evaluate(&self, query: &Query, tick: &Tick) -> Result<Vec<InstantSample>, RuleError> {
        let store = self.0.store.lock().unwrap().clone();
        let answer = engine().instant_in(tick, query, &store, Limits::NONE);
        let answer = answer.map_err(|error| RuleError::Query(error.to_string()))?;
        match answer.value {
            Value::Vector(samples) => Ok(samples),
            other => Err(RuleError::Query(format!("{other:?}"))),
        }
    }

    fn evaluate_text(&self, expression: &str, at: Timestamp) -> Result<Vec<(Labels, f64)>, String> {
        let query = engine().prepare(expression).map_err(|error| error.to_string())?;
        let samples = self.evaluate(&query, &Tick::new(at)).map_err(|error| error.to_string())?;
        Ok(samples.into_iter().filter_map(|sample| Some((sample.labels, sample.value.as_float()?))).collect())
    }
}

fn engine() -> Engine {
    Engine::new(EngineOptions::default())
}

fn group(yaml: &str) -> Group {
    let mut specs =
        parse_rule_file("test.yml", yaml, &engine(), INTERVAL).expect("the rules of the test are good");
    Group::new(specs.remove(0), Schedule::aligned(INTERVAL))
}

fn evaluate(group: &mut Group, world: &World, secs: i64) -> Evaluation {
    let env = GroupEnv {
        evaluator: &OurEngine(world),
        appender: world,
        external_labels: &Labels::from_pairs([("site", "north")]),
        external_url: "http://host:9090/",
        stopwatch: &|| Duration::ZERO,
    };
    group.evaluate(at(secs), &env)
}

const OVERHEATING: &str = r#"
groups:
  - name: boards
    rules:
      - alert: Overheating
        expr: temp_celsius > 85
        for: 30s
        labels: {severity: critical, at: '{{ $value }}'}
        annotations:
          summary: '{{ $labels.board }} at {{ $value }} in {{ $externalLabels.site }}'
          hottest: '{{ with query "max(temp_celsius)" }}{{ . | first | value }}{{ end }}'
"#;

#[test]
fn fires_after_hold_says_so_once_and_resolves() {
    let (world, mut group) = (World::default(), group(&OVERHEATING.replace(", at: '{{ $value }}'", "")));
    let temp = |secs, value| world.put(&[("__name__", "temp_celsius"), ("board", "b1")], secs, value);
    temp(0, 90.0);
    let first = evaluate(&mut group, &world, 0);
    assert_eq!((first.alerts.len(), first.transitions.len()), (0, 1));
    assert_eq!(world.last(&[("__name__", "ALERTS"), ("alertstate", "pending")]), Some(1.0));

    temp(30, 91.0);
    let fired = evaluate(&mut group, &world, 30);
    let [alert] = fired.alerts.as_slice() else { panic!("{fired:?}") };
    assert_eq!(alert.labels.to_string(), r#"{alertname="Overheating", board="b1", severity="critical"}"#);
    assert_eq!(alert.annotations.value("summary"), "b1 at 91 in north");
    assert_eq!(alert.annotations.value("hottest"), "91");
    assert_eq!((alert.starts_at, alert.ends_at), (at(30), at(30 + 240)));
    assert_eq!(alert.generator_url, "http://host:9090/graph?g0.expr=temp_celsius+%3E+85&g0.tab=1");
    assert_eq!(
        world.last(&[("__name__", "ALERTS"), ("alertstate", "pending")]),
        None,
        "ended by a stale marker"
    );
    assert_eq!(world.last(&[("__name__", "ALERTS"), ("alertstate", "firing")]), Some(1.0));
    assert_eq!(world.last(&[("__name__", "ALERTS_FOR_STATE")]), Some(0.0));

    assert!(evaluate(&mut group, &world, 45).alerts.is_empty(), "said again only once a minute");
    assert_eq!(evaluate(&mut group, &world, 90).alerts.len(), 1);

    temp(95, 60.0);
    let over = evaluate(&mut group, &world, 105);
    assert_eq!((over.alerts[0].starts_at, over.alerts[0].ends_at), (at(30), at(105)));
    assert_eq!(world.last(&[("__name__", "ALERTS"), ("alertstate", "firing")]), None);
    assert_eq!(over.changed[0].1, []);
}

#[test]
fn alerts_survive_a_restart_and_the_gap_does_not_count_for_the_hold() {
    let (world, mut before) = (World::default(), group(OVERHEATING));
    world.put(&[("__name__", "temp_celsius"), ("board", "b1")], 0, 90.0);
    let changed = evaluate(&mut before, &world, 0).changed;
    let mut stored: FxHashMap<String, Vec<StoredRuleAlert>> = changed.into_iter().collect();

    let mut after = group(OVERHEATING);
    after.restore(&mut stored, at(10), at(100));
    assert!(stored.is_empty(), "the key of the rule is the same in the next life");
    world.put(&[("__name__", "temp_celsius"), ("board", "b1")], 100, 90.0);
    assert!(evaluate(&mut after, &world, 105).alerts.is_empty(), "held 10 s before and 5 s after the gap");
    assert_eq!(evaluate(&mut after, &world, 120).alerts.len(), 1);
}

#[test]
fn rules_see_what_the_ones_before_them_wrote() {
    let world = World::default();
    let mut group = group(
        r"
groups:
  - name: chain
    labels: {team: edge}
    rules:
      - {record: 'a:double', expr: a * 2}
      - {record: 'a:quadruple', expr: 'a:double * 2', labels: {team: core}}
",
    );
    world.put(&[("__name__", "a")], 0, 1.0);
    evaluate(&mut group, &world, 0);
    assert_eq!(world.last(&[("__name__", "a:double"), ("team", "edge")]), Some(2.0));
    assert_eq!(world.last(&[("__name__", "a:quadruple"), ("team", "core")]), Some(4.0));
}

#[test]
fn failures_are_told_and_leave_the_other_rules_alone() {
    let world = World::default();
    let mut group = group(
        r"
groups:
  - name: g
    rules:
      - {record: same, expr: 'label_replace(a, \x22b\x22, \x22\x22, \x22\x22, \x22\x22)'}
      - {record: fine, expr: vector(1)}
"
        .replace("\\x22", "\"")
        .as_str(),
    );
    world.put(&[("__name__", "a"), ("b", "1")], 0, 1.0);
    world.put(&[("__name__", "a"), ("b", "2")], 0, 1.0);
    let evaluation = evaluate(&mut group, &world, 0);
    assert_eq!(evaluation.failures.len(), 1, "{evaluation:?}");
    assert!(matches!(group.rules[0].status.health, Health::Bad(_)));
    assert_eq!(group.rules[1].status.health, Health::Good);
    assert_eq!(world.last(&[("__name__", "fine")]), Some(1.0));
}

#[test]
fn a_rule_over_its_limit_fails_and_loses_its_alerts() {
    let world = World::default();
    let mut group = group("groups: [{name: g, limit: 1, rules: [{alert: A, expr: a}]}]");
    world.put(&[("__name__", "a"), ("b", "1")], 0, 1.0);
    assert_eq!(evaluate(&mut group, &world, 0).alerts.len(), 1);
    world.put(&[("__name__", "a"), ("b", "2")], 15, 1.0);
    let over = evaluate(&mut group, &world, 15);
    assert_eq!(over.failures[0].1, "exceeded limit of 1 with 2 results");
    let RuleKind::Alerting(rule) = &group.rules[0].kind else { panic!() };
    assert!(rule.alerts().is_empty());
}

#[test]
fn a_reload_keeps_alerts_and_ends_the_series_of_removed_groups() {
    let (world, mut old) = (World::default(), group(OVERHEATING));
    world.put(&[("__name__", "temp_celsius"), ("board", "b1")], 0, 90.0);
    evaluate(&mut old, &world, 0);
    let mut new = group(&OVERHEATING.replace("for: 30s", "for: 15s"));
    assert!(new.take_over(old.clone()).rules.is_empty());
    assert_eq!(evaluate(&mut new, &world, 15).alerts.len(), 1);
    assert_eq!(old.stale_records(at(15)).len(), 2);
}

#[test]
fn a_reload_gives_back_the_rules_that_are_gone_from_a_group_that_stays() {
    let world = World::default();
    world.put(&[("__name__", "temp_celsius"), ("board", "b1")], 0, 90.0);
    let recorded = "groups: [{name: boards, rules: [{record: hot, expr: temp_celsius}, {record: hot, expr: temp_celsius}, \
                    {alert: Overheating, expr: temp_celsius}]}]";
    let mut old = group(recorded);
    evaluate(&mut old, &world, 0);
    let mut new = group("groups: [{name: boards, rules: [{record: hot, expr: temp_celsius}]}]");
    let gone = new.take_over(old);

    let mut keys: Vec<&str> = gone.rules.iter().map(|rule| rule.key.as_str()).collect();
    keys.sort_unstable();
    assert_eq!(keys.len(), 2, "the alerting rule and the second of two equal rules: {keys:?}");
    world.append(&gone.stale_records(at(10))).unwrap();
    assert_eq!(world.last(&[("__name__", "ALERTS")]), None);
    assert_eq!(world.last(&[("__name__", "ALERTS_FOR_STATE")]), None);
    assert_eq!(
        world.last(&[("__name__", "hot")]),
        Some(90.0),
        "the first of the equal rules goes on with it"
    );
}

#[test]
fn query_offset_moves_samples_but_not_the_times_of_alerts() {
    let world = World::default();
    let mut group = group(
        "groups: [{name: g, query_offset: 1m, rules: [{alert: A, expr: a > 0, for: 15s}, {record: r, expr: a}]}]",
    );
    for secs in [0, 15] {
        world.put(&[("__name__", "a")], secs, 1.0);
    }
    assert!(evaluate(&mut group, &world, 45).transitions.is_empty(), "nothing was there a minute ago");
    evaluate(&mut group, &world, 60);
    let fired = evaluate(&mut group, &world, 75);
    assert_eq!((fired.alerts[0].starts_at, fired.alerts[0].ends_at), (at(75), at(75 + 240)));
    assert_eq!(fired.changed[0].1[0].active_at, at(60));
    assert_eq!(world.last(&[("__name__", "ALERTS_FOR_STATE")]), Some(60.0));
    let times = |name: &str| world.times(&[("__name__", name)]);
    assert_eq!(times("ALERTS_FOR_STATE"), [at(0), at(15)]);
    assert_eq!(times("r"), [at(0), at(15)]);
    assert!(group.stale_records(at(80)).iter().all(|record| record.sample.at == at(20)));
}

#[test]
fn every_mistake_of_a_file_is_named_with_its_line() {
    let file = "\
groups:
  - name: g
    interval: 5x
    rules:
      - alert: A
        expr: 'sum(('
      - alert: B
        record: b
        expr: up
      - alert: C
        expr: up
        annotations: {s: '{{ .Labels'}
  - name: g
    rules: [{record: 'a b', expr: up}, {record: c, expr: up, for: 1m}]
";
    let errors = parse_rule_file("r.yml", file, &engine(), INTERVAL).unwrap_err();
    let lines: Vec<(u64, &str)> = errors.iter().map(|error| (error.line, error.message.as_str())).collect();
    for (line, part) in [
        (13, "repeated in the same file"),
        (3, "not a valid duration"),
        (6, "could not parse expression: 1:6: parse error"),
        (8, "only one of 'record' and 'alert'"),
        (12, "template"),
        (14, "invalid recording rule name"),
        (14, "invalid field 'for'"),
    ] {
        assert!(
            lines.iter().any(|(l, m)| *l == line && m.contains(part)),
            "no {part:?} at {line} in {lines:#?}"
        );
    }
    assert!(errors.iter().all(|error| error.hint.is_some()));
    let unknown =
        parse_rule_file("r.yml", "groups: [{name: g, rulez: []}]", &engine(), INTERVAL).unwrap_err();
    assert_eq!(unknown[0].hint.as_deref(), Some("did you mean `rules`?"));
}

#[test]
fn an_unknown_function_is_an_error_that_names_it() {
    let file = "groups: [{name: g, rules: [{alert: A, expr: 'zscore(x[1h]) > 3'}]}]";
    let errors = parse_rule_file("r.yml", file, &engine(), INTERVAL).unwrap_err();
    assert!(errors[0].message.contains("zscore"), "{}", errors[0]);
    assert!(errors[0].hint.as_ref().unwrap().contains("a plugin may bring zscore"), "{}", errors[0]);
}
