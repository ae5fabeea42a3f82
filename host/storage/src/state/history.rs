//! What is over: episodes of alerts, and the messages about each.

use bellwether_model::history::{
    AttemptRecord, DeliveryRecord, DeliveryState, EpisodeKey, EpisodeRecord, HistoryQuery,
};
use bellwether_model::matcher::all_match;
use bellwether_model::state::{Acknowledgement, Episode};
use bellwether_model::{Alert, Fingerprint, Timestamp};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::alerts::AlertRows;
use super::codec::{from_json, time, to_json, word};
use super::{Failure, alerts, deliveries};

/// Episodes that are looked through for one query; a query that matches fewer than it asks for ends here.
const MAX_LOOKED_THROUGH: usize = 200_000;
/// Messages that are shown of one episode, the oldest ones.
const MAX_DELIVERIES: i64 = 1_000;

pub(super) fn acknowledge(
    db: &Connection,
    fingerprints: &[Fingerprint],
    acknowledgement: &Acknowledgement,
) -> Result<(), Failure> {
    let mut statement = db.prepare_cached("INSERT OR REPLACE INTO acknowledgement VALUES (?1, ?2)")?;
    for fingerprint in fingerprints {
        statement.execute(params![fingerprint.0.cast_signed(), to_json(acknowledgement)])?;
    }
    Ok(())
}

pub(super) fn unacknowledge(db: &Connection, fingerprints: &[Fingerprint]) -> Result<(), Failure> {
    let mut statement = db.prepare_cached("DELETE FROM acknowledgement WHERE fingerprint = ?1")?;
    for fingerprint in fingerprints {
        statement.execute([fingerprint.0.cast_signed()])?;
    }
    Ok(())
}

pub(super) fn acknowledgements(db: &Connection) -> Result<Vec<(Fingerprint, Acknowledgement)>, Failure> {
    let mut statement = db.prepare("SELECT fingerprint, acknowledgement FROM acknowledgement")?;
    let mut rows = statement.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push((fingerprint(row)?, from_json("acknowledgement", &row.get::<_, String>(1)?)?));
    }
    Ok(found)
}

pub(super) fn end_episode(db: &Connection, episode: &Episode) -> Result<(), Failure> {
    let Episode { alert, acknowledgement } = episode;
    db.prepare_cached("INSERT OR REPLACE INTO episode VALUES (?1, ?2, ?3, ?4, ?5)")?.execute(params![
        alert.fingerprint().0.cast_signed(),
        alert.starts_at.as_millis(),
        alert.ends_at.as_millis(),
        // A value that is no ordinary number is not kept here: JSON has no word for it.
        to_json(&Alert { value: alert.value.filter(|value| value.is_finite()), ..alert.clone() }),
        acknowledgement.as_ref().map(to_json),
    ])?;
    Ok(())
}

/// Drops what was over before a time.
pub(super) fn forget(db: &Connection, before: Timestamp, now: Timestamp) -> Result<(), Failure> {
    link(db)?;
    db.prepare_cached("DELETE FROM episode WHERE ends_at < ?1")?.execute([before.as_millis()])?;
    deliveries::forget_settled(db, before, now)
}

/// Links messages to their alerts. They are linked together and in order, since each link alone would write a page.
pub(super) fn link(db: &Connection) -> Result<(), Failure> {
    db.execute_batch(
        "INSERT OR IGNORE INTO delivery_alert
            SELECT fingerprint, delivery FROM new_delivery_alert
            WHERE EXISTS (SELECT 1 FROM delivery WHERE id = new_delivery_alert.delivery) ORDER BY 1, 2;
         DELETE FROM new_delivery_alert;",
    )?;
    Ok(())
}

pub(super) fn find(
    db: &Connection,
    rows: &AlertRows,
    query: &HistoryQuery,
) -> Result<Vec<EpisodeRecord>, Failure> {
    let mut found = under_way(db, query)?;
    found.extend(over(db, query)?);
    found.sort_by_key(|episode| std::cmp::Reverse(order(episode.key())));
    // One that is over and whose end is not told yet is in both lists; the first one knows that it is over.
    found.dedup_by(|second, first| {
        let same = second.key() == first.key();
        if same && second.is_over {
            std::mem::swap(second, first);
        }
        same
    });
    found.truncate(query.limit);
    for episode in &mut found {
        let until = next_start(db, rows, episode.key())?;
        episode.deliveries = messages(db, episode.key(), until)?;
    }
    Ok(found)
}

/// The order of the tables, where identities have a sign.
const fn order(key: EpisodeKey) -> (i64, i64) {
    (key.starts_at.as_millis(), key.alert.0.cast_signed())
}

/// Where to begin: what the wanted episodes come after, in descending order.
fn begin(query: &HistoryQuery) -> (i64, i64) {
    let newest = (query.until.as_millis(), i64::MAX);
    query.after.map_or(newest, |after| order(after).min(newest))
}

/// Rows of both tables begin with `fingerprint, starts_at`.
fn collect(
    db: &Connection,
    query: &HistoryQuery,
    table: &str,
    read: impl Fn(&Row<'_>) -> Result<EpisodeRecord, Failure>,
) -> Result<Vec<EpisodeRecord>, Failure> {
    let begin = begin(query);
    let sql = format!(
        "SELECT * FROM {table} WHERE (starts_at, fingerprint) < (?1, ?2) AND ends_at >= ?3
            AND (?4 IS NULL OR fingerprint = ?4)
         ORDER BY starts_at DESC, fingerprint DESC LIMIT {MAX_LOOKED_THROUGH}"
    );
    let mut statement = db.prepare_cached(&sql)?;
    let mut rows = statement.query(params![
        begin.0,
        begin.1,
        query.since.as_millis(),
        query.alert.map(|alert| alert.0.cast_signed()),
    ])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let episode = read(row)?;
        if all_match(&query.matchers, &episode.alert.labels) {
            found.push(episode);
        }
        if found.len() == query.limit {
            break;
        }
    }
    Ok(found)
}

fn under_way(db: &Connection, query: &HistoryQuery) -> Result<Vec<EpisodeRecord>, Failure> {
    collect(db, query, "alert", |row| {
        let alert = alerts::alert(row)?;
        let acknowledgement = acknowledgement_of(db, alert.fingerprint())?;
        Ok(EpisodeRecord { alert, is_over: false, acknowledgement, deliveries: Vec::new() })
    })
}

fn over(db: &Connection, query: &HistoryQuery) -> Result<Vec<EpisodeRecord>, Failure> {
    collect(db, query, "episode", |row| {
        let alert = from_json("episode", &row.get::<_, String>("alert")?)?;
        let acknowledgement: Option<String> = row.get("acknowledgement")?;
        let acknowledgement = acknowledgement.map(|text| from_json("acknowledgement", &text)).transpose()?;
        Ok(EpisodeRecord { alert, is_over: true, acknowledgement, deliveries: Vec::new() })
    })
}

fn acknowledgement_of(db: &Connection, alert: Fingerprint) -> Result<Option<Acknowledgement>, Failure> {
    let found: Option<String> = db
        .prepare_cached("SELECT acknowledgement FROM acknowledgement WHERE fingerprint = ?1")?
        .query_row([alert.0.cast_signed()], |row| row.get(0))
        .optional()?;
    found.map(|text| from_json("acknowledgement", &text)).transpose()
}

/// When the next episode of the same alert began; the end of time where there is none.
fn next_start(db: &Connection, rows: &AlertRows, episode: EpisodeKey) -> Result<i64, Failure> {
    let start = episode.starts_at.as_millis();
    let over: Option<i64> = db
        .prepare_cached("SELECT min(starts_at) FROM episode WHERE fingerprint = ?1 AND starts_at > ?2")?
        .query_row([episode.alert.0.cast_signed(), start], |row| row.get(0))?;
    let under_way: Option<i64> = db
        .prepare_cached("SELECT starts_at FROM alert WHERE id = ?1 AND starts_at > ?2")?
        .query_row(params![rows.find(episode.alert), start], |row| row.get(0))
        .optional()?;
    Ok(over.or(under_way).unwrap_or(i64::MAX))
}

/// Messages about an alert from the beginning of one episode to the beginning of the next.
fn messages(db: &Connection, episode: EpisodeKey, until: i64) -> Result<Vec<DeliveryRecord>, Failure> {
    let mut statement = db.prepare_cached(
        "SELECT delivery.* FROM delivery_alert JOIN delivery ON delivery.id = delivery_alert.delivery
         WHERE delivery_alert.fingerprint = ?1 AND delivery.at >= ?2 AND delivery.at < ?3
         ORDER BY delivery_alert.delivery LIMIT ?4",
    )?;
    let mut rows = statement.query(params![
        episode.alert.0.cast_signed(),
        episode.starts_at.as_millis(),
        until,
        MAX_DELIVERIES
    ])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(message(db, row)?);
    }
    Ok(found)
}

fn message(db: &Connection, row: &Row<'_>) -> Result<DeliveryRecord, Failure> {
    let id: String = row.get("id")?;
    let state = match row.get::<_, String>("status")?.as_str() {
        "delivered" => DeliveryState::Delivered,
        "dead" => DeliveryState::Dead,
        _ => DeliveryState::Pending,
    };
    Ok(DeliveryRecord {
        attempts: attempts_at(db, &id)?,
        id,
        receiver: row.get("receiver")?,
        kind: row.get("kind")?,
        integration: row.get("integration")?,
        at: time(row, "at")?,
        reason: word("delivery", row.get("reason")?)?,
        status: word("delivery", row.get("told")?)?,
        state,
    })
}

fn attempts_at(db: &Connection, delivery: &str) -> Result<Vec<AttemptRecord>, Failure> {
    let mut statement =
        db.prepare_cached("SELECT number, at, error FROM attempt WHERE delivery = ?1 ORDER BY number")?;
    let attempt = |row: &Row<'_>| {
        Ok(AttemptRecord { number: row.get("number")?, at: time(row, "at")?, error: row.get("error")? })
    };
    let attempts = statement.query_map([delivery], attempt)?.collect::<rusqlite::Result<_>>()?;
    Ok(attempts)
}

fn fingerprint(row: &Row<'_>) -> rusqlite::Result<Fingerprint> {
    row.get::<_, i64>("fingerprint").map(|bits| Fingerprint(bits.cast_unsigned()))
}
