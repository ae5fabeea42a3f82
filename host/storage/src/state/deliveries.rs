//! The notification log and the outbox: what was told, what is still to be sent, how sending ended.

use std::time::Duration;

use bellwether_model::Timestamp;
use bellwether_model::receiver::Receipt;
use bellwether_model::state::{Delivery, DeliveryOutcome, NotificationLogEntry};
use rusqlite::{Connection, OptionalExtension, Row, named_params, params};

use super::Failure;
use super::codec::{from_json, notification_from_json, notification_to_json, time, to_json};

/// How long delivered messages are kept, so that a later message can refer to their receipts.
const KEEP_DELIVERED: Duration = Duration::from_secs(7 * 86_400);

/// Messages about one group to one integration go out in the order in which they were decided: an end must not
/// overtake the beginning that still waits for its next attempt.
macro_rules! first_of_its_group {
    () => {
        "NOT EXISTS (SELECT 1 FROM delivery AS earlier WHERE earlier.status = 'pending'
            AND earlier.group_key = due.group_key AND earlier.receiver = due.receiver
            AND earlier.integration = due.integration AND earlier.id < due.id)"
    };
}

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

/// Writes entries, and drops those that had expired when the newest of them was made.
pub(super) fn put_log(db: &Connection, entries: &[NotificationLogEntry]) -> Result<(), Failure> {
    let mut statement = db.prepare_cached(
        "INSERT OR REPLACE INTO notification_log VALUES (:group_key, :receiver, :integration, :at, :firing, :resolved,
            :expires_at)",
    )?;
    for entry in entries {
        statement.execute(named_params! {
            ":group_key": entry.group_key,
            ":receiver": entry.receiver,
            ":integration": entry.integration,
            ":at": entry.at.as_millis(),
            ":firing": to_json(&entry.firing),
            ":resolved": to_json(&entry.resolved),
            ":expires_at": entry.expires_at.as_millis(),
        })?;
    }
    if let Some(newest) = entries.iter().map(|entry| entry.at).max() {
        db.prepare_cached("DELETE FROM notification_log WHERE expires_at <= ?1")?
            .execute([newest.as_millis()])?;
    }
    Ok(())
}

pub(super) fn load_log(db: &Connection) -> Result<Vec<NotificationLogEntry>, Failure> {
    let mut statement =
        db.prepare("SELECT * FROM notification_log ORDER BY group_key, receiver, integration")?;
    let mut rows = statement.query([])?;
    let mut entries = Vec::new();
    while let Some(row) = rows.next()? {
        entries.push(NotificationLogEntry {
            group_key: row.get("group_key")?,
            receiver: row.get("receiver")?,
            integration: row.get("integration")?,
            at: time(row, "at")?,
            firing: from_json("notification log entry", &row.get::<_, String>("firing")?)?,
            resolved: from_json("notification log entry", &row.get::<_, String>("resolved")?)?,
            expires_at: time(row, "expires_at")?,
        });
    }
    Ok(entries)
}

pub(super) fn put(db: &Connection, deliveries: &[Delivery]) -> Result<(), Failure> {
    // The id is the idempotency key: a delivery that is already known is not to be sent again.
    let mut statement = db.prepare_cached(
        "INSERT INTO delivery (id, status, group_key, receiver, integration, kind, notification, attempts, not_before,
            leased_until)
         VALUES (:id, 'pending', :group_key, :receiver, :integration, :kind, :notification, :attempts, :not_before,
            :leased_until)
         ON CONFLICT (id) DO NOTHING",
    )?;
    for delivery in deliveries {
        statement.execute(named_params! {
            ":id": delivery.id,
            ":group_key": delivery.notification.group_key,
            ":receiver": delivery.notification.receiver,
            ":integration": delivery.integration,
            ":kind": delivery.kind,
            ":notification": notification_to_json(&delivery.notification),
            ":attempts": delivery.attempts,
            ":not_before": delivery.not_before.as_millis(),
            ":leased_until": i64::MIN,
        })?;
    }
    Ok(())
}

pub(super) fn lease(
    db: &Connection,
    now: Timestamp,
    until: Timestamp,
    limit: usize,
) -> Result<Vec<Delivery>, Failure> {
    let mut due = db.prepare_cached(
        concat!(
            "SELECT * FROM delivery AS due WHERE status = 'pending' AND not_before <= ?1 AND leased_until <= ?1 AND ",
            first_of_its_group!(),
            " ORDER BY not_before, id LIMIT ?2",
        ),
    )?;
    let mut hold = db.prepare_cached("UPDATE delivery SET leased_until = ?2 WHERE id = ?1")?;
    let mut rows = due.query(params![now.as_millis(), row_limit(limit)])?;
    let mut leased = Vec::new();
    while let Some(row) = rows.next()? {
        leased.push(delivery(row)?);
    }
    for delivery in &leased {
        hold.execute(params![delivery.id, until.as_millis()])?;
    }
    Ok(leased)
}

/// Gives back every delivery that is held.
pub(super) fn release_all(db: &Connection) -> rusqlite::Result<()> {
    db.execute("UPDATE delivery SET leased_until = ?1 WHERE status = 'pending'", [i64::MIN]).map(drop)
}

/// Ends or postpones a delivery. One that was settled by somebody else meanwhile stays as it is.
pub(super) fn settle(
    db: &Connection,
    id: &str,
    outcome: &DeliveryOutcome,
    now: Timestamp,
) -> Result<(), Failure> {
    match outcome {
        DeliveryOutcome::RetryAt(at, error) => {
            db.prepare_cached(
                "UPDATE delivery SET attempts = attempts + 1, not_before = ?2, leased_until = ?3, error = ?4
                 WHERE id = ?1 AND status = 'pending'",
            )?
            .execute(params![id, at.as_millis(), i64::MIN, error])?;
        }
        DeliveryOutcome::Delivered(receipt) => {
            end(db, id, "delivered", now, (None, receipt.as_ref().map(to_json)))?;
            let cutoff = (now - KEEP_DELIVERED).as_millis();
            db.prepare_cached("DELETE FROM delivery WHERE status = 'delivered' AND settled_at < ?1")?
                .execute([cutoff])?;
        }
        DeliveryOutcome::Dead(error) => {
            end(db, id, "dead", now, (Some(error), None))?;
            db.prepare_cached(
                "DELETE FROM delivery WHERE status = 'dead' AND id IN (
                    SELECT id FROM delivery WHERE status = 'dead' ORDER BY settled_at DESC LIMIT -1 OFFSET ?1)",
            )?
            .execute([MAX_DEAD_LETTERS])?;
        }
    }
    Ok(())
}

fn end(
    db: &Connection,
    id: &str,
    status: &str,
    now: Timestamp,
    (error, receipt): (Option<&str>, Option<String>),
) -> Result<(), Failure> {
    db.prepare_cached(
        "UPDATE delivery SET status = ?2, attempts = attempts + 1, settled_at = ?3, error = ?4, receipt = ?5
         WHERE id = ?1 AND status = 'pending'",
    )?
    .execute(params![id, status, now.as_millis(), error, receipt])?;
    Ok(())
}

/// How many deliveries wait or are held, and when the first of them may be leased.
pub(super) fn pending(db: &Connection) -> Result<(u64, Option<Timestamp>), Failure> {
    let count: i64 = db
        .prepare_cached("SELECT count(*) FROM delivery WHERE status = 'pending'")?
        .query_row([], |row| row.get(0))?;
    let next: Option<i64> = db
        .prepare_cached(concat!(
            "SELECT min(max(not_before, leased_until)) FROM delivery AS due WHERE status = 'pending' AND ",
            first_of_its_group!()
        ))?
        .query_row([], |row| row.get(0))?;
    Ok((count.cast_unsigned(), next.map(Timestamp::from_millis)))
}

pub(super) fn last_receipt(
    db: &Connection,
    group_key: &str,
    receiver: &str,
    integration: u32,
) -> Result<Option<Receipt>, Failure> {
    let mut statement = db.prepare_cached(
        "SELECT receipt FROM delivery
         WHERE group_key = ?1 AND receiver = ?2 AND integration = ?3 AND receipt IS NOT NULL
         ORDER BY settled_at DESC, id DESC LIMIT 1",
    )?;
    let found: Option<String> =
        statement.query_row(params![group_key, receiver, integration], |row| row.get(0)).optional()?;
    found.map(|text| from_json("receipt", &text)).transpose()
}

pub(super) fn dead_letters(db: &Connection, limit: usize) -> Result<Vec<DeadLetter>, Failure> {
    let mut statement = db.prepare_cached(
        "SELECT * FROM delivery WHERE status = 'dead' ORDER BY settled_at DESC, id DESC LIMIT ?1",
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
    Ok(Delivery {
        id: row.get("id")?,
        integration: row.get("integration")?,
        kind: row.get("kind")?,
        notification: notification_from_json("delivery", &row.get::<_, String>("notification")?)?,
        attempts: row.get("attempts")?,
        not_before: time(row, "not_before")?,
    })
}

/// A limit as SQLite counts it.
pub(super) fn row_limit(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}
