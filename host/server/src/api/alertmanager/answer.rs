//! Answers in the forms of Alertmanager's API: bare JSON, errors as JSON strings or as `{"code","message"}`.

use std::convert::Infallible;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use bellwether_alerting::silence::SilenceError;
use futures::stream;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::api::prometheus::json;
use crate::routing::RoutingError;

/// How much of a long list is written at once.
const PIECE_BYTES: usize = 64 << 10;

/// A successful answer.
pub(super) fn ok(body: &impl Serialize) -> Response {
    let mut response = json(StatusCode::OK, body);
    response.headers_mut().insert(header::CACHE_CONTROL, header::HeaderValue::from_static("no-store"));
    response
}

/// A list that may be very long, written out piece by piece while the client reads it.
pub(super) fn streamed<T: Serialize + Send + 'static>(items: Vec<T>) -> Response {
    let pieces = Pieces { items: items.into_iter(), written: Written::Nothing };
    let body = Body::from_stream(stream::iter(pieces.map(Ok::<_, Infallible>)));
    let headers = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")];
    (headers, body).into_response()
}

/// A JSON array in pieces of about [`PIECE_BYTES`].
struct Pieces<T> {
    items: std::vec::IntoIter<T>,
    written: Written,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Written {
    Nothing,
    Some,
    All,
}

impl<T: Serialize> Iterator for Pieces<T> {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        if self.written == Written::All {
            return None;
        }
        let mut piece = Vec::with_capacity(PIECE_BYTES * 2);
        let mut before = b'[';
        if self.written == Written::Some {
            before = b',';
        } else if self.items.len() == 0 {
            piece.push(b'[');
        }
        self.written = Written::Some;
        while piece.len() < PIECE_BYTES {
            let Some(item) = self.items.next() else {
                piece.extend_from_slice(b"]\n");
                self.written = Written::All;
                break;
            };
            piece.push(before);
            before = b',';
            serde_json::to_writer(&mut piece, &item).expect("values with text keys can be written as JSON");
        }
        Some(piece.into())
    }
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
