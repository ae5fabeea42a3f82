//! Empties the outbox: leases what is due, hands it to receivers, and writes down how that ended.
//!
//! A crash between a receiver's acceptance and the note of it sends the message again, with the same idempotency key.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use bellwether_model::receiver::{DeliveryFailure, Receipt, ReceiverCall};
use bellwether_model::state::{Delivery, DeliveryOutcome, DurableState, StateError};
use bellwether_model::{AlertStatus, Timestamp};
use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::ledger::{Delivered, Ledger, LedgerEntry};
use super::receivers::ConfiguredReceivers;
use crate::clock::Clock;
use crate::journal::{Entry, Journal, Kind};
use crate::routing::about;
use crate::telemetry::Telemetry;

/// Messages handed over at the same time.
const MAX_CONCURRENT: usize = 16;
/// The longest that one attempt may take.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a message is held for an attempt; longer than any attempt takes.
const LEASE: Duration = Duration::from_secs(45);
/// How often the outbox is looked at when nothing is known to be due.
const IDLE_CHECK: Duration = Duration::from_secs(5);
/// Wait after the first failed attempt; doubles with each one.
const FIRST_BACKOFF: Duration = Duration::from_secs(1);
/// The longest wait between attempts.
const MAX_BACKOFF: Duration = Duration::from_secs(300);
/// A message that could not be delivered for so long is given up.
const MAX_AGE: Duration = Duration::from_secs(24 * 3600);

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
    /// The time.
    pub clock: Clock,
}

impl std::fmt::Debug for DeliveryDeps {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DeliveryDeps").finish_non_exhaustive()
    }
}

/// Delivers until the token says stop; messages that are under way then are sent again after the next start.
pub async fn run(deps: DeliveryDeps, token: CancellationToken) {
    let slots = Arc::new(Semaphore::new(MAX_CONCURRENT));
    loop {
        let wait = match round(&deps, &slots).await {
            Ok(wait) => wait,
            Err(error) => {
                error!(error = &error as &dyn std::error::Error, "cannot read the outbox");
                IDLE_CHECK
            }
        };
        tokio::select! {
            () = token.cancelled() => return,
            () = deps.wake.notified() => {}
            () = tokio::time::sleep(wait) => {}
        }
    }
}

/// Starts all that is due and fits, and says how long nothing more is due.
async fn round(deps: &DeliveryDeps, slots: &Arc<Semaphore>) -> Result<Duration, StateError> {
    let now = deps.clock.now();
    let free = slots.available_permits();
    let leased = if free == 0 { Vec::new() } else { deps.state.lease_deliveries(now, now + LEASE, free)? };
    for delivery in leased {
        let Ok(permit) = Arc::clone(slots).try_acquire_owned() else {
            break;
        };
        let deps = deps.clone();
        tokio::spawn(async move {
            deliver(&deps, delivery).await;
            drop(permit);
            deps.wake.notify_one();
        });
    }
    let (pending, next) = deps.state.pending_deliveries()?;
    deps.telemetry.pending_notifications(pending);
    let until_next = next.map_or(IDLE_CHECK, |next| next.since(now).max(Duration::from_millis(50)));
    Ok(until_next.min(IDLE_CHECK))
}

async fn deliver(deps: &DeliveryDeps, delivery: Delivery) {
    note(deps, &delivery, Delivered::Sending);
    let result = attempt(deps, &delivery).await;
    let now = deps.clock.now();
    let outcome = outcome_of(&delivery, result, now);
    if let Err(error) = deps.state.settle_delivery(&delivery.id, &outcome, now) {
        error!(error = &error as &dyn std::error::Error, "cannot note how a delivery ended");
    }
    report(deps, &delivery, outcome, now);
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
    match tokio::time::timeout(ATTEMPT_TIMEOUT, receiver.notify(call)).await {
        Ok(result) => result,
        Err(_) => {
            Err(DeliveryFailure::Retryable(format!("no answer within {} s", ATTEMPT_TIMEOUT.as_secs())))
        }
    }
}

fn outcome_of(
    delivery: &Delivery,
    result: Result<Receipt, DeliveryFailure>,
    now: Timestamp,
) -> DeliveryOutcome {
    let failure = match result {
        Ok(receipt) => return DeliveryOutcome::Delivered(Some(receipt)),
        Err(failure) => failure,
    };
    let text = failure.to_string();
    if !failure.is_retryable() || now.since(delivery.notification.at) >= MAX_AGE {
        return DeliveryOutcome::Dead(text);
    }
    let wait = match failure {
        DeliveryFailure::RateLimited(wait) => wait.max(FIRST_BACKOFF),
        DeliveryFailure::PreviousLost => Duration::ZERO,
        DeliveryFailure::Retryable(_)
        | DeliveryFailure::Permanent(_)
        | DeliveryFailure::Misconfigured(_)
        | DeliveryFailure::Crashed(_) => backoff(&delivery.id, delivery.attempts),
    };
    DeliveryOutcome::RetryAt(now + wait, text)
}

/// Doubles from one second to five minutes; up to a fifth longer, so that messages that failed together do not
/// come back together.
fn backoff(id: &str, attempts: u32) -> Duration {
    let doubled = FIRST_BACKOFF.saturating_mul(2_u32.saturating_pow(attempts.min(16))).min(MAX_BACKOFF);
    let spread =
        bellwether_model::Labels::from_pairs([("id", id), ("n", &attempts.to_string())]).fingerprint().0;
    doubled + doubled.mul_f64((spread % 1000) as f64 / 5000.0)
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
