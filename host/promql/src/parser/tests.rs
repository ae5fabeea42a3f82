mod generated;
mod upstream;

use super::*;
use crate::pretty::pretty;

fn parsed(text: &str) -> Ast {
    parse(text, Features::ALL, &FunctionRegistry::default()).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn error(text: &str) -> String {
    error_with(text, Features::ALL)
}

fn error_with(text: &str, features: Features) -> String {
    parse(text, features, &FunctionRegistry::default())
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
    let laid_out = pretty(&ast);
    assert!(ast.same_tree(&parsed(&laid_out)), "{text} laid out as {laid_out}");
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
        ("{\"my.metric\",\"a.b\"=\"c\"}", "{\"a.b\"=\"c\",__name__=\"my.metric\"}"),
        ("x{c='1',a='2'}", "x{a=\"2\",c=\"1\"}"),
        ("a+ignoring()b", "a + b"),
        ("a + on() 1", "a + 1"),
        ("a </ 5 >/ b", "a </ 5 >/ b"),
        ("--5m", "5m"),
        ("a + fill_left(1e30) fill_right(-5m) b", "a + fill_left (1e+30) fill_right (-300) b"),
        ("a + fill(0) b", "a + fill (0) b"),
        ("a + fill(1000000) b", "a + fill (1e+06) b"),
        ("a + fill(nan) b", "a + fill_left (NaN) fill_right (NaN) b"),
        ("fill + fill(1) fill_left", "fill + fill (1) fill_left"),
        ("x[5m] anchored @ 1", "x[5m] anchored @ 1.000"),
        ("x anchored offset 5m @ 1", "x @ 1.000 anchored offset 5m"),
        ("info(a, {b=~\".*\"})", "info(a, {b=~\".*\"})"),
        ("limit_ratio(-0.5, x)", "limit_ratio(-0.5, x)"),
        ("x offset 0", "x"),
        ("+Inf", "+Inf"),
        ("Inf ^ 2", "Inf ^ 2"),
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
        ("", "unknown position: parse error: no expression found in input"),
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
fn the_innermost_part_of_the_grammar_is_named() {
    for (text, message) in [
        ("sum(rate(x y))", "1:12: parse error: unexpected identifier \"y\" in aggregation"),
        ("sum by", "1:7: parse error: unexpected end of input in grouping opts, expected \"(\""),
        (
            "x[5m 5m]",
            "1:6: parse error: unexpected duration \"5m\" in subquery or range, expected \":\" or \"]\"",
        ),
        ("x[5m:5m 5m]", "1:9: parse error: unexpected duration \"5m\" in subquery selector, expected \"]\""),
        ("x @ y", "1:5: parse error: unexpected identifier \"y\" in @, expected timestamp"),
        ("12 1234567890123", "1:4: parse error: unexpected number \"1234567890\"..."),
        (
            "a OFFSET BY",
            "1:10: parse error: unexpected <BY> in offset, expected number, duration, step(), or range()",
        ),
    ] {
        assert_eq!(error(text), message, "{text}");
    }
}

#[test]
fn experimental_parts_have_to_be_enabled() {
    for (text, message) in [
        ("a + fill(1) b", "1:1: parse error: binop fill modifiers are experimental and not enabled"),
        ("x[5m] smoothed", "1:1: parse error: smoothed modifier is experimental and not enabled"),
        ("x[5m+5m]", "1:3: parse error: experimental duration expression is not enabled"),
        ("x offset -step()", "1:10: parse error: experimental duration expression is not enabled"),
        ("1 + step()", "1:5: parse error: function \"step\" is not enabled"),
        (
            "limitk(1, x)",
            "1:1: parse error: limitk() is experimental and must be enabled with \
             --enable-feature=promql-experimental-functions",
        ),
    ] {
        assert_eq!(error_with(text, Features::default()), message, "{text}");
        parsed(text);
    }
}

#[test]
fn unknown_functions_are_named_with_their_place() {
    assert_eq!(error("1 + zscore(x[1h])"), "1:5: parse error: unknown function with name \"zscore\"");
}

#[test]
fn offsets_take_less_than_brackets() {
    for (text, printed) in [
        ("x offset -2^2", "x offset -2s ^ 2"),
        ("x offset (2)^2", "x offset (2) ^ 2"),
        ("x offset +(2)^2", "x offset +(2) ^ 2"),
        ("x offset - -5m * 2", "x offset ++5m * 2"),
        ("x offset -+step() * 2", "x offset ++-step() * 2"),
        ("x offset step() * 2", "x offset step() * 2"),
        ("x[((5m))]", "x[(5m)]"),
        ("x[-(5m) + max_of(step(), 1h) / 2:range()]", "x[-(5m) + max_of(step(), 1h) / 2:range()]"),
    ] {
        assert_eq!(parsed(text).to_string(), printed);
        assert_round_trip(text);
    }
    let root_is_power = |text| {
        let ast = parsed(text);
        matches!(ast.expr(ast.root()), Expr::Binary(_))
    };
    assert!(root_is_power("x offset -2^2"));
    assert!(!root_is_power("x offset (2)^2"));
}

#[test]
fn lengths_are_computed_for_a_query() {
    use crate::ast::{DurationContext, LengthRole};
    let value = |text: &str| {
        let ast = parsed(text);
        let Expr::Window { range, .. } = ast.expr(ast.root()) else { panic!("{text} is no window") };
        let context = DurationContext { step_ms: 15_000, range_ms: 3_600_000 };
        ast.length_ms(*range, context, LengthRole::Window).map_err(|error| error.to_string())
    };
    assert_eq!(value("x[5m]"), Ok(300_000));
    assert_eq!(value("x[step() * 2 + 1]"), Ok(31_000));
    assert_eq!(value("x[max_of(range(), 1d) % 7h]"), Ok(10_800_000));
    assert_eq!(value("x[-2 ^ 2 + 10]"), Ok(6_000));
    assert_eq!(value("x[1.0009 * 1]"), Ok(1_000));
    assert_eq!(value("x[5m - 10m]"), Err("2:10: duration must be greater than 0".to_owned()));
    assert_eq!(value("x[5m / (step() - 15)]"), Err("2:19: division by zero".to_owned()));
    assert_eq!(value("x[10 ^ 1000]"), Err("2:11: duration is NaN or infinite".to_owned()));
    assert_eq!(value("x[10 ^ 10]"), Err("2:9: duration is out of range".to_owned()));
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
        "x+(".repeat(DEEP),
        format!("x[{}5m", "(".repeat(DEEP)),
        format!("x[{}5m]", "-".repeat(DEEP)),
        format!("x offset {}5m", "-".repeat(DEEP)),
        format!("x[{}", "max_of(".repeat(DEEP)),
        "x".to_owned() + &"[1h:1m]".repeat(DEEP),
    ] {
        let message = error(&text);
        assert!(message.contains("deeper than the limit"), "{message}");
    }
}

#[test]
fn long_chains_are_not_deep() {
    const TERMS: usize = 20_000;
    let chain = format!("x{}", " + x".repeat(TERMS));
    let ast = parsed(&chain);
    assert_eq!(ast.to_string(), chain);
    let laid_out = pretty(&ast);
    assert_eq!(laid_out.lines().count(), 2 * (TERMS - 24) + 1);
    let lengths = format!("x[5m{}]", " + 5m".repeat(TERMS));
    assert_eq!(parsed(&lengths).to_string(), lengths);
}

#[test]
fn queries_of_many_parts_are_refused() {
    assert!(
        error(&format!("x{}", " + x".repeat(100_000))).contains("more than the limit of"),
        "too long a chain"
    );
    assert!(
        error(&format!("x[5m{}]", "+5m".repeat(100_000))).contains("more than the limit of"),
        "in brackets"
    );
    let calls = format!("label_join(x, {}\"a\")", "\"a\",".repeat(60_000));
    assert!(error(&calls).contains("more than the limit of"), "too many nodes");
    let matchers = format!("x{{{}}}", "a=~\"b\",".repeat(300));
    assert!(error(&matchers).contains("more than the limit of"), "too many regular expressions");
}

#[test]
fn long_queries_are_refused() {
    assert!(error(&" ".repeat(MAX_QUERY_BYTES + 1)).contains("longer than the limit"));
}

#[test]
fn selectors_stand_alone() {
    let texts = |text: &str| {
        let matchers = parse_selector(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        matchers.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(texts("up{a!=\"b\",} # remark"), ["a!=\"b\"", "__name__=\"up\""]);
    assert_eq!(
        (texts("{}"), texts("sum"), texts("{\"a.b\"}")),
        (vec![], texts("{__name__=\"sum\"}"), texts("{\"a.b\"}"))
    );
    for (text, message) in [
        ("", "unknown position: parse error: unexpected end of input"),
        ("up offset 5m", "1:4: parse error: unexpected <offset>"),
        ("up[5m]", "1:3: parse error: unexpected \"[\""),
        ("(up)", "1:1: parse error: unexpected \"(\""),
        ("1", "1:1: parse error: unexpected number \"1\""),
        ("\"a\"", "1:1: parse error: unexpected string \"\\\"a\\\"\""),
        ("sum(up)", "1:4: parse error: unexpected \"(\""),
        ("up and up", "1:4: parse error: unexpected <op:and>"),
        ("up @ 5", "1:4: parse error: unexpected <op:@>"),
        ("-up", "1:1: parse error: unexpected <op:->"),
        ("bool", "1:1: parse error: unexpected <bool>"),
        ("up up", "1:4: parse error: unexpected identifier \"up\""),
        ("up{", "1:4: parse error: unexpected end of input inside braces"),
    ] {
        assert_eq!(parse_selector(text).unwrap_err().to_string(), message, "{text}");
    }
}
