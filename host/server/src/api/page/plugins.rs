//! `/plugins`: what extends this host.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use bellwether_sandbox::{PluginKind, PluginSource, PluginState, PluginStatus, SettingKind};

use super::contract::{LastError, PluginRow, PluginStateJson};
use crate::api::prometheus::json;
use crate::host::Host;

/// Users of a plugin that are listed.
const MAX_USERS: usize = 20;

/// All plugins and the native receivers, by kind, then name; first those whose kind is not known, or not yet.
pub(super) async fn list(State(host): State<Arc<Host>>) -> Response {
    let users = users(&host);
    let mut rows: Vec<PluginRow> =
        host.plugins.status().into_iter().map(|plugin| row(plugin, &users)).collect();
    let natives =
        [("email", "send mail through the configured server"), ("inbox", "keep messages in the data folder")];
    rows.extend(natives.map(|(name, does)| native(&host, name, does, &users)));
    rows.sort_by(|a, b| (a.kind, &a.name).cmp(&(b.kind, &b.name)));
    json(StatusCode::OK, &rows)
}

/// Whether a plugin does what it is there for.
pub(super) fn is_healthy(plugin: &PluginStatus) -> bool {
    use PluginState::{Active, Disabled, Loading, Ready};
    matches!(plugin.state, Ready | Active | Loading { .. } | Disabled)
}

type Users = BTreeMap<String, Vec<String>>;

/// Who uses which plugin, by the plugin's name or that of its functions.
fn users(host: &Host) -> Users {
    let config = host.config();
    let mut users = Users::new();
    for device in config.devices.devices() {
        users.entry(device.driver.clone()).or_default().push(device.id.clone());
    }
    for receiver in &config.alerting.receivers {
        for integration in &receiver.integrations {
            users.entry(integration.kind.clone()).or_default().push(receiver.name.clone());
        }
    }
    for model in host.models.views() {
        if let Ok(plugin) = &model.plugin {
            users.entry(plugin.name.clone()).or_default().push(model.definition.name.clone());
        }
    }
    users
}

fn users_of(users: &Users, name: &str) -> Vec<String> {
    let mut of = users.get(name).cloned().unwrap_or_default();
    of.dedup();
    of.truncate(MAX_USERS);
    of
}

fn row(plugin: PluginStatus, users: &Users) -> PluginRow {
    let last_crash = plugin.crashes.last();
    let grants = grants(&plugin);
    PluginRow {
        kind: plugin.kind.map(kind),
        version: plugin.version,
        state: match plugin.state {
            PluginState::Loading { stage } => PluginStateJson::Loading { reached: stage.as_str() },
            PluginState::Ready => PluginStateJson::Ready,
            PluginState::Active => PluginStateJson::Active,
            PluginState::Degraded { subjects } => PluginStateJson::Degraded {
                error: last_crash.map(ToString::to_string).unwrap_or_default(),
                blamed: subjects.join(", "),
            },
            PluginState::Disabled => {
                PluginStateJson::Waiting { needs: "switched off by its file of grants".to_owned() }
            }
            PluginState::WaitingForGrants { missing, file } => {
                PluginStateJson::Waiting { needs: format!("grant {} in {file}", missing.join(", ")) }
            }
            PluginState::Broken { reason } => PluginStateJson::Failed { error: reason },
            PluginState::Quarantined => PluginStateJson::Quarantined {
                error: last_crash.map(ToString::to_string).unwrap_or_default(),
                blamed: plugin
                    .subjects
                    .iter()
                    .map(|subject| subject.subject.as_str())
                    .collect::<Vec<_>>()
                    .join(", "),
                until: None,
            },
        },
        origin: match plugin.source {
            PluginSource::Embedded => "embedded".to_owned(),
            PluginSource::File { path } => path.display().to_string(),
        },
        sha256: Some(plugin.sha256),
        grants,
        used_by: users_of(users, &plugin.name),
        calls: plugin.usage.calls,
        errors: plugin.usage.crashed_calls,
        last_error: last_crash.map(|crash| LastError { at: plugin.loaded_at, text: crash.to_string() }),
        call_p99_ms: plugin.usage.call_p99_seconds.map(|seconds| seconds * 1e3),
        memory_bytes: Some(plugin.usage.memory_bytes as u64),
        name: plugin.name,
    }
}

/// What it may do, in words.
fn grants(plugin: &PluginStatus) -> Vec<String> {
    let hosts = plugin.granted_hosts.iter().map(|host| format!("send requests to {host}"));
    // A URL in a secret setting is itself the grant for its origin.
    let has_url = plugin.settings.iter().any(|setting| {
        setting.kind == SettingKind::Secret && (setting.name == "url" || setting.name.ends_with("_url"))
    });
    let own = (plugin.kind == Some(PluginKind::Receiver) && has_url)
        .then(|| "send requests to the URL of each integration".to_owned());
    hosts.chain(own).collect()
}

const fn kind(kind: PluginKind) -> &'static str {
    match kind {
        PluginKind::Driver => "driver",
        PluginKind::Detector => "detector",
        PluginKind::Receiver => "receiver",
    }
}

fn native(host: &Host, name: &str, does: &str, users: &Users) -> PluginRow {
    let (delivered, failed) = host.ledger.of_kind(name);
    PluginRow {
        name: name.to_owned(),
        kind: Some("receiver"),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        state: PluginStateJson::Ready,
        origin: "built in".to_owned(),
        sha256: None,
        grants: vec![does.to_owned()],
        used_by: users_of(users, name),
        calls: delivered + failed,
        errors: failed,
        last_error: None,
        call_p99_ms: None,
        memory_bytes: None,
    }
}
