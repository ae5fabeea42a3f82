//! The engine: how guest code is compiled, and the clock by which its time is measured.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use tracing::warn;
use wasmtime::component::Component;
use wasmtime::{Config, Engine};

use crate::cache::CodeCache;
use crate::compile::{CompileFailure, Compiler};
use crate::limits::TICK;
use crate::registry::LoadError;

/// Address space that is set aside for each memory. Small, since kernels with 39 bits of address space run out at 126
/// instances with the default of 4 GiB; a memory that outgrows it is moved.
const MEMORY_RESERVATION_BYTES: u64 = 32 << 20;
/// Unmapped space behind each memory, which saves bounds checks for small offsets.
const MEMORY_GUARD_BYTES: u64 = 64 << 10;
/// How often a clock that stands still looks whether its engine is still there.
const IDLE_CHECK: Duration = Duration::from_secs(1);
/// Stack of guest code.
const WASM_STACK_BYTES: usize = 512 << 10;
/// Stack of a call, which holds that of the guest and of the host functions that it calls.
const CALL_STACK_BYTES: usize = 2 << 20;

/// Compiles components and runs the clock.
#[derive(Debug, Clone)]
pub(crate) struct SandboxEngine {
    engine: Engine,
    cache: Option<Arc<CodeCache>>,
    compiler: Option<Arc<dyn Compiler>>,
}

impl SandboxEngine {
    /// Starts the clock's thread, which ends when the last clone of the engine is gone.
    pub(crate) fn start(
        cache: Option<CodeCache>,
        compiler: Option<Arc<dyn Compiler>>,
    ) -> Result<Self, LoadError> {
        let engine = Engine::new(&config()).map_err(|error| LoadError::Engine(format!("{error:#}")))?;
        start_clock(&engine)?;
        Ok(Self { engine, cache: cache.map(Arc::new), compiler })
    }

    pub(crate) const fn wasmtime(&self) -> &Engine {
        &self.engine
    }

    /// Compiles a component, or takes its code from the cache. Blocks: tens of milliseconds for a Rust plugin, seconds
    /// for a language runtime.
    pub(crate) fn compile(&self, wasm: &[u8], sha256: &str) -> Result<Component, String> {
        let Some(cache) = &self.cache else {
            return Component::from_binary(&self.engine, wasm).map_err(|error| format!("{error:#}"));
        };
        if let Some(component) = cache.load(&self.engine, sha256) {
            return Ok(component);
        }
        if let Some(compiler) = &self.compiler {
            match compiler.compile(wasm, cache.folder()) {
                Ok(()) => {
                    let kept = cache.load(&self.engine, sha256);
                    return kept.ok_or_else(|| "its code cannot be found where it was left".to_owned());
                }
                Err(CompileFailure::Component(reason)) => return Err(reason),
                Err(CompileFailure::NotStarted(reason)) => warn!(reason, "plugin not compiled apart"),
            }
        }
        let (component, kept) = cache.compile(&self.engine, wasm, sha256)?;
        if let Err(error) = kept {
            warn!(folder = %cache.folder().display(), %error, "cannot keep compiled code");
        }
        Ok(component)
    }
}

/// Only what plugins need is switched on: what is off cannot have a hole. Threads and garbage collection are not even
/// compiled into wasmtime here.
pub(crate) fn config() -> Config {
    let mut config = Config::new();
    config
        .wasm_component_model(true)
        .concurrency_support(false)
        .wasm_relaxed_simd(false)
        .wasm_memory64(false)
        .cranelift_nan_canonicalization(true)
        .epoch_interruption(true)
        .max_wasm_stack(WASM_STACK_BYTES)
        .async_stack_size(CALL_STACK_BYTES)
        .memory_reservation(MEMORY_RESERVATION_BYTES)
        .memory_guard_size(MEMORY_GUARD_BYTES)
        .memory_may_move(true);
    config
}

/// Calls of guests that are under way, in this process. The clocks stand still while there are none: ticking without
/// need was nearly all that an idle host did.
static CALLS: Calls = Calls { under_way: Mutex::new(0), begun: Condvar::new() };

struct Calls {
    under_way: Mutex<usize>,
    begun: Condvar,
}

/// A call that is under way until this is dropped.
#[derive(Debug)]
pub(crate) struct CallUnderWay(());

impl CallUnderWay {
    pub(crate) fn begin() -> Self {
        let mut under_way = CALLS.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        *under_way += 1;
        if *under_way == 1 {
            CALLS.begun.notify_all();
        }
        Self(())
    }
}

impl Drop for CallUnderWay {
    fn drop(&mut self) {
        *CALLS.under_way.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
    }
}

/// Waits until a call is under way, or for a while: then it is time to see whether the engine is still there.
fn wait_for_a_call() {
    let under_way = CALLS.under_way.lock().unwrap_or_else(PoisonError::into_inner);
    // A poisoned or spurious return only means one more look at the engine.
    drop(CALLS.begun.wait_timeout_while(under_way, IDLE_CHECK, |calls| *calls == 0));
}

/// A thread of the operating system, not a task: the clock must tick while a guest keeps every worker busy.
#[expect(clippy::disallowed_methods, reason = "this thread has no runtime, and does nothing but sleep")]
fn start_clock(engine: &Engine) -> Result<(), LoadError> {
    let engine = engine.weak();
    let tick = move || {
        loop {
            wait_for_a_call();
            thread::sleep(TICK);
            let Some(engine) = engine.upgrade() else { return };
            engine.increment_epoch();
        }
    };
    let spawned = thread::Builder::new().name("plugin-clock".into()).spawn(tick);
    spawned.map(drop).map_err(|error| LoadError::Engine(format!("cannot start its clock: {error}")))
}
