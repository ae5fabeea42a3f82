//! Where samples and alerting state live: samples in memory behind a write-ahead log of our own, state in SQLite.
//!
//! [`Store`] takes samples in through [`bellwether_model::Appender`] (log first, then acknowledge) and gives them back
//! through [`bellwether_model::Queryable`]. [`SqliteState`] keeps alerts, silences, the notification log, deliveries
//! and the inbox through [`bellwether_model::state::DurableState`].
//!
//! This crate never reads the clock: whoever opens or maintains a store says what time it is. It knows nothing of
//! queries, rules or the network.

mod error;
mod head;
mod lock;
mod state;
mod store;
mod wal;

pub use error::OpenError;
pub use head::HeadStats;
pub use state::{DeadLetter, SqliteState};
pub use store::{Store, StoreOptions, StoreStats};
