//! `/events`: the live stream of the page.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use bellwether_model::Timestamp;
use bellwether_model::state::InboxMessage;
use futures::stream;
use serde::Serialize;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Instant, Interval, interval_at, sleep_until};

use super::contract::InboxMessageJson;
use super::feed::{BoardFeed, Version};
use super::{error, words};
use crate::host::Host;
use crate::journal::Entry;

/// Sign of life.
const BEAT_INTERVAL: Duration = Duration::from_secs(10);

/// Board, happenings and messages as they come.
pub(super) async fn events(
    State(host): State<Arc<Host>>,
    Extension(feed): Extension<Arc<BoardFeed>>,
) -> Response {
    let Some(place) = feed.admit() else {
        return error(StatusCode::SERVICE_UNAVAILABLE, "too many live streams are open");
    };
    let follower = Follower::new(host, feed, place);
    let events = stream::unfold(follower, |mut follower| async move {
        let event = follower.next().await?;
        Some((Ok::<_, Infallible>(event), follower))
    });
    Sse::new(events).into_response()
}

struct Follower {
    journal: broadcast::Receiver<Entry>,
    inbox: broadcast::Receiver<InboxMessage>,
    feed: Arc<BoardFeed>,
    next_board: Instant,
    beat: Interval,
    /// The Board that was sent last, and when.
    sent: Option<(Version, Instant)>,
    host: Arc<Host>,
    _place: OwnedSemaphorePermit,
}

#[derive(Serialize)]
struct Beat {
    now: Timestamp,
}

impl Follower {
    fn new(host: Arc<Host>, feed: Arc<BoardFeed>, place: OwnedSemaphorePermit) -> Self {
        Self {
            journal: host.journal.follow(),
            inbox: host.inbox.follow(),
            feed,
            next_board: Instant::now(),
            beat: interval_at(Instant::now() + BEAT_INTERVAL, BEAT_INTERVAL),
            sent: None,
            host,
            _place: place,
        }
    }

    /// The next event. None ends the stream: the host stops, or this client was too slow.
    async fn next(&mut self) -> Option<Event> {
        loop {
            tokio::select! {
                () = sleep_until(self.next_board) => {
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

    /// The Board, if there is something new on it. The outer None ends the stream.
    async fn board_event(&mut self) -> Option<Option<Event>> {
        let frame = self.feed.newest(&self.host).await?;
        self.next_board = frame.good_until;
        let now = Instant::now();
        if self.sent.is_some_and(|(version, at)| !version.wants(frame.version, now - at)) {
            return Some(None);
        }
        self.sent = Some((frame.version, now));
        Some(Some(Event::default().event("board").data(&*frame.json)))
    }
}

fn named(name: &str, data: &impl Serialize) -> Option<Event> {
    Event::default().event(name).json_data(data).ok()
}
