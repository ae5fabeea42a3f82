//! Fitting in the background: the history is evaluated once for all series that are due, then one model after the other
//! is fitted. Of all models of the host one is fitted at a time.

use std::sync::Arc;
use std::time::Duration;

use bellwether_model::detector::WindowMatrix;
use bellwether_model::modelling::{Fitted, ModelError, ModelSpec};
use bellwether_model::{Fingerprint, Labels, Timestamp};
use rustc_hash::FxHashSet;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::history::{self, Sampling, SeriesHistory};
use super::roster::{FitOutcome, MAX_SERIES, Plan};
use super::worker::blocking;
use super::{ModellingDeps, Offer};
use crate::clock::stopwatch;

/// How long a fit waits that the plugin is not called for.
const AFTER_REFUSAL: Duration = Duration::from_secs(10);

/// The models of one spec that are due.
pub(super) struct FitRound {
    pub(super) deps: Arc<ModellingDeps>,
    pub(super) offer: Offer,
    pub(super) spec: ModelSpec,
    pub(super) plan: Plan,
    pub(super) interval: Duration,
    /// How many series the expression gives, whether due or not.
    pub(super) series: usize,
    pub(super) due: Vec<(Fingerprint, Labels)>,
    pub(super) now: Timestamp,
    /// Says that nobody waits for it any more.
    pub(super) token: CancellationToken,
}

/// One of them is done.
pub(super) struct FitEnded {
    pub(super) series: Fingerprint,
    /// What it sees, in that order.
    pub(super) dimensions: Vec<Labels>,
    pub(super) fitted: Result<Fitted, FitOutcome>,
}

impl FitRound {
    /// Fits all of them, and tells of each. Whoever drops it ends it.
    pub(super) async fn run(self, tell: mpsc::Sender<FitEnded>) {
        let sampling = Sampling::new(self.plan.history, self.interval, self.series.min(MAX_SERIES));
        let mut histories = match self.histories(sampling).await {
            Ok(histories) => histories,
            Err(why) => {
                for (series, _) in &self.due {
                    let fitted = Err(FitOutcome::Failed(why.clone()));
                    tell.send(FitEnded { series: *series, dimensions: Vec::new(), fitted }).await.ok();
                }
                return;
            }
        };
        for (series, labels) in &self.due {
            let own = self.of(labels, &mut histories);
            let fitted = self.fit(*series, &own, sampling).await;
            let dimensions = own.into_iter().map(|series| series.labels).collect();
            if tell.send(FitEnded { series: *series, dimensions, fitted }).await.is_err() {
                return;
            }
        }
    }

    /// What one model is fitted to; taken out, so that it is not held longer than needed.
    fn of(&self, labels: &Labels, histories: &mut Vec<SeriesHistory>) -> Vec<SeriesHistory> {
        if self.plan.multivariate {
            let mut all = std::mem::take(histories);
            all.truncate(MAX_SERIES);
            return all;
        }
        let at = histories.iter().position(|series| series.labels == *labels);
        at.map(|at| histories.swap_remove(at)).into_iter().collect()
    }

    async fn histories(&self, sampling: Sampling) -> Result<Vec<SeriesHistory>, String> {
        let _one_at_a_time = self.deps.lane.acquire().await;
        let (evaluator, query) = (self.deps.evaluator.clone(), self.offer.query.clone());
        let range = sampling.until(self.now);
        let token = self.token.clone();
        let answer = blocking(move || evaluator.range(&query, range, || token.is_cancelled())).await??;
        let mut all = history::series(answer)?;
        if !self.plan.multivariate {
            let due: FxHashSet<&Labels> = self.due.iter().map(|(_, labels)| labels).collect();
            all.retain(|series| due.contains(&series.labels));
        }
        Ok(all)
    }

    async fn fit(
        &self,
        series: Fingerprint,
        own: &[SeriesHistory],
        sampling: Sampling,
    ) -> Result<Fitted, FitOutcome> {
        let most = own.iter().map(|series| series.points.len()).max().unwrap_or(0);
        if let Some(missing) = sampling.missing(most) {
            return Err(FitOutcome::TooFewUntil(self.now + missing));
        }
        let matrix = history::matrix(own);
        let (fitted, seconds) = self.fit_when_admitted(series, &matrix).await;
        let fitted = match fitted {
            Ok(fitted) if fitted.report.usable => Ok(fitted),
            Ok(fitted) => Err(FitOutcome::Failed(format!("not usable: {}", fitted.report.summary))),
            Err(error) => Err(FitOutcome::Failed(error.to_string())),
        };
        self.deps.telemetry.model_fit(&self.spec.name, seconds, fitted.is_ok());
        fitted
    }

    /// After a crash, of another series for instance, the plugin is not called for a while: that is no failure of this one.
    async fn fit_when_admitted(
        &self,
        series: Fingerprint,
        history: &WindowMatrix,
    ) -> (Result<Fitted, ModelError>, Duration) {
        loop {
            let one_at_a_time = self.deps.lane.acquire().await;
            let stopwatch = stopwatch();
            match self.offer.modeller.fit(&self.spec, series, history).await {
                Err(ModelError::Refused(_)) => {
                    drop(one_at_a_time);
                    tokio::time::sleep(AFTER_REFUSAL).await;
                }
                fitted => return (fitted, stopwatch()),
            }
        }
    }
}
