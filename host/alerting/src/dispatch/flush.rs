//! Looking at a group: what may be told, what has to be told, and what can be forgotten afterwards.

use std::sync::Arc;

use bellwether_model::alert::{Alert, AlertStatus};
use bellwether_model::labels::Labels;
use bellwether_model::receiver::{Notification, NotificationReason};
use bellwether_model::state::{Delivery, FlushRecord, StateChange};
use bellwether_model::{Fingerprint, Timestamp};

use super::log::Told;
use super::mute::{Mute, muting_intervals};
use super::{Dispatcher, Effect, Group, GroupId, Phase, events};
use crate::config::Integration;
use crate::dedup::{LastTold, Telling, reason_to_notify};
use crate::notification::{common, notified_alerts, status_of};
use crate::route::Route;
use crate::silence::RETENTION;

/// A member of a group as the flush sees it.
#[derive(Debug)]
struct Member {
    fingerprint: Fingerprint,
    status: AlertStatus,
    mute: Mute,
}

/// The alerts of a group by what may be told of them; identities, sorted.
#[derive(Debug, Default)]
struct Tellable {
    firing: Vec<u64>,
    resolved: Vec<u64>,
    /// Nothing may be told of these now.
    muted: Vec<u64>,
}

impl Dispatcher {
    /// Looks at a group whose time has come. An empty one ends here.
    pub(super) fn flush(&mut self, id: GroupId, now: Timestamp, effects: &mut Vec<Effect>) {
        let Some(group) = self.groups.get(&id) else { return };
        if group.members.is_empty() {
            self.remove_group(id);
            return;
        }
        if let Some(until) = self.held_until(id, now) {
            self.hold_back(id, until);
            return;
        }
        let Some(group) = self.groups.get(&id) else { return };
        let route = self.routes.route(group.route);
        let next = (now + route.group_interval).max(now.offset_millis(1));
        let muted_by = muting_intervals(&self.config, route, now);
        let members = self.members(group, &muted_by, now);
        let tellable = Tellable::of(&members);
        let mut record = FlushRecord::default();
        let key = Arc::clone(&group.key);
        for told in self.tell(group, route, &tellable, now, &mut record) {
            record.log.push(told.entry(&key));
            self.log.put(&key, told);
        }
        events::queued(&record, now, effects);
        self.set_phase(id, Phase::Flushed { last: now, next });
        if let Some(group) = self.groups.get_mut(&id) {
            group.muted_by = muted_by.into();
        }
        self.settle_members(id, members, now, &mut record, effects);
        if record != FlushRecord::default() {
            effects.push(Effect::Write(StateChange::Flush(record)));
        }
    }

    fn members(&self, group: &Group, muted_by: &[String], now: Timestamp) -> Vec<Member> {
        let member = |fingerprint: &Fingerprint| {
            let tracked = self.alerts.get(fingerprint)?;
            let status = if tracked.is_resolved(now) { AlertStatus::Resolved } else { AlertStatus::Firing };
            let mute = self.mute_of(tracked.labels(), muted_by, now);
            Some(Member { fingerprint: *fingerprint, status, mute })
        };
        group.members.iter().filter_map(|fingerprint| member(&fingerprint)).collect()
    }

    /// Decides for each integration of the group's receiver; returns what it is told.
    fn tell(
        &self,
        group: &Group,
        route: &Route,
        tellable: &Tellable,
        now: Timestamp,
        record: &mut FlushRecord,
    ) -> Vec<Told> {
        let receiver = self.config.receiver(&route.receiver).filter(|_| !tellable.is_empty());
        let integrations = receiver.map_or(&[][..], |receiver| &receiver.integrations);
        let repeat_interval =
            (!self.all_acknowledged(&tellable.firing, now)).then_some(route.repeat_interval);
        let mut all = Vec::new();
        for (index, integration) in (0_u32..).zip(integrations) {
            let known = self.log.find(&group.key, &route.receiver, index);
            let known_firing = known.map(|known| tellable.without_muted(&known.firing));
            let last = known.zip(known_firing.as_deref()).map(|(known, firing)| LastTold {
                at: known.at,
                firing,
                resolved: &known.resolved,
            });
            let telling = Telling {
                firing: &tellable.firing,
                resolved: &tellable.resolved,
                send_resolved: integration.send_resolved,
                repeat_interval,
                now,
            };
            let Some(reason) = reason_to_notify(last, telling) else {
                continue;
            };
            all.push(tellable.told(route, index, known, now));
            if integration.send_resolved || !tellable.firing.is_empty() {
                record.deliveries.push(Delivery {
                    id: delivery_id(&group.key, &route.receiver, index, now),
                    integration: index,
                    kind: integration.kind.clone(),
                    notification: self.notification(group, route, integration, tellable, reason, now),
                    instead_of: None,
                    attempts: 0,
                    not_before: now,
                });
            }
        }
        all
    }

    fn notification(
        &self,
        group: &Group,
        route: &Route,
        integration: &Integration,
        tellable: &Tellable,
        reason: NotificationReason,
        now: Timestamp,
    ) -> Notification {
        let telling = |ids: &[u64], status: AlertStatus| -> Vec<(Alert, AlertStatus)> {
            let alert = |id: &u64| self.alerts.get(&Fingerprint(*id)).map(|found| found.alert());
            ids.iter().filter_map(alert).map(|alert| (alert, status)).collect()
        };
        let mut all = telling(&tellable.firing, AlertStatus::Firing);
        if integration.send_resolved {
            all.extend(telling(&tellable.resolved, AlertStatus::Resolved));
        }
        let (alerts, truncated_alerts) = notified_alerts(all, integration.max_alerts());
        Notification {
            receiver: route.receiver.to_string(),
            group_key: group.key.to_string(),
            status: status_of(&alerts),
            reason,
            at: now,
            group_labels: group.labels.clone(),
            common_labels: common(alerts.iter().map(|alert| &alert.labels)),
            common_annotations: common(alerts.iter().map(|alert| &alert.annotations)),
            route_labels: Labels::from_pairs(route.labels.iter().map(|(n, v)| (n.as_str(), v.as_str()))),
            alerts,
            truncated_alerts,
            external_url: self.external_url.clone(),
        }
    }

    /// Lets go of alerts that are over. One that was told as firing and whose end may not be told now is kept, so that
    /// its end is told when the mute ends; Alertmanager loses it (upstream issue 226).
    fn settle_members(
        &mut self,
        id: GroupId,
        members: Vec<Member>,
        now: Timestamp,
        record: &mut FlushRecord,
        effects: &mut Vec<Effect>,
    ) {
        for member in members {
            let keep = member.status == AlertStatus::Firing || self.owes_end(id, &member, now);
            self.set_mute(member.fingerprint, member.mute, now, effects);
            if !keep && self.leave(id, member.fingerprint) {
                self.forget(member.fingerprint);
                record.forgotten.push(member.fingerprint);
            }
        }
    }

    /// For as long as the log is kept upstream; a mute without end must not keep alerts without end.
    fn owes_end(&self, id: GroupId, member: &Member, now: Timestamp) -> bool {
        let (Some(group), Some(tracked)) = (self.groups.get(&id), self.alerts.get(&member.fingerprint))
        else {
            return false;
        };
        member.mute != Mute::None
            && self.log.has_told_firing(&group.key, member.fingerprint)
            && tracked.fires_until + RETENTION > now
    }

    /// Takes an alert out of a group; whether it is in none any more.
    fn leave(&mut self, id: GroupId, fingerprint: Fingerprint) -> bool {
        if let Some(group) = self.groups.get_mut(&id) {
            group.members.remove(fingerprint);
        }
        let Some(tracked) = self.alerts.get_mut(&fingerprint) else {
            return false;
        };
        tracked.leave(id);
        tracked.groups.is_empty()
    }
}

impl Tellable {
    fn of(members: &[Member]) -> Self {
        let ids = |status: AlertStatus| {
            let told = members.iter().filter(|member| member.mute == Mute::None && member.status == status);
            told.map(|member| member.fingerprint.0).collect()
        };
        let muted = members.iter().filter(|member| member.mute != Mute::None);
        let muted = muted.map(|member| member.fingerprint.0).collect();
        Self { firing: ids(AlertStatus::Firing), resolved: ids(AlertStatus::Resolved), muted }
    }

    /// Those that are muted now, of some that were told as firing. They stay in the log, so that their end is told
    /// after the mute even when the group was told about something else meanwhile.
    fn muted_in(&self, told: &[u64]) -> impl Iterator<Item = u64> {
        told.iter().copied().filter(|id| self.muted.binary_search(id).is_ok())
    }

    /// What was told as firing, as if nothing had ever been told about the alerts that are muted now.
    fn without_muted(&self, told: &[u64]) -> Vec<u64> {
        told.iter().copied().filter(|id| self.muted.binary_search(id).is_err()).collect()
    }

    /// What an integration knows once it is told of these.
    fn told(&self, route: &Route, integration: u32, known: Option<&Told>, now: Timestamp) -> Told {
        let mut firing = self.firing.clone();
        firing.extend(known.into_iter().flat_map(|known| self.muted_in(&known.firing)));
        firing.sort_unstable();
        Told {
            receiver: Arc::clone(&route.receiver),
            integration,
            at: now,
            firing: firing.into(),
            resolved: self.resolved.clone().into(),
            before: known.map(|known| known.firing.clone()).unwrap_or_default(),
            // As Alertmanager 0.34; entries of groups that live are kept longer.
            expires_at: now
                + route.repeat_interval.saturating_mul(2).max(route.group_interval * 2).min(RETENTION),
        }
    }

    fn is_empty(&self) -> bool {
        self.firing.is_empty() && self.resolved.is_empty()
    }
}

/// Ordered by time, and the same whenever the same flush is done again.
fn delivery_id(group_key: &str, receiver: &str, integration: u32, now: Timestamp) -> String {
    let identity = [("group", group_key), ("integration", &integration.to_string()), ("receiver", receiver)];
    format!("{:013}-{}", now.as_millis(), Labels::from_pairs(identity).fingerprint())
}
