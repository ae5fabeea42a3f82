//! Series lines of the test language: `metric{label="value"} 1 2+3x4 _ stale {{schema:0 sum:1 count:1}}`.

use std::sync::Arc;

use bellwether_model::histogram::Literal;
use bellwether_model::{FloatHistogram, Labels, MatchOp, stale_nan};

use crate::ast::Expr;
use crate::features::Features;
use crate::parser::parse;
use crate::plugin::FunctionRegistry;

/// Points that one series line may expand to; a script has thousands, a mistyped repetition has billions.
const MAX_POINTS: usize = 1_000_000;

/// One value of a series line.
#[derive(Debug, Clone)]
pub(super) enum Item {
    /// Nothing at this step.
    Gap,
    /// A float; the stale marker for `stale`.
    Float(f64),
    /// A native histogram.
    Histogram {
        histogram: Arc<FloatHistogram>,
        /// Whether its counter reset hint was written, and so has to be the same.
        has_hint: bool,
    },
}

/// A series line.
#[derive(Debug, Clone)]
pub(super) struct SeriesLine {
    pub(super) labels: Labels,
    pub(super) items: Vec<Item>,
}

/// `metric{label="value"} 1 2+3x4 _ stale`
pub(super) fn series_line(text: &str) -> Result<SeriesLine, String> {
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
pub(super) fn labels(description: &str) -> Result<Labels, String> {
    if description.trim() == "{}" {
        return Ok(Labels::empty());
    }
    let ast = parse(description, Features::default(), &FunctionRegistry::default());
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
        "_" => items.extend(std::iter::repeat_n(Item::Gap, times.unwrap_or(1))),
        "stale" => items.extend(std::iter::repeat_n(Item::Float(stale_nan()), repeat + 1)),
        _ if base.starts_with("{{") => push_histograms(base, repeat, items)?,
        _ => {
            let (start, delta) = split_delta(base).ok_or_else(bad)?;
            let mut value = start;
            for _ in 0..=repeat {
                items.push(Item::Float(value));
                value += delta;
            }
        }
    }
    Ok(())
}

/// `{{...}}`, `{{...}}+{{...}}` or `{{...}}-{{...}}`, repeated.
fn push_histograms(base: &str, repeat: usize, items: &mut Vec<Item>) -> Result<(), String> {
    let literal = |text: &str| -> Result<Literal, String> {
        let inner = text.strip_prefix("{{").and_then(|text| text.strip_suffix("}}"));
        let inner = inner.ok_or_else(|| format!("bad histogram {text:?}"))?;
        Literal::parse(inner).map_err(|error| error.to_string())
    };
    let end = base.find("}}").map_or(base.len(), |at| at + 2);
    let (first, rest) = base.split_at(end);
    let first = literal(first)?;
    let (negative, step) = match rest.split_at_checked(1) {
        Some(("+", step)) => (false, Some(literal(step)?)),
        Some(("-", step)) => (true, Some(literal(step)?)),
        None => (false, None),
        Some(_) => return Err(format!("bad histogram {base:?}")),
    };
    let has_hint = first.has_hint;
    let mut histogram = first.histogram;
    for at in 0..=repeat {
        if at > 0
            && let Some(step) = &step
        {
            let (own, other) = (histogram.schema, step.histogram.schema);
            if own > other {
                return Err(format!("error combining histograms: cannot merge from schema {other} to {own}"));
            }
            let combined = match negative {
                false => histogram.add(&step.histogram),
                true => histogram.sub(&step.histogram),
            };
            combined.map_err(|error| error.to_string())?;
        }
        items.push(Item::Histogram { histogram: Arc::new(histogram.clone()), has_hint });
    }
    Ok(())
}

pub(super) fn number(text: &str) -> Option<f64> {
    text.parse().ok()
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
