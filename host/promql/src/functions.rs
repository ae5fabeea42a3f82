//! The built-in functions: names, types, and the kernels that compute one value.
//!
//! A kernel knows neither series nor steps. What looks at whole vectors (`absent`, `sort`, `label_replace`,
//! `histogram_quantile`) is only named here and lives with the engine.

mod calendar;
mod math;
mod over_time;
mod rate;

pub(crate) mod histogram;
pub(crate) mod labels;

use bellwether_model::{Sample, Timestamp};

use crate::ast::ValueType::{self, Matrix, Scalar, String, Vector};

/// A function that PromQL itself has.
#[derive(Debug)]
pub struct Builtin {
    /// Its name.
    pub name: &'static str,
    /// Types of the arguments; the last one repeats where more are allowed.
    pub args: &'static [ValueType],
    /// How the number of arguments may differ from `args`.
    arity: Arity,
    /// What it gives.
    pub returns: ValueType,
    pub(crate) kernel: Kernel,
}

#[derive(Debug, Clone, Copy)]
enum Arity {
    Exact,
    /// The last argument may be left out.
    OptionalLast,
    /// The last argument may be left out or repeated.
    Repeated,
}

impl Builtin {
    /// Fewest arguments.
    pub fn required_args(&self) -> usize {
        match self.arity {
            Arity::Exact => self.args.len(),
            Arity::OptionalLast | Arity::Repeated => self.args.len() - 1,
        }
    }

    /// Most arguments; none where there is no limit.
    pub fn most_args(&self) -> Option<usize> {
        match self.arity {
            Arity::Exact | Arity::OptionalLast => Some(self.args.len()),
            Arity::Repeated => None,
        }
    }
}

/// The samples of one series in one window, oldest first, at least one, without stale markers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Window<'a> {
    pub(crate) samples: &'a [Sample],
    /// Where the window begins; a sample right there lies outside.
    pub(crate) start: Timestamp,
    /// Where it ends; a sample right there lies inside.
    pub(crate) end: Timestamp,
    /// The time of evaluation, which `offset` moves away from the window.
    pub(crate) at: Timestamp,
}

type WindowKernel = fn(&Window<'_>, &[f64]) -> Option<f64>;

/// How a function computes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kernel {
    /// A value from a window and the scalar arguments.
    Window {
        compute: WindowKernel,
        /// Refuses scalar arguments.
        check: fn(&[f64]) -> Result<(), std::string::String>,
        keeps_name: bool,
    },
    /// A value from a value and the scalar arguments.
    Element(fn(f64, &[f64]) -> Option<f64>),
    /// A value from a Unix time in seconds; the time of evaluation where there is no argument.
    Calendar(fn(i64) -> f64),
    /// A number from scalars alone.
    Constant(fn(&[f64]) -> f64),
    /// Looks at more than one value.
    Special(Special),
}

/// Functions over whole vectors, labels or the evaluation itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Special {
    Absent,
    AbsentOverTime,
    HistogramQuantile,
    LabelJoin,
    LabelReplace,
    Range,
    Scalar,
    Sort,
    SortByLabel,
    SortByLabelDesc,
    SortDesc,
    Start,
    End,
    Step,
    Time,
    Timestamp,
    Vector,
}

/// The built-in function of that name.
pub fn builtin(name: &str) -> Option<&'static Builtin> {
    let place = BUILTINS.binary_search_by(|builtin| builtin.name.cmp(name)).ok()?;
    BUILTINS.get(place)
}

/// All built-in functions, for completion and help.
pub fn builtins() -> &'static [Builtin] {
    BUILTINS
}

const fn window(name: &'static str, compute: WindowKernel) -> Builtin {
    let kernel = Kernel::Window { compute, check: |_| Ok(()), keeps_name: false };
    Builtin { name, args: &[Matrix], arity: Arity::Exact, returns: Vector, kernel }
}

const fn window_with(
    name: &'static str,
    args: &'static [ValueType],
    compute: WindowKernel,
    check: fn(&[f64]) -> Result<(), std::string::String>,
) -> Builtin {
    let kernel = Kernel::Window { compute, check, keeps_name: false };
    Builtin { name, args, arity: Arity::Exact, returns: Vector, kernel }
}

const fn window_named(name: &'static str, compute: WindowKernel) -> Builtin {
    let kernel = Kernel::Window { compute, check: |_| Ok(()), keeps_name: true };
    Builtin { name, args: &[Matrix], arity: Arity::Exact, returns: Vector, kernel }
}

const fn element(
    name: &'static str,
    args: &'static [ValueType],
    compute: fn(f64, &[f64]) -> Option<f64>,
) -> Builtin {
    Builtin { name, args, arity: Arity::Exact, returns: Vector, kernel: Kernel::Element(compute) }
}

const fn calendar(name: &'static str, compute: fn(i64) -> f64) -> Builtin {
    let kernel = Kernel::Calendar(compute);
    Builtin { name, args: &[Vector], arity: Arity::OptionalLast, returns: Vector, kernel }
}

const fn constant(name: &'static str, args: &'static [ValueType], compute: fn(&[f64]) -> f64) -> Builtin {
    Builtin { name, args, arity: Arity::Exact, returns: Scalar, kernel: Kernel::Constant(compute) }
}

const fn special(
    name: &'static str,
    args: &'static [ValueType],
    arity: Arity,
    returns: ValueType,
    kernel: Special,
) -> Builtin {
    Builtin { name, args, arity, returns, kernel: Kernel::Special(kernel) }
}

const SMOOTHING: &[ValueType] = &[Matrix, Scalar, Scalar];

static BUILTINS: &[Builtin] = &[
    element("abs", &[Vector], |v, _| Some(v.abs())),
    special("absent", &[Vector], Arity::Exact, Vector, Special::Absent),
    special("absent_over_time", &[Matrix], Arity::Exact, Vector, Special::AbsentOverTime),
    element("acos", &[Vector], |v, _| Some(v.acos())),
    element("acosh", &[Vector], |v, _| Some(v.acosh())),
    element("asin", &[Vector], |v, _| Some(v.asin())),
    element("asinh", &[Vector], |v, _| Some(v.asinh())),
    element("atan", &[Vector], |v, _| Some(v.atan())),
    element("atanh", &[Vector], |v, _| Some(v.atanh())),
    window("avg_over_time", over_time::avg),
    element("ceil", &[Vector], |v, _| Some(v.ceil())),
    window("changes", over_time::changes),
    element("clamp", &[Vector, Scalar, Scalar], math::clamp),
    element("clamp_max", &[Vector, Scalar], |v, max| Some(math::min(v, max[0]))),
    element("clamp_min", &[Vector, Scalar], |v, min| Some(math::max(v, min[0]))),
    element("cos", &[Vector], |v, _| Some(v.cos())),
    element("cosh", &[Vector], |v, _| Some(v.cosh())),
    window("count_over_time", |w, _| Some(w.samples.len() as f64)),
    calendar("day_of_month", calendar::day_of_month),
    calendar("day_of_week", calendar::day_of_week),
    calendar("day_of_year", calendar::day_of_year),
    calendar("days_in_month", calendar::days_in_month),
    element("deg", &[Vector], |v, _| Some(v * 180.0 / std::f64::consts::PI)),
    window("delta", rate::delta),
    window("deriv", rate::deriv),
    window_with("double_exponential_smoothing", SMOOTHING, over_time::smoothing, over_time::check_smoothing),
    special("end", &[], Arity::Exact, Scalar, Special::End),
    element("exp", &[Vector], |v, _| Some(v.exp())),
    window_named("first_over_time", |w, _| w.samples.first().map(|sample| sample.value)),
    element("floor", &[Vector], |v, _| Some(v.floor())),
    special("histogram_quantile", &[Scalar, Vector], Arity::Exact, Vector, Special::HistogramQuantile),
    window_with("holt_winters", SMOOTHING, over_time::smoothing, over_time::check_smoothing),
    calendar("hour", calendar::hour),
    window("idelta", rate::idelta),
    window("increase", rate::increase),
    window("irate", rate::irate),
    special("label_join", &[Vector, String, String, String], Arity::Repeated, Vector, Special::LabelJoin),
    special(
        "label_replace",
        &[Vector, String, String, String, String],
        Arity::Exact,
        Vector,
        Special::LabelReplace,
    ),
    window_named("last_over_time", |w, _| w.samples.last().map(|sample| sample.value)),
    element("ln", &[Vector], |v, _| Some(v.ln())),
    element("log10", &[Vector], |v, _| Some(v.log10())),
    element("log2", &[Vector], |v, _| Some(v.log2())),
    window("mad_over_time", over_time::mad),
    constant("max_of", &[Scalar, Scalar], |v| math::max(v[0], v[1])),
    window("max_over_time", over_time::max),
    constant("min_of", &[Scalar, Scalar], |v| math::min(v[0], v[1])),
    window("min_over_time", over_time::min),
    calendar("minute", calendar::minute),
    calendar("month", calendar::month),
    constant("pi", &[], |_| std::f64::consts::PI),
    window_with("predict_linear", &[Matrix, Scalar], rate::predict_linear, |_| Ok(())),
    window("present_over_time", |_, _| Some(1.0)),
    window_with("quantile_over_time", &[Scalar, Matrix], over_time::quantile, |_| Ok(())),
    element("rad", &[Vector], |v, _| Some(v * std::f64::consts::PI / 180.0)),
    special("range", &[], Arity::Exact, Scalar, Special::Range),
    window("rate", rate::rate),
    window("resets", over_time::resets),
    Builtin {
        name: "round",
        args: &[Vector, Scalar],
        arity: Arity::OptionalLast,
        returns: Vector,
        kernel: Kernel::Element(math::round),
    },
    special("scalar", &[Vector], Arity::Exact, Scalar, Special::Scalar),
    element("sgn", &[Vector], math::sgn),
    element("sin", &[Vector], |v, _| Some(v.sin())),
    element("sinh", &[Vector], |v, _| Some(v.sinh())),
    special("sort", &[Vector], Arity::Exact, Vector, Special::Sort),
    special("sort_by_label", &[Vector, String], Arity::Repeated, Vector, Special::SortByLabel),
    special("sort_by_label_desc", &[Vector, String], Arity::Repeated, Vector, Special::SortByLabelDesc),
    special("sort_desc", &[Vector], Arity::Exact, Vector, Special::SortDesc),
    element("sqrt", &[Vector], |v, _| Some(v.sqrt())),
    special("start", &[], Arity::Exact, Scalar, Special::Start),
    window("stddev_over_time", over_time::stddev),
    window("stdvar_over_time", over_time::stdvar),
    special("step", &[], Arity::Exact, Scalar, Special::Step),
    window("sum_over_time", over_time::sum),
    element("tan", &[Vector], |v, _| Some(v.tan())),
    element("tanh", &[Vector], |v, _| Some(v.tanh())),
    special("time", &[], Arity::Exact, Scalar, Special::Time),
    special("timestamp", &[Vector], Arity::Exact, Vector, Special::Timestamp),
    window("ts_of_first_over_time", |w, _| w.samples.first().map(|sample| sample.at.as_secs_f64())),
    window("ts_of_last_over_time", |w, _| w.samples.last().map(|sample| sample.at.as_secs_f64())),
    window("ts_of_max_over_time", over_time::time_of_max),
    window("ts_of_min_over_time", over_time::time_of_min),
    special("vector", &[Scalar], Arity::Exact, Vector, Special::Vector),
    calendar("year", calendar::year),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sorted_for_the_search() {
        assert!(BUILTINS.windows(2).all(|pair| pair[0].name < pair[1].name));
    }
}
