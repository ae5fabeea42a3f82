//! What an attempt means for its message: done, again later, or never. Pure; the worker carries it out.

use std::time::Duration;

use bellwether_model::receiver::{DeliveryFailure, Receipt};
use bellwether_model::state::{Delivery, DeliveryOutcome};
use bellwether_model::{Labels, Timestamp};

/// Wait after the first failed attempt, as Alertmanager; half as long again after each one.
const FIRST_BACKOFF: Duration = Duration::from_millis(500);
/// The longest wait between attempts at a receiver that may come back at any moment, as Alertmanager.
const MAX_BACKOFF: Duration = Duration::from_secs(60);
/// The shortest wait where a receiver asks for one.
const MIN_RATE_LIMIT: Duration = Duration::from_secs(1);
/// The wait where somebody has to put something right first.
const REPAIR_WAIT: Duration = Duration::from_secs(300);
/// The longest wait that a receiver may ask for: a mistaken header must not silence it for days.
const MAX_RATE_LIMIT: Duration = Duration::from_secs(3600);
/// A message that could not be delivered for so long is given up.
const MAX_AGE: Duration = Duration::from_secs(24 * 3600);

/// How a message stands after an attempt.
///
/// What the receiver refuses for good is given up at once, as Alertmanager does within one flush; the group is told
/// again at its next one. Settings or a plugin that do not work may be put right at any time, so those are retried.
pub(super) fn outcome_of(
    delivery: &Delivery,
    result: Result<Receipt, DeliveryFailure>,
    now: Timestamp,
) -> DeliveryOutcome {
    let failure = match result {
        Ok(receipt) => return DeliveryOutcome::Delivered(Some(receipt)),
        Err(failure) => failure,
    };
    let text = failure.to_string();
    if now.since(delivery.notification.at) >= MAX_AGE {
        return DeliveryOutcome::Dead(text);
    }
    let wait = match failure {
        DeliveryFailure::Permanent(_) => return DeliveryOutcome::Dead(text),
        DeliveryFailure::RateLimited(wait) => wait.clamp(MIN_RATE_LIMIT, MAX_RATE_LIMIT),
        DeliveryFailure::Misconfigured(_) => spread(REPAIR_WAIT, &delivery.id, delivery.attempts),
        // The message was sent without the earlier one already: such an answer to it is a failure like others.
        DeliveryFailure::PreviousLost | DeliveryFailure::Retryable(_) | DeliveryFailure::Crashed(_) => {
            backoff(&delivery.id, delivery.attempts)
        }
    };
    DeliveryOutcome::RetryAt(now + wait, text)
}

/// Grows from half a second to a minute.
fn backoff(id: &str, attempts: u32) -> Duration {
    let longest = MAX_BACKOFF.as_secs_f64();
    let grown = FIRST_BACKOFF.as_secs_f64() * 1.5_f64.powi(attempts.min(64).cast_signed());
    spread(Duration::from_secs_f64(grown.min(longest)), id, attempts)
}

/// Up to a fifth longer, so that messages that failed together do not come back together.
fn spread(wait: Duration, id: &str, attempts: u32) -> Duration {
    let draw = Labels::from_pairs([("id", id), ("n", &attempts.to_string())]).fingerprint().0;
    wait + wait.mul_f64((draw % 1000) as f64 / 5000.0)
}

#[cfg(test)]
mod tests {
    use super::super::samples::delivery;
    use super::*;

    fn wait_after(failure: DeliveryFailure, attempts: u32) -> Option<Duration> {
        let mut delivery = delivery("1", "team");
        delivery.attempts = attempts;
        let now = delivery.notification.at + Duration::from_secs(10);
        match outcome_of(&delivery, Err(failure), now) {
            DeliveryOutcome::RetryAt(at, _) => Some(at.since(now)),
            DeliveryOutcome::Dead(_) => None,
            DeliveryOutcome::Delivered(_) => panic!("delivered in spite of a failure"),
        }
    }

    #[test]
    fn waits_grow_from_half_a_second_to_a_minute() {
        let wait =
            |attempts| wait_after(DeliveryFailure::Retryable("503".into()), attempts).unwrap().as_millis();
        assert!((500..=600).contains(&wait(0)), "{}", wait(0));
        assert!((750..=900).contains(&wait(1)), "{}", wait(1));
        assert!((60_000..=72_000).contains(&wait(40)), "{}", wait(40));
        assert!((60_000..=72_000).contains(&wait(u32::MAX)), "{}", wait(u32::MAX));
    }

    #[test]
    fn a_lost_earlier_message_is_no_reason_to_hurry() {
        assert!(wait_after(DeliveryFailure::PreviousLost, 3).unwrap() >= Duration::from_millis(1600));
    }

    #[test]
    fn what_may_be_put_right_is_retried_and_a_refusal_is_not() {
        let wait = wait_after(DeliveryFailure::Misconfigured("no plugin".into()), 0).unwrap();
        assert!(wait >= REPAIR_WAIT && wait <= REPAIR_WAIT.mul_f64(1.2), "{wait:?}");
        assert_eq!(wait_after(DeliveryFailure::Permanent("400".into()), 0), None);
    }

    #[test]
    fn a_receiver_may_ask_for_an_hour_at_most() {
        let wait =
            |secs| wait_after(DeliveryFailure::RateLimited(Duration::from_secs(secs)), 0).unwrap().as_secs();
        assert_eq!((wait(0), wait(30), wait(u64::MAX)), (1, 30, 3600));
    }

    #[test]
    fn everything_is_given_up_after_a_day() {
        let delivery = delivery("1", "team");
        for failure in [DeliveryFailure::Retryable("503".into()), DeliveryFailure::Misconfigured("x".into())]
        {
            let outcome = outcome_of(&delivery, Err(failure), delivery.notification.at + MAX_AGE);
            assert!(matches!(outcome, DeliveryOutcome::Dead(_)), "{outcome:?}");
        }
    }
}
