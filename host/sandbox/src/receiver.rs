//! Receivers out of components: a plugin, then the plugin with one integration's settings, which has a fresh instance
//! for each call.
//!
//! In configuration, each entry of `<plugin>_configs` under a receiver is one integration. Its settings are those that
//! the plugin declares, plus its templates: texts that the host renders for each notification. [`ReceiverPlugin::configure`]
//! checks them and keeps the secrets back.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bellwether_model::alert::AlertStatus;
use bellwether_model::receiver::{
    DeliveryFailure, NotificationReason, NotifiedAlert, Receipt, Receiver, ReceiverCall, ReceiverTemplate,
};
use bellwether_model::{BoxFuture, Labels, Timestamp};
use serde_json::{Map, Value};

use crate::bindings::host::types::Label;
use crate::bindings::receiver::ReceiverPluginPre;
use crate::bindings::receiver::exports::bellwether::receiver::receiver as wit;
use crate::context::PluginContext;
use crate::egress::{AllowList, OriginPattern};
use crate::http::HttpClient;
use crate::limits::RECEIPT_BYTES;
use crate::outbound::Access;
use crate::secrets::{Found, Secrets};
use crate::settings::{self, SettingInfo, SettingProblem};
use crate::speech::plain;
use crate::store::{self, HostState, Purpose};

/// Problems that are told of one integration's settings.
const MAX_PROBLEMS: usize = 100;

/// What the operator granted to a receiver plugin.
#[derive(Debug, Clone, Default)]
pub(crate) struct ReceiverGrants {
    pub(crate) file: String,
    pub(crate) allowed: AllowList,
    /// Where secrets may go, by the name of the setting.
    pub(crate) secret_origins: Vec<(String, Vec<OriginPattern>)>,
}

/// What a receiver plugin says of itself.
#[derive(Debug, Clone)]
pub(crate) struct ReceiverInfo {
    pub(crate) settings: Vec<SettingInfo>,
    pub(crate) templates: Vec<ReceiverTemplate>,
    pub(crate) updates: bool,
    pub(crate) min_interval: Duration,
}

/// A receiver plugin, without any settings yet.
#[derive(Clone)]
pub struct ReceiverPlugin {
    plugin: Arc<PluginContext>,
    pre: ReceiverPluginPre<HostState>,
    info: Arc<ReceiverInfo>,
    grants: Arc<ReceiverGrants>,
}

impl fmt::Debug for ReceiverPlugin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ReceiverPlugin({})", self.plugin.name)
    }
}

impl ReceiverPlugin {
    pub(crate) fn new(
        plugin: Arc<PluginContext>,
        pre: ReceiverPluginPre<HostState>,
        info: ReceiverInfo,
        grants: ReceiverGrants,
    ) -> Self {
        Self { plugin, pre, info: Arc::new(info), grants: Arc::new(grants) }
    }

    pub(crate) const fn context(&self) -> &Arc<PluginContext> {
        &self.plugin
    }

    /// Name of the plugin: `slack` serves `slack_configs`.
    pub fn name(&self) -> &str {
        &self.plugin.name
    }

    /// The settings that it understands, without its templates.
    pub fn settings(&self) -> &[SettingInfo] {
        &self.info.settings
    }

    /// Whether it is the same version of the same plugin, with the same grants.
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.plugin, &other.plugin)
    }

    /// The texts that the host renders for it.
    pub fn templates(&self) -> &[ReceiverTemplate] {
        &self.info.templates
    }

    /// Checks one integration's settings: unknown names, missing ones, wrong kinds. `given` is the entry under
    /// `<plugin>_configs` without what belongs to the host (`send_resolved`, `http_config`). What the plugin itself has
    /// to say about the values comes from [`Receiver::check`] of the result.
    pub fn configure(&self, given: &Map<String, Value>) -> Result<ConfiguredReceiver, Vec<SettingProblem>> {
        let names: Vec<&str> = self.info.templates.iter().map(|template| template.name.as_str()).collect();
        let mut secrets = Secrets::default();
        let hold = |found: &Found<'_>| {
            let origins = self.grants.secret_origins.iter().find(|(setting, _)| setting == found.setting);
            secrets.hold(found, origins.map(|(_, origins)| origins.clone()))
        };
        let checked = settings::check(&self.info.settings, &names, given, hold)?;
        let addresses = secrets.iter().filter_map(|secret| {
            let source = secret.template()?.into();
            Some(TemplateText { name: secret.setting().to_owned(), source })
        });
        let texts = self.info.templates.iter().map(|template| template_text(template, given));
        let texts = texts.chain(addresses).collect();
        let access = Access {
            grants_file: self.grants.file.clone(),
            allowed: self.grants.allowed.clone(),
            secrets,
            ..Access::default()
        };
        Ok(ConfiguredReceiver {
            plugin: self.clone(),
            config: Value::Object(checked).to_string(),
            texts,
            access: Arc::new(access),
        })
    }
}

/// One text of an integration, to be rendered for each notification.
#[derive(Debug, Clone, PartialEq)]
pub struct TemplateText {
    /// Name of the template.
    pub name: String,
    /// What the operator wrote, or the default: a text, or a list or map with texts inside.
    pub source: Value,
}

impl TemplateText {
    /// Renders each text inside. Lists and maps come out as JSON.
    pub fn render<E>(&self, mut render: impl FnMut(&str) -> Result<String, E>) -> Result<String, E> {
        match &self.source {
            Value::String(text) => render(text),
            structured => Ok(rendered(structured, &mut render)?.to_string()),
        }
    }

    /// All texts inside, for checks at load time.
    pub fn sources(&self) -> Vec<&str> {
        let mut texts = Vec::new();
        collect_texts(&self.source, &mut texts);
        texts
    }
}

/// Recursion is as deep as the configuration file is nested, which its parser limits.
fn rendered<E>(value: &Value, render: &mut impl FnMut(&str) -> Result<String, E>) -> Result<Value, E> {
    Ok(match value {
        Value::String(text) => render(text)?.into(),
        Value::Array(items) => items.iter().map(|item| rendered(item, render)).collect::<Result<_, _>>()?,
        Value::Object(fields) => {
            let field = |(name, value): (&String, &Value)| Ok((name.clone(), rendered(value, render)?));
            Value::Object(fields.iter().map(field).collect::<Result<_, E>>()?)
        }
        other => other.clone(),
    })
}

fn collect_texts<'a>(value: &'a Value, texts: &mut Vec<&'a str>) {
    match value {
        Value::String(text) => texts.push(text),
        Value::Array(items) => items.iter().for_each(|item| collect_texts(item, texts)),
        Value::Object(fields) => fields.values().for_each(|value| collect_texts(value, texts)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn template_text(template: &ReceiverTemplate, given: &Map<String, Value>) -> TemplateText {
    let source = match given.get(&template.name) {
        None | Some(Value::Null) => Value::String(template.default.clone()),
        Some(Value::Number(number)) => Value::String(number.to_string()),
        Some(Value::Bool(yes)) => Value::String(yes.to_string()),
        Some(value) => value.clone(),
    };
    TemplateText { name: template.name.clone(), source }
}

/// One integration: a plugin with its settings and its secrets.
#[derive(Debug, Clone)]
pub struct ConfiguredReceiver {
    plugin: ReceiverPlugin,
    config: String,
    texts: Vec<TemplateText>,
    access: Arc<Access>,
}

impl ConfiguredReceiver {
    /// The plugin.
    pub const fn plugin(&self) -> &ReceiverPlugin {
        &self.plugin
    }

    /// The settings as the plugin gets them, for [`ReceiverCall::config`]: defaults filled in, secrets replaced.
    pub fn config(&self) -> &str {
        &self.config
    }

    /// The texts to render for [`ReceiverCall::rendered`], with what the operator wrote: those that the plugin asks for,
    /// and addresses that are templates, which it never gets to see.
    pub fn texts(&self) -> &[TemplateText] {
        &self.texts
    }

    /// Itself with a client of its own for its requests, if any, and whether those follow redirects: to the origin that
    /// answers, and to those that the plugin may reach anyway.
    #[must_use]
    pub fn with_client(mut self, client: Option<Arc<dyn HttpClient>>, follow_redirects: bool) -> Self {
        let access = Arc::make_mut(&mut self.access);
        access.client = client;
        access.follow_redirects = follow_redirects;
        self
    }

    async fn check_within_budget(&self, config: &str) -> Result<(), Vec<String>> {
        let context = &self.plugin.plugin;
        let mut store = self.store("check", Arc::clone(&self.access), Timestamp::UNIX_EPOCH);
        let limits = context.limits.receiver;
        let checked = store::bounded(context, limits, async {
            let bindings = self.plugin.pre.instantiate_async(&mut store).await?;
            bindings.bellwether_receiver_receiver().call_check(&mut store, config).await
        });
        match checked.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(problems)) => {
                let text = |problem: crate::bindings::host::types::Problem| {
                    let problem = SettingProblem { setting: problem.setting, message: problem.message };
                    plain(&problem.to_string())
                };
                Err(problems.into_iter().take(MAX_PROBLEMS).map(text).collect())
            }
            Err(stop) => {
                let crash = store::explain(&store, "check", limits, stop);
                let text = crash.to_string();
                context.crashed(crash);
                Err(vec![text])
            }
        }
    }

    async fn notify_within_budget(&self, mut call: ReceiverCall) -> Result<Receipt, DeliveryFailure> {
        let context = &self.plugin.plugin;
        let subject = call.notification.receiver.clone();
        context.admit(&subject).map_err(|refusal| DeliveryFailure::Crashed(refusal.to_string()))?;
        let access = self
            .access_now(&mut call.rendered)
            .map_err(|why| DeliveryFailure::Misconfigured(why.to_string()))?;
        let mut store = self.store(&subject, access, call.now);
        let limits = context.limits.receiver;
        let (config, notification) = (call.config.clone(), wit_notification(call));
        let notified = store::bounded(context, limits, async {
            let bindings = self.plugin.pre.instantiate_async(&mut store).await?;
            bindings.bellwether_receiver_receiver().call_notify(&mut store, &config, &notification).await
        });
        let crash = match notified.await {
            Ok(Ok(receipt)) => match receipt.id.len() + receipt.url.as_ref().map_or(0, String::len) {
                ..=RECEIPT_BYTES => return Ok(Receipt { id: receipt.id, url: receipt.url }),
                bytes => context.bad_answer("notify", &subject, format!("a receipt of {bytes} bytes")),
            },
            Ok(Err(refused)) => return Err(failure(refused, store.data().outlets.unsaid())),
            Err(stop) => store::explain(&store, "notify", limits, stop),
        };
        let text = crash.to_string();
        context.crashed(crash);
        Err(DeliveryFailure::Crashed(text))
    }

    /// What it may reach, with secrets as their files hold them now and addresses as they were rendered, as Alertmanager
    /// does for each message.
    fn access_now(&self, rendered: &mut Vec<(String, String)>) -> Result<Arc<Access>, SettingProblem> {
        let mut secrets = self.access.secrets.reread()?;
        if self.access.secrets.iter().any(|secret| secret.template().is_some()) {
            secrets.get_or_insert_with(|| self.access.secrets.clone()).take_rendered(rendered)?;
        }
        Ok(match secrets {
            Some(secrets) => Arc::new(Access { secrets, ..(*self.access).clone() }),
            None => Arc::clone(&self.access),
        })
    }

    fn store(&self, subject: &str, access: Arc<Access>, now: Timestamp) -> wasmtime::Store<HostState> {
        let context = &self.plugin.plugin;
        let purpose = Purpose { access, ..Purpose::computing(context, subject) };
        let mut store = store::new_store(self.plugin.pre.engine(), context, purpose);
        store::arm(&mut store, context.limits.receiver, now);
        store
    }
}

impl Receiver for ConfiguredReceiver {
    fn name(&self) -> &str {
        self.plugin.name()
    }

    fn templates(&self) -> &[ReceiverTemplate] {
        self.plugin.templates()
    }

    fn updates(&self) -> bool {
        self.plugin.info.updates
    }

    fn min_interval(&self) -> Duration {
        self.plugin.info.min_interval
    }

    fn check<'a>(&'a self, config: &'a str) -> BoxFuture<'a, Result<(), Vec<String>>> {
        Box::pin(self.check_within_budget(config))
    }

    fn notify(&self, call: ReceiverCall) -> BoxFuture<'_, Result<Receipt, DeliveryFailure>> {
        Box::pin(self.notify_within_budget(call))
    }
}

/// What the plugin says, and what it could not be told of its last request.
fn failure(failure: wit::Failure, unsaid: Option<String>) -> DeliveryFailure {
    let with_unsaid = |why: String| match unsaid {
        Some(unsaid) => format!("{} ({unsaid})", plain(&why)),
        None => plain(&why),
    };
    match failure {
        wit::Failure::Retryable(why) => DeliveryFailure::Retryable(with_unsaid(why)),
        wit::Failure::RateLimited(millis) => {
            DeliveryFailure::RateLimited(Duration::from_millis(u64::from(millis)))
        }
        wit::Failure::Permanent(why) => DeliveryFailure::Permanent(with_unsaid(why)),
        wit::Failure::Misconfigured(why) => DeliveryFailure::Misconfigured(with_unsaid(why)),
        wit::Failure::PreviousLost => DeliveryFailure::PreviousLost,
    }
}

fn wit_notification(call: ReceiverCall) -> wit::Notification {
    let notification = call.notification;
    wit::Notification {
        purpose: if call.test { wit::Purpose::Test } else { wit::Purpose::Live },
        now: call.now.as_millis(),
        receiver: notification.receiver,
        group_key: notification.group_key,
        idempotency_key: call.idempotency_key,
        attempt: call.attempt,
        status: status(notification.status),
        reason: reason(notification.reason).to_owned(),
        group_labels: labels(&notification.group_labels),
        common_labels: labels(&notification.common_labels),
        common_annotations: labels(&notification.common_annotations),
        route_labels: labels(&notification.route_labels),
        alerts: notification.alerts.into_iter().map(alert).collect(),
        truncated: notification.truncated_alerts,
        external_url: notification.external_url,
        rendered: call.rendered,
        previous: call.previous.map(|receipt| wit::Receipt { id: receipt.id, url: receipt.url }),
        extras: Vec::new(),
    }
}

fn alert(alert: NotifiedAlert) -> wit::Alert {
    wit::Alert {
        fingerprint: alert.fingerprint.0.to_string(),
        status: status(alert.status),
        labels: labels(&alert.labels),
        annotations: labels(&alert.annotations),
        starts_at: alert.starts_at.as_millis(),
        ends_at: alert.ends_at.map(Timestamp::as_millis),
        value: alert.value,
        generator_url: alert.generator_url,
    }
}

const fn status(status: AlertStatus) -> wit::Status {
    match status {
        AlertStatus::Firing => wit::Status::Firing,
        AlertStatus::Resolved => wit::Status::Resolved,
    }
}

/// Alertmanager's words, as in its webhook.
const fn reason(reason: NotificationReason) -> &'static str {
    match reason {
        NotificationReason::First => "first notification",
        NotificationReason::NewAlerts => "new alerts added",
        NotificationReason::SomeResolved => "some alerts resolved",
        NotificationReason::AllResolved => "all alerts resolved",
        NotificationReason::Repeat => "repeat interval elapsed",
    }
}

fn labels(labels: &Labels) -> Vec<Label> {
    let label = |label: &bellwether_model::Label| Label {
        name: (*label.name).to_owned(),
        value: (*label.value).to_owned(),
    };
    labels.iter().map(label).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn renders_each_text_inside_a_structure() {
        let text =
            TemplateText { name: "fields".into(), source: json!([{"title": "a", "short": true}, "b"]) };
        let upper = |text: &str| Ok::<_, ()>(text.to_uppercase());
        assert_eq!(text.render(upper), Ok(r#"[{"title":"A","short":true},"B"]"#.into()));
        assert_eq!(text.sources(), ["a", "b"]);
        let plain = TemplateText { name: "title".into(), source: json!("x") };
        assert_eq!(plain.render(upper), Ok("X".into()));
    }
}
