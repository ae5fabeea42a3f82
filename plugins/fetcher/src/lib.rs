//! A receiver that sends what its settings say, over `wasi:http` or over `bellwether:host/http`, and gives what came of it
//! as its receipt. Built by `cargo plugins` for the host's tests; never shipped.
//!
//! What else can be done with `wasi:http` is chosen by the receiver's name.

mod host_http;
mod misuse;
mod wasi_http;

use bellwether_plugin_sdk::config;
use bellwether_plugin_sdk::receiver::{
    About, Failure, Info, Notification, Receipt, Receiver, SettingKind, setting,
};
use serde::Deserialize;

/// How much of an answer goes into the receipt.
const SHOWN_BYTES: usize = 200;

struct Fetcher;

#[derive(Deserialize)]
struct Config {
    url: String,
    method: String,
    via: String,
    body: String,
    /// How often the body is repeated in one request.
    body_times: usize,
    requests: usize,
    timeout: u32,
    /// Goes into a header.
    #[serde(default)]
    token: String,
    /// A whole URL to take instead of `url`.
    #[serde(default)]
    hook: String,
}

/// A request over either interface.
struct Request {
    method: String,
    url: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    timeout_ms: u32,
}

/// What both interfaces give.
struct Answer {
    status: u16,
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
}

impl Receiver for Fetcher {
    fn describe() -> Info {
        use SettingKind::{Duration, Integer, Secret, Text};
        let text = |name, default, help| setting(name, Text, false, Some(default), help);
        Info {
            about: About {
                name: "fetcher".into(),
                version: env!("CARGO_PKG_VERSION").into(),
                summary: "Sends what its settings say".into(),
                homepage: None,
                settings: vec![
                    text("url", "\"\"", "Whom to call"),
                    text("method", "\"POST\"", "How"),
                    text("via", "\"wasi\"", "wasi or host"),
                    text("body", "\"\"", "What to send"),
                    setting("body_times", Integer, false, Some("1"), "How often to repeat the body"),
                    setting("requests", Integer, false, Some("1"), "How many to send"),
                    setting("timeout", Duration, false, Some("10000"), "Time for one request"),
                    setting("token", Secret, false, None, "A secret for a header"),
                    setting("hook", Secret, false, None, "A secret that is the URL"),
                ],
            },
            templates: Vec::new(),
            updates: false,
            min_interval: 0,
            wants_hosts: vec!["https://api.example".into()],
        }
    }

    fn notify(settings: &str, notification: Notification) -> Result<Receipt, Failure> {
        let config: Config = config::parse(settings).map_err(Failure::Misconfigured)?;
        let id = match notification.receiver.as_str() {
            "hoard-headers" => misuse::hoard_headers(),
            "hoard-handles" => misuse::hoard_handles(),
            "long-parts" => misuse::long_parts(),
            "leave-unfinished" => misuse::leave_unfinished(&config.url),
            // As the plugin of a language does that only knows that there is no answer.
            "give-up" => match wasi_http::send(config.request()) {
                Ok(answer) => shown(answer),
                Err(_) => return Err(Failure::Retryable("no answer".into())),
            },
            _ => fetch(&config),
        };
        Ok(Receipt { id, url: None })
    }
}

fn fetch(config: &Config) -> String {
    let answers: Vec<String> = (0..config.requests)
        .map(|_| {
            let request = config.request();
            let answer =
                if config.via == "host" { host_http::send(request) } else { wasi_http::send(request) };
            answer.map_or_else(|error| error, shown)
        })
        .collect();
    answers.join("; ")
}

impl Config {
    fn request(&self) -> Request {
        let mut headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        if !self.token.is_empty() {
            headers.push(("authorization".into(), format!("Bearer {}", self.token)));
        }
        Request {
            method: self.method.clone(),
            url: if self.hook.is_empty() { &self.url } else { &self.hook }.replace("TOKEN", &self.token),
            headers,
            body: self.body.replace("TOKEN", &self.token).repeat(self.body_times).into(),
            timeout_ms: self.timeout,
        }
    }
}

/// The same for both interfaces: names of headers are in lower case in one, and one has the length of the body.
fn shown(answer: Answer) -> String {
    let headers = answer.headers.iter().filter(|(name, _)| !name.eq_ignore_ascii_case("content-length"));
    let headers: Vec<String> = headers
        .map(|(name, value)| format!("{}: {}", name.to_lowercase(), String::from_utf8_lossy(value)))
        .collect();
    let body = &answer.body[..answer.body.len().min(SHOWN_BYTES)];
    format!("{} [{}] {}", answer.status, headers.join(", "), String::from_utf8_lossy(body))
}

bellwether_plugin_sdk::export_receiver!(Fetcher);
