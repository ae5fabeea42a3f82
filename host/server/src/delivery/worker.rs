//! Empties the outbox: leases what is due, hands it to receivers, and writes down how that ended.
//!
//! A crash between a receiver's acceptance and the note of it sends the message again, with the same idempotency key.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use bellwether_model::receiver::{DeliveryFailure, NotificationReason, Receipt, Receiver, ReceiverCall};
use bellwether_model::state::{
    Attempt, DeadDelivery, Delivery, DeliveryOutcome, DurableState, LeaseLimits, StateError,
};
use bellwether_model::{Alert, AlertStatus, Timestamp};
use futures::FutureExt;
use tokio::sync::Notify;
use tokio::task::{JoinError, JoinHandle, JoinSet};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::failing::{self, Failing};
use super::ledger::{Delivered, Ledger, LedgerEntry};
use super::outcome::outcome_of;
use super::receivers::ConfiguredReceivers;
use crate::clock::Clock;
use crate::journal::{Entry, Journal, Kind};
use crate::routing::{RoutingHandle, about};
use crate::tasks::Tasks;
use crate::telemetry::Telemetry;

/// Messages handed over at the same time: so many that a few receivers that hang leave most of them free.
const MAX_CONCURRENT: usize = 64;
/// Of these, for one integration of a receiver.
const MAX_CONCURRENT_PER_INTEGRATION: usize = 8;
/// Attempts that may have ended without that being written down; what is more waits for the disk.
const MAX_UNSETTLED: usize = 256;
/// How often it is counted what waits; that takes the longer the more it is.
const COUNT_INTERVAL: Duration = Duration::from_secs(5);
/// The longest that one attempt may take.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a message is held for an attempt; longer than any attempt takes.
const LEASE: Duration = Duration::from_secs(45);
/// How often the outbox is looked at when nothing is known to become due.
const IDLE_CHECK: Duration = Duration::from_secs(5);
/// The shortest wait between two looks at the outbox that nothing asked for.
const SHORTEST_WAIT: Duration = Duration::from_millis(1);
/// How long a stop waits for messages that are under way; less than what the host grants all its tasks.
const STOP_WAIT: Duration = Duration::from_secs(4);

/// What delivering takes.
#[derive(Clone)]
pub struct DeliveryDeps {
    /// The outbox.
    pub state: Arc<dyn DurableState>,
    /// Who can be told.
    pub receivers: Arc<ArcSwap<ConfiguredReceivers>>,
    /// Wakes the worker when the outbox got something.
    pub wake: Arc<Notify>,
    /// Told how messages stand.
    pub ledger: Arc<Ledger>,
    /// Told what happened.
    pub journal: Arc<Journal>,
    /// Counters.
    pub telemetry: Arc<Telemetry>,
    /// Called, from within the runtime, when a message was given up whose group has to be told again; it must not block.
    /// The outbox and the notification log on disk know it by then.
    pub on_dead: Arc<dyn Fn(DeadDelivery) + Send + Sync>,
    /// Called, likewise, with an alert of the host's own about a receiver.
    pub on_alert: Arc<dyn Fn(Alert) + Send + Sync>,
    /// Which receivers such alerts were about.
    pub failing: Arc<Failing>,
    /// The time.
    pub clock: Clock,
}

impl std::fmt::Debug for DeliveryDeps {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DeliveryDeps").finish_non_exhaustive()
    }
}

/// An `on_dead` that has routing tell the group again at its next flush.
pub fn tell_routing(routing: RoutingHandle, tasks: Tasks) -> Arc<dyn Fn(DeadDelivery) + Send + Sync> {
    Arc::new(move |dead| {
        let routing = routing.clone();
        tasks.spawn("dead delivery", async move { routing.delivery_failed(dead).await });
    })
}

/// An `on_alert` that has routing take the alert in.
pub fn alert_routing(routing: RoutingHandle, tasks: Tasks) -> Arc<dyn Fn(Alert) + Send + Sync> {
    Arc::new(move |alert| {
        let routing = routing.clone();
        tasks.spawn("alert about a receiver", async move { routing.rule_alerts(vec![alert]).await });
    })
}

/// Delivers until the token says stop. Then nothing more is begun, and what is under way has 4 s to end;
/// what does not is sent again after the next start.
pub async fn run(deps: DeliveryDeps, token: CancellationToken) {
    let mut under_way = JoinSet::new();
    let (mut unsettled, mut count_at) = (Unsettled::default(), Instant::now());
    while !token.is_cancelled() {
        if Instant::now() >= count_at {
            count(&deps).await;
            count_at = Instant::now() + COUNT_INTERVAL;
        }
        let room = MAX_CONCURRENT.saturating_sub(under_way.len()).min(unsettled.room());
        let wait = match round(&deps, &mut under_way, room).await {
            Ok(wait) => wait,
            Err(error) => {
                error!(error = &error as &dyn std::error::Error, "cannot read the outbox");
                IDLE_CHECK
            }
        };
        tokio::select! {
            () = token.cancelled() => {}
            () = deps.wake.notified() => {}
            Some(attempt) = under_way.join_next() => unsettled.push(&deps, attempt),
            () = unsettled.settle(&deps), if !unsettled.is_empty() => {}
            () = tokio::time::sleep(wait) => {}
        }
        while let Some(attempt) = under_way.try_join_next() {
            unsettled.push(&deps, attempt);
        }
    }
    let all_ended = async {
        while let Some(attempt) = under_way.join_next().await {
            unsettled.push(&deps, attempt);
        }
    };
    if tokio::time::timeout(STOP_WAIT, all_ended).await.is_err() {
        warn!(
            count = under_way.len(),
            "notifications were still under way at the stop and will be sent again"
        );
    }
    while !unsettled.is_empty() {
        unsettled.settle(&deps).await;
    }
}

/// Attempts that ended and are not written down yet. While one transaction is written the next messages go out.
#[derive(Default)]
struct Unsettled {
    ended: Vec<Attempt>,
    settling: Option<Settling>,
}

/// A transaction that is under way.
struct Settling {
    attempts: usize,
    task: JoinHandle<Result<Vec<DeadDelivery>, StateError>>,
}

impl Unsettled {
    fn is_empty(&self) -> bool {
        self.ended.is_empty() && self.settling.is_none()
    }

    /// How many more may end before some have to be written down.
    fn room(&self) -> usize {
        let settling = self.settling.as_ref().map_or(0, |settling| settling.attempts);
        MAX_UNSETTLED.saturating_sub(self.ended.len() + settling)
    }

    fn push(&mut self, deps: &DeliveryDeps, attempt: Result<Attempt, JoinError>) {
        // A task that panicked is cut off by its lease.
        let Ok(attempt) = attempt else { return };
        deps.state.delivery_ended(&attempt.id);
        self.ended.push(attempt);
    }

    /// Writes down how attempts ended, all that wait together. Where this is given up half way the next call goes on.
    async fn settle(&mut self, deps: &DeliveryDeps) {
        let settling = self.settling.get_or_insert_with(|| {
            let ended = std::mem::take(&mut self.ended);
            let state = Arc::clone(&deps.state);
            let attempts = ended.len();
            Settling { attempts, task: tokio::task::spawn_blocking(move || state.settle_deliveries(&ended)) }
        });
        let settled = (&mut settling.task).await;
        self.settling = None;
        match settled.unwrap_or_else(|failed| Err(not_done(&failed))) {
            Ok(dead) => dead.into_iter().for_each(|dead| (deps.on_dead)(dead)),
            Err(error) => {
                error!(error = &error as &dyn std::error::Error, "cannot note how deliveries ended");
            }
        }
    }
}

/// Starts all that is due and fits, and says how long nothing more becomes due. What is due and does not fit is looked
/// at again as soon as anything ends.
async fn round(
    deps: &DeliveryDeps,
    under_way: &mut JoinSet<Attempt>,
    total: usize,
) -> Result<Duration, StateError> {
    let now = deps.clock.now();
    let pauses = Arc::clone(deps.receivers.load().pauses());
    let look = move |state: &dyn DurableState| {
        let limits = LeaseLimits { total, per_integration: MAX_CONCURRENT_PER_INTEGRATION, pauses: &pauses };
        let leased =
            if total == 0 { Vec::new() } else { state.lease_deliveries(now, now + LEASE, limits)? };
        Ok((leased, state.next_delivery(now)?))
    };
    let (leased, next) = on_state(deps, look).await?;
    for delivery in leased {
        let deps = deps.clone();
        under_way.spawn(async move { deliver(&deps, delivery).await });
    }
    Ok(next.map_or(IDLE_CHECK, |next| next.since(now).clamp(SHORTEST_WAIT, IDLE_CHECK)))
}

async fn count(deps: &DeliveryDeps) {
    if let Ok((pending, _)) = on_state(deps, |state| state.pending_deliveries()).await {
        deps.telemetry.pending_notifications(pending);
    }
}

/// Works on the state where waiting for the disk holds up nobody.
async fn on_state<T: Send + 'static>(
    deps: &DeliveryDeps,
    work: impl FnOnce(&dyn DurableState) -> Result<T, StateError> + Send + 'static,
) -> Result<T, StateError> {
    let state = Arc::clone(&deps.state);
    let done = tokio::task::spawn_blocking(move || work(state.as_ref())).await;
    done.unwrap_or_else(|failed| Err(not_done(&failed)))
}

fn not_done(failed: &JoinError) -> StateError {
    let cause = failed.to_string();
    StateError::Database { action: "finish a task", place: "the outbox".to_owned(), cause }
}

async fn deliver(deps: &DeliveryDeps, delivery: Delivery) -> Attempt {
    note(deps, &delivery, Delivered::Sending);
    // A panic counts as an attempt; otherwise the message would come back with each lease for ever.
    let result = AssertUnwindSafe(attempt(deps, &delivery)).catch_unwind().await;
    let result = result.unwrap_or_else(|panic| Err(DeliveryFailure::Retryable(panic_text(panic.as_ref()))));
    let now = deps.clock.now();
    let outcome = outcome_of(&delivery, result, now);
    report(deps, &delivery, outcome.clone(), now);
    if let Some(alert) = deps.failing.alert_after(&delivery, &outcome, now) {
        (deps.on_alert)(alert);
    }
    let receivers = deps.receivers.load();
    let fallback = receivers.fallback(&delivery.notification.receiver);
    let instead = failing::instead(&delivery, &outcome, fallback, now);
    Attempt { id: delivery.id, outcome, at: now, instead }
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("internal error: {}", text.unwrap_or("panic"))
}

async fn attempt(deps: &DeliveryDeps, delivery: &Delivery) -> Result<Receipt, DeliveryFailure> {
    let receivers = deps.receivers.load();
    let notification = &delivery.notification;
    let sender = receivers.find(&notification.receiver, delivery.integration, &delivery.kind)?;
    let now = deps.clock.now();
    let notification = receivers.with_route_labels(notification, now);
    let rendered = receivers.render(sender, &notification, now);
    let call = ReceiverCall {
        config: sender.config.clone(),
        notification,
        rendered,
        idempotency_key: delivery.id.clone(),
        attempt: delivery.attempts + 1,
        test: false,
        previous: None,
        now,
    };
    let receiver = Arc::clone(&sender.receiver);
    drop(receivers);
    let call = ReceiverCall { previous: previous(deps, delivery, receiver.as_ref()).await?, ..call };
    match tokio::time::timeout(ATTEMPT_TIMEOUT, tell(receiver.as_ref(), call)).await {
        Ok(result) => result,
        Err(_) => {
            Err(DeliveryFailure::Retryable(format!("no answer within {} s", ATTEMPT_TIMEOUT.as_secs())))
        }
    }
}

/// What a receiver that updates its messages has to know: what it returned for the last message about this group. A first
/// message has none before it, whatever was told of a group of the same name that is over.
async fn previous(
    deps: &DeliveryDeps,
    delivery: &Delivery,
    receiver: &dyn Receiver,
) -> Result<Option<Receipt>, DeliveryFailure> {
    let notification = &delivery.notification;
    if !receiver.updates() || notification.reason == NotificationReason::First {
        return Ok(None);
    }
    let (group_key, name) = (notification.group_key.clone(), notification.receiver.clone());
    let integration = delivery.integration;
    let look = move |state: &dyn DurableState| state.last_receipt(&group_key, &name, integration);
    on_state(deps, look).await.map_err(|error| DeliveryFailure::Retryable(error.to_string()))
}

/// Hands a message over; where the earlier message that it names is gone, once more without naming it.
async fn tell(receiver: &dyn Receiver, call: ReceiverCall) -> Result<Receipt, DeliveryFailure> {
    if call.previous.is_none() {
        return receiver.notify(call).await;
    }
    let anew = ReceiverCall { previous: None, ..call.clone() };
    match receiver.notify(call).await {
        Err(DeliveryFailure::PreviousLost) => receiver.notify(anew).await,
        result => result,
    }
}

fn report(deps: &DeliveryDeps, delivery: &Delivery, outcome: DeliveryOutcome, now: Timestamp) {
    let notification = &delivery.notification;
    let (receiver, kind) = (notification.receiver.as_str(), delivery.kind.as_str());
    deps.telemetry.notification(receiver, kind, matches!(outcome, DeliveryOutcome::Delivered(_)));
    let attempts = delivery.attempts + 1;
    match outcome {
        DeliveryOutcome::Delivered(_) => {
            let took = now.since(notification.at);
            info!(receiver, kind, attempts, took_ms = took.as_millis(), "notification delivered");
            note(deps, delivery, Delivered::Done { at: now, took });
            journal(deps, delivery, Kind::Delivered, now, format!("{receiver} in {} ms", took.as_millis()));
        }
        DeliveryOutcome::RetryAt(at, error) => {
            warn!(receiver, kind, attempts, reason = error, "notification failed, will be tried again");
            if delivery.attempts == 0 {
                journal(deps, delivery, Kind::DeliveryFailed, now, error.clone());
            }
            note(deps, delivery, Delivered::Failed { at: now, error, attempts, next_attempt: Some(at) });
        }
        DeliveryOutcome::Dead(error) => {
            error!(receiver, kind, attempts, reason = error, "notification given up");
            journal(deps, delivery, Kind::DeliveryFailed, now, format!("given up: {error}"));
            note(deps, delivery, Delivered::Failed { at: now, error, attempts, next_attempt: None });
        }
    }
}

fn note(deps: &DeliveryDeps, delivery: &Delivery, state: Delivered) {
    let receiver = delivery.notification.receiver.clone();
    let entry = LedgerEntry { receiver, kind: delivery.kind.clone(), state };
    deps.ledger.note(&delivery.notification.group_key, delivery.integration, entry);
}

/// One entry for each alert of the message, so that each alert's way can be followed.
fn journal(deps: &DeliveryDeps, delivery: &Delivery, kind: Kind, at: Timestamp, text: String) {
    for alert in &delivery.notification.alerts {
        let text = match alert.status {
            AlertStatus::Firing => text.clone(),
            AlertStatus::Resolved => format!("{text} (resolved)"),
        };
        let receiver = Some(delivery.notification.receiver.clone());
        deps.journal.note(about(&alert.labels, Entry { receiver, ..Entry::new(at, kind, text) }));
    }
}

#[cfg(test)]
mod tests;
