//! Mails to a server on this machine that keeps what it is told.

mod server;

use bellwether_model::Timestamp;
use serde_json::{Value, json};

use self::server::MailServer;
use super::super::samples::delivery;
use super::*;
use crate::http_client::tests::tls::Authority;

/// `2026-01-05T10:00:00Z`
const NOW: Timestamp = Timestamp::from_millis(1_767_607_200_000);

/// A call with the settings and texts of an entry of `email_configs` whose templates stand for themselves.
fn call(settings: &Value) -> ReceiverCall {
    let Value::Object(map) = settings else { panic!("no settings") };
    let texts = Email::default().texts(map);
    let as_written = |text: &TemplateText| text.render(|text| Ok::<_, ()>(text.to_owned())).unwrap();
    ReceiverCall {
        config: settings.to_string(),
        notification: delivery("1", "team").notification,
        rendered: texts.iter().map(|text| (text.name.clone(), as_written(text))).collect(),
        idempotency_key: "key-1".to_owned(),
        attempt: 1,
        test: false,
        previous: None,
        now: NOW,
    }
}

/// Settings for that server, in the clear, and more.
fn settings(server: &MailServer, more: Value) -> Value {
    let mut settings = json!({
        "smarthost": server.address.to_string(),
        "to": "a@example.org",
        "from": "Bell <bell@example.org>",
        "require_tls": false,
        "html": "<p>hot</p>",
    });
    settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    settings
}

async fn told(server: &MailServer, more: Value) -> Result<Receipt, DeliveryFailure> {
    let settings = settings(server, more);
    Email::default().check(&settings.to_string()).await.unwrap();
    Email::default().notify(call(&settings)).await
}

/// The lines of the mail that the server was given.
async fn mail(more: Value) -> Vec<String> {
    let server = MailServer::start(&[], None).await;
    told(&server, more).await.unwrap();
    server.mail()
}

#[tokio::test]
async fn a_mail_goes_to_everybody_in_one_conversation() {
    let server = MailServer::start(&["8BITMIME", "STARTTLS"], None).await;
    let to = r#"a@example.org, "Doe, J" <j.doe@example.com>"#;
    let receipt = told(&server, json!({"to": to, "hello": "board.example"})).await.unwrap();
    assert_eq!(receipt.id, "<key-1@example.org>");
    assert_eq!(
        server.commands(),
        [
            "EHLO board.example",
            "MAIL FROM:<bell@example.org> BODY=8BITMIME",
            "RCPT TO:<a@example.org>",
            "RCPT TO:<j.doe@example.com>",
            "DATA",
            "QUIT",
        ],
        "where TLS is not required it is not asked for, as in Alertmanager"
    );
    let mail = server.mail();
    for line in [
        "From: Bell <bell@example.org>",
        "To: a@example.org, =?utf-8?b?RG9lLCBK?= <j.doe@example.com>",
        "Message-ID: <key-1@example.org>",
        "Date: Mon, 05 Jan 2026 10:00:00 +0000",
        "Content-Type: text/html; charset=utf-8",
        "<p>hot</p>",
    ] {
        assert!(mail.iter().any(|have| have == line), "{line} is not in {mail:#?}");
    }
}

#[tokio::test]
async fn headers_are_the_operators() {
    let headers = json!({
        "subject": "too\n hot", "X-Team": "Zoë", "Reply-To": "r@example.org",
        "To": "all:;", "From": "Other <o@example.org>", "Message-Id": "<own@example.org>",
    });
    let mail = mail(json!({"headers": headers})).await;
    for line in [
        "Subject: too hot",
        "X-Team: =?utf-8?b?Wm/Dqw==?=",
        "Reply-To: r@example.org",
        "To: all:;",
        "From: Other <o@example.org>",
    ] {
        assert!(mail.iter().any(|have| have == line), "{line} is not in {mail:#?}");
    }
    let ids: Vec<_> = mail.iter().filter(|line| line.to_lowercase().starts_with("message-id:")).collect();
    assert_eq!(ids, ["Message-Id: <own@example.org>"]);
}

#[tokio::test]
async fn text_and_html_are_alternatives_and_lines_with_dots_arrive() {
    let both = mail(json!({"text": "plain\n.dot\n"})).await;
    assert!(both.iter().any(|line| line.starts_with("Content-Type: multipart/alternative")), "{both:#?}");
    let position = |line: &str| both.iter().position(|have| have == line).unwrap();
    assert!(position("plain") < position("<p>hot</p>"), "mail programs show the last part that they can");
    position(".dot");
    let text = mail(json!({"html": "", "text": "plain"})).await;
    assert!(text.iter().any(|line| line == "Content-Type: text/plain; charset=utf-8"), "{text:#?}");
}

#[tokio::test]
async fn mails_about_a_group_make_one_thread() {
    // The hash of the group's key, as Alertmanager has it: `printf 'group of 1' | sha256sum`.
    for (by, root) in [
        ("daily", "<alert-4924103a44bf1c3b-2026-01-05@alertmanager>"),
        ("none", "<alert-4924103a44bf1c3b-@alertmanager>"),
    ] {
        let mail = mail(json!({"threading": {"enabled": true, "thread_by_date": by}})).await;
        for name in ["References", "In-Reply-To"] {
            let line = format!("{name}: {root}");
            assert!(mail.contains(&line), "{line} is not in {mail:#?}");
        }
    }
    assert!(!mail(json!({})).await.iter().any(|line| line.starts_with("References")));
}

#[tokio::test]
async fn encryption_is_required_where_nothing_is_said() {
    let authority = Authority::new();
    let identity = authority.certificate(&["mail.example"]);
    let server = MailServer::start(&["STARTTLS"], Some(&identity)).await;
    let named =
        |ca: String| json!({"require_tls": true, "tls_config": {"ca": ca, "server_name": "mail.example"}});
    told(&server, named(authority.pem())).await.unwrap();
    assert_eq!(
        server.commands()[..4],
        ["EHLO localhost", "STARTTLS", "EHLO localhost", "MAIL FROM:<bell@example.org>"]
    );
    let unknown = told(&server, named(Authority::new().pem())).await;
    assert!(matches!(&unknown, Err(DeliveryFailure::Retryable(why)) if why.contains("TLS: ")), "{unknown:?}");
    let by_address = told(&server, json!({"require_tls": true, "tls_config": {"ca": authority.pem()}})).await;
    assert!(matches!(by_address, Err(DeliveryFailure::Retryable(_))), "it is not valid for 127.0.0.1");
    told(&server, json!({"require_tls": true, "tls_config": {"insecure_skip_verify": true}})).await.unwrap();
    let without = MailServer::start(&[], None).await;
    let refused = told(&without, json!({"require_tls": true})).await;
    assert!(
        matches!(&refused, Err(DeliveryFailure::Misconfigured(why)) if why.contains("set require_tls: false")),
        "{refused:?}"
    );
    assert_eq!(without.commands(), ["EHLO localhost"], "the connection ends there");
}

#[tokio::test]
async fn encryption_may_begin_with_the_first_byte() {
    let authority = Authority::new();
    let server = MailServer::encrypted(&authority.certificate(&["127.0.0.1"])).await;
    let tls_config = json!({"ca": authority.pem()});
    told(&server, json!({"force_implicit_tls": true, "tls_config": tls_config})).await.unwrap();
    assert_eq!(server.commands()[0], "EHLO localhost");
    let parsed = |smarthost: &str, force: Value| {
        parse(&json!({"smarthost": smarthost, "force_implicit_tls": force}).to_string()).unwrap().security
    };
    assert_eq!(parsed("h:465", Value::Null), Security::Implicit);
    assert_eq!(parsed("h:465", false.into()), Security::StartTls);
    assert_eq!(parsed("h:587", Value::Null), Security::StartTls);
}

#[tokio::test]
async fn logins_are_tried_in_the_servers_order() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("secret");
    std::fs::write(&file, "tanstaaftanstaaf\n").unwrap();
    let user = |more: Value| {
        let mut all = json!({"auth_username": "tim"});
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        all
    };
    for (offered, more, wanted) in [
        (
            "AUTH CRAM-MD5 PLAIN",
            user(json!({"auth_password": "p", "auth_secret_file": file})),
            &["AUTH CRAM-MD5", "dGltIGI5MTNhNjAyYzdlZGE3YTQ5NWI0ZTZlNzMzNGQzODkw"][..],
        ),
        // Without the secret the next one is taken.
        ("AUTH CRAM-MD5 PLAIN", user(json!({"auth_password": "p"})), &["AUTH PLAIN AHRpbQBw"]),
        (
            "AUTH XOAUTH2 PLAIN LOGIN",
            user(json!({"auth_password_file": file, "auth_identity": "for"})),
            &["AUTH PLAIN Zm9yAHRpbQB0YW5zdGFhZnRhbnN0YWFm"],
        ),
        ("AUTH LOGIN PLAIN", user(json!({"auth_password": "p"})), &["AUTH LOGIN", "dGlt", "cA=="]),
        ("AUTH PLAIN", json!({"auth_password": "p"}), &[]),
        ("8BITMIME", user(json!({"auth_password": "p"})), &[]),
    ] {
        let server = MailServer::start(&[offered], None).await;
        told(&server, more).await.unwrap();
        let commands = server.commands();
        let end = commands.iter().position(|command| command.starts_with("MAIL")).unwrap();
        assert_eq!(commands[1..end], *wanted, "{offered}");
    }
    let server = MailServer::start(&["AUTH CRAM-MD5 XOAUTH2"], None).await;
    let failure = told(&server, user(json!({"auth_password": "hunter22"}))).await.unwrap_err().to_string();
    assert!(failure.contains("the server offers CRAM-MD5 XOAUTH2; CRAM-MD5 needs auth_secret"), "{failure}");
    std::fs::remove_file(&file).unwrap();
    let gone = told(&server, user(json!({"auth_secret_file": file}))).await;
    assert!(
        matches!(&gone, Err(DeliveryFailure::Misconfigured(why)) if why.contains("cannot read")),
        "{gone:?}"
    );
}

#[tokio::test]
async fn no_password_goes_out_in_the_clear() {
    let (ours, mut theirs) = tokio::io::duplex(1000);
    tokio::io::AsyncWriteExt::write_all(&mut theirs, b"220 x\r\n250-x\r\n250 AUTH PLAIN\r\n").await.unwrap();
    let mut smtp = smtp::Smtp::open(Box::new(ours)).await.unwrap();
    smtp.greet("localhost").await.unwrap();
    let password = Some(Secret::Inline("hunter22".to_owned()));
    let login = login::Login { username: "u".to_owned(), identity: String::new(), password, secret: None };
    let refused = login.perform(&mut smtp, false).await.unwrap_err().to_string();
    assert!(refused.contains("set require_tls: true") && !refused.contains("hunter22"), "{refused}");
}

#[tokio::test]
async fn refusals_decide_what_becomes_of_a_mail() {
    for (command, reply, is_for_good) in [
        ("RCPT", "550 5.1.1 nobody of that name", true),
        ("RCPT", "451 try later", false),
        ("MAIL", "452 full", false),
        ("DATA", "554 no", true),
        (".", "421 going down", false),
        ("EHLO", "421 busy", false),
    ] {
        let server = MailServer::answering(command, reply).await;
        let failure = told(&server, json!({})).await.unwrap_err();
        assert_eq!(matches!(failure, DeliveryFailure::Permanent(_)), is_for_good, "{command}: {failure:?}");
        assert_eq!(matches!(failure, DeliveryFailure::Retryable(_)), !is_for_good, "{command}: {failure:?}");
    }
    let server = MailServer::answering("EHLO", "502 what?").await;
    told(&server, json!({})).await.unwrap();
    assert_eq!(server.commands()[1], "HELO localhost", "old servers");
    let nobody_listens = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let nobody = settings(&server, json!({"smarthost": nobody_listens.to_string()}));
    let failure = Email::default().notify(call(&nobody)).await.unwrap_err();
    assert!(matches!(failure, DeliveryFailure::Retryable(_)), "{failure:?}");
}

#[tokio::test]
async fn mistakes_are_told_when_the_file_is_loaded() {
    let base = json!({"smarthost": "h:25", "to": "a@b.example", "from": "f@b.example"});
    for (more, problem) in [
        (json!({"smarthost": "h"}), "smarthost \"h\" is not of the form host:port"),
        (json!({"to": "nobody"}), "to: \"nobody\" is no mail address, nor a list of them with commas"),
        (json!({"hello": "a b"}), "hello \"a b\" is no name of a host"),
        (json!({"headers": {"X A": "x"}}), "headers: \"X A\" is no name of a header"),
        (json!({"tls_config": {"max_version": "TLS10"}}), "tls_config: max_version TLS10 is not spoken here"),
    ] {
        let mut settings = base.clone();
        settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let problems = Email::default().check(&settings.to_string()).await.unwrap_err();
        assert!(problems[0].starts_with(problem), "{problems:?}");
    }
    let mut templated = base;
    templated["to"] = "{{ .CommonLabels.owner }}@b.example".into();
    Email::default().check(&templated.to_string()).await.unwrap();
}

#[test]
fn addresses_and_headers_are_templates() {
    let Value::Object(settings) = json!({
        "to": "{{ .CommonLabels.owner }}",
        "from": "f",
        "headers": {"SUBJECT": "s", "X-A": "a"},
    }) else {
        unreachable!("an object was written")
    };
    let texts = Email::default().texts(&settings);
    let named = |name: &str| texts.iter().find(|text| text.name == name).unwrap().source.clone();
    assert_eq!(named("to"), "{{ .CommonLabels.owner }}");
    assert_eq!(named("subject"), "s");
    assert_eq!(named("header X-A"), "a");
    assert_eq!(named("html"), r#"{{ template "email.default.html" . }}"#);
    assert_eq!(texts.len(), 6);
}
