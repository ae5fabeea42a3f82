//! `/api/v1/write`: remote-write 1.0.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bellwether_ingest::remote_write::{self, Push, RemoteWriteError, RemoteWriteLimits};
use bellwether_model::query::AppendError;
use tracing::{debug, error};

use crate::host::Host;

/// Takes samples in. The answer is given once they survive a kill of the process.
pub(super) async fn write(State(host): State<Arc<Host>>, headers: HeaderMap, body: Bytes) -> Response {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    if let Err(refused) =
        remote_write::check_headers(text(header::CONTENT_TYPE), text(header::CONTENT_ENCODING))
    {
        return refusal(&refused);
    }
    // Decompressing and writing the log take a while for large pushes.
    let taken_in = tokio::task::spawn_blocking(move || take_in(&host, &body)).await;
    taken_in.unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response())
}

fn take_in(host: &Host, body: &[u8]) -> Response {
    let Push { records, invalid_series, histograms } =
        match remote_write::decode(body, RemoteWriteLimits::default()) {
            Ok(push) => push,
            Err(refused) => return refusal(&refused),
        };
    let appended = match host.appender.append(&records) {
        Ok(appended) => appended,
        Err(failed @ AppendError::TooManySeries { .. }) => {
            return (StatusCode::TOO_MANY_REQUESTS, format!("{failed}\n")).into_response();
        }
        Err(failed @ AppendError::Log(_)) => {
            error!(error = &failed as &dyn std::error::Error, "pushed samples not written down");
            return (StatusCode::INTERNAL_SERVER_ERROR, "samples could not be written down\n")
                .into_response();
        }
    };
    // As Prometheus: what can never be taken is told with a status that makes senders drop it.
    let dropped = appended.out_of_order + appended.duplicate + invalid_series;
    if dropped > 0 || histograms > 0 {
        debug!(
            out_of_order = appended.out_of_order,
            duplicate = appended.duplicate,
            invalid_series,
            histograms,
            "dropped"
        );
    }
    if dropped == 0 {
        return StatusCode::NO_CONTENT.into_response();
    }
    let text = format!(
        "{} out of order samples, {} samples with another value for the same time, {invalid_series} invalid series\n",
        appended.out_of_order, appended.duplicate
    );
    (StatusCode::BAD_REQUEST, text).into_response()
}

fn refusal(refused: &RemoteWriteError) -> Response {
    let status = StatusCode::from_u16(refused.status()).unwrap_or(StatusCode::BAD_REQUEST);
    (status, format!("{refused}\n")).into_response()
}
