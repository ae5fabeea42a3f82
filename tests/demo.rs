//! The demo's script on simulated time: the same host, another clock.

use std::time::Duration;

use bellwether_server::config::Origin;
use bellwether_server::journal::{Entry, Kind};
use libtest_mimic::Trial;

use crate::harness::{EPOCH, host, on_simulated_time, trial};

pub(crate) fn trials() -> Vec<Trial> {
    vec![trial("demo_follows_its_script", demo_follows_its_script)]
}

fn demo_follows_its_script() {
    let data = tempfile::tempdir().expect("a temporary folder");
    on_simulated_time(|clock| async move {
        let host = host(Origin::Demo, data.path(), clock).await;
        tokio::time::sleep(Duration::from_secs(60)).await;
        let mut entries = host.journal.newest(usize::MAX);
        entries.reverse();
        host.stop().await;
        check(&entries);
    });
}

/// Seconds at which something first happened to an alert of a device.
fn first(entries: &[Entry], kind: Kind, alert: &str, device: &str) -> f64 {
    let fits = |entry: &&Entry| {
        entry.kind == kind
            && entry.alertname.as_deref().unwrap_or("") == alert
            && entry.device_id.as_deref() == Some(device)
    };
    let Some(entry) = entries.iter().find(fits) else {
        panic!("{alert} of {device} never was {kind:?} in {entries:#?}")
    };
    entry.at.millis_since(EPOCH) as f64 / 1000.0
}

#[track_caller]
fn between(from: f64, to: f64, secs: f64) {
    assert!((from..=to).contains(&secs), "{secs} s is not between {from} and {to} s");
}

fn check(entries: &[Entry]) {
    let at = |kind, alert, device| first(entries, kind, alert, device);

    between(15.0, 19.0, at(Kind::Pending, "DeviceOverheating", "esp32-03"));
    between(20.0, 24.0, at(Kind::Firing, "DeviceOverheating", "esp32-03"));
    between(21.0, 26.0, at(Kind::Delivered, "DeviceOverheating", "esp32-03"));
    between(41.0, 46.0, at(Kind::Resolved, "DeviceOverheating", "esp32-03"));

    between(25.0, 26.0, at(Kind::DeviceDisconnected, "", "rp2040-02"));
    between(30.0, 32.0, at(Kind::Firing, "DeviceDisconnected", "rp2040-02"));
    between(31.0, 34.0, at(Kind::Delivered, "DeviceDisconnected", "rp2040-02"));
    between(32.0, 37.0, at(Kind::Inhibited, "LowModelThroughput", "rp2040-02"));
    between(50.0, 53.0, at(Kind::Resolved, "DeviceDisconnected", "rp2040-02"));

    between(35.0, 36.0, at(Kind::DeviceEvent, "", "stm32-01"));
    between(35.0, 38.0, at(Kind::Firing, "DeviceOutOfMemory", "stm32-01"));

    between(24.0, 27.0, at(Kind::Firing, "ThroughputAnomaly", "rp2040-02"));

    let told = |alert: &str, device: &str, resolved: bool| {
        let of = |e: &&Entry| e.alertname.as_deref() == Some(alert) && e.device_id.as_deref() == Some(device);
        let delivered = entries.iter().filter(|e| e.kind == Kind::Delivered).filter(of);
        delivered.filter(|e| e.text.ends_with("(resolved)") == resolved).count()
    };
    assert_eq!(told("DeviceOverheating", "esp32-03", false), 1, "one message, once");
    assert_eq!(told("DeviceOverheating", "esp32-03", true), 1);
    assert_eq!(told("LowModelThroughput", "rp2040-02", false), 0, "a board that is gone is told about once");
}
