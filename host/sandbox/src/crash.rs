//! What is said of a call that went wrong: which plugin, which call, why in words, and where in its code.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

/// Why the host ended a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "cause", rename_all = "snake_case")]
pub enum CrashCause {
    /// Guest code ran for its whole budget.
    OutOfTime {
        /// The budget.
        budget_ms: u64,
    },
    /// The call as a whole was not over in time.
    TooSlow {
        /// The budget.
        budget_ms: u64,
    },
    /// It wanted more memory than it may have.
    OutOfMemory {
        /// What its memory would have grown to.
        wanted_bytes: usize,
        /// What it may have.
        limit_bytes: usize,
    },
    /// It wanted more memory than is left of what the instances of the plugin, or all plugins, may have together.
    NoMemoryLeft {
        /// What they may have.
        limit_bytes: usize,
    },
    /// It wanted larger tables than it may have.
    TooManyTableElements {
        /// What the table would have grown to.
        wanted: usize,
        /// What it may have.
        limit: usize,
    },
    /// It returned more data than a call may.
    TooMuchData {
        /// What it may return.
        limit_bytes: usize,
    },
    /// Its calls were nested too deeply.
    StackOverflow,
    /// It ended itself: a panic, a division by zero, an access outside its memory.
    Trap {
        /// wasmtime's word for it.
        text: String,
    },
    /// Its answer cannot be true: another number of scores than series, a receipt that is too long.
    BadAnswer {
        /// What is wrong with it.
        text: String,
    },
    /// The host itself failed while it ran the plugin.
    Host {
        /// What happened.
        text: String,
    },
}

impl fmt::Display for CrashCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutOfTime { budget_ms } => write!(f, "ran {budget_ms} ms without finishing"),
            Self::TooSlow { budget_ms } => {
                write!(f, "was not over after {}", Seconds(Duration::from_millis(*budget_ms)))
            }
            Self::OutOfMemory { wanted_bytes, limit_bytes } => {
                write!(f, "wanted {} of memory, limit {}", Mebibytes(*wanted_bytes), Mebibytes(*limit_bytes))
            }
            Self::NoMemoryLeft { limit_bytes } => {
                write!(
                    f,
                    "wanted more memory than is left of the {} for all instances",
                    Mebibytes(*limit_bytes)
                )
            }
            Self::TooManyTableElements { wanted, limit } => {
                write!(f, "wanted a table of {wanted}, limit {limit}")
            }
            Self::TooMuchData { limit_bytes } => write!(f, "returned more than {}", Mebibytes(*limit_bytes)),
            Self::StackOverflow => f.write_str("nested its calls too deeply"),
            Self::Trap { text } => write!(f, "trapped: {text}"),
            Self::BadAnswer { text } => write!(f, "gave an impossible answer: {text}"),
            Self::Host { text } => write!(f, "made the host fail: {text}"),
        }
    }
}

struct Mebibytes(usize);

impl fmt::Display for Mebibytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tenths = self.0 * 10 / (1 << 20);
        match tenths % 10 {
            0 => write!(f, "{} MiB", tenths / 10),
            rest => write!(f, "{}.{rest} MiB", tenths / 10),
        }
    }
}

struct Seconds(Duration);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} s", self.0.as_secs_f64())
    }
}

/// A call that went wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Crash {
    /// The plugin.
    pub plugin: String,
    /// What was called: `receive`, `evaluate zscore`, `notify`.
    pub call: String,
    /// Whom it was called for: a device, a function, a receiver; empty for `describe`.
    pub subject: String,
    /// Why.
    #[serde(flatten)]
    pub cause: CrashCause,
    /// Functions of the guest, the innermost first.
    pub backtrace: Vec<String>,
    /// The last error that the plugin logged in this instance: the text of a panic, usually.
    pub last_words: Option<String>,
}

impl fmt::Display for Crash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "plugin {}: {}", self.plugin, self.call)?;
        if !self.subject.is_empty() {
            write!(f, " for {:?}", self.subject)?;
        }
        write!(f, " {}", self.cause)?;
        match &self.last_words {
            Some(words) => write!(f, " ({words})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Crash {}
