//! A receiver that misbehaves as its receiver's name says: in what it asks of the host, in what it answers, or by carrying
//! its secret to wherever it can. The setting `check` makes it misbehave while its settings are checked.

mod requests;
mod theft;
mod values;

use bellwether_plugin_sdk::receiver::{
    About, Failure, Info, Notification, Problem, Receipt, Receiver, Setting, SettingKind, setting,
};

use crate::{lie, misbehave};

struct Hostile;

impl Receiver for Hostile {
    fn describe() -> Info {
        let mut info = Info {
            about: About {
                name: "hostile-receiver".into(),
                version: env!("CARGO_PKG_VERSION").into(),
                summary: "Misbehaves on demand".into(),
                homepage: None,
                settings: settings(),
            },
            templates: Vec::new(),
            updates: false,
            min_interval: 0,
            wants_hosts: vec!["https://api.example".into()],
        };
        match lie::chosen() {
            "no origin" => info.wants_hosts = vec!["everything, please".into()],
            "path of an origin" => info.wants_hosts = vec!["https://api.example/path".into()],
            "all of a scheme" => info.wants_hosts = vec!["https://*".into()],
            "long origin" => info.wants_hosts = vec!["x".repeat(1 << 20)],
            "many origins" => {
                info.wants_hosts = (0..10_000).map(|i| format!("https://h{i}.example")).collect();
            }
            "no hosts" => info.wants_hosts = Vec::new(),
            _ => {}
        }
        info
    }

    fn check(config: &str) -> Result<(), Vec<Problem>> {
        match value_of(config, "check") {
            "spin" => misbehave::spin(),
            "hoard" => drop(misbehave::hoard()),
            "crash" => misbehave::crash(),
            "complain" => return Err(vec![problem("no"); 10_000]),
            "grumble" => return Err(vec![problem(&"no ".repeat(1 << 20))]),
            _ => {}
        }
        Ok(())
    }

    fn notify(config: &str, notification: Notification) -> Result<Receipt, Failure> {
        match notification.receiver.as_str() {
            "spin" => misbehave::spin(),
            "hoard" => drop(misbehave::hoard()),
            "recurse" => drop(misbehave::recurse(0)),
            "crash" => misbehave::crash(),
            "giant-receipt" => return Ok(receipt("x".repeat(5_000))),
            "giant-link" => return Ok(Receipt { url: Some("x".repeat(1 << 20)), ..receipt("done".into()) }),
            "grumble" => return Err(Failure::Permanent("no ".repeat(1 << 20))),
            "pause" => return Err(Failure::RateLimited(u32::MAX)),
            "lost" => return Err(Failure::PreviousLost),
            deed => {
                let done = requests::perform(deed, config)
                    .or_else(|| theft::perform(deed, config))
                    .or_else(|| values::perform(deed));
                return done.unwrap_or_else(|| requests::call(config)).map(receipt);
            }
        }
        Ok(receipt("done".into()))
    }
}

fn settings() -> Vec<Setting> {
    let text = |name, default, help| setting(name, SettingKind::Text, false, default, help);
    vec![
        setting("token", SettingKind::Secret, false, None, "A secret to steal"),
        text("target", Some("\"http://evil.example\""), "Whom to call"),
        text("check", None, "What to do while the settings are checked"),
    ]
}

fn receipt(id: String) -> Receipt {
    Receipt { id, url: None }
}

fn problem(message: &str) -> Problem {
    Problem { setting: None, message: message.into() }
}

/// A text of the settings; empty where there is none.
fn value_of<'a>(config: &'a str, setting: &str) -> &'a str {
    let after = config.split_once(&format!("\"{setting}\":\"")).map_or("", |(_, after)| after);
    after.split('"').next().unwrap_or_default()
}

bellwether_plugin_sdk::export_receiver!(Hostile);
