//! Answers in the forms of Alertmanager's API: bare JSON, errors as JSON strings or as `{"code","message"}`.

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use bellwether_alerting::silence::SilenceError;
use futures::{StreamExt, stream};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::api::prometheus::json;
use crate::routing::RoutingError;

/// How many items of a long list are written at once: alerts take some 700 bytes each.
const PIECE_ITEMS: usize = 256;
/// Pieces of one list that are being written or wait for the client.
const PIECES_AT_ONCE: usize = 2;

/// A successful answer.
pub(super) fn ok(body: &impl Serialize) -> Response {
    let mut response = json(StatusCode::OK, body);
    response.headers_mut().insert(header::CACHE_CONTROL, header::HeaderValue::from_static("no-store"));
    response
}

/// A list that may be very long, written out piece by piece while the client reads it.
pub(super) fn streamed<T: Serialize + Send + 'static>(items: Vec<T>) -> Response {
    let headers = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")];
    if items.len() <= PIECE_ITEMS {
        let whole = Piece { items, is_first: true, is_last: true };
        return (headers, whole.written()).into_response();
    }
    let written = |piece: Piece<T>| tokio::task::spawn_blocking(move || piece.written());
    let body = Body::from_stream(stream::iter(pieces(items)).map(written).buffered(PIECES_AT_ONCE));
    (headers, body).into_response()
}

/// A part of a JSON array.
struct Piece<T> {
    items: Vec<T>,
    is_first: bool,
    is_last: bool,
}

impl<T: Serialize> Piece<T> {
    fn written(&self) -> Vec<u8> {
        let mut written = Vec::new();
        if self.is_first {
            written.push(b'[');
        }
        for (index, item) in self.items.iter().enumerate() {
            if index > 0 || !self.is_first {
                written.push(b',');
            }
            serde_json::to_writer(&mut written, item).expect("values with text keys can be written as JSON");
        }
        if self.is_last {
            written.extend_from_slice(b"]\n");
        }
        written
    }
}

fn pieces<T>(items: Vec<T>) -> impl Iterator<Item = Piece<T>> {
    let mut left = items.into_iter();
    let mut is_first = true;
    std::iter::from_fn(move || {
        let items: Vec<T> = left.by_ref().take(PIECE_ITEMS).collect();
        let is_last = left.len() == 0;
        (!items.is_empty()).then(|| Piece { items, is_first: std::mem::take(&mut is_first), is_last })
    })
}

/// An error whose body is a JSON string: what a handler found wrong.
pub(super) fn refused(code: StatusCode, text: &str) -> Response {
    json(code, &text)
}

/// An error in the form of the schema check: `{"code":602,"message":"…"}`.
pub(super) fn schema(code: StatusCode, number: u16, message: &str) -> Response {
    #[derive(Serialize)]
    struct Body<'a> {
        code: u16,
        message: &'a str,
    }
    json(code, &Body { code: number, message })
}

/// Any path that the API does not have.
pub(super) async fn not_found(uri: Uri) -> Response {
    schema(StatusCode::NOT_FOUND, 404, &format!("path {} was not found", uri.path()))
}

/// A JSON body as the API wants it: the media type checked, the shape checked.
pub(super) fn body<T: DeserializeOwned>(headers: &HeaderMap, bytes: &Bytes) -> Result<T, Box<Response>> {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    let media_type = content_type.split(';').next().unwrap_or("").trim();
    if !media_type.eq_ignore_ascii_case("application/json") {
        let message = format!("unsupported media type {media_type:?}, only [application/json] are allowed");
        return Err(Box::new(schema(StatusCode::UNSUPPORTED_MEDIA_TYPE, 415, &message)));
    }
    parse(bytes)
}

/// A JSON body of any media type, as v1 takes it.
pub(super) fn parse<T: DeserializeOwned>(bytes: &Bytes) -> Result<T, Box<Response>> {
    serde_json::from_slice(bytes).map_err(|error| {
        let is_shape = error.classify() == serde_json::error::Category::Data;
        let (code, number) =
            if is_shape { (StatusCode::UNPROCESSABLE_ENTITY, 602) } else { (StatusCode::BAD_REQUEST, 400) };
        Box::new(schema(code, number, &format!("parsing body failed, because {error}")))
    })
}

/// What routing refused, or could not write down.
pub(super) fn routing_error(error: &RoutingError) -> Response {
    match error {
        RoutingError::Silence(SilenceError::NotFound) => refused(StatusCode::NOT_FOUND, &error.to_string()),
        RoutingError::Silence(_) | RoutingError::Acknowledge(_) => {
            refused(StatusCode::BAD_REQUEST, &error.to_string())
        }
        RoutingError::State(_) => {
            tracing::error!(error = error as &dyn std::error::Error, "request not written down");
            refused(StatusCode::INTERNAL_SERVER_ERROR, "could not be written down; see the log")
        }
        RoutingError::Stopping => stopping(),
    }
}

/// The host is on its way down.
pub(super) fn stopping() -> Response {
    StatusCode::SERVICE_UNAVAILABLE.into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn sent(items: Vec<usize>) -> Vec<usize> {
        let body = streamed(items).into_body();
        let bytes = axum::body::to_bytes(body, usize::MAX).await.expect("the whole body");
        assert!(bytes.ends_with(b"]\n"));
        serde_json::from_slice(&bytes).expect("one JSON array")
    }

    #[tokio::test]
    async fn lists_of_any_length_are_one_array_in_their_order() {
        for length in [0, 1, PIECE_ITEMS, PIECE_ITEMS + 1, 5 * PIECE_ITEMS, 5 * PIECE_ITEMS + 1] {
            let items: Vec<usize> = (0..length).collect();
            assert_eq!(sent(items.clone()).await, items, "{length} items");
        }
    }
}
