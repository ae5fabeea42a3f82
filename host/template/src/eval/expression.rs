//! Values of pipelines, commands, fields and methods.

use std::sync::Arc;

use super::{Evaluator, Result, Site};
use crate::ast::{Command, Expr, ExprKind, Number, Pipe};
use crate::functions::time::{DURATION_METHODS, MONTH_METHODS, TIME_METHODS, WEEKDAY_METHODS};
use crate::functions::{Call, Function, Param};
use crate::value::{IntType, Value};

/// What a command is given besides its first word.
#[derive(Clone, Copy)]
pub(super) struct Given<'a, 's> {
    /// The words after the first.
    pub(super) words: &'s [Expr],
    /// The result of the command before.
    pub(super) piped: Option<&'a Value>,
}

impl Given<'_, '_> {
    pub(super) const NOTHING: Self = Given { words: &[], piped: None };

    fn is_empty(&self) -> bool {
        self.words.is_empty() && self.piped.is_none()
    }
}

impl<'s> Evaluator<'s> {
    /// The value of a pipeline; sets or declares its variables.
    pub(super) fn pipeline(&mut self, dot: &Value, pipe: &'s Pipe) -> Result<Value> {
        self.enter(Site { position: pipe.position, context: pipe })?;
        let mut value: Option<Value> = None;
        for command in &pipe.commands {
            self.spend()?;
            value = Some(self.command(dot, command, value.as_ref())?);
        }
        self.depth -= 1;
        let value = value.unwrap_or(Value::Nil);
        for name in &pipe.variables {
            if pipe.assigns {
                self.assign(name, value.clone());
            } else {
                self.variables.push((Arc::clone(name), value.clone()));
            }
        }
        Ok(value)
    }

    fn command(&mut self, dot: &Value, command: &'s Command, piped: Option<&Value>) -> Result<Value> {
        let (word, words) = (&command.words[0], &command.words[1..]);
        let given = Given { words, piped };
        if !matches!(word.kind, ExprKind::Pipe(_)) {
            self.site = Site { position: word.position, context: word };
        }
        match &word.kind {
            ExprKind::Field(fields) => self.fields(dot, dot.clone(), fields, self.site, given),
            ExprKind::Chain { base, fields } => self.chain(dot, word, base, fields, given),
            ExprKind::Variable { name, fields } => self.variable(dot, word, name, fields, given),
            ExprKind::Function(function) => {
                // Go quotes the whole command where the call itself fails.
                let site = Site { position: word.position, context: command };
                self.call_with(dot, function, None, site, given)
            }
            ExprKind::Pipe(pipe) => {
                self.no_arguments(word, given)?;
                self.pipeline(dot, pipe)
            }
            ExprKind::Nil => {
                self.no_arguments(word, given)?;
                Err(self.error("nil is not a command"))
            }
            ExprKind::Dot => {
                self.no_arguments(word, given)?;
                Ok(dot.clone())
            }
            ExprKind::Bool(_) | ExprKind::Number(_) | ExprKind::String { .. } => {
                self.no_arguments(word, given)?;
                self.constant(word)
            }
        }
    }

    fn no_arguments(&self, word: &Expr, given: Given<'_, '_>) -> Result<()> {
        if given.is_empty() {
            return Ok(());
        }
        Err(self.error(format!("can't give argument to non-function {word}")))
    }

    /// A literal where any type will do.
    pub(super) fn constant(&self, word: &Expr) -> Result<Value> {
        match &word.kind {
            ExprKind::Bool(value) => Ok(Value::Bool(*value)),
            ExprKind::String { text, .. } => Ok(Value::String(Arc::clone(text))),
            ExprKind::Number(Number { ideal_float: true, float, .. }) => Ok(Value::Float(*float)),
            ExprKind::Number(Number { int: Some(int), .. }) => Ok(Value::int(*int)),
            _ => Err(self.error(format!("{word} overflows int"))),
        }
    }

    pub(super) fn variable(
        &mut self,
        dot: &Value,
        word: &'s Expr,
        name: &str,
        fields: &'s [Arc<str>],
        given: Given<'_, 's>,
    ) -> Result<Value> {
        let known = self.variables.iter().rev().find(|(known, _)| **known == *name);
        let Some((_, value)) = known.cloned() else {
            return Err(self.error(format!("undefined variable: {name}")));
        };
        if fields.is_empty() {
            self.no_arguments(word, given)?;
            return Ok(value);
        }
        self.fields(dot, value, fields, Site { position: word.position, context: word }, given)
    }

    pub(super) fn chain(
        &mut self,
        dot: &Value,
        word: &'s Expr,
        base: &'s Expr,
        fields: &'s [Arc<str>],
        given: Given<'_, 's>,
    ) -> Result<Value> {
        let receiver = self.argument(dot, Param::Any, base)?;
        self.fields(dot, receiver, fields, Site { position: word.position, context: word }, given)
    }

    /// Goes along a chain of fields; only the last one may be given arguments.
    pub(super) fn fields(
        &mut self,
        dot: &Value,
        receiver: Value,
        fields: &'s [Arc<str>],
        site: Site<'s>,
        given: Given<'_, 's>,
    ) -> Result<Value> {
        let mut value = receiver;
        for (at, name) in fields.iter().enumerate() {
            if at > 0 && matches!(value, Value::Nil) {
                return Err(self.error(format!("nil pointer evaluating interface {{}}.{name}")));
            }
            let given = if at + 1 == fields.len() { given } else { Given::NOTHING };
            value = self.field(dot, &value, name, site, given)?;
        }
        Ok(value)
    }

    fn field(
        &mut self,
        dot: &Value,
        receiver: &Value,
        name: &str,
        site: Site<'s>,
        given: Given<'_, 's>,
    ) -> Result<Value> {
        if matches!(receiver, Value::Nil) {
            return Ok(Value::Nil);
        }
        let target = receiver.indirect();
        if let Some(method) = methods(target).iter().find(|method| method.name == name) {
            return self.call_with(dot, method, Some(target), site, given);
        }
        let found = match target {
            Value::Struct(fields) => fields.field(name).cloned(),
            Value::Map(map) if given.is_empty() => return Ok(map.get_or_zero(name)),
            Value::Map(_) => return Err(self.error(format!("{name} is not a method but has arguments"))),
            _ => None,
        };
        match found {
            Some(value) if given.is_empty() => Ok(value),
            Some(_) => Err(self.error(format!("{name} has arguments but cannot be invoked as function"))),
            None => {
                let ty = receiver.type_name();
                Err(self.error(format!("can't evaluate field {name} in type {ty}")))
            }
        }
    }

    /// Calls a function or method; `site` is what Go quotes where it fails.
    pub(super) fn call_with(
        &mut self,
        dot: &Value,
        function: &'static Function,
        receiver: Option<&Value>,
        site: Site<'s>,
        given: Given<'_, 's>,
    ) -> Result<Value> {
        self.check_count(function, given)?;
        let call = match function.call {
            Call::Native(call) => call,
            Call::And => return self.short_circuit(dot, given, false),
            Call::Or => return self.short_circuit(dot, given, true),
        };
        let mut args: Vec<Value> = receiver.cloned().into_iter().collect();
        for (at, word) in given.words.iter().enumerate() {
            args.push(self.argument(dot, param_at(function, at), word)?);
        }
        if let Some(piped) = given.piped {
            args.push(self.fit(piped.clone(), param_at(function, given.words.len()))?);
        }
        call(&mut self.env, &args).map_err(|reason| {
            self.site = site;
            self.error(format!("error calling {}: {reason}", function.name))
        })
    }

    fn check_count(&self, function: &Function, given: Given<'_, '_>) -> Result<()> {
        let got = given.words.len() + usize::from(given.piped.is_some());
        let least = function.params.len();
        let (fits, wanted) = match function.variadic {
            Some(_) => (got >= least, format!("at least {least}")),
            None => (got == least, least.to_string()),
        };
        if fits {
            return Ok(());
        }
        Err(self.error(format!("wrong number of args for {}: want {wanted} got {got}", function.name)))
    }

    /// `and` and `or`: the first argument that decides, or the last one.
    fn short_circuit(&mut self, dot: &Value, given: Given<'_, 's>, decides: bool) -> Result<Value> {
        let mut value = Value::Nil;
        for word in given.words {
            value = self.argument(dot, Param::Any, word)?;
            if value.is_truthy() == decides {
                return Ok(value);
            }
        }
        Ok(given.piped.cloned().unwrap_or(value))
    }
}

fn param_at(function: &Function, at: usize) -> Param {
    let fixed = function.params.get(at).copied();
    fixed.or(function.variadic).unwrap_or(Param::Any)
}

/// The methods of a value's type.
fn methods(value: &Value) -> &'static [Function] {
    match value {
        Value::Time(_) => &TIME_METHODS,
        Value::Int(_, IntType::Duration) => &DURATION_METHODS,
        Value::Int(_, IntType::Month) => &MONTH_METHODS,
        Value::Int(_, IntType::Weekday) => &WEEKDAY_METHODS,
        other => other.composite_type().map_or(&[], |ty| ty.methods),
    }
}
