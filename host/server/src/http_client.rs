//! Requests of plugins: sent as they are, within their limits, to the addresses that are allowed.
//!
//! Whether a plugin may reach a host was decided before (`bellwether_sandbox::egress`); here the address behind the
//! name is checked, on the very addresses that are then connected to. An integration whose `http_config` asks for more
//! has a [`ConfiguredHttpClient`] of its own, which puts in what the operator configured: no plugin sees it.

mod authorization;
mod configured;
mod oauth2;
mod proxy;
mod secret;
mod settings;
mod tls;
mod transport;

pub use self::configured::ConfiguredHttpClient;
pub use self::secret::{Secret, SecretError};
pub use self::settings::HttpSettings;
pub use self::tls::{TlsConfig, TlsMaterial, TlsSettings};

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bellwether_model::BoxFuture;
use bellwether_sandbox::{AddressPolicy, HttpClient, HttpError, HttpMethod, HttpRequest, HttpResponse};
use bytes::{Bytes, BytesMut};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect::Policy;

/// The longest wait for a connection, within the time of the whole request.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Connections to one host that are kept open for the next request.
const MAX_IDLE_PER_HOST: usize = 2;

/// Sends plugins' requests over reqwest and rustls.
#[derive(Debug, Clone)]
pub struct PluginHttpClient(HashMap<AddressPolicy, reqwest::Client>);

impl PluginHttpClient {
    /// A client without proxy, redirects or cookies.
    pub fn new() -> reqwest::Result<Self> {
        let client = |policy| {
            let resolver = Arc::new(Permitted { policy, except: Vec::new() });
            Ok((policy, base().no_proxy().dns_resolver(resolver).build()?))
        };
        Ok(Self(AddressPolicy::ALL.into_iter().map(client).collect::<reqwest::Result<_>>()?))
    }
}

impl HttpClient for PluginHttpClient {
    fn send(&self, request: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, HttpError>> {
        Box::pin(async move { exchange(&self.0[&request.addresses], request).await })
    }
}

/// What all clients of plugins have in common.
fn base() -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .redirect(Policy::none())
        .connect_timeout(CONNECT_TIMEOUT)
        .pool_max_idle_per_host(MAX_IDLE_PER_HOST)
        .user_agent(concat!("bellwether/", env!("CARGO_PKG_VERSION")))
}

/// One request and its response, within the limits of the request.
async fn exchange(client: &reqwest::Client, request: HttpRequest) -> Result<HttpResponse, HttpError> {
    let url: reqwest::Url =
        request.url.parse().map_err(|_| HttpError::InvalidRequest("the URL cannot be read".to_owned()))?;
    check_literal(request.addresses, &url)?;
    let mut builder = client.request(method(request.method), url).timeout(request.timeout).body(request.body);
    for (name, value) in &request.headers {
        builder = builder.header(name, value);
    }
    let mut response = builder.send().await.map_err(|error| translate(&error))?;
    let body = read_limited(&mut response, request.max_response_bytes).await?;
    let headers = response.headers().iter();
    let headers =
        headers.filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned())));
    Ok(HttpResponse { status: response.status().as_u16(), headers: headers.collect(), body })
}

const fn method(method: HttpMethod) -> reqwest::Method {
    match method {
        HttpMethod::Get => reqwest::Method::GET,
        HttpMethod::Post => reqwest::Method::POST,
        HttpMethod::Put => reqwest::Method::PUT,
        HttpMethod::Patch => reqwest::Method::PATCH,
        HttpMethod::Delete => reqwest::Method::DELETE,
    }
}

/// An address written into the URL never goes through the resolver.
fn check_literal(policy: AddressPolicy, url: &reqwest::Url) -> Result<(), HttpError> {
    let host = url.host_str().unwrap_or("").trim_start_matches('[').trim_end_matches(']');
    match host.parse::<IpAddr>() {
        Ok(address) if !policy.permits(address) => {
            Err(HttpError::Denied(format!("{address} is no {}", policy.in_words())))
        }
        Ok(_) | Err(_) => Ok(()),
    }
}

async fn read_limited(response: &mut reqwest::Response, limit: usize) -> Result<Bytes, HttpError> {
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| translate(&error))? {
        if body.len() + chunk.len() > limit {
            return Err(HttpError::ResponseTooLarge((body.len() + chunk.len()) as u64));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

/// The URL may hold a secret, so it is taken out of the text.
fn translate(error: &reqwest::Error) -> HttpError {
    if error.is_timeout() {
        return HttpError::Timeout;
    }
    let mut text = String::from("the request failed");
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        text = inner.to_string();
        cause = inner.source();
    }
    if error.is_builder() { HttpError::InvalidRequest(text) } else { HttpError::Unreachable(text) }
}

/// Resolves names to addresses that a policy permits.
#[derive(Debug)]
struct Permitted {
    policy: AddressPolicy,
    /// Names of proxies, which are the operator's own choice, wherever they are.
    except: Vec<String>,
}

impl Resolve for Permitted {
    fn resolve(&self, name: Name) -> Resolving {
        let is_excepted = self.except.iter().any(|host| host.eq_ignore_ascii_case(name.as_str()));
        let policy = self.policy;
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let allowed = found.into_iter().filter(|address| is_excepted || policy.permits(address.ip()));
            let allowed: Vec<SocketAddr> = allowed.collect();
            if allowed.is_empty() {
                return Err(format!("{} stands for no {}", name.as_str(), policy.in_words()).into());
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
pub(crate) mod tests;
