//! The durable side of alerting in SQLite: alerts, silences, the notification log, deliveries, the inbox.
//!
//! One file in write-ahead mode with full syncing: when a call returns, neither a kill of the process nor a power cut
//! undoes it. What the host never searches by is kept as JSON; the rest are columns. Decides nothing about alerts.

mod alerts;
mod codec;
mod deliveries;
mod inbox;
mod notification_log;
mod schema;

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bellwether_model::Timestamp;
use bellwether_model::alert::Alert;
use bellwether_model::receiver::Receipt;
use bellwether_model::state::{
    DeadDelivery, Delivery, DeliveryOutcome, DurableState, FlushRecord, InboxMessage, LeaseLimits, Silence,
    StateError, StateSnapshot, StoredRuleAlert,
};
use rusqlite::{Connection, Transaction, TransactionBehavior};

pub use self::deliveries::DeadLetter;
use crate::error::OpenError;

/// How long a call waits for another process that reads the database, such as a backup.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Alerting state in one SQLite file.
#[derive(Debug)]
pub struct SqliteState {
    place: PathBuf,
    connection: Mutex<Connection>,
}

impl SqliteState {
    /// Opens the file, creates it where it is missing, and brings an older one up to date.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let failed = |action| move |source| OpenError::Database { action, path: path.to_owned(), source };
        let mut connection = Connection::open(path).map_err(failed("open"))?;
        connection.busy_timeout(BUSY_TIMEOUT).map_err(failed("open"))?;
        schema::prepare(&mut connection, path)?;
        // Whoever held a delivery is gone: the lock on the data directory admits one process.
        deliveries::release_all(&connection).map_err(failed("release deliveries in"))?;
        Ok(Self { place: path.to_owned(), connection: Mutex::new(connection) })
    }

    /// What the last delivery of this group to this integration of a receiver returned, where it returned anything
    /// and is not older than the week for which delivered messages are kept.
    pub fn last_receipt(
        &self,
        group_key: &str,
        receiver: &str,
        integration: u32,
    ) -> Result<Option<Receipt>, StateError> {
        self.read("read a receipt", |db| deliveries::last_receipt(db, group_key, receiver, integration))
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
        let connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        work(&connection).map_err(|failure| self.state_error(action, failure))
    }

    /// Runs work in one transaction; a failure undoes all of it.
    fn write<T>(
        &self,
        action: &'static str,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, Failure>,
    ) -> Result<T, StateError> {
        let mut connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let run = || {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let result = work(&transaction)?;
            transaction.commit()?;
            Ok(result)
        };
        run().map_err(|failure| self.state_error(action, failure))
    }

    fn state_error(&self, action: &'static str, failure: Failure) -> StateError {
        let place = self.place.display().to_string();
        match failure {
            Failure::Database(error) => StateError::Database { action, place, cause: error.to_string() },
            Failure::Damaged { what, cause } => StateError::Damaged { place, what, cause },
        }
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
                rule_alerts: alerts::load_rule_alerts(db)?,
            })
        })
    }

    fn put_alerts(&self, alerts: &[Alert]) -> Result<(), StateError> {
        self.write("write alerts", |db| alerts::put(db, alerts))
    }

    fn put_silence(&self, silence: &Silence) -> Result<(), StateError> {
        self.write("write a silence", |db| alerts::put_silence(db, silence))
    }

    fn forget_silences(&self, ids: &[String]) -> Result<(), StateError> {
        self.write("forget silences", |db| alerts::forget_silences(db, ids))
    }

    fn record_flush(&self, flush: &FlushRecord) -> Result<(), StateError> {
        self.write("record a flush", |db| {
            notification_log::put(db, &flush.log)?;
            deliveries::put(db, &flush.deliveries)?;
            alerts::forget(db, &flush.forgotten)
        })
    }

    fn lease_deliveries(
        &self,
        now: Timestamp,
        until: Timestamp,
        limits: LeaseLimits,
    ) -> Result<Vec<Delivery>, StateError> {
        self.write("lease deliveries", |db| deliveries::lease(db, now, until, limits))
    }

    fn settle_delivery(
        &self,
        id: &str,
        outcome: &DeliveryOutcome,
        now: Timestamp,
    ) -> Result<Option<DeadDelivery>, StateError> {
        self.write("settle a delivery", |db| deliveries::settle(db, id, outcome, now))
    }

    fn next_delivery(&self, after: Timestamp) -> Result<Option<Timestamp>, StateError> {
        self.read("look for the next delivery", |db| deliveries::next(db, after))
    }

    fn pending_deliveries(&self) -> Result<(u64, Option<Timestamp>), StateError> {
        self.read("count deliveries", deliveries::pending)
    }

    fn put_rule_alerts(&self, rule_key: &str, alerts: &[StoredRuleAlert]) -> Result<(), StateError> {
        self.write("write a rule's alerts", |db| alerts::put_rule_alerts(db, rule_key, alerts))
    }

    fn post_to_inbox(&self, message: &InboxMessage) -> Result<(), StateError> {
        self.write("post to the inbox", |db| inbox::post(db, message))
    }

    fn inbox(&self, limit: usize) -> Result<Vec<InboxMessage>, StateError> {
        self.read("read the inbox", |db| inbox::newest(db, limit))
    }

    fn inbox_message(&self, id: &str) -> Result<Option<InboxMessage>, StateError> {
        self.read("read the inbox", |db| inbox::find(db, id))
    }
}

#[cfg(test)]
mod tests;
