//! Getting messages out: receivers as configured, the worker that empties the outbox, and what became of messages.

pub mod email;
mod failing;
mod files;
pub mod inbox;
mod ledger;
mod outcome;
mod problem;
mod receivers;
mod requests;
#[cfg(test)]
mod samples;
mod worker;

pub use ledger::{Delivered, Ledger, LedgerEntry};
pub use problem::{IntegrationProblem, Remedy};
pub use receivers::{ConfiguredReceivers, NATIVE_KINDS, NativeReceivers, Sender};
pub use worker::{DeliveryDeps, alert_routing, run, tell_routing};
