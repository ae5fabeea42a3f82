//! Our own API about alerts, below `/api/bellwether/v1` of both listeners: lists in pages, a live stream, taking alerts
//! on, and looking back.

mod acknowledge;
mod history;
mod list;
mod stream;

use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use serde::Serialize;

use crate::api::prometheus::json;
use crate::host::Host;

/// All its routes.
pub fn routes() -> Router<Arc<Host>> {
    let own = Router::new()
        .route("/alerts", get(list::alerts))
        .route("/alerts/stream", get(stream::alerts))
        .route("/acknowledgements", post(acknowledge::acknowledge).delete(acknowledge::give_back))
        .route("/history", get(history::episodes));
    Router::new().nest("/api/bellwether/v1", own)
}

/// An error: `{"error": "…"}`.
pub(super) fn error(code: StatusCode, text: &str) -> Response {
    #[derive(Serialize)]
    struct Error<'a> {
        error: &'a str,
    }
    json(code, &Error { error: text })
}

/// What a request says wrong.
fn bad(text: &str) -> Response {
    error(StatusCode::BAD_REQUEST, text)
}

fn stopping() -> Response {
    error(StatusCode::SERVICE_UNAVAILABLE, "the host is stopping")
}
