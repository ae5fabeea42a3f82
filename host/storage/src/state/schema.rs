//! Tables, and how an older file gets them.

use std::path::Path;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, TransactionBehavior};

use crate::error::OpenError;

/// Size of the pages of a new file. Rows of alerts and texts of messages are about 1 kB: fewer of them have to be written
/// in parts than with SQLite's 4 kB, and a single small change still costs little.
const PAGE_BYTES: i64 = 8_192;
/// How far the log of the database grows before it is put into the file: pages that change often are written once.
const CHECKPOINT_PAGES: i64 = 2_000;
/// Pages that are kept in memory.
const CACHE_KIB: i64 = 4_096;
/// The same for who only looks.
const READER_CACHE_KIB: i64 = 1_024;
/// More statements than there are.
const STATEMENTS: usize = 128;

/// Each step brings the file from the version of its position to the next one. Steps are only ever added.
pub(super) const MIGRATIONS: [&str; 6] = [VERSION_1, VERSION_2, VERSION_3, VERSION_4, VERSION_5, VERSION_6];

/// Version 6 keeps fitted models: a row for each series of each configured model.
const VERSION_6: &str = "
    CREATE TABLE model (
        model TEXT NOT NULL,
        series TEXT NOT NULL,
        dimensions TEXT NOT NULL,
        plugin TEXT NOT NULL,
        sha256 TEXT NOT NULL,
        definition TEXT NOT NULL,
        fitted_at INTEGER NOT NULL,
        report TEXT NOT NULL,
        state BLOB NOT NULL,
        PRIMARY KEY (model, series)
    ) STRICT;
";

/// Version 5 keeps values of plugins.
const VERSION_5: &str = "
    CREATE TABLE plugin_value (
        plugin TEXT NOT NULL,
        key TEXT NOT NULL,
        value BLOB NOT NULL,
        PRIMARY KEY (plugin, key)
    ) STRICT, WITHOUT ROWID;
";

/// Version 4 keeps texts of messages packed; those that were kept before stay as they are.
const VERSION_4: &str = "
    ALTER TABLE message RENAME TO former_message;
    CREATE TABLE message (
        delivery TEXT PRIMARY KEY,
        notification ANY NOT NULL
    ) STRICT;
    INSERT INTO message SELECT * FROM former_message ORDER BY delivery;
    DROP TABLE former_message;
";

/// Version 3 appends alerts in the order in which they come: by their identities, which are random, each one would
/// rewrite a page of its own. It keeps what is over, for those who look back: episodes of alerts, which messages were about which alerts,
/// and each attempt to deliver one. A message's text stands apart, so that a change of how it stands does not write it again,
/// and is not kept as long. Who holds a delivery is known to the process only.
const VERSION_3: &str = "
    ALTER TABLE alert RENAME TO former_alert;
    CREATE TABLE alert (
        id INTEGER PRIMARY KEY,
        fingerprint INTEGER NOT NULL,
        labels TEXT NOT NULL,
        annotations TEXT NOT NULL,
        starts_at INTEGER NOT NULL,
        ends_at INTEGER NOT NULL,
        ends_by_timeout INTEGER NOT NULL,
        updated_at INTEGER NOT NULL,
        generator_url TEXT NOT NULL,
        value_bits INTEGER
    ) STRICT;
    INSERT INTO alert (fingerprint, labels, annotations, starts_at, ends_at, ends_by_timeout, updated_at,
        generator_url, value_bits) SELECT * FROM former_alert;
    DROP TABLE former_alert;
    CREATE TABLE acknowledgement (
        fingerprint INTEGER PRIMARY KEY,
        acknowledgement TEXT NOT NULL
    ) STRICT;
    CREATE TABLE episode (
        fingerprint INTEGER NOT NULL,
        starts_at INTEGER NOT NULL,
        ends_at INTEGER NOT NULL,
        alert TEXT NOT NULL,
        acknowledgement TEXT,
        PRIMARY KEY (fingerprint, starts_at)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX episode_by_start ON episode (starts_at, fingerprint);
    CREATE INDEX episode_by_end ON episode (ends_at);
    CREATE INDEX alert_by_start ON alert (starts_at, fingerprint);
    CREATE TABLE delivery_alert (
        fingerprint INTEGER NOT NULL,
        delivery TEXT NOT NULL,
        PRIMARY KEY (fingerprint, delivery)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX delivery_alert_by_delivery ON delivery_alert (delivery);
    CREATE TABLE new_delivery_alert (
        fingerprint INTEGER NOT NULL,
        delivery TEXT NOT NULL
    ) STRICT;
    CREATE TABLE attempt (
        delivery TEXT NOT NULL,
        number INTEGER NOT NULL,
        at INTEGER NOT NULL,
        error TEXT,
        PRIMARY KEY (delivery, number)
    ) STRICT, WITHOUT ROWID;
    DROP INDEX delivery_by_ready_time;
    DROP INDEX delivery_by_integration;
    DROP INDEX delivery_by_lease;
    DROP INDEX delivery_by_group;
    ALTER TABLE delivery DROP COLUMN leased_until;
    ALTER TABLE delivery ADD COLUMN at INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE delivery ADD COLUMN reason TEXT NOT NULL DEFAULT '';
    ALTER TABLE delivery ADD COLUMN told TEXT NOT NULL DEFAULT '';
    ALTER TABLE delivery ADD COLUMN instead_of TEXT;
    ALTER TABLE notification_log ADD COLUMN before TEXT NOT NULL DEFAULT '[]';
    UPDATE delivery SET at = json_extract(notification, '$.at'), reason = json_extract(notification, '$.reason'),
        told = json_extract(notification, '$.status');
    CREATE TABLE message (
        delivery TEXT PRIMARY KEY,
        notification TEXT NOT NULL
    ) STRICT;
    INSERT INTO message SELECT id, notification FROM delivery ORDER BY id;
    ALTER TABLE delivery DROP COLUMN notification;
    CREATE INDEX delivery_by_ready_time ON delivery (not_before) WHERE status = 'pending' AND is_head = 1;
    CREATE INDEX delivery_by_integration ON delivery (receiver, integration, not_before, id)
        WHERE status = 'pending' AND is_head = 1;
";

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
    connection.pragma_update(None, "page_size", PAGE_BYTES).map_err(failed("write"))?;
    connection.pragma_update(None, "journal_mode", "WAL").map_err(failed("write"))?;
    connection.pragma_update(None, "synchronous", "FULL").map_err(failed("write"))?;
    connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES).map_err(failed("write"))?;
    connection.pragma_update(None, "cache_size", -CACHE_KIB).map_err(failed("write"))?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    // Statements are planned once, not anew for each value that they are given.
    let plan_once = DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG;
    connection.set_db_config(plan_once, true).map_err(failed("write"))?;
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

/// Sets up a connection that only looks.
pub(super) fn prepare_reader(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "query_only", true)?;
    connection.pragma_update(None, "cache_size", -READER_CACHE_KIB)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map(drop)
}

fn migrate(connection: &mut Connection, to: usize, migration: &str) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute_batch(migration)?;
    transaction.pragma_update(None, "user_version", to as i64)?;
    transaction.commit()
}
