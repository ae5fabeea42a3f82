//! `/events`: the live stream of the page.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::sse::{Event, Sse};
use bellwether_model::Timestamp;
use bellwether_model::state::InboxMessage;
use futures::stream::{self, Stream};
use serde::Serialize;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval};

use super::contract::{BoardSnapshot, InboxMessageJson};
use super::{board, words};
use crate::host::Host;
use crate::journal::Entry;

/// The Board is sent at most so often.
const BOARD_INTERVAL: Duration = Duration::from_secs(1);
/// Sign of life.
const BEAT_INTERVAL: Duration = Duration::from_secs(10);

/// Board, happenings and messages as they come.
pub(super) async fn events(
    State(host): State<Arc<Host>>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let follower = Follower::new(host);
    Sse::new(stream::unfold(follower, |mut follower| async move {
        let event = follower.next().await?;
        Some((Ok(event), follower))
    }))
}

struct Follower {
    journal: broadcast::Receiver<Entry>,
    inbox: broadcast::Receiver<InboxMessage>,
    board: Interval,
    beat: Interval,
    last: Option<BoardSnapshot>,
    host: Arc<Host>,
}

#[derive(Serialize)]
struct Beat {
    now: Timestamp,
}

impl Follower {
    fn new(host: Arc<Host>) -> Self {
        let mut board = interval(BOARD_INTERVAL);
        board.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let beat = tokio::time::interval_at(Instant::now() + BEAT_INTERVAL, BEAT_INTERVAL);
        Self { journal: host.journal.follow(), inbox: host.inbox.follow(), board, beat, last: None, host }
    }

    /// The next event. None ends the stream: the host stops, or this client was too slow.
    async fn next(&mut self) -> Option<Event> {
        loop {
            tokio::select! {
                _ = self.board.tick() => {
                    if let Some(event) = self.board_event().await? {
                        return Some(event);
                    }
                }
                _ = self.beat.tick() => return named("beat", &Beat { now: self.host.clock.now() }),
                entry = self.journal.recv() => match entry {
                    Ok(entry) => return named("happened", &words::happening(&entry)),
                    Err(RecvError::Lagged(_) | RecvError::Closed) => return None,
                },
                message = self.inbox.recv() => match message {
                    Ok(message) => return named("inbox", &InboxMessageJson::from(message)),
                    Err(RecvError::Lagged(_) | RecvError::Closed) => return None,
                },
            }
        }
    }

    /// The Board, if anything but the time changed.
    async fn board_event(&mut self) -> Option<Option<Event>> {
        let snapshot = board::snapshot(&self.host).await?;
        let unchanged = self
            .last
            .as_ref()
            .is_some_and(|last| *last == BoardSnapshot { now: last.now, ..snapshot.clone() });
        if unchanged {
            return Some(None);
        }
        let event = named("board", &snapshot);
        self.last = Some(snapshot);
        Some(event)
    }
}

fn named(name: &str, data: &impl Serialize) -> Option<Event> {
    Event::default().event(name).json_data(data).ok()
}
