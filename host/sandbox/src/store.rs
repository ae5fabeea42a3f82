//! One instance of a plugin: its store, its budget, and how a call is kept within it.
//!
//! A store that has seen an error is never entered again: whoever makes a call owns the instance while it runs, and
//! gives it back only when the call went well. A call whose future is dropped takes the instance with it.

use std::future::{Future, poll_fn};
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bellwether_model::Timestamp;
use futures::FutureExt;
use tokio::time::{Instant, timeout};
use wasmtime::{Engine, ResourceLimiter, Store, Trap, UpdateDeadline, WasmBacktrace};

use crate::context::PluginContext;
use crate::crash::{Crash, CrashCause};
use crate::engine::CallUnderWay;
use crate::limits::CallLimits;
use crate::memory::UNCOUNTED_BYTES;
use crate::outbound::Access;
use crate::outlet::Outlets;
use crate::wasi::Wasi;

/// Functions of a backtrace that are kept.
const MAX_BACKTRACE: usize = 20;
/// Longest text of an error out of wasmtime.
const MAX_ERROR_CHARS: usize = 300;
/// How wasmtime says that a call returned too much; the error has no type of its own.
const HOSTCALL_FUEL_ERROR: &str = "fuel allocated for hostcalls";

/// What the host knows of an instance while it runs.
#[derive(Debug)]
pub(crate) struct HostState {
    pub(crate) plugin: Arc<PluginContext>,
    /// Whom it runs for.
    pub(crate) subject: String,
    /// What it may reach; nothing for drivers and detectors.
    pub(crate) access: Arc<Access>,
    /// The ways out of the call for its requests.
    pub(crate) outlets: Outlets,
    /// The time of the call.
    pub(crate) now: Timestamp,
    /// The last error that it logged in this call.
    pub(crate) last_words: Option<String>,
    /// For language runtimes; none where the guest never asked for it.
    pub(crate) wasi: Option<Box<Wasi>>,
    slices_left: u32,
    account: MemoryAccount,
}

/// Counts what an instance has, and refuses what is too much.
#[derive(Debug)]
struct MemoryAccount {
    plugin: Arc<PluginContext>,
    memory_limit_bytes: usize,
    memory_bytes: usize,
    refused: Option<CrashCause>,
}

impl MemoryAccount {
    /// What counts for all instances together.
    const fn counted(bytes: usize) -> usize {
        bytes.saturating_sub(UNCOUNTED_BYTES)
    }
}

impl Drop for MemoryAccount {
    fn drop(&mut self) {
        self.plugin.memory.give_back(Self::counted(self.memory_bytes));
        self.plugin.usage.instance_ended(self.memory_bytes);
    }
}

/// What a new instance is for.
#[derive(Debug)]
pub(crate) struct Purpose {
    pub(crate) subject: String,
    pub(crate) access: Arc<Access>,
    pub(crate) memory_limit_bytes: usize,
}

impl Purpose {
    /// For a subject, with nothing to reach.
    pub(crate) fn computing(plugin: &PluginContext, subject: &str) -> Self {
        Self {
            subject: subject.to_owned(),
            access: Arc::default(),
            memory_limit_bytes: plugin.limits.memory_bytes,
        }
    }
}

/// A fresh store. It cannot run anything before [`arm`] gave it a budget.
pub(crate) fn new_store(engine: &Engine, plugin: &Arc<PluginContext>, purpose: Purpose) -> Store<HostState> {
    plugin.usage.instance_begun();
    let mut store = Store::new(
        engine,
        HostState {
            plugin: Arc::clone(plugin),
            subject: purpose.subject,
            outlets: Outlets::new(Arc::clone(plugin), Arc::clone(&purpose.access)),
            access: purpose.access,
            now: Timestamp::UNIX_EPOCH,
            last_words: None,
            wasi: None,
            slices_left: 0,
            account: MemoryAccount {
                plugin: Arc::clone(plugin),
                memory_limit_bytes: purpose.memory_limit_bytes,
                memory_bytes: 0,
                refused: None,
            },
        },
    );
    store.limiter(|state| &mut state.account);
    store.epoch_deadline_callback(|mut store| {
        let state = store.data_mut();
        if state.slices_left == 0 {
            return Ok(UpdateDeadline::Interrupt);
        }
        state.slices_left -= 1;
        // The runtime's own way to yield: it looks after timers and sockets before this task has its next turn. wasmtime's
        // puts the task right back into the queue, and a spinning guest then delays them for dozens of ticks.
        Ok(UpdateDeadline::YieldCustom(1, Box::pin(tokio::task::yield_now())))
    });
    store
}

/// Gives the store the budget of one call, and its time.
pub(crate) fn arm(store: &mut Store<HostState>, limits: CallLimits, now: Timestamp) {
    store.set_hostcall_fuel(limits.returned_bytes);
    store.set_epoch_deadline(1);
    let state = store.data_mut();
    state.slices_left = limits.slices();
    state.outlets.begin_call(&state.subject, Instant::now() + limits.wall_clock);
    state.now = now;
    state.last_words = None;
    if let Some(wasi) = &state.wasi {
        wasi.begin_call(&state.subject, now);
    }
}

/// Why a call gave no result.
#[derive(Debug)]
pub(crate) enum Stop {
    Error(wasmtime::Error),
    TooSlow,
    HostPanic(String),
}

/// Runs a call until it is over or its time is. A panic of the host inside it ends the call, not the host.
pub(crate) async fn bounded<T>(
    plugin: &PluginContext,
    limits: CallLimits,
    call: impl Future<Output = wasmtime::Result<T>>,
) -> Result<T, Stop> {
    let _clock_ticks = CallUnderWay::begin();
    let mut meter = Meter::start(plugin);
    let mut call = pin!(AssertUnwindSafe(call).catch_unwind());
    let metered = poll_fn(|context| meter.measure(|| call.as_mut().poll(context)));
    match timeout(limits.wall_clock, metered).await {
        Ok(Ok(Ok(value))) => Ok(value),
        Ok(Ok(Err(error))) => Err(Stop::Error(error)),
        Ok(Err(panic)) => Err(Stop::HostPanic(panic_text(&*panic))),
        Err(_) => Err(Stop::TooSlow),
    }
}

/// Measures one call, also one that is given up half-way.
struct Meter<'a> {
    plugin: &'a PluginContext,
    begun: Instant,
    /// Time in which it ran; a call that waits for an answer does not.
    cpu: Duration,
}

impl<'a> Meter<'a> {
    fn start(plugin: &'a PluginContext) -> Self {
        Self { plugin, begun: Instant::now(), cpu: Duration::ZERO }
    }

    fn measure<T>(&mut self, run: impl FnOnce() -> T) -> T {
        let begun = Instant::now();
        let result = run();
        self.cpu += begun.elapsed();
        result
    }
}

impl Drop for Meter<'_> {
    fn drop(&mut self) {
        self.plugin.usage.call(self.begun.elapsed(), self.cpu);
    }
}

/// The report about a call that gave no result.
pub(crate) fn explain(store: &Store<HostState>, call: &str, limits: CallLimits, stop: Stop) -> Crash {
    let state = store.data();
    let backtrace = match &stop {
        Stop::Error(error) => backtrace(error),
        Stop::TooSlow | Stop::HostPanic(_) => Vec::new(),
    };
    Crash {
        plugin: state.plugin.name.clone(),
        call: call.to_owned(),
        subject: state.subject.clone(),
        cause: cause(state, limits, stop),
        backtrace,
        last_words: state.last_words.clone().or_else(|| state.wasi.as_ref()?.last_words()),
    }
}

fn cause(state: &HostState, limits: CallLimits, stop: Stop) -> CrashCause {
    let error = match stop {
        Stop::TooSlow => {
            return CrashCause::TooSlow { budget_ms: millis(limits.wall_clock) };
        }
        Stop::HostPanic(text) => return CrashCause::Host { text },
        Stop::Error(error) => error,
    };
    if let Some(refused) = &state.account.refused {
        return refused.clone();
    }
    match error.downcast_ref::<Trap>() {
        Some(Trap::Interrupt) => CrashCause::OutOfTime { budget_ms: millis(limits.cpu) },
        Some(Trap::StackOverflow) => CrashCause::StackOverflow,
        Some(trap) => CrashCause::Trap { text: trap.to_string() },
        None => {
            let text = error.root_cause().to_string();
            if text.contains(HOSTCALL_FUEL_ERROR) {
                return CrashCause::TooMuchData { limit_bytes: limits.returned_bytes };
            }
            CrashCause::Trap { text: text.chars().take(MAX_ERROR_CHARS).collect() }
        }
    }
}

fn backtrace(error: &wasmtime::Error) -> Vec<String> {
    let Some(trace) = error.downcast_ref::<WasmBacktrace>() else {
        return Vec::new();
    };
    let name = |frame: &wasmtime::FrameInfo| match frame.func_name() {
        Some(name) => demangled(name),
        None => format!("function {}", frame.func_index()),
    };
    trace.frames().iter().take(MAX_BACKTRACE).map(name).collect()
}

/// Rust's mangled names as paths, without their hash; other names as they are.
fn demangled(name: &str) -> String {
    let Some(mut rest) = name.strip_prefix("_ZN") else {
        return name.to_owned();
    };
    let mut path = Vec::new();
    while let Some(digits) = rest.find(|c: char| !c.is_ascii_digit()).filter(|digits| *digits > 0) {
        let Some((part, after)) =
            rest[..digits].parse().ok().and_then(|length: usize| rest[digits..].split_at_checked(length))
        else {
            return name.to_owned();
        };
        path.push(part);
        rest = after;
    }
    path.pop_if(|last| last.len() == 17 && last.starts_with('h'));
    path.join("::")
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("panic").to_owned()
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl ResourceLimiter for MemoryAccount {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let wanted_bytes = self.memory_bytes.saturating_add(desired.saturating_sub(current));
        if wanted_bytes > self.memory_limit_bytes {
            let limit_bytes = self.memory_limit_bytes;
            self.refused = Some(CrashCause::OutOfMemory { wanted_bytes, limit_bytes });
            // An error ends the call at once. Answering "no" instead would leave it to the guest what to do, and some
            // go on in a broken state.
            return Err(wasmtime::Error::msg("memory limit"));
        }
        let more = Self::counted(wanted_bytes) - Self::counted(self.memory_bytes);
        if let Err(limit_bytes) = self.plugin.memory.take(more) {
            self.refused = Some(CrashCause::NoMemoryLeft { limit_bytes });
            return Err(wasmtime::Error::msg("memory limit of all instances"));
        }
        self.plugin.usage.memory_grown(wanted_bytes - self.memory_bytes);
        self.memory_bytes = wanted_bytes;
        Ok(true)
    }

    fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let limit = self.plugin.limits.table_elements;
        if desired > limit {
            self.refused = Some(CrashCause::TooManyTableElements { wanted: desired, limit });
            return Err(wasmtime::Error::msg("table limit"));
        }
        Ok(true)
    }

    fn instances(&self) -> usize {
        self.plugin.limits.instances
    }

    fn tables(&self) -> usize {
        self.plugin.limits.tables
    }

    fn memories(&self) -> usize {
        self.plugin.limits.memories
    }
}

#[cfg(test)]
mod tests {
    use super::demangled;

    #[test]
    fn prints_mangled_names_as_paths() {
        assert_eq!(
            demangled("_ZN18bellwether_hostile9misbehave4spin17h0123456789abcdefE"),
            "bellwether_hostile::misbehave::spin"
        );
        assert_eq!(demangled("cabi_realloc"), "cabi_realloc");
        assert_eq!(demangled("_ZN99x"), "_ZN99x");
    }
}
