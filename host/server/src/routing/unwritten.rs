//! What routing has decided and not written down yet, in order: written first, then told, then answered.
//!
//! Nothing in here is ever dropped: what cannot be written is tried again until it can, or until the host stops. What a
//! host that stops has not written it has not told anybody either, so the next start decides the same anew.

use std::collections::VecDeque;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use bellwether_model::state::{DurableState, StateChange, StateError};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tracing::{debug, error, info, warn};

use super::{RoutingDeps, RoutingError};
use crate::journal::Entry;

/// Wait after the first write that failed; doubles with each one.
const FIRST_BACKOFF: Duration = Duration::from_millis(100);
/// The longest wait: a disk that has room again is used within seconds.
const MAX_BACKOFF: Duration = Duration::from_secs(5);
/// Rows that may wait while writing fails, about 20 MB with alerts of 1 kB. Beyond, the machine stands still.
const MAX_ROWS: usize = 20_000;
/// Rows that may wait while writing works: what the next transaction takes along. More would not make it faster, and
/// senders are to feel how fast the disk is.
const MAX_ROWS_AHEAD: usize = 4_000;

/// Takes the answer to a request.
pub(super) type Reply<T> = oneshot::Sender<Result<T, RoutingError>>;

/// The last error of writing while it goes on; none while all is well.
pub(super) type Failure = Arc<ArcSwapOption<StateError>>;

/// What somebody is told once all that was decided before is written.
#[derive(Debug)]
pub(super) enum Answer {
    /// Alerts were taken in, or a silence was ended.
    Done(Reply<()>),
    /// A silence was set.
    Silence { id: String, reply: Reply<String> },
}

impl Answer {
    fn give(self) {
        match self {
            Self::Done(reply) => drop(reply.send(Ok(()))),
            Self::Silence { id, reply } => drop(reply.send(Ok(id))),
        }
    }

    fn is_unwanted(&self) -> bool {
        match self {
            Self::Done(reply) => reply.is_closed(),
            Self::Silence { reply, .. } => reply.is_closed(),
        }
    }
}

enum Item {
    Write(Arc<StateChange>),
    Tell(Entry),
    Answer(Answer),
}

impl Item {
    fn rows(&self) -> usize {
        match self {
            Self::Write(change) => rows(change),
            Self::Tell(_) => 1,
            Self::Answer(_) => 0,
        }
    }
}

enum Health {
    Good,
    /// The last write failed.
    Failing {
        backoff: Duration,
        retry_at: Instant,
    },
}

/// A transaction that is under way.
struct Writing {
    /// How many of the items that wait to be written it takes.
    changes: usize,
    task: JoinHandle<Result<(), StateError>>,
}

/// What was decided, from the first thing on that is not done yet.
pub(super) struct Unwritten {
    items: VecDeque<Item>,
    rows: usize,
    writing: Option<Writing>,
    health: Health,
    failure: Failure,
}

impl Unwritten {
    pub(super) const fn new(failure: Failure) -> Self {
        Self { items: VecDeque::new(), rows: 0, writing: None, health: Health::Good, failure }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Whether the machine may decide more.
    ///
    /// While one transaction is written the machine decides what the next one will hold. While writing fails the machine goes on in memory: signs of life must reach it, or it would take alerts for resolved.
    pub(super) fn has_room(&self) -> bool {
        match self.health {
            Health::Good => self.rows < MAX_ROWS_AHEAD,
            Health::Failing { .. } => self.rows < MAX_ROWS,
        }
    }

    /// Adds what one step of the machine decided, with what people are to see of it and whom to answer. To be followed
    /// by [`Self::tell`].
    pub(super) fn push(&mut self, writes: Vec<StateChange>, entries: Vec<Entry>, answer: Option<Answer>) {
        if answer.is_some() && !self.is_empty() {
            // While writing fails many ask, give up and ask again.
            self.items.retain(|item| !matches!(item, Item::Answer(answer) if answer.is_unwanted()));
        }
        let writes = writes.into_iter().map(|change| Item::Write(Arc::new(change)));
        let entries = entries.into_iter().map(Item::Tell);
        for item in writes.chain(entries).chain(answer.map(Item::Answer)) {
            self.rows += item.rows();
            self.items.push_back(item);
        }
    }

    /// Does what comes next: all writes that wait, in one transaction, after a pause where the last one failed; and all
    /// that had to wait for them. Where this is given up half way the next call goes on.
    pub(super) async fn progress(&mut self, deps: &RoutingDeps) {
        if let Health::Failing { retry_at, .. } = self.health {
            tokio::time::sleep_until(retry_at).await;
        }
        match self.write(&deps.state).await {
            Ok(()) => {
                self.written(deps);
                self.tell(deps);
            }
            Err(error) => self.put_off(error),
        }
    }

    /// Writes what can be written at once, before the host stops. A write that is under way may fail, none after it.
    pub(super) async fn finish(mut self, deps: &RoutingDeps) {
        let mut may_fail = self.writing.is_some();
        while !self.is_empty() {
            match self.write(&deps.state).await {
                Ok(()) => {
                    self.written(deps);
                    self.tell(deps);
                }
                Err(_) if may_fail => {}
                Err(error) => {
                    let error = &error as &dyn Error;
                    warn!(rows = self.rows, error, "stopped with decisions of routing not written down");
                    return;
                }
            }
            may_fail = false;
        }
    }

    /// Tells and answers up to the next write.
    pub(super) fn tell(&mut self, deps: &RoutingDeps) {
        while let Some(item) = self.items.pop_front_if(|item| !matches!(item, Item::Write(_))) {
            self.rows -= item.rows();
            match item {
                Item::Tell(entry) => deps.journal.note(entry),
                Item::Answer(answer) => answer.give(),
                Item::Write(_) => {}
            }
        }
    }

    /// Writes what waits, which stays in its place until that has worked.
    async fn write(&mut self, state: &Arc<dyn DurableState>) -> Result<(), StateError> {
        let writing = self.writing.get_or_insert_with(|| {
            let changes = self.items.iter().filter_map(|item| match item {
                Item::Write(change) => Some(Arc::clone(change)),
                Item::Tell(_) | Item::Answer(_) => None,
            });
            let (state, changes) = (Arc::clone(state), changes.collect::<Vec<_>>());
            let count = changes.len();
            let task = tokio::task::spawn_blocking(move || {
                state.apply(&changes.iter().map(Arc::as_ref).collect::<Vec<_>>())
            });
            Writing { changes: count, task }
        });
        let written = (&mut writing.task).await;
        let written = written.unwrap_or_else(|failed| Err(not_written(failed.to_string())));
        if written.is_err() {
            self.writing = None;
        }
        written
    }

    /// What the transaction took is done; what stood between is told.
    fn written(&mut self, deps: &RoutingDeps) {
        let changes = self.writing.take().map_or(0, |writing| writing.changes);
        let mut to_deliver = false;
        for _ in 0..changes {
            self.tell(deps);
            let Some(Item::Write(change)) = self.items.pop_front() else { break };
            self.rows -= rows(&change);
            to_deliver |=
                matches!(change.as_ref(), StateChange::Flush(flush) if !flush.deliveries.is_empty());
        }
        if to_deliver {
            deps.outbox.notify_one();
        }
        if matches!(self.health, Health::Failing { .. }) {
            self.health = Health::Good;
            self.failure.store(None);
            info!(rows = self.rows, "decisions of routing are written down again");
        }
    }

    fn put_off(&mut self, error: StateError) {
        let backoff = match self.health {
            Health::Good => {
                let error = &error as &dyn Error;
                error!(error, "a decision of routing could not be written down, will be tried until it can");
                FIRST_BACKOFF
            }
            Health::Failing { backoff, .. } => {
                debug!(rows = self.rows, error = &error as &dyn Error, "still not written down");
                (backoff * 2).min(MAX_BACKOFF)
            }
        };
        self.health = Health::Failing { backoff, retry_at: Instant::now() + backoff };
        self.failure.store(Some(Arc::new(error)));
    }
}

/// What is said where the state gave no error of its own.
pub(super) fn not_written(cause: String) -> StateError {
    StateError::Database {
        action: "write down what routing decided",
        place: "the alerting state".to_owned(),
        cause,
    }
}

/// How much memory a change takes, in rows of about 1 kB.
fn rows(change: &StateChange) -> usize {
    match change {
        StateChange::PutAlerts(alerts) => alerts.len(),
        StateChange::ForgetSilences(ids) => ids.len(),
        StateChange::Acknowledge(alerts, _) | StateChange::Unacknowledge(alerts) => alerts.len(),
        StateChange::Flush(flush) => {
            let alerts = flush.deliveries.iter().map(|delivery| 1 + delivery.notification.alerts.len());
            flush.log.len() + flush.forgotten.len() + alerts.sum::<usize>()
        }
        StateChange::PutSilence(_) | StateChange::EndEpisode(_) => 1,
    }
}
