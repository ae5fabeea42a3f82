//! `/api/v1/targets`: what is scraped.

use std::sync::Arc;

use axum::extract::State;
use bellwether_ingest::TargetStatus;
use bellwether_model::Labels;
use bellwether_model::duration::PrometheusDuration;
use serde::Serialize;

use super::answer::Success;
use crate::api::RequestParams;
use crate::host::Host;

/// What Prometheus says for "never".
const ZERO_TIME: &str = "0001-01-01T00:00:00Z";

/// Targets in Prometheus' shape.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TargetsJson {
    active_targets: Vec<TargetJson>,
    dropped_targets: [(); 0],
    dropped_target_counts: serde_json::Map<String, serde_json::Value>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct TargetJson {
    discovered_labels: Labels,
    labels: Labels,
    scrape_pool: String,
    scrape_url: String,
    global_url: String,
    last_error: String,
    last_scrape: String,
    last_scrape_duration: f64,
    health: &'static str,
    scrape_interval: String,
    scrape_timeout: String,
}

/// All targets, or those of one scrape pool.
pub(super) async fn targets(
    State(host): State<Arc<Host>>,
    RequestParams(params): RequestParams,
) -> Success<TargetsJson> {
    let pool = params.first("scrapePool").filter(|pool| !pool.is_empty());
    let wanted = |target: &TargetStatus| pool.is_none_or(|pool| pool == target.scrape_pool);
    let active = params.first("state").is_none_or(|state| matches!(state, "active" | "any" | ""));
    let targets = host.scraping.targets().await;
    let active_targets =
        if active { targets.into_iter().filter(wanted).map(target_json).collect() } else { vec![] };
    Success::new(TargetsJson {
        active_targets,
        dropped_targets: [],
        dropped_target_counts: serde_json::Map::new(),
    })
}

fn target_json(target: TargetStatus) -> TargetJson {
    TargetJson {
        discovered_labels: target.discovered_labels,
        labels: target.labels,
        scrape_pool: target.scrape_pool,
        scrape_url: target.scrape_url,
        global_url: target.global_url,
        last_error: target.last_error,
        last_scrape: target.last_scrape.map_or_else(|| ZERO_TIME.to_owned(), |at| at.to_string()),
        last_scrape_duration: target.last_scrape_duration.as_secs_f64(),
        health: target.health.as_str(),
        scrape_interval: PrometheusDuration(target.scrape_interval).to_string(),
        scrape_timeout: PrometheusDuration(target.scrape_timeout).to_string(),
    }
}
