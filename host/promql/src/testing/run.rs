//! Runs the commands of a script.

use std::time::Duration;

use bellwether_model::labels::{BUCKET_LABEL, METRIC_NAME};
use bellwether_model::matcher::all_match;
use bellwether_model::{Labels, Sample, Series, Timestamp};

use crate::ast::{AtTime, Expr, Shift};
use crate::engine::{Engine, EngineOptions, Range};
use crate::error::{EvalError, ParseError};
use crate::query::Query;
use crate::testing::memory::MemoryStore;
use crate::testing::parse::{Command, CommandKind, Eval, Item, SeriesLine, When, commands};
use crate::testing::{Finding, Report, compare};
use crate::value::{Answer, InstantSample, Value};

const NEEDS_HISTOGRAMS: &str = "needs native histograms";
const NEEDS_START_TIMES: &str = "needs start timestamps";

pub(super) struct Runner {
    file: String,
    engine: Engine,
    store: MemoryStore,
    /// Series whose samples are native histograms, which the store does not hold.
    histograms: Vec<Labels>,
    start_times: bool,
    report: Report,
}

/// Why a query did not pass.
enum Miss {
    Failed(String),
    Skipped(&'static str),
}

enum Failure {
    Parse(ParseError),
    Eval(EvalError),
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Parse(error) => error.fmt(f),
            Self::Eval(error) => error.fmt(f),
        }
    }
}

impl Runner {
    pub(super) fn new(file: &str) -> Self {
        Self {
            file: file.to_owned(),
            engine: Engine::new(EngineOptions::default()),
            store: MemoryStore::default(),
            histograms: Vec::new(),
            start_times: false,
            report: Report::default(),
        }
    }

    pub(super) fn run(mut self, text: &str) -> Report {
        match commands(text) {
            Ok(commands) => commands.into_iter().for_each(|command| self.command(command)),
            Err((line, message)) => {
                let finding = self.finding(line, "", format!("cannot read the line: {message}"));
                self.report.failures.push(finding);
            }
        }
        self.report
    }

    fn finding(&self, line: usize, query: &str, reason: String) -> Finding {
        Finding { file: self.file.clone(), line, query: query.to_owned(), reason }
    }

    fn command(&mut self, command: Command) {
        match command.kind {
            CommandKind::Clear => {
                self.store = MemoryStore::default();
                self.histograms.clear();
                self.start_times = false;
            }
            CommandKind::Load { step_ms, with_nhcb, series, start_times } => {
                self.start_times |= start_times;
                series.iter().for_each(|line| self.load(line, step_ms, with_nhcb));
            }
            CommandKind::Eval(eval) => match self.eval(&eval) {
                Ok(()) => self.report.passed += 1,
                Err(Miss::Failed(reason)) => {
                    let finding = self.finding(command.line, &eval.query, reason);
                    self.report.failures.push(finding);
                }
                Err(Miss::Skipped(reason)) => {
                    let finding = self.finding(command.line, &eval.query, reason.to_owned());
                    self.report.skipped.push(finding);
                }
            },
        }
    }

    fn load(&mut self, line: &SeriesLine, step_ms: i64, with_nhcb: bool) {
        let mut at = Timestamp::UNIX_EPOCH;
        for item in &line.items {
            if let Item::Float(value) = item {
                self.store.put(&line.labels, Sample::new(at, *value));
            }
            at = at.offset_millis(step_ms);
        }
        if line.items.contains(&Item::Histogram) {
            self.histograms.push(line.labels.clone());
        }
        let name = line.labels.metric_name().and_then(|name| name.strip_suffix("_bucket"));
        if let (true, Some(name)) = (with_nhcb, name) {
            let mut native = line.labels.to_builder();
            native.set(METRIC_NAME, name).remove(BUCKET_LABEL);
            self.histograms.push(native.build());
        }
    }

    fn eval(&self, eval: &Eval) -> Result<(), Miss> {
        if eval.series.iter().any(|line| line.items.contains(&Item::Histogram)) {
            return Err(Miss::Skipped(NEEDS_HISTOGRAMS));
        }
        let query = match self.engine.prepare(&eval.query) {
            Ok(query) => query,
            Err(error) if is_histogram_function(&error) => return Err(Miss::Skipped(NEEDS_HISTOGRAMS)),
            Err(error) => return settle(eval, &Failure::Parse(error)),
        };
        let selects = |labels: &Labels| query.selectors().any(|matchers| all_match(matchers, labels));
        if self.histograms.iter().any(selects) {
            return Err(Miss::Skipped(NEEDS_HISTOGRAMS));
        }
        let result = match self.evaluate(eval, &query) {
            Err(error) => settle(eval, &Failure::Eval(error)),
            Ok(_) if eval.failure.is_some() => {
                Err(Miss::Failed("expected a failure, got a result".to_owned()))
            }
            Ok(answer) => compare::answer(eval, &answer)
                .and_then(|()| self.as_middle_step(eval, &query, &answer))
                .map_err(Miss::Failed),
        };
        match result {
            Err(Miss::Failed(_)) if self.start_times => Err(Miss::Skipped(NEEDS_START_TIMES)),
            result => result,
        }
    }

    fn evaluate(&self, eval: &Eval, query: &Query) -> Result<Answer, EvalError> {
        match eval.when {
            When::Instant(at) => self.engine.instant(query, &self.store, at),
            When::Range { start, end, step_ms } => {
                let step = Duration::from_millis(step_ms.unsigned_abs());
                self.engine.range(query, &self.store, start, end, step)
            }
        }
    }

    /// An instant query gives the same as the middle one of three steps, unless it looks at the steps themselves.
    fn as_middle_step(&self, eval: &Eval, query: &Query, answer: &Answer) -> Result<(), String> {
        const STEP: Duration = Duration::from_secs(60);
        let When::Instant(at) = eval.when else {
            return Ok(());
        };
        if !matches!(answer.value, Value::Vector(_) | Value::Scalar(_))
            || looks_at_steps(query)
            || eval.ordered
        {
            return Ok(());
        }
        let range = Range { start: at - STEP, end: at + STEP, step: STEP };
        let steps = self.engine.range(query, &self.store, range.start, range.end, range.step);
        let steps = steps.map_err(|error| format!("as a range query: {error}"))?;
        let Value::Matrix(series) = steps.value else {
            return Err("range query without a matrix".to_owned());
        };
        let middle: Vec<InstantSample> = series.iter().filter_map(|series| sample_at(series, at)).collect();
        let value = match (&answer.value, middle.first()) {
            (Value::Scalar(_), Some(only)) => Value::Scalar(only.sample),
            _ => Value::Vector(middle),
        };
        compare::value(eval, &value).map_err(|difference| format!("as a range query: {difference}"))
    }
}

fn sample_at(series: &Series, at: Timestamp) -> Option<InstantSample> {
    let sample = series.samples.iter().find(|sample| sample.at == at)?;
    Some(InstantSample { labels: series.labels.clone(), sample: *sample })
}

/// A failure passes where it was expected, with the expected text.
fn settle(eval: &Eval, failure: &Failure) -> Result<(), Miss> {
    let text = failure.to_string();
    match &eval.failure {
        None => Err(Miss::Failed(format!("unexpected error: {text}"))),
        Some(wanted) => match wanted.iter().find(|wanted| !wanted.matches(&text)) {
            Some(wanted) => Err(Miss::Failed(format!("expected the error {wanted:?}, got: {text}"))),
            None => Ok(()),
        },
    }
}

fn is_histogram_function(error: &ParseError) -> bool {
    error.message.starts_with("unknown function with name \"histogram_")
}

fn looks_at_steps(query: &Query) -> bool {
    let ast = query.ast();
    let moves = |shift: &Shift| matches!(shift.at, Some(AtTime::Start | AtTime::End));
    ast.ids().any(|id| match ast.expr(id) {
        Expr::Selector(selector) => moves(&selector.shift),
        Expr::Subquery(subquery) => moves(&subquery.shift),
        Expr::Call { function, .. } => ["start", "end", "step", "range"].contains(&&**function),
        _ => false,
    })
}
