//! Background tasks by name: started here, stopped together, waited for a bounded time.

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, error, warn};

/// How long a stop waits for tasks that are in the middle of something.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// All background tasks of one host.
#[derive(Debug, Clone, Default)]
pub struct Tasks {
    tracker: TaskTracker,
    token: CancellationToken,
}

impl Tasks {
    /// Starts a task; a panic in it is logged and takes nothing else down.
    pub fn spawn(&self, name: impl Into<String>, task: impl Future<Output = ()> + Send + 'static) {
        let name = name.into();
        let running = tokio::spawn(task);
        self.tracker.spawn(async move {
            match running.await {
                Ok(()) => debug!(task = %name, "task ended"),
                Err(failed) if failed.is_panic() => error!(task = %name, "task panicked"),
                Err(_) => {}
            }
        });
    }

    /// Ends when the host is to stop.
    pub fn token(&self) -> &CancellationToken {
        &self.token
    }

    /// Tells all tasks to end and waits for them, but not for ever.
    pub async fn stop(&self) {
        self.token.cancel();
        self.tracker.close();
        if tokio::time::timeout(STOP_TIMEOUT, self.tracker.wait()).await.is_err() {
            warn!(running = self.tracker.len(), "tasks did not end in time");
        }
    }
}
