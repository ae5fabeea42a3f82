//! Alerts of the routing side, silences, and the alerts of rules.

use std::collections::HashMap;

use bellwether_model::Fingerprint;
use bellwether_model::alert::Alert;
use bellwether_model::state::{Silence, StoredRuleAlert};
use rusqlite::{Connection, Row, named_params, params};

use super::Failure;
use super::codec::{from_bits, from_json, time, to_bits, to_json};

/// Where each alert stands, so that the file needs no index for it. Of a transaction that fails nothing stays.
#[derive(Debug, Default)]
pub(super) struct AlertRows {
    rows: HashMap<Fingerprint, i64>,
    /// What the transaction under way has changed, and what was there before.
    changed: Vec<(Fingerprint, Option<i64>)>,
}

impl AlertRows {
    pub(super) fn load(db: &Connection) -> rusqlite::Result<Self> {
        let mut statement = db.prepare("SELECT fingerprint, id FROM alert")?;
        let row = |row: &Row<'_>| Ok((Fingerprint(row.get::<_, i64>(0)?.cast_unsigned()), row.get(1)?));
        let rows = statement.query_map([], row)?.collect::<rusqlite::Result<_>>()?;
        Ok(Self { rows, changed: Vec::new() })
    }

    pub(super) fn find(&self, alert: Fingerprint) -> Option<i64> {
        self.rows.get(&alert).copied()
    }

    fn set(&mut self, alert: Fingerprint, id: i64) {
        self.changed.push((alert, self.rows.insert(alert, id)));
    }

    fn remove(&mut self, alert: Fingerprint) -> Option<i64> {
        let former = self.rows.remove(&alert);
        self.changed.push((alert, former));
        former
    }

    pub(super) fn keep(&mut self) {
        self.changed.clear();
    }

    pub(super) fn undo(&mut self) {
        while let Some((alert, former)) = self.changed.pop() {
            match former {
                Some(id) => self.rows.insert(alert, id),
                None => self.rows.remove(&alert),
            };
        }
    }
}

/// Two statements: one that may replace rows would keep copies of the pages that it changes, for the case that it fails.
pub(super) fn put(db: &Connection, rows: &mut AlertRows, alerts: &[Alert]) -> Result<(), Failure> {
    let mut insert = db.prepare_cached(
        "INSERT INTO alert VALUES (:id, :fingerprint, :labels, :annotations, :starts_at, :ends_at, :ends_by_timeout,
            :updated_at, :generator_url, :value_bits)",
    )?;
    let mut update = db.prepare_cached(
        "UPDATE alert SET fingerprint = :fingerprint, labels = :labels, annotations = :annotations,
            starts_at = :starts_at, ends_at = :ends_at, ends_by_timeout = :ends_by_timeout, updated_at = :updated_at,
            generator_url = :generator_url, value_bits = :value_bits
         WHERE id = :id",
    )?;
    for alert in alerts {
        let known = rows.find(alert.fingerprint());
        let statement = if known.is_some() { &mut update } else { &mut insert };
        statement.execute(named_params! {
            ":id": known,
            ":fingerprint": alert.fingerprint().0.cast_signed(),
            ":labels": to_json(&alert.labels),
            ":annotations": to_json(&alert.annotations),
            ":starts_at": alert.starts_at.as_millis(),
            ":ends_at": alert.ends_at.as_millis(),
            ":ends_by_timeout": alert.ends_by_timeout,
            ":updated_at": alert.updated_at.as_millis(),
            ":generator_url": alert.generator_url,
            ":value_bits": alert.value.map(to_bits),
        })?;
        if known.is_none() {
            rows.set(alert.fingerprint(), db.last_insert_rowid());
        }
    }
    Ok(())
}

pub(super) fn load(db: &Connection) -> Result<Vec<Alert>, Failure> {
    let mut statement = db.prepare("SELECT * FROM alert ORDER BY starts_at, fingerprint")?;
    let mut rows = statement.query([])?;
    let mut alerts = Vec::new();
    while let Some(row) = rows.next()? {
        alerts.push(alert(row)?);
    }
    Ok(alerts)
}

pub(super) fn alert(row: &Row<'_>) -> Result<Alert, Failure> {
    Ok(Alert {
        labels: from_json("alert", &row.get::<_, String>("labels")?)?,
        annotations: from_json("alert", &row.get::<_, String>("annotations")?)?,
        starts_at: time(row, "starts_at")?,
        ends_at: time(row, "ends_at")?,
        ends_by_timeout: row.get("ends_by_timeout")?,
        updated_at: time(row, "updated_at")?,
        generator_url: row.get("generator_url")?,
        value: row.get::<_, Option<i64>>("value_bits")?.map(from_bits),
    })
}

pub(super) fn forget(
    db: &Connection,
    rows: &mut AlertRows,
    fingerprints: &[Fingerprint],
) -> Result<(), Failure> {
    let mut statement = db.prepare_cached("DELETE FROM alert WHERE id = ?1")?;
    for fingerprint in fingerprints {
        statement.execute([rows.remove(*fingerprint)])?;
    }
    Ok(())
}

pub(super) fn put_silence(db: &Connection, silence: &Silence) -> Result<(), Failure> {
    let mut statement = db.prepare_cached("INSERT OR REPLACE INTO silence VALUES (?1, ?2)")?;
    statement.execute(params![silence.id, to_json(silence)])?;
    Ok(())
}

pub(super) fn forget_silences(db: &Connection, ids: &[String]) -> Result<(), Failure> {
    let mut statement = db.prepare_cached("DELETE FROM silence WHERE id = ?1")?;
    for id in ids {
        statement.execute([id])?;
    }
    Ok(())
}

pub(super) fn load_silences(db: &Connection) -> Result<Vec<Silence>, Failure> {
    let mut statement = db.prepare("SELECT silence FROM silence ORDER BY id")?;
    let mut rows = statement.query([])?;
    let mut silences = Vec::new();
    while let Some(row) = rows.next()? {
        silences.push(from_json("silence", &row.get::<_, String>(0)?)?);
    }
    Ok(silences)
}

pub(super) fn put_rule_alerts(
    db: &Connection,
    rule_key: &str,
    alerts: &[StoredRuleAlert],
) -> Result<(), Failure> {
    db.prepare_cached("DELETE FROM rule_alert WHERE rule_key = ?1")?.execute([rule_key])?;
    let mut statement = db.prepare_cached(
        "INSERT INTO rule_alert VALUES (:rule_key, :position, :labels, :annotations, :active_at, :fired_at,
            :keep_firing_since, :value_bits)",
    )?;
    for (position, alert) in alerts.iter().enumerate() {
        statement.execute(named_params! {
            ":rule_key": rule_key,
            ":position": position as i64,
            ":labels": to_json(&alert.labels),
            ":annotations": to_json(&alert.annotations),
            ":active_at": alert.active_at.as_millis(),
            ":fired_at": alert.fired_at.map(|at| at.as_millis()),
            ":keep_firing_since": alert.keep_firing_since.map(|at| at.as_millis()),
            ":value_bits": to_bits(alert.value),
        })?;
    }
    Ok(())
}

pub(super) fn load_rule_alerts(db: &Connection) -> Result<Vec<(String, Vec<StoredRuleAlert>)>, Failure> {
    let mut statement = db.prepare("SELECT * FROM rule_alert ORDER BY rule_key, position")?;
    let mut rows = statement.query([])?;
    let mut rules: Vec<(String, Vec<StoredRuleAlert>)> = Vec::new();
    while let Some(row) = rows.next()? {
        let rule_key: String = row.get("rule_key")?;
        let alert = rule_alert(row)?;
        match rules.last_mut() {
            Some((key, alerts)) if *key == rule_key => alerts.push(alert),
            _ => rules.push((rule_key, vec![alert])),
        }
    }
    Ok(rules)
}

fn rule_alert(row: &Row<'_>) -> Result<StoredRuleAlert, Failure> {
    let optional_time = |column| -> rusqlite::Result<_> {
        Ok(row.get::<_, Option<i64>>(column)?.map(bellwether_model::Timestamp::from_millis))
    };
    Ok(StoredRuleAlert {
        labels: from_json("rule alert", &row.get::<_, String>("labels")?)?,
        annotations: from_json("rule alert", &row.get::<_, String>("annotations")?)?,
        active_at: time(row, "active_at")?,
        fired_at: optional_time("fired_at")?,
        keep_firing_since: optional_time("keep_firing_since")?,
        value: from_bits(row.get("value_bits")?),
    })
}
