//! The outbox: what is still to be sent, how sending ended. Whose turn it is, is `leases`' to say.
//!
//! Messages about one group to one integration go out in the order in which they were decided: an end must not overtake
//! the beginning that still waits for its next attempt. The next one of them is the head (`is_head`); only heads are due.

use std::collections::HashSet;
use std::time::Duration;

use bellwether_model::receiver::{NotificationReason, Receipt};
use bellwether_model::state::{Attempt, DeadDelivery, Delivery, DeliveryOutcome, InsteadOf};
use bellwether_model::{AlertStatus, Timestamp};
use rusqlite::{Connection, OptionalExtension, Row, named_params, params};

use super::Failure;
use super::codec::{
    from_json, notification_from_json, notification_to_json, packed, time, to_json, to_word, unpacked, word,
};
use super::leases::Leases;
use super::notification_log::{self, Topic};

/// How long the texts of delivered messages are kept.
const KEEP_TEXTS: Duration = Duration::from_secs(7 * 86_400);

/// What stands in place of an error at a message that was not sent because a newer one says it all.
const SUPERSEDED: &str = "superseded by a newer message";

/// How many messages are forgotten at once, so that nobody waits for it long.
const MAX_FORGOTTEN: i64 = 5_000;

/// How many messages that were given up are kept: enough for a person to look through, little for the disk.
const MAX_DEAD_LETTERS: i64 = 10_000;

/// A message that was given up.
#[derive(Debug, Clone, PartialEq)]
pub struct DeadLetter {
    /// The message.
    pub delivery: Delivery,
    /// When it was given up.
    pub at: Timestamp,
    /// The last error.
    pub error: String,
}

/// Writes messages; those that only repeat what still waits to be told make room, see
/// [`StateChange::Flush`](bellwether_model::state::StateChange::Flush).
pub(super) fn put(db: &Connection, leases: &Leases, deliveries: &[Delivery]) -> Result<(), Failure> {
    for delivery in deliveries {
        // The id is the idempotency key: a delivery that is already known is not to be sent again.
        if !is_known(db, &delivery.id)? {
            put_new(db, leases, delivery)?;
        }
    }
    Ok(())
}

fn is_known(db: &Connection, id: &str) -> Result<bool, Failure> {
    let mut statement = db.prepare_cached("SELECT EXISTS (SELECT 1 FROM delivery WHERE id = ?1)")?;
    Ok(statement.query_row([id], |row| row.get(0))?)
}

fn put_new(db: &Connection, leases: &Leases, delivery: &Delivery) -> Result<(), Failure> {
    let topic = topic_of(delivery);
    let pending = pending_about(db, leases, &topic, delivery.notification.at)?;
    let mut waiting = pending.iter().filter(|own| !own.is_held);
    for repeat in waiting.clone().filter(|own| own.reason == NotificationReason::Repeat) {
        leases.forget(&repeat.id);
        remove(db, &repeat.id)?;
    }
    let says_more = delivery.notification.reason != NotificationReason::Repeat;
    if says_more {
        for older in waiting.clone().filter(|own| own.reason != NotificationReason::Repeat) {
            leases.forget(&older.id);
            supersede(db, &older.id, delivery)?;
        }
    }
    if says_more || waiting.all(|own| own.reason == NotificationReason::Repeat) {
        let is_head = pending.is_empty();
        insert(db, delivery, is_head)?;
        if is_head {
            leases.remember(delivery);
        }
    }
    if pending.is_empty() { Ok(()) } else { promote(db, &topic) }
}

/// Ends a message that waits if a newer one says all that it says: each of its alerts, in the same state.
fn supersede(db: &Connection, id: &str, newer: &Delivery) -> Result<(), Failure> {
    let older = read(db, id)?.notification.alerts;
    let says: HashSet<_> =
        newer.notification.alerts.iter().map(|alert| (alert.fingerprint, alert.status)).collect();
    if older.iter().all(|alert| says.contains(&(alert.fingerprint, alert.status))) {
        db.prepare_cached(
            "UPDATE delivery SET status = 'dead', is_head = 0, settled_at = ?2, error = ?3 WHERE id = ?1",
        )?
        .execute(params![id, newer.notification.at.as_millis(), SUPERSEDED])?;
    }
    Ok(())
}

/// A message that waits or is under way.
struct Pending {
    id: String,
    reason: NotificationReason,
    is_held: bool,
}

fn topic_of(delivery: &Delivery) -> Topic {
    Topic {
        group_key: delivery.notification.group_key.clone(),
        receiver: delivery.notification.receiver.clone(),
        integration: delivery.integration,
    }
}

/// Messages about the same that are not settled.
fn pending_about(
    db: &Connection,
    leases: &Leases,
    topic: &Topic,
    now: Timestamp,
) -> Result<Vec<Pending>, Failure> {
    let mut statement = db.prepare_cached(
        "SELECT id, reason FROM delivery WHERE status = 'pending'
            AND group_key = ?1 AND receiver = ?2 AND integration = ?3",
    )?;
    let mut rows = statement.query(params![topic.group_key, topic.receiver, topic.integration])?;
    let mut pending = Vec::new();
    while let Some(row) = rows.next()? {
        let (id, reason): (String, _) = (row.get(0)?, word("delivery", row.get(1)?)?);
        pending.push(Pending { is_held: !leases.withhold(&id, now), id, reason });
    }
    Ok(pending)
}

/// Drops a message that nobody was told and nobody will be.
fn remove(db: &Connection, id: &str) -> Result<(), Failure> {
    for statement in [
        "DELETE FROM delivery WHERE id = ?1",
        "DELETE FROM delivery_alert WHERE delivery = ?1",
        "DELETE FROM attempt WHERE delivery = ?1",
        "DELETE FROM message WHERE delivery = ?1",
    ] {
        db.prepare_cached(statement)?.execute([id])?;
    }
    Ok(())
}

fn insert(db: &Connection, delivery: &Delivery, is_head: bool) -> Result<(), Failure> {
    let mut statement = db.prepare_cached(
        "INSERT INTO delivery (id, status, group_key, receiver, integration, kind, attempts, not_before, is_head, at,
            reason, told, instead_of)
         VALUES (:id, 'pending', :group_key, :receiver, :integration, :kind, :attempts, :not_before, :is_head, :at,
            :reason, :told, :instead_of)",
    )?;
    statement.execute(named_params! {
        ":id": delivery.id,
        ":group_key": delivery.notification.group_key,
        ":receiver": delivery.notification.receiver,
        ":integration": delivery.integration,
        ":kind": delivery.kind,
        ":attempts": delivery.attempts,
        ":not_before": delivery.not_before.as_millis(),
        ":is_head": is_head,
        ":at": delivery.notification.at.as_millis(),
        ":reason": to_word(&delivery.notification.reason),
        ":told": delivery.notification.status.as_str(),
        ":instead_of": delivery.instead_of.as_ref().map(to_json),
    })?;
    db.prepare_cached("INSERT INTO message VALUES (?1, ?2)")?
        .execute(params![delivery.id, packed(&notification_to_json(&delivery.notification))])?;
    let mut statement = db.prepare_cached("INSERT INTO new_delivery_alert VALUES (?1, ?2)")?;
    for alert in &delivery.notification.alerts {
        statement.execute(params![alert.fingerprint.0.0.cast_signed(), delivery.id])?;
    }
    Ok(())
}

/// What was to be sent by a clock that has gone back since is to be sent now.
pub(super) fn make_due(db: &Connection, now: Timestamp) -> Result<(), Failure> {
    db.prepare_cached("UPDATE delivery SET not_before = ?1 WHERE status = 'pending' AND not_before > ?1")?
        .execute([now.as_millis()])?;
    Ok(())
}

/// What waits for its next attempt at an integration is to be sent now.
pub(super) fn retry_now(
    db: &Connection,
    (receiver, integration): &(String, u32),
    now: Timestamp,
) -> Result<(), Failure> {
    db.prepare_cached(
        "UPDATE delivery SET not_before = ?3 WHERE status = 'pending' AND is_head = 1
            AND receiver = ?1 AND integration = ?2 AND not_before > ?3",
    )?
    .execute(params![receiver, integration, now.as_millis()])?;
    Ok(())
}

/// How many wait or are held.
pub(super) fn count_pending(db: &Connection) -> Result<u64, Failure> {
    let count: i64 = db
        .prepare_cached("SELECT count(*) FROM delivery WHERE status = 'pending'")?
        .query_row([], |row| row.get(0))?;
    Ok(count.cast_unsigned())
}

/// Makes the oldest message of a topic its head where it has none.
fn promote(db: &Connection, topic: &Topic) -> Result<(), Failure> {
    db.prepare_cached(
        "UPDATE delivery SET is_head = 1
         WHERE id = (SELECT min(id) FROM delivery WHERE status = 'pending'
                AND group_key = ?1 AND receiver = ?2 AND integration = ?3)
            AND NOT EXISTS (SELECT 1 FROM delivery WHERE status = 'pending' AND is_head = 1
                AND group_key = ?1 AND receiver = ?2 AND integration = ?3)",
    )?
    .execute(params![topic.group_key, topic.receiver, topic.integration])?;
    Ok(())
}

/// One message with its text.
pub(super) fn read(db: &Connection, id: &str) -> Result<Delivery, Failure> {
    let mut statement = db.prepare_cached(
        "SELECT delivery.*, message.notification FROM delivery JOIN message ON message.delivery = delivery.id
         WHERE delivery.id = ?1",
    )?;
    let mut rows = statement.query([id])?;
    let row = rows.next()?.ok_or(rusqlite::Error::QueryReturnedNoRows)?;
    delivery(row)
}

/// Ends or postpones a delivery. One that was settled by somebody else meanwhile stays as it is.
pub(super) fn settle(
    db: &Connection,
    leases: &Leases,
    attempt: &Attempt,
) -> Result<Option<DeadDelivery>, Failure> {
    let Attempt { id, outcome, at: now, instead } = attempt;
    let now = *now;
    put(db, leases, instead)?;
    match outcome {
        DeliveryOutcome::RetryAt(at, error) => {
            note_attempt(db, id, Some(error), now)?;
            db.prepare_cached(
                "UPDATE delivery SET attempts = attempts + 1, not_before = ?2, error = ?3
                 WHERE id = ?1 AND status = 'pending'",
            )?
            .execute(params![id, at.as_millis(), error])?;
            Ok(None)
        }
        DeliveryOutcome::Delivered(receipt) => {
            end(db, id, "delivered", now, (None, receipt.as_ref().map(to_json)))?;
            Ok(None)
        }
        DeliveryOutcome::Dead(error) => {
            let ended = end(db, id, "dead", now, (Some(error), None))?;
            match ended {
                Some(topic) if instead.is_empty() => notification_log::take_back(db, &topic, id),
                Some(_) | None => Ok(None),
            }
        }
    }
}

/// Keeps that an attempt was made; one at a message that was settled by somebody else meanwhile does not count.
fn note_attempt(db: &Connection, id: &str, error: Option<&str>, now: Timestamp) -> Result<(), Failure> {
    db.prepare_cached(
        "INSERT OR IGNORE INTO attempt
            SELECT id, attempts + 1, ?2, ?3 FROM delivery WHERE id = ?1 AND status = 'pending'",
    )?
    .execute(params![id, now.as_millis(), error])?;
    Ok(())
}

fn forget_oldest_dead(db: &Connection) -> Result<(), Failure> {
    let mut statement = db.prepare_cached(
        "SELECT id FROM delivery WHERE status = 'dead' ORDER BY settled_at DESC LIMIT -1 OFFSET ?1",
    )?;
    let too_many: Vec<String> =
        statement.query_map([MAX_DEAD_LETTERS], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    too_many.iter().try_for_each(|id| remove(db, id))
}

/// Drops messages that were settled before a time, a limited number at once, and texts that nobody needs any more.
pub(super) fn forget_settled(db: &Connection, before: Timestamp, now: Timestamp) -> Result<(), Failure> {
    let mut statement = db.prepare_cached(
        "SELECT id FROM delivery WHERE status <> 'pending' AND settled_at < ?1 ORDER BY settled_at LIMIT ?2",
    )?;
    let old: Vec<String> = statement
        .query_map(params![before.as_millis(), MAX_FORGOTTEN], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    old.iter().try_for_each(|id| remove(db, id))?;
    // Ids begin with their time.
    let before = format!("{:013}", (now - KEEP_TEXTS).as_millis());
    db.prepare_cached(
        "DELETE FROM message WHERE delivery < ?1
            AND (SELECT status FROM delivery WHERE id = message.delivery) = 'delivered'",
    )?
    .execute([before])?;
    forget_oldest_dead(db)
}

/// Ends a delivery and lets the next one about the same go out. Returns whom it was decided for; none where it had ended
/// already.
fn end(
    db: &Connection,
    id: &str,
    status: &str,
    now: Timestamp,
    (error, receipt): (Option<&str>, Option<String>),
) -> Result<Option<Topic>, Failure> {
    note_attempt(db, id, error, now)?;
    let topic = db
        .prepare_cached(
            "SELECT group_key, receiver, integration, instead_of FROM delivery
             WHERE id = ?1 AND status = 'pending'",
        )?
        .query_row([id], |row| {
            let topic = Topic { group_key: row.get(0)?, receiver: row.get(1)?, integration: row.get(2)? };
            Ok((topic, row.get::<_, Option<String>>(3)?))
        })
        .optional()?;
    if let Some((topic, _)) = &topic {
        db.prepare_cached(
            "UPDATE delivery SET status = ?2, is_head = 0, attempts = attempts + 1, settled_at = ?3, error = ?4,
                receipt = ?5
             WHERE id = ?1",
        )?
        .execute(params![id, status, now.as_millis(), error, receipt])?;
        promote(db, topic)?;
    }
    let Some((own, instead_of)) = topic else { return Ok(None) };
    let Some(instead_of) = instead_of else { return Ok(Some(own)) };
    let InsteadOf { receiver, integration } = from_json("delivery", &instead_of)?;
    Ok(Some(Topic { group_key: own.group_key, receiver, integration }))
}

pub(super) fn last_receipt(
    db: &Connection,
    group_key: &str,
    receiver: &str,
    integration: u32,
) -> Result<Option<Receipt>, Failure> {
    let mut statement = db.prepare_cached(
        "SELECT receipt, told FROM delivery WHERE status = 'delivered'
            AND group_key = ?1 AND receiver = ?2 AND integration = ?3 AND receipt IS NOT NULL
         ORDER BY id DESC LIMIT 1",
    )?;
    let found: Option<(String, String)> = statement
        .query_row(params![group_key, receiver, integration], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let lasting = found.filter(|(_, told)| told != AlertStatus::Resolved.as_str());
    lasting.map(|(receipt, _)| from_json("receipt", &receipt)).transpose()
}

pub(super) fn dead_letters(db: &Connection, limit: usize) -> Result<Vec<DeadLetter>, Failure> {
    let mut statement = db.prepare_cached(
        "SELECT delivery.*, message.notification FROM delivery JOIN message ON message.delivery = delivery.id
         WHERE status = 'dead' ORDER BY settled_at DESC, id DESC LIMIT ?1",
    )?;
    let mut rows = statement.query([row_limit(limit)])?;
    let mut letters = Vec::new();
    while let Some(row) = rows.next()? {
        letters.push(DeadLetter {
            delivery: delivery(row)?,
            at: time(row, "settled_at")?,
            error: row.get("error")?,
        });
    }
    Ok(letters)
}

fn delivery(row: &Row<'_>) -> Result<Delivery, Failure> {
    let instead_of: Option<String> = row.get("instead_of")?;
    Ok(Delivery {
        id: row.get("id")?,
        integration: row.get("integration")?,
        kind: row.get("kind")?,
        notification: notification_from_json(
            "delivery",
            &unpacked("delivery", row.get_ref("notification")?)?,
        )?,
        instead_of: instead_of.map(|text| from_json("delivery", &text)).transpose()?,
        attempts: row.get("attempts")?,
        not_before: time(row, "not_before")?,
    })
}

/// A limit as SQLite counts it.
pub(super) fn row_limit(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}
