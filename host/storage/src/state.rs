//! The durable side of alerting in SQLite: alerts, silences, the notification log, deliveries, the inbox,
//! and fitted models.
//!
//! One file in write-ahead mode: when a call returns, no kill of the process undoes it, and no power cut undoes a
//! decision of alerting. What the host never searches by is kept as JSON; the rest are columns. Decides nothing about alerts.
//! Who only looks has a connection of its own, and does not wait for a transaction that waits for the disk.

mod alerts;
mod codec;
mod deliveries;
mod history;
mod inbox;
mod leases;
mod models;
mod notification_log;
mod plugin_values;
mod schema;

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bellwether_model::history::{EpisodeRecord, HistoryQuery};
use bellwether_model::plugin_store::{Kept, PluginStore};
use bellwether_model::receiver::Receipt;
use bellwether_model::state::{
    Attempt, DeadDelivery, Delivery, DurableState, InboxMessage, LeaseLimits, StateChange, StateError,
    StateSnapshot, StoredModel, StoredRuleAlert,
};
use bellwether_model::{Labels, Timestamp};
use rusqlite::{Connection, Transaction, TransactionBehavior};

use self::alerts::AlertRows;
pub use self::deliveries::DeadLetter;
use self::leases::Leases;
use crate::error::OpenError;

/// How long a call waits for another process that reads the database, such as a backup.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Alerting state in one SQLite file.
#[derive(Debug)]
pub struct SqliteState {
    place: PathBuf,
    writer: Mutex<Writer>,
    reader: Mutex<Connection>,
    leases: Leases,
}

#[derive(Debug)]
struct Writer {
    connection: Connection,
    alert_rows: AlertRows,
}

impl SqliteState {
    /// Opens the file, creates it where it is missing, and brings an older one up to date.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let failed = |action| move |source| OpenError::Database { action, path: path.to_owned(), source };
        let mut connection = Connection::open(path).map_err(failed("open"))?;
        connection.busy_timeout(BUSY_TIMEOUT).map_err(failed("open"))?;
        schema::prepare(&mut connection, path)?;
        let alert_rows = AlertRows::load(&connection).map_err(failed("read"))?;
        let reader = Connection::open(path).map_err(failed("open"))?;
        reader.busy_timeout(BUSY_TIMEOUT).map_err(failed("open"))?;
        schema::prepare_reader(&reader).map_err(failed("read"))?;
        Ok(Self {
            place: path.to_owned(),
            writer: Mutex::new(Writer { connection, alert_rows }),
            reader: Mutex::new(reader),
            leases: Leases::default(),
        })
    }

    /// Messages that were given up, newest first.
    pub fn dead_letters(&self, limit: usize) -> Result<Vec<DeadLetter>, StateError> {
        self.read("read dead letters", |db| deliveries::dead_letters(db, limit))
    }

    fn read<T>(
        &self,
        action: &'static str,
        work: impl FnOnce(&Connection) -> Result<T, Failure>,
    ) -> Result<T, StateError> {
        let reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        let run = || {
            // All that it looks at is from one moment.
            let transaction = reader.unchecked_transaction()?;
            let found = work(&transaction)?;
            transaction.finish()?;
            Ok(found)
        };
        run().map_err(|failure| self.state_error(action, failure))
    }

    /// Runs work in one transaction; a failure undoes all of it.
    fn write<T>(
        &self,
        action: &'static str,
        sync: Sync,
        work: impl FnOnce(&Transaction<'_>, &mut AlertRows) -> Result<T, Failure>,
    ) -> Result<T, StateError> {
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let Writer { connection, alert_rows } = &mut *writer;
        let run = || {
            sync.prepare(connection)?;
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let result = work(&transaction, alert_rows)?;
            transaction.commit()?;
            Ok(result)
        };
        let done = run();
        if done.is_ok() {
            alert_rows.keep();
        } else {
            alert_rows.undo();
        }
        self.leases.transaction_ended(done.is_ok());
        done.map_err(|failure| self.state_error(action, failure))
    }

    fn state_error(&self, action: &'static str, failure: Failure) -> StateError {
        let place = self.place.display().to_string();
        match failure {
            Failure::Database(error) => StateError::Database { action, place, cause: error.to_string() },
            Failure::Damaged { what, cause } => StateError::Damaged { place, what, cause },
        }
    }
}

/// When a transaction has to be safe from a power cut. A kill of the process never undoes one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sync {
    /// Before the call returns.
    Now,
    /// With the next one that syncs. For what may be forgotten: that a message got there. It is then sent again with the
    /// same idempotency key.
    Later,
}

impl Sync {
    /// Sets the mode of the transaction that follows.
    fn prepare(self, connection: &Connection) -> rusqlite::Result<()> {
        let mode = match self {
            Self::Now => "PRAGMA synchronous = FULL",
            Self::Later => "PRAGMA synchronous = NORMAL",
        };
        connection.prepare_cached(mode)?.execute([]).map(drop)
    }
}

fn apply(
    db: &Connection,
    alert_rows: &mut AlertRows,
    leases: &Leases,
    change: &StateChange,
) -> Result<(), Failure> {
    match change {
        StateChange::PutAlerts(alerts) => alerts::put(db, alert_rows, alerts),
        StateChange::PutSilence(silence) => alerts::put_silence(db, silence),
        StateChange::ForgetSilences(ids) => alerts::forget_silences(db, ids),
        StateChange::Flush(flush) => {
            notification_log::put(db, &flush.log)?;
            deliveries::put(db, leases, &flush.deliveries)?;
            alerts::forget(db, alert_rows, &flush.forgotten)
        }
        StateChange::Acknowledge(alerts, acknowledgement) => {
            history::acknowledge(db, alerts, acknowledgement)
        }
        StateChange::Unacknowledge(alerts) => history::unacknowledge(db, alerts),
        StateChange::EndEpisode(episode) => history::end_episode(db, episode),
    }
}

/// Why a piece of work failed, before it is known on which file.
#[derive(Debug)]
enum Failure {
    Database(rusqlite::Error),
    Damaged { what: &'static str, cause: String },
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error)
    }
}

impl DurableState for SqliteState {
    fn load(&self) -> Result<StateSnapshot, StateError> {
        self.read("load the alerting state", |db| {
            Ok(StateSnapshot {
                alerts: alerts::load(db)?,
                silences: alerts::load_silences(db)?,
                log: notification_log::load(db)?,
                acknowledgements: history::acknowledgements(db)?,
                rule_alerts: alerts::load_rule_alerts(db)?,
            })
        })
    }

    fn apply(&self, changes: &[&StateChange]) -> Result<(), StateError> {
        self.write("write down what alerting decided", Sync::Now, |db, alert_rows| {
            changes.iter().try_for_each(|change| apply(db, alert_rows, &self.leases, change))
        })
    }

    fn lease_deliveries(
        &self,
        now: Timestamp,
        until: Timestamp,
        limits: LeaseLimits<'_>,
    ) -> Result<Vec<Delivery>, StateError> {
        if self.leases.clock_went_back(now) {
            self.write("make deliveries due", Sync::Later, |db, _| deliveries::make_due(db, now))?;
        }
        self.read("lease deliveries", |db| self.leases.take(db, now, until, limits))
    }

    fn delivery_ended(&self, id: &str) {
        self.leases.end(id);
    }

    fn settle_deliveries(&self, attempts: &[Attempt]) -> Result<Vec<DeadDelivery>, StateError> {
        let dead = self.write("settle deliveries", Sync::Later, |db, _| {
            let settled = attempts.iter().map(|attempt| deliveries::settle(db, &self.leases, attempt));
            let dead = settled.collect::<Result<Vec<_>, _>>()?;
            Ok(dead.into_iter().flatten().collect())
        })?;
        self.leases.give_back(attempts.iter().map(|attempt| attempt.id.as_str()));
        Ok(dead)
    }

    fn retry_now(&self, integrations: &[(String, u32)], now: Timestamp) -> Result<(), StateError> {
        self.write("make deliveries due", Sync::Later, |db, _| {
            integrations.iter().try_for_each(|integration| deliveries::retry_now(db, integration, now))
        })
    }

    fn last_receipt(
        &self,
        group_key: &str,
        receiver: &str,
        integration: u32,
    ) -> Result<Option<Receipt>, StateError> {
        self.read("read a receipt", |db| deliveries::last_receipt(db, group_key, receiver, integration))
    }

    fn next_delivery(&self, after: Timestamp) -> Result<Option<Timestamp>, StateError> {
        self.read("look for the next delivery", |db| self.leases.next(db, after))
    }

    fn pending_deliveries(&self) -> Result<(u64, Option<Timestamp>), StateError> {
        self.read("count deliveries", |db| {
            Ok((deliveries::count_pending(db)?, self.leases.next(db, Timestamp::MIN)?))
        })
    }

    fn history(&self, query: &HistoryQuery) -> Result<Vec<EpisodeRecord>, StateError> {
        self.write("read the history", Sync::Later, |db, alert_rows| {
            history::link(db)?;
            history::find(db, alert_rows, query)
        })
    }

    fn forget_history(&self, before: Timestamp, now: Timestamp) -> Result<(), StateError> {
        self.write("forget old history", Sync::Later, |db, _| history::forget(db, before, now))
    }

    fn put_rule_alerts(&self, rule_key: &str, alerts: &[StoredRuleAlert]) -> Result<(), StateError> {
        self.write("write a rule's alerts", Sync::Now, |db, _| alerts::put_rule_alerts(db, rule_key, alerts))
    }

    fn models(&self, model: &str) -> Result<Vec<StoredModel>, StateError> {
        self.read("read models", |db| models::load(db, model))
    }

    fn put_models(&self, model: &str, models: &[StoredModel]) -> Result<(), StateError> {
        self.write("keep models", Sync::Later, |db, _| models::put(db, model, models))
    }

    fn forget_series(&self, model: &str, series: &[Labels]) -> Result<(), StateError> {
        self.write("forget models", Sync::Later, |db, _| models::forget(db, model, series))
    }

    fn keep_only_models(&self, configured: &[String]) -> Result<(), StateError> {
        self.write("forget models", Sync::Later, |db, _| models::keep_only(db, configured))
    }

    fn post_to_inbox(&self, message: &InboxMessage) -> Result<(), StateError> {
        self.write("post to the inbox", Sync::Now, |db, _| inbox::post(db, message))
    }

    fn inbox(&self, limit: usize) -> Result<Vec<InboxMessage>, StateError> {
        self.read("read the inbox", |db| inbox::newest(db, limit))
    }

    fn inbox_message(&self, id: &str) -> Result<Option<InboxMessage>, StateError> {
        self.read("read the inbox", |db| inbox::find(db, id))
    }
}

impl PluginStore for SqliteState {
    fn value(&self, plugin: &str, key: &str) -> Result<Option<Vec<u8>>, StateError> {
        self.read("read a plugin's value", |db| plugin_values::find(db, plugin, key))
    }

    fn put_value(
        &self,
        plugin: &str,
        key: &str,
        value: &[u8],
        quota_bytes: usize,
    ) -> Result<Kept, StateError> {
        self.write("keep a plugin's value", Sync::Later, |db, _| {
            plugin_values::put(db, plugin, key, value, quota_bytes)
        })
    }

    fn forget_value(&self, plugin: &str, key: &str) -> Result<(), StateError> {
        self.write("forget a plugin's value", Sync::Later, |db, _| plugin_values::forget(db, plugin, key))
    }
}

#[cfg(test)]
mod tests;
