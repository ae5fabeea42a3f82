//! The test language: lines to commands.

use std::time::Duration;

use bellwether_model::duration::parse_prometheus;
use bellwether_model::time::millis;
use bellwether_model::{Labels, Timestamp};
use regex::Regex;

use crate::lexer::unquote;
use crate::testing::series::{SeriesLine, labels, number, series_line};
use crate::testing::start_times;

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
        series: Vec<Loaded>,
    },
    Eval(Box<Eval>),
}

/// A series to load.
#[derive(Debug)]
pub(super) struct Loaded {
    pub(super) line: SeriesLine,
    /// Since when each item counts, in milliseconds after its own time; none where that is not said.
    pub(super) counting_since: Vec<Option<i64>>,
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
    let mut series = Vec::new();
    let mut counting_since: Option<(Labels, Vec<Option<i64>>)> = None;
    for &(line, text) in body {
        let at_line = |message: String| (line, message);
        if let Some((description, sequence)) = start_time_line(text) {
            let labels = labels(description).map_err(at_line)?;
            if counting_since.is_some() {
                return Err(at_line("two @st lines without a series between them".to_owned()));
            }
            counting_since = Some((labels, start_times::sequence(sequence).map_err(at_line)?));
            continue;
        }
        let line = series_line(text).map_err(at_line)?;
        let counting_since = match counting_since.take() {
            None => Vec::new(),
            Some((labels, since)) if labels == line.labels && since.len() == line.items.len() => since,
            Some(_) => return Err(at_line("@st line does not fit the series after it".to_owned())),
        };
        series.push(Loaded { line, counting_since });
    }
    match counting_since {
        None => Ok(CommandKind::Load { step_ms, with_nhcb, series }),
        Some(_) => Err((0, "@st line without a series after it".to_owned())),
    }
}

/// `metric{...}@st -1m 0s` into its two parts.
fn start_time_line(text: &str) -> Option<(&str, &str)> {
    let (description, sequence) = text.split_once(char::is_whitespace)?;
    Some((description.strip_suffix("@st")?, sequence))
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
