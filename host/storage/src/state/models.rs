//! Fitted models. A model that is lost is fitted again, so its rows need not be safe from a power cut at once.

use bellwether_model::Labels;
use bellwether_model::state::StoredModel;
use rusqlite::{Connection, Row, named_params, params};

use super::Failure;
use super::codec::{from_json, time, to_json};

pub(super) fn put(db: &Connection, model: &str, models: &[StoredModel]) -> Result<(), Failure> {
    let mut statement = db.prepare_cached(
        "INSERT OR REPLACE INTO model VALUES (:model, :series, :dimensions, :plugin, :sha256, :definition, :fitted_at,
            :report, :state)",
    )?;
    for stored in models {
        statement.execute(named_params! {
            ":model": model,
            ":series": to_json(&stored.series),
            ":dimensions": to_json(&stored.dimensions),
            ":plugin": stored.plugin,
            ":sha256": stored.sha256,
            ":definition": stored.definition,
            ":fitted_at": stored.fitted_at.as_millis(),
            ":report": to_json(&stored.report),
            ":state": stored.state,
        })?;
    }
    Ok(())
}

pub(super) fn load(db: &Connection, model: &str) -> Result<Vec<StoredModel>, Failure> {
    let mut statement = db.prepare_cached("SELECT * FROM model WHERE model = ?1 ORDER BY series")?;
    let mut rows = statement.query([model])?;
    let mut models = Vec::new();
    while let Some(row) = rows.next()? {
        models.push(stored(row)?);
    }
    Ok(models)
}

fn stored(row: &Row<'_>) -> Result<StoredModel, Failure> {
    Ok(StoredModel {
        series: from_json("model", &row.get::<_, String>("series")?)?,
        dimensions: from_json("model", &row.get::<_, String>("dimensions")?)?,
        plugin: row.get("plugin")?,
        sha256: row.get("sha256")?,
        definition: row.get("definition")?,
        fitted_at: time(row, "fitted_at")?,
        report: from_json("model", &row.get::<_, String>("report")?)?,
        state: row.get("state")?,
    })
}

pub(super) fn forget(db: &Connection, model: &str, series: &[Labels]) -> Result<(), Failure> {
    let mut statement = db.prepare_cached("DELETE FROM model WHERE model = ?1 AND series = ?2")?;
    for labels in series {
        statement.execute(params![model, to_json(labels)])?;
    }
    Ok(())
}

pub(super) fn keep_only(db: &Connection, configured: &[String]) -> Result<(), Failure> {
    let mut statement =
        db.prepare_cached("DELETE FROM model WHERE model NOT IN (SELECT value FROM json_each(?1))")?;
    statement.execute([to_json(&configured)])?;
    Ok(())
}
