//! Opening listeners, and serving them until the host stops.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::Response;
use tokio::net::TcpListener;
use tower_http::compression::CompressionLayer;

use super::same_origin::{self, OwnNames};
use crate::host::Host;
use crate::tasks::Tasks;

/// How long open requests may go on once the host stops; event streams would go on for ever.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(2);

/// Opens a listening socket; port 0 picks a free one.
pub async fn bind(flag: &str, address: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.map_err(|error| {
        let remedy = match error.kind() {
            std::io::ErrorKind::AddrInUse => {
                format!(
                    "another process listens there; stop it, or choose another port with {flag} HOST:PORT"
                )
            }
            std::io::ErrorKind::PermissionDenied => format!("choose a port above 1023 with {flag} HOST:PORT"),
            _ => format!("give {flag} an address of this machine, such as 127.0.0.1:9090"),
        };
        anyhow::Error::new(error).context(remedy).context(format!("cannot listen on {address}"))
    })
}

/// Serves until the tasks are told to stop. Requests that other web sites make browsers send are refused.
pub fn serve(
    tasks: &Tasks,
    listener: TcpListener,
    name: &'static str,
    routes: Router<Arc<Host>>,
    host: &Arc<Host>,
) -> anyhow::Result<SocketAddr> {
    let address = listener.local_addr().context("cannot tell the address of a listener")?;
    let names = OwnNames::new(address, &host.external_url);
    let app = routes
        .layer(CompressionLayer::new())
        .layer(middleware::from_fn_with_state(Arc::new(names), same_origin::check))
        .layer(middleware::from_fn_with_state((Arc::clone(host), name), count))
        .with_state(Arc::clone(host));
    let token = tasks.token().clone();
    let stopped = token.clone().cancelled_owned();
    tasks.spawn(format!("listener {name}"), async move {
        let serving = axum::serve(listener, app).with_graceful_shutdown(stopped);
        let drained = async {
            token.cancelled().await;
            tokio::time::sleep(DRAIN_TIMEOUT).await;
        };
        tokio::select! {
            served = serving => if let Err(error) = served {
                tracing::error!(listener = name, error = &error as &dyn std::error::Error, "listener failed");
            },
            () = drained => {}
        }
    });
    Ok(address)
}

async fn count(
    State((host, listener)): State<(Arc<Host>, &'static str)>,
    request: Request,
    next: Next,
) -> Response {
    let response = next.run(request).await;
    host.telemetry.http_request(listener, response.status().as_u16());
    response
}
