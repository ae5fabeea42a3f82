//! Getting messages out: receivers as configured, the worker that empties the outbox, and what became of messages.

pub mod email;
pub mod inbox;
mod ledger;
mod outcome;
mod receivers;
#[cfg(test)]
mod samples;
mod worker;

pub use ledger::{Delivered, Ledger, LedgerEntry};
pub use receivers::{ConfiguredReceivers, NativeReceivers, Sender};
pub use worker::{DeliveryDeps, run, tell_routing};
