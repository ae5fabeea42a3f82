//! The task that owns the routing machine: drives it with the clock, writes down what it decides, wakes the outbox.
//!
//! Nothing is acknowledged, and nobody is told, before it is written down, and all that was decided before it. While
//! writing fails, the module `unwritten` keeps what waits and tries again; the machine can be looked at all the time.

#[cfg(test)]
pub(crate) mod tests;
mod unwritten;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use bellwether_alerting::config::Config;
use bellwether_alerting::dispatch::{
    AcknowledgeError, Dispatcher, Effect, Event, Happened, Input, Restored, Start,
};
use bellwether_alerting::silence::SilenceError;
use bellwether_model::state::{Acknowledgement, DeadDelivery, DurableState, Silence, StateError};
use bellwether_model::{Alert, Fingerprint, Labels, Timestamp};
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;
use tracing::error;

use self::unwritten::{Answer, Failure, Reply, Unwritten};
use crate::clock::Clock;
use crate::journal::{Entry, Journal, Kind};
use crate::tasks::Tasks;

/// Requests that may wait for the machine, and as many looks at it; more make their senders wait.
const QUEUE: usize = 256;
/// How long to sleep when the machine has nothing to do.
const IDLE: Duration = Duration::from_secs(60);
/// How long a request may take. Prometheus gives its Alertmanagers 10 s and must hear of a failure before.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

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
    /// How the machine begins.
    pub start: Start,
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
    /// The alerts cannot be taken on.
    #[error(transparent)]
    Acknowledge(#[from] AcknowledgeError),
    /// The host is stopping.
    #[error("the host is stopping")]
    Stopping,
}

type Look = Box<dyn FnOnce(&Dispatcher, Timestamp) + Send>;

enum Request {
    Alerts(Vec<Alert>, Reply<()>),
    SetSilence(Silence, Reply<String>),
    ExpireSilence(String, Reply<()>),
    Acknowledge(Vec<Fingerprint>, Acknowledgement, Reply<()>),
    Unacknowledge(Vec<Fingerprint>, Reply<()>),
    RulesEvaluated,
    DeliveryFailed(DeadDelivery),
}

/// Talks to the routing machine.
#[derive(Debug, Clone)]
pub struct RoutingHandle {
    requests: mpsc::Sender<Request>,
    looks: mpsc::Sender<Look>,
    config: watch::Sender<Arc<Config>>,
    failure: Failure,
}

impl RoutingHandle {
    /// Takes alerts in. When it returns well they survive a crash. After an error they may have been taken in all the
    /// same; taking them in again does no harm.
    pub async fn alerts(&self, alerts: Vec<Alert>) -> Result<(), RoutingError> {
        self.ask(|reply| Request::Alerts(alerts, reply)).await
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
        self.ask(|reply| Request::SetSilence(silence, reply)).await
    }

    /// Ends a silence.
    pub async fn expire_silence(&self, id: String) -> Result<(), RoutingError> {
        self.ask(|reply| Request::ExpireSilence(id, reply)).await
    }

    /// Takes alerts on, all of them or none.
    pub async fn acknowledge(
        &self,
        alerts: Vec<Fingerprint>,
        acknowledgement: Acknowledgement,
    ) -> Result<(), RoutingError> {
        self.ask(|reply| Request::Acknowledge(alerts, acknowledgement, reply)).await
    }

    /// Gives alerts back that somebody has taken on.
    pub async fn unacknowledge(&self, alerts: Vec<Fingerprint>) -> Result<(), RoutingError> {
        self.ask(|reply| Request::Unacknowledge(alerts, reply)).await
    }

    /// Says that every rule has been evaluated since the start.
    pub async fn rules_evaluated(&self) {
        drop(self.requests.send(Request::RulesEvaluated).await);
    }

    /// Has a group told again whose message was given up. The state knows it by then.
    pub async fn delivery_failed(&self, dead: DeadDelivery) {
        // Where the host is stopping, the next start reads it from the state.
        drop(self.requests.send(Request::DeliveryFailed(dead)).await);
    }

    /// Puts another configuration in force before anything else that is asked from now on; alerts, groups and timers
    /// stay.
    pub async fn swap(&self, config: Config) {
        self.config.send_replace(Arc::new(config));
        // A look comes after a configuration that waits.
        self.read(|_, _| ()).await;
    }

    /// Looks at the machine between two of its steps. None: the host is stopping.
    pub async fn read<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Dispatcher, Timestamp) -> T + Send + 'static,
    ) -> Option<T> {
        let (reply, seen) = oneshot::channel();
        let look: Look = Box::new(move |dispatcher, now| drop(reply.send(look(dispatcher, now))));
        self.looks.send(look).await.ok()?;
        seen.await.ok()
    }

    async fn ask<T>(&self, request: impl FnOnce(Reply<T>) -> Request) -> Result<T, RoutingError> {
        let (reply, answer) = oneshot::channel();
        let asked = async {
            self.requests.send(request(reply)).await.map_err(|_| RoutingError::Stopping)?;
            answer.await.map_err(|_| RoutingError::Stopping)?
        };
        let in_time = tokio::time::timeout(ANSWER_TIMEOUT, asked).await;
        in_time.unwrap_or_else(|_| Err(self.why_late().into()))
    }

    fn why_late(&self) -> StateError {
        let failure = self.failure.load_full();
        failure.map_or_else(
            || unwritten::not_written(format!("not done within {} s", ANSWER_TIMEOUT.as_secs())),
            |error| StateError::clone(&error),
        )
    }
}

/// Restores the machine and starts its task.
pub fn start(deps: RoutingDeps, config: Config, tasks: &Tasks) -> anyhow::Result<RoutingHandle> {
    let restored = Restored::from(deps.state.load().context("cannot read the alerting state")?);
    let now = deps.clock.now();
    let config = Arc::new(config);
    let dispatcher = Dispatcher::new(Arc::clone(&config), restored, deps.start.clone(), now);
    let failure = Failure::default();
    let (requests, asked) = mpsc::channel(QUEUE);
    let (looks, looked) = mpsc::channel(QUEUE);
    let (config, configs) = watch::channel(config);
    let routing = Routing { unwritten: Unwritten::new(Arc::clone(&failure)), deps, dispatcher };
    let inbox = Inbox { requests: asked, looks: looked, configs };
    tasks.spawn("routing", routing.run(inbox, tasks.token().clone()));
    Ok(RoutingHandle { requests, looks, config, failure })
}

/// What others want of the task.
struct Inbox {
    requests: mpsc::Receiver<Request>,
    looks: mpsc::Receiver<Look>,
    configs: watch::Receiver<Arc<Config>>,
}

/// The task's own.
struct Routing {
    deps: RoutingDeps,
    dispatcher: Dispatcher,
    unwritten: Unwritten,
}

impl Routing {
    async fn run(mut self, mut inbox: Inbox, token: CancellationToken) {
        loop {
            let now = self.deps.clock.now();
            let wait = self.dispatcher.next_wakeup().map_or(IDLE, |at| at.since(now).min(IDLE));
            let (has_room, waits) = (self.unwritten.has_room(), !self.unwritten.is_empty());
            tokio::select! {
                biased;
                () = token.cancelled() => break,
                () = self.unwritten.progress(&self.deps), if waits => {}
                () = tokio::time::sleep(wait), if has_room => self.step(Input::Wake),
                Ok(()) = inbox.configs.changed(), if has_room => {
                    let config = Arc::clone(&inbox.configs.borrow_and_update());
                    self.step(Input::Config(config));
                }
                request = inbox.requests.recv(), if has_room => match request {
                    Some(request) => self.handle(request),
                    None => break,
                },
                Some(look) = inbox.looks.recv() => look(&self.dispatcher, self.deps.clock.now()),
            }
        }
        self.unwritten.finish(&self.deps).await;
    }

    fn step(&mut self, input: Input) {
        let effects = self.dispatcher.step(self.deps.clock.now(), input);
        self.decided(effects, &HashMap::new(), None);
    }

    /// Does what is asked, except for somebody who was told meanwhile that it took too long.
    fn handle(&mut self, request: Request) {
        let now = self.deps.clock.now();
        match request {
            Request::Alerts(alerts, reply) if !reply.is_closed() => {
                let summaries = summaries(&alerts);
                let effects = self.dispatcher.step(now, Input::Alerts(alerts));
                self.decided(effects, &summaries, Some(Answer::Done(reply)));
            }
            Request::SetSilence(silence, reply) if !reply.is_closed() => {
                // What is due is decided apart: it holds also where what is asked is refused.
                self.step(Input::Wake);
                let fresh_id = uuid::Uuid::new_v4().to_string();
                match self.dispatcher.set_silence(now, silence, fresh_id) {
                    Ok((id, effects)) => {
                        self.decided(effects, &HashMap::new(), Some(Answer::Silence { id, reply }));
                    }
                    Err(error) => drop(reply.send(Err(error.into()))),
                }
            }
            Request::ExpireSilence(id, reply) if !reply.is_closed() => {
                self.step(Input::Wake);
                let effects = self.dispatcher.expire_silence(now, &id);
                self.decided_or_refused(effects, reply);
            }
            Request::Acknowledge(alerts, acknowledgement, reply) if !reply.is_closed() => {
                self.step(Input::Wake);
                let effects = self.dispatcher.acknowledge(now, &alerts, acknowledgement);
                self.decided_or_refused(effects, reply);
            }
            Request::Unacknowledge(alerts, reply) if !reply.is_closed() => {
                let effects = self.dispatcher.unacknowledge(now, &alerts);
                self.decided(effects, &HashMap::new(), Some(Answer::Done(reply)));
            }
            Request::RulesEvaluated => self.step(Input::RulesEvaluated),
            Request::DeliveryFailed(dead) => {
                self.dispatcher.delivery_failed(&dead);
            }
            Request::Alerts(..)
            | Request::SetSilence(..)
            | Request::ExpireSilence(..)
            | Request::Acknowledge(..)
            | Request::Unacknowledge(..) => {}
        }
    }

    fn decided_or_refused(
        &mut self,
        effects: Result<Vec<Effect>, impl Into<RoutingError>>,
        reply: Reply<()>,
    ) {
        match effects {
            Ok(effects) => self.decided(effects, &HashMap::new(), Some(Answer::Done(reply))),
            Err(error) => drop(reply.send(Err(error.into()))),
        }
    }

    /// Has decisions written down; then the world may know, and whoever asked.
    fn decided(
        &mut self,
        effects: Vec<Effect>,
        summaries: &HashMap<Fingerprint, String>,
        answer: Option<Answer>,
    ) {
        let (mut writes, mut entries) = (Vec::new(), Vec::new());
        for effect in effects {
            match effect {
                Effect::Happened(happened) => entries.extend(entry(happened, summaries)),
                Effect::Write(change) => writes.push(change),
            }
        }
        self.unwritten.push(writes, entries, answer);
        self.unwritten.tell(&self.deps);
    }
}

/// What alerts say of themselves, for the journal.
fn summaries(alerts: &[Alert]) -> HashMap<Fingerprint, String> {
    let summary = |alert: &Alert| alert.annotations.get("summary").map(str::to_owned);
    alerts.iter().filter_map(|alert| Some((alert.fingerprint(), summary(alert)?))).collect()
}

/// What people are to see of an event, if anything.
fn entry(happened: Happened, summaries: &HashMap<Fingerprint, String>) -> Option<Entry> {
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
        Event::Acknowledged { labels, by, comment } => {
            let text = if comment.is_empty() { format!("by {by}") } else { format!("by {by}: {comment}") };
            (Kind::Acknowledged, labels, text)
        }
        Event::GroupFormed { .. }
        | Event::Queued { .. }
        | Event::Unmuted { .. }
        | Event::SilenceBegan { .. }
        | Event::SilenceEnded { .. } => return None,
    };
    Some(about(&labels, Entry::new(happened.at, kind, text)))
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
