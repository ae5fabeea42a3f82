use super::*;

fn printed(text: &str) -> String {
    let mut list = parse_list(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    sort(&mut list);
    PrintedList(&list).to_string()
}

#[test]
fn reads_lists_with_and_without_braces_and_quotes() {
    assert_eq!(printed(r#"{c="d", a=~"b.*"}"#), r#"{a=~"b.*",c="d"}"#);
    assert_eq!(printed("severity = critical , team!=ops,"), r#"{severity="critical",team!="ops"}"#);
    assert_eq!(printed(r#"a="x,y\"z\n""#), r#"{a="x,y\"z\n"}"#);
    assert_eq!(printed("{}"), "{}");
    assert_eq!(printed("foo🙂=bar"), r#"{foo🙂="bar"}"#);
    assert_eq!(printed(r#""a b"!~"c|d""#), r#"{"a b"!~"c|d"}"#);
}

#[test]
fn classic_reading_wins_where_both_accept() {
    // In the UTF-8 grammar "\d" is no escape and refuses; the classic one keeps the backslash.
    assert_eq!(printed(r#"a=~"\d+""#), r#"{a=~"\\d+"}"#);
    // A bare value with blanks exists only in the classic grammar.
    assert_eq!(printed("a=b c"), r#"{a="b c"}"#);
    assert_eq!(printed("a="), r#"{a=""}"#);
}

#[test]
fn refuses_what_neither_grammar_knows() {
    for text in ["5m", "=x", "a", "a==\"b", r#"a="b"c""#, "a=~\"(\"", "0a=b🙂\"", "a!b"] {
        assert!(parse_list(text).is_err(), "{text} was accepted");
    }
    assert!(parse_list("{a=b").is_ok(), "the classic grammar does not ask for the closing brace");
}

#[test]
fn single_matchers_take_no_braces_and_no_company() {
    assert!(parse_one("{a=b}").is_err());
    assert!(matches!(parse_one("a=b,c=d"), Err(MatcherError::NotOne { found: 2, .. })));
    assert_eq!(Printed(&parse_one("a!~b|c").unwrap()).to_string(), r#"a!~"b|c""#);
}

#[test]
fn a_text_without_an_operator_is_an_alert_name() {
    assert_eq!(Printed(&parse_query_word("HighTemp").unwrap()).to_string(), r#"alertname="HighTemp""#);
    assert_eq!(Printed(&parse_query_word("a=b").unwrap()).to_string(), r#"a="b""#);
    assert_eq!(Printed(&parse_query_word("High \"T\"").unwrap()).to_string(), r#"alertname="High \"T\"""#);
    assert!(parse_query_word("a=~\"(\"").is_err());
}
