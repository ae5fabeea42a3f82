//! What passes between the host and models: history in, a report back; then points in, one verdict for each back.
//!
//! These are the types of the interface `models` of `wit/detector` without the component around them.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::BoxFuture;
use crate::detector::{Verdicts, WindowMatrix};
use crate::labels::Fingerprint;

/// What a model may leave behind for the next time, in bytes.
pub const MAX_STATE_BYTES: usize = 1 << 20;

/// A kind of model that a plugin offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelKind {
    /// Named in configuration as `model: <name>`.
    pub name: String,
    /// One sentence.
    pub summary: String,
    /// How far back it wants to see when it is fitted.
    pub history: Duration,
    /// True: one model sees all series as dimensions of one thing. False: one model for each series.
    pub multivariate: bool,
}

/// Which plugin a kind comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelPlugin {
    /// Its name.
    pub name: String,
    /// Its own version.
    pub version: String,
    /// Digest of its file: another one means that states have to be taken over.
    pub sha256: String,
}

/// A configured model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelSpec {
    /// What it is called in the configuration; crashes are blamed on it.
    pub name: String,
    /// Which kind it is.
    pub kind: String,
    /// Its settings as a JSON object: checked, with defaults filled in.
    pub config: String,
}

/// What fitting found out.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct FitReport {
    /// False keeps the former model in use.
    pub usable: bool,
    /// Points that it was fitted to.
    pub points: u32,
    /// In the detector's own words.
    pub summary: String,
    /// Quality figures by name; all of them are finite.
    pub figures: Vec<(String, f64)>,
}

/// A model that was fitted.
#[derive(Debug, Clone, PartialEq)]
pub struct Fitted {
    /// What fitting found out.
    pub report: FitReport,
    /// All that is needed to go on with it, at most [`MAX_STATE_BYTES`].
    pub state: Vec<u8>,
}

/// Why a score is what it is.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Explanation {
    /// For people.
    pub text: String,
    /// Share of each input series in the score; empty for models of one series.
    pub contributions: Vec<f64>,
}

/// New points of one model: of one series, or of all for kinds that are multivariate.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelPoints {
    /// Which model.
    pub series: Fingerprint,
    /// The points.
    pub points: WindowMatrix,
}

/// Why a model gave no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ModelError {
    /// It cannot do this with that input, and goes on.
    #[error("{0}")]
    Failed(String),
    /// It is not called now, after crashes.
    #[error("{0}")]
    Refused(String),
    /// The plugin broke: it trapped, ran too long or wanted too much. What was at work is gone.
    #[error("plugin failed: {0}")]
    Crashed(String),
}

/// Fits models of the kinds that it offers, and puts them to work.
pub trait Modeller: Send + Sync + fmt::Debug {
    /// Which plugin it is.
    fn plugin(&self) -> &ModelPlugin;

    /// What it offers; always the same.
    fn kinds(&self) -> &[ModelKind];

    /// Fits a model of one series, or of all. May be slow; touches nothing that is at work.
    fn fit<'a>(
        &'a self,
        spec: &'a ModelSpec,
        series: Fingerprint,
        history: &'a WindowMatrix,
    ) -> BoxFuture<'a, Result<Fitted, ModelError>>;

    /// A place for the models of one spec, still empty.
    fn open(&self, spec: ModelSpec) -> Box<dyn ModelSession>;
}

/// The fitted models of one spec, by series. After [`ModelError::Crashed`] all of them are gone: open another one, and
/// restore into it what was saved.
pub trait ModelSession: Send + fmt::Debug {
    /// Puts a model to work out of what was saved, perhaps by another version of the plugin; replaces the one that there
    /// was. [`ModelError::Failed`] means that it has to be fitted again.
    fn restore<'a>(
        &'a mut self,
        series: Fingerprint,
        state: &'a [u8],
    ) -> BoxFuture<'a, Result<(), ModelError>>;

    /// Drops a model; one that is not there already is dropped.
    fn forget(&mut self, series: Fingerprint) -> BoxFuture<'_, Result<(), ModelError>>;

    /// Judges points, without learning from them: for each element, in order, one verdict for each of its points, or
    /// what the model said instead.
    fn score<'a>(
        &'a mut self,
        points: &'a [ModelPoints],
    ) -> BoxFuture<'a, Result<Vec<Result<Verdicts, String>>, ModelError>>;

    /// Learns from points that were judged normal; returns for each element whether it did, or why not.
    fn update<'a>(
        &'a mut self,
        points: &'a [ModelPoints],
    ) -> BoxFuture<'a, Result<Vec<Result<(), String>>, ModelError>>;

    /// Says why the scores of points are what they are.
    fn explain<'a>(&'a mut self, points: &'a ModelPoints) -> BoxFuture<'a, Result<Explanation, ModelError>>;

    /// What [`ModelSession::restore`] needs.
    fn save(&mut self, series: Fingerprint) -> BoxFuture<'_, Result<Vec<u8>, ModelError>>;
}
