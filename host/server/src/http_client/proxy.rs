//! Which requests go through a proxy, by the rules of Go's clients, which Alertmanager inherits.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;
use serde_json::Value;
use url::{Host, Url};

use super::settings::plain_text;

mod exceptions;

use self::exceptions::Exceptions;

/// Kinds of proxies that the client speaks.
const SCHEMES: [&str; 4] = ["http", "https", "socks5", "socks5h"];

/// The settings of a proxy as they are written, beside the others of `http_config` and `oauth2`.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct ProxyConfig {
    proxy_url: Option<String>,
    no_proxy: Option<String>,
    proxy_from_environment: bool,
    proxy_connect_header: BTreeMap<String, Option<Vec<Value>>>,
}

/// When which proxy is used.
#[derive(Clone, Default)]
pub(super) struct ProxySettings {
    choice: Choice,
    /// Sent when a tunnel is asked for.
    connect_headers: HeaderMap,
}

#[derive(Clone, Default)]
enum Choice {
    #[default]
    Direct,
    /// All requests, those to this machine among them.
    All(Url),
    /// By scheme and host; never to this machine.
    Chosen { http: Option<Url>, https: Option<Url>, exceptions: Arc<Exceptions> },
}

impl fmt::Debug for ProxySettings {
    /// Without addresses, which may hold passwords.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.choice {
            Choice::Direct => "ProxySettings(direct)",
            Choice::All(_) => "ProxySettings(all)",
            Choice::Chosen { .. } => "ProxySettings(chosen)",
        })
    }
}

impl TryFrom<ProxyConfig> for ProxySettings {
    type Error = String;

    fn try_from(config: ProxyConfig) -> Result<Self, String> {
        Self::new(config, |name| std::env::var(name).ok())
    }
}

impl ProxySettings {
    fn new(config: ProxyConfig, environment: impl Fn(&str) -> Option<String>) -> Result<Self, String> {
        let connect_headers = connect_headers(&config.proxy_connect_header)?;
        let url = config.proxy_url.filter(|url| !url.is_empty());
        let url = url.map(|url| proxy_url("proxy_url", &url)).transpose()?;
        let choice = match (url, config.no_proxy.filter(|list| !list.is_empty())) {
            (None, _) if config.proxy_from_environment => from_environment(environment)?,
            (None, _) => Choice::Direct,
            (Some(url), None) => Choice::All(url),
            (Some(url), Some(list)) => Choice::Chosen {
                http: Some(url.clone()),
                https: Some(url),
                exceptions: Arc::new(Exceptions::parse(&list)),
            },
        };
        Ok(Self { choice, connect_headers })
    }

    /// Whether no request goes through a proxy.
    pub(super) const fn is_direct(&self) -> bool {
        matches!(self.choice, Choice::Direct)
    }

    /// Names of the proxies.
    pub(super) fn hosts(&self) -> Vec<String> {
        let urls = match &self.choice {
            Choice::Direct => [None, None],
            Choice::All(url) => [Some(url), None],
            Choice::Chosen { http, https, .. } => [http.as_ref(), https.as_ref()],
        };
        urls.into_iter().flatten().filter_map(|url| url.host_str().map(str::to_owned)).collect()
    }

    /// A client with these proxies and no others. Headers for tunnels go along only where there is a tunnel.
    pub(super) fn apply(&self, builder: reqwest::ClientBuilder) -> reqwest::ClientBuilder {
        if self.is_direct() {
            return builder.no_proxy();
        }
        let of_scheme = |scheme: &'static str| {
            let choice = self.choice.clone();
            reqwest::Proxy::custom(move |url| choice.of(url).filter(|_| url.scheme() == scheme))
        };
        let tunnels = of_scheme("https").headers(self.connect_headers.clone());
        builder.proxy(tunnels).proxy(of_scheme("http"))
    }
}

impl Choice {
    fn of(&self, url: &Url) -> Option<Url> {
        match self {
            Self::Direct => None,
            Self::All(proxy) => Some(proxy.clone()),
            Self::Chosen { http, https, exceptions } => {
                let proxy = if url.scheme() == "https" { https } else { http };
                proxy.clone().filter(|_| !is_this_machine(url) && !exceptions.hold_for(url))
            }
        }
    }
}

fn is_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// The variables that Go reads; upper case goes first, and an empty one is none.
fn from_environment(environment: impl Fn(&str) -> Option<String>) -> Result<Choice, String> {
    let read = |name: &str| {
        let value = environment(name).filter(|value| !value.is_empty());
        value.or_else(|| environment(&name.to_ascii_lowercase()).filter(|value| !value.is_empty()))
    };
    let proxy = |name: &str| read(name).map(|url| proxy_url(name, &url)).transpose();
    let exceptions = Exceptions::parse(&read("NO_PROXY").unwrap_or_default());
    Ok(Choice::Chosen {
        http: proxy("HTTP_PROXY")?,
        https: proxy("HTTPS_PROXY")?,
        exceptions: Arc::new(exceptions),
    })
}

/// An address without a scheme is one of HTTP. It is not repeated in the error: it may hold a password.
fn proxy_url(setting: &str, text: &str) -> Result<Url, String> {
    let text = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
    let url = Url::parse(&text).map_err(|error| format!("{setting}: no address of a proxy: {error}"))?;
    if !SCHEMES.contains(&url.scheme()) {
        let scheme = url.scheme();
        return Err(format!(
            "{setting}: no proxy of kind {scheme} is spoken; use one of {}",
            SCHEMES.join(", ")
        ));
    }
    Ok(url)
}

fn connect_headers(config: &BTreeMap<String, Option<Vec<Value>>>) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    for (name, values) in config {
        let wrong = || format!("proxy_connect_header: {name:?} is no header that can be sent");
        let parsed: HeaderName = name.parse().map_err(|_| wrong())?;
        for value in values.iter().flatten() {
            let mut value = HeaderValue::from_str(&plain_text(value)).map_err(|_| wrong())?;
            value.set_sensitive(true);
            headers.append(parsed.clone(), value);
        }
    }
    Ok(headers)
}

/// The address that a host of a URL is.
fn address_of(url: &Url) -> Option<IpAddr> {
    match url.host()? {
        Host::Ipv4(address) => Some(address.into()),
        Host::Ipv6(address) => Some(address.into()),
        Host::Domain(_) => None,
    }
}

#[cfg(test)]
mod tests;
