//! The functions that Prometheus 3.15 gives to the templates of rules.

use std::sync::Arc;

use bellwether_model::duration;

use super::{Env, Function, Param, bounded, function, humanize, regexp, shallow, text, text_arg, variadic};
use crate::value::{ANY_MAP, Element, List, Map, Markup, STRING_MAP, Type, Value};

/// What a query costs of a render's steps: a template can ask for 200 at most.
const QUERY_STEPS: u64 = 500;
/// The label that holds a text in place of a value.
const STRING_VALUE_LABEL: &str = "__value__";

/// `template.queryResult`.
pub(crate) static VECTOR: Type = Type::plain("template.queryResult", Element::Struct);
/// `template.sample`.
static SAMPLE: Type = Type {
    fields: &["Labels", "Value"],
    json_names: &["Labels", "Value"],
    printed: 2,
    ..Type::plain("template.sample", Element::Struct)
};

/// All of them.
pub(crate) static FUNCTIONS: [Function; 29] = [
    function("query", &[Param::String], |env, args| query(env, text_arg(args, 0))),
    function("first", &[Param::Vector], |_, args| {
        let Value::List(vector) = &args[0] else {
            return Err(no_elements());
        };
        vector.items.first().cloned().ok_or_else(no_elements)
    }),
    function("label", &[Param::String, Param::Sample], |_, args| Ok(label(&args[1], text_arg(args, 0)))),
    function("value", &[Param::Sample], |_, args| {
        Ok(sample_field(&args[0], "Value").cloned().unwrap_or(Value::Float(0.0)))
    }),
    function("strvalue", &[Param::Sample], |_, args| Ok(label(&args[0], STRING_VALUE_LABEL))),
    variadic("args", &[], Param::Any, |_, args| {
        let named = args.iter().enumerate().map(|(at, arg)| (format!("arg{at}").into(), arg.clone()));
        shallow(Value::Map(Map::new(&ANY_MAP, named.collect())))
    }),
    function("reReplaceAll", &[Param::String; 3], |env, args| {
        regexp::replace_all(env, text_arg(args, 0), text_arg(args, 1), text_arg(args, 2))
    }),
    function("match", &[Param::String; 2], |env, args| {
        regexp::is_match(env, text_arg(args, 0), text_arg(args, 1))
    }),
    function("safeHtml", &[Param::String], |_, args| Ok(Value::Safe(text_arg(args, 0).into(), Markup::Html))),
    function("title", &[Param::String], |_, args| bounded(text::title(text_arg(args, 0), text::Rest::Kept))),
    function("toUpper", &[Param::String], |_, args| bounded(text_arg(args, 0).to_uppercase())),
    function("toLower", &[Param::String], |_, args| bounded(text_arg(args, 0).to_lowercase())),
    function("graphLink", &[Param::String], |_, args| bounded(expression_link(text_arg(args, 0), 0))),
    function("tableLink", &[Param::String], |_, args| bounded(expression_link(text_arg(args, 0), 1))),
    function("sortByLabel", &[Param::String, Param::Vector], |_, args| {
        Ok(sort_by_label(&args[1], text_arg(args, 0)))
    }),
    function("stripPort", &[Param::String], |_, args| Ok(Value::text(strip_port(text_arg(args, 0))))),
    function("stripDomain", &[Param::String], |_, args| Ok(Value::text(strip_domain(text_arg(args, 0))))),
    function("humanize", &[Param::Any], |_, args| on_float(args, humanize::humanize)),
    function("humanize1024", &[Param::Any], |_, args| on_float(args, humanize::humanize_1024)),
    function("humanizeDuration", &[Param::Any], |_, args| on_float(args, humanize::humanize_duration)),
    function("humanizePercentage", &[Param::Any], |_, args| on_float(args, humanize::humanize_percentage)),
    function("humanizeTimestamp", &[Param::Any], |_, args| {
        humanize::humanize_timestamp(humanize::to_float(&args[0])?).map(Value::text)
    }),
    function("toTime", &[Param::Any], |_, args| {
        let time = humanize::time_of(humanize::to_float(&args[0])?)?;
        Ok(Value::Pointer(Arc::new(Value::Time(time))))
    }),
    function("toDuration", &[Param::Any], |_, args| {
        let nanos = humanize::whole_part(humanize::to_float(&args[0])? * 1e9);
        Ok(Value::Pointer(Arc::new(Value::duration(nanos))))
    }),
    function("now", &[], |env, _| Ok(Value::Float(env.now.as_secs_f64()))),
    function("pathPrefix", &[], |env, _| Ok(Value::text(url_path(env.external_url)))),
    function("externalURL", &[], |env, _| Ok(Value::text(env.external_url))),
    function("parseDuration", &[Param::String], |_, args| {
        let text = text_arg(args, 0);
        // As Prometheus 3: a sign is allowed here, though not in rule files.
        let (sign, magnitude) = text.strip_prefix('-').map_or((1.0, text), |magnitude| (-1.0, magnitude));
        let parsed = duration::parse_prometheus(magnitude).map_err(|error| error.to_string())?;
        Ok(Value::Float(sign * parsed.as_secs_f64()))
    }),
    function("urlQueryEscape", &[Param::String], |_, args| bounded(text::escape_query(text_arg(args, 0)))),
];

fn no_elements() -> String {
    "first() called on vector with no elements".to_owned()
}

fn on_float(args: &[Value], show: fn(f64) -> String) -> Result<Value, String> {
    humanize::to_float(&args[0]).map(|value| Value::text(show(value)))
}

fn query(env: &mut Env<'_>, text: &str) -> Result<Value, String> {
    env.spend(QUERY_STEPS)?;
    let ask = env.query.ok_or("queries are not available here")?;
    let vector = ask(text, env.now)?;
    let samples: Vec<Value> = vector
        .iter()
        .map(|(labels, value)| {
            let labels = Value::Map(Map::of_labels(&STRING_MAP, labels));
            Value::Pointer(Arc::new(Value::new_struct(&SAMPLE, vec![labels, Value::Float(*value)])))
        })
        .collect();
    env.spend(samples.len() as u64)?;
    Ok(Value::list(&VECTOR, samples))
}

fn sample_field<'v>(sample: &'v Value, name: &str) -> Option<&'v Value> {
    match sample.indirect() {
        Value::Struct(sample) => sample.field(name),
        _ => None,
    }
}

fn label(sample: &Value, name: &str) -> Value {
    match sample_field(sample, "Labels") {
        Some(Value::Map(labels)) => labels.get_or_zero(name),
        _ => Value::text(""),
    }
}

fn sort_by_label(vector: &Value, name: &str) -> Value {
    let Value::List(vector) = vector else {
        return vector.clone();
    };
    let mut items = vector.items.to_vec();
    items.sort_by_cached_key(|sample| label(sample, name).as_str().unwrap_or("").to_owned());
    Value::List(List::new(vector.ty, items))
}

/// The link to an expression's graph (tab 0) or table (tab 1).
fn expression_link(expression: &str, tab: u8) -> String {
    format!("/graph?g0.expr={}&g0.tab={tab}", text::escape_query(expression))
}

/// Splits `host:port`; none where Go's `net.SplitHostPort` fails.
fn split_port(address: &str) -> Option<(&str, &str)> {
    let (host, port) = address.rsplit_once(':')?;
    match host.strip_prefix('[') {
        Some(inner) => {
            inner.strip_suffix(']').filter(|host| !host.contains(['[', ']'])).map(|host| (host, port))
        }
        None => (!host.contains([':', '[', ']']) && !port.contains(['[', ']'])).then_some((host, port)),
    }
}

fn strip_port(address: &str) -> &str {
    split_port(address).map_or(address, |(host, _)| host)
}

/// Leaves the first part of a host name; addresses stay as they are, a port stays.
fn strip_domain(address: &str) -> String {
    let (host, port) = split_port(address).map_or((address, None), |(host, port)| (host, Some(port)));
    if host.parse::<std::net::IpAddr>().is_ok() {
        return address.to_owned();
    }
    let first = host.split('.').next().unwrap_or(host);
    match port {
        Some(port) => format!("{first}:{port}"),
        None => first.to_owned(),
    }
}

/// The path of a URL.
fn url_path(url: &str) -> &str {
    let after_scheme = url.split_once("://").map_or(url, |(_, rest)| rest);
    let path = after_scheme.find('/').map_or("", |at| &after_scheme[at..]);
    path.split(['?', '#']).next().unwrap_or("")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strips_ports_and_domains() {
        assert_eq!(strip_port("host.example.com:9100"), "host.example.com");
        assert_eq!(strip_port("[::1]:80"), "::1");
        assert_eq!(strip_port("::1"), "::1");
        assert_eq!(strip_domain("host.example.com:9100"), "host:9100");
        assert_eq!(strip_domain("10.0.0.1:80"), "10.0.0.1:80");
        assert_eq!(strip_domain("host.example.com"), "host");
    }

    #[test]
    fn links_and_prefixes() {
        assert_eq!(expression_link("up == 1", 0), "/graph?g0.expr=up+%3D%3D+1&g0.tab=0");
        assert_eq!(url_path("http://x/prefix"), "/prefix");
        assert_eq!(url_path("http://x:9090"), "");
    }
}
