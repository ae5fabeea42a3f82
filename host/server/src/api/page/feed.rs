//! The Board for everybody who looks at it: made once, however many pages are open, and not at all for none.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::board;
use super::contract::{BoardSnapshot, DeviceTile};
use crate::host::Host;

/// The Board is made at most so often.
const INTERVAL: Duration = Duration::from_secs(1);
/// The same for a Board with more than [`LARGE`] alerts; and how often changes are sent that are worth no event.
pub(super) const SLOW_INTERVAL: Duration = Duration::from_secs(5);
/// Alerts beyond which making and reading the Board takes a while.
const LARGE: usize = 1_000;
/// Live streams at once; each one holds a connection and a copy of what it sends.
const MAX_STREAMS: usize = 64;

/// Hands out the newest Board.
#[derive(Debug)]
pub(super) struct BoardFeed {
    newest: Mutex<Option<Arc<BoardFrame>>>,
    streams: Arc<Semaphore>,
}

impl Default for BoardFeed {
    fn default() -> Self {
        Self { newest: Mutex::default(), streams: Arc::new(Semaphore::new(MAX_STREAMS)) }
    }
}

/// The Board at one moment, ready to be sent.
#[derive(Debug)]
pub(super) struct BoardFrame {
    /// As JSON.
    pub json: Arc<str>,
    /// When it is time for another one.
    pub good_until: Instant,
    /// Which one it is.
    pub version: Version,
    snapshot: BoardSnapshot,
}

/// Tells two Boards apart.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Version {
    /// Counts changes that people want to see at once.
    news: u64,
    /// Counts all changes but that of the time.
    change: u64,
}

impl Version {
    /// Whether a page that was sent this Board so long ago wants the other one.
    pub(super) fn wants(self, newer: Self, sent_ago: Duration) -> bool {
        self.news != newer.news || (self.change != newer.change && sent_ago >= SLOW_INTERVAL)
    }
}

impl BoardFeed {
    /// A place for a live stream, until it is dropped. None: there are too many.
    pub(super) fn admit(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.streams).try_acquire_owned().ok()
    }

    /// The Board, made anew if the last one is no longer good. None: the host is stopping.
    pub(super) async fn newest(self: &Arc<Self>, host: &Arc<Host>) -> Option<Arc<BoardFrame>> {
        let (feed, host) = (Arc::clone(self), Arc::clone(host));
        // A task of its own: when a client hangs up in the middle, the next one waits for this Board and starts no other.
        tokio::spawn(async move { feed.refreshed(&host).await }).await.ok()?
    }

    async fn refreshed(&self, host: &Arc<Host>) -> Option<Arc<BoardFrame>> {
        let mut newest = self.newest.lock().await;
        let begun = Instant::now();
        if let Some(frame) = newest.as_ref().filter(|frame| begun < frame.good_until) {
            return Some(Arc::clone(frame));
        }
        let views = board::views(host).await?;
        let (host, former) = (Arc::clone(host), newest.clone());
        let making = tokio::task::spawn_blocking(move || {
            BoardFrame::new(board::build(&host, &views), begun, former.as_deref())
        });
        let frame = Arc::new(making.await.ok()??);
        *newest = Some(Arc::clone(&frame));
        Some(frame)
    }
}

impl BoardFrame {
    fn new(snapshot: BoardSnapshot, begun: Instant, former: Option<&Self>) -> Option<Self> {
        let interval = if snapshot.alerts_total > LARGE { SLOW_INTERVAL } else { INTERVAL };
        let json = serde_json::to_string(&snapshot);
        let json = json.inspect_err(|error| {
            tracing::error!(error = error as &dyn std::error::Error, "cannot write the Board");
        });
        let version = former.map_or_else(Version::default, |former| former.followed_by(&snapshot));
        Some(Self { json: json.ok()?.into(), good_until: begun + interval, version, snapshot })
    }

    fn followed_by(&self, newer: &BoardSnapshot) -> Version {
        let former = &self.snapshot;
        let Version { news, change } = self.version;
        if !tells_the_same(former, newer) {
            Version { news: news + 1, change: change + 1 }
        } else if former.foot != newer.foot || former.devices != newer.devices {
            Version { news, change: change + 1 }
        } else {
            self.version
        }
    }
}

/// Whether nothing differs but the time, the small print, and when devices were last seen.
fn tells_the_same(a: &BoardSnapshot, b: &BoardSnapshot) -> bool {
    let BoardSnapshot {
        now: _,
        foot: _,
        strip,
        alerts,
        alerts_total,
        groups,
        last_alert,
        happened,
        devices,
        add_device,
    } = a;
    *strip == b.strip
        && *alerts == b.alerts
        && *alerts_total == b.alerts_total
        && *groups == b.groups
        && *last_alert == b.last_alert
        && *happened == b.happened
        && *add_device == b.add_device
        && devices.len() == b.devices.len()
        && devices.iter().zip(&b.devices).all(|(a, b)| is_same_tile(a, b))
}

fn is_same_tile(a: &DeviceTile, b: &DeviceTile) -> bool {
    let DeviceTile { last_seen: _, id, platform, state, since, value, unit, metric, spark, alert } = a;
    *id == b.id
        && *platform == b.platform
        && *state == b.state
        && *since == b.since
        && *value == b.value
        && *unit == b.unit
        && *metric == b.metric
        && *spark == b.spark
        && *alert == b.alert
}

#[cfg(test)]
mod tests {
    use bellwether_model::Timestamp;

    use super::*;
    use crate::api::page::contract::{Foot, NowStrip, PluginCount};

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_millis(secs * 1000)
    }

    fn snapshot(now: i64) -> BoardSnapshot {
        let device = DeviceTile {
            id: "board-1".to_owned(),
            platform: "esp32".to_owned(),
            state: "connected",
            since: at(0),
            last_seen: Some(at(0)),
            value: Some(40.0),
            unit: "°C",
            metric: None,
            spark: Vec::new(),
            alert: None,
        };
        let plugins = PluginCount { total: 0, healthy: 0 };
        BoardSnapshot {
            now: at(now),
            strip: NowStrip::default(),
            alerts: Vec::new(),
            alerts_total: 0,
            groups: 0,
            last_alert: None,
            happened: Vec::new(),
            devices: vec![device],
            add_device: Vec::new(),
            foot: Foot { storage_bytes: 0, samples: 0, resident_bytes: 0, last_rule_tick_ms: None, plugins },
        }
    }

    fn frame(snapshot: BoardSnapshot, former: Option<&BoardFrame>) -> BoardFrame {
        BoardFrame::new(snapshot, Instant::now(), former).unwrap()
    }

    #[test]
    fn the_time_alone_is_no_change() {
        let first = frame(snapshot(0), None);
        let second = frame(snapshot(1), Some(&first));
        assert!(!first.version.wants(second.version, SLOW_INTERVAL));
        assert!(second.json.contains(r#""now":1000"#));
    }

    #[test]
    fn what_changes_all_the_time_is_sent_now_and_then() {
        let first = frame(snapshot(0), None);
        let mut newer = snapshot(1);
        newer.devices[0].last_seen = Some(at(1));
        let seen = frame(newer.clone(), Some(&first));
        newer.foot.samples = 1;
        let sampled = frame(newer, Some(&seen));
        for version in [seen.version, sampled.version] {
            assert!(!first.version.wants(version, Duration::from_secs(4)));
            assert!(first.version.wants(version, SLOW_INTERVAL));
        }
    }

    #[test]
    fn news_are_sent_at_once_even_when_they_are_gone_again() {
        let first = frame(snapshot(0), None);
        let mut newer = snapshot(1);
        newer.devices[0].value = Some(41.0);
        let second = frame(newer, Some(&first));
        assert!(first.version.wants(second.version, Duration::ZERO));
        let third = frame(snapshot(2), Some(&second));
        assert!(second.version.wants(third.version, Duration::ZERO));
    }

    #[test]
    fn a_large_board_is_good_for_longer() {
        let begun = Instant::now();
        let of = |alerts_total| {
            let snapshot = BoardSnapshot { alerts_total, ..snapshot(0) };
            BoardFrame::new(snapshot, begun, None).unwrap().good_until
        };
        assert_eq!((of(1_000), of(1_001)), (begun + INTERVAL, begun + SLOW_INTERVAL));
    }

    #[test]
    fn streams_are_counted() {
        let feed = BoardFeed::default();
        let mut places: Vec<_> = std::iter::from_fn(|| feed.admit()).collect();
        assert_eq!(places.len(), MAX_STREAMS);
        places.pop();
        assert!(feed.admit().is_some());
    }
}
