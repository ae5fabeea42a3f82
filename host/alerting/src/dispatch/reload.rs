//! Another configuration: routes, rules and receivers change under alerts and groups that stay.

use std::sync::Arc;

use bellwether_model::state::{FlushRecord, StateChange};
use bellwether_model::{Fingerprint, Labels, Timestamp};
use rustc_hash::FxHashMap;

use super::members::Members;
use super::{Dispatcher, Effect, Group, GroupId, Phase};
use crate::config::Config;
use crate::inhibit::Inhibitor;
use crate::route::{RouteId, RouteTree};

/// What a group takes along into the next configuration.
#[derive(Debug)]
struct Kept {
    phase: Phase,
    muted_by: Box<[String]>,
}

impl Dispatcher {
    /// Routes every alert anew. A group whose route is still at its place goes on, whole: one that collects keeps its
    /// time, one that was told is looked at at once, so that whoever is to be told now need not wait, and its interval
    /// counts from there. Alertmanager restarts all of them, with the alerts that it happens to have (upstream issues
    /// 2492, 3037).
    pub(super) fn reload(&mut self, config: Arc<Config>, now: Timestamp, effects: &mut Vec<Effect>) {
        let kept = self.take_groups();
        self.routes = RouteTree::new(&config);
        self.inhibitor = Inhibitor::new(&config);
        self.config = config;
        let known_routes: FxHashMap<Arc<str>, RouteId> =
            self.routes.iter().map(|(id, route)| (route.path.clone(), id)).collect();
        for ((path, labels), kept) in kept {
            if let Some(route) = known_routes.get(&path) {
                self.keep_group(*route, labels, kept, now);
            }
        }
        let mut alerts: Vec<Fingerprint> = self.alerts.keys().copied().collect();
        alerts.sort_unstable();
        for fingerprint in &alerts {
            let Some(tracked) = self.alerts.get(fingerprint) else {
                continue;
            };
            self.inhibitor.add(tracked.labels());
        }
        let forgotten = alerts.into_iter().filter(|fingerprint| !self.reroute(*fingerprint, now, effects));
        let record = FlushRecord { forgotten: forgotten.collect(), ..FlushRecord::default() };
        if !record.forgotten.is_empty() {
            effects.push(Effect::Write(StateChange::Flush(record)));
        }
    }

    fn take_groups(&mut self) -> FxHashMap<(Arc<str>, Labels), Kept> {
        let ids: Vec<GroupId> = self.groups.keys().copied().collect();
        let mut kept = FxHashMap::default();
        for id in ids {
            let Some(group) = self.groups.get_mut(&id) else {
                continue;
            };
            let path = self.routes.route(group.route).path.clone();
            let taken = Kept { phase: group.phase, muted_by: std::mem::take(&mut group.muted_by) };
            kept.insert((path, group.labels.clone()), taken);
            self.remove_group(id);
        }
        self.alerts.values_mut().for_each(|tracked| tracked.groups = Box::default());
        kept
    }

    /// It is made without members; one that gets none ends by itself.
    fn keep_group(&mut self, route_id: RouteId, labels: Labels, kept: Kept, now: Timestamp) {
        let route = self.routes.route(route_id);
        if labels.iter().any(|label| route.group_labels(&labels).get(&label.name).is_none()) {
            return;
        }
        let phase = match kept.phase {
            Phase::Collecting { until } => Phase::Collecting { until: until.min(now + route.group_wait) },
            // Never twice in one millisecond: messages of a group are known by their time.
            Phase::Flushed { last, .. } => Phase::Flushed { last, next: now.max(last.offset_millis(1)) },
        };
        let key = route.group_key(&labels).into();
        self.add_group(Group {
            route: route_id,
            labels,
            key,
            members: Members::None,
            phase,
            muted_by: kept.muted_by,
        });
    }

    /// Whether the alert is still of use: it fires, or its end is owed to somebody.
    fn reroute(&mut self, fingerprint: Fingerprint, now: Timestamp, effects: &mut Vec<Effect>) -> bool {
        let Some(tracked) = self.alerts.get(&fingerprint) else {
            return false;
        };
        if tracked.is_resolved(now) && !self.was_told(tracked.labels()) {
            self.forget(fingerprint);
            return false;
        }
        self.route(fingerprint, now, effects);
        true
    }
}
