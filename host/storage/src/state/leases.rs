//! Whose turn it is: which messages may be taken now, and who holds one already.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bellwether_model::Timestamp;
use bellwether_model::state::{Delivery, LeaseLimits};
use rusqlite::{Connection, OptionalExtension, params};

use super::{Failure, deliveries};

/// Alerts in the messages that are remembered from when they were written. Their labels are those that alerting holds
/// anyway; the rest takes a few MiB at most.
const MAX_REMEMBERED_ALERTS: usize = 8_192;

/// How far the clock may go back before what waits is looked at anew.
const CLOCK_WENT_BACK: Duration = Duration::from_secs(60);

/// Who holds which delivery: this process is the only one, so that nothing of it has to be on disk.
///
/// What is looked at while somebody writes is what was written before. So a writer withholds what it is about to take
/// back until that is written, and nobody is handed a message that is no longer to be sent.
#[derive(Debug, Default)]
pub(super) struct Leases {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    held: HashMap<String, Lease>,
    withheld: HashSet<String>,
    /// When integrations that want pauses may get their next delivery, as long as that is not yet.
    paused_until: HashMap<(String, u32), Timestamp>,
    fresh: Fresh,
    /// When deliveries were asked for last.
    asked_at: Option<Timestamp>,
}

#[derive(Debug)]
struct Lease {
    receiver: String,
    integration: u32,
    until: Timestamp,
    is_under_way: bool,
}

/// Messages that were written and not taken yet, so that most need not be read back. What does not fit is read.
#[derive(Debug, Default)]
struct Fresh {
    messages: HashMap<String, Delivery>,
    alerts: usize,
}

impl Fresh {
    fn put(&mut self, delivery: &Delivery) {
        let alerts = self.alerts + delivery.notification.alerts.len();
        if alerts <= MAX_REMEMBERED_ALERTS {
            self.alerts = alerts;
            self.messages.insert(delivery.id.clone(), delivery.clone());
        }
    }

    fn take(&mut self, id: &str) -> Option<Delivery> {
        let delivery = self.messages.remove(id)?;
        self.alerts -= delivery.notification.alerts.len();
        Some(delivery)
    }
}

impl Leases {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a message from being taken until [`Self::transaction_ended`]. False: somebody holds it already.
    pub(super) fn withhold(&self, id: &str, now: Timestamp) -> bool {
        let mut state = self.lock();
        let is_free = !state.is_held(id, now);
        if is_free {
            state.withheld.insert(id.to_owned());
        }
        is_free
    }

    /// For when a transaction is over; one that was undone has written nothing that could be remembered.
    pub(super) fn transaction_ended(&self, committed: bool) {
        let mut state = self.lock();
        state.withheld.clear();
        if !committed {
            state.fresh = Fresh::default();
        }
    }

    /// Keeps a message that is being written for who takes it. Before the end of the transaction: afterwards it could have
    /// been taken, and have failed, already.
    pub(super) fn remember(&self, delivery: &Delivery) {
        self.lock().fresh.put(delivery);
    }

    /// A message that is not to be sent any more, or is to be read again.
    pub(super) fn forget(&self, id: &str) {
        self.lock().fresh.take(id);
    }

    /// It is not under way any more, and stays held until it is settled.
    pub(super) fn end(&self, id: &str) {
        if let Some(lease) = self.lock().held.get_mut(id) {
            lease.is_under_way = false;
        }
    }

    /// Those that are settled need not be held any more.
    pub(super) fn give_back<'a>(&self, ids: impl IntoIterator<Item = &'a str>) {
        let mut state = self.lock();
        for id in ids {
            state.held.remove(id);
        }
    }

    /// Whether the clock was put back far since deliveries were asked for last.
    pub(super) fn clock_went_back(&self, now: Timestamp) -> bool {
        self.lock().asked_at.is_some_and(|before| now + CLOCK_WENT_BACK < before)
    }

    /// Takes what is due and nobody holds.
    pub(super) fn take(
        &self,
        db: &Connection,
        now: Timestamp,
        until: Timestamp,
        limits: LeaseLimits<'_>,
    ) -> Result<Vec<Delivery>, Failure> {
        let mut state = self.lock();
        state.forget_ended(now);
        state.asked_at = Some(now);
        let mut candidates = Vec::new();
        let mut integration = next_integration(db, ("", -1))?;
        while let Some((receiver, index)) = integration {
            let key = (receiver, index);
            let room = state.room(&key, now, limits);
            candidates.extend(due(db, &state, &key, now, room)?);
            integration = next_integration(db, (&key.0, index.into()))?;
        }
        candidates.sort_unstable();
        candidates.truncate(limits.total);
        let mut taken = Vec::with_capacity(candidates.len());
        for candidate in candidates {
            let delivery = match state.fresh.take(&candidate.id) {
                Some(fresh) => fresh,
                None => deliveries::read(db, &candidate.id)?,
            };
            let (receiver, integration) = (delivery.notification.receiver.clone(), delivery.integration);
            state.pause(&receiver, integration, now, limits);
            state.held.insert(candidate.id, Lease { receiver, integration, until, is_under_way: true });
            taken.push(delivery);
        }
        Ok(taken)
    }

    /// When, after a time, the next one may be leased.
    pub(super) fn next(&self, db: &Connection, after: Timestamp) -> Result<Option<Timestamp>, Failure> {
        let state = self.lock();
        let mut statement = db.prepare_cached(
            "SELECT not_before, id FROM delivery WHERE status = 'pending' AND is_head = 1 AND not_before > ?1
             ORDER BY not_before",
        )?;
        let mut rows = statement.query([after.as_millis()])?;
        let mut next = None;
        while let Some(row) = rows.next()? {
            if !state.held.contains_key(&row.get::<_, String>(1)?) {
                next = Some(Timestamp::from_millis(row.get(0)?));
                break;
            }
        }
        Ok(next.into_iter().chain(state.next_end(after)).chain(state.next_end_of_pause(after)).min())
    }
}

impl State {
    fn forget_ended(&mut self, now: Timestamp) {
        self.held.retain(|_, lease| lease.until > now);
        self.paused_until.retain(|_, until| *until > now);
    }

    fn is_held(&self, id: &str, now: Timestamp) -> bool {
        self.held.get(id).is_some_and(|lease| lease.until > now)
    }

    /// How many more one integration may get now. One that wants pauses gets them one by one.
    fn room(&self, integration: &(String, u32), now: Timestamp, limits: LeaseLimits<'_>) -> Room {
        let under_way = self.under_way(&integration.0, integration.1);
        let free = limits.per_integration.saturating_sub(under_way);
        let free = match limits.pauses.get(integration) {
            None => free,
            // A pause that is longer than the integration asks for began before the clock went back.
            Some(pause) => match self.paused_until.get(integration) {
                Some(until) if now < *until && *until <= now + *pause => 0,
                Some(_) | None => free.min(1),
            },
        };
        Room { under_way, free }
    }

    /// Has an integration that wants pauses wait from now on.
    fn pause(&mut self, receiver: &str, integration: u32, now: Timestamp, limits: LeaseLimits<'_>) {
        let key = (receiver.to_owned(), integration);
        if let Some(pause) = limits.pauses.get(&key) {
            self.paused_until.insert(key, now + *pause);
        }
    }

    fn under_way(&self, receiver: &str, integration: u32) -> usize {
        let is_its = |lease: &&Lease| {
            lease.is_under_way && lease.integration == integration && lease.receiver == receiver
        };
        self.held.values().filter(is_its).count()
    }

    fn next_end(&self, after: Timestamp) -> Option<Timestamp> {
        self.held.values().map(|lease| lease.until).filter(|until| *until > after).min()
    }

    fn next_end_of_pause(&self, after: Timestamp) -> Option<Timestamp> {
        self.paused_until.values().copied().filter(|until| *until > after).min()
    }
}

/// What an integration has, and may still get.
#[derive(Debug, Clone, Copy)]
struct Room {
    under_way: usize,
    free: usize,
}

/// A message that may be taken. Ordered by how much its integration would have under way with it, so that each one gets
/// its first before any gets its second.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Candidate {
    rank: usize,
    ready_at: i64,
    id: String,
}

/// The integration, in order of receivers and their integrations, that follows one and has anything to send. Asked in two
/// steps: for a pair, SQLite would look at all messages to the same receiver.
fn next_integration(
    db: &Connection,
    (receiver, integration): (&str, i64),
) -> Result<Option<(String, u32)>, Failure> {
    let mut same_receiver = db.prepare_cached(
        "SELECT integration FROM delivery WHERE status = 'pending' AND is_head = 1
            AND receiver = ?1 AND integration > ?2 ORDER BY integration LIMIT 1",
    )?;
    let next = same_receiver.query_row(params![receiver, integration], |row| row.get(0)).optional()?;
    if let Some(index) = next {
        return Ok(Some((receiver.to_owned(), index)));
    }
    let mut next_receiver = db.prepare_cached(
        "SELECT receiver, integration FROM delivery WHERE status = 'pending' AND is_head = 1 AND receiver > ?1
         ORDER BY receiver, integration LIMIT 1",
    )?;
    let found = next_receiver.query_row([receiver], |row| Ok((row.get(0)?, row.get(1)?)));
    Ok(found.optional()?)
}

/// What one integration may still get now.
fn due(
    db: &Connection,
    state: &State,
    (receiver, integration): &(String, u32),
    now: Timestamp,
    Room { under_way, free }: Room,
) -> Result<Vec<Candidate>, Failure> {
    let mut statement = db.prepare_cached(
        "SELECT not_before, id FROM delivery WHERE status = 'pending' AND is_head = 1
            AND receiver = ?1 AND integration = ?2 AND not_before <= ?3 ORDER BY not_before, id",
    )?;
    let mut rows = statement.query(params![receiver, integration, now.as_millis()])?;
    let mut candidates = Vec::new();
    while candidates.len() < free
        && let Some(row) = rows.next()?
    {
        let id: String = row.get(1)?;
        if !state.is_held(&id, now) && !state.withheld.contains(&id) {
            candidates.push(Candidate { rank: under_way + candidates.len(), ready_at: row.get(0)?, id });
        }
    }
    Ok(candidates)
}

#[cfg(test)]
mod tests {
    use bellwether_model::Labels;

    use super::*;
    use crate::state::tests::delivery;

    #[test]
    fn remembers_as_many_alerts_as_fit_and_makes_room_again() {
        let mut fresh = Fresh::default();
        let message = |id: &str, alerts: usize| {
            let mut message = delivery(id, 1);
            let alert = message.notification.alerts[0].clone();
            message.notification.alerts = vec![alert; alerts];
            message.notification.common_labels = Labels::empty();
            message
        };
        fresh.put(&message("a", MAX_REMEMBERED_ALERTS - 1));
        fresh.put(&message("too much", 2));
        fresh.put(&message("b", 1));
        assert!(fresh.take("too much").is_none());
        assert_eq!(fresh.take("a").map(|taken| taken.id), Some("a".to_owned()));
        fresh.put(&message("fits now", 2));
        assert!(fresh.take("fits now").is_some() && fresh.take("b").is_some());
        assert_eq!(fresh.alerts, 0);
    }
}
