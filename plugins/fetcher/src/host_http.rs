//! The host's own interface.

use bellwether_plugin_sdk::receiver::http;

use crate::{Answer, Request};

pub(crate) fn send(request: Request) -> Result<Answer, String> {
    let response = http::send(&http::Request {
        method: match request.method.as_str() {
            "GET" => http::Method::Get,
            _ => http::Method::Post,
        },
        url: request.url,
        headers: request.headers,
        body: request.body,
        timeout: request.timeout_ms,
    });
    let response = response.map_err(|error| format!("{error:?}"))?;
    let headers = response.headers.into_iter().map(|(name, value)| (name, value.into_bytes()));
    Ok(Answer { status: response.status, headers: headers.collect(), body: response.body })
}
