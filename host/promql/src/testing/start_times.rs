//! `@st` lines of the test language: since when the samples of the series after it count, as durations relative to
//! each sample: `_ -1m 0sx3 -30s+10sx2`.

use bellwether_model::duration::parse_prometheus;
use bellwether_model::time::millis;

/// Points that one line may expand to.
const MAX_POINTS: usize = 1_000_000;

/// Milliseconds for each sample; none where it is not said.
pub(super) fn sequence(text: &str) -> Result<Vec<Option<i64>>, String> {
    let mut values = Vec::new();
    for item in text.split_whitespace() {
        push(item, &mut values).map_err(|problem| format!("bad start time {item:?}: {problem}"))?;
        if values.len() > MAX_POINTS {
            return Err(format!("more than {MAX_POINTS} start times"));
        }
    }
    Ok(values)
}

fn push(item: &str, values: &mut Vec<Option<i64>>) -> Result<(), String> {
    let (base, times) = match item.rsplit_once('x') {
        None => (item, None),
        Some((base, times)) => (base, Some(count(times)?)),
    };
    if base == "_" {
        values.extend(std::iter::repeat_n(None, times.unwrap_or(1)));
        return Ok(());
    }
    let (mut value, rest) = duration(base)?;
    let delta = match rest {
        "" => 0,
        rest => {
            let (delta, rest) = duration(rest)?;
            if !rest.is_empty() || times.is_none() {
                return Err("expected x and a number after the step".to_owned());
            }
            delta
        }
    };
    for _ in 0..=times.unwrap_or(0) {
        values.push(Some(value));
        value += delta;
    }
    Ok(())
}

fn count(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(count) if count <= MAX_POINTS => Ok(count),
        _ => Err(format!("bad repetition {text:?}")),
    }
}

/// A duration with a sign or not, in milliseconds, and what follows it.
fn duration(text: &str) -> Result<(i64, &str), String> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let end = unsigned.find(['-', '+']).unwrap_or(unsigned.len());
    let (length, rest) = unsigned.split_at(end);
    let length = millis(parse_prometheus(length).map_err(|error| error.to_string())?);
    Ok((if text.starts_with('-') { -length } else { length }, rest))
}
