//! Reading a time by a layout.

use jiff::civil::{Date, DateTime};

use super::{Offset, Pad, Piece, next_piece, piece_at};
use crate::time::{self, Time};

/// What has been read of a time so far.
struct Reading {
    year: i16,
    month: i8,
    day: i8,
    year_day: Option<i16>,
    hour: i8,
    minute: i8,
    second: i8,
    nanos: i32,
    afternoon: Option<bool>,
    offset_secs: i32,
}

/// Reads a time by a layout, as Go's `time.ParseInLocation` with UTC.
pub(crate) fn parse(layout: &str, text: &str) -> Result<Time, String> {
    let failed = || format!("parsing time {text:?} as {layout:?}: cannot parse {text:?} as {layout:?}");
    read(layout, text).ok_or_else(failed)
}

fn read(layout: &str, text: &str) -> Option<Time> {
    let mut reading = Reading {
        year: 0,
        month: 1,
        day: 1,
        year_day: None,
        hour: 0,
        minute: 0,
        second: 0,
        nanos: 0,
        afternoon: None,
        offset_secs: 0,
    };
    let (mut layout, mut text) = (layout, text);
    loop {
        let (literal, piece, after) = next_piece(layout);
        text = skip_literal(text, literal)?;
        let Some(piece) = piece else { break };
        text = reading.take(piece, text, after)?;
        layout = after;
    }
    if text.is_empty() { reading.time() } else { None }
}

/// Passes over the literal part of a layout; any run of spaces stands for any other.
fn skip_literal<'t>(text: &'t str, literal: &str) -> Option<&'t str> {
    let mut text = text;
    let mut literal = literal;
    while let Some(c) = literal.chars().next() {
        if c == ' ' {
            if !text.is_empty() && !text.starts_with(' ') {
                return None;
            }
            literal = literal.trim_start_matches(' ');
            text = text.trim_start_matches(' ');
        } else {
            literal = &literal[c.len_utf8()..];
            text = text.strip_prefix(c)?;
        }
    }
    Some(text)
}

/// A number of `least` to `most` digits at the begin of a text, and what follows it.
fn digits(text: &str, least: usize, most: usize) -> Option<(i32, &str)> {
    let count = text.bytes().take(most).take_while(u8::is_ascii_digit).count();
    if count < least {
        return None;
    }
    Some((text[..count].parse().ok()?, &text[count..]))
}

fn padded(text: &str, pad: Pad, width: usize) -> Option<(i32, &str)> {
    match pad {
        Pad::None => digits(text, 1, width),
        Pad::Zero => digits(text, width, width),
        Pad::Space => {
            let trimmed = text.trim_start_matches(' ');
            digits(trimmed, 1, width)
        }
    }
}

impl Reading {
    /// Takes a piece off `text`; `after` is the layout behind it.
    fn take<'t>(&mut self, piece: Piece, text: &'t str, after: &str) -> Option<&'t str> {
        let small = |(number, rest): (i32, &'t str)| Some((i8::try_from(number).ok()?, rest));
        match piece {
            Piece::LongMonth | Piece::ShortMonth => {
                let (month, length) = time::month_ahead(text, piece == Piece::ShortMonth)?;
                self.month = month;
                return text.get(length..);
            }
            Piece::LongWeekday | Piece::ShortWeekday => {
                let (_, length) = time::weekday_ahead(text, piece == Piece::ShortWeekday)?;
                return text.get(length..);
            }
            Piece::LongYear => {
                let (year, rest) = digits(text, 4, 4)?;
                self.year = i16::try_from(year).ok()?;
                return Some(rest);
            }
            Piece::ShortYear => {
                let (year, rest) = digits(text, 2, 2)?;
                self.year = i16::try_from(if year >= 69 { 1900 + year } else { 2000 + year }).ok()?;
                return Some(rest);
            }
            Piece::YearDay(pad) => {
                let (day, rest) = padded(text, pad, 3)?;
                self.year_day = Some(i16::try_from(day).ok()?);
                return Some(rest);
            }
            Piece::UpperHalf | Piece::LowerHalf => return self.take_half(piece, text),
            Piece::Offset(style) => return self.take_offset(style, text),
            Piece::Fraction { separator, digits, trimmed } => {
                return self.take_fraction(text, separator, if trimmed { None } else { Some(digits) });
            }
            Piece::ZoneName => {
                let length = text.bytes().take(5).take_while(u8::is_ascii_uppercase).count();
                return if length >= 3 { text.get(length..) } else { None };
            }
            Piece::Month(_)
            | Piece::Day(_)
            | Piece::Hour24
            | Piece::Hour12(_)
            | Piece::Minute(_)
            | Piece::Second(_) => {}
        }
        let (field, pad) = match piece {
            Piece::Month(pad) => (&mut self.month, pad),
            Piece::Day(pad) => (&mut self.day, if pad == Pad::Zero { Pad::Zero } else { Pad::Space }),
            Piece::Hour24 => (&mut self.hour, Pad::None),
            Piece::Hour12(pad) => (&mut self.hour, pad),
            Piece::Minute(pad) => (&mut self.minute, pad),
            _ => (&mut self.second, if let Piece::Second(pad) = piece { pad } else { Pad::None }),
        };
        let (number, rest) = small(padded(text, pad, 2)?)?;
        *field = number;
        let fraction_follows = matches!(piece_at(after), Some((Piece::Fraction { .. }, _)));
        if matches!(piece, Piece::Second(_)) && !fraction_follows && has_fraction(rest) {
            return self.take_fraction(rest, '.', None);
        }
        Some(rest)
    }

    fn take_half<'t>(&mut self, piece: Piece, text: &'t str) -> Option<&'t str> {
        let (am, pm) = if piece == Piece::UpperHalf { ("AM", "PM") } else { ("am", "pm") };
        self.afternoon = Some(text.starts_with(pm));
        text.strip_prefix(pm).or_else(|| text.strip_prefix(am))
    }

    fn take_offset<'t>(&mut self, style: Offset, text: &'t str) -> Option<&'t str> {
        if let Some(rest) = text.strip_prefix('Z').filter(|_| style.iso) {
            return Some(rest);
        }
        let sign = match text.bytes().next()? {
            b'+' => 1,
            b'-' => -1,
            _ => return None,
        };
        let (hours, mut rest) = digits(&text[1..], 2, 2)?;
        let mut secs = hours * 3600;
        for (wanted, unit) in [(style.minutes, 60), (style.seconds, 1)] {
            if wanted {
                let tail = if style.colon { rest.strip_prefix(':')? } else { rest };
                let (number, tail) = digits(tail, 2, 2)?;
                secs += number * unit;
                rest = tail;
            }
        }
        self.offset_secs = sign * secs;
        Some(rest)
    }

    fn take_fraction<'t>(&mut self, text: &'t str, separator: char, exact: Option<usize>) -> Option<&'t str> {
        if exact.is_none() && !has_fraction(text) {
            return Some(text);
        }
        let body = text.strip_prefix(separator).or_else(|| text.strip_prefix(['.', ',']))?;
        let count = body.bytes().take_while(u8::is_ascii_digit).count();
        if exact.is_some_and(|exact| exact != count) || count == 0 {
            return None;
        }
        let kept = &body[..count.min(9)];
        self.nanos = format!("{kept:0<9}").parse().ok()?;
        Some(&body[count..])
    }

    fn time(&self) -> Option<Time> {
        let hour = match self.afternoon {
            Some(true) if self.hour < 12 => self.hour + 12,
            Some(false) if self.hour == 12 => 0,
            _ => self.hour,
        };
        let date = match self.year_day {
            Some(day) => Date::new(self.year, 1, 1).ok()?.with().day_of_year(day).build().ok()?,
            None => Date::new(self.year, self.month, self.day).ok()?,
        };
        let time = jiff::civil::Time::new(hour, self.minute, self.second, self.nanos).ok()?;
        Time::from_civil(DateTime::from_parts(date, time), self.offset_secs)
    }
}

fn has_fraction(text: &str) -> bool {
    let mut bytes = text.bytes();
    matches!(bytes.next(), Some(b'.' | b',')) && bytes.next().is_some_and(|byte| byte.is_ascii_digit())
}
