//! The methods of Go's `time.Time`, `time.Duration`, `time.Month` and `time.Weekday`.

use super::{Function, Param, function, text_arg};
use crate::time::{Time, duration_text, month_name, weekday_name};
use crate::time_format;
use crate::value::{IntType, Value};

/// Nanoseconds of a day.
const DAY_NANOS: i64 = 86_400_000_000_000;

/// Methods of `time.Time`. The receiver comes first.
pub(crate) static TIME_METHODS: [Function; 28] = [
    function("Format", &[Param::String], |_, args| {
        super::bounded(time_format::format(&receiver(args), text_arg(args, 1)))
    }),
    function("String", &[], |_, args| Ok(Value::text(receiver(args).text()))),
    function("UTC", &[], |_, args| Ok(Value::Time(receiver(args).to_utc()))),
    function("Local", &[], |_, args| Ok(Value::Time(receiver(args).to_utc()))),
    function("Unix", &[], |_, args| Ok(int64(receiver(args).unix()))),
    function("UnixMilli", &[], |_, args| Ok(unix_in(args, 1_000_000))),
    function("UnixMicro", &[], |_, args| Ok(unix_in(args, 1_000))),
    function("UnixNano", &[], |_, args| Ok(unix_in(args, 1))),
    function("Add", &[Param::Duration], |_, args| Ok(Value::Time(receiver(args).add_nanos(nanos(args, 1))))),
    function("AddDate", &[Param::Int, Param::Int, Param::Int], |_, args| add_date(args)),
    function("Sub", &[Param::Time], |_, args| {
        Ok(Value::duration(receiver(args).nanos_since(&time_arg(args, 1))))
    }),
    function("Before", &[Param::Time], |_, args| {
        Ok(Value::Bool(receiver(args).unix_nanos() < time_arg(args, 1).unix_nanos()))
    }),
    function("After", &[Param::Time], |_, args| {
        Ok(Value::Bool(receiver(args).unix_nanos() > time_arg(args, 1).unix_nanos()))
    }),
    function("Equal", &[Param::Time], |_, args| {
        Ok(Value::Bool(receiver(args).unix_nanos() == time_arg(args, 1).unix_nanos()))
    }),
    function("Compare", &[Param::Time], |_, args| {
        Ok(Value::int(receiver(args).unix_nanos().cmp(&time_arg(args, 1).unix_nanos()) as i64))
    }),
    function("IsZero", &[], |_, args| Ok(Value::Bool(receiver(args).is_zero()))),
    function("Year", &[], |_, args| Ok(Value::int(receiver(args).civil().year().into()))),
    function("Month", &[], |_, args| Ok(Value::Int(receiver(args).civil().month().into(), IntType::Month))),
    function("Day", &[], |_, args| Ok(Value::int(receiver(args).civil().day().into()))),
    function("Hour", &[], |_, args| Ok(Value::int(receiver(args).civil().hour().into()))),
    function("Minute", &[], |_, args| Ok(Value::int(receiver(args).civil().minute().into()))),
    function("Second", &[], |_, args| Ok(Value::int(receiver(args).civil().second().into()))),
    function("Nanosecond", &[], |_, args| Ok(Value::int(receiver(args).civil().subsec_nanosecond().into()))),
    function("Weekday", &[], |_, args| {
        let weekday = receiver(args).civil().weekday().to_sunday_zero_offset();
        Ok(Value::Int(weekday.into(), IntType::Weekday))
    }),
    function("YearDay", &[], |_, args| Ok(Value::int(receiver(args).civil().date().day_of_year().into()))),
    function("Truncate", &[Param::Duration], |_, args| {
        Ok(Value::Time(receiver(args).add_nanos(-since_multiple(args))))
    }),
    function("Round", &[Param::Duration], |_, args| {
        let (over, step) = (since_multiple(args), nanos(args, 1));
        let up = over != 0 && over >= step - over;
        Ok(Value::Time(receiver(args).add_nanos(if up { step - over } else { -over })))
    }),
    function("GoString", &[], |_, args| Ok(Value::text(receiver(args).go_syntax()))),
];

/// Methods of `time.Duration`. The receiver comes first.
pub(crate) static DURATION_METHODS: [Function; 10] = [
    function("Hours", &[], |_, args| Ok(Value::Float(nanos(args, 0) as f64 / 3.6e12))),
    function("Minutes", &[], |_, args| Ok(Value::Float(nanos(args, 0) as f64 / 6e10))),
    function("Seconds", &[], |_, args| Ok(Value::Float(nanos(args, 0) as f64 / 1e9))),
    function("Milliseconds", &[], |_, args| Ok(int64(nanos(args, 0) / 1_000_000))),
    function("Microseconds", &[], |_, args| Ok(int64(nanos(args, 0) / 1_000))),
    function("Nanoseconds", &[], |_, args| Ok(int64(nanos(args, 0)))),
    function("String", &[], |_, args| Ok(Value::text(duration_text(nanos(args, 0))))),
    function("Abs", &[], |_, args| Ok(Value::duration(nanos(args, 0).saturating_abs()))),
    function("Truncate", &[Param::Duration], |_, args| {
        let (value, step) = (nanos(args, 0), nanos(args, 1));
        Ok(Value::duration(if step > 0 { value - value % step } else { value }))
    }),
    function("Round", &[Param::Duration], |_, args| {
        let (value, step) = (nanos(args, 0), nanos(args, 1));
        if step <= 0 {
            return Ok(Value::duration(value));
        }
        let over = value % step;
        let away = if over.saturating_abs() >= step - over.abs() { step * value.signum() } else { 0 };
        Ok(Value::duration((value - over).saturating_add(away)))
    }),
];

/// The method of `time.Month`.
pub(crate) static MONTH_METHODS: [Function; 1] =
    [function("String", &[], |_, args| Ok(Value::text(month_name(nanos(args, 0)))))];

/// The method of `time.Weekday`.
pub(crate) static WEEKDAY_METHODS: [Function; 1] =
    [function("String", &[], |_, args| Ok(Value::text(weekday_name(nanos(args, 0)))))];

const fn int64(value: i64) -> Value {
    Value::Int(value, IntType::Int64)
}

pub(crate) fn time_arg(args: &[Value], at: usize) -> Time {
    match args.get(at).map(Value::indirect) {
        Some(Value::Time(time)) => time.clone(),
        _ => Time::zero(),
    }
}

fn receiver(args: &[Value]) -> Time {
    time_arg(args, 0)
}

/// The number of an integer argument, whatever its type.
fn nanos(args: &[Value], at: usize) -> i64 {
    match args.get(at).map(Value::indirect) {
        Some(Value::Int(value, _)) => *value,
        _ => 0,
    }
}

fn unix_in(args: &[Value], nanos_per_unit: i128) -> Value {
    int64((receiver(args).unix_nanos().div_euclid(nanos_per_unit)).try_into().unwrap_or(0))
}

/// How far a time is past the last multiple of the argument since year 1; 0 for no step.
fn since_multiple(args: &[Value]) -> i64 {
    let step = i128::from(nanos(args, 1));
    if step <= 0 {
        return 0;
    }
    let since_zero = receiver(args).unix_nanos() - Time::zero().unix_nanos();
    since_zero.rem_euclid(step).try_into().unwrap_or(0)
}

/// Years and months are counted on the calendar, where 31 April is 1 May; then days are added.
fn add_date(args: &[Value]) -> Result<Value, String> {
    let time = receiver(args);
    let civil = time.civil();
    let months = nanos(args, 1).saturating_mul(12).saturating_add(nanos(args, 2));
    let month = i64::from(civil.month()) - 1 + months % 120_000;
    let year = i64::from(civil.year()) + months / 120_000 * 10_000 + month.div_euclid(12);
    let first = i16::try_from(year)
        .ok()
        .and_then(|year| jiff::civil::Date::new(year, i8::try_from(month.rem_euclid(12) + 1).ok()?, 1).ok())
        .ok_or("date out of range")?;
    let today = jiff::civil::Date::new(civil.year(), civil.month(), 1).map_err(|_| "date out of range")?;
    let days = first.duration_since(today).as_hours() / 24;
    let days = days.saturating_add(nanos(args, 3));
    Ok(Value::Time(time.add_nanos(days.saturating_mul(DAY_NANOS))))
}
