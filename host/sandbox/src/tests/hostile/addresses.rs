//! Places that a receiver must not reach, in all the ways in which they can be written.

use bellwether_model::receiver::{DeliveryFailure, Receiver};
use serde_json::json;

use super::*;

/// This machine, its network, and the services of clouds that tell secrets; and hosts that only look like granted ones.
const FORBIDDEN: [&str; 41] = [
    "http://127.0.0.1",
    "http://127.1",
    "http://127.0.0.1.",
    "http://2130706433",
    "http://0x7f000001",
    "http://0x7f.1",
    "http://017700000001",
    "http://0177.0.0.01",
    "http://%31%32%37.0.0.1",
    "http://１２７.０.０.１",
    "http://0",
    "http://0.0.0.0",
    "http://localhost",
    "http://LOCALHOST.",
    "http://[::1]",
    "http://[0:0:0:0:0:0:0:1]",
    "http://[::ffff:127.0.0.1]",
    "http://[::ffff:7f00:1]",
    "http://[64:ff9b::7f00:1]",
    "http://[fe80::1]",
    "http://[fd00::1]",
    "http://169.254.169.254/latest/meta-data",
    "http://2852039166",
    "http://0xa9fea9fe",
    "http://[::ffff:a9fe:a9fe]",
    "http://metadata.google.internal",
    "http://10.0.0.1",
    "http://192.168.1.1",
    "https://api.example:444",
    "http://api.example",
    "https://api.example@127.0.0.1",
    "https://api.example:x@evil.example",
    "https://127.0.0.1#@api.example",
    "https://127.0.0.1\\\\@api.example",
    "https://127.0.0.1?api.example",
    "https://api.example.evil.example",
    "https://evilapi.example",
    "https://below.example",
    "https://below.example.evil.example",
    "file:///etc/passwd",
    "gopher://api.example",
];

async fn call_of(plugins: &Plugins, target: &str, follow: bool) -> Result<(), DeliveryFailure> {
    let settings = object(json!({ "target": target }));
    let receiver = plugins.receiver("hostile-receiver").unwrap().configure(&settings).unwrap();
    let receiver = receiver.with_client(None, follow);
    receiver.notify(call("call", receiver.config(), vec![])).await.map(drop)
}

#[tokio::test]
async fn forbidden_places_are_refused_however_they_are_written() {
    let http = Recorder::answering(200, &[], "");
    let (plugins, _folder) = hostile(http.clone(), Limits::default()).await;
    for place in FORBIDDEN {
        let refused = call_of(&plugins, place, false).await;
        assert!(matches!(refused, Err(DeliveryFailure::Misconfigured(_))), "{place}: {refused:?}");
    }
    let missing = call_of(&plugins, "http://evil.example", false).await.unwrap_err();
    let words = "http://evil.example is not granted; add it to hosts under [grants] in hostile-receiver.toml";
    assert_eq!(missing, DeliveryFailure::Misconfigured(words.into()));
    assert!(http.sent().is_empty());
    // Not to refuse everything is part of it.
    call_of(&plugins, "HTTPS://API.example.:443", false).await.unwrap();
    assert_eq!(http.sent().len(), 1);
}

#[tokio::test]
async fn redirects_lead_to_none_of_them() {
    for place in FORBIDDEN {
        let http = Recorder::answering(307, &[("location", place)], "");
        let (plugins, _folder) = hostile(http.clone(), Limits::default()).await;
        let answer = call_of(&plugins, "https://api.example", true).await;
        assert!(answer.is_err(), "{place}");
        assert_eq!(http.sent().len(), 1, "{place}: {answer:?}");
    }
}

#[tokio::test]
async fn names_below_a_wildcard_may_only_stand_for_public_addresses() {
    let http = Recorder::answering(200, &[], "");
    let (plugins, _folder) = hostile(http.clone(), Limits::default()).await;
    call_of(&plugins, "https://rebinds.below.example", false).await.unwrap();
    assert_eq!(http.sent()[0].addresses, crate::AddressPolicy::PublicOnly);
}
