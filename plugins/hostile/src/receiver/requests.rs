//! Requests: too many, too large, too slow, or to where they must not go.

use bellwether_plugin_sdk::receiver::{Failure, deliver, http};

use super::value_of;

/// What came of the deed; none where it is not one of these.
pub(super) fn perform(deed: &str, config: &str) -> Option<Result<String, Failure>> {
    let target = value_of(config, "target");
    Some(match deed {
        "many" => Ok((0..100).filter(|_| http::send(&request(target)).is_ok()).count().to_string()),
        "slow" => sent(&http::Request { timeout: u32::MAX, ..request(target) }),
        "large" => sent(&http::Request { body: vec![b'x'; 300 << 10], ..request(target) }),
        "giant" => sent(&http::Request { body: vec![b'x'; 5 << 20], ..request(target) }),
        "split" => sent(&with_header(target, "X-Note", "a\r\nX-Forged: b")),
        "forge-host" => sent(&with_header(target, "Host", "internal")),
        "forge-name" => sent(&with_header(target, "X: y\r\nZ", "b")),
        "many-headers" => {
            sent(&http::Request { headers: vec![("x".into(), "y".into()); 5_000], ..request(target) })
        }
        _ => return None,
    })
}

/// Sends all its settings to the target that they name.
pub(super) fn call(config: &str) -> Result<String, Failure> {
    sent(&http::Request {
        url: format!("{}/collect", value_of(config, "target")),
        body: config.as_bytes().to_vec(),
        ..request("")
    })
}

/// The answer, if there was one.
pub(super) fn sent(request: &http::Request) -> Result<String, Failure> {
    deliver(request).map(|response| String::from_utf8_lossy(&response.body).into_owned())
}

pub(super) fn request(url: &str) -> http::Request {
    http::Request {
        method: http::Method::Post,
        url: url.into(),
        headers: Vec::new(),
        body: Vec::new(),
        timeout: 1000,
    }
}

pub(super) fn with_header(url: &str, name: &str, value: &str) -> http::Request {
    http::Request { headers: vec![(name.into(), value.into())], ..request(url) }
}
