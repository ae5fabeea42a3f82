//! `/status`: what runs here.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use bellwether_model::state::DurableState;
use bellwether_model::time::millis;

use super::contract::{
    Build, ConfigJson, LastError, ListenerJson, QueueJson, ReceiverJson, StatusReport, StorageJson,
    TargetJson,
};
use crate::api::prometheus::json;
use crate::host::Host;

/// The report.
pub(super) async fn status(State(host): State<Arc<Host>>) -> Response {
    let targets = targets(&host).await;
    let report = tokio::task::spawn_blocking(move || report(&host, targets)).await;
    match report {
        Ok(report) => json(StatusCode::OK, &report),
        Err(_) => super::error(StatusCode::INTERNAL_SERVER_ERROR, "the status cannot be read; see the log"),
    }
}

fn report(host: &Host, targets: Vec<TargetJson>) -> StatusReport {
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
        targets,
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

async fn targets(host: &Host) -> Vec<TargetJson> {
    let targets = host.scraping.targets().await.into_iter().map(|target| TargetJson {
        job: target.scrape_pool,
        url: target.scrape_url,
        health: target.health.as_str(),
        last_scrape: target.last_scrape,
        took_ms: target.last_scrape.map(|_| target.last_scrape_duration.as_secs_f64() * 1000.0),
        samples: 0,
        error: Some(target.last_error).filter(|error| !error.is_empty()),
    });
    targets.collect()
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
