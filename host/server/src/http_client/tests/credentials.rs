//! `basic_auth`, `authorization`, `bearer_token` and `http_headers`.

use serde_json::json;

use super::server::{Server, json as answer};
use super::*;

#[tokio::test]
async fn each_way_to_say_who_is_asking_arrives() {
    let server = Server::start(&[]).await;
    for (http_config, wanted) in [
        (json!({"basic_auth": {"username": "u", "password": "p:w"}}), "Basic dTpwOnc="),
        (json!({"basic_auth": {"username": "u"}}), "Basic dTo="),
        (json!({"authorization": {"credentials": "t"}}), "Bearer t"),
        (json!({"authorization": {"type": " GenieKey ", "credentials": "t"}}), "GenieKey t"),
        (json!({"bearer_token": "t"}), "Bearer t"),
    ] {
        let client = client(http_config);
        client.check().await.unwrap();
        send(&client, &server.url()).await.unwrap();
        assert_eq!(server.last("authorization").as_deref(), Some(wanted));
    }
}

#[tokio::test]
async fn files_are_read_for_each_request() {
    let server = Server::start(&[]).await;
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let (user, password, token, header) =
        (file("user", "u\n"), file("password", "p\n"), file("token", " t1 \n"), file("header", "h\n"));
    let basic = client(json!({
        "basic_auth": {"username_file": user, "password_file": password},
        "http_headers": {"X-Tenant": {"values": ["a", 5], "secrets": ["s"], "files": [header]}},
    }));
    send(&basic, &server.url()).await.unwrap();
    assert_eq!(server.last("authorization").as_deref(), Some("Basic dTpw"));
    assert_eq!(server.last("x-tenant").as_deref(), Some("a, 5, s, h"));
    for http_config in
        [json!({"authorization": {"credentials_file": token}}), json!({"bearer_token_file": token})]
    {
        let client = client(http_config);
        for now in ["t1", "t2"] {
            std::fs::write(&token, format!("{now}\n")).unwrap();
            send(&client, &server.url()).await.unwrap();
            assert_eq!(server.last("authorization").unwrap(), format!("Bearer {now}"));
        }
    }
    std::fs::remove_file(&password).unwrap();
    let Err(HttpError::Other(text)) = send(&basic, &server.url()).await else { panic!("sent without it") };
    assert!(text.starts_with(&format!("cannot read {}: ", password.display())), "{text}");
    assert!(basic.check().await.is_err());
}

#[tokio::test]
async fn a_header_of_the_plugin_is_left_alone_as_in_alertmanager() {
    let server = Server::start(&[]).await;
    let client = client(json!({"bearer_token": "t", "http_headers": {"X-A": {"values": ["b"]}}}));
    let mut own = request(&server.url());
    own.headers.push(("Authorization".into(), "GenieKey own".into()));
    own.headers.push(("X-A".into(), "a".into()));
    client.send(own).await.unwrap();
    assert_eq!(server.last("authorization").as_deref(), Some("GenieKey own"));
    assert_eq!(server.last("x-a").as_deref(), Some("a, b"));
}

#[tokio::test]
async fn another_host_does_not_learn_who_is_asking() {
    let server = Server::start(&[]).await;
    let headers = json!({"Cookie": {"secrets": ["c"]}, "X-A": {"values": ["b"]}});
    let client = client(json!({"bearer_token": "t", "http_headers": headers}));
    client.send(HttpRequest { left_host: true, ..request(&server.url()) }).await.unwrap();
    assert_eq!(server.last("authorization"), None);
    assert_eq!(server.last("cookie"), None);
    assert_eq!(server.last("x-a").as_deref(), Some("b"));
}

#[tokio::test]
async fn credentials_in_answers_do_not_reach_the_plugin() {
    let echo = "hunter22 c2VjcmV0LXVzZXI6aHVudGVyMjI= production";
    let echo = format!(
        "HTTP/1.1 200 OK\r\nx-echo: hunter22\r\n{}",
        &answer(200, echo)["HTTP/1.1 200 X\r\n".len()..]
    );
    let server = Server::start(&[&echo]).await;
    let client = client(json!({
        "basic_auth": {"username": "secret-user", "password": "hunter22"},
        "http_headers": {"X-Stage": {"values": ["production"]}},
    }));
    let answer = send(&client, &server.url()).await.unwrap();
    assert_eq!(server.last("authorization").as_deref(), Some("Basic c2VjcmV0LXVzZXI6aHVudGVyMjI="));
    assert_eq!(answer.body, &b"[secret] [secret] production"[..]);
    assert!(answer.headers.contains(&("x-echo".to_owned(), "[secret]".to_owned())), "{answer:?}");
}

#[test]
fn nothing_secret_is_shown() {
    let settings = HttpSettings::read(&json!({
        "basic_auth": {"username": "u", "password": "hunter22"},
        "proxy_url": "http://u:hunter22@proxy",
        "proxy_connect_header": {"X-A": ["hunter22"]},
        "http_headers": {"X-A": {"secrets": ["hunter22"]}},
        "tls_config": {"key": "hunter22"},
    }));
    let shown = format!("{:?}", ConfiguredHttpClient::new(settings.unwrap()));
    assert!(!shown.contains("hunter22"), "{shown}");
    let oauth2 = json!({"client_id": "i", "client_secret": "hunter22", "token_url": "http://t"});
    let shown = format!("{:?}", client(json!({"oauth2": oauth2})));
    assert!(!shown.contains("hunter22"), "{shown}");
}

#[test]
fn what_every_client_does_needs_no_client_of_its_own() {
    let is_plain = |json| HttpSettings::read(&json).unwrap().is_plain();
    assert!(is_plain(json!({})) && is_plain(json!({"follow_redirects": false, "tls_config": {}})));
    for more in [
        json!({"enable_http2": false}),
        json!({"tls_config": {"insecure_skip_verify": true}}),
        json!({"proxy_from_environment": true}),
        json!({"bearer_token": "t"}),
        json!({"http_headers": {"X-A": {"values": ["a"]}}}),
    ] {
        assert!(!is_plain(more.clone()), "{more}");
    }
    assert!(HttpSettings::read(&json!({})).unwrap().follow_redirects, "as Alertmanager");
}
