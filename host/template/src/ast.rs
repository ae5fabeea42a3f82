//! The parsed form of a template. Prints itself as Go does, because error messages quote it.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use crate::functions::Function;

/// A sequence of nodes.
pub(crate) type Nodes = Vec<Node>;

/// Templates by name: what one or more texts define.
#[derive(Debug, Clone, Default)]
pub(crate) struct TemplateSet {
    pub(crate) templates: HashMap<Arc<str>, Arc<Tree>>,
}

impl TemplateSet {
    /// Takes over the definitions of `newer`; as in Go, an empty one does not displace one with content.
    pub(crate) fn merge(&mut self, newer: Self) {
        for (name, tree) in newer.templates {
            if !tree.is_empty() || !self.templates.contains_key(&name) {
                self.templates.insert(name, tree);
            }
        }
    }
}

/// One named template, with what its error messages need.
#[derive(Debug)]
pub(crate) struct Tree {
    pub(crate) name: Arc<str>,
    /// Name and text of the whole it was parsed from.
    pub(crate) source: Arc<Source>,
    pub(crate) root: Nodes,
}

impl Tree {
    /// Whether it would never print anything but blanks.
    pub(crate) fn is_empty(&self) -> bool {
        self.root.iter().all(|node| matches!(node, Node::Text { text, .. } if text.trim().is_empty()))
    }
}

/// The text that was parsed.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) name: String,
    pub(crate) text: String,
}

#[derive(Debug)]
pub(crate) enum Node {
    Text { text: String },
    Action(Pipe),
    If(Branch),
    Range(Branch),
    With(Branch),
    Template(TemplateCall),
    Break,
    Continue,
}

/// `if`, `range` and `with`: a condition and what it guards.
#[derive(Debug)]
pub(crate) struct Branch {
    pub(crate) pipe: Pipe,
    pub(crate) body: Nodes,
    pub(crate) otherwise: Nodes,
}

/// `{{ template "name" data }}`.
#[derive(Debug)]
pub(crate) struct TemplateCall {
    pub(crate) position: usize,
    pub(crate) name: Arc<str>,
    pub(crate) data: Option<Pipe>,
}

impl fmt::Display for TemplateCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{{{template {:?}", self.name)?;
        if let Some(data) = &self.data {
            write!(f, " {data}")?;
        }
        f.write_str("}}")
    }
}

/// Commands in a row, each given the result of the one before, and the variables that take the last result.
#[derive(Debug)]
pub(crate) struct Pipe {
    pub(crate) position: usize,
    /// `=` rather than `:=`.
    pub(crate) assigns: bool,
    pub(crate) variables: Vec<Arc<str>>,
    pub(crate) commands: Vec<Command>,
}

/// A value, or a function or method with its arguments.
#[derive(Debug)]
pub(crate) struct Command {
    /// Never empty.
    pub(crate) words: Vec<Expr>,
}

/// A word of a command.
#[derive(Debug)]
pub(crate) struct Expr {
    pub(crate) position: usize,
    pub(crate) kind: ExprKind,
}

#[derive(Debug)]
pub(crate) enum ExprKind {
    Bool(bool),
    Number(Number),
    String {
        quoted: String,
        text: Arc<str>,
    },
    Nil,
    Dot,
    /// `.A.B`.
    Field(Vec<Arc<str>>),
    /// `$x.A.B`: the variable's name with its `$`, then fields.
    Variable {
        name: Arc<str>,
        fields: Vec<Arc<str>>,
    },
    /// `(…).A.B`, or a function's result with fields.
    Chain {
        base: Box<Expr>,
        fields: Vec<Arc<str>>,
    },
    Function(&'static Function),
    Pipe(Box<Pipe>),
}

/// A numeric literal, in every kind of number that it can stand for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Number {
    pub(crate) text: String,
    pub(crate) int: Option<i64>,
    pub(crate) float: f64,
    /// Whether it becomes a float where any type will do.
    pub(crate) ideal_float: bool,
}

fn join<T: fmt::Display>(f: &mut fmt::Formatter<'_>, items: &[T], separator: &str) -> fmt::Result {
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            f.write_str(separator)?;
        }
        write!(f, "{item}")?;
    }
    Ok(())
}

impl fmt::Display for Pipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.variables.is_empty() {
            join(f, &self.variables, ", ")?;
            f.write_str(if self.assigns { " = " } else { " := " })?;
        }
        join(f, &self.commands, " | ")
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, word) in self.words.iter().enumerate() {
            if at > 0 {
                f.write_str(" ")?;
            }
            match &word.kind {
                ExprKind::Pipe(pipe) => write!(f, "({pipe})")?,
                _ => write!(f, "{word}")?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dotted = |f: &mut fmt::Formatter<'_>, fields: &[Arc<str>]| {
            fields.iter().try_for_each(|field| write!(f, ".{field}"))
        };
        match &self.kind {
            ExprKind::Bool(value) => write!(f, "{value}"),
            ExprKind::Number(number) => f.write_str(&number.text),
            ExprKind::String { quoted, .. } => f.write_str(quoted),
            ExprKind::Nil => f.write_str("nil"),
            ExprKind::Dot => f.write_str("."),
            ExprKind::Field(fields) => dotted(f, fields),
            ExprKind::Variable { name, fields } => {
                f.write_str(name)?;
                dotted(f, fields)
            }
            ExprKind::Chain { base, fields } => {
                match &base.kind {
                    ExprKind::Pipe(pipe) => write!(f, "({pipe})")?,
                    _ => write!(f, "{base}")?,
                }
                dotted(f, fields)
            }
            ExprKind::Function(function) => f.write_str(function.name),
            ExprKind::Pipe(pipe) => write!(f, "{pipe}"),
        }
    }
}
