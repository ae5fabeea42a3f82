//! The test language: lines to commands.

use std::time::Duration;

use bellwether_model::duration::parse_prometheus;
use bellwether_model::time::millis;
use bellwether_model::{Labels, MatchOp, Timestamp, stale_nan};
use regex::Regex;

use crate::ast::Expr;
use crate::lexer::unquote;
use crate::parser::parse;
use crate::plugin::FunctionRegistry;

/// Points that one series line may expand to; a script has thousands, a mistyped repetition has billions.
const MAX_POINTS: usize = 1_000_000;

/// One value of a series line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Item {
    /// Nothing at this step.
    Gap,
    /// A float; the stale marker for `stale`.
    Float(f64),
    /// A native histogram, whose content is not read.
    Histogram,
}

/// A series line.
#[derive(Debug, Clone)]
pub(super) struct SeriesLine {
    pub(super) labels: Labels,
    pub(super) items: Vec<Item>,
}

/// A command with the line that it stands on.
#[derive(Debug)]
pub(super) struct Command {
    pub(super) line: usize,
    pub(super) kind: CommandKind,
}

#[derive(Debug)]
pub(super) enum CommandKind {
    Clear,
    Load {
        step_ms: i64,
        /// Classic histograms become native ones with custom buckets as well.
        with_nhcb: bool,
        series: Vec<SeriesLine>,
        /// Some series have start timestamps.
        start_times: bool,
    },
    Eval(Box<Eval>),
}

/// When a query is evaluated.
#[derive(Debug, Clone, Copy)]
pub(super) enum When {
    Instant(Timestamp),
    Range { start: Timestamp, end: Timestamp, step_ms: i64 },
}

/// A query and what is expected of it.
#[derive(Debug)]
pub(super) struct Eval {
    pub(super) query: String,
    pub(super) when: When,
    pub(super) series: Vec<SeriesLine>,
    pub(super) scalar: Option<f64>,
    pub(super) text: Option<String>,
    /// Times of the points of an expected range vector of an instant query.
    pub(super) window: Option<(Timestamp, i64)>,
    pub(super) ordered: bool,
    pub(super) failure: Option<Vec<Wanted>>,
    pub(super) warnings: Notes,
    pub(super) infos: Notes,
}

/// What is expected of warnings or infos.
#[derive(Debug, Default)]
pub(super) struct Notes {
    pub(super) none: bool,
    pub(super) some: bool,
    pub(super) wanted: Vec<Wanted>,
}

/// A text that is expected, literally or as a pattern.
#[derive(Debug)]
pub(super) enum Wanted {
    Text(String),
    Pattern(Regex),
}

impl Wanted {
    pub(super) fn matches(&self, text: &str) -> bool {
        match self {
            Self::Text(wanted) => wanted == text,
            Self::Pattern(wanted) => wanted.is_match(text),
        }
    }
}

/// A line that is not in the language.
pub(super) type BadLine = (usize, String);

/// All commands of a script.
pub(super) fn commands(text: &str) -> Result<Vec<Command>, BadLine> {
    let lines: Vec<(usize, &str)> =
        text.lines().enumerate().map(|(at, line)| (at + 1, line.trim())).collect();
    let mut commands = Vec::new();
    let mut rest = lines.as_slice();
    while let [(line, head), tail @ ..] = rest {
        if head.is_empty() || head.starts_with('#') {
            rest = tail;
            continue;
        }
        let length = tail.iter().take_while(|(_, text)| !text.is_empty() && !is_command(text)).count();
        let (body, after) = tail.split_at(length);
        let body: Vec<_> = body.iter().filter(|(_, text)| !text.starts_with('#')).copied().collect();
        let kind =
            command(head, &body).map_err(|(at, message)| (if at == 0 { *line } else { at }, message))?;
        commands.push(Command { line: *line, kind });
        rest = after;
    }
    Ok(commands)
}

fn is_command(line: &str) -> bool {
    line == "clear"
        || ["load ", "load_with_nhcb ", "eval ", "eval_"].iter().any(|head| line.starts_with(head))
}

fn command(head: &str, body: &[(usize, &str)]) -> Result<CommandKind, BadLine> {
    let bad = |message: String| (0, message);
    if head == "clear" {
        return Ok(CommandKind::Clear);
    }
    let (word, rest) = head.split_once(char::is_whitespace).unwrap_or((head, ""));
    match word {
        "load" | "load_with_nhcb" => load(word == "load_with_nhcb", rest.trim(), body),
        _ if word == "eval" || word.starts_with("eval_") => {
            eval(word, rest.trim(), body).map(|eval| CommandKind::Eval(Box::new(eval)))
        }
        _ => Err(bad(format!("unknown command {word:?}"))),
    }
}

fn load(with_nhcb: bool, step: &str, body: &[(usize, &str)]) -> Result<CommandKind, BadLine> {
    let step_ms = duration_ms(step).map_err(|message| (0, message))?;
    let (mut series, mut start_times) = (Vec::new(), false);
    for &(line, text) in body {
        if text.contains("@st ") {
            start_times = true;
        } else {
            series.push(series_line(text).map_err(|message| (line, message))?);
        }
    }
    Ok(CommandKind::Load { step_ms, with_nhcb, series, start_times })
}

fn eval(word: &str, rest: &str, body: &[(usize, &str)]) -> Result<Eval, BadLine> {
    let (when, query) = when(rest).map_err(|message| (0, message))?;
    let mut eval = Eval {
        query: query.to_owned(),
        when,
        series: Vec::new(),
        scalar: None,
        text: None,
        window: None,
        ordered: word == "eval_ordered",
        failure: (word == "eval_fail").then(Vec::new),
        warnings: Notes { some: word == "eval_warn", ..Notes::default() },
        infos: Notes { some: word == "eval_info", ..Notes::default() },
    };
    for &(line, text) in body {
        expectation(&mut eval, text).map_err(|message| (line, message))?;
    }
    Ok(eval)
}

fn when(rest: &str) -> Result<(When, &str), String> {
    let mut words = rest;
    let mut next = || -> Result<&str, String> {
        let (word, tail) = words.split_once(char::is_whitespace).ok_or("eval is not complete")?;
        words = tail.trim_start();
        Ok(word)
    };
    match next()? {
        "instant" => {
            let Some(at) = words.strip_prefix("at ") else {
                return instant(0, words);
            };
            let (time, query) =
                at.trim_start().split_once(char::is_whitespace).ok_or("eval without a query")?;
            instant(duration_ms(time)?, query.trim_start())
        }
        "range" => {
            let mut times = [0; 3];
            for (keyword, time) in ["from", "to", "step"].into_iter().zip(&mut times) {
                if next()? != keyword {
                    return Err(format!("eval range without {keyword:?}"));
                }
                *time = duration_ms(next()?)?;
            }
            let [start, end, step_ms] = times;
            let (start, end) = (Timestamp::from_millis(start), Timestamp::from_millis(end));
            Ok((When::Range { start, end, step_ms }, words))
        }
        other => Err(format!("eval of {other:?}, expected instant or range")),
    }
}

fn instant(at_ms: i64, query: &str) -> Result<(When, &str), String> {
    Ok((When::Instant(Timestamp::from_millis(at_ms)), query))
}

fn expectation(eval: &mut Eval, text: &str) -> Result<(), String> {
    if let Some(legacy) = text.strip_prefix("expected_fail_message") {
        eval.failure.get_or_insert_default().push(Wanted::Text(legacy.trim().to_owned()));
        return Ok(());
    }
    if let Some(legacy) = text.strip_prefix("expected_fail_regexp") {
        eval.failure.get_or_insert_default().push(wanted_pattern(legacy)?);
        return Ok(());
    }
    if let Some(expect) = text.strip_prefix("expect ") {
        return expect_line(eval, expect.trim());
    }
    if let Some(value) = number(text) {
        eval.scalar = Some(value);
        return Ok(());
    }
    eval.series.push(series_line(text)?);
    Ok(())
}

fn expect_line(eval: &mut Eval, text: &str) -> Result<(), String> {
    let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    let rest = rest.trim();
    let wanted = |rest: &str| -> Result<Option<Wanted>, String> {
        if let Some(message) = rest.strip_prefix("msg:") {
            return Ok(Some(Wanted::Text(message.trim().to_owned())));
        }
        rest.strip_prefix("regex:").map(wanted_pattern).transpose()
    };
    match word {
        "fail" => eval.failure.get_or_insert_default().extend(wanted(rest)?),
        "warn" => {
            eval.warnings.some = true;
            eval.warnings.wanted.extend(wanted(rest)?);
        }
        "info" => {
            eval.infos.some = true;
            eval.infos.wanted.extend(wanted(rest)?);
        }
        "no_warn" => eval.warnings.none = true,
        "no_info" => eval.infos.none = true,
        "ordered" => eval.ordered = true,
        "string" => eval.text = Some(unquote(rest)),
        "range" => eval.window = Some(window(rest)?),
        _ => return Err(format!("unknown expectation {word:?}")),
    }
    Ok(())
}

/// `vector from 1m to 2m step 60s`
fn window(text: &str) -> Result<(Timestamp, i64), String> {
    match text.split_whitespace().collect::<Vec<_>>()[..] {
        ["vector", "from", from, "to", _, "step", step] => {
            Ok((Timestamp::from_millis(duration_ms(from)?), duration_ms(step)?))
        }
        _ => Err(format!("bad expectation: range {text}")),
    }
}

fn wanted_pattern(pattern: &str) -> Result<Wanted, String> {
    Regex::new(pattern.trim()).map(Wanted::Pattern).map_err(|error| error.to_string())
}

/// A duration or a number of seconds.
fn duration_ms(text: &str) -> Result<i64, String> {
    let (sign, text) = text.strip_prefix('-').map_or((1, text), |text| (-1, text));
    if let Ok(seconds) = text.parse::<f64>() {
        return Ok(sign * (seconds * 1000.0) as i64);
    }
    let duration: Duration = parse_prometheus(text).map_err(|error| error.to_string())?;
    Ok(sign * millis(duration))
}

fn number(text: &str) -> Option<f64> {
    text.parse().ok()
}

/// `metric{label="value"} 1 2+3x4 _ stale`
fn series_line(text: &str) -> Result<SeriesLine, String> {
    let end = description_end(text);
    Ok(SeriesLine { labels: labels(&text[..end])?, items: items(&text[end..])? })
}

/// Where the name and the labels end.
fn description_end(text: &str) -> usize {
    let (mut quote, mut escaped, mut braces) = (None, false, false);
    for (at, c) in text.char_indices() {
        match quote {
            Some(_) if escaped => escaped = false,
            Some(open) if c == '\\' && open != '`' => escaped = true,
            Some(open) if c == open => quote = None,
            Some(_) => {}
            None if matches!(c, '"' | '\'' | '`') => quote = Some(c),
            None if c == '{' => braces = true,
            None if c == '}' => return at + 1,
            None if c.is_whitespace() && !braces && !text[at..].trim_start().starts_with('{') => return at,
            None if c.is_whitespace() && !braces && text[at..].trim_start().starts_with("{{") => return at,
            None => {}
        }
    }
    text.len()
}

/// The labels of a series: a selector whose matchers are all equal.
fn labels(description: &str) -> Result<Labels, String> {
    if description.trim() == "{}" {
        return Ok(Labels::empty());
    }
    let ast = parse(description, &FunctionRegistry::default());
    // A series may have labels that select nothing by themselves, such as `{x=""}`.
    let ast = match ast {
        Ok(ast) => ast,
        Err(error) if error.message.contains("non-empty matcher") => return Ok(Labels::empty()),
        Err(error) => return Err(error.to_string()),
    };
    let Expr::Selector(selector) = ast.expr(ast.root()) else {
        return Err(format!("{description:?} is no series"));
    };
    if selector.matchers.iter().any(|matcher| matcher.op() != MatchOp::Equal) {
        return Err(format!("{description:?} is no series"));
    }
    Ok(Labels::from_pairs(selector.matchers.iter().map(|matcher| (matcher.name(), matcher.value()))))
}

fn items(text: &str) -> Result<Vec<Item>, String> {
    let mut items = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let length = item_length(rest)?;
        let (item, tail) = rest.split_at(length);
        push_item(item, &mut items)?;
        if items.len() > MAX_POINTS {
            return Err(format!("series of more than {MAX_POINTS} points"));
        }
        rest = tail.trim_start();
    }
    Ok(items)
}

/// Up to the next blank outside of `{{...}}`.
fn item_length(text: &str) -> Result<usize, String> {
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        if c.is_whitespace() {
            break;
        }
        at += if text[at..].starts_with("{{") {
            text[at..].find("}}").ok_or("histogram without its end")? + 2
        } else {
            c.len_utf8()
        };
    }
    Ok(at)
}

fn push_item(item: &str, items: &mut Vec<Item>) -> Result<(), String> {
    let bad = || format!("bad value {item:?}");
    let (base, times) = split_repetition(item);
    let repeat = times.unwrap_or(0);
    if repeat > MAX_POINTS {
        return Err(format!("more than {MAX_POINTS} points in {item:?}"));
    }
    match base {
        "_" => items.extend(vec![Item::Gap; times.unwrap_or(1)]),
        "stale" => items.extend(vec![Item::Float(stale_nan()); repeat + 1]),
        _ if base.starts_with("{{") => items.extend(vec![Item::Histogram; repeat + 1]),
        _ => {
            let (start, delta) = split_delta(base).ok_or_else(bad)?;
            let value = |at: usize| if at == 0 { start } else { start + delta * at as f64 };
            items.extend((0..=repeat).map(|at| Item::Float(value(at))));
        }
    }
    Ok(())
}

/// `1+2x3` into `1+2` and 3.
fn split_repetition(item: &str) -> (&str, Option<usize>) {
    let split = item.rsplit_once('x').and_then(|(base, times)| Some((base, times.parse().ok()?)));
    split.map_or((item, None), |(base, times)| (base, Some(times)))
}

/// `1+2` into 1 and 2, `1-2` into 1 and -2, `1` into 1 and 0.
fn split_delta(text: &str) -> Option<(f64, f64)> {
    if let Some(value) = number(text) {
        return Some((value, 0.0));
    }
    let is_sign =
        |&(at, c): &(usize, char)| at > 0 && matches!(c, '+' | '-') && !text[..at].ends_with(['e', 'E']);
    let (at, _) = text.char_indices().find(is_sign)?;
    Some((number(&text[..at])?, number(&text[at..])?))
}
