//! The store's thread: syncs the log at an interval and writes a checkpoint when the log has grown too long.

use std::io;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use super::Shared;

/// Slots that a checkpoint reads under one lock of the head, so that appending never waits long.
const SLOTS_PER_STEP: usize = 256;

/// The thread, until it is stopped.
#[derive(Debug)]
pub(super) struct Flusher {
    stop: Arc<Stop>,
    thread: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Stop {
    asked: Mutex<bool>,
    changed: Condvar,
}

impl Flusher {
    pub(super) fn spawn(shared: Arc<Shared>, interval: Duration) -> io::Result<Self> {
        let stop = Arc::new(Stop::default());
        let seen = stop.clone();
        let thread = std::thread::Builder::new()
            .name("storage-flusher".to_owned())
            .spawn(move || run(&shared, &seen, interval))?;
        Ok(Self { stop, thread })
    }

    /// Syncs a last time and ends the thread.
    pub(super) fn stop(self) {
        *self.stop.asked.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.stop.changed.notify_one();
        if self.thread.join().is_err() {
            tracing::error!("the thread that syncs the log had panicked");
        }
    }
}

impl Stop {
    /// Waits for the interval, or less when asked to stop; returns whether it was.
    fn wait(&self, interval: Duration) -> bool {
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.changed.wait_timeout_while(asked, interval, |asked| !*asked);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

fn run(shared: &Shared, stop: &Stop, interval: Duration) {
    let (mut sync, mut checkpoint) = (Reporter::new("sync"), Reporter::new("checkpoint"));
    loop {
        let stopping = stop.wait(interval);
        sync.report(shared.sync());
        if stopping {
            return;
        }
        if shared.writer().checkpoint_due() {
            checkpoint.report(shared.checkpoint());
        }
    }
}

/// Logs a failure when it begins and when it is over, not every second.
struct Reporter {
    action: &'static str,
    failing: bool,
}

impl Reporter {
    const fn new(action: &'static str) -> Self {
        Self { action, failing: false }
    }

    fn report(&mut self, result: io::Result<()>) {
        match &result {
            Ok(()) if self.failing => tracing::info!(action = self.action, "the log can be written again"),
            Err(error) if !self.failing => tracing::error!(
                action = self.action,
                error = error as &dyn std::error::Error,
                "cannot make the log durable; samples survive a crash of bellwether but not of the machine"
            ),
            Ok(()) | Err(_) => {}
        }
        self.failing = result.is_err();
    }
}

impl Shared {
    /// Syncs the open segment without holding any lock meanwhile.
    pub(super) fn sync(&self) -> io::Result<()> {
        let Some(file) = self.writer().wal_mut().take_unsynced() else {
            return Ok(());
        };
        file.sync_data().inspect_err(|_| self.writer().wal_mut().mark_unsynced())
    }

    /// Writes a checkpoint; appending and reading go on between its steps.
    pub(super) fn checkpoint(&self) -> io::Result<()> {
        let _one_at_a_time = self.checkpointing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut checkpoint = self.writer().wal_mut().begin_checkpoint()?;
        let slots = self.head().slot_count();
        for start in (0..slots).step_by(SLOTS_PER_STEP) {
            checkpoint.add(self.head().dump(start..start + SLOTS_PER_STEP));
            checkpoint.flush()?;
        }
        let finished = checkpoint.finish()?;
        self.writer().wal_mut().finish_checkpoint(finished)
    }
}
