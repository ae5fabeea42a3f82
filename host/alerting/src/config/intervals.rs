//! The `time_intervals:` section and its deprecated twin `mute_time_intervals:`.

use std::ops::RangeInclusive;

use bellwether_model::yaml::YamlError;
use jiff::tz::TimeZone;

use super::node::{Node, Source};
use super::read::{Located, Section, list};
use crate::intervals::{MINUTES_PER_DAY, NamedIntervals, TimeInterval};

pub(super) const WEEKDAYS: [&str; 7] =
    ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];
pub(super) const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

/// Reads one named entry.
pub(super) fn read(source: Source<'_>, node: Node) -> Result<Located<NamedIntervals>, YamlError> {
    let mut section = Section::new(source, "time interval", node)?;
    let place = section.place();
    let name = section.text("name")?.map(|name| name.value).unwrap_or_default();
    if name.is_empty() {
        return Err(source.error(&place, "missing name in time interval").with_hint("add `name: NAME`"));
    }
    let intervals = section.list("time_intervals")?;
    section.finish()?;
    let intervals = intervals.into_iter().map(|node| interval(source, node)).collect::<Result<_, _>>()?;
    Ok(Located { value: NamedIntervals { name, intervals }, place })
}

fn interval(source: Source<'_>, node: Node) -> Result<TimeInterval, YamlError> {
    let mut section = Section::new(source, "time interval", node)?;
    let times =
        section.list("times")?.into_iter().map(|node| time_range(source, node)).collect::<Result<_, _>>()?;
    let weekdays = ranges(source, &mut section, "weekdays", weekday)?;
    let days_of_month = ranges(source, &mut section, "days_of_month", day_of_month)?;
    let months = ranges(source, &mut section, "months", month)?;
    let years = ranges(source, &mut section, "years", year)?;
    let (zone, zone_name) = zone(source, section.text("location")?)?;
    section.finish()?;
    Ok(TimeInterval { times, weekdays, days_of_month, months, years, zone, zone_name })
}

fn zone(source: Source<'_>, name: Option<Located<String>>) -> Result<(TimeZone, String), YamlError> {
    let Some(name) = name.filter(|name| !name.value.is_empty()) else {
        return Ok((TimeZone::UTC, String::new()));
    };
    match TimeZone::get(&name.value) {
        Ok(zone) => Ok((zone, name.value)),
        Err(_) => {
            let error = source.error(&name.place, format!("unknown time zone {}", name.value));
            Err(error.with_hint("use a name of the tz database, such as Europe/Berlin"))
        }
    }
}

fn time_range(source: Source<'_>, node: Node) -> Result<(u16, u16), YamlError> {
    let mut section = Section::new(source, "time range", node)?;
    let place = section.place();
    let (start, end) = (section.text("start_time")?, section.text("end_time")?);
    section.finish()?;
    let (Some(start), Some(end)) = (start, end) else {
        let error = source.error(&place, "both start and end times must be provided");
        return Err(error.with_hint("write `{start_time: '09:00', end_time: '17:00'}`"));
    };
    let (from, to) = (minute(source, &start)?, minute(source, &end)?);
    if from >= to {
        let error = source.error(&start.place, "start time cannot be equal or greater than end time");
        return Err(error.with_hint("for a range over midnight write two: up to 24:00 and from 00:00"));
    }
    Ok((from, to))
}

fn minute(source: Source<'_>, text: &Located<String>) -> Result<u16, YamlError> {
    let digits = |part: &str| (part.len() == 2).then(|| part.parse::<u16>().ok()).flatten();
    text.value
        .split_once(':')
        .and_then(|(hours, minutes)| Some((digits(hours)?, digits(minutes)?)))
        .filter(|(_, minutes)| *minutes < 60)
        .map(|(hours, minutes)| hours * 60 + minutes)
        .filter(|minute| *minute <= MINUTES_PER_DAY)
        .ok_or_else(|| {
            let message = format!("couldn't parse timestamp {}, invalid format", text.value);
            source
                .error(&text.place, message)
                .with_hint("write times as HH:MM, from 00:00 to 24:00, in quotes")
        })
}

fn ranges<T>(
    source: Source<'_>,
    section: &mut Section<'_>,
    key: &'static str,
    parse: impl Fn(&str, &str) -> Result<T, String>,
) -> Result<Vec<T>, YamlError> {
    let range = |text: Located<String>| {
        let (from, to) = text.value.split_once(':').unwrap_or((&text.value, &text.value));
        parse(from.trim(), to.trim()).map_err(|why| {
            source.error(&text.place, format!("{why} in `{key}`: {:?}", text.value)).with_hint(hint_of(key))
        })
    };
    section.texts(key)?.unwrap_or_default().into_iter().map(range).collect()
}

fn hint_of(key: &str) -> &'static str {
    match key {
        "weekdays" => "write them as in ['monday:friday', 'sunday']; a week goes from sunday to saturday",
        "days_of_month" => "write them as in ['1:5', '-3:-1']; -1 is the last day",
        "months" => "write them as in ['1:3', 'may:august', 'december']",
        _ => "write them as in ['2026:2028', '2030']",
    }
}

fn weekday(from: &str, to: &str) -> Result<RangeInclusive<i8>, String> {
    let number = |name: &str| {
        let at = WEEKDAYS.iter().position(|day| name.eq_ignore_ascii_case(day));
        at.and_then(|at| i8::try_from(at).ok()).ok_or_else(|| format!("{name} is not a valid weekday"))
    };
    let (from, to) = (number(from)?, number(to)?);
    if from > to { Err("start day cannot be after end day".to_owned()) } else { Ok(from..=to) }
}

fn day_of_month(from: &str, to: &str) -> Result<(i8, i8), String> {
    let number = |text: &str| {
        let day = text.parse::<i8>().map_err(|_| format!("{text:?} is not a number"))?;
        let in_range = (-31..=31).contains(&day) && day != 0;
        in_range.then_some(day).ok_or_else(|| format!("{day} is not a valid day of the month: out of range"))
    };
    let (from, to) = (number(from)?, number(to)?);
    if from < 0 && to > 0 {
        return Err("end day must be negative if start day is negative".to_owned());
    }
    let in_longest_month = |day: i8| if day < 0 { 32 + day } else { day };
    if in_longest_month(from) > in_longest_month(to) {
        return Err("end day cannot be before start day".to_owned());
    }
    Ok((from, to))
}

fn month(from: &str, to: &str) -> Result<RangeInclusive<i8>, String> {
    let number = |text: &str| {
        let by_name = MONTHS.iter().position(|name| text.eq_ignore_ascii_case(name)).map(|at| at + 1);
        let number = by_name.or_else(|| text.parse().ok()).filter(|number| (1..=12).contains(number));
        number
            .and_then(|number| i8::try_from(number).ok())
            .ok_or_else(|| format!("{text} is not a valid month"))
    };
    let (from, to) = (number(from)?, number(to)?);
    if from > to { Err("end month is before start month".to_owned()) } else { Ok(from..=to) }
}

fn year(from: &str, to: &str) -> Result<RangeInclusive<i16>, String> {
    let number = |text: &str| text.parse::<i16>().map_err(|_| format!("{text:?} is not a year"));
    let (from, to) = (number(from)?, number(to)?);
    if from > to { Err("end year is before start year".to_owned()) } else { Ok(from..=to) }
}

/// A list of nodes as named intervals.
pub(super) fn read_all(
    source: Source<'_>,
    key: &str,
    node: Option<Node>,
) -> Result<Vec<Located<NamedIntervals>>, YamlError> {
    let Some(node) = node else { return Ok(Vec::new()) };
    list(source, key, node)?.into_iter().map(|item| read(source, item)).collect()
}
