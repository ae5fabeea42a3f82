//! The machine on simulated time. A [`World`] is one configuration and a clock; what it is told happens at seconds
//! after the start, and every message it would send is remembered with its time.

mod acknowledge;
mod clock;
mod durability;
mod hold;
mod mutes;
mod random;
mod scenarios;
mod sending;
mod worlds;

use std::sync::Arc;

use bellwether_model::AlertStatus;
use bellwether_model::receiver::Notification;
use bellwether_model::state::{Delivery, Episode, NotificationLogEntry, StoredMatcher};

use super::*;
use crate::ingest::{PostedAlert, accept};

/// 2026-01-05T00:00:00Z, a Monday.
const START_MILLIS: i64 = 1_767_571_200_000;

fn at(secs: f64) -> Timestamp {
    Timestamp::from_millis(START_MILLIS + (secs * 1000.0).round() as i64)
}

/// An alert to post: labels, and times in seconds.
#[derive(Clone)]
struct Post {
    labels: Vec<(String, String)>,
    annotations: Vec<(String, String)>,
    starts: Option<f64>,
    ends: Option<f64>,
}

/// `alert("alertname=test,lbl=v1")`
fn alert(labels: &str) -> Post {
    Post { labels: pairs(labels), annotations: vec![], starts: None, ends: None }
}

fn pairs(text: &str) -> Vec<(String, String)> {
    let pair = |part: &str| part.split_once('=').map(|(n, v)| (n.to_owned(), v.to_owned()));
    text.split(',').filter_map(pair).collect()
}

impl Post {
    fn starts(mut self, secs: f64) -> Self {
        self.starts = Some(secs);
        self
    }

    fn ends(mut self, secs: f64) -> Self {
        self.ends = Some(secs);
        self
    }

    fn note(mut self, annotations: &str) -> Self {
        self.annotations = pairs(annotations);
        self
    }
}

/// What is kept on disk, as the effects say.
#[derive(Default)]
struct Disk {
    alerts: FxHashMap<Fingerprint, Alert>,
    silences: FxHashMap<String, Silence>,
    log: FxHashMap<(String, String, u32), NotificationLogEntry>,
    acknowledgements: FxHashMap<Fingerprint, Acknowledgement>,
}

struct World {
    config: Arc<Config>,
    machine: Dispatcher,
    now: Timestamp,
    disk: Disk,
    deliveries: Vec<Delivery>,
    episodes: Vec<Episode>,
    start: Start,
    events: Vec<Happened>,
    ids: u32,
}

fn parse(config: &str) -> Arc<Config> {
    Arc::new(Config::parse("test.yml", config).unwrap_or_else(|error| panic!("{error}")).0)
}

/// A configuration with one receiver `w` and these options of the root route.
fn world(root: &str) -> World {
    let receiver = "receivers: [{name: w, webhook_configs: [{url: 'http://w'}]}]";
    World::new(&format!("route: {{receiver: w, {root}}}\n{receiver}\n"))
}

impl World {
    fn new(config: &str) -> Self {
        Self::starting(config, Start::default())
    }

    fn starting(config: &str, start: Start) -> Self {
        let config = parse(config);
        let now = at(0.0);
        let machine = Dispatcher::new(config.clone(), Restored::default(), start.clone(), now);
        Self {
            config,
            machine,
            now,
            disk: Disk::default(),
            deliveries: vec![],
            episodes: vec![],
            start,
            events: vec![],
            ids: 0,
        }
    }

    /// Lets time pass; the machine is called exactly when it asks for it.
    fn at(&mut self, secs: f64) -> &mut Self {
        let until = at(secs);
        while let Some(wakeup) = self.machine.next_wakeup().filter(|wakeup| *wakeup <= until) {
            self.now = wakeup.max(self.now);
            let effects = self.machine.step(self.now, Input::Wake);
            self.carry_out(effects);
        }
        self.now = until;
        self
    }

    fn post(&mut self, posts: impl IntoIterator<Item = Post>) -> &mut Self {
        let timeout = self.config.resolve_timeout;
        let accepted = posts.into_iter().map(|post| {
            let posted = PostedAlert {
                labels: post.labels,
                annotations: post.annotations,
                starts_at: post.starts.map(at),
                ends_at: post.ends.map(at),
                generator_url: String::new(),
            };
            accept(posted, timeout, self.now).unwrap()
        });
        let effects = self.machine.step(self.now, Input::Alerts(accepted.collect()));
        self.carry_out(effects);
        self
    }

    /// `from..to alertname=x` or `alertname=~x`
    fn silence(&mut self, from: f64, to: f64, matcher: &str) -> String {
        let matcher = crate::matchers::parse_one(matcher).unwrap();
        self.ids += 1;
        let silence = Silence {
            id: String::new(),
            matchers: vec![StoredMatcher {
                name: matcher.name().to_owned(),
                value: matcher.value().to_owned(),
                is_regex: matcher.op().is_regex(),
                is_equal: matcher.op().is_positive(),
            }],
            starts_at: at(from),
            ends_at: at(to),
            updated_at: self.now,
            created_by: "t".to_owned(),
            comment: "c".to_owned(),
            annotations: std::collections::BTreeMap::default(),
        };
        let fresh_id = format!("silence-{}", self.ids);
        let (id, effects) = self.machine.set_silence(self.now, silence, fresh_id).unwrap();
        self.carry_out(effects);
        id
    }

    fn expire(&mut self, id: &str) -> &mut Self {
        let effects = self.machine.expire_silence(self.now, id).unwrap();
        self.carry_out(effects);
        self
    }

    fn reload(&mut self, config: &str) -> &mut Self {
        self.config = parse(config);
        let effects = self.machine.step(self.now, Input::Config(self.config.clone()));
        self.carry_out(effects);
        self
    }

    /// Kill -9 and start again: only what was written down is left.
    fn restart(&mut self) -> &mut Self {
        let restored = Restored {
            alerts: self.disk.alerts.values().cloned().collect(),
            silences: self.disk.silences.values().cloned().collect(),
            log: self.disk.log.values().cloned().collect(),
            acknowledgements: self.disk.acknowledgements.clone().into_iter().collect(),
        };
        self.machine = Dispatcher::new(self.config.clone(), restored, self.start.clone(), self.now);
        self
    }

    fn carry_out(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Write(change) => self.write(change),
                Effect::Happened(happened) => self.events.push(happened),
            }
        }
    }

    fn write(&mut self, change: StateChange) {
        match change {
            StateChange::PutAlerts(alerts) => {
                self.disk.alerts.extend(alerts.into_iter().map(|alert| (alert.fingerprint(), alert)));
            }
            StateChange::PutSilence(silence) => {
                self.disk.silences.insert(silence.id.clone(), silence);
            }
            StateChange::ForgetSilences(ids) => ids.iter().for_each(|id| drop(self.disk.silences.remove(id))),
            StateChange::Flush(flush) => {
                for entry in flush.log {
                    let key = (entry.group_key.clone(), entry.receiver.clone(), entry.integration);
                    self.disk.log.insert(key, entry);
                }
                flush.forgotten.iter().for_each(|known| drop(self.disk.alerts.remove(known)));
                self.deliveries.extend(flush.deliveries);
            }
            StateChange::Acknowledge(alerts, acknowledgement) => {
                let taken = alerts.into_iter().map(|alert| (alert, acknowledgement.clone()));
                self.disk.acknowledgements.extend(taken);
            }
            StateChange::Unacknowledge(alerts) => {
                alerts.iter().for_each(|alert| drop(self.disk.acknowledgements.remove(alert)));
            }
            StateChange::EndEpisode(episode) => self.episodes.push(episode),
        }
    }

    /// All messages so far: `w@2 {alertname=x@1}`, a resolved alert with its end: `@1→4`.
    fn sent(&self) -> Vec<String> {
        self.deliveries.iter().map(|delivery| line(&delivery.notification)).collect()
    }

    fn want(&self, lines: &[&str]) {
        assert_eq!(self.sent(), lines);
    }

    fn kinds(&self) -> Vec<String> {
        let name = |happened: &Happened| {
            serde_json::to_value(happened).unwrap()["kind"].as_str().unwrap().to_owned()
        };
        self.events.iter().map(name).collect()
    }
}

fn secs(t: Timestamp) -> f64 {
    t.millis_since(at(0.0)) as f64 / 1000.0
}

fn line(notification: &Notification) -> String {
    let mut text = format!("{}@{}", notification.receiver, secs(notification.at));
    for alert in &notification.alerts {
        let labels: Vec<String> =
            alert.labels.iter().map(|label| format!("{}={}", label.name, label.value)).collect();
        text += &format!(" {{{}@{}", labels.join(","), secs(alert.starts_at));
        if alert.status == AlertStatus::Resolved {
            text += &format!("→{}", alert.ends_at.map_or(f64::NAN, secs));
        }
        let notes: Vec<String> =
            alert.annotations.iter().map(|note| format!(" {}={}", note.name, note.value)).collect();
        text += &format!("}}{}", notes.concat());
    }
    text
}
