use std::sync::Mutex;

use bellwether_model::device::Driver;
use bellwether_model::is_stale;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::{advance, sleep_until};

use super::*;
use crate::config::{SimConfig, TransportConfig};
use crate::notice::DeviceNotice;
use crate::sim::board::{Baseline, WireFormat};
use crate::sim::{ScriptStep, SimAction, demo_fleet, demo_log_rules};
use crate::testing::{Recorder, START, TestDriver, brief, clock};

mod network;
mod serial;

/// Devices that run on tokio's paused clock.
struct House {
    manager: DeviceManager,
    sink: Arc<Recorder>,
    heard: UnboundedReceiver<DeviceNotice>,
    began: Instant,
}

impl House {
    fn new(devices: Vec<DeviceConfig>) -> Self {
        Self::with(TestDriver::lookup(), devices)
    }

    fn with(drivers: DriverLookup, devices: Vec<DeviceConfig>) -> Self {
        let set = DeviceSet::from_configs(devices, &demo_log_rules()).unwrap();
        let (sink, heard) = Recorder::new();
        let manager = DeviceManager::start(
            &set,
            drivers,
            Arc::clone(&sink) as Arc<dyn Sink>,
            clock(),
            CancellationToken::new(),
            ManagerOptions::default(),
        );
        Self { manager, sink, heard, began: Instant::now() }
    }

    /// Lets everything happen up to a time since the start.
    async fn until(&self, millis: u64) {
        sleep_until(self.began + Duration::from_millis(millis)).await;
        // Whatever is due at that very time happens too.
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
    }

    /// What was heard so far, with times.
    fn heard(&mut self) -> Vec<(i64, String)> {
        let notices = std::iter::from_fn(|| self.heard.try_recv().ok());
        notices.map(|notice| (notice.at.millis_since(START), brief(&notice))).collect()
    }

    fn heard_of(&mut self, id: &str) -> Vec<(i64, String)> {
        let mut heard = self.heard();
        heard.retain(|(_, text)| text.split(' ').next() == Some(id));
        heard
    }

    fn status(&self, id: &str) -> DeviceStatus {
        self.manager.device(id).unwrap()
    }
}

const fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn board(id: &str, script: &[(u64, SimAction)]) -> DeviceConfig {
    let script = script.iter().map(|(at, action)| ScriptStep { at: secs(*at), action: action.clone() });
    let sim = SimConfig {
        format: WireFormat::KeyValue,
        interval: Duration::from_millis(500),
        seed: 1,
        baseline: Baseline::default(),
        script: script.collect(),
    };
    DeviceConfig {
        id: id.to_owned(),
        platform: "esp32".to_owned(),
        driver: "test".to_owned(),
        transport: TransportConfig::Sim(sim),
        ..demo_fleet().remove(0)
    }
}

fn print(line: &str) -> SimAction {
    SimAction::Print(line.to_owned())
}

fn status_series(id: &str) -> String {
    format!(r#"device_connection_status{{device_id="{id}", platform="esp32", port="sim:{id}"}}"#)
}

#[tokio::test(start_paused = true)]
async fn never_seen_device_has_a_status_from_the_first_moment() {
    let mut house = House::new(vec![board("a", &[(0, SimAction::Unplug)])]);
    assert_eq!(house.sink.samples(&status_series("a")), [(0, 0.0)]);
    house.until(11_000).await;
    let written = house.sink.samples(&status_series("a"));
    assert!(written.iter().all(|(_, value)| *value == 0.0));
    assert!(written.len() >= 3, "{written:?}");
    let declared =
        r#"device_events_total{device_id="a", kind="declared", platform="esp32", severity="info"}"#;
    assert_eq!(house.sink.samples(declared)[0], (0, 0.0));
    assert_eq!(house.heard(), [(0, "a unreachable: no such device: sim:a is unplugged".to_owned())]);
    let status = house.status("a");
    assert_eq!((status.state, status.connected, status.last_seen), ("absent", false, None));
    let errors = r#"device_connect_errors_total{device_id="a", platform="esp32", reason="no_such_device"}"#;
    assert!(house.sink.latest(errors) >= 10.0);
}

#[tokio::test(start_paused = true)]
async fn demo_fleet_keeps_its_timeline() {
    let mut house = House::new(demo_fleet());
    house.until(1_000).await;
    let snapshot = house.manager.snapshot();
    assert!(snapshot.iter().all(|device| device.connected && device.state == "up"), "{snapshot:#?}");
    assert_eq!(house.heard().len(), 12);

    house.until(30_000).await;
    let unplugged = (25_000, "rp2040-02 disconnected: unplugged, or closed by the other side".to_owned());
    assert_eq!(house.heard(), [unplugged]);
    let status =
        r#"device_connection_status{device_id="rp2040-02", platform="rp2040", port="sim:rp2040-02"}"#;
    assert!(
        house.sink.samples(status).iter().any(|(at, value)| (25_000..25_010).contains(at) && *value == 0.0)
    );

    house.until(60_000).await;
    let heard = house.heard();
    let oom =
        ["stm32-01 log E (35000) llm: Memory allocation failed: requested 65536 bytes", "stm32-01 event oom"];
    assert_eq!(heard[..2], oom.map(|text| (35_000, text.to_owned())));
    let (back_at, back) = &heard[2];
    assert_eq!((back.as_str(), heard.len()), ("rp2040-02 connected", 3), "{heard:?}");
    assert!((50_000..=51_000).contains(back_at), "{back_at}");
    assert_eq!(house.sink.latest(status), 1.0);
    let counted =
        r#"device_events_total{device_id="stm32-01", kind="oom", platform="stm32", severity="critical"}"#;
    let counted = house.sink.samples(counted);
    assert_eq!(counted[0], (0, 0.0));
    assert!(counted.iter().any(|(at, value)| (35_000..35_010).contains(at) && *value == 1.0), "{counted:?}");
    let reconnects = r#"device_reconnects_total{device_id="rp2040-02", platform="rp2040"}"#;
    assert_eq!(house.sink.latest(reconnects), 1.0);
}

#[tokio::test(start_paused = true)]
async fn hung_board_is_silent_and_comes_back() {
    let mut config = board("a", &[(2, SimAction::Hang), (20, SimAction::Resume)]);
    config.silence_timeout = secs(5);
    let mut house = House::new(vec![config]);
    house.until(21_000).await;
    let heard = house.heard_of("a");
    let expected = [(0, "a connected"), (6_500, "a silent"), (20_000, "a connected")];
    assert_eq!(heard, expected.map(|(at, text)| (at, text.to_owned())));
    let down = house.sink.samples(&status_series("a"));
    assert!(down.iter().any(|(at, value)| (6_500..6_510).contains(at) && *value == 0.0), "{down:?}");
}

#[tokio::test(start_paused = true)]
async fn series_of_a_lost_device_end_after_stale_after() {
    let mut config = board("a", &[(3, SimAction::Unplug)]);
    config.stale_after = secs(10);
    let house = House::new(vec![config]);
    let series = r#"temp_c{device_id="a", model_name="stories260k", platform="esp32"}"#;
    house.until(12_000).await;
    assert!(house.sink.samples(series).iter().all(|(_, value)| !is_stale(*value)));
    house.until(14_000).await;
    let (at, value) = house.sink.samples(series).pop().unwrap();
    assert!(is_stale(value) && at == 13_000, "{at} {value}");
    assert_eq!(house.status("a").series, 0);
    assert_eq!(house.sink.latest(&status_series("a")), 0.0, "the host's own series go on");
}

#[tokio::test(start_paused = true)]
async fn panicking_driver_is_quarantined_and_its_neighbour_never_notices() {
    // Every connection reads the line within half a second of its start.
    let script: Vec<_> = (0..200).map(|at| (at, print("panic"))).collect();
    let mut house = House::new(vec![board("bad", &script), board("good", &[])]);
    house.until(30_000).await;
    let heard = house.heard();
    let crashes =
        heard.iter().filter(|(_, text)| text.starts_with("bad crashed: plugin failed: panic: told to"));
    assert_eq!(crashes.count(), crate::lifecycle::CRASHES_ALLOWED, "{heard:#?}");
    assert!(heard.last().unwrap().1.starts_with("bad quarantined: "), "{heard:#?}");
    assert_eq!(house.status("bad").state, "quarantined");
    assert_eq!(house.status("good").counters.frames_ok, 61);
    assert_eq!(house.status("good").counters.reconnects, 0);
    assert!(house.manager.reconnect("bad"));
    house.until(30_001).await;
    assert_ne!(house.status("bad").state, "quarantined");
}

#[tokio::test(start_paused = true)]
async fn driver_says_what_happens_to_the_connection() {
    let script = [(2, print("bad")), (3, print("skip")), (4, print("reset")), (10, print("unsupported"))];
    let mut house = House::new(vec![board("a", &script)]);
    house.until(12_000).await;
    let heard: Vec<_> = house.heard().into_iter().map(|(_, text)| text).collect();
    let expected = [
        "a connected",
        "a disconnected: reset: told to",
        "a connected",
        "a disconnected: unsupported device: told to",
        "a quarantined: unsupported device: told to",
    ];
    assert_eq!(heard, expected);
    // The words came in one batch with a line of telemetry each, which is lost with them; a skipped frame is not.
    assert_eq!(house.status("a").counters.frames_bad, 7);
}

#[tokio::test(start_paused = true)]
async fn driver_that_never_answers_counts_as_crashed() {
    let mut house = House::new(vec![board("a", &[(1, print("hang"))])]);
    house.until(40_000).await;
    let heard: Vec<_> = house.heard().into_iter().map(|(_, text)| text).collect();
    assert!(heard.iter().any(|text| text.contains("did not answer within 30 s")), "{heard:?}");
    assert_eq!(house.status("a").state, "up", "and the device is served again");
}

#[tokio::test(start_paused = true)]
async fn timers_run_and_writes_need_permission() {
    let mut allowed = board("allowed", &[(1, print("write"))]);
    allowed.allow_writes = true;
    let house = House::new(vec![allowed, board("refused", &[(1, print("write")), (1, print("wake"))])]);
    house.until(4_500).await;
    assert_eq!(house.status("allowed").counters.bytes_written, 8);
    assert_eq!(house.status("refused").counters.bytes_written, 0);
    house.until(5_000).await;
    let dropped = r#"device_dropped_total{device_id="refused", platform="esp32", reason="write_refused"}"#;
    assert_eq!(house.sink.latest(dropped), 1.0);
    let ticked = r#"ticked{device_id="refused", model_name="stories260k", platform="esp32"}"#;
    let ticks: Vec<_> = house.sink.samples(ticked).into_iter().map(|(at, _)| at).collect();
    assert_eq!(ticks[..3], [2_000, 3_000, 4_000]);
}

#[tokio::test(start_paused = true)]
async fn missing_driver_is_told_and_tried_again() {
    let mut config = board("a", &[]);
    config.driver = "missing".to_owned();
    let mut house = House::new(vec![config]);
    house.until(60_000).await;
    assert_eq!(house.heard(), [(0, "a unreachable: no driver named `missing` is loaded".to_owned())]);
    let errors = r#"device_connect_errors_total{device_id="a", platform="esp32", reason="driver_missing"}"#;
    assert!((6.0..12.0).contains(&house.sink.latest(errors)));
}

#[tokio::test(start_paused = true)]
async fn reload_keeps_what_is_the_same_and_ends_what_is_gone() {
    let (kept, gone, changed) = (board("kept", &[]), board("gone", &[]), board("changed", &[]));
    let mut house = House::new(vec![kept.clone(), gone, changed.clone()]);
    house.until(3_000).await;
    drop(house.heard());
    let changed = DeviceConfig { silence_timeout: secs(7), ..changed };
    let new = DeviceSet::from_configs([board("new", &[]), changed, kept], &[]).unwrap();
    house.manager.reload(&new).await;
    house.until(6_000).await;
    let mut heard: Vec<_> = house.heard().into_iter().map(|(_, text)| text).collect();
    heard.sort();
    assert_eq!(heard, ["changed connected", "new connected"]);
    let ids: Vec<_> = house.manager.snapshot().into_iter().map(|device| device.id).collect();
    assert_eq!(ids, ["new", "changed", "kept"]);
    assert_eq!(house.status("kept").counters.frames_ok, 13);
    assert!(is_stale(house.sink.latest(&status_series("gone"))));
    assert!(is_stale(
        house.sink.latest(r#"temp_c{device_id="gone", model_name="stories260k", platform="esp32"}"#)
    ));
    let changed = house.sink.samples(&status_series("changed"));
    assert!(changed.windows(2).all(|pair| pair[0].0 < pair[1].0), "{changed:?}");
    assert_eq!(changed.last().unwrap().1, 1.0);
}

#[tokio::test(start_paused = true)]
async fn cancelling_ends_all_tasks() {
    let house = House::new(demo_fleet());
    house.until(1_000).await;
    house.manager.around.stop.cancel();
    house.manager.stopped().await;
    let temp = r#"temp_c{device_id="stm32-01", model_name="stories260k", platform="stm32"}"#;
    let before = house.sink.samples(temp);
    advance(secs(60)).await;
    assert_eq!(house.sink.samples(temp), before);
    assert!(before.iter().all(|(_, value)| !is_stale(*value)), "a stop of the host ends no series");
}

#[tokio::test(start_paused = true)]
async fn latest_lines_are_kept_and_go_out_with_events() {
    let script: Vec<_> = (0..300).map(|i| (1, print(&format!("line {i}")))).collect();
    let mut house = House::new(vec![board("a", &[script, vec![(2, print("MemoryError"))]].concat())]);
    house.until(3_000).await;
    let lines = house.status("a").lines;
    assert_eq!(lines.len(), crate::status::KEPT_LINES);
    assert!(lines[0].text.starts_with("line "), "{:?}", lines[0]);
    let event = std::iter::from_fn(|| house.heard.try_recv().ok()).find_map(|notice| match notice.kind {
        crate::NoticeKind::Event(event) => Some(event),
        _ => None,
    });
    let attached = event.unwrap().attachment.unwrap();
    assert_eq!(attached.lines().count(), 20);
    assert!(attached.ends_with("MemoryError"), "{attached}");
}

#[tokio::test(start_paused = true)]
async fn flood_of_events_does_not_write_far_ahead_of_the_time() {
    let script: Vec<_> = (0..5_000).map(|_| (1, print("MemoryError"))).collect();
    let house = House::new(vec![board("a", &script)]);
    house.until(3_000).await;
    let counted = r#"device_events_total{device_id="a", kind="oom", platform="esp32", severity="critical"}"#;
    let written = house.sink.samples(counted);
    assert!(written.iter().all(|(at, _)| *at <= 1_200), "{:?}", written.last());
    house.until(6_000).await;
    assert!(house.sink.latest(counted) > 3_000.0, "what one poll of the board holds back");
}

#[tokio::test(start_paused = true)]
async fn disabled_device_is_left_alone() {
    let mut house = House::new(vec![DeviceConfig { enabled: false, ..board("a", &[]) }]);
    house.until(20_000).await;
    assert_eq!(house.heard(), []);
    assert_eq!(house.sink.samples(&status_series("a")), []);
    assert_eq!(house.status("a").state, "disabled");
}

#[tokio::test(start_paused = true)]
async fn capture_of_a_device_replays_to_the_same_bytes() {
    let house = House::new(vec![board("a", &[(3, SimAction::Unplug)])]);
    house.until(3_100).await;
    let capture = house.manager.capture("a").unwrap();
    let received: Vec<u8> = capture.received().flat_map(|(_, bytes)| bytes.to_vec()).collect();
    assert_eq!(received.iter().filter(|&&byte| byte == b'\n').count(), 6, "lines of 0 s to 2.5 s");
    assert_eq!(received.len() as u64, house.status("a").counters.bytes_read);
    assert_eq!(Capture::parse(&capture.print()).unwrap(), capture);
    assert_eq!(house.manager.capture("nobody"), None);
}

/// The driver that there is now; tests put another one in its place.
#[derive(Clone)]
struct Shelf(Arc<Mutex<Option<Arc<dyn Driver>>>>);

impl Shelf {
    fn with(driver: Arc<dyn Driver>) -> Self {
        Self(Arc::new(Mutex::new(Some(driver))))
    }

    fn lookup(&self) -> DriverLookup {
        let shelf = self.clone();
        Arc::new(move |_| shelf.0.lock().unwrap().clone())
    }

    fn put(&self, driver: Option<Arc<dyn Driver>>) {
        *self.0.lock().unwrap() = driver;
    }
}

/// A board that counts, a line a second.
fn counter() -> DeviceConfig {
    let lines: Vec<_> = (1..60).map(|n| (n, print(&format!("count={n}")))).collect();
    board("a", &lines)
}

#[tokio::test(start_paused = true)]
async fn a_new_driver_takes_over_without_a_break_or_a_lost_line() {
    let shelf = Shelf::with(TestDriver::with_prefix("old_"));
    let mut house = House::with(shelf.lookup(), vec![counter()]);
    house.until(10_500).await;
    shelf.put(Some(TestDriver::with_prefix("new_")));
    house.manager.driver_changed("test");
    house.until(20_500).await;
    let counted = |name: &str| {
        let series = format!(r#"{name}{{device_id="a", model_name="stories260k", platform="esp32"}}"#);
        house.sink.samples(&series).into_iter().map(|(_, value)| value).collect::<Vec<_>>()
    };
    assert_eq!(counted("old_count"), (1..=10).map(f64::from).collect::<Vec<_>>());
    assert_eq!(counted("new_count"), (11..=20).map(f64::from).collect::<Vec<_>>());
    assert_eq!(house.heard_of("a"), [(0, "a connected".to_owned())], "the connection stood all the time");
}

#[tokio::test(start_paused = true)]
async fn a_driver_that_fails_on_what_the_device_sends_does_not_take_over() {
    let shelf = Shelf::with(TestDriver::with_prefix("old_"));
    let mut house = House::with(shelf.lookup(), vec![counter()]);
    house.until(10_500).await;
    shelf.put(Some(TestDriver::with_prefix("broken_")));
    house.manager.driver_changed("test");
    house.until(15_500).await;
    shelf.put(None);
    house.manager.driver_changed("test");
    house.until(20_500).await;
    let counted =
        house.sink.samples(r#"old_count{device_id="a", model_name="stories260k", platform="esp32"}"#);
    assert_eq!(counted.len(), 20, "the old one goes on, also when its file is gone");
    let heard = house.heard_of("a");
    assert_eq!(heard.len(), 2, "{heard:?}");
    assert!(heard[1].1.contains("rejected: ") && heard[1].1.contains("broken"), "{heard:?}");
}
