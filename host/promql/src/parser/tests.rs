use std::fmt::Write as _;

use proptest::prelude::*;

use super::*;

fn parsed(text: &str) -> Ast {
    parse(text, &FunctionRegistry::default()).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn error(text: &str) -> String {
    parse(text, &FunctionRegistry::default())
        .err()
        .unwrap_or_else(|| panic!("{text} was accepted"))
        .to_string()
}

fn assert_round_trip(text: &str) {
    let ast = parsed(text);
    let printed = ast.to_string();
    let again = parsed(&printed);
    assert!(ast.same_tree(&again), "{text} printed as {printed}");
    assert_eq!(again.to_string(), printed);
}

#[test]
fn prints_as_prometheus_lays_it_out() {
    for (text, printed) in [
        ("sum(rate(x[5m]))by(job)", "sum by (job) (rate(x[5m]))"),
        ("a+on(b)group_left(c)d*2", "a + on (b) group_left (c) d * 2"),
        ("x{a='b',c!~\"d\"}[5m:1m]offset 90s", "x{a=\"b\",c!~\"d\"}[5m:1m] offset 1m30s"),
        ("x@12.5 offset-1h", "x @ 12.500 offset -1h"),
        ("TOPK(3,x)", "topk(3, x)"),
        ("a >bool 1", "a > bool 1"),
        ("{\"my.metric\",\"a.b\"=\"c\"}", "{\"my.metric\",\"a.b\"=\"c\"}"),
        ("-x^2", "-x ^ 2"),
        ("1h30m + 1", "1h30m + 1"),
    ] {
        assert_eq!(parsed(text).to_string(), printed);
        assert_round_trip(text);
    }
}

#[test]
fn operators_bind_as_in_prometheus() {
    let root_op = |text: &str| {
        let ast = parsed(text);
        let Expr::Binary(binary) = ast.expr(ast.root()) else { panic!("{text} has no operator") };
        binary.op.as_str()
    };
    assert_eq!(root_op("a or b and c"), "or");
    assert_eq!(root_op("a == b + c"), "==");
    assert_eq!(root_op("a + b * c ^ d"), "+");
    assert_eq!(root_op("-a * b"), "*");
    assert_eq!(root_op("a unless b or c"), "or");
    let ast = parsed("2 ^ 3 ^ 4");
    let Expr::Binary(outer) = ast.expr(ast.root()) else { panic!("no operator") };
    assert!(matches!(ast.expr(outer.right), Expr::Binary(_)), "^ groups from the right");
}

#[test]
fn every_node_knows_its_bytes() {
    let text = "sum by (a) (rate(x{y=\"z\"}[5m] offset 1m)) / 2 # comment";
    let ast = parsed(text);
    let spans: Vec<&str> = ast.ids().map(|id| ast.span(id).slice(text)).collect();
    let window = "x{y=\"z\"}[5m] offset 1m";
    assert_eq!(
        spans,
        [
            "x{y=\"z\"}",
            window,
            "rate(x{y=\"z\"}[5m] offset 1m)",
            "sum by (a) (rate(x{y=\"z\"}[5m] offset 1m))",
            "2",
            "sum by (a) (rate(x{y=\"z\"}[5m] offset 1m)) / 2",
        ]
    );
}

#[test]
fn errors_have_place_and_words_of_prometheus() {
    for (text, message) in [
        ("", "1:1: parse error: no expression found in input"),
        ("1 +\n  *x", "2:3: parse error: unexpected <op:*>"),
        (
            "rate(x)",
            "1:6: parse error: expected type range vector in call to function \"rate\", got instant vector",
        ),
        ("x{a=b}", "1:5: parse error: unexpected identifier \"b\" in label matching, expected string"),
        ("sum(", "1:5: parse error: unclosed left parenthesis"),
        ("x[5mm]", "1:3: parse error: bad number or duration syntax: \"5mm\""),
        ("{x=~\".*\"}", "1:1: parse error: vector selector must contain at least one non-empty matcher"),
        ("foo and 1", "1:1: parse error: set operator \"and\" not allowed in binary scalar expression"),
        ("1 == 1", "1:3: parse error: comparisons between scalars must use BOOL modifier"),
        ("x offset 1m offset 2m", "1:1: parse error: offset may not be set multiple times"),
        ("(x)[5m]", "1:4: parse error: ranges only allowed for vector selectors"),
        ("topk(x, y)", "1:6: parse error: expected type scalar in aggregation parameter, got instant vector"),
    ] {
        assert_eq!(error(text), message, "{text}");
    }
}

#[test]
fn unknown_functions_are_named_with_their_place() {
    let message = error("1 + zscore(x[1h])");
    assert!(message.starts_with("1:5: parse error: unknown function with name \"zscore\""), "{message}");
    assert!(message.contains("plugin"), "{message}");
}

#[test]
fn keywords_are_names_where_prometheus_takes_them() {
    for text in
        ["sum", "by", "offset", "start + end", "x{on=\"a\", by=\"b\"}", "sum by (sum, offset, bool) (min)"]
    {
        assert_round_trip(text);
    }
    assert!(error("on").contains("unexpected <on>"));
}

#[test]
fn deep_nesting_is_refused_quickly() {
    const DEEP: usize = 100_000;
    for text in [
        "(".repeat(DEEP),
        "(".repeat(DEEP) + "x" + &")".repeat(DEEP),
        "-".repeat(DEEP) + "x",
        "abs(".repeat(DEEP) + "x" + &")".repeat(DEEP),
        "x^".repeat(DEEP) + "x",
        "x+".repeat(DEEP) + "x",
        "x".to_owned() + &"[1h:1m]".repeat(DEEP),
    ] {
        let message = error(&text);
        assert!(message.contains("deeper than the limit"), "{message}");
    }
}

#[test]
fn queries_of_many_parts_are_refused() {
    let calls = format!("label_join(x, {}\"a\")", "\"a\",".repeat(60_000));
    assert!(error(&calls).contains("more than the limit of"), "too many nodes");
    let matchers = format!("x{{{}}}", "a=~\"b\",".repeat(300));
    assert!(error(&matchers).contains("more than the limit of"), "too many regular expressions");
}

#[test]
fn long_queries_are_refused() {
    assert!(error(&" ".repeat(MAX_QUERY_BYTES + 1)).contains("longer than the limit"));
}

fn expression() -> impl Strategy<Value = String> {
    let label = prop::sample::select(vec!["job", "a", "\"b.c\"", "on", "__name__"]);
    let selector = (
        prop::sample::select(vec!["up", "sum", "x:y", "{\"a b\"}", "{a=\"b\\n\"}", "up{job!=\"\"}"]),
        any::<bool>(),
    )
        .prop_map(|(name, fixed)| format!("{name}{}", if fixed { " @ 1.5 offset -5m" } else { "" }));
    let number = prop::sample::select(vec!["1", "-2.5", "1e300", "0x1F", "Inf", "-Inf", "NaN", "5m", "1e-7"]);
    let leaf = prop_oneof![selector, number.prop_map(str::to_owned)];
    leaf.prop_recursive(5, 40, 3, move |inner| {
        let vector = inner.clone().prop_map(|text| format!("vector(scalar(vector(1) or up)) + ({text})"));
        let op = prop::sample::select(vec!["+", "-", "*", "/", "%", "^", "atan2", "> bool", "== bool"]);
        prop_oneof![
            (inner.clone(), op, inner.clone()).prop_map(|(a, op, b)| format!("{a} {op} {b}")),
            inner.clone().prop_map(|text| format!("-{text}")),
            inner.clone().prop_map(|text| format!("({text})")),
            vector.clone().prop_map(|text| format!("abs({text})")),
            (vector.clone(), label.clone())
                .prop_map(|(text, label)| format!("sum without ({label}) ({text})")),
            (vector.clone(), label.clone())
                .prop_map(|(text, label)| format!("({text}) and on ({label}) (up or ignoring () up)")),
            vector.prop_map(|text| format!("max_over_time(({text})[1h30m:15s] offset 1d)")),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_printed_parses_to_the_same_tree(text in expression()) {
        assert_round_trip(&text);
    }

    #[test]
    fn no_text_breaks_the_parser(text in "[a-z(){}\\[\\]\"'`\\\\0-9.:=!~<>@,+*/%^# \n-]{0,40}") {
        let mut seen = String::new();
        match parse(&text, &FunctionRegistry::default()) {
            Ok(ast) => assert_round_trip(&{ write!(seen, "{ast}").unwrap(); seen }),
            Err(error) => assert!(error.line >= 1 && error.span.start <= error.span.end),
        }
    }
}
