//! The web page: its files, the data that only it needs, and the live stream.
//!
//! What page and server say to each other stands in `ui/src/contract.ts`; the types here follow it.

mod assets;
mod board;
mod contract;
mod devices;
mod events;
mod feed;
mod inbox;
mod pipeline;
mod plugins;
mod signals;
mod status;
mod words;

pub use signals::SignalCache;

use std::sync::Arc;

use axum::routing::get;
use axum::{Extension, Router};

use super::alerts::error;
use crate::host::Host;

/// Everything below `/` that is not Prometheus' API.
pub fn routes() -> Router<Arc<Host>> {
    let own = Router::new()
        .route("/board", get(board::board))
        .route("/events", get(events::events))
        .route("/inbox", get(inbox::list))
        .route("/inbox/{id}", get(inbox::one))
        .route("/devices", get(devices::list))
        .route("/devices/{id}", get(devices::one))
        .route("/devices/{id}/capture", get(devices::capture))
        .route("/plugins", get(plugins::list))
        .route("/status", get(status::status))
        .layer(Extension(Arc::new(feed::BoardFeed::default())));
    Router::new().nest("/api/bellwether/v1", own).fallback(assets::serve)
}
