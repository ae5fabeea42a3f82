//! Tables, and how an older file gets them.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use crate::error::OpenError;

/// Each step brings the file from the version of its position to the next one. Steps are only ever added.
pub(super) const MIGRATIONS: [&str; 2] = [VERSION_1, VERSION_2];

/// Version 2 marks the message of each group and integration that goes out next, so that what is due is found without a
/// look at those that wait behind it, and by integration, so that one that hangs does not hide the others.
const VERSION_2: &str = "
    ALTER TABLE delivery ADD COLUMN is_head INTEGER NOT NULL DEFAULT 0;
    UPDATE delivery SET is_head = 1 WHERE id IN (
        SELECT min(id) FROM delivery WHERE status = 'pending' GROUP BY group_key, receiver, integration);
    DROP INDEX delivery_by_due_time;
    CREATE INDEX delivery_by_ready_time ON delivery (max(not_before, leased_until))
        WHERE status = 'pending' AND is_head = 1;
    CREATE INDEX delivery_by_integration ON delivery (receiver, integration, max(not_before, leased_until), id)
        WHERE status = 'pending' AND is_head = 1;
    CREATE INDEX delivery_by_lease ON delivery (receiver, integration, leased_until)
        WHERE status = 'pending' AND is_head = 1;
    CREATE INDEX delivery_by_delivery ON delivery (group_key, receiver, integration, id)
        WHERE status = 'delivered';
";

const VERSION_1: &str = "
    CREATE TABLE alert (
        fingerprint INTEGER PRIMARY KEY,
        labels TEXT NOT NULL,
        annotations TEXT NOT NULL,
        starts_at INTEGER NOT NULL,
        ends_at INTEGER NOT NULL,
        ends_by_timeout INTEGER NOT NULL,
        updated_at INTEGER NOT NULL,
        generator_url TEXT NOT NULL,
        value_bits INTEGER
    ) STRICT;
    CREATE TABLE silence (
        id TEXT PRIMARY KEY,
        silence TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE notification_log (
        group_key TEXT NOT NULL,
        receiver TEXT NOT NULL,
        integration INTEGER NOT NULL,
        at INTEGER NOT NULL,
        firing TEXT NOT NULL,
        resolved TEXT NOT NULL,
        expires_at INTEGER NOT NULL,
        PRIMARY KEY (group_key, receiver, integration)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX notification_log_by_expiry ON notification_log (expires_at);
    CREATE TABLE delivery (
        id TEXT PRIMARY KEY,
        status TEXT NOT NULL CHECK (status IN ('pending', 'delivered', 'dead')),
        group_key TEXT NOT NULL,
        receiver TEXT NOT NULL,
        integration INTEGER NOT NULL,
        kind TEXT NOT NULL,
        notification TEXT NOT NULL,
        attempts INTEGER NOT NULL,
        not_before INTEGER NOT NULL,
        leased_until INTEGER NOT NULL,
        settled_at INTEGER,
        error TEXT,
        receipt TEXT
    ) STRICT;
    CREATE INDEX delivery_by_due_time ON delivery (not_before, id) WHERE status = 'pending';
    CREATE INDEX delivery_by_order ON delivery (group_key, receiver, integration, id) WHERE status = 'pending';
    CREATE INDEX delivery_by_end ON delivery (status, settled_at) WHERE status <> 'pending';
    CREATE INDEX delivery_by_group ON delivery (group_key, receiver, integration) WHERE receipt IS NOT NULL;
    CREATE TABLE rule_alert (
        rule_key TEXT NOT NULL,
        position INTEGER NOT NULL,
        labels TEXT NOT NULL,
        annotations TEXT NOT NULL,
        active_at INTEGER NOT NULL,
        fired_at INTEGER,
        keep_firing_since INTEGER,
        value_bits INTEGER NOT NULL,
        PRIMARY KEY (rule_key, position)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE inbox (
        id TEXT PRIMARY KEY,
        at INTEGER NOT NULL,
        receiver TEXT NOT NULL,
        status TEXT NOT NULL,
        title TEXT NOT NULL,
        body TEXT NOT NULL,
        notification TEXT NOT NULL
    ) STRICT;
";

/// Sets the modes that durability needs and creates or upgrades the tables.
pub(super) fn prepare(connection: &mut Connection, path: &Path) -> Result<(), OpenError> {
    let failed = |action| move |source| OpenError::Database { action, path: path.to_owned(), source };
    connection.pragma_update(None, "journal_mode", "WAL").map_err(failed("write"))?;
    connection.pragma_update(None, "synchronous", "FULL").map_err(failed("write"))?;
    let found: i64 =
        connection.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(failed("read"))?;
    let known = MIGRATIONS.len() as i64;
    if found > known {
        return Err(OpenError::Newer { path: path.to_owned(), found, known });
    }
    let done = usize::try_from(found).unwrap_or(0);
    for (version, migration) in MIGRATIONS.iter().enumerate().skip(done) {
        migrate(connection, version + 1, migration).map_err(failed("upgrade"))?;
    }
    Ok(())
}

fn migrate(connection: &mut Connection, to: usize, migration: &str) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute_batch(migration)?;
    transaction.pragma_update(None, "user_version", to as i64)?;
    transaction.commit()
}
