//! Values of any type under Go's verbs: methods that give a text, lists, maps, structs, and what does not fit.

use super::Printer;
use crate::time::{Time, duration_text, month_name, weekday_name};
use crate::value::{IntType, List, Map, Struct, Value};

/// What the `String` method of a value gives, if it has one.
pub(crate) fn own_string(value: &Value) -> Option<String> {
    Some(match value.indirect() {
        Value::Time(time) => time.text(),
        Value::Int(nanos, IntType::Duration) => duration_text(*nanos),
        Value::Int(month, IntType::Month) => month_name(*month),
        Value::Int(weekday, IntType::Weekday) => weekday_name(*weekday),
        other => other.composite_type()?.stringer?(other),
    })
}

impl Printer {
    /// Prints an argument of a directive.
    pub(super) fn argument(&mut self, value: &Value, verb: char) {
        match (value, verb) {
            (Value::Nil, 'T' | 'v') => self.pad("<nil>"),
            (Value::Nil, _) => self.push(&format!("%!{verb}(<nil>)")),
            (_, 'T') => {
                self.text(&value.type_name(), 's');
            }
            _ => self.value(value, verb),
        }
    }

    fn value(&mut self, value: &Value, verb: char) {
        if self.overflowed || self.own_text(value, verb) {
            return;
        }
        // As Go, which keeps %w for errors before it looks at what a value holds.
        let holds_values = matches!(
            value,
            Value::Time(_) | Value::List(_) | Value::Map(_) | Value::Struct(_) | Value::Pointer(_)
        );
        if verb == 'w' && holds_values && !self.erroring {
            return self.mistake(value, verb);
        }
        let fits = match value {
            Value::Nil => {
                self.push("<nil>");
                true
            }
            Value::Bool(bool) => self.bool(*bool, verb),
            Value::Int(number, ty) => self.integer(*number, ty.is_unsigned(), verb),
            Value::Float(number) => self.float(*number, verb),
            Value::String(text) | Value::Safe(text, _) => self.text(text, verb),
            Value::Time(time) => {
                self.raw_time(time, verb);
                true
            }
            Value::List(list) => {
                self.list(list, verb);
                true
            }
            Value::Map(map) => {
                self.map(map, verb);
                true
            }
            Value::Struct(fields) => {
                self.fields(fields, verb);
                true
            }
            Value::Pointer(target) => {
                self.pointer(target, verb);
                true
            }
        };
        if !fits {
            self.mistake(value, verb);
        }
    }

    /// A value that another one holds: of a pointer, Go prints the address there, which only some verbs can.
    fn inner_value(&mut self, value: &Value, verb: char) {
        let fits = !matches!(value, Value::Pointer(_)) || "vbodxX".contains(verb);
        if fits {
            self.value(value, verb);
        } else if !self.own_text(value, verb) {
            self.mistake(value, verb);
        }
    }

    /// Go prints an address where we print what is there: addresses differ from one render to the next.
    fn pointer(&mut self, target: &Value, verb: char) {
        if matches!(target, Value::Struct(_) | Value::Map(_) | Value::List(_)) {
            self.push_char('&');
        }
        self.value(target, verb);
    }

    /// `%!d(string=x)`.
    fn mistake(&mut self, value: &Value, verb: char) {
        let outer = std::mem::replace(&mut self.erroring, true);
        self.push(&format!("%!{verb}({}=", value.type_name()));
        self.value(value, 'v');
        self.push_char(')');
        self.erroring = outer;
    }

    /// Prints a value by its `String` or `GoString` method, if it has one that the verb asks for.
    fn own_text(&mut self, value: &Value, verb: char) -> bool {
        if self.erroring {
            return false;
        }
        let target = value.indirect();
        if self.flags.sharp_v {
            let Value::Time(time) = target else { return false };
            let text = time.go_syntax();
            self.pad(&text);
            return true;
        }
        if !matches!(verb, 'v' | 's' | 'x' | 'X' | 'q') {
            return false;
        }
        own_string(target).is_some_and(|text| self.text(&text, verb))
    }

    fn bool(&mut self, value: bool, verb: char) -> bool {
        let fits = matches!(verb, 't' | 'v');
        if fits {
            self.pad(if value { "true" } else { "false" });
        }
        fits
    }

    fn separator(&mut self, at: usize) {
        if at > 0 {
            self.push(if self.flags.sharp_v { ", " } else { " " });
        }
    }

    fn list(&mut self, list: &List, verb: char) {
        let (open, close) = if self.flags.sharp_v { ("{", "}") } else { ("[", "]") };
        if self.flags.sharp_v {
            self.push(list.ty.name);
        }
        self.push(open);
        for (at, item) in list.items.iter().enumerate() {
            self.separator(at);
            self.inner_value(item, verb);
        }
        self.push(close);
    }

    fn map(&mut self, map: &Map, verb: char) {
        let (open, close) = if self.flags.sharp_v { ("{", "}") } else { ("map[", "]") };
        if self.flags.sharp_v {
            self.push(map.ty.name);
        }
        self.push(open);
        for (at, (key, value)) in map.entries.iter().enumerate() {
            self.separator(at);
            self.value(&Value::String(key.clone()), verb);
            self.push_char(':');
            self.inner_value(value, verb);
        }
        self.push(close);
    }

    fn fields(&mut self, fields: &Struct, verb: char) {
        if self.flags.sharp_v {
            self.push(fields.ty.name);
        }
        self.push_char('{');
        let named = fields.ty.fields.iter().zip(fields.values.iter()).take(fields.ty.printed);
        for (at, (name, value)) in named.enumerate() {
            self.separator(at);
            if self.flags.plus_v || self.flags.sharp_v {
                self.push(name);
                self.push_char(':');
            }
            self.inner_value(value, verb);
        }
        self.push_char('}');
    }

    /// A time under a verb that is not for texts: Go prints its three hidden fields.
    fn raw_time(&mut self, time: &Time, verb: char) {
        let (nanos, secs, located) = time.raw_fields();
        self.push_char('{');
        for (at, (number, unsigned, name)) in
            [(nanos, true, "uint64"), (secs, false, "int64")].into_iter().enumerate()
        {
            self.separator(at);
            let fits = self.integer(number, unsigned, verb);
            let fits = fits || self.erroring && self.integer(number, unsigned, 'v');
            if !fits {
                self.push(&format!("%!{verb}({name}="));
                self.integer(number, unsigned, 'v');
                self.push_char(')');
            }
        }
        self.separator(1);
        match verb {
            'v' if !located => self.pad("<nil>"),
            'b' | 'o' | 'd' | 'x' | 'X' => {
                self.integer(i64::from(located), true, verb);
            }
            _ => {
                self.push(&format!("%!{verb}(*time.Location="));
                self.pad("<nil>");
                self.push_char(')');
            }
        }
        self.push_char('}');
    }
}
