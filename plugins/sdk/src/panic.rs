//! What a plugin says with its last breath: the text of a panic goes to the host's log, since the trap that follows
//! only has a backtrace.

/// Sends panics to `log` from now on. Cheap enough to be called on every entry.
#[cfg_attr(
    not(any(feature = "driver", feature = "detector", feature = "receiver")),
    expect(dead_code, reason = "used by each kind")
)]
pub(crate) fn report_to(log: fn(&str)) {
    use std::sync::Once;
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| std::panic::set_hook(Box::new(move |info| log(&info.to_string()))));
}
