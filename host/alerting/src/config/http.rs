//! What must hold among the settings of `http_config` and `tls_config`, as prometheus/common 0.71 has it.
//!
//! Their shapes are in the tables of [`super::kinds`]; here is which of them exclude or need each other, and what this
//! host has no way to do. The server makes clients of them.

use serde_json::{Map, Value as Json};

use super::receiver::is_set;

/// What is wrong with a mapping, and the remedy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wrong {
    pub(crate) message: String,
    pub(crate) hint: String,
}

/// Looks at a whole mapping after its parts were read.
pub(crate) type Check = fn(&Map<String, Json>) -> Result<(), Wrong>;

/// Headers that the clients set themselves, or that change what a connection means.
const RESERVED_HEADERS: [&str; 18] = [
    "Accept-Encoding",
    "Authorization",
    "Connection",
    "Content-Encoding",
    "Content-Length",
    "Content-Type",
    "Host",
    "Keep-Alive",
    "Proxy-Authenticate",
    "Proxy-Authorization",
    "User-Agent",
    "Www-Authenticate",
    "X-Amz-Content-Sha256",
    "X-Amz-Date",
    "X-Amz-Security-Token",
    "X-Prometheus-Remote-Read-Version",
    "X-Prometheus-Remote-Write-Version",
    "X-Prometheus-Scrape-Timeout-Seconds",
];
/// How versions of TLS are called, the oldest first.
const TLS_VERSIONS: [&str; 4] = ["TLS10", "TLS11", "TLS12", "TLS13"];
/// The other way to get a token than a client's secret.
const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/// Ends the keys that name a secret in a secret manager.
const REFERENCE_SUFFIX: &str = "_ref";

fn wrong<T>(message: impl Into<String>, hint: impl Into<String>) -> Result<T, Wrong> {
    Err(Wrong { message: message.into(), hint: hint.into() })
}

/// Whether requests carry an `Authorization` header of the operator's: `bearer_token` is another spelling of
/// `authorization`.
pub(super) fn has_authorization(settings: &Map<String, Json>) -> bool {
    let http = settings.get("http_config").and_then(Json::as_object);
    http.is_some_and(|http| {
        http.contains_key("authorization")
            || is_set(http, "bearer_token")
            || is_set(http, "bearer_token_file")
    })
}

/// `http_config`
pub(super) fn check_http(http: &Map<String, Json>) -> Result<(), Wrong> {
    let bearer = is_set(http, "bearer_token") || is_set(http, "bearer_token_file");
    at_most_one(http, "", &["bearer_token", "bearer_token_file"])?;
    let has = |key: &str| http.contains_key(key);
    if bearer && (has("basic_auth") || has("oauth2")) {
        let message =
            "at most one of basic_auth, oauth2, bearer_token & bearer_token_file must be configured";
        return wrong(message, "keep one way to authenticate");
    }
    if bearer && has("authorization") {
        let message = "authorization is not compatible with bearer_token & bearer_token_file";
        return wrong(message, "keep `authorization`");
    }
    if [has("basic_auth"), has("oauth2"), has("authorization")].iter().filter(|has| **has).count() > 1 {
        let message = "at most one of basic_auth, oauth2 & authorization must be configured";
        return wrong(message, "keep one way to authenticate");
    }
    check_proxy(http)
}

/// `basic_auth`
pub(super) fn check_basic_auth(basic: &Map<String, Json>) -> Result<(), Wrong> {
    at_most_one(basic, "basic_auth ", &["username", "username_file", "username_ref"])?;
    at_most_one(basic, "basic_auth ", &["password", "password_file", "password_ref"])?;
    no_references(basic)
}

/// `authorization`
pub(super) fn check_authorization(authorization: &Map<String, Json>) -> Result<(), Wrong> {
    at_most_one(authorization, "authorization ", &["credentials", "credentials_file", "credentials_ref"])?;
    let kind = authorization.get("type").and_then(Json::as_str).unwrap_or("");
    if kind.trim().eq_ignore_ascii_case("basic") {
        let message = r#"authorization type cannot be set to "basic", use "basic_auth" instead"#;
        return wrong(message, "move the user and the password to `basic_auth`");
    }
    no_references(authorization)
}

/// `oauth2`
pub(super) fn check_oauth2(oauth2: &Map<String, Json>) -> Result<(), Wrong> {
    for key in ["client_id", "token_url"] {
        if !is_set(oauth2, key) {
            return wrong(format!("oauth2 {key} must be configured"), format!("add `{key}`"));
        }
    }
    if oauth2.get("grant_type").and_then(Json::as_str) == Some(JWT_BEARER) {
        let keys = ["client_certificate_key", "client_certificate_key_file", "client_certificate_key_ref"];
        at_most_one(oauth2, "oauth2 ", &keys)?;
        let algorithm = oauth2.get("signature_algorithm").and_then(Json::as_str).unwrap_or("");
        if !["", "RS256", "RS384", "RS512"].contains(&algorithm) {
            let message = "valid signature algorithms are RS256, RS384 and RS512";
            return wrong(message, "use one of them as `signature_algorithm`");
        }
    } else {
        at_most_one(oauth2, "oauth2 ", &["client_secret", "client_secret_file", "client_secret_ref"])?;
    }
    check_proxy(oauth2)?;
    no_references(oauth2)
}

/// `tls_config`
pub(super) fn check_tls(tls: &Map<String, Json>) -> Result<(), Wrong> {
    at_most_one(tls, "", &["ca", "ca_file", "ca_ref"])?;
    at_most_one(tls, "", &["cert", "cert_file", "cert_ref"])?;
    at_most_one(tls, "", &["key", "key_file", "key_ref"])?;
    let given = |key: &str| {
        is_set(tls, key) || ["_file", "_ref"].iter().any(|end| is_set(tls, &format!("{key}{end}")))
    };
    let (certificate, key) = (given("cert"), given("key"));
    for (has, lacks, missing, other) in
        [(certificate, key, "key", "certificate"), (key, certificate, "cert", "key")]
    {
        if has && !lacks {
            let message = format!(
                "exactly one of {missing} or {missing}_file must be configured when a client {other} is configured"
            );
            return wrong(message, format!("add `{missing}_file`"));
        }
    }
    if let (Some(least), Some(most)) = (tls_version(tls, "min_version")?, tls_version(tls, "max_version")?)
        && most < least
    {
        let message = "tls_config.max_version must be greater than or equal to tls_config.min_version if \
                       both are specified";
        return wrong(message, "swap the two");
    }
    no_references(tls)
}

/// The place of a version among all; none where the key is absent.
fn tls_version(tls: &Map<String, Json>, key: &str) -> Result<Option<usize>, Wrong> {
    let Some(name) = tls.get(key).and_then(Json::as_str) else { return Ok(None) };
    match TLS_VERSIONS.iter().position(|version| *version == name) {
        Some(at) => Ok(Some(at)),
        None => {
            wrong(format!("unknown TLS version: {name}"), format!("use one of {}", TLS_VERSIONS.join(", ")))
        }
    }
}

/// The proxy settings of `http_config` and of `oauth2`.
fn check_proxy(settings: &Map<String, Json>) -> Result<(), Wrong> {
    let (url, environment) = (is_set(settings, "proxy_url"), is_set(settings, "proxy_from_environment"));
    let (exceptions, headers) = (is_set(settings, "no_proxy"), settings.get("proxy_connect_header"));
    if headers.and_then(Json::as_object).is_some_and(|headers| !headers.is_empty()) && !environment && !url {
        let message = "if proxy_connect_header is configured, proxy_url or proxy_from_environment must also be \
                       configured";
        return wrong(message, "add `proxy_url`");
    }
    if environment && url {
        let message = "if proxy_from_environment is configured, proxy_url must not be configured";
        return wrong(message, "remove one of them");
    }
    if environment && exceptions {
        let message = "if proxy_from_environment is configured, no_proxy must not be configured";
        return wrong(message, "set the environment variable NO_PROXY instead");
    }
    if exceptions && !url {
        let message = "if no_proxy is configured, proxy_url must also be configured";
        return wrong(message, "add `proxy_url`");
    }
    Ok(())
}

/// `http_headers`: each a mapping with the lists `values`, `secrets` and `files`.
pub(super) fn check_headers(headers: &Map<String, Json>) -> Result<(), Wrong> {
    for (name, header) in headers {
        if let Some(reserved) = RESERVED_HEADERS.iter().find(|reserved| reserved.eq_ignore_ascii_case(name)) {
            let hint =
                "for credentials there are `authorization` and `basic_auth`; the others are set by the host";
            return wrong(format!("setting header {reserved:?} is not allowed"), hint);
        }
        let parts = match header {
            Json::Null => continue,
            Json::Object(parts) => parts,
            _ => return wrong(format!("the header {name} is no mapping"), "write `{values: [VALUE]}`"),
        };
        for (key, list) in parts {
            if !["values", "secrets", "files"].contains(&key.as_str()) {
                let message = format!("unknown key `{key}` in the header {name}");
                return wrong(message, "known here: values, secrets, files");
            }
            check_texts(name, list)?;
        }
    }
    Ok(())
}

/// `proxy_connect_header`: each a list of values.
pub(super) fn check_proxy_headers(headers: &Map<String, Json>) -> Result<(), Wrong> {
    headers.iter().try_for_each(|(name, list)| check_texts(name, list))
}

fn check_texts(name: &str, list: &Json) -> Result<(), Wrong> {
    let is_scalar = |item: &Json| !item.is_array() && !item.is_object();
    match list {
        Json::Null => Ok(()),
        Json::Array(items) if items.iter().all(is_scalar) => Ok(()),
        _ => wrong(format!("the header {name} has no list of values"), "write `[VALUE]`"),
    }
}

fn at_most_one(settings: &Map<String, Json>, of: &str, keys: &[&str]) -> Result<(), Wrong> {
    if keys.iter().filter(|key| is_set(settings, key)).count() < 2 {
        return Ok(());
    }
    let message = match keys {
        [first, second] => format!("at most one of {of}{first} & {second} must be configured"),
        [first, second, third] => {
            format!("at most one of {of}{first}, {second} & {third} must be configured")
        }
        _ => format!("at most one of {of}{} must be configured", keys.join(", ")),
    };
    wrong(message, "keep one of them")
}

/// Alertmanager takes these keys and then has no secret manager to ask; here that is said when the file is read.
fn no_references(settings: &Map<String, Json>) -> Result<(), Wrong> {
    let mut references = settings.keys().filter(|key| key.ends_with(REFERENCE_SUFFIX));
    match references.find(|key| is_set(settings, key)) {
        None => Ok(()),
        Some(key) => {
            let file = key.replace(REFERENCE_SUFFIX, "_file");
            let message = format!("`{key}` needs a secret manager, and there is none");
            wrong(message, format!("have the secret written to a file, and name it in `{file}`"))
        }
    }
}
