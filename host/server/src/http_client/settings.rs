//! `http_config` as prometheus/common 0.71 has it: from JSON, whose shape and rules the configuration has checked, to
//! what a client is made of. Paths are already those to open.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use reqwest::header::HeaderName;
use serde::Deserialize;
use serde_json::Value;

use super::authorization::Authorization;
use super::oauth2::{OAuth2Config, TokenSource};
use super::proxy::{ProxyConfig, ProxySettings};
use super::secret::Secret;
use super::tls::{TlsConfig, TlsSettings};

/// Scheme of an `Authorization` header where the file names none.
const DEFAULT_SCHEME: &str = "Bearer";

/// `http_config` as it is written.
#[derive(Deserialize)]
struct HttpConfig {
    basic_auth: Option<BasicAuthConfig>,
    authorization: Option<AuthorizationConfig>,
    oauth2: Option<OAuth2Config>,
    bearer_token: Option<String>,
    bearer_token_file: Option<PathBuf>,
    #[serde(default)]
    tls_config: TlsConfig,
    #[serde(default = "yes")]
    follow_redirects: bool,
    #[serde(default = "yes")]
    enable_http2: bool,
    #[serde(flatten)]
    proxy: ProxyConfig,
    #[serde(default)]
    http_headers: BTreeMap<String, Option<HeaderConfig>>,
}

const fn yes() -> bool {
    true
}

#[derive(Deserialize)]
struct BasicAuthConfig {
    username: Option<String>,
    username_file: Option<PathBuf>,
    password: Option<String>,
    password_file: Option<PathBuf>,
}

#[derive(Deserialize)]
struct AuthorizationConfig {
    #[serde(rename = "type")]
    scheme: Option<String>,
    credentials: Option<String>,
    credentials_file: Option<PathBuf>,
}

#[derive(Deserialize)]
struct HeaderConfig {
    #[serde(default)]
    values: Option<Vec<Value>>,
    #[serde(default)]
    secrets: Option<Vec<Value>>,
    #[serde(default)]
    files: Option<Vec<PathBuf>>,
}

/// How an integration's requests are sent.
#[derive(Debug)]
pub struct HttpSettings {
    /// Who is asking.
    pub(super) authorization: Authorization,
    pub(super) tls: TlsSettings,
    pub(super) proxy: ProxySettings,
    /// Whether redirects are followed where they may lead.
    pub follow_redirects: bool,
    pub(super) http2: bool,
    /// Added to each request.
    pub(super) headers: Vec<(HeaderName, Vec<HeaderText>)>,
}

/// One value of a header.
#[derive(Debug)]
pub(super) struct HeaderText {
    pub(super) text: Secret,
    /// Whether it is one of the `values`, which everybody may see.
    pub(super) is_plain: bool,
}

impl HttpSettings {
    /// Reads an `http_config`; the error says which setting and what would be right.
    pub fn read(json: &Value) -> Result<Self, String> {
        let config = HttpConfig::deserialize(json).map_err(|error| error.to_string())?;
        Ok(Self {
            tls: config.tls_config.clone().try_into()?,
            proxy: config.proxy.clone().try_into()?,
            follow_redirects: config.follow_redirects,
            http2: config.enable_http2,
            headers: headers(&config.http_headers)?,
            authorization: authorization(config)?,
        })
    }

    /// Whether it asks for nothing that the client of all plugins does not do as well.
    pub fn is_plain(&self) -> bool {
        let nobody = matches!(self.authorization, Authorization::None);
        nobody && self.tls.is_plain() && self.proxy.is_direct() && self.http2 && self.headers.is_empty()
    }

    /// All secrets that a request reads.
    pub(super) fn secrets(&self) -> Vec<&Secret> {
        let headers = self.headers.iter().flat_map(|(_, values)| values).map(|value| &value.text);
        self.authorization.secrets().into_iter().chain(self.tls.secrets()).chain(headers).collect()
    }
}

/// The configuration saw to it that there is one kind at most. `bearer_token` is the old way to say `authorization`.
fn authorization(config: HttpConfig) -> Result<Authorization, String> {
    if let Some(basic) = config.basic_auth {
        return Ok(Authorization::Basic {
            username: Secret::of(basic.username, basic.username_file),
            password: Secret::of(basic.password, basic.password_file),
        });
    }
    if let Some(oauth2) = config.oauth2 {
        return Ok(Authorization::OAuth2(Arc::new(TokenSource::new(oauth2)?)));
    }
    if let Some(given) = config.authorization {
        let scheme = given.scheme.unwrap_or_default().trim().to_owned();
        let scheme = if scheme.is_empty() { DEFAULT_SCHEME.to_owned() } else { scheme };
        let credentials = Secret::of(given.credentials, given.credentials_file);
        return Ok(Authorization::Scheme { scheme, credentials });
    }
    Ok(match Secret::of(config.bearer_token, config.bearer_token_file) {
        Some(token) => Authorization::Scheme { scheme: DEFAULT_SCHEME.to_owned(), credentials: Some(token) },
        None => Authorization::None,
    })
}

fn headers(
    config: &BTreeMap<String, Option<HeaderConfig>>,
) -> Result<Vec<(HeaderName, Vec<HeaderText>)>, String> {
    let header = |(name, header): (&String, &Option<HeaderConfig>)| {
        let parsed = name.parse().map_err(|_| format!("http_headers: {name:?} is no name of a header"))?;
        Ok((parsed, header.as_ref().map(header_values).unwrap_or_default()))
    };
    config.iter().map(header).collect()
}

/// In the order in which Alertmanager adds them.
fn header_values(header: &HeaderConfig) -> Vec<HeaderText> {
    let inline = |value: &Value| Secret::Inline(plain_text(value));
    let plain = header.values.iter().flatten().map(|value| (inline(value), true));
    let secrets = header.secrets.iter().flatten().map(|value| (inline(value), false));
    let files = header.files.iter().flatten().map(|file| (Secret::File(file.clone()), false));
    let all = plain.chain(secrets).chain(files);
    all.map(|(text, is_plain)| HeaderText { text, is_plain }).collect()
}

/// A scalar as a text.
pub(super) fn plain_text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
