//! Native e-mail over SMTP, as Alertmanager's `email_configs`.
//!
//! Settings and texts are here; `message` writes the mail, `session` hands it over, `smtp` speaks the protocol and
//! `login` says who is sending.

use std::path::PathBuf;
use std::time::Duration;

use bellwether_model::BoxFuture;
use bellwether_model::receiver::{DeliveryFailure, Receipt, Receiver, ReceiverCall, ReceiverTemplate};
use bellwether_sandbox::TemplateText;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::http_client::{Secret, TlsConfig, TlsSettings};

mod login;
mod message;
mod session;
mod smtp;
#[cfg(test)]
mod tests;

/// The longest that one mail may take.
const SEND_TIMEOUT: Duration = Duration::from_secs(30);
/// The port on which mail servers expect TLS from the first byte.
const IMPLICIT_TLS_PORT: u16 = 465;
/// Begins the names of the texts that are headers.
const HEADER: &str = "header ";

/// Settings of one entry of `email_configs`, with the `smtp_*` globals filled in. Recipients, sender, headers and texts
/// are templates, and come rendered with each call.
#[derive(Clone, Deserialize)]
struct EmailSettings {
    /// `host:port` of the mail server.
    smarthost: String,
    #[serde(default)]
    hello: String,
    #[serde(default)]
    auth_username: String,
    auth_password: Option<String>,
    auth_password_file: Option<PathBuf>,
    auth_secret: Option<String>,
    auth_secret_file: Option<PathBuf>,
    #[serde(default)]
    auth_identity: String,
    /// Whether a connection without TLS is refused. Where it is not, TLS is not asked for.
    #[serde(default = "yes")]
    require_tls: bool,
    /// TLS from the first byte; where nothing is said, the port decides.
    force_implicit_tls: Option<bool>,
    #[serde(default)]
    tls_config: TlsConfig,
    #[serde(default)]
    threading: Threading,
}

const fn yes() -> bool {
    true
}

/// Whether mails about one group make one thread.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Threading {
    enabled: bool,
    /// `none` or `daily`
    thread_by_date: String,
}

/// Settings that can be used.
struct Mailing {
    host: String,
    port: u16,
    hello: String,
    security: Security,
    tls: TlsSettings,
    login: login::Login,
    threading: Threading,
}

/// When TLS begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Security {
    None,
    StartTls,
    Implicit,
}

impl TryFrom<EmailSettings> for Mailing {
    type Error = String;

    fn try_from(settings: EmailSettings) -> Result<Self, String> {
        let (host, port) = host_and_port(&settings.smarthost)?;
        let implicit = settings.force_implicit_tls.unwrap_or(port == IMPLICIT_TLS_PORT);
        let hello = if settings.hello.is_empty() { "localhost".to_owned() } else { settings.hello };
        if hello.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err(format!("hello {hello:?} is no name of a host"));
        }
        Ok(Self {
            security: match (implicit, settings.require_tls) {
                (true, _) => Security::Implicit,
                (false, true) => Security::StartTls,
                (false, false) => Security::None,
            },
            tls: settings.tls_config.try_into()?,
            login: login::Login {
                username: settings.auth_username,
                identity: settings.auth_identity,
                password: Secret::of(settings.auth_password, settings.auth_password_file),
                secret: Secret::of(settings.auth_secret, settings.auth_secret_file),
            },
            threading: settings.threading,
            host,
            port,
            hello,
        })
    }
}

/// Sends notifications as mail.
#[derive(Debug)]
pub struct Email {
    templates: [ReceiverTemplate; 3],
}

impl Default for Email {
    fn default() -> Self {
        let template = |name: &str, default: &str| ReceiverTemplate {
            name: name.to_owned(),
            default: default.to_owned(),
        };
        Self {
            templates: [
                template("subject", r#"{{ template "email.default.subject" . }}"#),
                template("html", r#"{{ template "email.default.html" . }}"#),
                template("text", ""),
            ],
        }
    }
}

impl Email {
    /// All texts of one entry of `email_configs`: besides the body's, the addresses and each header.
    pub fn texts(&self, settings: &Map<String, Value>) -> Vec<TemplateText> {
        let text = |name: String, source: &Value| TemplateText { name, source: source.clone() };
        let headers = settings.get("headers").and_then(Value::as_object).into_iter().flatten();
        let (subjects, others): (Vec<_>, Vec<_>) =
            headers.partition(|(name, _)| name.eq_ignore_ascii_case("subject"));
        let body = self.templates.iter().map(|template| {
            let configured = match template.name.as_str() {
                "subject" => subjects.first().map(|(_, value)| *value),
                name => settings.get(name),
            };
            let default = || Value::from(template.default.as_str());
            TemplateText { name: template.name.clone(), source: configured.cloned().unwrap_or_else(default) }
        });
        let addresses = ["to", "from"].into_iter();
        let addresses = addresses.filter_map(|name| Some(text(name.to_owned(), settings.get(name)?)));
        let others = others.into_iter().map(|(name, value)| text(format!("{HEADER}{name}"), value));
        body.chain(addresses).chain(others).collect()
    }
}

impl Receiver for Email {
    fn name(&self) -> &str {
        "email"
    }

    fn templates(&self) -> &[ReceiverTemplate] {
        &self.templates
    }

    fn check<'a>(&'a self, config: &'a str) -> BoxFuture<'a, Result<(), Vec<String>>> {
        Box::pin(std::future::ready(check(config).map_err(|problem| vec![problem])))
    }

    fn notify(&self, call: ReceiverCall) -> BoxFuture<'_, Result<Receipt, DeliveryFailure>> {
        Box::pin(send(call))
    }
}

/// Addresses with templates in them are looked at when they are rendered.
fn check(config: &str) -> Result<(), String> {
    parse(config)?;
    let written: Value = serde_json::from_str(config).unwrap_or_default();
    for name in ["to", "from"] {
        let addresses = written.get(name).and_then(Value::as_str).filter(|text| !text.contains("{{"));
        addresses.map_or(Ok(()), |text| message::addresses(name, text).map(drop))?;
    }
    let headers = written.get("headers").and_then(Value::as_object);
    headers.into_iter().flat_map(Map::keys).try_for_each(|name| message::header_name(name).map(drop))
}

fn parse(config: &str) -> Result<Mailing, String> {
    let settings: EmailSettings =
        serde_json::from_str(config).map_err(|error| format!("cannot read the settings: {error}"))?;
    settings.try_into()
}

async fn send(call: ReceiverCall) -> Result<Receipt, DeliveryFailure> {
    let mailing = parse(&call.config).map_err(DeliveryFailure::Misconfigured)?;
    let mail = message::compose(&mailing, &call).map_err(DeliveryFailure::Misconfigured)?;
    let sent = tokio::time::timeout(SEND_TIMEOUT, session::send(&mailing, &mail)).await;
    let server = format!("{}:{}", mailing.host, mailing.port);
    match sent {
        Ok(Ok(())) => Ok(Receipt { id: mail.id, url: None }),
        Ok(Err(error)) => Err(error.into_failure(&server)),
        Err(_) => {
            Err(DeliveryFailure::Retryable(format!("{server} did not take the mail in {SEND_TIMEOUT:?}")))
        }
    }
}

fn host_and_port(smarthost: &str) -> Result<(String, u16), String> {
    let refuse = || format!("smarthost {smarthost:?} is not of the form host:port");
    let (host, port) = smarthost.rsplit_once(':').ok_or_else(refuse)?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let port = port.parse().map_err(|_| refuse())?;
    if host.is_empty() { Err(refuse()) } else { Ok((host.to_owned(), port)) }
}
