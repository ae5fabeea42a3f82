//! `/api/v1/status/*`: what is running.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use serde::Serialize;
use serde_json::json;

use super::answer::Success;
use crate::host::Host;

/// The configuration in force, secrets masked.
#[derive(Debug, Serialize)]
pub(super) struct ConfigJson {
    yaml: String,
}

/// The configuration in force, as one document.
pub(super) async fn config(State(host): State<Arc<Host>>) -> Success<ConfigJson> {
    Success::new(ConfigJson { yaml: host.config().prometheus_yaml() })
}

/// Which version this is, in the fields of Prometheus.
pub(super) async fn build_info() -> Success<serde_json::Value> {
    Success::new(json!({
        "version": env!("CARGO_PKG_VERSION"),
        "revision": "",
        "branch": "",
        "buildUser": "",
        "buildDate": "",
        "goVersion": "",
        "application": "bellwether",
    }))
}

/// How the process is doing, in the fields of Prometheus. `reloadConfigSuccess` is left out: a reload that fails changes
/// nothing here, and is told to whoever asked for it and in the log.
pub(super) async fn runtime_info(State(host): State<Arc<Host>>) -> Success<serde_json::Value> {
    let stats = host.store.stats();
    Success::new(json!({
        "startTime": host.started_at.to_string(),
        "CWD": "",
        "lastConfigTime": host.config().loaded_at.to_string(),
        "timeSeriesCount": stats.head.series,
        "goroutineCount": 0,
        "GOMAXPROCS": std::thread::available_parallelism().map_or(1, usize::from),
        "storageRetention": bellwether_model::duration::PrometheusDuration(host.config().retention).to_string(),
    }))
}

/// Flags of the command line, in Prometheus' names where there is one.
pub(super) async fn flags(State(host): State<Arc<Host>>) -> Success<BTreeMap<&'static str, String>> {
    Success::new(BTreeMap::from([
        ("storage.tsdb.path", host.data_dir.display().to_string()),
        ("web.external-url", host.external_url.clone()),
    ]))
}
