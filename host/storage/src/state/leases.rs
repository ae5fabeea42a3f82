//! Whose turn it is: which messages may be taken now, and who holds one already.

use std::collections::HashMap;
use std::time::Duration;

use bellwether_model::Timestamp;
use bellwether_model::state::{Delivery, LeaseLimits};
use rusqlite::{Connection, OptionalExtension, params};

use super::{Failure, deliveries};

/// How far the clock may go back before what waits is looked at anew.
const CLOCK_WENT_BACK: Duration = Duration::from_secs(60);

/// Who holds which delivery: this process is the only one, so that nothing of it has to be on disk.
#[derive(Debug, Default)]
pub(super) struct Leases {
    held: HashMap<String, Lease>,
    /// When deliveries were asked for last.
    asked_at: Option<Timestamp>,
}

#[derive(Debug)]
struct Lease {
    receiver: String,
    integration: u32,
    until: Timestamp,
}

impl Leases {
    fn forget_ended(&mut self, now: Timestamp) {
        self.held.retain(|_, lease| lease.until > now);
    }

    pub(super) fn is_held(&self, id: &str, now: Timestamp) -> bool {
        self.held.get(id).is_some_and(|lease| lease.until > now)
    }

    fn of_integration(&self, receiver: &str, integration: u32) -> usize {
        let is_its = |lease: &&Lease| lease.integration == integration && lease.receiver == receiver;
        self.held.values().filter(is_its).count()
    }

    /// Those that are settled need not be held any more.
    pub(super) fn give_back<'a>(&mut self, ids: impl IntoIterator<Item = &'a str>) {
        for id in ids {
            self.held.remove(id);
        }
    }

    fn next_end(&self, after: Timestamp) -> Option<Timestamp> {
        self.held.values().map(|lease| lease.until).filter(|until| *until > after).min()
    }
}

/// A message that may be taken. Ordered by how much its integration would have under way with it, so that each one gets
/// its first before any gets its second.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Candidate {
    rank: usize,
    ready_at: i64,
    id: String,
}

pub(super) fn lease(
    db: &Connection,
    leases: &mut Leases,
    now: Timestamp,
    until: Timestamp,
    limits: LeaseLimits,
) -> Result<Vec<Delivery>, Failure> {
    leases.forget_ended(now);
    let asked_at = leases.asked_at.replace(now);
    if asked_at.is_some_and(|before| now + CLOCK_WENT_BACK < before) {
        make_due(db, now)?;
    }
    let mut candidates = Vec::new();
    let mut integration = next_integration(db, ("", -1))?;
    while let Some((receiver, index)) = integration {
        candidates.extend(due(db, leases, (&receiver, index), now, limits.per_integration)?);
        integration = next_integration(db, (&receiver, index.into()))?;
    }
    candidates.sort_unstable();
    candidates.truncate(limits.total);
    let mut taken = Vec::with_capacity(candidates.len());
    for candidate in candidates {
        let delivery = deliveries::read(db, &candidate.id)?;
        let (receiver, integration) = (delivery.notification.receiver.clone(), delivery.integration);
        leases.held.insert(candidate.id, Lease { receiver, integration, until });
        taken.push(delivery);
    }
    Ok(taken)
}

/// What was to be sent by a clock that has gone back since is to be sent now.
fn make_due(db: &Connection, now: Timestamp) -> Result<(), Failure> {
    db.prepare_cached("UPDATE delivery SET not_before = ?1 WHERE status = 'pending' AND not_before > ?1")?
        .execute([now.as_millis()])?;
    Ok(())
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
    leases: &Leases,
    (receiver, integration): (&str, u32),
    now: Timestamp,
    at_most: usize,
) -> Result<Vec<Candidate>, Failure> {
    let held = leases.of_integration(receiver, integration);
    let free = at_most.saturating_sub(held);
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
        if !leases.is_held(&id, now) {
            candidates.push(Candidate { rank: held + candidates.len(), ready_at: row.get(0)?, id });
        }
    }
    Ok(candidates)
}

/// How many deliveries wait or are held, and when the first of them may be leased.
pub(super) fn pending(db: &Connection, leases: &Leases) -> Result<(u64, Option<Timestamp>), Failure> {
    let count: i64 = db
        .prepare_cached("SELECT count(*) FROM delivery WHERE status = 'pending'")?
        .query_row([], |row| row.get(0))?;
    Ok((count.cast_unsigned(), next(db, leases, Timestamp::MIN)?))
}

/// When, after a time, the next one may be leased.
pub(super) fn next(db: &Connection, leases: &Leases, after: Timestamp) -> Result<Option<Timestamp>, Failure> {
    let mut statement = db.prepare_cached(
        "SELECT not_before, id FROM delivery WHERE status = 'pending' AND is_head = 1 AND not_before > ?1
         ORDER BY not_before",
    )?;
    let mut rows = statement.query([after.as_millis()])?;
    let mut next = None;
    while let Some(row) = rows.next()? {
        if !leases.held.contains_key(&row.get::<_, String>(1)?) {
            next = Some(Timestamp::from_millis(row.get(0)?));
            break;
        }
    }
    Ok(next.into_iter().chain(leases.next_end(after)).min())
}
