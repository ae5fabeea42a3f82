//! Alertmanager's API: v2 whole, and the v1 calls that older scripts make.

mod answer;
mod v1;
mod v2;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::get;

use crate::host::Host;

/// The largest batch of alerts that is taken, in bytes.
const MAX_BODY_BYTES: usize = 32 << 20;
/// The version of Alertmanager whose API this is; `amtool` compares it with its own.
pub const COMPATIBLE_VERSION: &str = "0.34.2";

/// All routes of the second listener but those of the process.
pub fn routes() -> Router<Arc<Host>> {
    let v1 = Router::new()
        .route("/api/v1/status", get(v1::status))
        .route("/api/v1/receivers", get(v1::receivers))
        .route("/api/v1/alerts", get(v1::alerts).post(v1::post_alerts))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES));
    let routes = v2_routes().merge(v1);
    routes.fallback(answer::not_found).method_not_allowed_fallback(answer::not_allowed)
}

/// Version 2, which the page uses too.
pub fn v2_routes() -> Router<Arc<Host>> {
    Router::new()
        .route("/api/v2/status", get(v2::status))
        .route("/api/v2/receivers", get(v2::receivers))
        .route("/api/v2/alerts", get(v2::alerts).post(v2::post_alerts))
        .route("/api/v2/alerts/groups", get(v2::groups))
        .route("/api/v2/silences", get(v2::silences).post(v2::post_silence))
        .route("/api/v2/silence/{id}", get(v2::silence).delete(v2::delete_silence))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
}
