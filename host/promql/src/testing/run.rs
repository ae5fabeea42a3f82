//! Runs the commands of a script.

use std::time::Duration;

use bellwether_model::{Labels, Sample, Timestamp};

use crate::ast::{Ast, AtTime, Expr, Shift};
use crate::engine::{Engine, EngineOptions, Range, TIME_DEPENDENT};
use crate::error::{EvalError, ParseError};
use crate::features::Features;
use crate::query::Query;
use crate::testing::memory::MemoryStore;
use crate::testing::parse::{Command, CommandKind, Eval, Loaded, When, commands};
use crate::testing::series::{Item, SeriesLine};
use crate::testing::{Finding, Report, classic, compare};
use crate::value::{Answer, InstantSample, RangeSeries, SampleValue, Value};

pub(super) struct Runner {
    file: String,
    engine: Engine,
    store: MemoryStore,
    report: Report,
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
        let options =
            EngineOptions { features: Features::ALL, start_timestamps: true, ..EngineOptions::default() };
        Self {
            file: file.to_owned(),
            engine: Engine::new(options),
            store: MemoryStore::default(),
            report: Report::default(),
        }
    }

    pub(super) fn run(mut self, text: &str) -> Report {
        match commands(text) {
            Ok(commands) => commands.into_iter().for_each(|command| self.command(command)),
            Err((line, message)) => self.fail(line, "", format!("cannot read the line: {message}")),
        }
        self.report
    }

    fn fail(&mut self, line: usize, query: &str, reason: String) {
        let finding = Finding { file: self.file.clone(), line, query: query.to_owned(), reason };
        self.report.failures.push(finding);
    }

    fn command(&mut self, command: Command) {
        match command.kind {
            CommandKind::Clear => self.store = MemoryStore::default(),
            CommandKind::Load { step_ms, with_nhcb, series } => {
                series.iter().for_each(|series| self.load(series, step_ms));
                if !with_nhcb {
                    return;
                }
                let lines: Vec<&SeriesLine> = series.iter().map(|series| &series.line).collect();
                match classic::converted(&lines, step_ms) {
                    Ok(histograms) => {
                        for (labels, at, histogram) in histograms {
                            self.store.put_histogram(&labels, at, histogram, 0);
                        }
                    }
                    Err(reason) => self.fail(command.line, "", reason),
                }
            }
            CommandKind::Eval(eval) => match self.eval(&eval) {
                Ok(()) => self.report.passed += 1,
                Err(reason) => self.fail(command.line, &eval.query, reason),
            },
        }
    }

    fn load(&mut self, series: &Loaded, step_ms: i64) {
        let mut at = Timestamp::UNIX_EPOCH;
        let labels = &series.line.labels;
        for (place, item) in series.line.items.iter().enumerate() {
            let since = series.counting_since.get(place).copied().flatten();
            let since = since.map_or(0, |since| at.as_millis() + since);
            match item {
                Item::Gap => {}
                Item::Float(value) => self.store.put_counting(labels, Sample::new(at, *value), since),
                Item::Histogram { histogram, .. } => {
                    self.store.put_histogram(labels, at, histogram.as_ref().clone(), since);
                }
            }
            at = at.offset_millis(step_ms);
        }
    }

    /// As upstream an instant query has to give the same as the middle one of three steps, and again with `@` at
    /// everything it selects, whenever it is evaluated.
    fn eval(&self, eval: &Eval) -> Result<(), String> {
        self.eval_text(eval, &eval.query, eval.when)?;
        let When::Instant(at) = eval.when else {
            return Ok(());
        };
        // Texts that do not parse have failed as they should.
        let Some(fixed) =
            self.engine.prepare(&eval.query).ok().and_then(|query| at_fixed_time(query.ast(), at))
        else {
            return Ok(());
        };
        let at = at.as_millis();
        let others = if at == 0 { vec![-1000, 0, 1000] } else { vec![-10 * at, 0, at / 5, at, 10 * at] };
        for other in others {
            let when = When::Instant(Timestamp::from_millis(other));
            self.eval_text(eval, &fixed, when)
                .map_err(|reason| format!("as {fixed} at {other} ms: {reason}"))?;
        }
        Ok(())
    }

    fn eval_text(&self, eval: &Eval, text: &str, when: When) -> Result<(), String> {
        let query = match self.engine.prepare(text) {
            Ok(query) => query,
            Err(error) => return settle(eval, &Failure::Parse(error)),
        };
        let answer = match self.evaluate(when, &query) {
            Ok(_) if eval.failure.is_some() => return Err("expected a failure, got a result".to_owned()),
            Ok(answer) => answer,
            Err(error) => return settle(eval, &Failure::Eval(error)),
        };
        compare::answer(eval, &answer)?;
        self.as_middle_step(eval, when, &query, &answer)
    }

    fn evaluate(&self, when: When, query: &Query) -> Result<Answer, EvalError> {
        match when {
            When::Instant(at) => self.engine.instant(query, &self.store, at),
            When::Range { start, end, step_ms } => {
                let step = Duration::from_millis(step_ms.unsigned_abs());
                self.engine.range(query, &self.store, start, end, step)
            }
        }
    }

    /// An instant query gives the same as the middle one of three steps, unless it looks at the steps themselves.
    fn as_middle_step(&self, eval: &Eval, when: When, query: &Query, answer: &Answer) -> Result<(), String> {
        const STEP: Duration = Duration::from_secs(60);
        let When::Instant(at) = when else {
            return Ok(());
        };
        let comparable = matches!(answer.value, Value::Vector(_) | Value::Scalar(_));
        if !comparable || looks_at_steps(query.text()) {
            return Ok(());
        }
        let range = Range { start: at - STEP, end: at + STEP, step: STEP };
        let steps = self.engine.range(query, &self.store, range.start, range.end, range.step);
        let steps = steps.map_err(|error| format!("as a range query: {error}"))?;
        let Value::Matrix(series) = steps.value else {
            return Err("range query without a matrix".to_owned());
        };
        if eval.ordered {
            return Ok(());
        }
        let middle: Vec<InstantSample> = series.iter().filter_map(|series| sample_at(series, at)).collect();
        let value = match (&answer.value, middle.first()) {
            (Value::Scalar(_), Some(InstantSample { value: SampleValue::Float(value), .. })) => {
                Value::Scalar(Sample::new(at, *value))
            }
            _ => Value::Vector(middle),
        };
        compare::value(eval, &value).map_err(|difference| format!("as a range query: {difference}"))
    }
}

fn sample_at(series: &RangeSeries, at: Timestamp) -> Option<InstantSample> {
    let float = series.floats.iter().find(|sample| sample.at == at);
    let float = float.map(|sample| SampleValue::Float(sample.value));
    let histogram = series.histograms.iter().find(|(time, _)| *time == at);
    let histogram = histogram.map(|(_, histogram)| SampleValue::Histogram(histogram.clone()));
    let labels: Labels = series.labels.clone();
    float.or(histogram).map(|value| InstantSample { labels, at, value })
}

/// A failure passes where it was expected, with the expected text.
fn settle(eval: &Eval, failure: &Failure) -> Result<(), String> {
    let text = failure.to_string();
    match &eval.failure {
        None => Err(format!("unexpected error: {text}")),
        Some(wanted) => match wanted.iter().find(|wanted| !wanted.matches(&text)) {
            Some(wanted) => Err(format!("expected the error {wanted:?}, got: {text}")),
            None => Ok(()),
        },
    }
}

fn looks_at_steps(text: &str) -> bool {
    ["start()", "end()", "step()", "range()"].iter().any(|call| text.contains(call))
}

/// The text of a query with `@` at everything that it selects, except where a time is there already; none where a
/// function gives something else at another time all the same.
fn at_fixed_time(ast: &Ast, at: Timestamp) -> Option<String> {
    let is_time_dependent = |id| match ast.expr(id) {
        Expr::Call { function, .. } => TIME_DEPENDENT.contains(&&**function),
        _ => false,
    };
    if ast.ids().any(is_time_dependent) {
        return None;
    }
    let mut fixed = ast.clone();
    let fix = |shift: &mut Shift| {
        if !matches!(shift.at, Some(AtTime::Fixed(_))) {
            shift.at = Some(AtTime::Fixed(at));
        }
    };
    // What is inside of a subquery is left alone: the subquery has its time then.
    let mut open = vec![ast.root()];
    while let Some(id) = open.pop() {
        match &mut fixed.nodes[id.0 as usize].expr {
            Expr::Selector(selector) => fix(&mut selector.shift),
            Expr::Subquery(subquery) => fix(&mut subquery.shift),
            _ => open.extend(ast.children(id)),
        }
    }
    Some(fixed.to_string())
}
