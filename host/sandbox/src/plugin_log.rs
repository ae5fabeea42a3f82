//! The lines that a plugin logs: the newest are kept for the API, all pass through `tracing`, and a plugin that shouts
//! is cut off.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;
use tracing::{debug, error, info, warn};

use crate::speech::plain;

/// Fields of one line that are kept.
const MAX_FIELDS: usize = 16;
/// Lines a second in the long run.
const LINES_PER_SECOND: f64 = 50.0;
/// Lines that may come at once after a quiet time.
const BURST_LINES: f64 = 200.0;
/// Lines that are kept of each plugin.
const KEPT_LINES: usize = 200;

/// How much a line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// Of use to the plugin's author.
    Debug,
    /// Normal.
    Info,
    /// Unexpected.
    Warn,
    /// Went wrong.
    Error,
}

/// A line that a plugin logged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LogLine {
    /// How much it matters.
    pub level: LogLevel,
    /// For whom the plugin ran: a device, a function, a receiver.
    pub subject: String,
    /// Without control characters.
    pub message: String,
    /// As the plugin gave them.
    pub fields: Vec<(String, String)>,
}

/// The log of one plugin.
#[derive(Debug)]
pub(crate) struct PluginLog(Mutex<State>);

#[derive(Debug)]
struct State {
    kept: VecDeque<LogLine>,
    tokens: f64,
    filled_at: Instant,
    suppressed: u64,
}

impl PluginLog {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(State {
            kept: VecDeque::new(),
            tokens: BURST_LINES,
            filled_at: Instant::now(),
            suppressed: 0,
        }))
    }

    /// Takes a line, or counts it where there are too many.
    pub(crate) fn write(&self, plugin: &str, line: LogLine) {
        let line = LogLine {
            message: plain(&line.message),
            fields: line.fields.into_iter().take(MAX_FIELDS).map(|(k, v)| (plain(&k), plain(&v))).collect(),
            ..line
        };
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !state.take_token(Instant::now()) {
            state.suppressed += 1;
            return;
        }
        let suppressed = std::mem::take(&mut state.suppressed);
        if suppressed > 0 {
            let message = format!("{suppressed} lines suppressed");
            let note = LogLine { level: LogLevel::Warn, message, fields: Vec::new(), ..line.clone() };
            trace(plugin, &note);
            state.keep(note);
        }
        trace(plugin, &line);
        state.keep(line);
    }

    /// The lines that are kept, the oldest first.
    pub(crate) fn lines(&self) -> Vec<LogLine> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).kept.iter().cloned().collect()
    }
}

impl State {
    fn take_token(&mut self, now: Instant) -> bool {
        let passed: Duration = now.saturating_duration_since(self.filled_at);
        self.tokens = (self.tokens + passed.as_secs_f64() * LINES_PER_SECOND).min(BURST_LINES);
        self.filled_at = now;
        let granted = self.tokens >= 1.0;
        if granted {
            self.tokens -= 1.0;
        }
        granted
    }

    fn keep(&mut self, line: LogLine) {
        if self.kept.len() == KEPT_LINES {
            self.kept.pop_front();
        }
        self.kept.push_back(line);
    }
}

fn trace(plugin: &str, line: &LogLine) {
    let LogLine { level, subject, message, fields } = line;
    match level {
        LogLevel::Debug => debug!(plugin, subject, ?fields, text = %message, "plugin says"),
        LogLevel::Info => info!(plugin, subject, ?fields, text = %message, "plugin says"),
        LogLevel::Warn => warn!(plugin, subject, ?fields, text = %message, "plugin says"),
        LogLevel::Error => error!(plugin, subject, ?fields, text = %message, "plugin says"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(message: &str) -> LogLine {
        LogLine { level: LogLevel::Debug, subject: "d".into(), message: message.into(), fields: vec![] }
    }

    #[tokio::test(start_paused = true)]
    async fn suppresses_a_flood_and_says_how_much() {
        let log = PluginLog::new();
        (0..1000).for_each(|i| log.write("p", line(&i.to_string())));
        assert_eq!(log.lines().len(), KEPT_LINES);
        assert_eq!(log.lines().last().unwrap().message, "199");
        tokio::time::advance(Duration::from_secs(1)).await;
        log.write("p", line("after"));
        let messages: Vec<String> = log.lines().into_iter().rev().take(2).map(|line| line.message).collect();
        assert_eq!(messages, ["after", "800 lines suppressed"]);
    }
}
