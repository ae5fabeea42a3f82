//! What an attempt means for its message: done, again later, or never. Pure; the worker carries it out.

use std::time::Duration;

use bellwether_model::receiver::{DeliveryFailure, Receipt};
use bellwether_model::state::{Delivery, DeliveryOutcome};
use bellwether_model::{Labels, Timestamp};

/// Wait after the first failed attempt; doubles with each one.
const FIRST_BACKOFF: Duration = Duration::from_secs(1);
/// The longest wait between attempts that the host chooses itself.
const MAX_BACKOFF: Duration = Duration::from_secs(300);
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
        DeliveryFailure::RateLimited(wait) => wait.clamp(FIRST_BACKOFF, MAX_RATE_LIMIT),
        DeliveryFailure::Misconfigured(_) => spread(MAX_BACKOFF, &delivery.id, delivery.attempts),
        // No call names an earlier message, so there is none to leave out: such an answer is a failure like others.
        DeliveryFailure::PreviousLost | DeliveryFailure::Retryable(_) | DeliveryFailure::Crashed(_) => {
            backoff(&delivery.id, delivery.attempts)
        }
    };
    DeliveryOutcome::RetryAt(now + wait, text)
}

/// Doubles from one second to five minutes.
fn backoff(id: &str, attempts: u32) -> Duration {
    let doubled = FIRST_BACKOFF.saturating_mul(2_u32.saturating_pow(attempts.min(16))).min(MAX_BACKOFF);
    spread(doubled, id, attempts)
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
    fn waits_double_up_to_five_minutes() {
        let wait =
            |attempts| wait_after(DeliveryFailure::Retryable("503".into()), attempts).unwrap().as_secs();
        assert_eq!((wait(0), wait(1)), (1, 2));
        assert!((300..=360).contains(&wait(40)), "{}", wait(40));
    }

    #[test]
    fn a_lost_earlier_message_is_no_reason_to_hurry() {
        assert!(wait_after(DeliveryFailure::PreviousLost, 3).unwrap() >= Duration::from_secs(8));
    }

    #[test]
    fn what_may_be_put_right_is_retried_and_a_refusal_is_not() {
        let wait = wait_after(DeliveryFailure::Misconfigured("no plugin".into()), 0).unwrap();
        assert!(wait >= MAX_BACKOFF && wait <= MAX_BACKOFF.mul_f64(1.2), "{wait:?}");
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
