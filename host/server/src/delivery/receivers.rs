//! Receivers as configured: each integration with who carries its messages, its settings and its texts.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bellwether_alerting::config::{Config, Integration, ReceiverConfig};
use bellwether_model::Timestamp;
use bellwether_model::receiver::{DeliveryFailure, Notification, Receiver, ReceiverTemplate};
use bellwether_model::state::Pauses;
use bellwether_sandbox::{Plugins, ReceiverPlugin, SettingProblem, TemplateText, Unavailable};
use bellwether_template::alertmanager::Templates;
use serde_json::{Map, Value};
use tracing::warn;

use super::email::Email;
use super::inbox::Inbox;
use super::problem::{IntegrationProblem, Obstacle};
use super::{files, requests};

/// The kinds of receivers that are no plugins.
pub const NATIVE_KINDS: [&str; 2] = ["email", "inbox"];

/// Receivers that are no plugins: they go on working when every plugin is broken.
#[derive(Debug, Clone)]
pub struct NativeReceivers {
    /// `email_configs`
    pub email: Arc<Email>,
    /// `inbox_configs`
    pub inbox: Arc<dyn Receiver>,
}

impl NativeReceivers {
    /// To look at settings with: the inbox keeps nothing.
    pub fn for_checks() -> Self {
        Self { email: Arc::default(), inbox: Arc::new(Inbox::closed()) }
    }

    /// The native receiver of a kind.
    pub fn find(&self, kind: &str) -> Option<Arc<dyn Receiver>> {
        match kind {
            "email" => Some(Arc::clone(&self.email) as Arc<dyn Receiver>),
            "inbox" => Some(Arc::clone(&self.inbox)),
            _ => None,
        }
    }
}

/// One integration, ready to send.
pub struct Sender {
    /// Carries the messages.
    pub receiver: Arc<dyn Receiver>,
    /// Its settings as JSON. Those of a native receiver have its secrets in them.
    pub config: String,
    texts: Vec<TemplateText>,
    /// The plugin behind it; none where it is native.
    plugin: Option<ReceiverPlugin>,
    /// Its settings as they were written.
    written: Map<String, Value>,
}

impl std::fmt::Debug for Sender {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sender").field("receiver", &self.receiver).finish_non_exhaustive()
    }
}

/// Who is told what does not get to a receiver.
#[derive(Debug, Clone)]
pub struct Fallback {
    /// The receiver.
    pub receiver: String,
    /// The kinds of its integrations, in order.
    pub kinds: Vec<String>,
}

/// All integrations of all receivers.
#[derive(Debug)]
pub struct ConfiguredReceivers {
    fallbacks: HashMap<String, Fallback>,
    senders: Senders,
    pauses: Arc<Pauses>,
    templates: Templates,
}

/// The longest pause between two messages that a plugin may ask for: a mistake must not silence it for days.
const MAX_PAUSE: Duration = Duration::from_secs(3600);

impl ConfiguredReceivers {
    /// Finds who carries each integration, and checks settings and texts. What cannot work is remembered with its
    /// reason, and told; it keeps nothing else from working. Paths in settings count from `folder`.
    pub async fn build(
        config: &Config,
        folder: &Path,
        templates: Templates,
        natives: &NativeReceivers,
        plugins: &Plugins,
    ) -> (Self, Vec<IntegrationProblem>) {
        let (mut senders, mut problems) = (HashMap::new(), Vec::new());
        let carriers = Carriers { natives, plugins, global: &config.global, folder, templates: &templates };
        for receiver in &config.receivers {
            for (index, integration) in receiver.integrations.iter().enumerate() {
                let (sender, obstacles) = carriers.prepare(integration).await;
                problems.extend(obstacles.into_iter().map(|obstacle| obstacle.of(receiver, integration)));
                let index = u32::try_from(index).unwrap_or(u32::MAX);
                senders.insert((receiver.name.clone(), index), sender);
            }
        }
        let pauses = Arc::new(pauses(&senders));
        (Self { fallbacks: fallbacks(config), senders, pauses, templates }, problems)
    }

    /// How long integrations want to be left alone after each message.
    pub const fn pauses(&self) -> &Arc<Pauses> {
        &self.pauses
    }

    /// The integrations that work now and did not before, or may not have: what they consist of is no longer the same.
    pub fn repaired_since(&self, former: &Self) -> Vec<(String, u32)> {
        let is_repaired = |key: &(String, u32), sender: &Sender| match former.senders.get(key) {
            Some(Ok(before)) => !sender.is_same(before),
            Some(Err(_)) | None => true,
        };
        let working = self.senders.iter().filter_map(|(key, sender)| Some((key, sender.as_ref().ok()?)));
        working.filter(|(key, sender)| is_repaired(key, sender)).map(|(key, _)| key.clone()).collect()
    }

    /// Who is told what does not get to a receiver, if anybody.
    pub fn fallback(&self, receiver: &str) -> Option<&Fallback> {
        self.fallbacks.get(receiver)
    }

    /// Receivers of one integration each, without settings and texts.
    #[cfg(test)]
    pub(super) fn of<'a>(receivers: impl IntoIterator<Item = (&'a str, Arc<dyn Receiver>)>) -> Self {
        let sender = |(name, receiver): (&str, Arc<dyn Receiver>)| {
            let (config, written) = ("{}".to_owned(), Map::new());
            let sender = Sender { receiver, config, texts: Vec::new(), plugin: None, written };
            ((name.to_owned(), 0), Ok(sender))
        };
        let senders = receivers.into_iter().map(sender).collect();
        let pauses = Arc::new(pauses(&senders));
        Self { fallbacks: HashMap::new(), senders, pauses, templates: Templates::without_defaults() }
    }

    /// The sender of a delivery. One whose integration is gone or of another kind since cannot be sent any more.
    pub fn find(&self, receiver: &str, integration: u32, kind: &str) -> Result<&Sender, DeliveryFailure> {
        match self.senders.get(&(receiver.to_owned(), integration)) {
            Some(Ok(sender)) if sender.receiver.name() == kind => Ok(sender),
            Some(Err(reason)) => Err(DeliveryFailure::Misconfigured(reason.clone())),
            Some(Ok(_)) | None => {
                let text = format!("receiver {receiver:?} has no such {kind} integration any more");
                Err(DeliveryFailure::Misconfigured(text))
            }
        }
    }

    /// A message with the labels of its route rendered; a label that fails stays as it was written.
    pub fn with_route_labels(&self, notification: &Notification, now: Timestamp) -> Notification {
        let mut labels = notification.route_labels.to_builder();
        for label in notification.route_labels.iter().filter(|label| label.value.contains("{{")) {
            if let Ok(rendered) = self.templates.render(&label.value, notification, now) {
                labels.set(label.name.clone(), rendered);
            }
        }
        Notification { route_labels: labels.build(), ..notification.clone() }
    }

    /// The texts of a message. One that fails is replaced by a plain one: a bad template never costs the message.
    pub fn render(
        &self,
        sender: &Sender,
        notification: &Notification,
        now: Timestamp,
    ) -> Vec<(String, String)> {
        let render = |template: &TemplateText| {
            let rendered = template.render(|text| match template.name.as_str() {
                "html" => self.templates.render_html(text, notification, now),
                _ => self.templates.render(text, notification, now),
            });
            let rendered = rendered.unwrap_or_else(|error| {
                warn!(template = template.name, error = &error as &dyn std::error::Error, "template failed");
                fallback_text(notification, &error.to_string())
            });
            (template.name.clone(), rendered)
        };
        sender.texts.iter().map(render).collect()
    }
}

/// All integrations, by receiver and index, or why they cannot be used.
type Senders = HashMap<(String, u32), Result<Sender, String>>;

fn pauses(senders: &Senders) -> Pauses {
    let pause = |(key, sender): (&(String, u32), &Result<Sender, String>)| {
        let pause = sender.as_ref().ok()?.receiver.min_interval().min(MAX_PAUSE);
        (!pause.is_zero()).then(|| (key.clone(), pause))
    };
    senders.iter().filter_map(pause).collect()
}

impl Sender {
    /// Whether the same code is called with the same settings.
    fn is_same(&self, other: &Self) -> bool {
        let same_code = match (&self.plugin, &other.plugin) {
            (Some(own), Some(other)) => own.is_same(other),
            (own, other) => own.is_none() && other.is_none(),
        };
        same_code && self.written == other.written
    }

    /// What its texts and its receiver have against the settings.
    async fn checked(&self, templates: &Templates) -> Vec<Obstacle> {
        let kind = self.receiver.name();
        for template in &self.texts {
            if let Some(error) = template.sources().into_iter().find_map(|text| templates.check(text).err()) {
                let text = format!("{kind}_configs: template of {}: {error}", template.name);
                return vec![Obstacle::in_settings(Some(&template.name), text)];
            }
        }
        let problems = self.receiver.check(&self.config).await.err().unwrap_or_default();
        let obstacle = |problem| Obstacle::in_settings(None, format!("{kind}_configs: {problem}"));
        problems.into_iter().map(obstacle).collect()
    }
}

fn fallbacks(config: &Config) -> HashMap<String, Fallback> {
    let fallback = |receiver: &ReceiverConfig| {
        let found = config.receiver(receiver.fallback.as_deref()?)?;
        let kinds = found.integrations.iter().map(|own| own.kind.clone()).collect();
        Some((receiver.name.clone(), Fallback { receiver: found.name.clone(), kinds }))
    };
    config.receivers.iter().filter_map(fallback).collect()
}

/// Who can carry messages, and what goes for all of them.
struct Carriers<'a> {
    natives: &'a NativeReceivers,
    plugins: &'a Plugins,
    global: &'a Map<String, Value>,
    folder: &'a Path,
    templates: &'a Templates,
}

impl Carriers<'_> {
    /// An integration with who carries its messages, or why nobody does; and all that is to be told about it, which may
    /// be more than what stops it.
    async fn prepare(&self, integration: &Integration) -> (Result<Sender, String>, Vec<Obstacle>) {
        let mut settings = integration.settings.clone();
        let mut told = files::resolve(&mut settings, self.folder);
        let found = match self.sender(&integration.kind, settings, &mut told).await {
            Ok(sender) => {
                let found = sender.checked(self.templates).await;
                if found.is_empty() {
                    return (Ok(sender), told);
                }
                found
            }
            Err(found) => found,
        };
        let reason = found.iter().map(|obstacle| obstacle.text.as_str()).collect::<Vec<_>>().join("; ");
        // That a setting cannot be had from its file is told already, with what to do about it.
        let in_files: Vec<&str> =
            told.iter().filter_map(|obstacle| files::setting_in(obstacle.setting.as_deref()?)).collect();
        let is_told = |obstacle: &Obstacle| {
            obstacle.setting.as_deref().is_some_and(|setting| in_files.contains(&setting))
        };
        let news: Vec<Obstacle> = found.into_iter().filter(|obstacle| !is_told(obstacle)).collect();
        told.extend(news);
        (Err(reason), told)
    }

    /// Who carries messages of such settings; `told` gets what does not work now, and may later.
    async fn sender(
        &self,
        kind: &str,
        mut settings: Map<String, Value>,
        told: &mut Vec<Obstacle>,
    ) -> Result<Sender, Vec<Obstacle>> {
        let written = settings.clone();
        let http_config = settings.remove("http_config");
        if let Some(receiver) = self.natives.find(kind) {
            let texts = match kind {
                "email" => self.natives.email.texts(&settings),
                _ => texts_of(receiver.as_ref(), &settings),
            };
            let config = Value::Object(settings).to_string();
            return Ok(Sender { receiver, config, texts, plugin: None, written });
        }
        let plugin = self.plugins.receiver(kind).map_err(|why| vec![unavailable(kind, &why)])?;
        drop_unknown_globals(&mut settings, &plugin, self.global);
        let configured = plugin.configure(&settings).map_err(|problems| {
            let obstacle = |problem: SettingProblem| {
                Obstacle::in_settings(problem.setting.as_deref(), format!("{kind}_configs: {problem}"))
            };
            problems.into_iter().map(obstacle).collect::<Vec<_>>()
        })?;
        let configured = requests::configured(configured, http_config.as_ref(), told).await;
        let configured = configured.map_err(|obstacle| vec![obstacle])?;
        Ok(Sender {
            config: configured.config().to_owned(),
            texts: configured.texts().to_vec(),
            plugin: Some(plugin),
            written,
            receiver: Arc::new(configured),
        })
    }
}

fn unavailable(kind: &str, why: &Unavailable) -> Obstacle {
    let text = match why {
        Unavailable::Unknown { .. } => {
            format!(
                "no plugin named {kind}: its messages cannot be delivered; add {kind}.wasm to the plugin folder"
            )
        }
        Unavailable::OtherKind { .. } | Unavailable::NotReady { .. } => why.to_string(),
    };
    Obstacle::around(None, text)
}

/// Settings that only `global:` gave are no mistake of the operator where the plugin does not know them.
fn drop_unknown_globals(
    settings: &mut Map<String, Value>,
    plugin: &ReceiverPlugin,
    global: &Map<String, Value>,
) {
    let known = |key: &str| {
        plugin.settings().iter().any(|setting| setting.name == key)
            || plugin.templates().iter().any(|template| template.name == key)
    };
    settings
        .retain(|key, value| known(key) || global.get(&format!("{}_{key}", plugin.name())) != Some(value));
}

/// A native receiver's texts: as configured, else its defaults.
fn texts_of(receiver: &dyn Receiver, settings: &Map<String, Value>) -> Vec<TemplateText> {
    let text = |template: &ReceiverTemplate| TemplateText {
        name: template.name.clone(),
        source: settings.get(&template.name).cloned().unwrap_or_else(|| template.default.clone().into()),
    };
    receiver.templates().iter().map(text).collect()
}

fn fallback_text(notification: &Notification, error: &str) -> String {
    let names = notification.alerts.iter().map(|alert| {
        let name = alert.labels.value("alertname");
        let summary = alert.annotations.value("summary");
        format!("{}: {name} {summary}", alert.status.as_str())
    });
    let lines: Vec<String> = names.collect();
    format!("{}\n(the configured text could not be rendered: {error})", lines.join("\n"))
}
