//! The page's files, part of the binary.

use std::sync::LazyLock;

use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use bellwether_model::Labels;

const INDEX: &str = include_str!("../../../ui/dist/index.html");
const SCRIPT: &str = include_str!("../../../ui/dist/app.js");
const STYLE: &str = include_str!("../../../ui/dist/app.css");
const ICON: &str = include_str!("../../../ui/dist/favicon.svg");

/// Nothing but our own files may run, load or be called, and nobody may frame the page.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
     connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

struct Asset {
    content_type: &'static str,
    text: &'static str,
    etag: String,
}

impl Asset {
    fn new(content_type: &'static str, text: &'static str) -> Self {
        let etag = format!("\"{}\"", Labels::from_pairs([("text", text)]).fingerprint());
        Self { content_type, text, etag }
    }
}

static ASSETS: LazyLock<[(&'static str, Asset); 4]> = LazyLock::new(|| {
    [
        ("/index.html", Asset::new("text/html; charset=utf-8", INDEX)),
        ("/app.js", Asset::new("text/javascript; charset=utf-8", SCRIPT)),
        ("/app.css", Asset::new("text/css; charset=utf-8", STYLE)),
        ("/favicon.svg", Asset::new("image/svg+xml", ICON)),
    ]
});

/// A file of the page; `index.html` for every path that the page itself makes a view of.
pub(super) async fn serve(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    if method != Method::GET && method != Method::HEAD {
        return StatusCode::METHOD_NOT_ALLOWED.into_response();
    }
    let path = if is_view(uri.path()) { "/index.html" } else { uri.path() };
    match ASSETS.iter().find(|(name, _)| *name == path) {
        Some((_, asset)) => answer(asset, &headers),
        None => (StatusCode::NOT_FOUND, "404 page not found\n").into_response(),
    }
}

fn is_view(path: &str) -> bool {
    let reserved = ["/api", "/metrics", "/-"];
    let is_reserved = reserved
        .iter()
        .any(|prefix| path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')));
    let last = path.rsplit('/').next().unwrap_or("");
    !is_reserved && !last.contains('.')
}

fn answer(asset: &Asset, headers: &HeaderMap) -> Response {
    let known = headers.get(header::IF_NONE_MATCH).is_some_and(|tag| tag.as_bytes() == asset.etag.as_bytes());
    let fixed = [
        (header::ETAG, asset.etag.as_str()),
        (header::CACHE_CONTROL, "no-cache"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    if known {
        return (StatusCode::NOT_MODIFIED, fixed).into_response();
    }
    let of_this = [
        (header::CONTENT_TYPE, asset.content_type),
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
    ];
    (fixed, of_this, asset.text).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn views_are_paths_without_a_dot_outside_the_api() {
        for path in ["/", "/devices/esp32%2E1", "/apis", "/-x"] {
            assert!(is_view(path), "{path}");
        }
        for path in ["/app.js", "/api", "/api/v1/nope", "/-/nope", "/metrics", "/devices/a.b"] {
            assert!(!is_view(path), "{path}");
        }
    }
}
