//! Executes a parsed template on data.
//!
//! Every loop takes steps off the render's budget and every nesting is counted, so that no template can hang the host,
//! fill its memory or overflow its stack.

mod argument;
mod expression;

use std::fmt::Display;
use std::sync::Arc;

use crate::ast::{Branch, ExprKind, Node, Pipe, TemplateCall, TemplateSet, Tree};
use crate::error::{Location, TemplateError};
use crate::format;
use crate::functions::{Env, MAX_OUTPUT_BYTES, too_long};
use crate::html::{Escaped, HtmlWriter};
use crate::value::{IntType, Value};

/// How deep templates may call each other.
pub const MAX_CALL_DEPTH: usize = 100;
/// How deep execution may nest over all templates under way, counting bodies and parentheses.
const MAX_EVAL_DEPTH: usize = 200;

type Result<T, E = TemplateError> = std::result::Result<T, E>;

/// Where output goes.
pub(crate) enum Sink {
    /// Text as it is.
    Text(String),
    /// HTML, in which values are escaped for the place where they stand.
    Html(HtmlWriter),
}

impl Sink {
    fn len(&self) -> usize {
        match self {
            Self::Text(out) => out.len(),
            Self::Html(writer) => writer.len(),
        }
    }

    fn into_text(self) -> String {
        match self {
            Self::Text(out) => out,
            Self::Html(writer) => writer.into_text(),
        }
    }
}

/// Runs the template `name` of a set.
pub(crate) fn execute(
    set: &TemplateSet,
    name: &str,
    data: Value,
    env: Env<'_>,
    sink: Sink,
) -> Result<String> {
    let Some(tree) = set.templates.get(name) else {
        return Ok(String::new());
    };
    let mut evaluator = Evaluator {
        set,
        env,
        sink,
        variables: vec![("$".into(), data.clone())],
        tree,
        site: Site { position: 0, context: &"" },
        call_depth: 0,
        depth: 0,
    };
    evaluator.nodes(&data, &tree.root)?;
    Ok(evaluator.sink.into_text())
}

/// How a list of nodes ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flow {
    Next,
    Break,
    Continue,
}

/// What is being evaluated, for error messages: Go names the last node that it came to.
#[derive(Clone, Copy)]
struct Site<'s> {
    position: usize,
    context: &'s dyn Display,
}

struct Evaluator<'s> {
    set: &'s TemplateSet,
    env: Env<'s>,
    sink: Sink,
    /// Innermost last.
    variables: Vec<(Arc<str>, Value)>,
    tree: &'s Tree,
    site: Site<'s>,
    call_depth: usize,
    depth: usize,
}

impl<'s> Evaluator<'s> {
    /// An error at the node that was come to last.
    fn error(&self, reason: impl Into<String>) -> TemplateError {
        let source = &self.tree.source;
        TemplateError::Execute {
            at: Location::find(&source.name, &source.text, self.site.position),
            template: self.tree.name.to_string(),
            context: self.site.context.to_string(),
            reason: reason.into(),
        }
    }

    /// Goes one level deeper, at a node.
    fn enter(&mut self, site: Site<'s>) -> Result<()> {
        self.site = site;
        self.depth += 1;
        if self.depth > MAX_EVAL_DEPTH {
            return Err(self.error("template nests too deep"));
        }
        Ok(())
    }

    fn spend(&mut self) -> Result<()> {
        self.env.spend(1).map_err(|reason| self.error(reason))
    }

    fn nodes(&mut self, dot: &Value, nodes: &'s [Node]) -> Result<Flow> {
        for node in nodes {
            match self.node(dot, node)? {
                Flow::Next => {}
                ended => return Ok(ended),
            }
        }
        Ok(Flow::Next)
    }

    fn node(&mut self, dot: &Value, node: &'s Node) -> Result<Flow> {
        match node {
            Node::Text { text } => {
                match &mut self.sink {
                    Sink::Text(out) => out.push_str(text),
                    Sink::Html(writer) => writer.literal(text),
                }
                self.check_length()?;
            }
            Node::Action(pipe) => self.action(dot, pipe)?,
            Node::If(branch) => return self.conditional(dot, branch, false),
            Node::With(branch) => return self.conditional(dot, branch, true),
            Node::Range(branch) => return self.range(dot, branch),
            Node::Template(call) => self.call(dot, call)?,
            Node::Break => return Ok(Flow::Break),
            Node::Continue => return Ok(Flow::Continue),
        }
        Ok(Flow::Next)
    }

    fn check_length(&self) -> Result<()> {
        if self.sink.len() > MAX_OUTPUT_BYTES {
            return Err(self.error(too_long()));
        }
        Ok(())
    }

    fn action(&mut self, dot: &Value, pipe: &'s Pipe) -> Result<()> {
        let value = self.pipeline(dot, pipe)?;
        if !pipe.variables.is_empty() {
            return Ok(());
        }
        let site = Site { position: pipe.position, context: pipe };
        let written = match &mut self.sink {
            Sink::Html(writer) => writer.value(&value, escaped_by(pipe)),
            Sink::Text(out) => write_text(out, &value),
        };
        written.map_err(|reason| {
            self.site = site;
            self.error(reason)
        })?;
        self.check_length()
    }

    fn conditional(&mut self, dot: &Value, branch: &'s Branch, rebinds_dot: bool) -> Result<Flow> {
        let declared = self.variables.len();
        let value = self.pipeline(dot, &branch.pipe)?;
        self.enter(self.site)?;
        let flow = if value.is_truthy() {
            self.nodes(if rebinds_dot { &value } else { dot }, &branch.body)?
        } else {
            self.nodes(dot, &branch.otherwise)?
        };
        self.depth -= 1;
        self.variables.truncate(declared);
        Ok(flow)
    }

    fn range(&mut self, dot: &Value, branch: &'s Branch) -> Result<Flow> {
        let declared = self.variables.len();
        let value = self.pipeline(dot, &branch.pipe)?;
        self.enter(self.site)?;
        let mut rounds = 0_u64;
        let done = match value.indirect() {
            Value::List(list) => self.rounds(
                branch,
                &mut rounds,
                list.items.iter().enumerate().map(|(at, item)| (index_value(at), item.clone())),
            )?,
            Value::Map(map) => self.rounds(
                branch,
                &mut rounds,
                map.entries.iter().map(|(key, value)| (Value::String(Arc::clone(key)), value.clone())),
            )?,
            Value::Int(count, ty) => {
                if branch.pipe.variables.len() > 1 {
                    let reason = format!("can't use {count} to iterate over more than one variable");
                    return Err(self.error(reason));
                }
                let ty: IntType = *ty;
                self.rounds(branch, &mut rounds, (0..*count).map(|n| (Value::Nil, Value::Int(n, ty))))?
            }
            Value::Nil => Flow::Next,
            other => {
                let shown = format::print(other).unwrap_or_default();
                return Err(self.error(format!("range can't iterate over {shown}")));
            }
        };
        debug_assert_ne!(done, Flow::Break, "rounds end at a break");
        let flow = if rounds == 0 { self.nodes(dot, &branch.otherwise)? } else { Flow::Next };
        self.depth -= 1;
        self.variables.truncate(declared);
        Ok(flow)
    }

    /// Runs the body for each item, with its index or key.
    fn rounds(
        &mut self,
        branch: &'s Branch,
        rounds: &mut u64,
        items: impl Iterator<Item = (Value, Value)>,
    ) -> Result<Flow> {
        let pipe = &branch.pipe;
        let base = self.variables.len();
        for (index, item) in items {
            *rounds += 1;
            self.spend()?;
            match (pipe.variables.as_slice(), pipe.assigns) {
                ([], _) => {}
                ([only], true) => self.assign(only, item.clone()),
                ([first, second, ..], true) => {
                    self.assign(first, index);
                    self.assign(second, item.clone());
                }
                ([_], false) => self.variables[base - 1].1 = item.clone(),
                ([_, _, ..], false) => {
                    self.variables[base - 1].1 = item.clone();
                    self.variables[base - 2].1 = index;
                }
            }
            let flow = self.nodes(&item, &branch.body)?;
            self.variables.truncate(base);
            if flow == Flow::Break {
                break;
            }
        }
        Ok(Flow::Next)
    }

    fn assign(&mut self, name: &str, value: Value) {
        if let Some(variable) = self.variables.iter_mut().rev().find(|(known, _)| **known == *name) {
            variable.1 = value;
        }
    }

    fn call(&mut self, dot: &Value, call: &'s TemplateCall) -> Result<()> {
        let site = Site { position: call.position, context: call };
        self.site = site;
        self.spend()?;
        let Some(tree) = self.set.templates.get(&call.name) else {
            return Err(self.error(format!("template {:?} not defined", call.name)));
        };
        if self.call_depth == MAX_CALL_DEPTH {
            return Err(self.error(format!("exceeded maximum template depth ({MAX_CALL_DEPTH})")));
        }
        let data = match &call.data {
            Some(pipe) => self.pipeline(dot, pipe)?,
            None => Value::Nil,
        };
        self.enter(site)?;
        let variables = std::mem::replace(&mut self.variables, vec![("$".into(), data.clone())]);
        let caller = std::mem::replace(&mut self.tree, tree);
        self.call_depth += 1;
        self.nodes(&data, &tree.root)?;
        self.call_depth -= 1;
        self.tree = caller;
        self.site = site;
        self.variables = variables;
        self.depth -= 1;
        Ok(())
    }
}

/// Prints a value as an action does.
fn write_text(out: &mut String, value: &Value) -> Result<(), String> {
    match value.indirect() {
        Value::String(text) => out.push_str(text),
        Value::Nil => out.push_str("<no value>"),
        other => out.push_str(&format::print(other)?),
    }
    Ok(())
}

/// The escaping that a pipeline ends in; `html/template` does not do it again.
fn escaped_by(pipe: &Pipe) -> Escaped {
    let last = pipe.commands.last().and_then(|command| command.words.first());
    match last.map(|word| &word.kind) {
        Some(ExprKind::Function(function)) if function.name == "html" => Escaped::Html,
        Some(ExprKind::Function(function)) if function.name == "urlquery" => Escaped::Query,
        _ => Escaped::No,
    }
}

fn index_value(at: usize) -> Value {
    Value::int(i64::try_from(at).unwrap_or(i64::MAX))
}
