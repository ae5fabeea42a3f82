//! A byte stream over TCP.

use tokio::net::TcpStream;

use super::{OpenError, Opened};
use crate::config::TcpConfig;

/// Connects to one address; the name is resolved anew each time.
#[derive(Debug)]
pub struct TcpTransport {
    config: TcpConfig,
}

impl TcpTransport {
    pub(super) const fn new(config: TcpConfig) -> Self {
        Self { config }
    }

    pub(super) async fn open(&self) -> Result<Opened, OpenError> {
        let address = &self.config.connect;
        let unreachable = |error| OpenError::Unreachable(address.clone(), error);
        let resolved: Vec<_> = tokio::net::lookup_host(address).await.map_err(unreachable)?.collect();
        let stream =
            TcpStream::connect(resolved.as_slice()).await.map_err(|e| OpenError::from_io(address, e))?;
        // Drivers that poll write a few bytes and wait for the answer.
        stream.set_nodelay(true).map_err(|error| OpenError::from_io(address, error))?;
        let peer = stream.peer_addr().ok().map(|peer| ("peer_address".to_owned(), peer.to_string()));
        Ok(Opened { facts: peer.into_iter().collect(), ..Opened::new(stream) })
    }
}
