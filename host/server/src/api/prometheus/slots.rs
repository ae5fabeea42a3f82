//! How queries share the machine: a bounded number at once, each with a deadline, none for a caller that is gone.
//!
//! Evaluating blocks a thread of the pool that rules and routing write with, so what the API may take of it is bounded.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

/// Why a query has no result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum SlotError {
    /// The time was over before it began.
    #[error("query timed out in query queue")]
    Queue,
    /// The time was over while it ran; it has been told to end.
    #[error("query timed out in expression evaluation")]
    Execution,
    /// It panicked.
    #[error("the query failed inside the engine; see the log")]
    Panicked,
}

/// The slots that queries run in.
#[derive(Debug, Clone)]
pub(super) struct QuerySlots(Arc<Semaphore>);

impl QuerySlots {
    /// That many at once; more wait within their own time.
    pub(super) fn new(max_concurrent: usize) -> Self {
        Self(Arc::new(Semaphore::new(max_concurrent.min(Semaphore::MAX_PERMITS))))
    }
}

/// Tells a query to end when whoever waits for it does not any more.
struct GiveUp(Arc<AtomicBool>);

impl Drop for GiveUp {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl QuerySlots {
    /// Runs a query on a thread that may block, once there is a slot. `query` gets a function that is true as soon as
    /// nobody waits for the result any more: the time is over, or this future was dropped because the client hung up.
    /// The slot stays taken until the query has really ended.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        timeout: Duration,
        query: impl FnOnce(&dyn Fn() -> bool) -> T + Send + 'static,
    ) -> Result<T, SlotError> {
        let deadline = Instant::now() + timeout;
        let slot = timeout_at(deadline, Arc::clone(&self.0).acquire_owned()).await;
        let slot = slot.map_err(|_| SlotError::Queue)?.expect("the semaphore is never closed");
        let given_up = Arc::new(AtomicBool::new(false));
        let _give_up_when_dropped = GiveUp(Arc::clone(&given_up));
        let running = tokio::task::spawn_blocking(move || {
            let result = query(&|| given_up.load(Ordering::Relaxed));
            drop(slot);
            result
        });
        timeout_at(deadline, running).await.map_err(|_| SlotError::Execution)?.map_err(|panicked| {
            tracing::error!(error = &panicked as &dyn std::error::Error, "query panicked");
            SlotError::Panicked
        })
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    const LONG: Duration = Duration::from_secs(3600);
    const MAX_CONCURRENT: usize = 3;

    #[tokio::test]
    async fn a_query_ends_when_its_client_hangs_up() {
        let slots = QuerySlots::new(MAX_CONCURRENT);
        let (began, begun) = oneshot::channel();
        let (ended, end) = oneshot::channel();
        let client = tokio::spawn({
            let slots = slots.clone();
            async move {
                let query = move |is_cancelled: &dyn Fn() -> bool| {
                    began.send(()).unwrap();
                    while !is_cancelled() {
                        std::thread::yield_now();
                    }
                    ended.send(()).unwrap();
                };
                slots.run(LONG, query).await
            }
        });
        begun.await.unwrap();
        assert_eq!(slots.0.available_permits(), MAX_CONCURRENT - 1);
        client.abort();
        end.await.unwrap();
    }

    #[tokio::test]
    async fn a_query_waits_for_a_slot_no_longer_than_its_time() {
        let slots = QuerySlots::new(MAX_CONCURRENT);
        let all = Arc::clone(&slots.0).acquire_many_owned(MAX_CONCURRENT as u32).await.unwrap();
        assert_eq!(slots.run(Duration::ZERO, |_| 1).await, Err(SlotError::Queue));
        drop(all);
        assert_eq!(slots.run(LONG, |_| 1).await, Ok(1));
    }

    #[tokio::test]
    async fn a_panic_gives_its_slot_back() {
        let slots = QuerySlots::new(MAX_CONCURRENT);
        let panicked = slots.run(LONG, |_| panic!("as a broken engine would")).await;
        assert_eq!(panicked, Err::<(), _>(SlotError::Panicked));
        assert_eq!(slots.0.available_permits(), MAX_CONCURRENT);
    }
}
