//! Taking requests apart.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::params::Params;

/// Parameters of the query string, and of the body where it is a form.
#[derive(Debug)]
pub struct RequestParams(pub Params);

impl<S: Send + Sync> FromRequest<S> for RequestParams {
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Response> {
        let query = Params::parse(request.uri().query().unwrap_or(""));
        let content_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        if !content_type.is_some_and(|value| value.starts_with("application/x-www-form-urlencoded")) {
            return Ok(Self(query));
        }
        let body = Bytes::from_request(request, state).await.map_err(IntoResponse::into_response)?;
        match std::str::from_utf8(&body) {
            Ok(form) => Ok(Self(Params::parse(form).and(query))),
            Err(_) => Err((StatusCode::BAD_REQUEST, "the form is not UTF-8").into_response()),
        }
    }
}
