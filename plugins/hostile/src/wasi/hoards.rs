//! Waiting without end, and handles that are never given back.

use super::bindings::wasi::cli::stdout;
use super::bindings::wasi::clocks::monotonic_clock::subscribe_duration;
use super::bindings::wasi::io::poll;

const HOUR_NANOS: u64 = 3_600_000_000_000;
/// As many as one instance may have open, less a few.
const MANY: usize = 400;

/// Does the deed, if it is one of these.
pub(super) fn perform(deed: &str) -> Option<f64> {
    Some(match deed {
        "sleep" => {
            subscribe_duration(HOUR_NANOS).block();
            1.0
        }
        "sleep-many" => sleep_many(),
        "naps" => loop {
            subscribe_duration(0).block();
        },
        "pollables" => loop {
            std::mem::forget(subscribe_duration(HOUR_NANOS));
        },
        "streams" => loop {
            std::mem::forget(stdout::get_stdout());
        },
        _ => return None,
    })
}

fn sleep_many() -> f64 {
    let timers: Vec<poll::Pollable> = (0..MANY).map(|_| subscribe_duration(HOUR_NANOS)).collect();
    poll::poll(&timers.iter().collect::<Vec<_>>()).len() as f64
}
