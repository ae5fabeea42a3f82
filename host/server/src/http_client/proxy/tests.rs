use serde_json::json;

use super::*;

fn settings(config: Value, environment: &[(&str, &str)]) -> Result<ProxySettings, String> {
    let config = ProxyConfig::deserialize(config).unwrap();
    ProxySettings::new(config, |name| {
        environment.iter().find(|(have, _)| *have == name).map(|(_, value)| (*value).to_owned())
    })
}

fn proxy_of(settings: &ProxySettings, url: &str) -> Option<String> {
    settings.choice.of(&Url::parse(url).unwrap()).map(|proxy| proxy.to_string())
}

#[test]
fn a_proxy_alone_takes_everything_and_one_with_exceptions_spares_this_machine() {
    let all = settings(json!({"proxy_url": "http://p:3128"}), &[]).unwrap();
    assert_eq!(proxy_of(&all, "http://localhost/").as_deref(), Some("http://p:3128/"));
    let some = settings(json!({"proxy_url": "p:3128", "no_proxy": "a.example"}), &[]).unwrap();
    assert_eq!(proxy_of(&some, "https://b.example/").as_deref(), Some("http://p:3128/"));
    for direct in ["http://localhost:9/", "http://127.0.0.9/", "http://[::1]/", "https://x.a.example/"] {
        assert_eq!(proxy_of(&some, direct), None, "{direct}");
    }
    assert!(
        settings(json!({}), &[("HTTP_PROXY", "http://p")]).unwrap().is_direct(),
        "only where it is asked for"
    );
}

#[test]
fn exceptions_are_read_as_go_reads_them() {
    for (list, url, is_direct) in [
        ("*", "http://any/", true),
        ("example.com", "http://example.com/", true),
        ("example.com", "http://a.example.com/", true),
        ("example.com", "http://badexample.com/", false),
        (".example.com", "http://example.com/", false),
        ("*.example.com", "http://a.example.com/", true),
        ("example.com:8080", "http://example.com/", false),
        ("example.com:8080", "http://example.com:8080/", true),
        ("example.com:443", "https://example.com/", true),
        ("10.0.0.0/8", "http://10.1.2.3/", true),
        ("10.0.0.0/8", "http://11.1.2.3/", false),
        ("0.0.0.0/0", "http://[2001:db8::1]/", false),
        ("2001:db8::/32", "http://[2001:db8::1]/", true),
        ("192.168.0.1:80, [2001:db8::2]:90", "http://192.168.0.1/", true),
        ("192.168.0.1:80, [2001:db8::2]:90", "http://[2001:db8::2]:90/", true),
        ("2001:db8::2", "http://[2001:db8::2]:90/", true),
        ("168.0.1", "http://192.168.0.1/", false),
        (" , :80, 1.2.3.4/99", "http://a/", false),
    ] {
        let exceptions = Exceptions::parse(list);
        assert_eq!(exceptions.hold_for(&Url::parse(url).unwrap()), is_direct, "{list} for {url}");
    }
}

#[test]
fn the_environment_has_a_proxy_for_each_scheme() {
    let environment =
        [("HTTP_PROXY", "a:1"), ("https_proxy", "https://b:2"), ("no_proxy", "x.example"), ("NO_PROXY", "")];
    let settings = settings(json!({"proxy_from_environment": true}), &environment).unwrap();
    assert_eq!(proxy_of(&settings, "http://h/").as_deref(), Some("http://a:1/"));
    assert_eq!(proxy_of(&settings, "https://h/").as_deref(), Some("https://b:2/"));
    assert_eq!(proxy_of(&settings, "https://x.example/"), None);
    assert_eq!(settings.hosts(), ["a", "b"]);
}

#[test]
fn mistakes_are_told_without_the_password() {
    for url in ["ftp://u:hunter2@p/", "http://u:hunter2@p:x/"] {
        let error = settings(json!({"proxy_url": url}), &[]).unwrap_err();
        assert!(error.starts_with("proxy_url: ") && !error.contains("hunter2"), "{error}");
    }
    let hidden = settings(json!({"proxy_url": "http://u:hunter2@p/"}), &[]).unwrap();
    assert!(!format!("{hidden:?}").contains("hunter2"));
    let header = json!({"proxy_url": "http://p", "proxy_connect_header": {"X-A": ["a\nb"]}});
    assert!(settings(header, &[]).unwrap_err().contains("\"X-A\" is no header"));
}
