//! A receiver with a notification that is written down: which requests it makes, and what it says of their answers.

use std::collections::BTreeMap;
use std::path::Path;

use bellwether_alerting::notification;
use bellwether_model::alert::AlertStatus;
use bellwether_model::receiver::{
    DeliveryFailure, FingerprintText, Notification, NotificationReason, NotifiedAlert, Receipt,
    Receiver as _, ReceiverCall,
};
use bellwether_model::{Labels, Timestamp};
use bellwether_sandbox::egress::OriginPattern;
use bellwether_sandbox::{
    ConfiguredReceiver, HttpError, HttpRequest, HttpResponse, ReceiverPlugin, SettingKind, TemplateText,
};
use bellwether_template::alertmanager::Templates;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::input::LabelMap;
use super::recording::Recording;
use super::{hex, quoted, read_input};
use crate::error::WorkbenchError;

/// Where the host can be reached, where the case says nothing.
const EXTERNAL_URL: &str = "http://bellwether.example";
/// The key of every delivery.
const IDEMPOTENCY_KEY: &str = "test";
/// Where a case has no alert with a time.
const DEFAULT_TIME: Timestamp = Timestamp::from_millis(1_767_225_600_000);
/// Secrets that are shorter would be found everywhere.
const MIN_SECRET_BYTES: usize = 4;

/// What is asked of a receiver.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReceiverCase {
    /// As under `<plugin>_configs`, secrets in the clear.
    #[serde(default)]
    config: Map<String, Value>,
    notification: NotificationInput,
    /// In the order of the requests.
    #[serde(default)]
    responses: Vec<ResponseInput>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct NotificationInput {
    status: Option<AlertStatus>,
    #[serde(default = "default_receiver")]
    receiver: String,
    #[serde(default)]
    group_labels: LabelMap,
    common_labels: Option<LabelMap>,
    common_annotations: Option<LabelMap>,
    #[serde(default)]
    route_labels: LabelMap,
    alerts: Vec<AlertInput>,
    #[serde(default)]
    truncated_alerts: u32,
    reason: Option<NotificationReason>,
    group_key: Option<String>,
    #[serde(rename = "externalURL")]
    external_url: Option<String>,
    now: Option<String>,
    #[serde(default)]
    test: bool,
    attempt: Option<u32>,
    previous: Option<Receipt>,
}

fn default_receiver() -> String {
    "team".to_owned()
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct AlertInput {
    #[serde(default = "firing")]
    status: AlertStatus,
    labels: LabelMap,
    #[serde(default)]
    annotations: LabelMap,
    starts_at: Option<String>,
    ends_at: Option<String>,
    value: Option<f64>,
    #[serde(rename = "generatorURL", default)]
    generator_url: String,
}

const fn firing() -> AlertStatus {
    AlertStatus::Firing
}

/// A response, or none: `{"error": "timeout"}`, or any other text for a connection that failed.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct ResponseInput {
    #[serde(default = "ok")]
    status: u16,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    body: Value,
    error: Option<String>,
}

const fn ok() -> u16 {
    200
}

impl ResponseInput {
    fn into_answer(self) -> Result<HttpResponse, HttpError> {
        match self.error {
            Some(error) if error == "timeout" => return Err(HttpError::Timeout),
            Some(error) => return Err(HttpError::Unreachable(error)),
            None => {}
        }
        let body = match self.body {
            Value::Null => String::new(),
            Value::String(text) => text,
            json => json.to_string(),
        };
        Ok(HttpResponse {
            status: self.status,
            headers: self.headers.into_iter().collect(),
            body: body.into(),
        })
    }
}

impl ReceiverCase {
    pub(crate) fn read(path: &Path) -> Result<Self, WorkbenchError> {
        let case: Self =
            serde_json::from_str(&read_input(path)?).map_err(|error| WorkbenchError::in_file(path, error))?;
        case.notification.times().map_err(|problem| WorkbenchError::in_file(path, problem))?;
        Ok(case)
    }

    /// Where the addresses among its settings lead.
    pub(crate) fn origins(&self) -> Vec<String> {
        self.config.values().filter_map(|value| origin(value.as_str()?)).collect()
    }
}

/// `https://a.example:8443` of `https://a.example:8443/path`.
fn origin(text: &str) -> Option<String> {
    let (scheme, rest) = text.split_once("://")?;
    let host = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    let origin = format!("{scheme}://{host}");
    origin.parse::<OriginPattern>().is_ok().then_some(origin)
}

fn time(text: &Option<String>) -> Result<Option<Timestamp>, String> {
    text.as_deref().map(Timestamp::parse_rfc3339).transpose().map_err(|error| error.to_string())
}

impl NotificationInput {
    /// The first time that cannot be read is an error.
    fn times(&self) -> Result<(), String> {
        let alerts = self.alerts.iter().flat_map(|alert| [&alert.starts_at, &alert.ends_at]);
        alerts.chain([&self.now]).try_for_each(|text| time(text).map(drop))
    }

    fn notification(&self) -> Notification {
        let alerts: Vec<NotifiedAlert> = self.alerts.iter().map(AlertInput::alert).collect();
        let of = |given: &Option<LabelMap>, common: Labels| given.as_ref().map_or(common, LabelMap::labels);
        let group_labels = self.group_labels.labels();
        let began = alerts.iter().map(|alert| alert.starts_at).max().unwrap_or(DEFAULT_TIME);
        Notification {
            receiver: self.receiver.clone(),
            group_key: self.group_key.clone().unwrap_or_else(|| format!("{{}}:{group_labels}")),
            status: self.status.unwrap_or_else(|| notification::status_of(&alerts)),
            reason: self.reason.unwrap_or(NotificationReason::First),
            at: time(&self.now).ok().flatten().unwrap_or(began),
            group_labels,
            common_labels: of(
                &self.common_labels,
                notification::common(alerts.iter().map(|alert| &alert.labels)),
            ),
            common_annotations: of(
                &self.common_annotations,
                notification::common(alerts.iter().map(|alert| &alert.annotations)),
            ),
            route_labels: self.route_labels.labels(),
            alerts,
            truncated_alerts: self.truncated_alerts,
            external_url: self.external_url.clone().unwrap_or_else(|| EXTERNAL_URL.to_owned()),
        }
    }
}

impl AlertInput {
    fn alert(&self) -> NotifiedAlert {
        let labels = self.labels.labels();
        NotifiedAlert {
            fingerprint: FingerprintText(labels.fingerprint()),
            status: self.status,
            labels,
            annotations: self.annotations.labels(),
            starts_at: time(&self.starts_at).ok().flatten().unwrap_or(DEFAULT_TIME),
            ends_at: time(&self.ends_at).ok().flatten(),
            value: self.value,
            generator_url: self.generator_url.clone(),
        }
    }
}

/// A receiver with the settings of a case, and the call that the host would make. The error says what is wrong with the
/// settings or texts.
pub(crate) fn call_of(
    plugin: &ReceiverPlugin,
    case: &ReceiverCase,
) -> Result<(ConfiguredReceiver, ReceiverCall), String> {
    let configured = plugin
        .configure(&case.config)
        .map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))?;
    let templates = Templates::new(&[]).map_err(|error| error.to_string())?;
    let notification = case.notification.notification();
    let rendered = configured.texts().iter().map(|text| rendered(text, &templates, &notification));
    let call = ReceiverCall {
        config: configured.config().to_owned(),
        rendered: rendered.collect::<Result<_, _>>()?,
        now: notification.at,
        notification,
        idempotency_key: IDEMPOTENCY_KEY.to_owned(),
        attempt: case.notification.attempt.unwrap_or(1),
        test: case.notification.test,
        previous: case.notification.previous.clone(),
    };
    Ok((configured, call))
}

/// A text as the host renders it: the one called `html` with values escaped.
fn rendered(
    text: &TemplateText,
    templates: &Templates,
    notification: &Notification,
) -> Result<(String, String), String> {
    let render = |source: &str| match text.name.as_str() {
        "html" => templates.render_html(source, notification, notification.at),
        _ => templates.render(source, notification, notification.at),
    };
    let rendered = text.render(render).map_err(|error| format!("template of {}: {error}", text.name))?;
    Ok((text.name.clone(), rendered))
}

/// The requests, and what the receiver said.
pub(super) async fn lines(plugin: &ReceiverPlugin, case: ReceiverCase, recording: &Recording) -> Vec<String> {
    let (configured, call) = match call_of(plugin, &case) {
        Ok(ready) => ready,
        Err(problem) => return vec![format!("bad settings: {problem}")],
    };
    if let Err(problems) = configured.check(&call.config).await {
        return vec![format!("bad settings: {}", problems.join("; "))];
    }
    let secrets = Secrets::of(plugin, &case.config);
    recording.expect(case.responses.into_iter().map(ResponseInput::into_answer));
    let outcome = configured.notify(call).await;
    let mut lines: Vec<String> = Vec::new();
    for request in recording.take() {
        lines.extend(request_lines(&request).into_iter().map(|line| secrets.masked(line)));
    }
    lines.push(secrets.masked(outcome_line(outcome)));
    lines
}

fn request_lines(request: &HttpRequest) -> Vec<String> {
    let mut lines = vec![format!("{} {}", request.method.as_str(), request.url)];
    lines.extend(
        request.headers.iter().map(|(name, value)| format!("{}: {value}", name.to_ascii_lowercase())),
    );
    match std::str::from_utf8(&request.body) {
        Ok("") => {}
        Ok(text) => lines.extend(text.lines().map(str::to_owned)),
        Err(_) => lines.push(format!("hex:{}", hex(&request.body))),
    }
    lines
}

fn outcome_line(outcome: Result<Receipt, DeliveryFailure>) -> String {
    match outcome {
        Ok(receipt) => {
            let url = receipt.url.map(|url| format!(" url={}", quoted(&url))).unwrap_or_default();
            format!("-> receipt id={}{url}", quoted(&receipt.id))
        }
        Err(DeliveryFailure::Retryable(why)) => format!("-> retryable {}", quoted(&why)),
        Err(DeliveryFailure::RateLimited(pause)) => format!("-> rate-limited {} ms", pause.as_millis()),
        Err(DeliveryFailure::Permanent(why)) => format!("-> permanent {}", quoted(&why)),
        Err(DeliveryFailure::Misconfigured(why)) => format!("-> misconfigured {}", quoted(&why)),
        Err(DeliveryFailure::PreviousLost) => "-> previous-lost".to_owned(),
        Err(DeliveryFailure::Crashed(why)) => format!("-> crashed {}", quoted(&why)),
    }
}

/// The secrets of a case, in each spelling in which they may stand in a request; golden files have none.
#[derive(Debug)]
struct Secrets(Vec<(String, String)>);

impl Secrets {
    fn of(plugin: &ReceiverPlugin, config: &Map<String, Value>) -> Self {
        let settings = plugin.settings().iter().filter(|setting| setting.kind == SettingKind::Secret);
        let given = settings
            .filter_map(|setting| Some((setting.name.as_str(), config.get(&setting.name)?.as_str()?)));
        Self::new(given)
    }

    fn new<'a>(given: impl Iterator<Item = (&'a str, &'a str)>) -> Self {
        let mut spellings = Vec::new();
        for (name, value) in given.filter(|(_, value)| value.len() >= MIN_SECRET_BYTES) {
            let value = value.trim_end_matches('/');
            let json = quoted(value);
            let encoded: String = value.bytes().map(percent_encoded).collect();
            for spelling in [value, &json[1..json.len() - 1], &encoded] {
                spellings.push((spelling.to_owned(), format!("<secret {name}>")));
            }
        }
        // The longest first: one secret may be part of another.
        spellings.sort_by_key(|(spelling, _)| std::cmp::Reverse(spelling.len()));
        Self(spellings)
    }

    fn masked(&self, line: String) -> String {
        self.0.iter().fold(line, |line, (spelling, mask)| line.replace(spelling, mask))
    }
}

/// As the host writes a secret into a URL.
fn percent_encoded(byte: u8) -> String {
    match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_short_notification_gets_all_that_the_host_knows() {
        let json = r#"{"notification": {"groupLabels": {"alertname": "Hot"}, "alerts": [
            {"labels": {"alertname": "Hot", "board": "a"}, "startsAt": "2026-01-01T00:00:00Z"},
            {"labels": {"alertname": "Hot", "board": "b"}, "status": "resolved"}]}}"#;
        let case: ReceiverCase = serde_json::from_str(json).unwrap();
        let notification = case.notification.notification();
        assert_eq!((notification.status, notification.receiver.as_str()), (AlertStatus::Firing, "team"));
        assert_eq!(notification.common_labels, Labels::from_pairs([("alertname", "Hot")]));
        assert_eq!(notification.group_key, "{}:{alertname=\"Hot\"}");
        let bad: ReceiverCase = serde_json::from_str(&json.replace("2026-01-01T00:00:00Z", "now")).unwrap();
        assert!(bad.notification.times().unwrap_err().contains("RFC 3339"));
    }

    #[test]
    fn responses_may_be_json_text_or_an_error() {
        let answer = |json: &str| serde_json::from_str::<ResponseInput>(json).unwrap().into_answer();
        assert_eq!(answer(r#"{"body": {"ok": true}}"#).unwrap().body, r#"{"ok":true}"#);
        assert_eq!(answer(r#"{"status": 500, "body": "no"}"#).unwrap().status, 500);
        assert_eq!(answer(r#"{"error": "timeout"}"#), Err(HttpError::Timeout));
        assert_eq!(answer(r#"{"error": "refused"}"#), Err(HttpError::Unreachable("refused".into())));
    }

    #[test]
    fn secrets_are_masked_in_every_spelling() {
        let secrets =
            Secrets::new([("token", "a\"b c"), ("url", "https://x.example/"), ("pin", "123")].into_iter());
        let masked = |line: &str| secrets.masked(line.to_owned());
        assert_eq!(masked("Bearer a\"b c"), "Bearer <secret token>");
        assert_eq!(masked(r#"{"t":"a\"b c"}"#), r#"{"t":"<secret token>"}"#);
        assert_eq!(masked("/bot/a%22b%20c/send"), "/bot/<secret token>/send");
        assert_eq!(masked("POST https://x.example/y 123"), "POST <secret url>/y 123");
    }

    #[test]
    fn addresses_in_settings_are_granted() {
        assert_eq!(origin("https://a.example:8443/x?y").as_deref(), Some("https://a.example:8443"));
        assert_eq!(origin("http://a.example").as_deref(), Some("http://a.example"));
        assert_eq!((origin("ftp://x"), origin("my-alerts"), origin("https://")), (None, None, None));
    }

    #[test]
    fn outcomes_are_one_line() {
        let receipt = Receipt { id: "1".into(), url: Some("http://x".into()) };
        assert_eq!(outcome_line(Ok(receipt)), "-> receipt id=\"1\" url=\"http://x\"");
        let paused = DeliveryFailure::RateLimited(Duration::from_secs(1));
        assert_eq!(outcome_line(Err(paused)), "-> rate-limited 1000 ms");
        assert_eq!(outcome_line(Err(DeliveryFailure::PreviousLost)), "-> previous-lost");
    }
}
