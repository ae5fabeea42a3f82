//! One configured model at work: its task evaluates the expression, has the points scored and learnt from, and fits in
//! the background. Whatever it has to decide, the [`Roster`] does.

use std::sync::{Arc, PoisonError, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use bellwether_model::detector::Verdicts;
use bellwether_model::modelling::{ModelError, ModelPoints, ModelSession, ModelSpec};
use bellwether_model::state::{StateError, StoredModel};
use bellwether_model::{Fingerprint, Labels, Record, Timestamp};
use bellwether_promql::Tick;
use bellwether_rules::{Evaluator as _, Schedule};
use rustc_hash::FxHashSet;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::fitting::{FitEnded, FitRound};
use super::history::same_labels;
use super::roster::{Fit, FitOutcome, Judgement, Roster};
use super::subject::{Subject, subjects};
use super::{ModelView, ModellingDeps, Offer};

/// Series of one evaluation that are explained; an explanation costs as much as many scores.
const MAX_EXPLAINED: usize = 5;
/// Models that are saved in one transaction, and their bytes, so that nothing else waits long.
const SAVED_AT_ONCE: usize = 50;
const SAVED_BYTES_AT_ONCE: usize = 4 << 20;
/// How long saving may take; a stop of the host does not wait much longer.
const MAX_SAVING: Duration = Duration::from_secs(2);

/// A task with what it owns.
pub(super) struct Worker {
    deps: Arc<ModellingDeps>,
    offer: Offer,
    spec: ModelSpec,
    view: Arc<ModelView>,
    session: Session,
    round: Round,
    /// How many series were left out of the last evaluation.
    left_out: usize,
    /// Series whose saved model broke the plugin when it was restored.
    suspects: FxHashSet<Fingerprint>,
}

/// What runs the models.
enum Session {
    /// Nothing: not yet, or not any more after a crash.
    Closed,
    Open(Box<dyn ModelSession>),
}

/// Whether models are being fitted.
enum Round {
    Idle,
    Running(mpsc::Receiver<FitEnded>),
}

impl Round {
    /// The next model that was fitted; none when all are. Waits for ever while nothing is fitted.
    async fn next(&mut self) -> Option<FitEnded> {
        match self {
            Self::Idle => std::future::pending().await,
            Self::Running(ended) => ended.recv().await,
        }
    }
}

impl Worker {
    pub(super) fn new(deps: Arc<ModellingDeps>, offer: Offer, view: Arc<ModelView>) -> Self {
        let definition = &view.definition;
        let spec = ModelSpec {
            name: definition.name.clone(),
            kind: definition.kind.clone(),
            config: offer.config.clone(),
        };
        Self {
            deps,
            offer,
            spec,
            view,
            session: Session::Closed,
            round: Round::Idle,
            left_out: 0,
            suspects: FxHashSet::default(),
        }
    }

    /// Works until it is told to end, and then saves what was learnt.
    pub(super) async fn run(mut self, token: CancellationToken) {
        let seed = self.roster().key(&Labels::empty()).0;
        let schedule = Schedule::new(self.view.definition.interval, seed);
        let mut due = schedule.next(self.deps.clock.now());
        let mut last = None;
        loop {
            let now = self.deps.clock.now();
            // Earlier where the clock has gone back.
            due = due.min(schedule.next(now));
            tokio::select! {
                () = token.cancelled() => break,
                ended = self.round.next() => match ended {
                    Some(ended) => self.take_in(ended).await,
                    None => self.round = Round::Idle,
                },
                () = tokio::time::sleep(due.since(now)) => {
                    let now = self.deps.clock.now();
                    due = schedule.next(now);
                    let slot = schedule.slot(now);
                    // Again where the clock was set back a little: nothing is learnt twice.
                    if last.replace(slot) != Some(slot) {
                        self.evaluate(slot, &token).await;
                    }
                }
            }
        }
        let unsaved = self.roster().unsaved();
        self.save(unsaved).await;
    }

    async fn evaluate(&mut self, slot: Timestamp, token: &CancellationToken) {
        let done = self.try_evaluate(slot).await;
        if let Err(reason) = &done {
            warn!(model = self.spec.name, reason, "model not evaluated");
        }
        let left_out = self.roster().left_out();
        if left_out > self.left_out {
            warn!(model = self.spec.name, left_out, "a model has too many series");
        }
        self.left_out = left_out;
        let series = self.roster().series().count();
        self.deps.telemetry.model_evaluated(&self.spec.name, series, left_out, done.is_ok());
        self.view.evaluated(slot, done.err());
        self.begin_fits(slot, token);
        let to_save = self.roster().to_save(slot);
        self.save(to_save).await;
    }

    async fn try_evaluate(&mut self, slot: Timestamp) -> Result<(), String> {
        let vector = self.vector(slot).await?;
        self.roster_mut().see(vector.iter().map(|(labels, _)| labels), slot);
        self.open(slot).await.map_err(|error| error.to_string())?;
        self.forget_gone(slot).await;
        let subjects = subjects(&self.roster(), &vector);
        let points: Vec<ModelPoints> = subjects.iter().map(|subject| subject.points(slot)).collect();
        let verdicts = self.score(&points).await.map_err(|error| error.to_string())?;
        let judged = self.judge(&subjects, &verdicts, slot);
        let written = self.write(judged.records, slot).await;
        self.learn(pick(&points, &judged.normal)).await;
        self.explain(pick(&points, &judged.newly_abnormal)).await;
        written
    }

    /// The numbers that are judged, without metric names.
    async fn vector(&mut self, at: Timestamp) -> Result<Vec<(Labels, f64)>, String> {
        let (evaluator, query) = (self.deps.evaluator.clone(), self.offer.query.clone());
        blocking(move || {
            let samples = evaluator.evaluate(&query, &Tick::new(at)).map_err(|error| error.to_string())?;
            let mut seen = FxHashSet::default();
            let mut vector = Vec::with_capacity(samples.len());
            for sample in samples {
                // A native histogram cannot be judged.
                let Some(value) = sample.value.as_float() else { continue };
                let labels = sample.labels.without_metric_name();
                if !seen.insert(labels.clone()) {
                    return Err(same_labels(&labels));
                }
                vector.push((labels, value));
            }
            Ok(vector)
        })
        .await?
    }

    /// Puts what was saved to work, where nothing is: at the start, after a change of the plugin, and after a crash.
    async fn open(&mut self, now: Timestamp) -> Result<(), String> {
        if matches!(self.session, Session::Open(_)) {
            return Ok(());
        }
        let (state, name) = (Arc::clone(&self.deps.state), self.spec.name.clone());
        let stored = blocking(move || state.models(&name)).await?.map_err(|error| error.to_string())?;
        let mut session = self.offer.modeller.open(self.spec.clone());
        let (mut restored, mut useless) = (FxHashSet::default(), Vec::new());
        let definition = self.made_of();
        for row in stored {
            if row.definition != definition {
                useless.push(row.series);
                continue;
            }
            let key = self.roster().key(&row.series);
            match session.restore(key, &row.state).await {
                Ok(()) => {
                    restored.insert(key);
                    let fit = Fit {
                        at: row.fitted_at,
                        report: row.report,
                        dimensions: row.dimensions,
                        state_bytes: row.state.len(),
                    };
                    self.roster_mut().restored(row.series, fit, now);
                }
                // Kept until the next fit takes its place: a version of the plugin that can read it may come back.
                Err(ModelError::Failed(why)) => {
                    self.roster_mut().must_refit(&row.series, format!("cannot be restored: {why}"), now);
                }
                Err(crashed @ ModelError::Crashed(_)) => {
                    // The first time it may have been the machine's fault, and after the second it is not tried again.
                    if !self.suspects.insert(key) {
                        self.forget(vec![row.series]).await;
                    }
                    return Err(crashed.to_string());
                }
                Err(refused @ ModelError::Refused(_)) => return Err(refused.to_string()),
            }
        }
        self.forget(useless).await;
        self.refit_lost(&restored, now);
        self.suspects.clear();
        if !restored.is_empty() {
            info!(model = self.spec.name, series = restored.len(), "models restored");
        }
        self.session = Session::Open(session);
        Ok(())
    }

    /// Models that were in use and of which nothing was saved.
    fn refit_lost(&self, restored: &FxHashSet<Fingerprint>, now: Timestamp) {
        let mut roster = self.roster_mut();
        let lost = roster.series().filter(|(key, _)| !restored.contains(key) && roster.fit(*key).is_some());
        let lost: Vec<Labels> = lost.map(|(_, tracked)| tracked.labels.clone()).collect();
        for labels in lost {
            roster.must_refit(&labels, "what was fitted is lost".to_owned(), now);
        }
    }

    /// What a saved model must be made of to be of use.
    fn made_of(&self) -> String {
        let plugin = &self.offer.modeller.plugin().name;
        let sees = if self.roster().plan().multivariate { "all" } else { "each" };
        format!("{plugin} {} {sees} {} {}", self.spec.kind, self.spec.config, self.view.definition.expr)
    }

    async fn forget_gone(&mut self, now: Timestamp) {
        let gone = self.roster_mut().forget_gone(now);
        for (key, _) in &gone {
            if let Session::Open(session) = &mut self.session {
                let forgotten = session.forget(*key).await;
                self.checked(forgotten).ok();
            }
        }
        self.forget(gone.into_iter().map(|(_, labels)| labels).collect()).await;
    }

    async fn score(&mut self, points: &[ModelPoints]) -> Result<Vec<Result<Verdicts, String>>, ModelError> {
        match &mut self.session {
            Session::Open(session) if !points.is_empty() => {
                let scored = session.score(points).await;
                self.checked(scored)
            }
            Session::Open(_) => Ok(Vec::new()),
            Session::Closed => {
                Err(ModelError::Refused("its models are not at work after a crash".to_owned()))
            }
        }
    }

    fn judge(&self, subjects: &[Subject], verdicts: &[Result<Verdicts, String>], at: Timestamp) -> Judged {
        let mut roster = self.roster_mut();
        let mut judged = Judged::default();
        for (place, (subject, verdicts)) in subjects.iter().zip(verdicts).enumerate() {
            let verdicts = match verdicts {
                Ok(verdicts) => verdicts,
                Err(why) => {
                    roster.failed(subject.key, why.clone());
                    continue;
                }
            };
            judged.records.extend(subject.records(&self.spec.name, verdicts, at));
            match roster.judge(subject.key, &subject.scores(verdicts), at) {
                Judgement::Normal => judged.normal.push(place),
                Judgement::AbnormalNow => judged.newly_abnormal.push(place),
                Judgement::AbnormalStill | Judgement::None => {}
            }
        }
        judged
    }

    async fn write(&mut self, mut records: Vec<Record>, at: Timestamp) -> Result<(), String> {
        let current = self.view.end_others(&mut records, at);
        if records.is_empty() {
            return Ok(());
        }
        let appender = Arc::clone(&self.deps.appender);
        let appended = blocking(move || appender.append(&records)).await?;
        appended.map_err(|error| format!("cannot store scores: {error}"))?;
        self.view.wrote(current);
        Ok(())
    }

    async fn learn(&mut self, points: Vec<ModelPoints>) {
        let Session::Open(session) = &mut self.session else { return };
        if points.is_empty() {
            return;
        }
        let updated = session.update(&points).await;
        let updated = match self.checked(updated) {
            Ok(updated) => updated,
            Err(reason) => {
                warn!(model = self.spec.name, %reason, "model has not learnt");
                return;
            }
        };
        let mut roster = self.roster_mut();
        for (points, updated) in points.iter().zip(updated) {
            match updated {
                Ok(()) => roster.learnt(points.series),
                Err(why) => roster.failed(points.series, why),
            }
        }
    }

    async fn explain(&mut self, points: Vec<ModelPoints>) {
        for points in points.iter().take(MAX_EXPLAINED) {
            let Session::Open(session) = &mut self.session else { return };
            let explained = session.explain(points).await;
            // What it cannot explain it need not.
            if let Ok(explanation) = self.checked(explained) {
                self.roster_mut().explained(points.series, explanation.text);
            }
        }
    }

    /// Fits what is due, if nothing is being fitted.
    fn begin_fits(&mut self, now: Timestamp, token: &CancellationToken) {
        let due: Vec<(Fingerprint, Labels)> = {
            let roster = self.roster();
            let due = roster.due(now).into_iter();
            due.filter_map(|key| Some((key, roster.labels(key)?.clone()))).collect()
        };
        let is_open = matches!(self.session, Session::Open(_));
        if due.is_empty() || !is_open || matches!(self.round, Round::Running(_)) {
            return;
        }
        let (tell, ended) = mpsc::channel(1);
        let round = FitRound {
            deps: Arc::clone(&self.deps),
            offer: self.offer.clone(),
            spec: self.spec.clone(),
            plan: self.roster().plan().clone(),
            interval: self.view.definition.interval,
            series: self.roster().seen(),
            due,
            now,
            token: token.clone(),
        };
        let token = token.clone();
        self.deps.tasks.spawn(format!("fits of model {}", self.spec.name), async move {
            tokio::select! {
                () = token.cancelled() => {}
                () = round.run(tell) => {}
            }
        });
        self.round = Round::Running(ended);
    }

    /// Puts a model that was fitted to work, and keeps it.
    async fn take_in(&mut self, ended: FitEnded) {
        let now = self.deps.clock.now();
        let outcome = match ended.fitted {
            Ok(fitted) => {
                let fit = Fit {
                    at: now,
                    report: fitted.report,
                    dimensions: ended.dimensions,
                    state_bytes: fitted.state.len(),
                };
                match self.put_to_work(ended.series, fit.clone(), fitted.state, now).await {
                    Ok(()) => FitOutcome::InUse(fit),
                    Err(why) => FitOutcome::Failed(why),
                }
            }
            Err(outcome) => outcome,
        };
        if let FitOutcome::Failed(reason) = &outcome {
            warn!(model = self.spec.name, reason, "model not fitted");
        }
        self.roster_mut().fit_ended(ended.series, outcome, now);
    }

    async fn put_to_work(
        &mut self,
        series: Fingerprint,
        fit: Fit,
        state: Vec<u8>,
        now: Timestamp,
    ) -> Result<(), String> {
        if !self.roster().has_room(series, state.len()) {
            return Err("the states of all its series together are too large".to_owned());
        }
        // Where nothing can be put to work now, it is kept, and restored with all others.
        if let Err(reason) = self.open(now).await {
            warn!(model = self.spec.name, reason, "fitted model waits");
        }
        if let Session::Open(session) = &mut self.session {
            let restored = session.restore(series, &state).await;
            match self.checked(restored) {
                Ok(()) | Err(ModelError::Refused(_)) => {}
                Err(error) => return Err(format!("what was fitted cannot be restored: {error}")),
            }
        }
        let row = self.row(series, fit, state);
        if let Err(reason) = self.keep(row.into_iter().collect()).await {
            error!(model = self.spec.name, reason, "fitted model not kept over a restart");
        }
        Ok(())
    }

    /// Saves what models have learnt, as far as there is time: whoever waits for it does not wait for long.
    async fn save(&mut self, all: Vec<Fingerprint>) {
        if all.is_empty() {
            return;
        }
        let over = Instant::now() + MAX_SAVING;
        let mut rows = Vec::new();
        for key in all {
            // Gone after a crash, with all that was not saved yet.
            let Session::Open(session) = &mut self.session else { break };
            let saved = session.save(key).await;
            match self.checked(saved) {
                Ok(state) if !self.roster().has_room(key, state.len()) => {
                    let bytes = state.len();
                    let why = format!("cannot be saved: its {bytes} bytes are too many beside the others'");
                    self.roster_mut().failed(key, why);
                }
                Ok(state) => {
                    let fit = self.roster().fit(key).cloned();
                    rows.extend(fit.and_then(|fit| self.row(key, fit, state)).map(|row| (key, row)));
                }
                Err(reason) => warn!(model = self.spec.name, %reason, "model not saved"),
            }
            let bytes: usize = rows.iter().map(|(_, row)| row.state.len()).sum();
            if rows.len() >= SAVED_AT_ONCE || bytes >= SAVED_BYTES_AT_ONCE {
                self.keep_saved(std::mem::take(&mut rows)).await;
            }
            if Instant::now() >= over {
                break;
            }
        }
        self.keep_saved(rows).await;
        let now = self.deps.clock.now();
        self.roster_mut().saved(now);
    }

    async fn keep_saved(&mut self, rows: Vec<(Fingerprint, StoredModel)>) {
        let sizes: Vec<(Fingerprint, usize)> =
            rows.iter().map(|(key, row)| (*key, row.state.len())).collect();
        match self.keep(rows.into_iter().map(|(_, row)| row).collect()).await {
            Ok(()) => {
                let mut roster = self.roster_mut();
                sizes.into_iter().for_each(|(key, bytes)| roster.saved_one(key, bytes));
            }
            Err(reason) => error!(model = self.spec.name, reason, "models not kept over a restart"),
        }
    }

    fn row(&self, series: Fingerprint, fit: Fit, state: Vec<u8>) -> Option<StoredModel> {
        let plugin = self.offer.modeller.plugin();
        Some(StoredModel {
            series: self.roster().labels(series)?.clone(),
            dimensions: fit.dimensions,
            plugin: plugin.name.clone(),
            sha256: plugin.sha256.clone(),
            definition: self.made_of(),
            fitted_at: fit.at,
            report: fit.report,
            state,
        })
    }

    async fn keep(&mut self, rows: Vec<StoredModel>) -> Result<(), String> {
        let (state, name) = (Arc::clone(&self.deps.state), self.spec.name.clone());
        kept(blocking(move || state.put_models(&name, &rows)).await)
    }

    async fn forget(&mut self, series: Vec<Labels>) {
        if series.is_empty() {
            return;
        }
        let (state, name) = (Arc::clone(&self.deps.state), self.spec.name.clone());
        if let Err(reason) = kept(blocking(move || state.forget_series(&name, &series)).await) {
            error!(model = self.spec.name, reason, "models that are of no use not forgotten");
        }
    }

    /// After a crash nothing is at work any more.
    fn checked<T>(&mut self, answer: Result<T, ModelError>) -> Result<T, ModelError> {
        if let Err(ModelError::Crashed(_)) = &answer {
            self.session = Session::Closed;
        }
        answer
    }

    fn roster(&self) -> RwLockReadGuard<'_, Roster> {
        self.view.roster.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn roster_mut(&self) -> RwLockWriteGuard<'_, Roster> {
        self.view.roster.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What became of the points of one evaluation, by their places.
#[derive(Default)]
struct Judged {
    records: Vec<Record>,
    normal: Vec<usize>,
    newly_abnormal: Vec<usize>,
}

fn pick(points: &[ModelPoints], places: &[usize]) -> Vec<ModelPoints> {
    places.iter().map(|place| points[*place].clone()).collect()
}

fn kept(done: Result<Result<(), StateError>, String>) -> Result<(), String> {
    done.and_then(|kept| kept.map_err(|error| error.to_string()))
}

/// Work that waits for the disk or computes for long, on a thread of its own.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, String> {
    tokio::task::spawn_blocking(work).await.map_err(|error| format!("a thread failed: {error}"))
}
