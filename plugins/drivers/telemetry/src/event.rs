//! Log lines that mean that something happened: a crash, a restart, memory that ran out.

use bellwether_plugin_sdk::driver::{Event, Label, Severity};

/// A kind of event, and the words by which it is recognised.
pub(crate) struct KnownEvent {
    pub(crate) kind: &'static str,
    pub(crate) severity: Severity,
    pub(crate) help: &'static str,
    /// In lower case.
    words: &'static [&'static str],
}

/// In the order in which they are looked for.
pub(crate) const KINDS: &[KnownEvent] = &[
    KnownEvent {
        kind: "out_of_memory",
        severity: Severity::Critical,
        help: "An allocation failed",
        words: &[
            "memory allocation failed",
            "alloc fail",
            "failed to allocate",
            "memoryerror",
            "out of memory",
        ],
    },
    KnownEvent {
        kind: "watchdog",
        severity: Severity::Critical,
        help: "A watchdog fired",
        words: &["task watchdog got triggered", "interrupt wdt timeout", "watchdog timeout"],
    },
    KnownEvent {
        kind: "panic",
        severity: Severity::Critical,
        help: "The firmware crashed",
        words: &[
            "guru meditation",
            "abort() was called",
            "hardfault",
            "hard fault",
            "kernel panic",
            "panicked at",
        ],
    },
    KnownEvent {
        kind: "brownout",
        severity: Severity::Critical,
        help: "The supply voltage dropped too low",
        words: &["brownout detector was triggered"],
    },
    KnownEvent {
        kind: "restart",
        severity: Severity::Warning,
        help: "The device started anew",
        words: &["rst:0x"],
    },
];

/// The event that a line reports, or nothing.
pub(crate) fn in_line(message: &str) -> Option<Event> {
    let lower = message.to_ascii_lowercase();
    let known = KINDS.iter().find(|known| known.words.iter().any(|word| lower.contains(word)))?;
    Some(Event {
        kind: known.kind.into(),
        severity: known.severity,
        message: message.into(),
        fields: reset_reason(message).into_iter().collect(),
        attachment: None,
        at: None,
    })
}

/// `POWERON_RESET` of an ESP32's `rst:0x1 (POWERON_RESET),boot:0x13`.
fn reset_reason(message: &str) -> Option<Label> {
    let (_, rest) = message.split_once("rst:0x")?;
    let (_, rest) = rest.split_once('(')?;
    let (reason, _) = rest.split_once(')')?;
    Some(Label { name: "reason".into(), value: reason.into() })
}
