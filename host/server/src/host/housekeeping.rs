//! What a host does by itself every now and then: drop old samples, look for new plugins.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bellwether_model::state::DurableState;
use bellwether_sandbox::PluginChange;
use tracing::{error, info};

use super::Host;
use super::plugin_alerts::PluginAlerts;
use super::plugin_watch::FolderWatch;
use crate::journal::{Entry, Kind};
use crate::plugins;

/// How often samples beyond the retention are dropped.
const RETENTION_CHECK: Duration = Duration::from_secs(60);
/// How often history beyond its retention is dropped.
const HISTORY_CHECK: Duration = Duration::from_secs(60);
/// How often the folder of plugins is looked at where nothing says that it has changed: folders on other machines do not.
/// A new version that crashes is taken back then, too.
const PLUGIN_CHECK: Duration = Duration::from_secs(5);
/// How often it is looked at how plugins stand.
const PLUGIN_ALERTS: Duration = Duration::from_secs(5);

pub(super) fn start(host: &Arc<Host>) {
    host.tasks.spawn("retention", every(RETENTION_CHECK, Arc::clone(host), drop_old_samples));
    host.tasks.spawn("history", every(HISTORY_CHECK, Arc::clone(host), drop_old_history));
    host.tasks.spawn("plugin folder", watch_plugins(Arc::clone(host)));
    let alerts = Arc::new(Mutex::new(PluginAlerts::default()));
    let tell = move |host| tell_about_plugins(host, Arc::clone(&alerts));
    host.tasks.spawn("alerts about plugins", every(PLUGIN_ALERTS, Arc::clone(host), tell));
}

/// Looks at the folder of plugins when it has changed, and every now and then.
async fn watch_plugins(host: Arc<Host>) {
    let token = host.tasks.token().clone();
    let mut watch = host.plugins.folder().map(FolderWatch::begin);
    loop {
        let changed = async {
            match &mut watch {
                Some(watch) => watch.changed().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = token.cancelled() => return,
            () = changed => {}
            () = tokio::time::sleep(PLUGIN_CHECK) => {}
        }
        take_in_plugins(Arc::clone(&host)).await;
    }
}

async fn tell_about_plugins(host: Arc<Host>, alerts: Arc<Mutex<PluginAlerts>>) {
    let now = host.clock.now();
    let raised = alerts.lock().unwrap_or_else(PoisonError::into_inner).step(&host.plugins.status(), now);
    for message in raised.messages {
        let id = format!("{:013}-{}", now.as_millis(), message.group_key);
        if let Err(failure) = host.inbox.tell(id, message).await {
            error!(?failure, "message about a plugin not kept");
        }
    }
    if !raised.alerts.is_empty() {
        host.routing.rule_alerts(raised.alerts).await;
    }
}

async fn every<F: Future<Output = ()>>(period: Duration, host: Arc<Host>, job: impl Fn(Arc<Host>) -> F) {
    let token = host.tasks.token().clone();
    loop {
        tokio::select! {
            () = token.cancelled() => return,
            () = tokio::time::sleep(period) => job(Arc::clone(&host)).await,
        }
    }
}

async fn drop_old_samples(host: Arc<Host>) {
    let now = host.clock.now();
    let dropped = tokio::task::spawn_blocking(move || host.store.apply_retention(now)).await;
    if let Ok(series @ 1..) = dropped {
        info!(series, "series without samples dropped");
    }
}

async fn drop_old_history(host: Arc<Host>) {
    let now = host.clock.now();
    let before = now - host.config().history_retention;
    let dropped = tokio::task::spawn_blocking(move || host.state.forget_history(before, now)).await;
    if let Ok(Err(error)) = dropped {
        error!(error = &error as &dyn std::error::Error, "old history not dropped");
    }
}

/// Puts new and changed plugins to work: functions for expressions, drivers for devices, receivers for messages.
async fn take_in_plugins(host: Arc<Host>) {
    let changes = host.plugins.rescan().await;
    if changes.is_empty() {
        return;
    }
    let now = host.clock.now();
    for change in &changes {
        let text = match change {
            PluginChange::Loaded { name } => format!("{name} loaded"),
            PluginChange::Removed { name } => format!("{name} removed"),
            PluginChange::RolledBack { name, reason } => {
                format!("the new version of {name} {reason}; the one before it goes on")
            }
            PluginChange::Rejected { file, reason } => format!("{file} cannot be used: {reason}"),
        };
        host.journal.note(Entry::new(now, Kind::Plugin, text));
    }
    host.engine.store(Arc::new(plugins::engine(&host.plugins, host.config().promql.engine.clone())));
    let names = changes.iter().filter_map(changed_plugin).map(str::to_owned).collect();
    host.models.plugins_changed(&names).await;
    if let Err(error) = host.rebuild_receivers().await {
        error!(error = format!("{error:#}"), "receivers not rebuilt after a change of plugins");
    }
    changes.iter().filter_map(changed_plugin).for_each(|name| host.devices.driver_changed(name));
}

/// The plugin that is another one now, or gone.
fn changed_plugin(change: &PluginChange) -> Option<&str> {
    match change {
        PluginChange::Loaded { name }
        | PluginChange::Removed { name }
        | PluginChange::RolledBack { name, .. } => Some(name),
        PluginChange::Rejected { .. } => None,
    }
}
