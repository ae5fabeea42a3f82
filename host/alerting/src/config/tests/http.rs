//! `http_config`, `tls_config` and the settings of mail.

use super::*;

/// A file whose one webhook has this `http_config`.
fn webhook(http: &str) -> String {
    format!(
        "route: {{receiver: a}}\nreceivers:\n- name: a\n  webhook_configs:\n  - url: http://x/\n    http_config: {http}\n"
    )
}

#[test]
fn settings_that_exclude_or_need_each_other_are_refused_in_alertmanagers_words() {
    for (http, message) in [
        (
            "{bearer_token: a, bearer_token_file: b}",
            "at most one of bearer_token & bearer_token_file must be configured",
        ),
        (
            "{basic_auth: {username: u}, bearer_token: a}",
            "at most one of basic_auth, oauth2, bearer_token & bearer_token_file must be configured",
        ),
        (
            "{authorization: {credentials: c}, bearer_token: a}",
            "authorization is not compatible with bearer_token & bearer_token_file",
        ),
        (
            "{authorization: {credentials: c}, basic_auth: {username: u}}",
            "at most one of basic_auth, oauth2 & authorization must be configured",
        ),
        (
            "{basic_auth: {password: p, password_file: f}}",
            "at most one of basic_auth password, password_file & password_ref must be configured",
        ),
        (
            "{authorization: {type: ' Basic '}}",
            r#"authorization type cannot be set to "basic", use "basic_auth" instead"#,
        ),
        ("{oauth2: {client_id: i}}", "oauth2 token_url must be configured"),
        ("{no_proxy: x}", "if no_proxy is configured, proxy_url must also be configured"),
        (
            "{proxy_from_environment: true, proxy_url: 'http://p'}",
            "if proxy_from_environment is configured, proxy_url must not be configured",
        ),
        ("{tls_config: {ca: a, ca_file: b}}", "at most one of ca, ca_file & ca_ref must be configured"),
        (
            "{tls_config: {cert_file: b}}",
            "exactly one of key or key_file must be configured when a client certificate is configured",
        ),
        ("{tls_config: {min_version: TLS14}}", "unknown TLS version: TLS14"),
        ("{http_headers: {content-type: {values: [x]}}}", r#"setting header "Content-Type" is not allowed"#),
        ("{http_headers: {X-A: x}}", "the header X-A is no mapping"),
        ("{proxy_url: 'http://p', proxy_connect_header: {X-A: x}}", "the header X-A has no list of values"),
    ] {
        let error = refused(&webhook(http));
        assert_eq!(error.message, message, "{http}");
        assert!(error.line == 6 && error.hint.is_some(), "{error:?}");
    }
}

#[test]
fn names_in_a_secret_manager_are_refused_with_the_way_to_go() {
    let error = refused(&webhook("{basic_auth: {username: u, password_ref: p}}"));
    assert_eq!(error.message, "`password_ref` needs a secret manager, and there is none");
    assert_eq!(error.hint.unwrap(), "have the secret written to a file, and name it in `password_file`");
}

#[test]
fn passwords_in_proxy_addresses_are_not_printed() {
    let (config, _) = load(&webhook("{proxy_url: 'http://u:hunter2@proxy:3128/'}"));
    let printed = config.to_alertmanager_yaml();
    assert!(printed.contains("http://u:xxxxx@proxy:3128/") && !printed.contains("hunter2"), "{printed}");
    load(&printed);
}

#[test]
fn own_http_config_replaces_the_global_one_whole_also_for_plugins() {
    let (config, _) = load(
        "global: {http_config: {proxy_url: 'http://p', follow_redirects: false}}
route: {receiver: a}
receivers:
- name: a
  webhook_configs: [{url: 'http://x/'}, {url: 'http://x/', http_config: {enable_http2: false}}]
  matrix_configs: [{room: r}, {room: r, http_config: {bearer_token: t}}]
  msteamsv2_configs: [{webhook_url: 'http://x/', http_config: {bearer_token: t}}]
",
    );
    let all = &config.receivers[0].integrations;
    let http = |kind: &str| {
        let of_kind = all.iter().filter(move |integration| integration.kind == kind);
        of_kind.map(|integration| integration.settings["http_config"].to_string()).collect::<Vec<_>>()
    };
    let global = r#"{"follow_redirects":false,"proxy_url":"http://p"}"#;
    assert_eq!(http("webhook"), [global, r#"{"enable_http2":false}"#]);
    assert_eq!(http("matrix"), [global, r#"{"bearer_token":"t"}"#]);
    // As Alertmanager 0.34: only this kind keeps the global proxy beside its own settings.
    assert_eq!(http("msteamsv2"), [r#"{"bearer_token":"t","proxy_url":"http://p"}"#]);
    let plugin =
        "route: {receiver: a}\nreceivers:\n- name: a\n  matrix_configs:\n  - http_config: {no_proxy: x}\n";
    assert_eq!(refused(plugin).line, 5, "settings of requests are checked for plugins too");
}

fn mail(global: &str, own: &str) -> String {
    format!(
        "global: {{smtp_smarthost: 'h:25', smtp_from: f@x, {global}}}\nroute: {{receiver: a}}\nreceivers: [{{name: a, email_configs: [{{to: t@x, {own}}}]}}]\n"
    )
}

#[test]
fn a_mail_setting_that_says_no_is_not_overruled_by_the_global_one() {
    let text = mail(
        "smtp_force_implicit_tls: true, smtp_tls_config: {ca_file: c}, smtp_auth_secret_file: s",
        "require_tls: false, force_implicit_tls: false",
    );
    let settings = &load(&text).0.receivers[0].integrations[0].settings;
    assert_eq!(
        (&settings["require_tls"], &settings["force_implicit_tls"]),
        (&Json::from(false), &Json::from(false))
    );
    assert_eq!(settings["tls_config"]["ca_file"], "c");
    assert_eq!(settings["auth_secret_file"], "s");
}

#[test]
fn threads_of_mails_need_their_span_and_their_headers() {
    load(&mail("", "threading: {enabled: true, thread_by_date: daily}"));
    load(&mail("", "threading: {enabled: false}, headers: {References: x}"));
    let error = refused(&mail("", "threading: {enabled: true}"));
    assert_eq!(error.message, "threading.thread_by_date must be either 'none' or 'daily'");
    let error =
        refused(&mail("", "threading: {enabled: true, thread_by_date: none}, headers: {in-reply-to: x}"));
    assert!(error.message.ends_with("conflicts with custom In-Reply-To header"), "{error}");
}
