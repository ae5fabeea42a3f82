//! TCP on the loopback, and recordings. Nothing sleeps; everything waits for what it is told.

use std::io::Write as _;
use std::net::TcpListener;

use super::*;
use crate::config::{ReplayConfig, TcpConfig};

async fn next(house: &mut House) -> String {
    let notice = tokio::time::timeout(secs(20), house.heard.recv()).await.expect("something happens in time");
    brief(&notice.unwrap())
}

fn tcp_board(address: &str) -> DeviceConfig {
    let tcp = TcpConfig { connect: address.to_owned() };
    DeviceConfig { transport: TransportConfig::Tcp(tcp), ..board("a", &[]) }
}

#[tokio::test]
async fn tcp_peer_that_closes_is_connected_again() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let mut house = House::new(vec![tcp_board(&address)]);
    for round in 0..2 {
        let accepting = listener.try_clone().unwrap();
        let accepted = tokio::task::spawn_blocking(move || accepting.accept()).await.unwrap();
        let (mut peer, _) = accepted.unwrap();
        peer.write_all(format!("temp={round}\n").as_bytes()).unwrap();
        assert_eq!(next(&mut house).await, "a connected");
        drop(peer);
        assert_eq!(next(&mut house).await, "a disconnected: unplugged, or closed by the other side");
    }
    let port = format!(r#"device_connection_status{{device_id="a", platform="esp32", port="{address}"}}"#);
    assert_eq!(house.sink.latest(&port), 0.0);
    assert_eq!(house.status("a").address, format!("tcp://{address}"));
}

#[tokio::test]
async fn refused_connection_is_told_in_words() {
    // Bound once and closed again: nobody listens there.
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let mut house = House::new(vec![tcp_board(&address)]);
    assert_eq!(next(&mut house).await, format!("a unreachable: connection refused by {address}"));
}

#[tokio::test]
async fn recording_is_played_back() {
    let head = r#"{"v":1,"driver":"test","device":{"id":"a","platform":"esp32"},"t0_ms":0}"#;
    let lines = r#"{"t":0,"ev":"open"}
{"t":10,"rx":"temp=4\r\nte"}
{"t":2000,"rx":"mp=5\r\n"}
{"t":4000,"ev":"close","reason":"eof"}"#;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.cap.jsonl");
    std::fs::write(&path, format!("{head}\n{lines}\n")).unwrap();
    let replay = ReplayConfig { path, speed: 100.0 };
    let mut house =
        House::new(vec![DeviceConfig { transport: TransportConfig::Replay(replay), ..board("a", &[]) }]);
    assert_eq!(next(&mut house).await, "a connected");
    assert_eq!(next(&mut house).await, "a disconnected: unplugged, or closed by the other side");
    let series = r#"temp{device_id="a", model_name="stories260k", platform="esp32"}"#;
    let values: Vec<_> = house.sink.samples(series).into_iter().map(|(_, value)| value).collect();
    assert_eq!(values[..2], [4.0, 5.0]);
}

#[tokio::test]
async fn peer_that_vanished_is_given_up_after_long_silence() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    // In real time, since a paused clock runs ahead of sockets.
    let config = DeviceConfig { silence_timeout: Duration::from_millis(100), ..tcp_board(&address) };
    let mut house = House::new(vec![config]);
    let (mut first, _) = listener.accept().await.unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut first, b"temp=1\n").await.unwrap();
    while next(&mut house).await != "a disconnected: silent for too long" {}
    // Connects anew although the first connection was never closed.
    tokio::time::timeout(secs(20), listener.accept()).await.expect("a second connection").unwrap();
}
