//! Values that plugins keep.

use bellwether_model::plugin_store::Kept;
use rusqlite::{Connection, OptionalExtension, params};

use super::Failure;

pub(super) fn find(db: &Connection, plugin: &str, key: &str) -> Result<Option<Vec<u8>>, Failure> {
    let mut statement = db.prepare_cached("SELECT value FROM plugin_value WHERE plugin = ?1 AND key = ?2")?;
    Ok(statement.query_row([plugin, key], |row| row.get(0)).optional()?)
}

pub(super) fn put(
    db: &Connection,
    plugin: &str,
    key: &str,
    value: &[u8],
    quota_bytes: usize,
) -> Result<Kept, Failure> {
    let others: i64 = db
        .prepare_cached(
            "SELECT coalesce(sum(octet_length(key) + octet_length(value)), 0) FROM plugin_value
             WHERE plugin = ?1 AND key <> ?2",
        )?
        .query_row([plugin, key], |row| row.get(0))?;
    let wanted = usize::try_from(others).unwrap_or(usize::MAX).saturating_add(key.len() + value.len());
    if wanted > quota_bytes {
        return Ok(Kept::Full);
    }
    db.prepare_cached("INSERT OR REPLACE INTO plugin_value VALUES (?1, ?2, ?3)")?
        .execute(params![plugin, key, value])?;
    Ok(Kept::Yes)
}

pub(super) fn forget(db: &Connection, plugin: &str, key: &str) -> Result<(), Failure> {
    db.prepare_cached("DELETE FROM plugin_value WHERE plugin = ?1 AND key = ?2")?.execute([plugin, key])?;
    Ok(())
}
