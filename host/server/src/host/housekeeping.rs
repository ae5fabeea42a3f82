//! What a host does by itself every now and then: drop old samples, look for new plugins.

use std::sync::Arc;
use std::time::Duration;

use bellwether_model::state::DurableState;
use bellwether_sandbox::PluginChange;
use tracing::{error, info};

use super::Host;
use crate::journal::{Entry, Kind};
use crate::plugins;

/// How often samples beyond the retention are dropped.
const RETENTION_CHECK: Duration = Duration::from_secs(60);
/// How often history beyond its retention is dropped.
const HISTORY_CHECK: Duration = Duration::from_secs(60);
/// How often the folder of plugins is looked at.
const PLUGIN_CHECK: Duration = Duration::from_secs(5);

pub(super) fn start(host: &Arc<Host>) {
    host.tasks.spawn("retention", every(RETENTION_CHECK, Arc::clone(host), drop_old_samples));
    host.tasks.spawn("history", every(HISTORY_CHECK, Arc::clone(host), drop_old_history));
    host.tasks.spawn("plugin folder", every(PLUGIN_CHECK, Arc::clone(host), take_in_plugins));
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
    if let Err(error) = host.rebuild_receivers().await {
        error!(error = format!("{error:#}"), "receivers not rebuilt after a change of plugins");
    }
    for change in changes {
        match change {
            PluginChange::Loaded { name }
            | PluginChange::Removed { name }
            | PluginChange::RolledBack { name, .. } => host.devices.driver_changed(&name),
            PluginChange::Rejected { .. } => {}
        }
    }
}
