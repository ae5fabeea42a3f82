//! Posts notifications as Alertmanager's webhook does: body version 4, the same keys in the same order.
//!
//! Beyond it: each request has an `Idempotency-Key` header that is the same for all attempts of a delivery, and a 429
//! with `Retry-After` is waited for.

mod body;
mod time;

use std::collections::BTreeMap;

use bellwether_plugin_sdk::config;
use bellwether_plugin_sdk::receiver::{
    About, Failure, Info, Notification, Problem, Receipt, Receiver, SettingKind, deliver, http, setting,
};
use serde::Deserialize;

/// Time for one request where the operator says nothing (Alertmanager has none of its own and ends with the flush).
const DEFAULT_TIMEOUT_MS: &str = "10000";

struct Webhook;

#[derive(Deserialize)]
struct Config {
    url: String,
    max_alerts: u32,
    timeout: u32,
    #[serde(default)]
    headers: BTreeMap<String, String>,
}

impl Receiver for Webhook {
    fn describe() -> Info {
        use SettingKind::{Duration, Integer, Json, Secret};
        Info {
            about: About {
                name: "webhook".into(),
                version: env!("CARGO_PKG_VERSION").into(),
                summary: "Posts notifications as JSON, in Alertmanager's format version 4".into(),
                homepage: None,
                settings: vec![
                    setting("url", Secret, true, None, "Where to post"),
                    setting("max_alerts", Integer, false, Some("0"), "Most alerts in one body; 0 for all"),
                    setting("timeout", Duration, false, Some(DEFAULT_TIMEOUT_MS), "Time for one request"),
                    setting("headers", Json, false, Some("{}"), "Further headers, as a map of texts"),
                ],
            },
            templates: Vec::new(),
            updates: false,
            min_interval: 0,
            wants_hosts: vec!["*".into()],
        }
    }

    fn check(settings: &str) -> Result<(), Vec<Problem>> {
        let problem = |message| vec![Problem { setting: Some("headers".into()), message }];
        config::parse::<Config>(settings).map(drop).map_err(problem)
    }

    fn notify(settings: &str, notification: Notification) -> Result<Receipt, Failure> {
        let config: Config = config::parse(settings).map_err(Failure::Misconfigured)?;
        let idempotency_key = notification.idempotency_key.clone();
        let mut headers = vec![
            ("Content-Type".into(), "application/json".into()),
            ("Idempotency-Key".into(), idempotency_key.clone()),
        ];
        headers.extend(config.headers);
        deliver(&http::Request {
            method: http::Method::Post,
            url: config.url,
            headers,
            body: body::encode(notification, config.max_alerts),
            timeout: config.timeout,
        })?;
        Ok(Receipt { id: idempotency_key, url: None })
    }
}

bellwether_plugin_sdk::export_receiver!(Webhook);
