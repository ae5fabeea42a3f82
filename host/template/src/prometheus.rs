//! Templates of Prometheus' rules: labels and annotations of alerts.

use std::sync::Arc;

use bellwether_model::{Labels, Timestamp};

use crate::ast::TemplateSet;
use crate::error::{Stage, TemplateError};
use crate::eval::{self, Sink};
use crate::functions::{Dialect, Env, QueryFn};
use crate::parser;
use crate::value::{Element, Map, STRING_MAP, Type, Value};

/// Declared before each text, so that `$labels` and its like work.
const PREFIX: &str = "{{$labels := .Labels}}{{$externalLabels := .ExternalLabels}}\
    {{$externalURL := .ExternalURL}}{{$value := .Value}}";

/// The struct that Prometheus passes to its templates has no name.
static DATA: Type = Type {
    fields: &["Labels", "ExternalLabels", "ExternalURL", "Value"],
    json_names: &["Labels", "ExternalLabels", "ExternalURL", "Value"],
    printed: 4,
    ..Type::plain(
        "struct { Labels map[string]string; ExternalLabels map[string]string; ExternalURL string; Value interface {} }",
        Element::Any,
    )
};

/// What an alert's templates may use.
#[derive(Debug, Clone, Copy)]
pub struct AlertData<'a> {
    /// `$labels`: of the series that made the alert.
    pub labels: &'a Labels,
    /// `$externalLabels`: of this server.
    pub external_labels: &'a Labels,
    /// `$externalURL`: where this server can be reached.
    pub external_url: &'a str,
    /// `$value`: of the expression.
    pub value: f64,
}

/// A text parsed once, to be expanded for each alert.
#[derive(Debug, Clone)]
pub struct Compiled {
    name: String,
    body: Body,
}

#[derive(Debug, Clone)]
enum Body {
    /// A text without actions.
    Plain(Arc<str>),
    Template(Arc<TemplateSet>),
}

impl Compiled {
    /// Parses a text; Prometheus names it `__alert_` and the alert's name.
    pub fn new(name: &str, text: &str) -> Result<Self, TemplateError> {
        let body = if text.contains("{{") {
            let set = parser::parse(name, &format!("{PREFIX}{text}"), Dialect::Prometheus)
                .map_err(|cause| wrapped(Stage::Parsing, name, cause))?;
            Body::Template(Arc::new(set))
        } else {
            Body::Plain(text.into())
        };
        Ok(Self { name: name.to_owned(), body })
    }

    /// Whether it is the same text whatever the data.
    pub fn is_plain(&self) -> bool {
        matches!(self.body, Body::Plain(_))
    }

    /// Fills in the data. `query` answers the `query` function, at `now`.
    pub fn expand(
        &self,
        data: &AlertData<'_>,
        now: Timestamp,
        query: QueryFn<'_>,
    ) -> Result<String, TemplateError> {
        let set = match &self.body {
            Body::Plain(text) => return Ok(text.to_string()),
            Body::Template(set) => set,
        };
        let mut env = Env::new(now, data.external_url);
        env.query = Some(query);
        eval::execute(set, &self.name, data_value(data), env, Sink::Text(String::new()))
            .map_err(|cause| wrapped(Stage::Executing, &self.name, cause))
    }
}

fn wrapped(stage: Stage, name: &str, cause: TemplateError) -> TemplateError {
    TemplateError::Expand { stage, name: name.to_owned(), cause: Box::new(cause) }
}

fn data_value(data: &AlertData<'_>) -> Value {
    let labels = |labels| Value::Map(Map::of_labels(&STRING_MAP, labels));
    let values = vec![
        labels(data.labels),
        labels(data.external_labels),
        Value::text(data.external_url),
        Value::Float(data.value),
    ];
    Value::new_struct(&DATA, values)
}

/// Whether Prometheus would load a rule with this text: it parses, and all its functions and variables exist. As
/// `promtool check rules`, this does not execute it; see [`dry_run`].
pub fn check(name: &str, text: &str) -> Result<(), TemplateError> {
    Compiled::new(name, text).map(|_| ())
}

/// Executes a text on a made-up alert whose queries all answer with one sample. An error is worth a warning: it may be
/// due to the data, but fields that do not exist and arguments of the wrong type are found here.
pub fn dry_run(name: &str, text: &str) -> Result<(), TemplateError> {
    let labels =
        Labels::from_pairs([("alertname", "Example"), ("instance", "example:9090"), ("job", "example")]);
    let external_labels = Labels::empty();
    let data = AlertData {
        labels: &labels,
        external_labels: &external_labels,
        external_url: "http://localhost:9090",
        value: 1.0,
    };
    let query = |_: &str, _: Timestamp| Ok(vec![(labels.clone(), 1.0)]);
    Compiled::new(name, text)?.expand(&data, Timestamp::UNIX_EPOCH, &query).map(|_| ())
}

/// Parses and expands a text in one go; see [`Compiled`] for texts that are used again.
pub fn expand(
    name: &str,
    text: &str,
    data: &AlertData<'_>,
    now: Timestamp,
    query: QueryFn<'_>,
) -> Result<String, TemplateError> {
    Compiled::new(name, text)?.expand(data, now, query)
}

#[cfg(test)]
mod tests;
