//! Who misbehaves how, and in which words the host says so: all deeds of the guests in `plugins/hostile`.

/// A board that sends one line that makes its driver misbehave.
pub(super) struct Board {
    pub(super) id: &'static str,
    pub(super) driver: &'static str,
    pub(super) prints: &'static str,
    /// Words of the crash; none where the deed is only cut short.
    pub(super) crash: Option<&'static str>,
}

/// Named by its deed.
const fn board(deed: &'static str, crash: Option<&'static str>) -> Board {
    Board { id: deed, driver: "hostile-driver", prints: deed, crash }
}

/// Whose driver misbehaves when it is opened or started, which its name brings about.
const fn named(id: &'static str, crash: &'static str) -> Board {
    Board { id, driver: "hostile-driver", prints: "1", crash: Some(crash) }
}

const fn later(id: &'static str, prints: &'static str, crash: &'static str) -> Board {
    Board { id, driver: "hostile-driver", prints, crash: Some(crash) }
}

const fn wasi(deed: &'static str, crash: Option<&'static str>) -> Board {
    Board { id: deed, driver: "hostile-wasi", prints: deed, crash }
}

pub(super) const BOARDS: &[Board] = &[
    board("spin", Some("without finishing")),
    board("chatter", Some("without finishing")),
    board("hoard", Some("limit 16 MiB")),
    board("grow-at-once", Some("limit 16 MiB")),
    board("grow-by-pages", Some("limit 16 MiB")),
    board("recurse", Some("too deeply")),
    board("crash", Some("deliberate crash")),
    board("unreachable", Some("unreachable")),
    board("stray", Some("out of bounds")),
    board("invalid-utf8", Some("invalid utf-8")),
    board("wild-text", Some("out of bounds")),
    board("wild-list", Some("out of bounds")),
    board("aliases", Some("more than 4 MiB")),
    board("giant-string", Some("more than 4 MiB")),
    board("shout", Some("without finishing")),
    board("reset", None),
    board("grumble", None),
    board("flood", None),
    board("series", None),
    board("block", None),
    board("heavy-block", None),
    board("events", None),
    board("giant-event", None),
    board("records", None),
    board("giant-record", None),
    board("writes", None),
    board("identity", None),
    board("wake", None),
    board("names", None),
    board("values", None),
    board("times", None),
    board("escapes", None),
    board("fields", None),
    named("spin-on-open", "without finishing"),
    named("hoard-on-open", "limit 16 MiB"),
    named("crash-on-open", "deliberate crash"),
    named("spin-on-start", "without finishing"),
    named("hoard-on-start", "limit 16 MiB"),
    named("crash-on-start", "deliberate crash"),
    later("spin-later", "later:spin", "without finishing"),
    later("crash-later", "later:crash", "deliberate crash"),
    wasi("environment", None),
    wasi("arguments", None),
    wasi("folder", None),
    wasi("preopens", None),
    wasi("stdin", None),
    wasi("terminal", None),
    wasi("tcp", None),
    wasi("udp", None),
    wasi("clock", None),
    wasi("stopwatch", None),
    wasi("dice", None),
    Board { id: "host-names", driver: "hostile-wasi", prints: "names", crash: None },
    wasi("print", None),
    wasi("exit", Some("Exited")),
    wasi("much-random", Some("exceeds limit")),
    wasi("pollables", Some("resource table")),
    wasi("streams", Some("resource table")),
    wasi("sleep", Some("was not over after 2 s")),
    wasi("sleep-many", Some("was not over after 2 s")),
    wasi("naps", Some("")),
];

/// Functions of the detector, and what their rules say.
pub(super) const FUNCTIONS: &[(&str, &str)] = &[
    ("hostile_spin", "without finishing"),
    ("hostile_chatter", "without finishing"),
    ("hostile_hoard", "limit 16 MiB"),
    ("hostile_recurse", "too deeply"),
    ("hostile_crash", "trapped"),
    ("hostile_flood", "limit 16 MiB"),
    ("hostile_short", "scores for"),
    ("hostile_long", "scores for"),
    ("hostile_uneven", "lower bounds for"),
    ("hostile_grumble", "no no"),
    ("hostile_blame", "no no"),
    ("hostile_nan", "Good"),
];

/// The plugin of the receivers that crash: a copy under a name of its own, since its quarantine stops all its receivers.
pub(super) const CRASHES: &str = "hostile-crashing";

/// Receivers, named by their deed, and why they fail; nothing where they do not.
pub(super) const RECEIVERS: &[(&str, &str)] = &[
    ("call", "evil.example is not granted"),
    ("spin", CRASHES),
    ("hoard", CRASHES),
    ("recurse", CRASHES),
    ("crash", CRASHES),
    ("giant", CRASHES),
    ("giant-receipt", CRASHES),
    ("giant-link", CRASHES),
    ("grumble", "no no"),
    ("pause", "rate limited for"),
    ("lost", "the earlier message is gone"),
    ("many", ""),
    ("large", "limit 262144"),
    ("split", "evil.example is not granted"),
    ("steal-by-log", ""),
    ("steal-by-field", ""),
    ("steal-by-stdout", ""),
    ("steal-by-panic", CRASHES),
    ("steal-by-error", "bellwether-secret-"),
    ("steal-by-receipt", ""),
    ("steal-by-address", "other.example is not granted"),
    ("steal-by-query", "other.example is not granted"),
    ("steal-by-name", "evil.example is not granted"),
    ("steal-by-user", "user or password"),
    ("steal-by-header", "other.example is not granted"),
    ("steal-by-body", "other.example is not granted"),
    ("steal-by-hex", "other.example is not granted"),
    ("steal-by-halves", "other.example is not granted"),
    ("steal-by-signature", ""),
];

/// The receiver whose server never answers.
pub(super) const SLOW: (&str, &str) = ("slow", "was not over after 30 s");
