//! Answers in the forms of Alertmanager's API: bare JSON, errors as JSON strings or as `{"code","message"}`.

use std::convert::Infallible;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Redirect, Response};
use bellwether_alerting::silence::SilenceError;
use futures::stream;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::api::prometheus::json;
use crate::routing::RoutingError;

/// Number of the schema errors about what is missing.
const MISSING: u16 = 602;
/// How serde begins to say so; it has no other way to tell.
const MISSING_FIELD: &str = "missing field ";
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

/// Any path that the API does not have. One that only has slashes too many is sent on: they come from base URLs that
/// end in one.
pub(super) async fn not_found(uri: Uri) -> Response {
    let path: String =
        uri.path().split('/').filter(|part| !part.is_empty()).flat_map(|part| ["/", part]).collect();
    if path.starts_with("/api/v2/") && path != uri.path() {
        let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
        return Redirect::temporary(&format!("{path}{query}")).into_response();
    }
    schema(StatusCode::NOT_FOUND, 404, &format!("path {} was not found", uri.path()))
}

/// A path of the API with a method that it does not have.
pub(super) async fn not_allowed(method: Method) -> Response {
    schema(StatusCode::METHOD_NOT_ALLOWED, 405, &format!("method {method} is not allowed"))
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

/// A JSON body of any media type, as v1 takes it. As in Alertmanager, what is missing breaks the schema, and what is of
/// another type cannot be read.
pub(super) fn parse<T: DeserializeOwned>(bytes: &Bytes) -> Result<T, Box<Response>> {
    let incomplete = |message: &str| Box::new(schema(StatusCode::UNPROCESSABLE_ENTITY, MISSING, message));
    if bytes.trim_ascii().is_empty() {
        return Err(incomplete("a body is required"));
    }
    serde_json::from_slice(bytes).map_err(|error| {
        let reason = error.to_string();
        if reason.starts_with(MISSING_FIELD) {
            return incomplete(&reason);
        }
        Box::new(schema(StatusCode::BAD_REQUEST, 400, &format!("parsing body failed, because {reason}")))
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
