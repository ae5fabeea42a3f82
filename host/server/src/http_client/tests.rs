//! What an `http_config` does to requests, against servers on this machine.

mod credentials;
mod oauth2;
mod proxies;
pub(crate) mod server;
pub(crate) mod tls;

use std::time::Duration;

use bellwether_sandbox::{HttpClient, HttpError, HttpMethod, HttpRequest, HttpResponse};
use bytes::Bytes;
use serde_json::Value;

use super::*;

fn client(http_config: Value) -> ConfiguredHttpClient {
    ConfiguredHttpClient::new(HttpSettings::read(&http_config).unwrap())
}

fn request(url: &str) -> HttpRequest {
    HttpRequest {
        method: HttpMethod::Post,
        url: url.to_owned(),
        headers: vec![("content-type".to_owned(), "text/plain".to_owned())],
        body: Bytes::from_static(b"hello"),
        timeout: Duration::from_secs(20),
        max_response_bytes: 10_000,
        addresses: AddressPolicy::Any,
        left_host: false,
    }
}

async fn send(client: &ConfiguredHttpClient, url: &str) -> Result<HttpResponse, HttpError> {
    client.send(request(url)).await
}
