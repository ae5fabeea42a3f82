//! How the requests of an integration's plugin are sent: as its `http_config` says.

use std::sync::Arc;

use bellwether_sandbox::{ConfiguredReceiver, HttpClient};
use serde_json::Value;

use super::problem::Obstacle;
use crate::http_client::{ConfiguredHttpClient, HttpSettings};

/// The setting that this is about.
const KEY: Option<&str> = Some("http_config");

/// A receiver with a client of its own, where its `http_config` asks for what the client of all plugins does not do.
/// Settings that can never work are an error; certificates that do not work now may be put right, and are one of the
/// `obstacles`, which have the files that cannot be read already.
pub(super) async fn configured(
    receiver: ConfiguredReceiver,
    http_config: Option<&Value>,
    obstacles: &mut Vec<Obstacle>,
) -> Result<ConfiguredReceiver, Obstacle> {
    let nothing = Value::Object(serde_json::Map::new());
    let settings = HttpSettings::read(http_config.unwrap_or(&nothing));
    let settings =
        settings.map_err(|problem| Obstacle::in_settings(KEY, format!("http_config: {problem}")))?;
    let follow_redirects = settings.follow_redirects;
    if settings.is_plain() {
        return Ok(receiver.with_client(None, follow_redirects));
    }
    let client = ConfiguredHttpClient::new(settings);
    // Without its files there is nothing more to find out.
    if obstacles.is_empty()
        && let Err(problem) = client.check().await
    {
        obstacles.push(Obstacle::around(KEY, format!("http_config: {problem}")));
    }
    Ok(receiver.with_client(Some(Arc::new(client) as Arc<dyn HttpClient>), follow_redirects))
}

#[cfg(test)]
mod tests;
