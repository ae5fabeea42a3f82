//! WASI for language runtimes that do not start without it: all of it is there, and nothing is in it.
//!
//! No folder, no variable of the environment, no argument, an empty stdin; sockets and names are refused. What is printed
//! goes to the plugin's log. The clock shows the time of the call, and random numbers come from a seed that follows from
//! plugin, subject and time: so the same calls give the same answers here too. Only [`http`] leads anywhere.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bellwether_model::Timestamp;
use bytes::Bytes;
use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio::io::AsyncWrite;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};
use wasmtime_wasi::{HostMonotonicClock, HostWallClock, WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::WasiHttpCtx;

use crate::context::PluginContext;
use crate::plugin_log::{LogLevel, LogLine};
use crate::store::HostState;

pub(crate) mod http;

/// Streams, directories and the like that one instance may have open.
const MAX_HANDLES: usize = 1_000;
/// Random bytes that one call may ask for.
const MAX_RANDOM_BYTES: u64 = 64 << 10;
/// How far a look at the clock moves it: who waits for time to pass is not to wait for ever.
const LOOK: Duration = Duration::from_micros(1);
/// What a stream takes at once.
const MAX_WRITE_BYTES: usize = 8 << 10;
/// The longest line that is put together from what is printed; a longer one is broken.
const MAX_LINE_BYTES: usize = 4 << 10;
/// How lines begin in which runtimes say why they give up.
const LAST_WORDS: [&str; 3] = ["panic:", "fatal error:", "Fatal Python error:"];

/// What an instance has of WASI.
pub(crate) struct Wasi {
    context: WasiCtx,
    http: WasiHttpCtx,
    table: ResourceTable,
    clock: CallClock,
    output: Printed,
    errors: Printed,
}

impl std::fmt::Debug for Wasi {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Wasi").finish_non_exhaustive()
    }
}

impl Wasi {
    fn new(plugin: &Arc<PluginContext>, subject: &str, now: Timestamp) -> Self {
        let clock = CallClock::at(now);
        let printed = |level| Printed::new(Arc::clone(plugin), subject, level);
        let (output, errors) = (printed(LogLevel::Info), printed(LogLevel::Warn));
        let seed = seed(&plugin.name, subject, now);
        let mut builder = WasiCtx::builder();
        builder
            .stdout(output.clone())
            .stderr(errors.clone())
            .wall_clock(clock.clone())
            .monotonic_clock(clock.clone())
            .secure_random(StdRng::seed_from_u64(seed))
            .insecure_random(StdRng::seed_from_u64(seed.rotate_left(1)))
            .insecure_random_seed(seed.into())
            .max_random_size(MAX_RANDOM_BYTES)
            .allow_tcp(false)
            .allow_udp(false)
            .allow_ip_name_lookup(false);
        let mut table = ResourceTable::new();
        table.set_max_capacity(MAX_HANDLES);
        let mut http = WasiHttpCtx::new();
        http.set_field_size_limit(http::FIELDS_BYTES);
        Self { context: builder.build(), http, table, clock, output, errors }
    }

    /// A call begins, at this time and for this subject.
    pub(crate) fn begin_call(&self, subject: &str, now: Timestamp) {
        self.clock.set(now);
        self.output.begin_call(subject);
        self.errors.begin_call(subject);
    }

    /// What the runtime printed when it gave up, if it did.
    pub(crate) fn last_words(&self) -> Option<String> {
        self.errors.last_words()
    }
}

impl WasiView for HostState {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        let Wasi { context, table, .. } = made(&mut self.wasi, &self.plugin, &self.subject, self.now);
        WasiCtxView { ctx: context, table }
    }
}

/// Made where a guest first asks for it: most never do.
fn made<'a>(
    wasi: &'a mut Option<Box<Wasi>>,
    plugin: &Arc<PluginContext>,
    subject: &str,
    now: Timestamp,
) -> &'a mut Wasi {
    wasi.get_or_insert_with(|| Box::new(Wasi::new(plugin, subject, now)))
}

fn seed(plugin: &str, subject: &str, now: Timestamp) -> u64 {
    let mut hasher = DefaultHasher::new();
    (plugin, subject, now.as_millis()).hash(&mut hasher);
    hasher.finish()
}

/// Shows the time of the call.
#[derive(Debug, Clone)]
struct CallClock(Arc<Mutex<Shown>>);

#[derive(Debug)]
struct Shown {
    wall: Duration,
    since_start: Duration,
}

impl CallClock {
    fn at(now: Timestamp) -> Self {
        Self(Arc::new(Mutex::new(Shown { wall: since_1970(now), since_start: Duration::ZERO })))
    }

    /// The time since the start never goes back, whatever the host's clock does.
    fn set(&self, now: Timestamp) {
        let mut shown = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = since_1970(now);
        let passed = now.saturating_sub(shown.wall);
        shown.since_start += passed;
        shown.wall = now;
    }

    fn look<T>(&self, read: impl FnOnce(&Shown) -> T) -> T {
        let mut shown = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        shown.wall += LOOK;
        shown.since_start += LOOK;
        read(&shown)
    }
}

/// A clock of WASI begins in 1970.
fn since_1970(now: Timestamp) -> Duration {
    Duration::from_millis(u64::try_from(now.as_millis()).unwrap_or(0))
}

impl HostWallClock for CallClock {
    fn resolution(&self) -> Duration {
        LOOK
    }

    fn now(&self) -> Duration {
        self.look(|shown| shown.wall)
    }
}

impl HostMonotonicClock for CallClock {
    fn resolution(&self) -> u64 {
        nanos(LOOK)
    }

    fn now(&self) -> u64 {
        self.look(|shown| nanos(shown.since_start))
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Where stdout or stderr of a guest goes: line by line to the plugin's log.
#[derive(Debug, Clone)]
struct Printed {
    plugin: Arc<PluginContext>,
    level: LogLevel,
    text: Arc<Mutex<Text>>,
}

#[derive(Debug, Default)]
struct Text {
    /// Whom the call is for.
    subject: String,
    line: Vec<u8>,
    /// The first line of the call that says why the runtime gives up.
    reason: Option<String>,
    /// The last line of the call.
    last: Option<String>,
}

impl Printed {
    fn new(plugin: Arc<PluginContext>, subject: &str, level: LogLevel) -> Self {
        let text = Text { subject: subject.to_owned(), ..Text::default() };
        Self { plugin, level, text: Arc::new(Mutex::new(text)) }
    }

    fn text(&self) -> MutexGuard<'_, Text> {
        self.text.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin_call(&self, subject: &str) {
        let mut text = self.text();
        subject.clone_into(&mut text.subject);
        (text.reason, text.last) = (None, None);
    }

    fn print(&self, bytes: &[u8]) {
        let mut text = self.text();
        for &byte in bytes {
            if byte != b'\n' {
                text.line.push(byte);
            }
            if byte == b'\n' || text.line.len() == MAX_LINE_BYTES {
                let line = std::mem::take(&mut text.line);
                self.log(&mut text, &line);
            }
        }
    }

    fn log(&self, text: &mut Text, line: &[u8]) {
        let message = String::from_utf8_lossy(line).trim_end().to_owned();
        if message.is_empty() {
            return;
        }
        if LAST_WORDS.iter().any(|begin| message.starts_with(begin)) {
            text.reason.get_or_insert_with(|| message.clone());
        }
        text.last = Some(message.clone());
        let line = LogLine { level: self.level, subject: text.subject.clone(), message, fields: Vec::new() };
        self.plugin.log.write(&self.plugin.name, line);
    }

    fn last_words(&self) -> Option<String> {
        let text = self.text();
        text.reason.clone().or_else(|| text.last.clone())
    }
}

impl IsTerminal for Printed {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Printed {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for Printed {
    async fn ready(&mut self) {}
}

impl OutputStream for Printed {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.print(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(MAX_WRITE_BYTES)
    }
}

impl AsyncWrite for Printed {
    fn poll_write(
        self: Pin<&mut Self>,
        _context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        self.print(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::MemoryPool;
    use crate::{Limits, MemoryValues, NoHttp};

    const NOW: Timestamp = Timestamp::from_millis(1_795_248_000_000);

    #[test]
    fn clock_shows_the_time_of_the_call_and_never_stands_still() {
        let clock = CallClock::at(NOW);
        let wall = |clock: &CallClock| HostWallClock::now(clock);
        assert_eq!(wall(&clock), Duration::from_millis(1_795_248_000_000) + LOOK);
        let before = HostMonotonicClock::now(&clock);
        clock.set(NOW + Duration::from_secs(5));
        assert!(HostMonotonicClock::now(&clock) - before >= 4_999_000_000);
        let before = HostMonotonicClock::now(&clock);
        clock.set(NOW);
        assert!(HostMonotonicClock::now(&clock) > before, "the host's clock went back, this one does not");
        assert_eq!(wall(&clock), Duration::from_millis(1_795_248_000_000) + 2 * LOOK);
    }

    #[test]
    fn what_is_printed_becomes_lines_and_last_words() {
        let services = (Arc::new(NoHttp) as _, Arc::new(MemoryValues::default()) as _);
        let plugin = PluginContext::new("p", Limits::default(), services, &MemoryPool::of_machine());
        let errors = Printed::new(Arc::clone(&plugin), "board", LogLevel::Warn);
        errors.print(b"starting\npanic: runtime error: ");
        errors.print(b"index out of range\n\n");
        (0..100).for_each(|frame| errors.print(format!("goroutine frame {frame}\n").as_bytes()));
        errors.print(&[b'x'; MAX_LINE_BYTES + 1]);
        let lines = plugin.log.lines();
        assert_eq!(lines[1].message, "panic: runtime error: index out of range");
        assert_eq!(lines.len(), 103, "the last one for being too long");
        assert_eq!(lines[0].subject, "board");
        assert_eq!(errors.last_words().as_deref(), Some("panic: runtime error: index out of range"));
        errors.begin_call("another");
        assert_eq!(errors.last_words(), None, "each call has its own");
        errors.print(b"x\nTraceback\nValueError: no\n");
        assert_eq!(errors.last_words().as_deref(), Some("ValueError: no"));
        assert_eq!(plugin.log.lines().last().unwrap().subject, "another");
    }

    #[test]
    fn seeds_differ_by_subject_and_time_and_come_back() {
        assert_eq!(seed("p", "a", NOW), seed("p", "a", NOW));
        assert_ne!(seed("p", "a", NOW), seed("p", "b", NOW));
        assert_ne!(seed("p", "a", NOW), seed("p", "a", NOW + LOOK * 1_000_000));
    }
}
