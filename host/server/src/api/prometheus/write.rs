//! `/api/v1/write`: remote-write 1.0.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bellwether_ingest::remote_write::{self, Push, RemoteWriteError, RemoteWriteLimits};
use bellwether_model::query::AppendError;
use bellwether_model::{Record, Timestamp};
use tracing::{debug, error};

use crate::host::Host;

/// How far ahead of our clock samples may be, as Prometheus takes from scrapes: time for clocks that differ. One from
/// further ahead would make all that follow in its series count as out of order.
const MAX_AHEAD: Duration = Duration::from_secs(600);

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
    let (records, out_of_bounds) = within_bounds(records, host.clock.now());
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
    let dropped = appended.out_of_order + appended.duplicate + out_of_bounds + invalid_series;
    if dropped > 0 || histograms > 0 {
        debug!(
            out_of_order = appended.out_of_order,
            duplicate = appended.duplicate,
            out_of_bounds,
            invalid_series,
            histograms,
            "dropped"
        );
    }
    if dropped == 0 {
        return StatusCode::NO_CONTENT.into_response();
    }
    let text = format!(
        "{} out of order samples, {} samples with another value for the same time, {out_of_bounds} samples out of \
         bounds (more than 10 minutes in the future), {invalid_series} invalid series\n",
        appended.out_of_order, appended.duplicate
    );
    (StatusCode::BAD_REQUEST, text).into_response()
}

/// Leaves out what is too far in the future, and says how many samples that were.
fn within_bounds(mut records: Vec<Record>, now: Timestamp) -> (Vec<Record>, usize) {
    let all = records.len();
    records.retain(|record| record.sample.at <= now + MAX_AHEAD);
    let left_out = all - records.len();
    (records, left_out)
}

fn refusal(refused: &RemoteWriteError) -> Response {
    let status = StatusCode::from_u16(refused.status()).unwrap_or(StatusCode::BAD_REQUEST);
    (status, format!("{refused}\n")).into_response()
}

#[cfg(test)]
mod tests {
    use bellwether_model::Labels;

    use super::*;

    #[test]
    fn samples_far_in_the_future_are_left_out() {
        let now = Timestamp::from_millis(1_000_000);
        let at =
            |ahead_ms| Record::new(Labels::from_pairs([("__name__", "x")]), now.offset_millis(ahead_ms), 1.0);
        let records = vec![at(-1), at(600_000), at(600_001), at(i64::MAX)];
        assert_eq!(within_bounds(records, now), (vec![at(-1), at(600_000)], 2));
    }
}
