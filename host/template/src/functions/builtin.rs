//! The functions that `text/template` itself has.

use super::{Call, Env, Function, Param, bounded, compare, function, text, text_arg, variadic};
use crate::format;
use crate::value::{IntType, List, Value, text_of_bytes};

/// All of them.
pub(crate) static FUNCTIONS: [Function; 19] = [
    Function { name: "and", params: &[Param::Any], variadic: Some(Param::Any), call: Call::And },
    Function { name: "or", params: &[Param::Any], variadic: Some(Param::Any), call: Call::Or },
    function("not", &[Param::Any], |_, args| Ok(Value::Bool(!args[0].is_truthy()))),
    function("len", &[Param::Any], |_, args| length(&args[0])),
    variadic("index", &[Param::Any], Param::Any, |_, args| index(&args[0], &args[1..])),
    variadic("slice", &[Param::Any], Param::Any, |_, args| slice(&args[0], &args[1..])),
    variadic("print", &[], Param::Any, |env, args| {
        charge(env, args)?;
        bounded(format::sprint(args)?)
    }),
    variadic("println", &[], Param::Any, |env, args| {
        charge(env, args)?;
        bounded(format::sprintln(args)?)
    }),
    variadic("printf", &[Param::String], Param::Any, |env, args| {
        charge(env, args)?;
        bounded(format::sprintf(text_arg(args, 0), &args[1..])?)
    }),
    variadic("html", &[], Param::Any, |_, args| bounded(text::escape_html(&text::all_text(args)?))),
    variadic("js", &[], Param::Any, |_, args| bounded(text::escape_js(&text::all_text(args)?))),
    variadic("urlquery", &[], Param::Any, |_, args| bounded(text::escape_query(&text::all_text(args)?))),
    variadic("call", &[Param::Any], Param::Any, |_, args| {
        Err(format!("non-function {} of type {}", format::print(&args[0])?, args[0].type_name()))
    }),
    variadic("eq", &[Param::Any], Param::Any, |_, args| {
        compare::equal_to_any(&args[0], &args[1..]).map(Value::Bool)
    }),
    function("ne", &[Param::Any, Param::Any], |_, args| {
        compare::equal(&args[0], &args[1]).map(|equal| Value::Bool(!equal))
    }),
    function("lt", &[Param::Any, Param::Any], |_, args| compare::less(&args[0], &args[1]).map(Value::Bool)),
    function("le", &[Param::Any, Param::Any], |_, args| {
        Ok(Value::Bool(compare::less(&args[0], &args[1])? || compare::equal(&args[0], &args[1])?))
    }),
    function("gt", &[Param::Any, Param::Any], |_, args| {
        let at_most = compare::less(&args[0], &args[1])? || compare::equal(&args[0], &args[1])?;
        Ok(Value::Bool(!at_most))
    }),
    function("ge", &[Param::Any, Param::Any], |_, args| {
        compare::less(&args[0], &args[1]).map(|less| Value::Bool(!less))
    }),
];

/// Printing costs in proportion to what is printed.
fn charge(env: &mut Env<'_>, args: &[Value]) -> Result<(), String> {
    let bytes: usize = args.iter().filter_map(Value::as_str).map(str::len).sum();
    env.spend(bytes as u64 / 256)
}

fn length(value: &Value) -> Result<Value, String> {
    let length = match value.indirect() {
        Value::Nil => return Err("reflect: call of reflect.Value.Type on zero Value".to_owned()),
        Value::String(text) | Value::Safe(text, _) => text.len(),
        Value::List(list) => list.items.len(),
        Value::Map(map) => map.entries.len(),
        other => return Err(format!("len of type {}", other.type_name())),
    };
    Ok(Value::int(i64::try_from(length).unwrap_or(i64::MAX)))
}

/// An index into something of `length`, where `length` itself may be allowed.
fn position(index: &Value, most: usize) -> Result<usize, String> {
    match index {
        Value::Int(at, _) => usize::try_from(*at)
            .ok()
            .filter(|&at| at <= most)
            .ok_or_else(|| format!("index out of range: {at}")),
        Value::Nil => Err("cannot index slice/array with nil".to_owned()),
        other => Err(format!("cannot index slice/array with type {}", other.type_name())),
    }
}

fn index(item: &Value, indexes: &[Value]) -> Result<Value, String> {
    if matches!(item, Value::Nil) {
        return Err("index of untyped nil".to_owned());
    }
    indexes.iter().try_fold(item.clone(), |item, index| index_once(&item, index))
}

fn index_once(item: &Value, index: &Value) -> Result<Value, String> {
    match item.indirect() {
        Value::Nil => Err("index of nil pointer".to_owned()),
        Value::List(list) => {
            let at = position(index, list.items.len())?;
            list.items.get(at).cloned().ok_or_else(|| "reflect: slice index out of range".to_owned())
        }
        Value::String(text) | Value::Safe(text, _) => {
            let at = position(index, text.len())?;
            let byte = text.as_bytes().get(at).ok_or("reflect: string index out of range")?;
            Ok(Value::Int(i64::from(*byte), IntType::Byte))
        }
        Value::Map(map) => match index {
            Value::String(key) => Ok(map.get_or_zero(key)),
            Value::Nil => Err("value is nil; should be of type string".to_owned()),
            other => Err(format!("value has type {}; should be string", other.type_name())),
        },
        other => Err(format!("can't index item of type {}", other.type_name())),
    }
}

fn slice(item: &Value, indexes: &[Value]) -> Result<Value, String> {
    let item = item.indirect();
    let length = match item {
        Value::Nil => return Err("slice of untyped nil".to_owned()),
        _ if indexes.len() > 3 => return Err(format!("too many slice indexes: {}", indexes.len())),
        Value::String(_) | Value::Safe(..) if indexes.len() == 3 => {
            return Err("cannot 3-index slice a string".to_owned());
        }
        Value::String(text) | Value::Safe(text, _) => text.len(),
        Value::List(list) => list.items.len(),
        other => return Err(format!("can't slice item of type {}", other.type_name())),
    };
    let mut bounds = [0, length, length];
    for (bound, index) in bounds.iter_mut().zip(indexes) {
        *bound = position(index, length)?;
    }
    let [from, to, most] = bounds;
    if from > to {
        return Err(format!("invalid slice index: {from} > {to}"));
    }
    if to > most {
        return Err(format!("invalid slice index: {to} > {most}"));
    }
    Ok(match item {
        Value::List(list) => Value::List(List::new(list.ty, &list.items[from..to])),
        Value::Safe(text, markup) => Value::Safe(text_of_bytes(&text.as_bytes()[from..to]).into(), *markup),
        other => Value::text(text_of_bytes(&other.as_str().unwrap_or("").as_bytes()[from..to])),
    })
}
