//! What to send to whom, and when: Alertmanager's routing as a machine without clock, sockets or threads.
//!
//! [`config`] reads Alertmanager's file, [`dispatch::Dispatcher`] is fed with alerts and silences together with the
//! time, and answers with [`dispatch::Effect`]s: what must be written down, and what happened. Delivering the messages
//! is somebody else's work; here it ends with a [`bellwether_model::state::Delivery`] inside a flush record.
//!
//! Semantics are those of Alertmanager 0.34 except where a comment says otherwise. The differences on purpose: alerts,
//! groups and timers survive restarts and reloads; every source of an inhibition counts, not only one of them; the end
//! of an alert that was told is not lost when it falls into a silence.

pub mod api_v2;
pub mod config;
pub mod dedup;
pub mod dispatch;
pub mod ingest;
pub mod inhibit;
pub mod intervals;
pub mod matchers;
pub mod merge;
pub mod notification;
pub mod route;
pub mod silence;
pub mod view;
