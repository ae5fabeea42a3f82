//! `/-/healthy`, `/-/ready`, `/-/reload` and `/metrics`, the same on both listeners.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::host::Host;

/// Routes of the process itself, with the texts that clients of this listener know.
pub fn routes(healthy: &'static str, ready: &'static str) -> Router<Arc<Host>> {
    Router::new()
        .route("/-/healthy", get(move || async move { healthy }))
        .route("/-/ready", get(move || async move { ready }))
        .route("/-/reload", axum::routing::post(reload).put(reload))
        .route("/metrics", get(metrics))
}

async fn reload(State(host): State<Arc<Host>>) -> Response {
    match host.reload().await {
        Ok(()) => StatusCode::OK.into_response(),
        Err(error) => {
            let text = format!("failed to reload config: {error:#}\n");
            (StatusCode::INTERNAL_SERVER_ERROR, text).into_response()
        }
    }
}

async fn metrics(State(host): State<Arc<Host>>) -> Response {
    let text = host.telemetry.exposition(host.store.stats().head.series, &host.plugins);
    ([(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], text)
        .into_response()
}
