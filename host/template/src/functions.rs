//! The functions that templates can call, and how they are declared to the evaluator.

pub(crate) mod alertmanager;
pub(crate) mod builtin;
pub(crate) mod compare;
pub(crate) mod encoding;
pub(crate) mod humanize;
pub(crate) mod prometheus;
pub(crate) mod regexp;
pub(crate) mod text;
pub(crate) mod time;

use std::fmt;

use bellwether_model::{Labels, Timestamp};

use crate::value::{MAX_VALUE_DEPTH, Value};

/// The longest text that a render may print or hold in one value, in bytes. Slack takes 40,000 characters, mail rarely
/// more than 100 KiB.
pub const MAX_OUTPUT_BYTES: usize = 256 * 1024;
/// How many steps a render may take: nodes, function calls and loop rounds, with some functions counting for more.
pub const MAX_STEPS: u64 = 100_000;

/// Whose functions are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    Prometheus,
    Alertmanager,
}

/// A function or a method.
pub(crate) struct Function {
    pub(crate) name: &'static str,
    /// Types of the fixed arguments; a method's receiver is not among them.
    pub(crate) params: &'static [Param],
    /// Type of any further arguments.
    pub(crate) variadic: Option<Param>,
    pub(crate) call: Call,
}

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// What a function does.
#[derive(Clone, Copy)]
pub(crate) enum Call {
    /// Takes its arguments, already of the declared types; a method takes its receiver first.
    Native(fn(&mut Env<'_>, &[Value]) -> Result<Value, String>),
    /// `and`: evaluates its arguments only as far as needed.
    And,
    /// `or`: likewise.
    Or,
}

/// A parameter's type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Param {
    Any,
    String,
    Int,
    /// `[]string`, which named slices of strings fit too.
    Strings,
    /// `[]interface {}`.
    List,
    Time,
    Duration,
    /// The result of a query.
    Vector,
    /// One sample of it.
    Sample,
}

impl Param {
    /// Go's name for it.
    pub(crate) const fn type_name(self) -> &'static str {
        match self {
            Self::Any => "interface {}",
            Self::String => "string",
            Self::Int => "int",
            Self::Strings => "[]string",
            Self::List => "[]interface {}",
            Self::Time => "time.Time",
            Self::Duration => "time.Duration",
            Self::Vector => "template.queryResult",
            Self::Sample => "*template.sample",
        }
    }
}

/// Declares a function.
pub(crate) const fn function(
    name: &'static str,
    params: &'static [Param],
    call: fn(&mut Env<'_>, &[Value]) -> Result<Value, String>,
) -> Function {
    Function { name, params, variadic: None, call: Call::Native(call) }
}

/// Declares a function that takes any number of further arguments.
pub(crate) const fn variadic(
    name: &'static str,
    params: &'static [Param],
    rest: Param,
    call: fn(&mut Env<'_>, &[Value]) -> Result<Value, String>,
) -> Function {
    Function { name, params, variadic: Some(rest), call: Call::Native(call) }
}

/// Answers a query at a time; the error is the engine's text.
pub type QueryFn<'a> = &'a dyn Fn(&str, Timestamp) -> Result<Vec<(Labels, f64)>, String>;

/// What functions need from outside, and what is left of the render's budget.
pub(crate) struct Env<'a> {
    pub(crate) now: Timestamp,
    pub(crate) external_url: &'a str,
    pub(crate) query: Option<QueryFn<'a>>,
    pub(crate) route_labels: Option<&'a Labels>,
    pub(crate) steps_left: u64,
    pub(crate) patterns: regexp::Patterns,
}

impl<'a> Env<'a> {
    pub(crate) fn new(now: Timestamp, external_url: &'a str) -> Self {
        Self {
            now,
            external_url,
            query: None,
            route_labels: None,
            steps_left: MAX_STEPS,
            patterns: regexp::Patterns::default(),
        }
    }

    /// Takes steps off the budget.
    pub(crate) fn spend(&mut self, steps: u64) -> Result<(), String> {
        match self.steps_left.checked_sub(steps) {
            Some(left) => {
                self.steps_left = left;
                Ok(())
            }
            None => Err(format!("template takes more than {MAX_STEPS} steps")),
        }
    }
}

/// The function of this name, if the dialect has it.
pub(crate) fn find(dialect: Dialect, name: &str) -> Option<&'static Function> {
    let own: &[Function] = match dialect {
        Dialect::Prometheus => &prometheus::FUNCTIONS,
        Dialect::Alertmanager => &alertmanager::FUNCTIONS,
    };
    own.iter().chain(&builtin::FUNCTIONS).find(|function| function.name == name)
}

/// The text of an argument that is declared as a string.
pub(crate) fn text_arg(args: &[Value], at: usize) -> &str {
    args.get(at).and_then(Value::as_str).unwrap_or("")
}

/// A text as a value, unless it is too long.
pub(crate) fn bounded(text: String) -> Result<Value, String> {
    if text.len() > MAX_OUTPUT_BYTES { Err(too_long()) } else { Ok(Value::text(text)) }
}

/// What is said of texts beyond [`MAX_OUTPUT_BYTES`].
pub(crate) fn too_long() -> String {
    format!("text is longer than {MAX_OUTPUT_BYTES} bytes")
}

/// A list or map, unless it nests too deep.
pub(crate) fn shallow(value: Value) -> Result<Value, String> {
    if value.depth() > MAX_VALUE_DEPTH {
        return Err(format!("lists and maps nest deeper than {MAX_VALUE_DEPTH} levels"));
    }
    Ok(value)
}
