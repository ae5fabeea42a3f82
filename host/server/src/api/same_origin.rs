//! Keeps other web sites out: a browser on this machine or network would otherwise carry their requests in.
//!
//! Two ways are closed. A page of another origin may not change anything (its `Origin` gives it away), and a name of
//! another site that was pointed at this address (DNS rebinding) is not answered to at all. Tools send no `Origin` and
//! call this host by its address, so they notice nothing. Who a person is, is not asked here.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use reqwest::Url;

/// The names and addresses that a listener answers to.
#[derive(Debug, Clone)]
pub(super) struct OwnNames {
    bound: IpAddr,
    /// Host and, unless it is the scheme's own, port of the external URL.
    external: Option<(String, String)>,
}

/// Why a request is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
enum Refusal {
    #[error("requests that change something are not taken from pages of other sites")]
    OtherOrigin,
    #[error(
        "this host is not known as {0:?}; if it is to be, start it with --external-url and a URL with that name"
    )]
    OtherName(String),
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let code = match self {
            Self::OtherOrigin => StatusCode::FORBIDDEN,
            Self::OtherName(_) => StatusCode::MISDIRECTED_REQUEST,
        };
        (code, [(header::X_CONTENT_TYPE_OPTIONS, "nosniff")], format!("{self}\n")).into_response()
    }
}

/// Passes on what comes from here and from tools.
pub(super) async fn check(State(names): State<Arc<OwnNames>>, request: Request, next: Next) -> Response {
    match names.check(request.method(), request.uri().authority(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err(refusal) => refusal.into_response(),
    }
}

impl OwnNames {
    /// Of a listener that is bound to `address`, for a host that people reach at `external_url`.
    pub(super) fn new(address: SocketAddr, external_url: &str) -> Self {
        let external = Url::parse(external_url).ok().and_then(|url| {
            let host = url.host_str()?.to_owned();
            let authority = url.port().map_or_else(|| host.clone(), |port| format!("{host}:{port}"));
            Some((host, authority))
        });
        Self { bound: address.ip(), external }
    }

    /// `target` is the authority of the request's target, which HTTP/2 has instead of `Host`.
    fn check(&self, method: &Method, target: Option<&Authority>, headers: &HeaderMap) -> Result<(), Refusal> {
        let host = headers.get(header::HOST).map(HeaderValue::as_bytes);
        let host = host.or_else(|| target.map(|target| target.as_str().as_bytes()));
        // HTTP/1.0 has none; browsers have not spoken it for decades.
        if let Some(host) = host {
            let authority = Authority::try_from(host).map_err(|_| Refusal::other_name(host))?;
            if !self.answers_to(authority.host()) {
                return Err(Refusal::other_name(host));
            }
        }
        let is_safe = matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS);
        match headers.get(header::ORIGIN) {
            Some(origin) if !is_safe && !self.is_own_origin(origin.as_bytes(), host) => {
                Err(Refusal::OtherOrigin)
            }
            _ => Ok(()),
        }
    }

    fn answers_to(&self, host: &str) -> bool {
        match literal(host) {
            Some(ip) => {
                let ip = ip.to_canonical();
                ip.is_loopback()
                    || ip == self.bound.to_canonical()
                    || self.bound.is_unspecified()
                    || self.is_external(host)
            }
            // Browsers take the name and all below it for this machine without asking DNS.
            None => {
                let name = host.trim_end_matches('.').to_ascii_lowercase();
                name == "localhost" || name.ends_with(".localhost") || self.is_external(&name)
            }
        }
    }

    fn is_external(&self, host: &str) -> bool {
        self.external.as_ref().is_some_and(|(external, _)| external.eq_ignore_ascii_case(host))
    }

    /// Whether the page was loaded from where its request goes to, port and all, or from the external URL, behind which
    /// a proxy may stand that changes `Host`. Browsers leave the scheme's own port out of both headers.
    fn is_own_origin(&self, origin: &[u8], host: Option<&[u8]>) -> bool {
        let Some(at) = origin.windows(3).position(|part| part == b"://") else {
            return false;
        };
        let origin = &origin[at + 3..];
        host.is_some_and(|host| origin.eq_ignore_ascii_case(host))
            || self
                .external
                .as_ref()
                .is_some_and(|(_, external)| origin.eq_ignore_ascii_case(external.as_bytes()))
    }
}

impl Refusal {
    fn other_name(host: &[u8]) -> Self {
        Self::OtherName(String::from_utf8_lossy(host).into_owned())
    }
}

/// An address in the notation of URLs: IPv6 in brackets.
fn literal(host: &str) -> Option<IpAddr> {
    match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(inner) => inner.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        None => host.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORBIDDEN: Result<(), Refusal> = Err(Refusal::OtherOrigin);

    fn names(bound: &str, external_url: &str) -> OwnNames {
        OwnNames::new(bound.parse().unwrap(), external_url)
    }

    fn ask(names: &OwnNames, method: Method, pairs: &[(&'static str, &'static str)]) -> Result<(), Refusal> {
        let headers = pairs.iter().map(|(name, value)| {
            (name.parse::<header::HeaderName>().unwrap(), HeaderValue::from_static(value))
        });
        names.check(&method, None, &headers.collect())
    }

    #[test]
    fn tools_pass() {
        let names = names("127.0.0.1:9090", "http://127.0.0.1:9090");
        for host in
            ["127.0.0.1:9090", "localhost:9090", "LOCALHOST", "127.8.9.1", "[::1]:9090", "a.localhost:1"]
        {
            assert_eq!(ask(&names, Method::POST, &[("host", host)]), Ok(()), "{host}");
        }
        assert_eq!(ask(&names, Method::POST, &[]), Ok(()), "HTTP/1.0");
    }

    #[test]
    fn other_names_are_not_answered_to() {
        let names = names("127.0.0.1:9090", "https://Alerts.example.org/bellwether/");
        assert_eq!(ask(&names, Method::GET, &[("host", "alerts.example.org")]), Ok(()));
        for host in
            ["evil.example", "localhost.evil.example:9090", "notlocalhost", "10.0.0.7:9090", "a b", "[::2]"]
        {
            let refused = ask(&names, Method::GET, &[("host", host)]).unwrap_err();
            assert_eq!(refused, Refusal::OtherName(host.to_owned()));
            let text = refused.to_string();
            assert!(text.contains("--external-url") && text.contains(host), "{text}");
        }
    }

    #[test]
    fn a_listener_answers_to_its_address() {
        let own = names("10.0.0.7:9090", "http://10.0.0.7:9090");
        assert_eq!(ask(&own, Method::GET, &[("host", "10.0.0.7:9090")]), Ok(()));
        let any = names("0.0.0.0:9090", "http://0.0.0.0:9090");
        for host in ["10.0.0.7:9090", "[fd00::1]:80"] {
            assert_eq!(ask(&any, Method::GET, &[("host", host)]), Ok(()), "{host}");
        }
        assert!(ask(&any, Method::GET, &[("host", "evil.example")]).is_err());
    }

    #[test]
    fn pages_of_other_origins_change_nothing() {
        let names = names("127.0.0.1:9090", "https://alerts.example.org");
        let host = ("host", "localhost:9090");
        for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
            for origin in
                ["http://evil.example", "null", "http://localhost:3000", "http://localhost:9090.evil.example"]
            {
                assert_eq!(ask(&names, method.clone(), &[host, ("origin", origin)]), FORBIDDEN, "{origin}");
            }
            for origin in ["http://localhost:9090", "https://alerts.example.org"] {
                assert_eq!(ask(&names, method.clone(), &[host, ("origin", origin)]), Ok(()), "{origin}");
            }
        }
        assert_eq!(ask(&names, Method::GET, &[host, ("origin", "http://evil.example")]), Ok(()));
        assert_eq!(ask(&names, Method::POST, &[("origin", "http://evil.example")]), FORBIDDEN);
    }
}
