//! Templates of Alertmanager's notifications: subjects, bodies, titles, links.

mod data;
mod webhook;

use bellwether_model::alert::AlertStatus;
use bellwether_model::receiver::{FingerprintText, Notification, NotificationReason, NotifiedAlert};
use bellwether_model::{Labels, Timestamp};

use crate::ast::TemplateSet;
use crate::error::TemplateError;
use crate::eval::{self, Sink};
use crate::functions::{Dialect, Env};
use crate::html::{self, HtmlWriter};
use crate::parser;
use crate::value::Value;

pub use webhook::{WebhookAlert, WebhookData};

/// Our own templates under the names that Alertmanager's users know.
const DEFAULTS: [(&str, &str); 2] =
    [("default.tmpl", include_str!("default.tmpl")), ("email.tmpl", include_str!("email.tmpl"))];

/// The name of a text that is rendered; Alertmanager leaves it empty.
const TEXT_NAME: &str = "";

/// What a text becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// The text as it is.
    Text,
    /// HTML, with values escaped.
    Html,
}

/// What a text is rendered for.
struct Context<'a> {
    data: Value,
    route_labels: &'a Labels,
    now: Timestamp,
}

/// Whether a text can be read as a template: its syntax, and that its functions are known. What it calls by name and what
/// it asks of the data is not looked at.
pub fn check_syntax(text: &str) -> Result<(), TemplateError> {
    parser::parse("", text, Dialect::Alertmanager).map(drop)
}

/// Templates that notifications can call by name: ours, and those of the operator's files.
#[derive(Debug, Clone)]
pub struct Templates {
    set: TemplateSet,
}

impl Templates {
    /// Our templates and then those of `extra_files` (name and text), which may replace ours.
    pub fn new(extra_files: &[(&str, &str)]) -> Result<Self, TemplateError> {
        let mut templates = Self::without_defaults();
        for (name, text) in DEFAULTS.iter().chain(extra_files) {
            templates.set.merge(parser::parse(name, text, Dialect::Alertmanager)?);
        }
        Ok(templates)
    }

    /// No templates to call at all.
    pub fn without_defaults() -> Self {
        Self { set: TemplateSet::default() }
    }

    /// Renders a text for a notification.
    pub fn render(
        &self,
        text: &str,
        notification: &Notification,
        now: Timestamp,
    ) -> Result<String, TemplateError> {
        if !text.contains("{{") {
            return Ok(text.to_owned());
        }
        let context = Context { data: data::of(notification), route_labels: &notification.route_labels, now };
        self.run(text, context, Format::Text)
    }

    /// Renders a text as HTML: what comes from alerts is escaped for the place where it stands.
    pub fn render_html(
        &self,
        text: &str,
        notification: &Notification,
        now: Timestamp,
    ) -> Result<String, TemplateError> {
        let context = Context { data: data::of(notification), route_labels: &notification.route_labels, now };
        self.run(text, context, Format::Html)
    }

    /// Renders a text for the body of a webhook, as `amtool template render` does.
    pub fn render_webhook(
        &self,
        text: &str,
        webhook: &WebhookData,
        format: Format,
        now: Timestamp,
    ) -> Result<String, TemplateError> {
        let route_labels =
            Labels::from_pairs(webhook.route_labels.iter().map(|(n, v)| (n.as_str(), v.as_str())));
        self.run(text, Context { data: data::of_webhook(webhook), route_labels: &route_labels, now }, format)
    }

    /// Parses a text and renders it for made-up notifications, one firing and one resolved, to find mistakes when it is
    /// loaded.
    pub fn check(&self, text: &str) -> Result<(), TemplateError> {
        [AlertStatus::Firing, AlertStatus::Resolved].into_iter().try_for_each(|status| {
            let notification = example(status);
            self.render(text, &notification, notification.at).map(|_| ())
        })
    }

    /// As [`Templates::check`], for a text that is rendered as HTML.
    pub fn check_html(&self, text: &str) -> Result<(), TemplateError> {
        [AlertStatus::Firing, AlertStatus::Resolved].into_iter().try_for_each(|status| {
            let notification = example(status);
            self.render_html(text, &notification, notification.at).map(|_| ())
        })
    }

    /// The names of all templates, sorted.
    pub fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.set.templates.keys().map(AsRef::as_ref).collect();
        names.sort_unstable();
        names
    }

    fn run(&self, text: &str, context: Context<'_>, format: Format) -> Result<String, TemplateError> {
        let set = self.with_text(text)?;
        let sink = match format {
            Format::Text => Sink::Text(String::new()),
            Format::Html => {
                html::check(&set, TEXT_NAME)?;
                Sink::Html(HtmlWriter::new())
            }
        };
        let mut env = Env::new(context.now, "");
        env.route_labels = Some(context.route_labels);
        eval::execute(&set, TEXT_NAME, context.data, env, sink)
    }

    fn with_text(&self, text: &str) -> Result<TemplateSet, TemplateError> {
        let mut set = self.set.clone();
        set.merge(parser::parse(TEXT_NAME, text, Dialect::Alertmanager)?);
        Ok(set)
    }
}

/// A made-up notification with two alerts.
fn example(status: AlertStatus) -> Notification {
    let at = Timestamp::from_millis(1_767_225_600_000);
    let alert = |instance: &str| {
        let labels = Labels::from_pairs([
            ("alertname", "Example"),
            ("instance", instance),
            ("job", "example"),
            ("severity", "warning"),
        ]);
        NotifiedAlert {
            fingerprint: FingerprintText(labels.fingerprint()),
            status,
            labels,
            annotations: example_annotations(),
            starts_at: at.offset_millis(-60_000),
            ends_at: (status == AlertStatus::Resolved).then_some(at),
            value: Some(1.0),
            generator_url: "http://localhost:9090/graph".to_owned(),
        }
    };
    let reason = match status {
        AlertStatus::Firing => NotificationReason::First,
        AlertStatus::Resolved => NotificationReason::AllResolved,
    };
    Notification {
        receiver: "example".to_owned(),
        group_key: "{}:{alertname=\"Example\"}".to_owned(),
        status,
        reason,
        at,
        group_labels: Labels::from_pairs([("alertname", "Example")]),
        common_labels: Labels::from_pairs([
            ("alertname", "Example"),
            ("job", "example"),
            ("severity", "warning"),
        ]),
        common_annotations: example_annotations(),
        route_labels: Labels::empty(),
        alerts: vec![alert("a:9100"), alert("b:9100")],
        truncated_alerts: 0,
        external_url: "http://localhost:9093".to_owned(),
    }
}

fn example_annotations() -> Labels {
    Labels::from_pairs([
        ("summary", "Example is firing"),
        ("description", "An example of an alert"),
        ("runbook_url", "http://localhost/runbook"),
    ])
}

#[cfg(test)]
mod tests;
