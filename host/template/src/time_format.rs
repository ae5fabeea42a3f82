//! Go's time layouts, which show how one certain moment would look: `Mon Jan 2 15:04:05 -0700 MST 2006`.

mod reading;

use std::fmt::Write as _;

use crate::time::{self, Clock, Time};

pub(crate) use reading::parse;

/// A part of a layout that stands for part of a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Piece {
    LongMonth,
    ShortMonth,
    Month(Pad),
    LongWeekday,
    ShortWeekday,
    Day(Pad),
    YearDay(Pad),
    Hour24,
    Hour12(Pad),
    Minute(Pad),
    Second(Pad),
    LongYear,
    ShortYear,
    UpperHalf,
    LowerHalf,
    ZoneName,
    Offset(Offset),
    Fraction { separator: char, digits: usize, trimmed: bool },
}

/// How a number is filled up to two digits (three for the day of the year).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pad {
    None,
    Zero,
    Space,
}

/// How an offset from UTC is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Offset {
    /// `Z` for UTC.
    iso: bool,
    colon: bool,
    minutes: bool,
    seconds: bool,
}

/// Layout texts that stand for themselves, longer before shorter.
const FIXED_PIECES: [(&str, Piece); 31] = [
    ("January", Piece::LongMonth),
    ("Monday", Piece::LongWeekday),
    ("MST", Piece::ZoneName),
    ("002", Piece::YearDay(Pad::Zero)),
    ("01", Piece::Month(Pad::Zero)),
    ("02", Piece::Day(Pad::Zero)),
    ("03", Piece::Hour12(Pad::Zero)),
    ("04", Piece::Minute(Pad::Zero)),
    ("05", Piece::Second(Pad::Zero)),
    ("06", Piece::ShortYear),
    ("15", Piece::Hour24),
    ("1", Piece::Month(Pad::None)),
    ("2006", Piece::LongYear),
    ("2", Piece::Day(Pad::None)),
    ("__2", Piece::YearDay(Pad::Space)),
    ("_2", Piece::Day(Pad::Space)),
    ("3", Piece::Hour12(Pad::None)),
    ("4", Piece::Minute(Pad::None)),
    ("5", Piece::Second(Pad::None)),
    ("PM", Piece::UpperHalf),
    ("pm", Piece::LowerHalf),
    ("-070000", offset(false, false, true, true)),
    ("-07:00:00", offset(false, true, true, true)),
    ("-0700", offset(false, false, true, false)),
    ("-07:00", offset(false, true, true, false)),
    ("-07", offset(false, false, false, false)),
    ("Z070000", offset(true, false, true, true)),
    ("Z07:00:00", offset(true, true, true, true)),
    ("Z0700", offset(true, false, true, false)),
    ("Z07:00", offset(true, true, true, false)),
    ("Z07", offset(true, false, false, false)),
];

const fn offset(iso: bool, colon: bool, minutes: bool, seconds: bool) -> Piece {
    Piece::Offset(Offset { iso, colon, minutes, seconds })
}

/// The piece at the begin of `rest`, with its length.
fn piece_at(rest: &str) -> Option<(Piece, usize)> {
    for (text, piece) in [("Jan", Piece::ShortMonth), ("Mon", Piece::ShortWeekday)] {
        let long = if text == "Jan" { "January" } else { "Monday" };
        let word_ends = |after: &str| !after.starts_with(|c: char| c.is_ascii_lowercase());
        if !rest.starts_with(long) && rest.strip_prefix(text).is_some_and(word_ends) {
            return Some((piece, text.len()));
        }
    }
    if rest.starts_with("_2006") {
        return None;
    }
    if rest.starts_with(['.', ',']) {
        return fraction_at(rest);
    }
    FIXED_PIECES.iter().find(|(text, _)| rest.starts_with(text)).map(|(text, piece)| (*piece, text.len()))
}

fn fraction_at(rest: &str) -> Option<(Piece, usize)> {
    let separator = rest.chars().next()?;
    let digit = rest[1..].chars().next().filter(|c| matches!(c, '0' | '9'))?;
    let digits = rest[1..].chars().take_while(|&c| c == digit).count();
    if rest[1 + digits..].starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    Some((Piece::Fraction { separator, digits, trimmed: digit == '9' }, 1 + digits))
}

/// The layout up to its next piece, that piece, and the rest.
fn next_piece(layout: &str) -> (&str, Option<Piece>, &str) {
    for (at, _) in layout.char_indices() {
        if let Some((piece, length)) = piece_at(&layout[at..]) {
            return (&layout[..at], Some(piece), &layout[at + length..]);
        }
    }
    (layout, None, "")
}

/// Writes a time by a layout, as Go's `Time.Format`.
pub(crate) fn format(time: &Time, layout: &str) -> String {
    time.with_clock(|clock| {
        let mut out = String::new();
        let mut rest = layout;
        while !rest.is_empty() {
            let (literal, piece, after) = next_piece(rest);
            out.push_str(literal);
            if let Some(piece) = piece {
                write_piece(&mut out, piece, clock).expect("writing to a String cannot fail");
            }
            rest = after;
        }
        out
    })
}

fn write_piece(out: &mut String, piece: Piece, clock: Clock<'_>) -> std::fmt::Result {
    let civil = clock.civil;
    let weekday = || time::weekday_name(i64::from(civil.weekday().to_sunday_zero_offset()));
    let half = if civil.hour() >= 12 { "PM" } else { "AM" };
    match piece {
        Piece::LongMonth => out.write_str(&time::month_name(i64::from(civil.month()))),
        Piece::ShortMonth => out.write_str(&time::month_name(i64::from(civil.month()))[..3]),
        Piece::Month(pad) => write_number(out, i32::from(civil.month()), pad, 2),
        Piece::LongWeekday => out.write_str(&weekday()),
        Piece::ShortWeekday => out.write_str(&weekday()[..3]),
        Piece::Day(pad) => write_number(out, i32::from(civil.day()), pad, 2),
        Piece::YearDay(pad) => write_number(out, i32::from(civil.date().day_of_year()), pad, 3),
        Piece::Hour24 => write_number(out, i32::from(civil.hour()), Pad::Zero, 2),
        Piece::Hour12(pad) => write_number(out, (i32::from(civil.hour()) + 11) % 12 + 1, pad, 2),
        Piece::Minute(pad) => write_number(out, i32::from(civil.minute()), pad, 2),
        Piece::Second(pad) => write_number(out, i32::from(civil.second()), pad, 2),
        Piece::LongYear if civil.year() < 0 => write!(out, "-{:04}", civil.year().unsigned_abs()),
        Piece::LongYear => write!(out, "{:04}", civil.year()),
        Piece::ShortYear => write!(out, "{:02}", civil.year().rem_euclid(100)),
        Piece::UpperHalf => out.write_str(half),
        Piece::LowerHalf => out.write_str(&half.to_ascii_lowercase()),
        Piece::ZoneName if !clock.zone.is_empty() => out.write_str(clock.zone),
        Piece::ZoneName => {
            let minutes = clock.offset_secs % 3600 != 0;
            write_offset(out, Offset { iso: false, colon: false, minutes, seconds: false }, clock.offset_secs)
        }
        Piece::Offset(style) => write_offset(out, style, clock.offset_secs),
        Piece::Fraction { separator, digits, trimmed } => {
            write_fraction(out, civil.subsec_nanosecond(), separator, digits, trimmed)
        }
    }
}

fn write_number(out: &mut String, number: i32, pad: Pad, width: usize) -> std::fmt::Result {
    match pad {
        Pad::None => write!(out, "{number}"),
        Pad::Zero => write!(out, "{number:0width$}"),
        Pad::Space => write!(out, "{number:width$}"),
    }
}

fn write_offset(out: &mut String, style: Offset, secs: i32) -> std::fmt::Result {
    if style.iso && secs == 0 {
        return out.write_str("Z");
    }
    let colon = if style.colon { ":" } else { "" };
    let magnitude = secs.unsigned_abs();
    write!(out, "{}{:02}", if secs < 0 { '-' } else { '+' }, magnitude / 3600)?;
    if style.minutes {
        write!(out, "{colon}{:02}", magnitude / 60 % 60)?;
    }
    if style.seconds {
        write!(out, "{colon}{:02}", magnitude % 60)?;
    }
    Ok(())
}

fn write_fraction(
    out: &mut String,
    nanos: i32,
    separator: char,
    digits: usize,
    trimmed: bool,
) -> std::fmt::Result {
    let all = format!("{nanos:09}{}", "0".repeat(digits.saturating_sub(9)));
    let shown = &all[..digits];
    match (trimmed, shown.trim_end_matches('0')) {
        (false, _) => write!(out, "{separator}{shown}"),
        (true, "") => Ok(()),
        (true, significant) => write!(out, "{separator}{significant}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> Time {
        Time::from_timestamp(bellwether_model::Timestamp::parse_rfc3339(text).unwrap())
    }

    #[test]
    fn writes_gos_well_known_layouts() {
        let at = time("2026-03-09T03:04:05.25Z");
        let cases = [
            ("Mon Jan _2 15:04:05 2006", "Mon Mar  9 03:04:05 2026"),
            ("Monday, 02-Jan-06 15:04:05 MST", "Monday, 09-Mar-26 03:04:05 UTC"),
            ("2006-01-02T15:04:05.999999999Z07:00", "2026-03-09T03:04:05.25Z"),
            ("3:04PM", "3:04AM"),
            ("2006-002", "2026-068"),
            ("15:04:05.000 -0700", "03:04:05.250 +0000"),
            ("January", "March"),
            ("Januaries", "Januaries"),
            ("_2006", "_2026"),
        ];
        for (layout, text) in cases {
            assert_eq!(format(&at, layout), text, "{layout}");
        }
    }

    #[test]
    fn reads_what_it_writes() {
        let at = time("2026-03-09T15:04:05Z");
        for layout in [
            "2006-01-02 15:04:05",
            "Mon Jan _2 15:04:05 2006",
            "2 January 2006 3:04:05pm",
            "2006-01-02T15:04:05Z07:00",
            "2006-002 15:04:05",
        ] {
            assert_eq!(parse(layout, &format(&at, layout)), Ok(at.clone()), "{layout}");
        }
        assert!(parse("2006-01-02", "2026-02-30").is_err());
        assert!(parse("2006-01-02", "2026-02-03x").is_err());
    }
}
