//! The inbox: messages that people read in the web page.

use bellwether_model::alert::AlertStatus;
use bellwether_model::state::InboxMessage;
use rusqlite::{Connection, Row, named_params};

use super::Failure;
use super::codec::{notification_from_json, notification_to_json, time};
use super::deliveries::row_limit;

/// How many messages are kept; older ones go.
const MAX_MESSAGES: i64 = 10_000;

pub(super) fn post(db: &Connection, message: &InboxMessage) -> Result<(), Failure> {
    let mut statement = db.prepare_cached(
        "INSERT INTO inbox VALUES (:id, :at, :receiver, :status, :title, :body, :notification)
         ON CONFLICT (id) DO NOTHING",
    )?;
    statement.execute(named_params! {
        ":id": message.id,
        ":at": message.at.as_millis(),
        ":receiver": message.receiver,
        ":status": message.status.as_str(),
        ":title": message.title,
        ":body": message.body,
        ":notification": notification_to_json(&message.notification),
    })?;
    db.prepare_cached(
        "DELETE FROM inbox WHERE id <= (SELECT id FROM inbox ORDER BY id DESC LIMIT 1 OFFSET ?1)",
    )?
    .execute([MAX_MESSAGES])?;
    Ok(())
}

pub(super) fn newest(db: &Connection, limit: usize) -> Result<Vec<InboxMessage>, Failure> {
    let mut statement = db.prepare_cached("SELECT * FROM inbox ORDER BY id DESC LIMIT ?1")?;
    let mut rows = statement.query([row_limit(limit)])?;
    let mut messages = Vec::new();
    while let Some(row) = rows.next()? {
        messages.push(message(row)?);
    }
    Ok(messages)
}

pub(super) fn find(db: &Connection, id: &str) -> Result<Option<InboxMessage>, Failure> {
    let mut statement = db.prepare_cached("SELECT * FROM inbox WHERE id = ?1")?;
    let mut rows = statement.query([id])?;
    rows.next()?.map(message).transpose()
}

fn message(row: &Row<'_>) -> Result<InboxMessage, Failure> {
    let status: String = row.get("status")?;
    let status = match status.as_str() {
        "firing" => AlertStatus::Firing,
        "resolved" => AlertStatus::Resolved,
        _ => {
            return Err(Failure::Damaged {
                what: "inbox message",
                cause: format!("unknown status {status:?}"),
            });
        }
    };
    Ok(InboxMessage {
        id: row.get("id")?,
        at: time(row, "at")?,
        receiver: row.get("receiver")?,
        status,
        title: row.get("title")?,
        body: row.get("body")?,
        notification: notification_from_json("inbox message", &row.get::<_, String>("notification")?)?,
    })
}
