//! `eq`, `lt` and their relatives: Go compares only values of one kind.

use std::cmp::Ordering;

use crate::format;
use crate::value::Value;

/// A value of a kind that can be ordered or compared bit by bit.
enum Basic<'a> {
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(&'a str),
}

fn basic(value: &Value) -> Option<Basic<'_>> {
    match value {
        Value::Bool(value) => Some(Basic::Bool(*value)),
        // Bytes are unsigned in Go, but signed and unsigned numbers compare by value.
        Value::Int(value, _) => Some(Basic::Int(*value)),
        Value::Float(value) => Some(Basic::Float(*value)),
        other => other.as_str().map(Basic::Text),
    }
}

fn incompatible(a: &Value, b: &Value) -> String {
    format!("incompatible types for comparison: {} and {}", a.type_name(), b.type_name())
}

/// `eq`: whether `first` equals one of the others.
pub(crate) fn equal_to_any(first: &Value, others: &[Value]) -> Result<bool, String> {
    if others.is_empty() {
        return Err("missing argument for comparison".to_owned());
    }
    for other in others {
        if equal(first, other)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether two values are equal; an error where Go does not compare them.
pub(crate) fn equal(a: &Value, b: &Value) -> Result<bool, String> {
    match (basic(a), basic(b)) {
        (Some(Basic::Bool(a)), Some(Basic::Bool(b))) => Ok(a == b),
        (Some(Basic::Int(a)), Some(Basic::Int(b))) => Ok(a == b),
        (Some(Basic::Float(a)), Some(Basic::Float(b))) => Ok(a == b),
        (Some(Basic::Text(a)), Some(Basic::Text(b))) => Ok(a == b),
        (None, None) => equal_composites(a, b),
        _ if matches!(a, Value::Nil) || matches!(b, Value::Nil) => Ok(false),
        _ => Err(incompatible(a, b)),
    }
}

fn equal_composites(a: &Value, b: &Value) -> Result<bool, String> {
    match (a, b) {
        (Value::Nil, Value::Nil) => Ok(true),
        (Value::Nil, _) | (_, Value::Nil) => Ok(false),
        (Value::Time(a), Value::Time(b)) => Ok(a == b),
        (Value::Pointer(a), Value::Pointer(b)) => Ok(std::sync::Arc::ptr_eq(a, b)),
        (Value::Struct(a), Value::Struct(b)) if a.ty.methods.is_empty() && is_flat(&a.values) => {
            Ok(std::ptr::eq(a.ty, b.ty)
                && a.values.iter().zip(b.values.iter()).all(|(a, b)| equal(a, b) == Ok(true)))
        }
        _ if kind(a) != kind(b) => Err(format!(
            "non-comparable types {}: {}, {}: {}",
            format::print(a)?,
            a.type_name(),
            b.type_name(),
            format::print(b)?
        )),
        _ => Err(format!("non-comparable type {}: {}", format::print(b)?, b.type_name())),
    }
}

fn is_flat(values: &[Value]) -> bool {
    values.iter().all(|value| basic(value).is_some())
}

fn kind(value: &Value) -> u8 {
    match value {
        Value::List(_) => 1,
        Value::Map(_) => 2,
        Value::Struct(_) | Value::Time(_) => 3,
        Value::Pointer(_) => 4,
        _ => 0,
    }
}

/// `lt`: an error unless both are numbers of one kind or texts.
pub(crate) fn less(a: &Value, b: &Value) -> Result<bool, String> {
    const BAD_TYPE: &str = "invalid type for comparison";
    let (Some(first), Some(second)) = (basic(a), basic(b)) else {
        return Err(BAD_TYPE.to_owned());
    };
    let ordering = match (first, second) {
        (Basic::Int(a), Basic::Int(b)) => Some(a.cmp(&b)),
        (Basic::Float(a), Basic::Float(b)) => a.partial_cmp(&b),
        (Basic::Text(a), Basic::Text(b)) => Some(a.cmp(b)),
        (Basic::Bool(_), Basic::Bool(_)) => return Err(BAD_TYPE.to_owned()),
        _ => return Err(incompatible(a, b)),
    };
    Ok(ordering == Some(Ordering::Less))
}
