//! `/status`: what runs here.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use bellwether_ingest::TargetStatus;
use bellwether_model::state::DurableState;
use bellwether_model::time::millis;
use bellwether_model::{Labels, Matcher, Queryable, Timestamp, is_stale};

use super::contract::{
    Build, ConfigJson, LastError, ListenerJson, QueueJson, ReceiverJson, StatusReport, StorageJson,
    TargetJson,
};
use crate::api::prometheus::json;
use crate::host::Host;

/// Samples about scrapes that one report reads at most.
const MAX_SCRAPE_SAMPLES: usize = 1_000_000;

/// The report.
pub(super) async fn status(State(host): State<Arc<Host>>) -> Response {
    let targets = host.scraping.targets().await;
    let report = tokio::task::spawn_blocking(move || report(&host, targets)).await;
    match report {
        Ok(report) => json(StatusCode::OK, &report),
        Err(_) => super::error(StatusCode::INTERNAL_SERVER_ERROR, "the status cannot be read; see the log"),
    }
}

fn report(host: &Host, targets: Vec<TargetStatus>) -> StatusReport {
    let config = host.config();
    let stats = host.store.stats();
    let [first, second] = host.addresses();
    let waiting = host.state.pending_deliveries().map_or(0, |(waiting, _)| waiting);
    let listener =
        |address: std::net::SocketAddr, serves| ListenerJson { address: format!("http://{address}"), serves };
    StatusReport {
        build: Build {
            version: env!("CARGO_PKG_VERSION"),
            revision: "",
            rustc: "",
            target: format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS),
        },
        started_at: host.started_at,
        listeners: vec![
            listener(first, "Prometheus API and this page"),
            listener(second, "Alertmanager API"),
        ],
        data_dir: host.data_dir.display().to_string(),
        storage: StorageJson {
            bytes: stats.log_bytes,
            samples: stats.head.samples,
            series: stats.head.series,
            log_bytes: stats.log_bytes,
            oldest_sample: stats.head.oldest,
            retention_ms: millis(config.retention),
        },
        resident_bytes: crate::telemetry::resident_bytes(),
        queues: vec![QueueJson { name: "outbox", length: waiting, capacity: 0, dropped: 0 }],
        targets: self::targets(host, targets),
        receivers: receivers(host),
        config: config
            .files
            .iter()
            .map(|file| ConfigJson {
                file: file.name.clone(),
                loaded_at: config.loaded_at,
                text: file.text.clone(),
            })
            .collect(),
    }
}

fn targets(host: &Host, targets: Vec<TargetStatus>) -> Vec<TargetJson> {
    let interval = targets.iter().map(|target| target.scrape_interval).max().unwrap_or_default();
    let samples = scraped_samples(host.store.as_ref(), host.clock.now(), interval);
    let targets = targets.into_iter().map(|target| TargetJson {
        samples: samples.get(&target.labels).copied().unwrap_or(0),
        job: target.scrape_pool,
        url: target.scrape_url,
        health: target.health.as_str(),
        last_scrape: target.last_scrape,
        took_ms: target.last_scrape.map(|_| target.last_scrape_duration.as_secs_f64() * 1000.0),
        error: Some(target.last_error).filter(|error| !error.is_empty()),
    });
    targets.collect()
}

/// How many samples the last scrape of each target brought, by the labels of its series.
fn scraped_samples(samples: &dyn Queryable, now: Timestamp, interval: Duration) -> HashMap<Labels, u64> {
    let matchers = [Matcher::equal("__name__", "scrape_samples_scraped")];
    // The last scrape began up to an interval ago, and lasted up to another one.
    let found = samples.select(&matchers, now - interval * 2, now, MAX_SCRAPE_SAMPLES).unwrap_or_default();
    let newest = found.into_iter().filter_map(|series| {
        let last = series.samples.last().filter(|sample| !is_stale(sample.value))?;
        Some((series.labels.without_metric_name(), last.value as u64))
    });
    newest.collect()
}

fn receivers(host: &Host) -> Vec<ReceiverJson> {
    let config = host.config();
    let receivers = config.alerting.receivers.iter().map(|receiver| {
        let book = host.ledger.of_receiver(&receiver.name);
        ReceiverJson {
            name: receiver.name.clone(),
            integrations: receiver.integrations.iter().map(|integration| integration.kind.clone()).collect(),
            last_delivery: book.last_delivery,
            last_error: book.last_error.map(|(at, text)| LastError { at, text }),
        }
    });
    receivers.collect()
}

#[cfg(test)]
mod tests {
    use bellwether_model::Sample;
    use bellwether_promql::testing::MemoryStore;

    use super::*;

    #[test]
    fn targets_tell_the_samples_of_their_last_scrape() {
        let at = |secs: i64| Timestamp::from_millis(secs * 1000);
        let interval = Duration::from_secs(15);
        let target = Labels::from_pairs([("job", "node")]);
        let mut store = MemoryStore::default();
        for (secs, value) in [(100, 5.0), (115, 7.0)] {
            let labels = Labels::from_pairs([("__name__", "scrape_samples_scraped"), ("job", "node")]);
            store.put(&labels, Sample::new(at(secs), value));
        }
        assert_eq!(scraped_samples(&store, at(120), interval), HashMap::from([(target, 7)]));
        assert_eq!(scraped_samples(&store, at(500), interval), HashMap::new());
    }
}
