//! The settings of a plugin, which arrive as one JSON object: checked by the host, with defaults filled in.

use serde::de::DeserializeOwned;

/// Reads the settings into a type of the plugin's own.
///
/// The host has checked names and kinds, so an error means that the plugin's type and its declaration differ; the text
/// says where.
pub fn parse<T: DeserializeOwned>(json: &str) -> Result<T, String> {
    serde_json::from_str(json).map_err(|error| format!("settings do not fit: {error}"))
}
