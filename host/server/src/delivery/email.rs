//! Native e-mail: SMTP through lettre, as Alertmanager's `email_configs`.

use std::time::Duration;

use bellwether_model::BoxFuture;
use bellwether_model::receiver::{DeliveryFailure, Receipt, Receiver, ReceiverCall, ReceiverTemplate};
use lettre::message::{Mailbox, MultiPart, SinglePart, header};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use serde::Deserialize;

/// The longest that one mail may take.
const SEND_TIMEOUT: Duration = Duration::from_secs(30);
/// The port on which mail servers expect TLS from the first byte.
const IMPLICIT_TLS_PORT: u16 = 465;

/// Settings of one entry of `email_configs`, with the `smtp_*` globals filled in.
#[derive(Debug, Clone, Deserialize)]
pub struct EmailSettings {
    /// Recipients, separated by commas.
    pub to: String,
    /// Sender.
    pub from: String,
    /// `host:port` of the mail server.
    pub smarthost: String,
    /// Name given in the greeting.
    #[serde(default)]
    pub hello: Option<String>,
    /// User, if the server wants one.
    #[serde(default)]
    pub auth_username: Option<String>,
    /// Password of that user.
    #[serde(default)]
    pub auth_password: Option<String>,
    /// Whether a connection without TLS is refused.
    #[serde(default = "yes")]
    pub require_tls: bool,
    /// TLS from the first byte, whatever the port.
    #[serde(default)]
    pub force_implicit_tls: Option<bool>,
}

const fn yes() -> bool {
    true
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

impl Receiver for Email {
    fn name(&self) -> &str {
        "email"
    }

    fn templates(&self) -> &[ReceiverTemplate] {
        &self.templates
    }

    fn check<'a>(&'a self, config: &'a str) -> BoxFuture<'a, Result<(), Vec<String>>> {
        Box::pin(async move {
            let settings = parse(config).map_err(|error| vec![error])?;
            let mut problems = Vec::new();
            problems.extend(mailbox(&settings.from).err());
            problems.extend(recipients(&settings.to).err());
            problems.extend(host_and_port(&settings.smarthost).err());
            if problems.is_empty() { Ok(()) } else { Err(problems) }
        })
    }

    fn notify(&self, call: ReceiverCall) -> BoxFuture<'_, Result<Receipt, DeliveryFailure>> {
        Box::pin(send(call))
    }
}

fn parse(config: &str) -> Result<EmailSettings, String> {
    serde_json::from_str(config).map_err(|error| format!("email settings: {error}"))
}

async fn send(call: ReceiverCall) -> Result<Receipt, DeliveryFailure> {
    let settings = parse(&call.config).map_err(DeliveryFailure::Misconfigured)?;
    let message = compose(&settings, &call).map_err(DeliveryFailure::Misconfigured)?;
    let transport = transport(&settings).map_err(DeliveryFailure::Misconfigured)?;
    let sent = tokio::time::timeout(SEND_TIMEOUT, transport.send(message)).await;
    let smarthost = &settings.smarthost;
    match sent {
        Ok(Ok(_)) => Ok(Receipt { id: message_id(&call), url: None }),
        Ok(Err(error)) if error.is_permanent() => {
            Err(DeliveryFailure::Permanent(format!("{smarthost} refuses the mail: {error}")))
        }
        Ok(Err(error)) => {
            Err(DeliveryFailure::Retryable(format!("cannot send mail through {smarthost}: {error}")))
        }
        Err(_) => {
            Err(DeliveryFailure::Retryable(format!("{smarthost} did not take the mail in {SEND_TIMEOUT:?}")))
        }
    }
}

/// The same for each attempt of a delivery, so that mail servers and clients can tell repeats.
fn message_id(call: &ReceiverCall) -> String {
    format!("<{}@bellwether>", call.idempotency_key)
}

fn compose(settings: &EmailSettings, call: &ReceiverCall) -> Result<Message, String> {
    let rendered =
        |name: &str| call.rendered.iter().find(|(have, _)| have == name).map_or("", |(_, text)| text);
    let subject = rendered("subject").split_whitespace().collect::<Vec<_>>().join(" ");
    let mut builder =
        Message::builder().from(mailbox(&settings.from)?).subject(subject).message_id(Some(message_id(call)));
    for to in recipients(&settings.to)? {
        builder = builder.to(to);
    }
    let html =
        || SinglePart::builder().header(header::ContentType::TEXT_HTML).body(rendered("html").to_owned());
    let text = || SinglePart::plain(rendered("text").to_owned());
    let message = match (rendered("text").is_empty(), rendered("html").is_empty()) {
        (true, _) => builder.singlepart(html()),
        (false, true) => builder.singlepart(text()),
        (false, false) => builder.multipart(MultiPart::alternative().singlepart(text()).singlepart(html())),
    };
    message.map_err(|error| format!("cannot write the mail: {error}"))
}

fn transport(settings: &EmailSettings) -> Result<AsyncSmtpTransport<Tokio1Executor>, String> {
    let (host, port) = host_and_port(&settings.smarthost)?;
    let tls = TlsParameters::new(host.clone()).map_err(|error| format!("TLS for {host}: {error}"))?;
    let implicit = settings.force_implicit_tls.unwrap_or(port == IMPLICIT_TLS_PORT);
    let tls = match (implicit, settings.require_tls) {
        (true, _) => Tls::Wrapper(tls),
        (false, true) => Tls::Required(tls),
        (false, false) => Tls::Opportunistic(tls),
    };
    let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&host)
        .port(port)
        .tls(tls)
        .timeout(Some(SEND_TIMEOUT));
    if let (Some(user), Some(password)) = (&settings.auth_username, &settings.auth_password) {
        builder = builder.credentials(Credentials::new(user.clone(), password.clone()));
    }
    if let Some(hello) = &settings.hello {
        builder = builder.hello_name(lettre::transport::smtp::extension::ClientId::Domain(hello.clone()));
    }
    Ok(builder.build())
}

fn mailbox(text: &str) -> Result<Mailbox, String> {
    text.trim().parse().map_err(|error| format!("{text:?} is no mail address: {error}"))
}

fn recipients(text: &str) -> Result<Vec<Mailbox>, String> {
    text.split(',').map(mailbox).collect()
}

fn host_and_port(smarthost: &str) -> Result<(String, u16), String> {
    let refuse = || format!("smarthost {smarthost:?} is not of the form host:port");
    let (host, port) = smarthost.rsplit_once(':').ok_or_else(refuse)?;
    let port = port.parse().map_err(|_| refuse())?;
    if host.is_empty() { Err(refuse()) } else { Ok((host.to_owned(), port)) }
}
