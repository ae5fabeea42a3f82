//! What the sandbox wants of the host's HTTP client.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use bellwether_model::BoxFuture;
use bytes::Bytes;

use crate::egress;

/// Method of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HttpMethod {
    /// GET
    Get,
    /// POST
    Post,
    /// PUT
    Put,
    /// PATCH
    Patch,
    /// DELETE
    Delete,
}

impl HttpMethod {
    /// As it stands in a request line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

/// Which addresses a request may go to. To be checked on the address that is then connected to, without asking for the
/// name again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AddressPolicy {
    /// Any but those that nobody means: the operator named exactly this host.
    Any,
    /// Those out in the world and in private networks, but not this machine: the operator named the domain, and allowed
    /// private networks.
    Private,
    /// Those out in the world: the operator named the domain, and whoever has that chooses the address.
    PublicOnly,
}

impl AddressPolicy {
    /// All there are.
    pub const ALL: [Self; 3] = [Self::Any, Self::Private, Self::PublicOnly];

    /// Whether an address may be connected to.
    pub fn permits(self, address: IpAddr) -> bool {
        match self {
            Self::Any => !egress::is_off_limits(address),
            Self::Private => {
                egress::is_public(address) || egress::is_private(address) && !egress::is_off_limits(address)
            }
            Self::PublicOnly => egress::is_public(address),
        }
    }

    /// What the addresses are that it permits, in words.
    pub const fn in_words(self) -> &'static str {
        match self {
            Self::Any => "address of a server",
            Self::Private => "public or private address",
            Self::PublicOnly => "public address",
        }
    }
}

/// A request that has passed the allow-list, with secrets put in. Must not be logged as it is.
#[derive(Clone)]
pub struct HttpRequest {
    /// The method.
    pub method: HttpMethod,
    /// Absolute, `http` or `https`, in the normal form of the `url` crate.
    pub url: String,
    /// In order, as the plugin gave them.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Bytes,
    /// For the whole of it: connecting, sending, receiving.
    pub timeout: Duration,
    /// A longer response is an [`HttpError::ResponseTooLarge`].
    pub max_response_bytes: usize,
    /// Which addresses may be connected to.
    pub addresses: AddressPolicy,
    /// Whether a redirect led away from the host that the plugin asked for. What the operator configured to prove who
    /// is asking is for that host, and must not go to another.
    pub left_host: bool,
}

impl fmt::Debug for HttpRequest {
    /// Without anything that could be a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { method, body, timeout, .. } = self;
        write!(f, "HttpRequest({} …, {} bytes, {timeout:?})", method.as_str(), body.len())
    }
}

/// A response, whatever its status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpResponse {
    /// Status code.
    pub status: u16,
    /// In order.
    pub headers: Vec<(String, String)>,
    /// The body, decoded.
    pub body: Bytes,
}

/// No response.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HttpError {
    /// The host's name stands for an address that may not be connected to.
    #[error("{0}")]
    Denied(String),
    /// Not a request that can be sent.
    #[error("invalid request: {0}")]
    InvalidRequest(String),
    /// Not over in time.
    #[error("timed out")]
    Timeout,
    /// No name, no connection, no TLS, or the connection broke.
    #[error("{0}")]
    Unreachable(String),
    /// The body has more bytes than allowed: so many, or as many as were seen.
    #[error("the response has more than {0} bytes")]
    ResponseTooLarge(u64),
    /// Anything else.
    #[error("{0}")]
    Other(String),
}

/// Sends requests. Implemented by the server over its HTTP client.
///
/// Must not follow redirects (the sandbox does, where it may), must use no proxy that the operator did not ask for, and must keep to all the limits of
/// the request.
pub trait HttpClient: Send + Sync + fmt::Debug {
    /// Sends one request.
    fn send(&self, request: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, HttpError>>;
}

/// Refuses everything: for tools that only look at plugins.
#[derive(Debug, Clone, Copy)]
pub struct NoHttp;

impl HttpClient for NoHttp {
    fn send(&self, _request: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, HttpError>> {
        Box::pin(std::future::ready(Err(HttpError::Denied("there is no network here".into()))))
    }
}
