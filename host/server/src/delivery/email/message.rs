//! From rendered texts to the bytes of a mail.

use std::str::FromStr;
use std::time::SystemTime;

use bellwether_model::Timestamp;
use bellwether_model::receiver::ReceiverCall;
use lettre::Message;
use lettre::address::Envelope;
use lettre::message::header::{ContentType, From, HeaderName, HeaderValue, MessageId, To};
use lettre::message::{Mailbox, Mailboxes, MessageBuilder, MultiPart, SinglePart};
use sha2::{Digest, Sha256};

use super::{HEADER, Mailing, Threading};

/// Hex digits of a group's hash in the name of its thread, as in Alertmanager: threads go on where they were.
const THREAD_DIGITS: usize = 16;

/// A mail, ready to be handed over.
#[derive(Debug)]
pub(super) struct Mail {
    /// The same for each attempt of a delivery, so that mail servers and clients can tell repeats.
    pub(super) id: String,
    pub(super) envelope: Envelope,
    pub(super) bytes: Vec<u8>,
}

/// Writes the mail of a call.
pub(super) fn compose(mailing: &Mailing, call: &ReceiverCall) -> Result<Mail, String> {
    let from = sender(&rendered(call, "from"))?;
    let to = addresses("to", &rendered(call, "to"))?;
    let recipients = to.iter().map(|mailbox| mailbox.email.clone()).collect();
    let envelope = Envelope::new(Some(from.email.clone()), recipients).map_err(|error| error.to_string())?;
    let id = format!("<{}@{}>", call.idempotency_key, from.email.domain());
    let builder = Message::builder()
        .header(From::from(Mailboxes::from(from)))
        .header(To::from(to))
        .subject(one_line(&rendered(call, "subject")))
        .date(system_time(call.now))
        .header(MessageId::from(id.clone()))
        .envelope(envelope.clone());
    let builder = with_headers(with_thread(builder, &mailing.threading, call), call)?;
    let message = with_body(builder, call).map_err(|error| format!("cannot write the mail: {error}"))?;
    Ok(Mail { id, envelope, bytes: message.formatted() })
}

fn rendered(call: &ReceiverCall, name: &str) -> String {
    call.rendered.iter().find(|(have, _)| have == name).map(|(_, text)| text.clone()).unwrap_or_default()
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn system_time(at: Timestamp) -> SystemTime {
    let since = std::time::Duration::from_millis(u64::try_from(at.as_millis()).unwrap_or(0));
    SystemTime::UNIX_EPOCH + since
}

/// One address or several, with names or without.
pub(super) fn addresses(setting: &str, text: &str) -> Result<Mailboxes, String> {
    let parsed = Mailboxes::from_str(text.trim()).ok().filter(|mailboxes| mailboxes.iter().next().is_some());
    parsed.ok_or_else(|| format!("{setting}: {text:?} is no mail address, nor a list of them with commas"))
}

fn sender(text: &str) -> Result<Mailbox, String> {
    let parsed = addresses("from", text)?;
    let count = parsed.iter().count();
    parsed.into_single().ok_or_else(|| format!("from: there must be one address, not {count}"))
}

/// A header of that name.
pub(super) fn header_name(name: &str) -> Result<HeaderName, String> {
    let is_token = !name.is_empty() && name.bytes().all(|b| b.is_ascii_graphic() && b != b':');
    let parsed = HeaderName::new_from_ascii(name.to_owned()).ok().filter(|_| is_token);
    parsed.ok_or_else(|| format!("headers: {name:?} is no name of a header"))
}

/// Headers of the operator replace those that are there anyway, but for the addresses that the mail goes to.
fn with_headers(mut builder: MessageBuilder, call: &ReceiverCall) -> Result<MessageBuilder, String> {
    for (name, text) in &call.rendered {
        let Some(name) = name.strip_prefix(HEADER) else { continue };
        let text = one_line(text);
        builder = match name.to_ascii_lowercase().as_str() {
            "from" => builder.header(From::from(Mailboxes::from(sender(&text)?))),
            // Names outside ASCII are written word by word, which needs to know what is a name.
            "to" if addresses("To", &text).is_ok() => builder.header(To::from(addresses("To", &text)?)),
            _ => builder.raw_header(HeaderValue::new(header_name(name)?, text)),
        };
    }
    Ok(builder)
}

/// All mails about a group, or those of one day (in UTC), refer to one mail that was never sent; mail programs show them
/// together then. As Alertmanager 0.34 with `threading`.
fn with_thread(builder: MessageBuilder, threading: &Threading, call: &ReceiverCall) -> MessageBuilder {
    if !threading.enabled {
        return builder;
    }
    let hash = Sha256::digest(call.notification.group_key.as_bytes());
    let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).take(THREAD_DIGITS / 2).collect();
    let day = if threading.thread_by_date == "none" { String::new() } else { day(call.now) };
    let root = format!("<alert-{hash}-{day}@alertmanager>");
    builder.references(root.clone()).in_reply_to(root)
}

fn day(at: Timestamp) -> String {
    at.to_string().chars().take("2026-11-21".len()).collect()
}

/// The plain text first: mail programs show the last part that they can.
fn with_body(builder: MessageBuilder, call: &ReceiverCall) -> Result<Message, lettre::error::Error> {
    let (text, html) = (rendered(call, "text"), rendered(call, "html"));
    let is_plain = html.is_empty();
    let html = SinglePart::builder().header(ContentType::TEXT_HTML).body(html);
    match (text.is_empty(), is_plain) {
        (true, false) => builder.singlepart(html),
        (_, true) => builder.singlepart(SinglePart::plain(text)),
        (false, false) => {
            builder.multipart(MultiPart::alternative().singlepart(SinglePart::plain(text)).singlepart(html))
        }
    }
}
