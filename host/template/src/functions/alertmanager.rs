//! The functions that Alertmanager 0.34 gives to the templates of notifications.

use std::sync::Arc;

use super::time::time_arg;
use super::{
    Env, Function, Param, bounded, encoding, function, humanize, regexp, shallow, text, text_arg, variadic,
};
use crate::time::Time;
use crate::time_format;
use crate::value::{ANY_LIST, ANY_MAP, List, Map, Markup, STRING_LIST, Value};

/// All of them.
pub(crate) static FUNCTIONS: [Function; 25] = [
    function("toUpper", &[Param::String], |_, args| bounded(text_arg(args, 0).to_uppercase())),
    function("toLower", &[Param::String], |_, args| bounded(text_arg(args, 0).to_lowercase())),
    function("title", &[Param::String], |_, args| {
        bounded(text::title(text_arg(args, 0), text::Rest::Lowered))
    }),
    function("trimSpace", &[Param::String], |_, args| Ok(Value::text(text_arg(args, 0).trim()))),
    function("join", &[Param::String, Param::Strings], |_, args| match &args[1] {
        Value::List(list) => text::join(text_arg(args, 0), &list.items),
        _ => Ok(Value::text("")),
    }),
    function("match", &[Param::String; 2], |env, args| {
        regexp::is_match(env, text_arg(args, 0), text_arg(args, 1))
    }),
    function("safeHtml", &[Param::String], |_, args| Ok(Value::Safe(text_arg(args, 0).into(), Markup::Html))),
    function("safeUrl", &[Param::String], |_, args| Ok(Value::Safe(text_arg(args, 0).into(), Markup::Url))),
    function("urlUnescape", &[Param::String], |_, args| {
        text::unescape_query(text_arg(args, 0)).map(Value::text)
    }),
    function("reReplaceAll", &[Param::String; 3], |env, args| {
        regexp::replace_all(env, text_arg(args, 0), text_arg(args, 1), text_arg(args, 2))
    }),
    variadic("stringSlice", &[], Param::String, |_, args| Ok(Value::list(&STRING_LIST, args))),
    function("routeLabels", &[Param::String], route_label),
    function("date", &[Param::String, Param::Time], |_, args| {
        bounded(time_format::format(&time_arg(args, 1), text_arg(args, 0)))
    }),
    function("tz", &[Param::String, Param::Time], |_, args| {
        time_arg(args, 1).in_zone(text_arg(args, 0)).map(Value::Time)
    }),
    function("now", &[], |env, _| Ok(Value::Time(Time::from_timestamp(env.now)))),
    function("since", &[Param::Time], |env, args| {
        Ok(Value::duration(Time::from_timestamp(env.now).nanos_since(&time_arg(args, 0))))
    }),
    function("humanizeDuration", &[Param::Any], |_, args| {
        Ok(Value::text(humanize::humanize_duration(humanize::to_float(&args[0])?)))
    }),
    function("toDate", &[Param::String; 2], |_, args| {
        let time = time_format::parse(text_arg(args, 0), text_arg(args, 1));
        Ok(Value::Time(time.unwrap_or_else(|_| Time::zero())))
    }),
    function("mustToDate", &[Param::String; 2], |_, args| {
        time_format::parse(text_arg(args, 0), text_arg(args, 1)).map(Value::Time)
    }),
    function("toJson", &[Param::Any], |_, args| bounded(encoding::json(&args[0])?)),
    function("base64encode", &[Param::String], |_, args| bounded(encoding::base64_encode(text_arg(args, 0)))),
    function("base64decode", &[Param::String], |_, args| {
        encoding::base64_decode(text_arg(args, 0)).map(Value::text)
    }),
    variadic("list", &[], Param::Any, |env, args| list(env, args.to_vec())),
    variadic("append", &[Param::List], Param::Any, |env, args| {
        let mut items = match &args[0] {
            Value::List(list) => list.items.to_vec(),
            _ => Vec::new(),
        };
        items.extend_from_slice(&args[1..]);
        list(env, items)
    }),
    variadic("dict", &[], Param::Any, |_, args| dict(args)),
];

/// `routeLabels "team"`: a label of the route, already rendered by whoever made the notification.
fn route_label(env: &mut Env<'_>, args: &[Value]) -> Result<Value, String> {
    Ok(Value::text(env.route_labels.map_or("", |labels| labels.value(text_arg(args, 0)))))
}

/// A list costs a step for each of its items, so that lists in loops stay small.
fn list(env: &mut Env<'_>, items: Vec<Value>) -> Result<Value, String> {
    env.spend(items.len() as u64 / 8)?;
    shallow(Value::List(List::new(&ANY_LIST, items)))
}

fn dict(args: &[Value]) -> Result<Value, String> {
    if !args.len().is_multiple_of(2) {
        return Err("dict requires an even number of arguments".to_owned());
    }
    let entry = |pair: &[Value]| match &pair[0] {
        Value::String(key) => Ok((Arc::clone(key), pair[1].clone())),
        _ => Err("dict keys must be strings".to_owned()),
    };
    let entries = args.chunks_exact(2).map(entry).collect::<Result<Vec<_>, _>>()?;
    shallow(Value::Map(Map::new(&ANY_MAP, entries)))
}
