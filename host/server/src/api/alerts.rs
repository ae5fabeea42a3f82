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

use crate::api::params::Params;
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

/// How long a page is to be, by the parameter `limit`: 100 unless asked otherwise, 1000 at most.
pub(super) fn page_length(params: &Params) -> Result<usize, String> {
    const DEFAULT: usize = 100;
    const LONGEST: usize = 1_000;
    let Some(text) = params.first("limit") else { return Ok(DEFAULT) };
    match text.parse::<usize>() {
        Ok(length @ 1..) => Ok(length.min(LONGEST)),
        Ok(0) | Err(_) => Err(format!("limit: {text:?} is no number above zero")),
    }
}

/// What a request says wrong.
pub(super) fn bad(text: &str) -> Response {
    error(StatusCode::BAD_REQUEST, text)
}

fn stopping() -> Response {
    error(StatusCode::SERVICE_UNAVAILABLE, "the host is stopping")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_a_length() {
        let length = |query: &str| page_length(&Params::parse(query));
        assert_eq!((length(""), length("limit=7"), length("limit=99999")), (Ok(100), Ok(7), Ok(1_000)));
        assert!(length("limit=0").is_err() && length("limit=x").unwrap_err().contains("limit: \"x\""));
    }
}
