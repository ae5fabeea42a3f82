//! `oauth2`: tokens.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::json;

use super::server::{Server, json as answer};
use super::*;

const UNAUTHORIZED: &str = "HTTP/1.1 401 X\r\ncontent-length: 0\r\n\r\n";

fn token(name: &str) -> String {
    answer(200, &format!(r#"{{"access_token": "{name}", "token_type": "bearer", "expires_in": 3600}}"#))
}

fn settings(tokens: &Server, more: Value) -> Value {
    let mut oauth2 = json!({"client_id": "me", "client_secret": "s&t", "token_url": tokens.url()});
    oauth2.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({"oauth2": oauth2})
}

#[tokio::test]
async fn one_token_serves_until_it_ends() {
    let tokens = Server::start(&[&token("one"), &token("two")]).await;
    let server = Server::start(&[]).await;
    let more = json!({"scopes": ["a", "b"], "endpoint_params": {"audience": "x", "scope": "no"}});
    let client = client(settings(&tokens, more));
    let mut own = request(&server.url());
    own.headers.push(("Authorization".into(), "Bearer of-the-plugin".into()));
    client.send(own).await.unwrap();
    assert_eq!(server.last("authorization").as_deref(), Some("Bearer one"), "a token overrules the plugin");
    send(&client, &server.url()).await.unwrap();
    assert_eq!(tokens.seen().len(), 1);
    assert!(tokens.seen()[0].ends_with("audience=x&grant_type=client_credentials&scope=a+b"));
    assert_eq!(tokens.last("authorization").unwrap(), format!("Basic {}", STANDARD.encode("me:s%26t")));
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(3591)).await;
    tokio::time::resume();
    send(&client, &server.url()).await.unwrap();
    assert_eq!(server.last("authorization").as_deref(), Some("Bearer two"), "ten seconds before its end");
}

#[tokio::test]
async fn a_token_that_is_refused_is_replaced_once() {
    let tokens = Server::start(&[&token("one"), &token("two"), &token("three")]).await;
    let server = Server::start(&[UNAUTHORIZED, server::OK, UNAUTHORIZED, UNAUTHORIZED]).await;
    let client = client(settings(&tokens, json!({})));
    assert_eq!(send(&client, &server.url()).await.unwrap().status, 200);
    assert_eq!(server.last("authorization").as_deref(), Some("Bearer two"));
    assert_eq!(server.seen()[0].lines().last(), Some("hello"));
    assert_eq!(server.seen()[1].lines().last(), Some("hello"), "the message goes along again");
    assert_eq!(send(&client, &server.url()).await.unwrap().status, 401);
    assert_eq!((server.seen().len(), tokens.seen().len()), (4, 3));
}

#[tokio::test]
async fn an_endpoint_may_want_the_secret_in_the_body() {
    let refusal = answer(401, r#"{"error": "invalid_client", "error_description": "s&t"}"#);
    let tokens = Server::start(&[&refusal, &token("one"), &token("two"), &refusal]).await;
    let server = Server::start(&[]).await;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "s&t\n").unwrap();
    let client = client(settings(&tokens, json!({"client_secret": "", "client_secret_file": file.path()})));
    client.check().await.unwrap();
    send(&client, &server.url()).await.unwrap();
    let body = "client_id=me&client_secret=s%26t&grant_type=client_credentials";
    assert!(tokens.seen()[1].ends_with(body), "{:?}", tokens.seen());
    std::fs::write(file.path(), "other\n").unwrap();
    send(&client, &server.url()).await.unwrap();
    assert!(
        tokens.seen()[2].contains("client_secret=other"),
        "another secret, another token, and the way is known"
    );
    std::fs::write(file.path(), "wrong\n").unwrap();
    let Err(HttpError::Other(text)) = send(&client, &server.url()).await else { panic!("sent without") };
    assert_eq!(text, "no token from 127.0.0.1: invalid_client (401 Unauthorized)");
}

#[tokio::test]
async fn an_assertion_is_signed_in_place_of_a_secret() {
    const KEY: &str = include_str!("testdata/rsa.pem");
    let tokens = Server::start(&[&token("one")]).await;
    let server = Server::start(&[]).await;
    let client = client(settings(
        &tokens,
        json!({
            "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
            "client_secret": "",
            "client_certificate_key": KEY,
            "client_certificate_key_id": "k1",
            "scopes": ["a"],
            "claims": {"tenant": "t"},
        }),
    ));
    client.check().await.unwrap();
    send(&client, &server.url()).await.unwrap();
    assert_eq!(server.last("authorization").as_deref(), Some("Bearer one"));
    let seen = tokens.seen();
    let body = seen[0].lines().last().unwrap();
    let parameters: Vec<_> = url::form_urlencoded::parse(body.as_bytes()).into_owned().collect();
    assert_eq!(parameters[1].1, "urn:ietf:params:oauth:grant-type:jwt-bearer");
    let (stated, signature) = parameters[0].1.rsplit_once('.').unwrap();
    let parts: Vec<Value> = stated
        .split('.')
        .map(|part| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap())
        .collect();
    assert_eq!(parts[0], json!({"alg": "RS256", "typ": "JWT", "kid": "k1"}));
    let claims = &parts[1];
    assert_eq!(
        (&claims["iss"], &claims["sub"], &claims["aud"]),
        (&json!("me"), &json!("me"), &json!(tokens.url()))
    );
    assert_eq!((&claims["scope"], &claims["tenant"]), (&json!("a"), &json!("t")));
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 600);
    let public_key = STANDARD.decode(include_str!("testdata/rsa.pub").trim()).unwrap();
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    let algorithms = rustls::crypto::ring::default_provider().signature_verification_algorithms;
    assert!(
        algorithms
            .all
            .iter()
            .any(|algorithm| algorithm.verify_signature(&public_key, stated.as_bytes(), &signature).is_ok())
    );
}

#[tokio::test]
async fn a_key_that_cannot_sign_is_told_at_once() {
    let oauth2 = json!({
        "client_id": "me",
        "token_url": "http://t",
        "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
    });
    let error = HttpSettings::read(&json!({"oauth2": oauth2.clone()})).unwrap_err();
    assert_eq!(error, "oauth2: add client_certificate_key_file, the key to sign with");
    let mut with_key = oauth2;
    with_key["client_certificate_key"] = json!("hunter22");
    let error = client(json!({"oauth2": with_key})).check().await.unwrap_err();
    assert_eq!(error, "oauth2: client_certificate_key holds no RSA key in PEM");
}
