//! The notification log: what was last told about each group, to each integration.

use std::time::Duration;

use bellwether_model::Timestamp;
use bellwether_model::state::{DeadDelivery, NotificationLogEntry};
use rusqlite::{Connection, OptionalExtension, named_params, params};

use super::Failure;
use super::codec::{from_json, time, to_json};

/// How long entries outlive their expiry. It is not known here which groups live; the routing side keeps the entries of
/// those, for instance through a long silence, and would lose them at a restart. Those of groups that are gone cost
/// little until then.
const KEEP_EXPIRED: Duration = Duration::from_secs(7 * 86_400);

/// A list without alerts, as it is written.
const NOBODY: &str = "[]";

/// Messages about one group to one integration of a receiver.
#[derive(Debug)]
pub(super) struct Topic {
    pub(super) group_key: String,
    pub(super) receiver: String,
    pub(super) integration: u32,
}

/// Writes entries, and drops those that had expired long before the newest of them was made.
pub(super) fn put(db: &Connection, entries: &[NotificationLogEntry]) -> Result<(), Failure> {
    let mut statement = db.prepare_cached(
        "INSERT OR REPLACE INTO notification_log VALUES (:group_key, :receiver, :integration, :at, :firing, :resolved,
            :expires_at, :before)",
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
            ":before": to_json(&entry.before),
        })?;
    }
    if let Some(newest) = entries.iter().map(|entry| entry.at).max() {
        let cutoff = newest - KEEP_EXPIRED;
        db.prepare_cached("DELETE FROM notification_log WHERE expires_at <= ?1")?
            .execute([cutoff.as_millis()])?;
    }
    Ok(())
}

pub(super) fn load(db: &Connection) -> Result<Vec<NotificationLogEntry>, Failure> {
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
            before: from_json("notification log entry", &row.get::<_, String>("before")?)?,
        });
    }
    Ok(entries)
}

/// Takes back what the log says about a message that was given up, unless something newer was told or is about to be.
///
/// Where earlier messages told of firing alerts, the entry stays, without time and with those alone: it knows whose end
/// has to be told.
pub(super) fn take_back(
    db: &Connection,
    topic: &Topic,
    dead_id: &str,
) -> Result<Option<DeadDelivery>, Failure> {
    let Topic { group_key, receiver, integration } = topic;
    if has_newer(db, topic, dead_id)? {
        return Ok(None);
    }
    let known: Option<(i64, String)> = db
        .prepare_cached(
            "SELECT at, before FROM notification_log
             WHERE group_key = ?1 AND receiver = ?2 AND integration = ?3",
        )?
        .query_row(params![group_key, receiver, integration], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((at, before)) = known else {
        return Ok(None);
    };
    if before == NOBODY {
        db.prepare_cached(
            "DELETE FROM notification_log WHERE group_key = ?1 AND receiver = ?2 AND integration = ?3",
        )?
        .execute(params![group_key, receiver, integration])?;
    } else {
        db.prepare_cached(
            "UPDATE notification_log SET at = ?4, firing = before, resolved = ?5
             WHERE group_key = ?1 AND receiver = ?2 AND integration = ?3",
        )?
        .execute(params![
            group_key,
            receiver,
            integration,
            NotificationLogEntry::LOST.as_millis(),
            NOBODY
        ])?;
    }
    let (group_key, receiver) = (group_key.clone(), receiver.clone());
    Ok(Some(DeadDelivery { group_key, receiver, integration: *integration, at: Timestamp::from_millis(at) }))
}

/// Whether a message about the same is on its way, or got there, that was decided after this one.
fn has_newer(db: &Connection, topic: &Topic, id: &str) -> Result<bool, Failure> {
    let found = db
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM delivery WHERE status = 'pending'
                    AND group_key = ?1 AND receiver = ?2 AND integration = ?3 AND id > ?4)
                OR EXISTS (SELECT 1 FROM delivery WHERE status = 'delivered'
                    AND group_key = ?1 AND receiver = ?2 AND integration = ?3 AND id > ?4)",
        )?
        .query_row(params![topic.group_key, topic.receiver, topic.integration, id], |row| row.get(0))?;
    Ok(found)
}
