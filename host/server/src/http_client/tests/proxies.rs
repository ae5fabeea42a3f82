//! Requests through proxies.

use serde_json::json;

use super::server::Server;
use super::tls::{Authority, server_config};
use super::*;

#[tokio::test]
async fn a_proxy_gets_whole_addresses_and_its_own_credentials() {
    let proxy = Server::start(&[]).await;
    let http_config = json!({
        "proxy_url": format!("http://u:p@{}", proxy.address),
        "proxy_connect_header": {"X-Tunnel": ["t"]},
        "bearer_token": "t",
    });
    send(&client(http_config), "http://hooks.example/x").await.unwrap();
    assert!(proxy.seen()[0].starts_with("POST http://hooks.example/x HTTP/1.1\n"), "{:?}", proxy.seen());
    assert_eq!(proxy.last("proxy-authorization").as_deref(), Some("Basic dTpw"));
    assert_eq!(proxy.last("authorization").as_deref(), Some("Bearer t"));
    assert_eq!(proxy.last("x-tunnel"), None, "there is no tunnel");
}

#[tokio::test]
async fn encrypted_requests_go_through_a_tunnel() {
    let authority = Authority::new();
    let server = Server::over_tls(server_config(&authority.certificate(&["hooks.example"]), None)).await;
    let proxy = Server::proxy_to(server.address).await;
    let client = client(json!({
        "proxy_url": format!("http://u:p@{}", proxy.address),
        "proxy_connect_header": {"X-Tunnel": ["t", "u"]},
        "tls_config": {"ca": authority.pem()},
        "bearer_token": "t",
    }));
    send(&client, "https://hooks.example/x").await.unwrap();
    assert!(proxy.seen()[0].starts_with("CONNECT hooks.example:443 HTTP/1.1\n"), "{:?}", proxy.seen());
    assert_eq!(proxy.last("x-tunnel").as_deref(), Some("t, u"));
    assert_eq!(proxy.last("proxy-authorization").as_deref(), Some("Basic dTpw"));
    assert_eq!(proxy.last("authorization"), None, "that is for the server");
    assert_eq!(server.last("authorization").as_deref(), Some("Bearer t"));
    assert_eq!(server.last("x-tunnel"), None);
}

#[tokio::test]
async fn exceptions_are_reached_directly() {
    let (proxy, server) = (Server::start(&[]).await, Server::start(&[]).await);
    let proxy_url = format!("http://{}", proxy.address);
    send(&client(json!({"proxy_url": proxy_url, "no_proxy": "10.0.0.0/8"})), &server.url()).await.unwrap();
    assert_eq!((proxy.seen().len(), server.seen().len()), (0, 1), "this machine is an exception by itself");
    send(&client(json!({"proxy_url": proxy_url})), &server.url()).await.unwrap();
    assert_eq!((proxy.seen().len(), server.seen().len()), (1, 1));
}

#[tokio::test]
async fn a_proxy_may_be_at_home_where_the_destination_must_not() {
    let proxy = Server::start(&[]).await;
    let client = client(json!({"proxy_url": format!("http://localhost:{}", proxy.address.port())}));
    let public_only = |url| HttpRequest { addresses: AddressPolicy::PublicOnly, ..request(url) };
    client.send(public_only("http://hooks.example/")).await.unwrap();
    assert_eq!(proxy.seen().len(), 1);
    let refused = client.send(public_only("http://10.0.0.1/")).await;
    assert_eq!(refused, Err(HttpError::Denied("10.0.0.1 is no public address".into())));
}

#[tokio::test]
async fn tokens_have_a_proxy_of_their_own() {
    let answer = server::json(200, r#"{"access_token": "one"}"#);
    let (proxy, server) = (Server::start(&[&answer]).await, Server::start(&[]).await);
    let oauth2 = json!({
        "client_id": "me",
        "token_url": "http://tokens.example/t",
        "proxy_url": format!("http://{}", proxy.address),
    });
    send(&client(json!({"oauth2": oauth2})), &server.url()).await.unwrap();
    assert!(proxy.seen()[0].starts_with("POST http://tokens.example/t "));
    assert_eq!(server.last("authorization").as_deref(), Some("Bearer one"));
}
