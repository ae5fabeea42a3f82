//! What must survive a restart, in the domain's words: alerts, silences, the notification log, deliveries, the inbox.
//!
//! One trait, so that a second implementation is a second file. Ids are made by the host and ordered by time.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::alert::{Alert, AlertStatus};
use crate::history::{EpisodeRecord, HistoryQuery};
use crate::labels::{Fingerprint, Labels};
use crate::matcher::MatchOp;
use crate::modelling::FitReport;
use crate::receiver::{Notification, Receipt};
use crate::time::Timestamp;

/// Durable state could not be read or written.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StateError {
    /// The database failed.
    #[error("cannot {action} in {place}: {cause}")]
    Database {
        /// What was tried, such as `record a flush`.
        action: &'static str,
        /// Which file.
        place: String,
        /// What the database said.
        cause: String,
    },
    /// A row that cannot be understood.
    #[error("{place} holds a damaged {what}: {cause}")]
    Damaged {
        /// Which file.
        place: String,
        /// Which kind of row.
        what: &'static str,
        /// Why it cannot be read.
        cause: String,
    },
}

/// A matcher as it is written down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredMatcher {
    /// The label.
    pub name: String,
    /// Value or regular expression.
    pub value: String,
    /// Whether the value is a regular expression.
    pub is_regex: bool,
    /// Whether a match means yes.
    pub is_equal: bool,
}

impl StoredMatcher {
    /// The operator that the two flags stand for.
    pub const fn op(&self) -> MatchOp {
        match (self.is_regex, self.is_equal) {
            (false, true) => MatchOp::Equal,
            (false, false) => MatchOp::NotEqual,
            (true, true) => MatchOp::Regex,
            (true, false) => MatchOp::NotRegex,
        }
    }
}

/// A silence: alerts that pass all its matchers are not told about while it lasts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Silence {
    /// UUID.
    pub id: String,
    /// All must match.
    pub matchers: Vec<StoredMatcher>,
    /// From when.
    pub starts_at: Timestamp,
    /// Until when.
    pub ends_at: Timestamp,
    /// Last change.
    pub updated_at: Timestamp,
    /// Who asked for it.
    pub created_by: String,
    /// Why.
    pub comment: String,
    /// What else is to be known about it, such as a link to a ticket (Alertmanager 0.32).
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
}

/// What was last told about one group to one integration of a receiver.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotificationLogEntry {
    /// The group.
    pub group_key: String,
    /// The receiver.
    pub receiver: String,
    /// Which of its integrations, counted over all kinds in order of the configuration.
    pub integration: u32,
    /// When.
    pub at: Timestamp,
    /// Identities of the alerts told as firing.
    pub firing: Vec<u64>,
    /// Identities of the alerts told as resolved.
    pub resolved: Vec<u64>,
    /// Identities of the alerts that earlier messages had told as firing, and none had told to be over: what remains of
    /// the entry if this message does not get there.
    pub before: Vec<u64>,
    /// When the entry may be forgotten.
    pub expires_at: Timestamp,
}

impl NotificationLogEntry {
    /// The time of an entry whose last message was lost: so long ago that the next flush tells again, while the entry
    /// goes on to say which alerts an earlier message told as firing, so that their end is told.
    pub const LOST: Timestamp = Timestamp::UNIX_EPOCH;
}

/// A message that has to get out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Delivery {
    /// Ordered by time; also the idempotency key.
    pub id: String,
    /// Which of the receiver's integrations.
    pub integration: u32,
    /// `slack`, `email`, …: the kind of that integration when it was written.
    pub kind: String,
    /// What to tell.
    pub notification: Notification,
    /// Whom it stands in for: the message could not be delivered there. None for a message of its own.
    pub instead_of: Option<InsteadOf>,
    /// Attempts so far.
    pub attempts: u32,
    /// Not before this time.
    pub not_before: Timestamp,
}

/// The receiver that a message was decided for, where it goes to a fallback.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InsteadOf {
    /// The receiver.
    pub receiver: String,
    /// Which of its integrations.
    pub integration: u32,
}

/// What one flush of a group decided; written in one transaction.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FlushRecord {
    /// What is now known to have been told.
    pub log: Vec<NotificationLogEntry>,
    /// What is to be sent.
    pub deliveries: Vec<Delivery>,
    /// Resolved alerts that nobody needs any more.
    pub forgotten: Vec<Fingerprint>,
}

/// Somebody has taken an alert on: nobody is reminded of it until it is over, or until a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledgement {
    /// Who.
    pub by: String,
    /// What they had to say; may be empty.
    pub comment: String,
    /// When.
    pub at: Timestamp,
    /// Until when it holds; none until the alert is over.
    pub until: Option<Timestamp>,
}

impl Acknowledgement {
    /// Whether it still holds.
    pub fn holds(&self, now: Timestamp) -> bool {
        self.until.is_none_or(|until| now < until)
    }
}

/// One span of time in which an alert fired, from its beginning to its end.
#[derive(Debug, Clone, PartialEq)]
pub struct Episode {
    /// The alert as it was at the end.
    pub alert: Alert,
    /// Who had taken it on.
    pub acknowledgement: Option<Acknowledgement>,
}

/// One thing that alerting has decided and that has to survive a restart.
#[derive(Debug, Clone, PartialEq)]
pub enum StateChange {
    /// Keep these alerts, new ones and changed ones.
    PutAlerts(Vec<Alert>),
    /// Keep a silence, a new one or a changed one.
    PutSilence(Silence),
    /// Drop silences that ended long ago.
    ForgetSilences(Vec<String>),
    /// Keep what a flush decided. While a message waits for its next attempt, the same group is not put down again for
    /// the same integration by [`NotificationReason::Repeat`]: such a message is dropped where one that is no repeat
    /// waits, and gives way to any newer one where it waits itself. One that waits and of which a newer one says all, each
    /// alert in the same state, is not sent any more. All others are kept.
    ///
    /// [`NotificationReason::Repeat`]: crate::receiver::NotificationReason::Repeat
    Flush(FlushRecord),
    /// Keep that somebody has taken on these alerts.
    Acknowledge(Vec<Fingerprint>, Acknowledgement),
    /// Drop what was kept of who has taken on these alerts.
    Unacknowledge(Vec<Fingerprint>),
    /// Keep an alert that is over for those who look back. The same alert with the same start is the same episode.
    EndEpisode(Episode),
}

/// How a delivery ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeliveryOutcome {
    /// It got there.
    Delivered(Option<Receipt>),
    /// Try again at this time.
    RetryAt(Timestamp, String),
    /// Given up, with the last error.
    Dead(String),
}

/// An attempt to deliver that has ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Attempt {
    /// The delivery.
    pub id: String,
    /// How it ended.
    pub outcome: DeliveryOutcome,
    /// When.
    pub at: Timestamp,
    /// What is to be sent to others instead; those that are known already stay as they are. A message that is given up
    /// and that somebody else is told instead counts as told.
    pub instead: Vec<Delivery>,
}

/// A message that was given up and after which nothing newer was told: its group has to be told again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadDelivery {
    /// The group.
    pub group_key: String,
    /// The receiver.
    pub receiver: String,
    /// Which of its integrations.
    pub integration: u32,
    /// The time that the notification log had for the group; a later entry is about a later message.
    pub at: Timestamp,
}

/// How many deliveries may be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeaseLimits<'a> {
    /// The most to take now.
    pub total: usize,
    /// The most that one integration of a receiver may have under way, those taken before included, so that one that
    /// hangs leaves room for the others.
    pub per_integration: usize,
    /// How long integrations want to be left alone after each delivery.
    pub pauses: &'a Pauses,
}

/// The shortest time between two deliveries to one integration, by the name of its receiver and its index; those that
/// are not named take any number at once.
pub type Pauses = BTreeMap<(String, u32), Duration>;

/// Nobody wants to be left alone.
pub static NO_PAUSES: Pauses = Pauses::new();

/// A rule's alert, as it must come back after a restart.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StoredRuleAlert {
    /// Labels of the alert with those of the rule.
    pub labels: Labels,
    /// Rendered annotations.
    pub annotations: Labels,
    /// When the condition began to hold.
    pub active_at: Timestamp,
    /// When it began to fire; none while pending.
    pub fired_at: Option<Timestamp>,
    /// When the condition was last seen to be over while firing is kept.
    pub keep_firing_since: Option<Timestamp>,
    /// Last value of the expression.
    pub value: f64,
}

/// A fitted model, as it must come back after a restart.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredModel {
    /// Labels of the series that it is a model of; empty for a model of all series.
    pub series: Labels,
    /// The series that it sees, in the order in which it knows them.
    pub dimensions: Vec<Labels>,
    /// The plugin that it was saved by.
    pub plugin: String,
    /// Digest of that plugin's file.
    pub sha256: String,
    /// What it was made of: kind, settings and expression. It is of no use to a model that is made of something else.
    pub definition: String,
    /// When it was fitted.
    pub fitted_at: Timestamp,
    /// What fitting found out.
    pub report: FitReport,
    /// What the plugin needs to go on with it.
    pub state: Vec<u8>,
}

/// A message kept in the inbox.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InboxMessage {
    /// Ordered by time.
    pub id: String,
    /// When it arrived.
    pub at: Timestamp,
    /// Which receiver it was sent to.
    pub receiver: String,
    /// Firing or resolved.
    pub status: AlertStatus,
    /// Subject.
    pub title: String,
    /// Text.
    pub body: String,
    /// The whole notification.
    pub notification: Notification,
}

/// All that is read when the host starts.
#[derive(Debug, Clone, Default)]
pub struct StateSnapshot {
    /// Alerts of the routing side.
    pub alerts: Vec<Alert>,
    /// Silences, expired ones included until they are forgotten.
    pub silences: Vec<Silence>,
    /// The notification log.
    pub log: Vec<NotificationLogEntry>,
    /// Who has taken on which alert.
    pub acknowledgements: Vec<(Fingerprint, Acknowledgement)>,
    /// Alerts of rules, by rule key.
    pub rule_alerts: Vec<(String, Vec<StoredRuleAlert>)>,
}

/// The durable side of alerting. Every call is one transaction: when it returns, a kill of the process undoes nothing.
pub trait DurableState: Send + Sync {
    /// Reads everything, at start.
    fn load(&self) -> Result<StateSnapshot, StateError>;

    /// Writes changes in their order, all of them or none.
    fn apply(&self, changes: &[&StateChange]) -> Result<(), StateError>;

    /// Takes deliveries that are due and nobody holds, and holds them until `until`. Integrations with the least under
    /// way come first.
    fn lease_deliveries(
        &self,
        now: Timestamp,
        until: Timestamp,
        limits: LeaseLimits<'_>,
    ) -> Result<Vec<Delivery>, StateError>;

    /// Says that a delivery is not under way any more, so that another may be. It stays held until it is settled.
    fn delivery_ended(&self, id: &str);

    /// Ends or postpones deliveries that were leased. Giving up the newest message about a group also takes it out of the
    /// notification log, in the same transaction, and says so: as Alertmanager, which logs no failed notification.
    fn settle_deliveries(&self, attempts: &[Attempt]) -> Result<Vec<DeadDelivery>, StateError>;

    /// Makes deliveries to these integrations due that wait for their next attempt, whatever for. Those that are under way
    /// stay as they are.
    fn retry_now(&self, integrations: &[(String, u32)], now: Timestamp) -> Result<(), StateError>;

    /// What the last delivery of this group to this integration of a receiver returned, where it returned anything and
    /// did not tell that the group is over.
    fn last_receipt(
        &self,
        group_key: &str,
        receiver: &str,
        integration: u32,
    ) -> Result<Option<Receipt>, StateError>;

    /// When, after `after`, the next delivery may be taken, or a pause is over; other limits aside.
    fn next_delivery(&self, after: Timestamp) -> Result<Option<Timestamp>, StateError>;

    /// How many deliveries wait or are held, and when the earliest of them may be taken, limits aside.
    fn pending_deliveries(&self) -> Result<(u64, Option<Timestamp>), StateError>;

    /// Episodes, those under way included, newest first.
    fn history(&self, query: &HistoryQuery) -> Result<Vec<EpisodeRecord>, StateError>;

    /// Drops what was over before a time: episodes, and messages with their attempts. The texts of messages that got
    /// there go after a week.
    fn forget_history(&self, before: Timestamp, now: Timestamp) -> Result<(), StateError>;

    /// Replaces what is kept of one rule's alerts.
    fn put_rule_alerts(&self, rule_key: &str, alerts: &[StoredRuleAlert]) -> Result<(), StateError>;

    /// What is kept of one configured model, a row for each of its series.
    fn models(&self, model: &str) -> Result<Vec<StoredModel>, StateError>;

    /// Keeps models of series of one configured model, in place of those that were kept of the same series.
    fn put_models(&self, model: &str, models: &[StoredModel]) -> Result<(), StateError>;

    /// Drops what is kept of series of one configured model that are gone.
    fn forget_series(&self, model: &str, series: &[Labels]) -> Result<(), StateError>;

    /// Drops what is kept of all models but those that are configured.
    fn keep_only_models(&self, configured: &[String]) -> Result<(), StateError>;

    /// Keeps a message in the inbox; a second one with the same id changes nothing.
    fn post_to_inbox(&self, message: &InboxMessage) -> Result<(), StateError>;

    /// The newest messages, newest first.
    fn inbox(&self, limit: usize) -> Result<Vec<InboxMessage>, StateError>;

    /// One message of the inbox.
    fn inbox_message(&self, id: &str) -> Result<Option<InboxMessage>, StateError>;
}
