//! Expressions of the whole grammar, made up: what is printed or laid out parses to the same tree.

use proptest::prelude::*;

use super::*;

fn choice(texts: &'static [&'static str]) -> impl Strategy<Value = String> + Clone {
    prop::sample::select(texts).prop_map(str::to_owned)
}

fn labels() -> impl Strategy<Value = String> + Clone {
    choice(&["", "job", "a, job", "\"b.c\", a", "on", "sum, by, offset", "__name__", "\"inf\"", "a:b"])
}

/// The text inside of brackets, or after `offset`.
fn duration() -> impl Strategy<Value = String> + Clone {
    let leaf = choice(&["5m", "300", "-1h", "1.5", "+2d", "step()", "range()", "0x1F", "1h30m"]);
    leaf.prop_recursive(4, 16, 2, |inner| {
        let op = choice(&["+", "-", "*", "^", "/ 2 +", "% 7s -"]);
        prop_oneof![
            (inner.clone(), op, inner.clone()).prop_map(|(a, op, b)| format!("{a} {op} {b}")),
            inner.clone().prop_map(|text| format!("-{text}")),
            inner.clone().prop_map(|text| format!("+ {text}")),
            inner.clone().prop_map(|text| format!("({text})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("max_of({a}, {b})")),
            (inner.clone(), inner).prop_map(|(a, b)| format!("min_of({a}, {b})")),
        ]
    })
}

/// A length that is above 0 if it is a literal.
fn window() -> impl Strategy<Value = String> + Clone {
    prop_oneof![choice(&["5m", "300", "1h30m", "++5m"]), duration().prop_map(|text| format!("5m + {text}"))]
}

fn modifiers() -> impl Strategy<Value = String> + Clone {
    let offset = prop_oneof![
        2 => Just(String::new()),
        1 => choice(&[" offset 5m", " offset -1h30m", " offset 0"]),
        1 => duration().prop_map(|text| format!(" offset {text}")),
    ];
    (choice(&["", "", " @ 1.5", " @ end()", " @ -1h"]), choice(&["", "", " anchored", " smoothed"]), offset)
        .prop_map(|(at, extension, offset)| at + &extension + &offset)
}

fn selector() -> impl Strategy<Value = String> + Clone {
    const NAMES: &[&str] = &[
        "up",
        "sum",
        "x:y",
        "{\"a b\"}",
        "{a=\"b\\n\",__name__!=\"\"}",
        "up{job!=\"\",a=~\"x.*\"}",
        "offset",
        "fill",
    ];
    choice(NAMES)
}

fn number() -> impl Strategy<Value = String> + Clone {
    choice(&["1", "-2.5", "1e300", "0x1F", "Inf", "-Inf", "NaN", "5m", "-1h", "1e-7", "+.5", "1_000"])
}

fn matching() -> impl Strategy<Value = String> + Clone {
    let group = choice(&["", "", " group_left", " group_right (c)", " group_left ()"]);
    let fill = choice(&["", "", " fill (1)", " fill_right (-Inf)", " fill_right (1e30) fill_left (5m)"]);
    let on = choice(&["on", "ignoring"]);
    (on, labels(), group, fill).prop_map(|(on, labels, group, fill)| format!("{on} ({labels}){group}{fill}"))
}

fn expression() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        2 => (selector(), modifiers()).prop_map(|(selector, modifiers)| selector + &modifiers),
        1 => number(),
        1 => choice(&["time()", "step()", "scalar(up)", "pi()"]),
    ];
    leaf.prop_recursive(5, 40, 3, |inner| {
        let vector = inner.clone().prop_map(|text| format!("vector(scalar(vector(1) or up)) + ({text})"));
        let op = choice(&["+", "-", "*", "/", "%", "^", "atan2", "> bool", "== bool", "</", ">/"]);
        let aggregation = choice(&["sum", "COUNT", "topk (3, a) or max", "count_values (\"x\", a) + group"]);
        let call = choice(&["abs", "sort_desc", "round", "absent", "info"]);
        prop_oneof![
            (inner.clone(), op, inner.clone()).prop_map(|(a, op, b)| format!("{a} {op} {b}")),
            inner.clone().prop_map(|text| format!("-{text}")),
            inner.clone().prop_map(|text| format!("({text})")),
            (call, vector.clone()).prop_map(|(call, text)| format!("{call}({text})")),
            (aggregation, choice(&["by", "without"]), labels(), vector.clone())
                .prop_map(|(op, word, labels, text)| format!("{op} {word} ({labels}) ({text})")),
            (choice(&["limitk", "limit_ratio", "quantile"]), vector.clone())
                .prop_map(|(op, text)| format!("{op}(0.5, {text})")),
            (vector.clone(), choice(&["+", "<=", "</"]), matching(), selector())
                .prop_map(|(text, op, matching, other)| format!("({text}) {op} {matching} {other}")),
            (vector.clone(), choice(&["and", "or", "unless"]), labels())
                .prop_map(|(text, op, labels)| format!("({text}) {op} on ({labels}) (up or ignoring () up)")),
            (vector, window(), choice(&["", "15s", "5m * 2", "step()"]), duration()).prop_map(
                |(text, range, step, offset)| format!(
                    "max_over_time(({text})[{range}:{step}] offset {offset})"
                )
            ),
            (selector(), window(), modifiers()).prop_map(|(selector, range, modifiers)| {
                format!("label_replace(rate({selector}[{range}]{modifiers}), \"a\", `b\\c`, 'd\"', \"\")")
            }),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_printed_parses_to_the_same_tree(text in expression()) {
        // Some are refused for what they say, as `on (c) … group_left (c)` and lengths out of range.
        if parse(&text, Features::ALL, &FunctionRegistry::default()).is_ok() {
            assert_round_trip(&text);
        }
    }

    #[test]
    fn most_made_up_expressions_are_valid(texts in prop::collection::vec(expression(), 20)) {
        let plugins = FunctionRegistry::default();
        let valid = texts.iter().filter(|text| parse(text, Features::ALL, &plugins).is_ok()).count();
        prop_assert!(valid >= 8, "{valid} of {}", texts.len());
    }

    #[test]
    fn no_text_breaks_the_parser(text in "[a-z(){}\\[\\]\"'`\\\\0-9.:=!~<>@,+*/%^# \n-]{0,40}") {
        match parse(&text, Features::ALL, &FunctionRegistry::default()) {
            Ok(_) => assert_round_trip(&text),
            Err(error) => {
                prop_assert!(error.span.start <= error.span.end && error.span.end as usize <= text.len());
                prop_assert_eq!(error.line == 0, text.is_empty());
            }
        }
    }
}
