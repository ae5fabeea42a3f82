//! Arguments of functions: literals take the type that is wanted, everything else must have it.

use super::expression::Given;
use super::{Evaluator, Result, Site};
use crate::ast::{Expr, ExprKind, Number};
use crate::functions::Param;
use crate::value::{ANY_LIST, IntType, List, Value};

impl<'s> Evaluator<'s> {
    /// A word's value for a parameter.
    pub(super) fn argument(&mut self, dot: &Value, param: Param, word: &'s Expr) -> Result<Value> {
        self.site = Site { position: word.position, context: word };
        match &word.kind {
            ExprKind::Nil if param == Param::Any => Ok(Value::Nil),
            ExprKind::Nil => Err(self.error(format!("cannot assign nil to {}", param.type_name()))),
            ExprKind::Bool(_) | ExprKind::Number(_) | ExprKind::String { .. } => self.literal(param, word),
            _ => {
                let value = self.word(dot, word)?;
                self.fit(value, param)
            }
        }
    }

    fn word(&mut self, dot: &Value, word: &'s Expr) -> Result<Value> {
        let site = self.site;
        match &word.kind {
            ExprKind::Dot => Ok(dot.clone()),
            ExprKind::Field(fields) => self.fields(dot, dot.clone(), fields, site, Given::NOTHING),
            ExprKind::Variable { name, fields } => self.variable(dot, word, name, fields, Given::NOTHING),
            ExprKind::Pipe(pipe) => self.pipeline(dot, pipe),
            ExprKind::Function(function) => self.call_with(dot, function, None, site, Given::NOTHING),
            ExprKind::Chain { base, fields } => {
                // A chain recurses into its base without a pipeline that would count it.
                self.enter(site)?;
                let value = self.chain(dot, word, base, fields, Given::NOTHING)?;
                self.depth -= 1;
                Ok(value)
            }
            ExprKind::Nil | ExprKind::Bool(_) | ExprKind::Number(_) | ExprKind::String { .. } => {
                self.constant(word)
            }
        }
    }

    /// A literal takes the type of its parameter.
    fn literal(&self, param: Param, word: &Expr) -> Result<Value> {
        let expected = |what: &str| Err(self.error(format!("expected {what}; found {word}")));
        match (param, &word.kind) {
            (Param::Any, _) | (Param::String, ExprKind::String { .. }) => self.constant(word),
            (Param::Int, ExprKind::Number(Number { int: Some(int), .. })) => Ok(Value::int(*int)),
            (Param::Duration, ExprKind::Number(Number { int: Some(int), .. })) => Ok(Value::duration(*int)),
            (Param::String, _) => expected("string"),
            (Param::Int | Param::Duration, _) => expected("integer"),
            (Param::Strings | Param::List | Param::Time | Param::Vector | Param::Sample, _) => {
                Err(self.error(format!("can't handle {word} for arg of type {}", param.type_name())))
            }
        }
    }

    /// Lets a value through if it has the parameter's type, directly or behind a pointer.
    pub(super) fn fit(&self, value: Value, param: Param) -> Result<Value> {
        if has_type(&value, param) {
            return Ok(value);
        }
        if let Value::Pointer(target) = &value
            && has_type(target, param)
        {
            return Ok((**target).clone());
        }
        match (&value, param) {
            // A missing list is an empty one, as Go's nil slice.
            (Value::Nil, Param::List) => Ok(Value::List(List::new(&ANY_LIST, Vec::new()))),
            (Value::Nil, _) => Err(self.error(format!("invalid value; expected {}", param.type_name()))),
            _ => {
                let (wanted, got) = (param.type_name(), value.type_name());
                Err(self.error(format!("wrong type for value; expected {wanted}; got {got}")))
            }
        }
    }
}

fn has_type(value: &Value, param: Param) -> bool {
    match (param, value) {
        (Param::Any, _)
        | (Param::String, Value::String(_))
        | (Param::Int, Value::Int(_, IntType::Int))
        | (Param::Time, Value::Time(_))
        | (Param::Duration, Value::Int(_, IntType::Duration)) => true,
        (Param::Strings, Value::List(list)) => matches!(list.ty.name, "[]string" | "template.Strings"),
        (Param::List, Value::List(list)) => list.ty.name == ANY_LIST.name,
        (Param::Vector, Value::List(list)) => list.ty.name == "template.queryResult",
        (Param::Sample, Value::Pointer(target)) => {
            matches!(&**target, Value::Struct(sample) if sample.ty.name == "template.sample")
        }
        _ => false,
    }
}
