//! The task that owns the routing machine: drives it with the clock, writes down what it decides, wakes the outbox.
//!
//! Nothing is acknowledged, and nobody is told, before it is written down.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use bellwether_alerting::config::Config;
use bellwether_alerting::dispatch::{Dispatcher, Effect, Event, Happened, Input, Restored};
use bellwether_alerting::silence::SilenceError;
use bellwether_model::state::{DurableState, Silence, StateError};
use bellwether_model::{Alert, Fingerprint, Labels, Timestamp};
use tokio::sync::{Notify, mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tracing::error;

use crate::clock::Clock;
use crate::journal::{Entry, Journal, Kind};
use crate::tasks::Tasks;

/// Requests that may wait for the machine; more make their senders wait.
const QUEUE: usize = 256;
/// How long to sleep when the machine has nothing to do.
const IDLE: Duration = Duration::from_secs(60);

/// What routing takes.
#[derive(Clone)]
pub struct RoutingDeps {
    /// Where decisions are written down.
    pub state: Arc<dyn DurableState>,
    /// Woken when there is something to deliver.
    pub outbox: Arc<Notify>,
    /// Told what happened.
    pub journal: Arc<Journal>,
    /// The time.
    pub clock: Clock,
    /// Base of links in messages.
    pub external_url: String,
}

impl std::fmt::Debug for RoutingDeps {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RoutingDeps").finish_non_exhaustive()
    }
}

/// Why routing did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum RoutingError {
    /// It could not be written down; whoever asked should ask again.
    #[error(transparent)]
    State(#[from] StateError),
    /// The silence cannot be set or ended.
    #[error(transparent)]
    Silence(#[from] SilenceError),
    /// The host is stopping.
    #[error("the host is stopping")]
    Stopping,
}

type Reply<T> = oneshot::Sender<Result<T, RoutingError>>;
type Reader = Box<dyn FnOnce(&Dispatcher, Timestamp) + Send>;

enum Message {
    Alerts(Vec<Alert>, Reply<()>),
    SetSilence(Silence, Reply<String>),
    ExpireSilence(String, Reply<()>),
    Swap(Arc<Config>, Reply<()>),
    Read(Reader),
}

/// Talks to the routing machine.
#[derive(Debug, Clone)]
pub struct RoutingHandle(mpsc::Sender<Message>);

impl RoutingHandle {
    /// Takes alerts in. When it returns well they survive a crash.
    pub async fn alerts(&self, alerts: Vec<Alert>) -> Result<(), RoutingError> {
        self.ask(|reply| Message::Alerts(alerts, reply)).await
    }

    /// Takes alerts of rules in; rules say them again, so a failure is only logged.
    pub async fn rule_alerts(&self, alerts: Vec<Alert>) {
        match self.alerts(alerts).await {
            Ok(()) | Err(RoutingError::Stopping) => {}
            Err(error) => error!(error = &error as &dyn std::error::Error, "alerts of rules not taken in"),
        }
    }

    /// Sets a silence, a new one where its id is empty; returns the id.
    pub async fn set_silence(&self, silence: Silence) -> Result<String, RoutingError> {
        self.ask(|reply| Message::SetSilence(silence, reply)).await
    }

    /// Ends a silence.
    pub async fn expire_silence(&self, id: String) -> Result<(), RoutingError> {
        self.ask(|reply| Message::ExpireSilence(id, reply)).await
    }

    /// Puts another configuration in force; alerts, groups and timers stay.
    pub async fn swap(&self, config: Config) {
        let swapped = self.ask(|reply| Message::Swap(Arc::new(config), reply)).await;
        if let Err(error) = swapped {
            error!(error = &error as &dyn std::error::Error, "routing configuration not swapped");
        }
    }

    /// Looks at the machine between two of its steps. None: the host is stopping.
    pub async fn read<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Dispatcher, Timestamp) -> T + Send + 'static,
    ) -> Option<T> {
        let (reply, seen) = oneshot::channel();
        let reader: Reader = Box::new(move |dispatcher, now| drop(reply.send(look(dispatcher, now))));
        self.0.send(Message::Read(reader)).await.ok()?;
        seen.await.ok()
    }

    async fn ask<T>(&self, message: impl FnOnce(Reply<T>) -> Message) -> Result<T, RoutingError> {
        let (reply, answer) = oneshot::channel();
        self.0.send(message(reply)).await.map_err(|_| RoutingError::Stopping)?;
        answer.await.map_err(|_| RoutingError::Stopping)?
    }
}

/// Restores the machine and starts its task.
pub fn start(deps: RoutingDeps, config: Config, tasks: &Tasks) -> anyhow::Result<RoutingHandle> {
    let restored = Restored::from(deps.state.load().context("cannot read the alerting state")?);
    let now = deps.clock.now();
    let dispatcher = Dispatcher::new(Arc::new(config), restored, &deps.external_url, now);
    let (sender, receiver) = mpsc::channel(QUEUE);
    tasks.spawn("routing", run(deps, dispatcher, receiver, tasks.token().clone()));
    Ok(RoutingHandle(sender))
}

async fn run(
    deps: RoutingDeps,
    mut dispatcher: Dispatcher,
    mut messages: mpsc::Receiver<Message>,
    token: CancellationToken,
) {
    loop {
        let now = deps.clock.now();
        let wait = dispatcher.next_wakeup().map_or(IDLE, |at| at.since(now).min(IDLE));
        tokio::select! {
            biased;
            () = token.cancelled() => return,
            () = tokio::time::sleep(wait) => {
                let effects = dispatcher.step(deps.clock.now(), Input::Wake);
                if let Err(error) = carry_out(&deps, effects, &HashMap::new()).await {
                    error!(error = &error as &dyn std::error::Error, "a decision of routing could not be written down");
                }
            }
            message = messages.recv() => match message {
                Some(message) => handle(&deps, &mut dispatcher, message).await,
                None => return,
            },
        }
    }
}

async fn handle(deps: &RoutingDeps, dispatcher: &mut Dispatcher, message: Message) {
    let now = deps.clock.now();
    match message {
        Message::Read(look) => look(dispatcher, now),
        Message::Alerts(alerts, reply) => {
            let summaries = summaries(&alerts);
            let effects = dispatcher.step(now, Input::Alerts(alerts));
            drop(reply.send(carry_out(deps, effects, &summaries).await));
        }
        Message::Swap(config, reply) => {
            let effects = dispatcher.step(now, Input::Config(config));
            drop(reply.send(carry_out(deps, effects, &HashMap::new()).await));
        }
        Message::SetSilence(silence, reply) => {
            let fresh_id = uuid::Uuid::new_v4().to_string();
            let answer = match dispatcher.set_silence(now, silence, fresh_id) {
                Ok((id, effects)) => carry_out(deps, effects, &HashMap::new()).await.map(|()| id),
                Err(error) => Err(error.into()),
            };
            drop(reply.send(answer));
        }
        Message::ExpireSilence(id, reply) => {
            let answer = match dispatcher.expire_silence(now, &id) {
                Ok(effects) => carry_out(deps, effects, &HashMap::new()).await,
                Err(error) => Err(error.into()),
            };
            drop(reply.send(answer));
        }
    }
}

/// What alerts say of themselves, for the journal.
fn summaries(alerts: &[Alert]) -> HashMap<Fingerprint, String> {
    let summary = |alert: &Alert| alert.annotations.get("summary").map(str::to_owned);
    alerts.iter().filter_map(|alert| Some((alert.fingerprint(), summary(alert)?))).collect()
}

/// Writes decisions down, then lets the world know.
async fn carry_out(
    deps: &RoutingDeps,
    effects: Vec<Effect>,
    summaries: &HashMap<Fingerprint, String>,
) -> Result<(), RoutingError> {
    let (happened, writes): (Vec<_>, Vec<_>) =
        effects.into_iter().partition(|effect| matches!(effect, Effect::Happened(_)));
    if !writes.is_empty() {
        let has_deliveries = writes
            .iter()
            .any(|effect| matches!(effect, Effect::Flush(flush) if !flush.deliveries.is_empty()));
        let state = Arc::clone(&deps.state);
        let written = tokio::task::spawn_blocking(move || write(state.as_ref(), &writes)).await;
        written.map_err(|_| RoutingError::Stopping)??;
        if has_deliveries {
            deps.outbox.notify_one();
        }
    }
    for effect in happened {
        if let Effect::Happened(happened) = effect {
            note(&deps.journal, happened, summaries);
        }
    }
    Ok(())
}

fn write(state: &dyn DurableState, effects: &[Effect]) -> Result<(), StateError> {
    effects.iter().try_for_each(|effect| match effect {
        Effect::PutAlerts(alerts) => state.put_alerts(alerts),
        Effect::PutSilence(silence) => state.put_silence(silence),
        Effect::ForgetSilences(ids) => state.forget_silences(ids),
        Effect::Flush(flush) => state.record_flush(flush),
        Effect::Happened(_) => Ok(()),
    })
}

fn note(journal: &Journal, happened: Happened, summaries: &HashMap<Fingerprint, String>) {
    let (kind, labels, text) = match happened.event {
        Event::Firing { labels, .. } => {
            let text = summaries.get(&labels.fingerprint()).cloned().unwrap_or_default();
            (Kind::Firing, labels, text)
        }
        Event::Resolved { labels, starts_at, ends_at } => {
            let lasted =
                bellwether_model::duration::PrometheusDuration(whole_seconds(ends_at.since(starts_at)));
            (Kind::Resolved, labels, format!("after {lasted}"))
        }
        Event::Inhibited { labels, .. } => (Kind::Inhibited, labels, "by a more important alert".to_owned()),
        Event::Silenced { labels, .. } => (Kind::Silenced, labels, "by a silence".to_owned()),
        Event::MutedByTime { labels, by } => {
            (Kind::Silenced, labels, format!("by time interval {}", by.join(", ")))
        }
        Event::GroupFormed { .. }
        | Event::Queued { .. }
        | Event::Unmuted { .. }
        | Event::SilenceBegan { .. }
        | Event::SilenceEnded { .. } => return,
    };
    journal.note(about(&labels, Entry::new(happened.at, kind, text)));
}

const fn whole_seconds(duration: Duration) -> Duration {
    Duration::from_secs(duration.as_secs())
}

/// Names the alert and device that an entry is about.
pub fn about(labels: &Labels, entry: Entry) -> Entry {
    let label = |name: &str| labels.get(name).map(str::to_owned);
    Entry {
        alertname: label("alertname"),
        device_id: label("device_id"),
        severity: label("severity"),
        fingerprint: Some(labels.fingerprint()),
        ..entry
    }
}
