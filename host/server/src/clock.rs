//! The only place that asks what time it is.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use bellwether_model::Timestamp;

/// Tells the time; cheap to clone. Tests and the simulated demo hand in their own.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Timestamp + Send + Sync>);

impl std::fmt::Debug for Clock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Clock({})", self.now())
    }
}

impl Clock {
    /// The machine's clock.
    #[expect(clippy::disallowed_methods, reason = "this is where the clock is")]
    pub fn system() -> Self {
        Self(Arc::new(|| {
            let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
            Timestamp::from_millis(bellwether_model::time::millis(since))
        }))
    }

    /// A clock that starts at `epoch` and follows the runtime's timers, which tests can pause and move.
    pub fn runtime(epoch: Timestamp) -> Self {
        let started = tokio::time::Instant::now();
        Self(Arc::new(move || epoch + started.elapsed()))
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        (self.0)()
    }

    /// As a function, for crates that know no `Clock`.
    pub fn as_fn(&self) -> Arc<dyn Fn() -> Timestamp + Send + Sync> {
        Arc::clone(&self.0)
    }
}

/// Time passed since the first call, for measuring.
pub fn stopwatch() -> impl Fn() -> Duration + Send + Sync {
    let started = Instant::now();
    move || started.elapsed()
}
