//! What a plugin may use. Every figure is a named constant with its reason; the operator can change those in
//! [`Limits`].

use std::time::Duration;

use bellwether_model::modelling::MAX_STATE_BYTES;

/// How often the clock of budgets ticks. Guest code gives way to other tasks at each tick, so this is also the longest
/// time for which a busy plugin can hold up its thread.
pub(crate) const TICK: Duration = Duration::from_millis(5);

/// A file of at least this size holds a language runtime: Go makes 2.5 MiB, JavaScript 12, Python 18; Rust and C stay
/// far below.
const RUNTIME_BYTES: u64 = 1 << 20;
/// Linear memory of one instance. First-party plugins use 1.1 to 2 MiB.
const MEMORY_BYTES: usize = 16 << 20;
/// The same for language runtimes: Python and JavaScript start with 13 MiB, Go takes 53 for long windows.
const RUNTIME_MEMORY_BYTES: usize = 96 << 20;
/// Linear memory while a plugin describes itself.
const DESCRIBE_MEMORY_BYTES: usize = 8 << 20;
/// The same for language runtimes.
const RUNTIME_DESCRIBE_MEMORY_BYTES: usize = 64 << 20;
/// How much more time language runtimes get: interpreters are far slower.
const RUNTIME_TIMES: u32 = 10;
/// Devices that share one instance of a driver with a language runtime.
const RUNTIME_SESSIONS: usize = 32;
/// Memory that all instances of one plugin have together, beyond 2 MiB of each.
const PLUGIN_MEMORY_BYTES: usize = 256 << 20;
/// Elements of all tables: function pointers of big language runtimes are about 10,000.
const TABLE_ELEMENTS: usize = 20_000;
/// Core instances in one component: Python's runtime is split into 38.
const INSTANCES: usize = 64;
/// Tables in one component.
const TABLES: usize = 32;
/// Linear memories in one component.
const MEMORIES: usize = 4;
/// A file that is larger is not loaded: the largest language runtimes make components of 20 MiB.
const COMPONENT_BYTES: u64 = 64 << 20;
/// Data that one call may return; above the largest honest output by far.
const RETURNED_BYTES: usize = 4 << 20;
/// The same for detectors, whose columns are long.
const DETECTOR_RETURNED_BYTES: usize = 32 << 20;
/// Samples of one driver call; more are dropped and counted.
const SAMPLES_PER_CALL: usize = 5_000;
/// Events, and log lines, of one driver call; more are dropped.
const EVENTS_PER_CALL: usize = 500;
/// Bytes that one driver call may ask to be written to the device.
const WRITTEN_BYTES_PER_CALL: usize = 4 << 10;
/// Body of a request.
const REQUEST_BYTES: usize = 256 << 10;
/// Body of a response.
const RESPONSE_BYTES: usize = 1 << 20;
/// Requests that one plugin has under way at once.
const REQUESTS_AT_ONCE: usize = 4;
/// Requests of one call; how often a receiver is called is the host's decision.
const REQUESTS_PER_CALL: usize = 16;
/// Keys and values that one plugin keeps.
const VALUES_BYTES: usize = 64 << 10;
/// What a receiver may remember of a delivery.
pub(crate) const RECEIPT_BYTES: usize = 4 << 10;
/// Time for a call of a driver.
const DRIVER_CPU: Duration = Duration::from_millis(50);
/// Time for a call of a detector, for each started 100,000 points.
const DETECTOR_CPU: Duration = Duration::from_millis(250);
/// Points that [`DETECTOR_CPU`] is meant for.
pub(crate) const DETECTOR_POINTS: usize = 100_000;
/// Linear memory of an instance with models: a history is long.
const MODEL_MEMORY_BYTES: usize = 128 << 20;
/// Time to fit one model, in the background.
const FIT_CPU: Duration = Duration::from_secs(30);
/// Time until fitting one model must be over.
const FIT_WALL_CLOCK: Duration = Duration::from_secs(300);
/// Time to score points, or to learn from them, for each started 1,000 points.
const SCORE_CPU: Duration = Duration::from_millis(100);
/// Points that [`SCORE_CPU`] is meant for.
pub(crate) const MODEL_POINTS: usize = 1_000;
/// Time to save, restore or explain one model.
const SAVE_CPU: Duration = Duration::from_millis(100);
/// Time for a call of a receiver, without the time that its requests take.
const RECEIVER_CPU: Duration = Duration::from_millis(100);
/// Time for a receiver's call with all its requests.
const RECEIVER_WALL_CLOCK: Duration = Duration::from_secs(30);
/// Time in which a plugin has to say who it is.
const DESCRIBE_CPU: Duration = Duration::from_millis(50);
/// How much longer than its processor time a call without requests may take: other tasks have a turn at each tick.
const WALL_CLOCK_PER_CPU: u32 = 40;

/// The budget of one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallLimits {
    /// Time in guest code, counted in ticks of 5 ms.
    pub cpu: Duration,
    /// Time until the call must be over, whatever it waits for.
    pub wall_clock: Duration,
    /// Bytes that it may return.
    pub returned_bytes: usize,
}

impl CallLimits {
    /// For calls that do nothing but compute.
    const fn computing(cpu: Duration, returned_bytes: usize) -> Self {
        Self { cpu, wall_clock: cpu.saturating_mul(WALL_CLOCK_PER_CPU), returned_bytes }
    }

    /// The same budget for so many times the work.
    pub(crate) fn times(self, factor: u32) -> Self {
        Self {
            cpu: self.cpu.saturating_mul(factor),
            wall_clock: self.wall_clock.saturating_mul(factor),
            returned_bytes: self.returned_bytes,
        }
    }

    /// Ticks that the call may begin. One more than fit, since the first tick may come right after the start.
    pub(crate) fn slices(self) -> u32 {
        let slices = self.cpu.as_nanos().div_ceil(TICK.as_nanos());
        u32::try_from(slices).unwrap_or(u32::MAX).saturating_add(1)
    }
}

/// What the models of one plugin may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelLimits {
    /// Linear memory of an instance with models.
    pub memory_bytes: usize,
    /// Fitting one.
    pub fit: CallLimits,
    /// Scoring points and learning from them, for each started 1,000 points.
    pub score: CallLimits,
    /// Saving one, restoring or explaining it.
    pub save: CallLimits,
}

impl Default for ModelLimits {
    fn default() -> Self {
        let fit = CallLimits { wall_clock: FIT_WALL_CLOCK, ..CallLimits::computing(FIT_CPU, RETURNED_BYTES) };
        Self {
            memory_bytes: MODEL_MEMORY_BYTES,
            fit,
            score: CallLimits::computing(SCORE_CPU, RETURNED_BYTES),
            save: CallLimits::computing(SAVE_CPU, MAX_STATE_BYTES),
        }
    }
}

/// What one plugin may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Linear memory of one instance.
    pub memory_bytes: usize,
    /// Memory that all its instances have together, beyond 2 MiB of each.
    pub plugin_memory_bytes: usize,
    /// Devices that one instance of a driver serves.
    pub sessions_per_instance: usize,
    /// Linear memory while it describes itself.
    pub describe_memory_bytes: usize,
    /// Elements of one table.
    pub table_elements: usize,
    /// Core instances of one component.
    pub instances: usize,
    /// Tables of one component.
    pub tables: usize,
    /// Linear memories of one component.
    pub memories: usize,
    /// Size of its file.
    pub component_bytes: u64,
    /// Calls of `describe`.
    pub describe: CallLimits,
    /// Calls of drivers.
    pub driver: CallLimits,
    /// Calls of detectors, for each started 100,000 points.
    pub detector: CallLimits,
    /// Models of detectors.
    pub model: ModelLimits,
    /// Calls of receivers.
    pub receiver: CallLimits,
    /// Samples of one driver call; further ones are dropped and counted.
    pub samples_per_call: usize,
    /// Events, and log lines, of one driver call; further ones are dropped.
    pub events_per_call: usize,
    /// Bytes that one driver call may ask to be written to the device.
    pub written_bytes_per_call: usize,
    /// Body of a request.
    pub request_bytes: usize,
    /// Body of a response.
    pub response_bytes: usize,
    /// Requests of the plugin that are under way at once.
    pub requests_at_once: usize,
    /// Requests of one call.
    pub requests_per_call: usize,
    /// Keys and values that it keeps.
    pub values_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory_bytes: MEMORY_BYTES,
            plugin_memory_bytes: PLUGIN_MEMORY_BYTES,
            sessions_per_instance: 1,
            describe_memory_bytes: DESCRIBE_MEMORY_BYTES,
            table_elements: TABLE_ELEMENTS,
            instances: INSTANCES,
            tables: TABLES,
            memories: MEMORIES,
            component_bytes: COMPONENT_BYTES,
            describe: CallLimits::computing(DESCRIBE_CPU, RETURNED_BYTES),
            driver: CallLimits::computing(DRIVER_CPU, RETURNED_BYTES),
            detector: CallLimits::computing(DETECTOR_CPU, DETECTOR_RETURNED_BYTES),
            model: ModelLimits::default(),
            receiver: CallLimits {
                cpu: RECEIVER_CPU,
                wall_clock: RECEIVER_WALL_CLOCK,
                returned_bytes: RETURNED_BYTES,
            },
            samples_per_call: SAMPLES_PER_CALL,
            events_per_call: EVENTS_PER_CALL,
            written_bytes_per_call: WRITTEN_BYTES_PER_CALL,
            request_bytes: REQUEST_BYTES,
            response_bytes: RESPONSE_BYTES,
            requests_at_once: REQUESTS_AT_ONCE,
            requests_per_call: REQUESTS_PER_CALL,
            values_bytes: VALUES_BYTES,
        }
    }
}

impl Limits {
    /// These limits, for a component of that size: wider for language runtimes.
    pub(crate) fn for_size(&self, component_bytes: u64) -> Self {
        if component_bytes < RUNTIME_BYTES {
            return self.clone();
        }
        let slower = |limits: CallLimits| CallLimits {
            cpu: limits.cpu.saturating_mul(RUNTIME_TIMES),
            wall_clock: limits.wall_clock.saturating_mul(RUNTIME_TIMES),
            ..limits
        };
        Self {
            memory_bytes: self.memory_bytes.max(RUNTIME_MEMORY_BYTES),
            describe_memory_bytes: self.describe_memory_bytes.max(RUNTIME_DESCRIBE_MEMORY_BYTES),
            sessions_per_instance: self.sessions_per_instance.max(RUNTIME_SESSIONS),
            describe: slower(self.describe),
            driver: slower(self.driver),
            detector: slower(self.detector),
            // Nobody waits for a fit: its time is long enough.
            model: ModelLimits {
                score: slower(self.model.score),
                save: slower(self.model.save),
                ..self.model.clone()
            },
            // Waiting for the other side is no slower.
            receiver: CallLimits { cpu: self.receiver.cpu.saturating_mul(RUNTIME_TIMES), ..self.receiver },
            ..self.clone()
        }
    }
}
