//! The connections of one `http_config`: made anew where a certificate changed.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use bellwether_sandbox::{AddressPolicy, HttpError};

use super::proxy::ProxySettings;
use super::secret::SecretError;
use super::tls::{TlsMaterial, TlsSettings};
use super::{Permitted, base};

/// What the versions of HTTP are called in a handshake.
const HTTP2: &[u8] = b"h2";
const HTTP1: &[u8] = b"http/1.1";

/// Hands out clients with these settings.
#[derive(Debug)]
pub(super) struct Transport {
    tls: TlsSettings,
    proxy: ProxySettings,
    http2: bool,
    built: Mutex<Option<Built>>,
}

/// Clients that were built with certificates as they were then.
#[derive(Debug)]
struct Built {
    material: TlsMaterial,
    clients: HashMap<AddressPolicy, reqwest::Client>,
}

impl Transport {
    pub(super) const fn new(tls: TlsSettings, proxy: ProxySettings, http2: bool) -> Self {
        Self { tls, proxy, http2, built: Mutex::new(None) }
    }

    /// The client for addresses of this policy.
    pub(super) async fn client(&self, addresses: AddressPolicy) -> Result<reqwest::Client, HttpError> {
        let material = self.tls.load().await.map_err(unreadable)?;
        let mut built = self.built.lock().unwrap_or_else(PoisonError::into_inner);
        let current = built.take().filter(|built| built.material == material);
        let current = built.insert(current.unwrap_or_else(|| Built { material, clients: HashMap::new() }));
        if let Some(client) = current.clients.get(&addresses) {
            return Ok(client.clone());
        }
        let client = self.build(&current.material, addresses)?;
        current.clients.insert(addresses, client.clone());
        Ok(client)
    }

    fn build(&self, material: &TlsMaterial, addresses: AddressPolicy) -> Result<reqwest::Client, HttpError> {
        let mut tls = self.tls.client_config(material).map_err(HttpError::Other)?;
        let versions: &[&[u8]] = if self.http2 { &[HTTP2, HTTP1] } else { &[HTTP1] };
        tls.alpn_protocols = versions.iter().map(|version| version.to_vec()).collect();
        let mut builder = self.proxy.apply(base()).tls_backend_preconfigured(tls);
        if !self.http2 {
            builder = builder.http1_only();
        }
        let resolver = Permitted { policy: addresses, except: self.proxy.hosts() };
        let builder = builder.dns_resolver(Arc::new(resolver));
        builder.build().map_err(|error| HttpError::Other(format!("cannot set up a client: {error}")))
    }
}

/// A file that is missing now may be back at the next attempt.
pub(super) fn unreadable(error: SecretError) -> HttpError {
    HttpError::Other(error.in_full())
}
