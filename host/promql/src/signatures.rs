//! The functions of PromQL as Prometheus 3.15 declares them: names and types. The parser checks calls against these;
//! how they compute is the engine's.

use crate::ast::ValueType::{self, Matrix, Scalar, String, Vector};

/// A function that PromQL itself has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signature {
    /// Its name.
    pub name: &'static str,
    /// Types of the arguments; the last one holds for all that follow.
    pub args: &'static [ValueType],
    /// How often the last argument may stand, as Prometheus counts it: 0 means exactly once, `n` means from never to
    /// `n` times, -1 means any number of times.
    pub variadic: i8,
    /// What it gives.
    pub returns: ValueType,
    /// Whether it needs [`crate::Features::experimental_functions`].
    pub experimental: bool,
}

impl Signature {
    /// Fewest arguments.
    pub const fn required_args(&self) -> usize {
        if self.variadic == 0 { self.args.len() } else { self.args.len() - 1 }
    }

    /// Most arguments; none where there is no limit.
    pub const fn most_args(&self) -> Option<usize> {
        match self.variadic {
            ..0 => None,
            0 => Some(self.args.len()),
            more => Some(self.args.len() - 1 + more as usize),
        }
    }

    const fn variadic(self, variadic: i8) -> Self {
        Self { variadic, ..self }
    }
}

/// The function of that name; names are case-sensitive.
pub fn signature(name: &str) -> Option<&'static Signature> {
    let place = SIGNATURES.binary_search_by(|signature| signature.name.cmp(name)).ok()?;
    SIGNATURES.get(place)
}

/// All functions, sorted by name, for completion and help.
pub fn signatures() -> &'static [Signature] {
    SIGNATURES
}

const fn stable(name: &'static str, args: &'static [ValueType], returns: ValueType) -> Signature {
    Signature { name, args, variadic: 0, returns, experimental: false }
}

const fn experimental(name: &'static str, args: &'static [ValueType], returns: ValueType) -> Signature {
    Signature { name, args, variadic: 0, returns, experimental: true }
}

static SIGNATURES: &[Signature] = &[
    stable("abs", &[Vector], Vector),
    stable("absent", &[Vector], Vector),
    stable("absent_over_time", &[Matrix], Vector),
    stable("acos", &[Vector], Vector),
    stable("acosh", &[Vector], Vector),
    stable("asin", &[Vector], Vector),
    stable("asinh", &[Vector], Vector),
    stable("atan", &[Vector], Vector),
    stable("atanh", &[Vector], Vector),
    stable("avg_over_time", &[Matrix], Vector),
    stable("ceil", &[Vector], Vector),
    stable("changes", &[Matrix], Vector),
    stable("clamp", &[Vector, Scalar, Scalar], Vector),
    stable("clamp_max", &[Vector, Scalar], Vector),
    stable("clamp_min", &[Vector, Scalar], Vector),
    stable("cos", &[Vector], Vector),
    stable("cosh", &[Vector], Vector),
    stable("count_over_time", &[Matrix], Vector),
    stable("day_of_month", &[Vector], Vector).variadic(1),
    stable("day_of_week", &[Vector], Vector).variadic(1),
    stable("day_of_year", &[Vector], Vector).variadic(1),
    stable("days_in_month", &[Vector], Vector).variadic(1),
    stable("deg", &[Vector], Vector),
    stable("delta", &[Matrix], Vector),
    stable("deriv", &[Matrix], Vector),
    experimental("double_exponential_smoothing", &[Matrix, Scalar, Scalar], Vector),
    experimental("end", &[], Scalar),
    stable("exp", &[Vector], Vector),
    stable("first_over_time", &[Matrix], Vector),
    stable("floor", &[Vector], Vector),
    stable("histogram_avg", &[Vector], Vector),
    stable("histogram_count", &[Vector], Vector),
    stable("histogram_fraction", &[Scalar, Scalar, Vector], Vector),
    stable("histogram_quantile", &[Scalar, Vector], Vector),
    experimental("histogram_quantiles", &[Vector, String, Scalar, Scalar], Vector).variadic(9),
    stable("histogram_stddev", &[Vector], Vector),
    stable("histogram_stdvar", &[Vector], Vector),
    stable("histogram_sum", &[Vector], Vector),
    stable("hour", &[Vector], Vector).variadic(1),
    stable("idelta", &[Matrix], Vector),
    stable("increase", &[Matrix], Vector),
    experimental("info", &[Vector, Vector], Vector).variadic(1),
    stable("irate", &[Matrix], Vector),
    stable("label_join", &[Vector, String, String, String], Vector).variadic(-1),
    stable("label_replace", &[Vector, String, String, String, String], Vector),
    stable("last_over_time", &[Matrix], Vector),
    stable("ln", &[Vector], Vector),
    stable("log10", &[Vector], Vector),
    stable("log2", &[Vector], Vector),
    experimental("mad_over_time", &[Matrix], Vector),
    experimental("max_of", &[Scalar, Scalar], Scalar),
    stable("max_over_time", &[Matrix], Vector),
    experimental("min_of", &[Scalar, Scalar], Scalar),
    stable("min_over_time", &[Matrix], Vector),
    stable("minute", &[Vector], Vector).variadic(1),
    stable("month", &[Vector], Vector).variadic(1),
    stable("pi", &[], Scalar),
    stable("predict_linear", &[Matrix, Scalar], Vector),
    stable("present_over_time", &[Matrix], Vector),
    stable("quantile_over_time", &[Scalar, Matrix], Vector),
    stable("rad", &[Vector], Vector),
    experimental("range", &[], Scalar),
    stable("rate", &[Matrix], Vector),
    stable("resets", &[Matrix], Vector),
    stable("round", &[Vector, Scalar], Vector).variadic(1),
    stable("scalar", &[Vector], Scalar),
    stable("sgn", &[Vector], Vector),
    stable("sin", &[Vector], Vector),
    stable("sinh", &[Vector], Vector),
    stable("sort", &[Vector], Vector),
    experimental("sort_by_label", &[Vector, String], Vector).variadic(-1),
    experimental("sort_by_label_desc", &[Vector, String], Vector).variadic(-1),
    stable("sort_desc", &[Vector], Vector),
    stable("sqrt", &[Vector], Vector),
    experimental("start", &[], Scalar),
    experimental("start_timestamp", &[Vector], Vector),
    stable("stddev_over_time", &[Matrix], Vector),
    stable("stdvar_over_time", &[Matrix], Vector),
    experimental("step", &[], Scalar),
    stable("sum_over_time", &[Matrix], Vector),
    stable("tan", &[Vector], Vector),
    stable("tanh", &[Vector], Vector),
    stable("time", &[], Scalar),
    stable("timestamp", &[Vector], Vector),
    experimental("ts_of_first_over_time", &[Matrix], Vector),
    experimental("ts_of_last_over_time", &[Matrix], Vector),
    experimental("ts_of_max_over_time", &[Matrix], Vector),
    experimental("ts_of_min_over_time", &[Matrix], Vector),
    stable("vector", &[Scalar], Vector),
    stable("year", &[Vector], Vector).variadic(1),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sorted_and_found() {
        assert!(SIGNATURES.is_sorted_by(|a, b| a.name < b.name));
        assert!(SIGNATURES.iter().all(|each| signature(each.name) == Some(each)));
        assert_eq!(signature("Rate"), None);
    }

    #[test]
    fn arguments_may_be_left_out_or_repeated() {
        let bounds = |name| {
            let signature = signature(name).unwrap();
            (signature.required_args(), signature.most_args())
        };
        assert_eq!(bounds("rate"), (1, Some(1)));
        assert_eq!(bounds("hour"), (0, Some(1)));
        assert_eq!(bounds("label_join"), (3, None));
        assert_eq!(bounds("histogram_quantiles"), (3, Some(12)));
        assert_eq!(bounds("info"), (1, Some(2)));
    }
}
