//! Getting messages out: receivers as configured, the worker that empties the outbox, and what became of messages.

pub mod email;
mod files;
pub mod inbox;
mod ledger;
mod outcome;
mod receivers;
mod requests;
#[cfg(test)]
mod samples;
mod worker;

pub use files::unreadable as unreadable_files;
pub use ledger::{Delivered, Ledger, LedgerEntry};
pub use receivers::{ConfiguredReceivers, NativeReceivers, Sender};
pub use worker::{DeliveryDeps, run, tell_routing};
