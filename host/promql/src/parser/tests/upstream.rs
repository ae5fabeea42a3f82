//! Upstream's own cases: what its parser accepts and refuses, with which words.

use std::path::PathBuf;

use super::*;

/// The text cannot be given to this parser.
const NO_TEXT: &str =
    "bytes that are no UTF-8 stand as characters in the collection, and cannot get into a &str";

/// The case has another text in upstream's source than in the collection.
const CUT: &str = "a sum of texts in upstream's source, of which the collection has the first";

/// Cases that this parser answers in another way, with the number of their errors and the reason.
const OTHERWISE: [(&str, usize, &str); 5] = [
    ("some_metric{a=\"\u{ff}\"}", 1, NO_TEXT),
    ("label_replace(a, `b`, `c\u{ff}`, `d`, `.*`)", 2, NO_TEXT),
    ("(", 2, CUT),
    ("`", 0, CUT),
    ("{'foo\\'bar', ", 0, CUT),
];

fn folder() -> PathBuf {
    std::env::var_os("BELLWETHER_CONFORMANCE").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/conformance/promql")),
        PathBuf::from,
    )
}

/// What is wrong with the answer to one case.
fn problem(case: &serde_json::Value) -> Option<String> {
    let input = case["input"].as_str().unwrap();
    let literals = case["errs"].as_array().unwrap().iter();
    let errors: Vec<String> = literals.map(|literal| unquote(literal.as_str().unwrap())).collect();
    if OTHERWISE.iter().any(|(text, count, _)| (*text, *count) == (input, errors.len())) {
        return None;
    }
    let fails = case["fail"].as_bool().unwrap();
    match parse(input, Features::ALL, &FunctionRegistry::default()) {
        Ok(_) if fails => Some(format!("{input:?} was accepted, expected {errors:?}")),
        Err(error) if !fails => Some(format!("{input:?}: {error}")),
        Err(error) if !error.message.contains(&errors[0]) => {
            Some(format!("{input:?}: {error}, not {errors:?}"))
        }
        Err(error) => {
            let start = case["pos"][0][0].as_u64().unwrap_or_default();
            (u64::from(error.span.start) != start).then(|| format!("{input:?}: {error}, not at {start}"))
        }
        Ok(ast) => {
            let printed = ast.to_string();
            let again = parse(&printed, Features::ALL, &FunctionRegistry::default());
            let same = again.is_ok_and(|again| again.same_tree(&ast));
            (!same).then(|| format!("{input:?} printed as {printed:?}"))
        }
    }
}

#[test]
#[cfg_attr(not(conformance), ignore = "needs upstream's parser cases beside the repository")]
fn every_case_of_the_parser_is_answered_alike() {
    let text = std::fs::read_to_string(folder().join("parse_cases.json")).unwrap();
    let cases: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
    assert!(cases.len() >= 352, "{} cases", cases.len());
    let problems: Vec<String> = cases.iter().filter_map(problem).collect();
    assert!(problems.is_empty(), "{} of {}:\n{}", problems.len(), cases.len(), problems.join("\n"));
}

/// The query of an `eval` line, after `at <time>` or `from <time> to <time> step <duration>`.
fn query(line: &str) -> &str {
    let words = |count: usize| line.splitn(count + 1, ' ').last().unwrap_or("");
    match line.split(' ').nth(1) {
        Some("range") => words(8),
        _ if line.split(' ').nth(2) == Some("at") => words(4),
        _ => words(2),
    }
}

#[test]
#[cfg_attr(not(conformance), ignore = "needs upstream's scripts beside the repository")]
fn every_query_of_the_scripts_parses_and_prints() {
    let scripts = ["testdata", "random"].iter().flat_map(|name| folder().join(name).read_dir().unwrap());
    let paths = scripts.map(|entry| entry.unwrap().path());
    let mut count = 0;
    for path in paths.filter(|path| path.extension().is_some_and(|end| end == "test")) {
        let text = std::fs::read_to_string(&path).unwrap();
        let mut lines = text.lines().peekable();
        while let Some(line) = lines.next() {
            if !line.starts_with("eval ") {
                continue;
            }
            let expects_failure = lines.peek().is_some_and(|next| next.trim().starts_with("expect fail"));
            let query = query(line).trim();
            match parse(query, Features::ALL, &FunctionRegistry::default()) {
                Ok(_) => assert_round_trip(query),
                Err(error) => assert!(expects_failure, "{}: {query}: {error}", path.display()),
            }
            count += 1;
        }
    }
    assert!(count > 1_500, "{count} queries");
}
