//! What an `http_config` does to requests, against servers on this machine.

mod credentials;
mod oauth2;
mod proxies;
pub(crate) mod server;
pub(crate) mod tls;

use std::time::Duration;

use bellwether_sandbox::{HttpClient, HttpError, HttpMethod, HttpRequest, HttpResponse};
use bytes::Bytes;
use serde_json::{Map, Value};

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

#[tokio::test]
async fn no_name_and_no_spelling_leads_to_the_metadata_of_a_cloud() {
    let _already_chosen = rustls::crypto::ring::default_provider().install_default();
    let plugins = PluginHttpClient::new().unwrap();
    for url in ["http://169.254.169.254/", "http://2852039166/", "http://[::ffff:a9fe:a9fe]/"] {
        for refused in [plugins.send(request(url)).await, send(&client(Value::Object(Map::new())), url).await]
        {
            let refused = refused.unwrap_err().to_string();
            assert!(refused.ends_with(" is no address of a server"), "{url}: {refused}");
        }
    }
    let resolver = Permitted { policy: AddressPolicy::Private, except: Vec::new() };
    let Err(refused) = resolver.resolve("localhost".parse().unwrap()).await else { panic!("resolved") };
    assert_eq!(refused.to_string(), "localhost stands for no public or private address");
    let named = Permitted { policy: AddressPolicy::Any, except: Vec::new() };
    assert!(named.resolve("localhost".parse().unwrap()).await.is_ok(), "the operator named it in full");
}

#[tokio::test]
async fn who_may_only_reach_the_world_reaches_this_machine_in_no_spelling_and_by_no_name() {
    let _already_chosen = rustls::crypto::ring::default_provider().install_default();
    let client = PluginHttpClient::new().unwrap();
    let restricted = |host: &str| HttpRequest {
        addresses: AddressPolicy::PublicOnly,
        ..request(&format!("http://{host}:9/"))
    };
    for host in [
        "127.0.0.1",
        "127.0.0.1.",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.01",
        "%31%32%37.0.0.1",
        "0.0.0.0",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[fe80::1]",
        "169.254.169.254",
        "2852039166",
        "192.168.0.1",
    ] {
        let refused = client.send(restricted(host)).await;
        assert!(matches!(refused, Err(HttpError::Denied(_))), "{host}: {refused:?}");
    }
    for name in ["localhost", "LOCALHOST"] {
        let refused = client.send(restricted(name)).await;
        let words = "localhost stands for no public address".to_owned();
        assert_eq!(refused, Err(HttpError::Unreachable(words)), "{name}");
    }
}
