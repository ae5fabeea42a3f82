//! The series of one configured model: which are to be fitted and when, what is learnt from, what is kept. Decides, and
//! does nothing itself: the time is an argument.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::time::Duration;

use bellwether_model::labels::METRIC_NAME;
use bellwether_model::modelling::FitReport;
use bellwether_model::{Fingerprint, Labels, Timestamp};

/// Series that one configured model judges; further ones are left out, and counted.
pub const MAX_SERIES: usize = 1_000;
/// Bytes that the states of all series of one configured model may take together.
pub const MAX_STATES_BYTES: usize = 64 << 20;
/// How soon a fit that failed is tried again; doubled with each failure, up to the time between fits.
const FIRST_RETRY: Duration = Duration::from_secs(600);
/// Doublings that are counted.
const MAX_DOUBLINGS: u32 = 10;
/// How often it is saved what was learnt. What a crash takes is learnt again with the next fit at the latest.
const SAVE_EVERY: Duration = Duration::from_secs(900);
/// A series that was not seen for so long is forgotten, or for as long as its history lasts.
const LEAST_KEPT: Duration = Duration::from_secs(86_400);

/// How often things are done, and for whom.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// What the model is called.
    pub name: String,
    /// Whether one model sees all series.
    pub multivariate: bool,
    /// How often it is fitted anew.
    pub fit_every: Duration,
    /// How far back it is fitted to.
    pub history: Duration,
    /// Points with a smaller score, whatever its sign, are learnt from.
    pub normal_below: f64,
}

/// Whether there is a model of a series.
#[derive(Debug, Clone, PartialEq)]
pub enum Standing {
    /// Not yet.
    Unfitted,
    /// It scores.
    Fitted(Fit),
}

/// A fit that is in use.
#[derive(Debug, Clone, PartialEq)]
pub struct Fit {
    /// When.
    pub at: Timestamp,
    /// What it found out.
    pub report: FitReport,
    /// The series that it sees, in the order in which it knows them.
    pub dimensions: Vec<Labels>,
    /// Size of what was last saved of it.
    pub state_bytes: usize,
}

/// The last time that points were not normal.
#[derive(Debug, Clone, PartialEq)]
pub struct Abnormal {
    /// When that began.
    pub since: Timestamp,
    /// The score that is the farthest out.
    pub score: f64,
    /// Whether it is still so.
    pub goes_on: bool,
    /// What the model said about it.
    pub explanation: Option<String>,
}

/// One series of a model, or all of them where the kind is multivariate.
#[derive(Debug, Clone)]
pub struct Tracked {
    /// Its labels, without a metric name; none for all series.
    pub labels: Labels,
    /// Whether there is a model of it.
    pub standing: Standing,
    /// What went wrong last, until it goes well.
    pub error: Option<String>,
    /// The last time that it was not normal.
    pub abnormal: Option<Abnormal>,
    last_seen: Timestamp,
    next_fit: Timestamp,
    failures: u32,
    has_learnt: bool,
}

/// How a fit ended.
#[derive(Debug, Clone, PartialEq)]
pub enum FitOutcome {
    /// It is in use.
    InUse(Fit),
    /// There are not enough points before that time.
    TooFewUntil(Timestamp),
    /// It is of no use, or there is none; a former one goes on.
    Failed(String),
}

/// Whether points are normal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judgement {
    /// There is no score.
    None,
    /// They are learnt from.
    Normal,
    /// They are not, and this is new.
    AbnormalNow,
    /// They are still not.
    AbnormalStill,
}

/// All series of one configured model.
#[derive(Debug)]
pub struct Roster {
    plan: Plan,
    series: BTreeMap<Fingerprint, Tracked>,
    seen: usize,
    left_out: usize,
    saved_at: Timestamp,
}

impl Roster {
    /// Nothing is known yet.
    pub fn new(plan: Plan, now: Timestamp) -> Self {
        Self { plan, series: BTreeMap::new(), seen: 0, left_out: 0, saved_at: now }
    }

    /// What it goes by.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// All that are known.
    pub fn series(&self) -> impl Iterator<Item = (Fingerprint, &Tracked)> {
        self.series.iter().map(|(key, tracked)| (*key, tracked))
    }

    /// How many series the expression gave the last time, those that are left out included.
    pub fn seen(&self) -> usize {
        self.seen
    }

    /// How many series were left out of the last evaluation, because there are too many.
    pub fn left_out(&self) -> usize {
        self.left_out
    }

    /// What a series is called here; also the seed of its model, so it must not change.
    pub fn key(&self, labels: &Labels) -> Fingerprint {
        let mut named = labels.to_builder();
        named.set(METRIC_NAME, self.plan.name.as_str());
        named.build().fingerprint()
    }

    /// Whether a series is known under that key, and not only another one with the same fingerprint.
    pub fn knows(&self, key: Fingerprint, labels: &Labels) -> bool {
        self.series.get(&key).is_some_and(|tracked| tracked.labels == *labels)
    }

    /// The fit in use of a series.
    pub fn fit(&self, series: Fingerprint) -> Option<&Fit> {
        match &self.series.get(&series)?.standing {
            Standing::Fitted(fit) => Some(fit),
            Standing::Unfitted => None,
        }
    }

    /// Labels of a series that is known.
    pub fn labels(&self, series: Fingerprint) -> Option<&Labels> {
        Some(&self.series.get(&series)?.labels)
    }

    /// The expression gave these series. New ones are to be fitted.
    pub fn see<'a>(&mut self, seen: impl IntoIterator<Item = &'a Labels>, now: Timestamp) {
        (self.seen, self.left_out) = (0, 0);
        for labels in seen {
            self.seen += 1;
            if !self.plan.multivariate {
                self.see_one(labels, now);
            }
        }
        if self.plan.multivariate && self.seen > 0 {
            self.left_out = self.seen.saturating_sub(MAX_SERIES);
            self.see_one(&Labels::empty(), now);
        }
    }

    fn see_one(&mut self, labels: &Labels, now: Timestamp) {
        let key = self.key(labels);
        let known = self.series.len();
        match self.series.entry(key) {
            Entry::Occupied(mut entry) if entry.get().labels == *labels => entry.get_mut().last_seen = now,
            // Another one with the same fingerprint must not be taken for it.
            Entry::Occupied(_) => self.left_out += 1,
            Entry::Vacant(entry) if known < MAX_SERIES => {
                entry.insert(Tracked::new(labels.clone(), Standing::Unfitted, now));
            }
            Entry::Vacant(_) => self.left_out += 1,
        }
    }

    /// A model of a series is at work that was saved earlier.
    pub fn restored(&mut self, labels: Labels, fit: Fit, now: Timestamp) {
        let next_fit = fit.at + self.plan.fit_every;
        let (key, known) = (self.key(&labels), self.series.len());
        match self.series.entry(key) {
            // What is known of it beside its model goes on: fits that fail, and that it is not normal.
            Entry::Occupied(entry) => {
                let tracked = entry.into_mut();
                tracked.standing = Standing::Fitted(fit);
                tracked.next_fit = tracked.next_fit.max(next_fit);
                tracked.has_learnt = false;
            }
            Entry::Vacant(entry) if known < MAX_SERIES => {
                entry.insert(Tracked { next_fit, ..Tracked::new(labels, Standing::Fitted(fit), now) });
            }
            Entry::Vacant(_) => {}
        }
    }

    /// What was saved of a series is of no use, or lost.
    pub fn must_refit(&mut self, labels: &Labels, why: String, now: Timestamp) {
        self.see_one(labels, now);
        let key = self.key(labels);
        if let Some(tracked) = self.series.get_mut(&key) {
            (tracked.standing, tracked.next_fit) = (Standing::Unfitted, now);
            tracked.error = Some(why);
        }
    }

    /// Which are to be fitted now.
    pub fn due(&self, now: Timestamp) -> Vec<Fingerprint> {
        self.series.iter().filter(|(_, tracked)| tracked.next_fit <= now).map(|(key, _)| *key).collect()
    }

    /// Whether so many bytes may be kept of a series.
    pub fn has_room(&self, series: Fingerprint, state_bytes: usize) -> bool {
        let others = self.series.keys().filter(|key| **key != series);
        let taken: usize = others.filter_map(|key| self.fit(*key)).map(|fit| fit.state_bytes).sum();
        taken + state_bytes <= MAX_STATES_BYTES
    }

    /// A fit has ended.
    pub fn fit_ended(&mut self, series: Fingerprint, outcome: FitOutcome, now: Timestamp) {
        let fit_every = self.plan.fit_every;
        let Some(tracked) = self.series.get_mut(&series) else { return };
        match outcome {
            FitOutcome::InUse(fit) => {
                (tracked.standing, tracked.error) = (Standing::Fitted(fit), None);
                (tracked.failures, tracked.has_learnt) = (0, false);
                tracked.next_fit = now + fit_every;
            }
            FitOutcome::TooFewUntil(then) => {
                tracked.error = Some("there are not enough points to fit it to yet".to_owned());
                tracked.next_fit = then;
            }
            FitOutcome::Failed(why) => {
                let pause =
                    FIRST_RETRY.saturating_mul(1 << tracked.failures.min(MAX_DOUBLINGS)).min(fit_every);
                tracked.error = Some(why);
                tracked.failures = tracked.failures.saturating_add(1);
                tracked.next_fit = now + pause;
            }
        }
    }

    /// Points of a series were scored; a score that is no number says nothing.
    pub fn judge(&mut self, series: Fingerprint, scores: &[f64], now: Timestamp) -> Judgement {
        let farthest =
            scores.iter().copied().filter(|score| !score.is_nan()).max_by(|a, b| a.abs().total_cmp(&b.abs()));
        let (Some(tracked), Some(score)) = (self.series.get_mut(&series), farthest) else {
            return Judgement::None;
        };
        tracked.error = None;
        if score.abs() < self.plan.normal_below {
            if let Some(abnormal) = &mut tracked.abnormal {
                abnormal.goes_on = false;
            }
            return Judgement::Normal;
        }
        match &mut tracked.abnormal {
            Some(abnormal) if abnormal.goes_on => {
                if score.abs() > abnormal.score.abs() {
                    abnormal.score = score;
                }
                Judgement::AbnormalStill
            }
            _ => {
                tracked.abnormal = Some(Abnormal { since: now, score, goes_on: true, explanation: None });
                Judgement::AbnormalNow
            }
        }
    }

    /// Something about a series went wrong that does not need a fit.
    pub fn failed(&mut self, series: Fingerprint, why: String) {
        if let Some(tracked) = self.series.get_mut(&series) {
            tracked.error = Some(why);
        }
    }

    /// Why a series is not normal, in the model's words.
    pub fn explained(&mut self, series: Fingerprint, text: String) {
        if let Some(abnormal) = self.series.get_mut(&series).and_then(|tracked| tracked.abnormal.as_mut()) {
            abnormal.explanation = Some(text);
        }
    }

    /// A model has learnt.
    pub fn learnt(&mut self, series: Fingerprint) {
        if let Some(tracked) = self.series.get_mut(&series) {
            tracked.has_learnt = true;
        }
    }

    /// Models whose states are to be saved, where it is time to.
    pub fn to_save(&self, now: Timestamp) -> Vec<Fingerprint> {
        if now < self.saved_at + SAVE_EVERY { Vec::new() } else { self.unsaved() }
    }

    /// Models that have learnt since they were saved.
    pub fn unsaved(&self) -> Vec<Fingerprint> {
        self.series.iter().filter(|(_, tracked)| tracked.has_learnt).map(|(key, _)| *key).collect()
    }

    /// Enough was saved for now; what was not is still to be.
    pub fn saved(&mut self, now: Timestamp) {
        self.saved_at = now;
    }

    /// The state of a series was saved, which has so many bytes now.
    pub fn saved_one(&mut self, series: Fingerprint, state_bytes: usize) {
        let Some(tracked) = self.series.get_mut(&series) else { return };
        tracked.has_learnt = false;
        if let Standing::Fitted(fit) = &mut tracked.standing {
            fit.state_bytes = state_bytes;
        }
    }

    /// Takes out series that were not seen for so long that a model of them would know nothing.
    pub fn forget_gone(&mut self, now: Timestamp) -> Vec<(Fingerprint, Labels)> {
        let kept = self.plan.history.max(LEAST_KEPT);
        let gone = self.series.extract_if(.., |_, tracked| tracked.last_seen + kept < now);
        gone.map(|(key, tracked)| (key, tracked.labels)).collect()
    }
}

impl Tracked {
    fn new(labels: Labels, standing: Standing, now: Timestamp) -> Self {
        Self {
            labels,
            standing,
            error: None,
            abnormal: None,
            last_seen: now,
            next_fit: now,
            failures: 0,
            has_learnt: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3_600);
    const DAY: Duration = Duration::from_secs(86_400);
    const NOW: Timestamp = Timestamp::from_millis(1_795_248_000_000);

    fn roster() -> Roster {
        let plan = Plan {
            name: "boiler".to_owned(),
            multivariate: false,
            fit_every: DAY,
            history: DAY * 7,
            normal_below: 3.0,
        };
        Roster::new(plan, NOW)
    }

    fn device(name: &str) -> Labels {
        Labels::from_pairs([("device", name)])
    }

    fn fit(at: Timestamp) -> Fit {
        Fit { at, report: FitReport::default(), dimensions: Vec::new(), state_bytes: 10 }
    }

    #[test]
    fn a_series_is_fitted_at_first_sight_and_then_every_day() {
        let mut roster = roster();
        roster.see([&device("a")], NOW);
        let key = roster.key(&device("a"));
        assert_eq!(roster.due(NOW), [key]);
        roster.fit_ended(key, FitOutcome::InUse(fit(NOW)), NOW);
        assert_eq!(roster.due(NOW + DAY - HOUR), []);
        assert_eq!(roster.due(NOW + DAY), [key]);
        roster.see([&device("b")], NOW + HOUR);
        assert_eq!(roster.due(NOW + HOUR), [roster.key(&device("b"))], "a new one waits for nobody");
    }

    #[test]
    fn it_waits_for_points_and_tries_failed_fits_again_ever_later() {
        let mut roster = roster();
        roster.see([&device("a")], NOW);
        let key = roster.key(&device("a"));
        roster.fit_ended(key, FitOutcome::TooFewUntil(NOW + HOUR * 5), NOW);
        assert!(roster.due(NOW + HOUR * 4).is_empty() && roster.due(NOW + HOUR * 5) == [key]);
        let mut now = NOW + HOUR * 5;
        let mut pauses = Vec::new();
        for _ in 0..10 {
            roster.fit_ended(key, FitOutcome::Failed("no".to_owned()), now);
            let next = roster.series[&key].next_fit;
            pauses.push(next.since(now).as_secs() / 60);
            now = next;
        }
        assert_eq!(pauses, [10, 20, 40, 80, 160, 320, 640, 1_280, 1_440, 1_440]);
        assert_eq!(roster.series[&key].error.as_deref(), Some("no"));
        roster.fit_ended(key, FitOutcome::InUse(fit(now)), now);
        assert_eq!((roster.series[&key].failures, &roster.series[&key].error), (0, &None));
    }

    #[test]
    fn a_failed_fit_leaves_the_former_one_in_use() {
        let mut roster = roster();
        roster.see([&device("a")], NOW);
        let key = roster.key(&device("a"));
        roster.fit_ended(key, FitOutcome::InUse(fit(NOW)), NOW);
        roster.fit_ended(key, FitOutcome::Failed("no".to_owned()), NOW + DAY);
        assert_eq!(roster.fit(key), Some(&fit(NOW)));
        roster.must_refit(&device("a"), "cannot be restored".to_owned(), NOW + DAY);
        assert_eq!((roster.fit(key), roster.due(NOW + DAY)), (None, vec![key]));
    }

    #[test]
    fn what_comes_back_is_fitted_when_its_time_comes() {
        let mut roster = roster();
        roster.restored(device("a"), fit(NOW - HOUR), NOW);
        assert_eq!(roster.due(NOW), []);
        assert_eq!(roster.due(NOW + DAY - HOUR), [roster.key(&device("a"))]);
    }

    #[test]
    fn only_points_near_to_zero_are_normal() {
        let mut roster = roster();
        roster.see([&device("a")], NOW);
        let key = roster.key(&device("a"));
        let mut judge = |scores: &[f64]| roster.judge(key, scores, NOW);
        assert_eq!(judge(&[2.9]), Judgement::Normal);
        assert_eq!(judge(&[f64::NAN]), Judgement::None);
        assert_eq!(judge(&[]), Judgement::None);
        assert_eq!(judge(&[-3.0]), Judgement::AbnormalNow);
        assert_eq!(judge(&[1.0, -7.0, f64::NAN]), Judgement::AbnormalStill);
        assert_eq!(judge(&[0.0]), Judgement::Normal);
        assert_eq!(judge(&[f64::INFINITY]), Judgement::AbnormalNow, "again");
        let abnormal = roster.series[&key].abnormal.clone().unwrap();
        assert_eq!((abnormal.score, abnormal.goes_on), (f64::INFINITY, true));
    }

    #[test]
    fn what_was_learnt_is_saved_now_and_then() {
        let mut roster = roster();
        roster.see([&device("a"), &device("b")], NOW);
        let key = roster.key(&device("a"));
        roster.learnt(key);
        assert_eq!((roster.to_save(NOW), roster.unsaved()), (vec![], vec![key]));
        let later = NOW + SAVE_EVERY;
        assert_eq!(roster.to_save(later), [key]);
        roster.saved(later);
        assert_eq!((roster.to_save(later), roster.unsaved()), (vec![], vec![key]), "not all could be");
        roster.saved_one(key, 10);
        assert_eq!(roster.unsaved(), []);
    }

    #[test]
    fn series_are_bounded_and_those_long_gone_make_room() {
        let mut roster = roster();
        let all: Vec<Labels> = (0..MAX_SERIES + 5).map(|n| device(&n.to_string())).collect();
        roster.see(&all, NOW);
        assert_eq!((roster.series.len(), roster.left_out()), (MAX_SERIES, 5));
        let later = NOW + DAY * 8;
        roster.see(&all[..10], later);
        assert_eq!(roster.forget_gone(later).len(), MAX_SERIES - 10);
        roster.see(&all, later);
        assert_eq!(roster.left_out(), 5);
    }

    #[test]
    fn what_comes_back_after_a_crash_keeps_its_pause_and_stays_abnormal() {
        let mut roster = roster();
        roster.see([&device("a")], NOW);
        let key = roster.key(&device("a"));
        roster.fit_ended(key, FitOutcome::InUse(fit(NOW)), NOW);
        roster.judge(key, &[9.0], NOW);
        let later = NOW + DAY;
        roster.fit_ended(key, FitOutcome::Failed("crashed".to_owned()), later);
        roster.restored(device("a"), fit(NOW), later);
        assert_eq!(roster.due(later), [], "the fit that failed is not tried at once");
        assert_eq!(roster.judge(key, &[9.0], later), Judgement::AbnormalStill);
    }

    #[test]
    fn states_are_bounded_together() {
        let mut roster = roster();
        roster.see([&device("a"), &device("b")], NOW);
        let [a, b] = ["a", "b"].map(|name| roster.key(&device(name)));
        let large = Fit { state_bytes: MAX_STATES_BYTES - 5, ..fit(NOW) };
        roster.fit_ended(a, FitOutcome::InUse(large), NOW);
        assert!(roster.has_room(b, 5) && !roster.has_room(b, 6) && roster.has_room(a, MAX_STATES_BYTES));
    }

    #[test]
    fn a_multivariate_model_is_one() {
        let plan = Plan { multivariate: true, ..roster().plan };
        let mut roster = Roster::new(plan, NOW);
        roster.see([&device("a"), &device("b")], NOW);
        assert_eq!(roster.due(NOW), [roster.key(&Labels::empty())]);
        let nothing: [&Labels; 0] = [];
        roster.see(nothing, NOW);
        assert_eq!(roster.series().count(), 1);
    }
}
