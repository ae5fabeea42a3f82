//! JSON as Go's `encoding/json` writes it, and base64.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;

use super::{MAX_OUTPUT_BYTES, too_long};
use crate::number::{self, FloatForm};
use crate::value::{Struct, Value, text_of_bytes};

/// `toJson`.
pub(crate) fn json(value: &Value) -> Result<String, String> {
    let mut out = String::new();
    write_json(&mut out, value)?;
    Ok(out)
}

fn write_json(out: &mut String, value: &Value) -> Result<(), String> {
    if out.len() > MAX_OUTPUT_BYTES {
        return Err(too_long());
    }
    match value.indirect() {
        Value::Nil | Value::Pointer(_) => out.push_str("null"),
        Value::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Value::Int(value, _) => out.push_str(&format!("{value}")),
        Value::Float(value) => out.push_str(&json_float(*value)?),
        Value::String(text) | Value::Safe(text, _) => write_string(out, text),
        Value::Time(time) => write_string(out, &time.rfc3339()),
        Value::List(list) => {
            write_sequence(out, ['[', ']'], list.items.iter(), write_json)?;
        }
        Value::Map(map) => write_sequence(out, ['{', '}'], map.entries.iter(), |out, (key, value)| {
            write_string(out, key);
            out.push(':');
            write_json(out, value)
        })?,
        Value::Struct(fields) => write_struct(out, fields)?,
    }
    Ok(())
}

fn write_struct(out: &mut String, fields: &Struct) -> Result<(), String> {
    let named = fields.ty.json_names.iter().zip(fields.values.iter());
    write_sequence(out, ['{', '}'], named.filter(|(name, _)| !name.is_empty()), |out, (name, value)| {
        write_string(out, name);
        out.push(':');
        write_json(out, value)
    })
}

fn write_sequence<T>(
    out: &mut String,
    [open, close]: [char; 2],
    items: impl Iterator<Item = T>,
    mut write: impl FnMut(&mut String, T) -> Result<(), String>,
) -> Result<(), String> {
    out.push(open);
    for (at, item) in items.enumerate() {
        if at > 0 {
            out.push(',');
        }
        write(out, item)?;
    }
    out.push(close);
    Ok(())
}

fn json_float(value: f64) -> Result<String, String> {
    if !value.is_finite() {
        let shown = number::format_float(value, FloatForm::General, None);
        return Err(format!("json: unsupported value: {shown}"));
    }
    let magnitude = value.abs();
    if magnitude == 0.0 || (1e-6..1e21).contains(&magnitude) {
        return Ok(number::format_float(value, FloatForm::Fixed, None));
    }
    // As in JavaScript, a single digit of a negative exponent has no zero before it.
    let text = number::format_float(value, FloatForm::Exponent, None);
    Ok(match text.split_once("e-0") {
        Some((mantissa, digit)) => format!("{mantissa}e-{digit}"),
        None => text,
    })
}

/// A JSON string in which `<`, `>` and `&` are escaped, as Go does by default.
pub(crate) fn write_string(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' | '\0'..' ' => {
                out.push_str(&format!("\\u{:04x}", u32::from(c)));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

/// `base64encode`, with the alphabet for URLs.
pub(crate) fn base64_encode(text: &str) -> String {
    URL_SAFE.encode(text)
}

/// `base64decode`; as in Go, line ends do not count.
pub(crate) fn base64_decode(text: &str) -> Result<String, String> {
    let plain = text.replace(['\r', '\n'], "");
    match URL_SAFE.decode(&plain) {
        Ok(bytes) => Ok(text_of_bytes(&bytes)),
        Err(base64::DecodeError::InvalidByte(at, _) | base64::DecodeError::InvalidLastSymbol(at, _)) => {
            Err(format!("illegal base64 data at input byte {at}"))
        }
        Err(_) => Err(format!("illegal base64 data at input byte {}", plain.len() / 4 * 4)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::{ANY_MAP, Map};

    #[test]
    fn json_is_gos() {
        let map =
            Map::new(&ANY_MAP, vec![("b".into(), Value::Float(1e-7)), ("a".into(), Value::text("<\n\"é"))]);
        assert_eq!(json(&Value::Map(map)).unwrap(), r#"{"a":"\u003c\n\"é","b":1e-7}"#);
        assert_eq!(json(&Value::Float(1e21)).unwrap(), "1e+21");
        assert_eq!(json(&Value::Float(f64::NAN)).unwrap_err(), "json: unsupported value: NaN");
    }

    #[test]
    fn base64_is_for_urls() {
        assert_eq!(base64_encode("~~~???"), "fn5-Pz8_");
        assert_eq!(base64_decode("fn5-Pz8_").unwrap(), "~~~???");
        assert_eq!(base64_decode("a").unwrap_err(), "illegal base64 data at input byte 0");
    }
}
