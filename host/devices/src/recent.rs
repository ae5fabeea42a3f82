//! The latest bytes of a connection, kept so that a bug report can carry what really came in. Pure.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bellwether_model::Timestamp;

use crate::capture::{Capture, CapturedDevice, Entry, Happening, Head, VERSION};
use crate::config::DeviceConfig;

/// How far back it reaches.
const RECENT_TIME: Duration = Duration::from_secs(300);
/// How many bytes it keeps: 20 s of a serial line at 115,200 baud, hours of a board that writes a line a second.
const RECENT_BYTES: usize = 256 << 10;
/// How many entries it keeps: a single byte costs as much memory as a line.
const RECENT_ENTRIES: usize = 4_096;

/// What came and went on the latest connection.
#[derive(Debug)]
pub(crate) struct Recent {
    config: Arc<DeviceConfig>,
    opened_at: Timestamp,
    entries: VecDeque<Entry>,
    bytes: usize,
}

impl Recent {
    pub(crate) const fn new(config: Arc<DeviceConfig>, now: Timestamp) -> Self {
        Self { config, opened_at: now, entries: VecDeque::new(), bytes: 0 }
    }

    /// Begins anew: another connection.
    pub(crate) fn opened(&mut self, now: Timestamp) {
        self.opened_at = now;
        self.entries.clear();
        self.bytes = 0;
        self.push(now, Happening::Open);
    }

    pub(crate) fn push(&mut self, now: Timestamp, what: Happening) {
        // A clock that was set back must not make the recording go back in time.
        let latest = self.entries.back().map_or(Duration::ZERO, |entry| entry.at);
        let at = now.since(self.opened_at).max(latest);
        self.bytes += size(&what);
        self.entries.push_back(Entry { at, what });
        while self.entries.front().is_some_and(|oldest| self.is_too_much(oldest, at)) {
            let dropped = self.entries.pop_front().map_or(0, |entry| size(&entry.what));
            self.bytes -= dropped;
        }
    }

    pub(crate) fn capture(&self) -> Capture {
        Capture {
            head: Head {
                v: VERSION,
                driver: self.config.driver.clone(),
                device: CapturedDevice { id: self.config.id.clone(), platform: self.config.platform.clone() },
                settings: self.config.settings.clone(),
                t0_ms: self.opened_at,
            },
            entries: self.entries.iter().cloned().collect(),
        }
    }

    fn is_too_much(&self, oldest: &Entry, now: Duration) -> bool {
        self.bytes > RECENT_BYTES || self.entries.len() > RECENT_ENTRIES || now - oldest.at > RECENT_TIME
    }
}

const fn size(what: &Happening) -> usize {
    match what {
        Happening::Received(bytes) | Happening::Sent(bytes) => bytes.len(),
        Happening::Open | Happening::Close { .. } => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::demo_fleet;

    const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

    fn recent() -> Recent {
        let mut recent = Recent::new(Arc::new(demo_fleet().remove(0)), NOW);
        recent.opened(NOW);
        recent
    }

    #[test]
    fn keeps_a_readable_recording() {
        let mut recent = recent();
        recent.push(NOW + Duration::from_secs(2), Happening::Received(b"a\n".to_vec()));
        recent.push(NOW + Duration::from_secs(1), Happening::Sent(b"b\n".to_vec()));
        let capture = recent.capture();
        assert_eq!(Capture::parse(&capture.print()).unwrap(), capture);
        assert_eq!(capture.entries.len(), 3);
    }

    #[test]
    fn forgets_what_is_old_or_too_much() {
        let mut recent = recent();
        for second in 0..1_000 {
            recent.push(NOW + Duration::from_secs(second), Happening::Received(vec![b'x'; 100]));
        }
        assert_eq!(recent.entries.len(), 301);
        for _ in 0..1_000 {
            recent.push(NOW + Duration::from_secs(1_000), Happening::Received(vec![b'x'; 1_000]));
        }
        assert!(recent.bytes <= RECENT_BYTES);
        assert_eq!(recent.bytes, recent.entries.iter().map(|entry| size(&entry.what)).sum::<usize>());
        recent.opened(NOW);
        assert_eq!((recent.entries.len(), recent.bytes), (1, 0));
    }
}
