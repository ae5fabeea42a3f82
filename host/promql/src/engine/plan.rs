//! What is known about each node of a query once for all evaluations, and shared by all queries with the same node.
//!
//! Equal sub-expressions of all queries of an engine have one [`PlanNode`]: it keeps what was worked out about series
//! (groups, join partners) from one evaluation to the next, and its number is the key under which a
//! [`Tick`](super::tick::Tick) keeps its value for the other rules.

use std::any::Any;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use bellwether_model::labels::METRIC_NAME;
use bellwether_model::{MatchOp, Matcher};
use rustc_hash::FxHashMap;

use crate::ast::{Ast, Expr, NodeId};
use crate::engine::invariant;
use crate::engine::vector::{FinalLabels, Shape};
use crate::printer::Line;

/// Queries with more nodes than this are not looked at for parts that other queries have too: nobody writes them by
/// hand, and their keys would take time to make.
const MAX_SHARED_NODES: usize = 2_000;

/// Metric names that an expression depends on; none where it can depend on any.
pub(super) type Names = Option<Arc<[Arc<str>]>>;

/// One sub-expression.
#[derive(Debug)]
pub(crate) struct PlanNode {
    pub(super) number: u64,
    pub(super) names: Names,
    known: Memory,
    answered: Memory,
}

/// Something worked out about shapes, for as long as they stay the same.
#[derive(Debug, Default)]
struct Memory(Mutex<Option<Known>>);

#[derive(Debug)]
struct Known {
    inputs: Vec<Shape>,
    fact: Arc<dyn Any + Send + Sync>,
}

impl PlanNode {
    fn new(number: u64, names: Names) -> Self {
        Self { number, names, known: Memory::default(), answered: Memory::default() }
    }

    /// What `work_out` says about the shapes of the node's operands, as it said the last time if they are the same ones.
    pub(super) fn known<T: Any + Send + Sync>(
        &self,
        inputs: &[&Shape],
        work_out: impl FnOnce() -> T,
    ) -> Arc<T> {
        self.known.get_or_work_out(inputs, work_out)
    }

    /// The labels of the node's value in answers.
    pub(super) fn final_labels(&self, shape: &Shape) -> Arc<FinalLabels> {
        self.answered.get_or_work_out(&[shape], || FinalLabels::of(shape))
    }
}

impl Memory {
    fn get_or_work_out<T: Any + Send + Sync>(
        &self,
        inputs: &[&Shape],
        work_out: impl FnOnce() -> T,
    ) -> Arc<T> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = &*known {
            let same = known.inputs.len() == inputs.len()
                && known.inputs.iter().zip(inputs).all(|(known, input)| known.is(input));
            if same && let Ok(fact) = Arc::clone(&known.fact).downcast() {
                return fact;
            }
        }
        let fact = Arc::new(work_out());
        let inputs = inputs.iter().map(|&input| input.clone()).collect();
        *known = Some(Known { inputs, fact: fact.clone() });
        fact
    }
}

/// The plan of a query: for each node of its tree what is known.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(super) nodes: Vec<Arc<PlanNode>>,
    /// Whether a node is the same at every step.
    pub(super) invariant: Vec<bool>,
    /// Whether only counts and sums of a node's histograms are looked at.
    pub(super) counted_only: Vec<bool>,
}

/// The sub-expressions of all living queries of an engine.
#[derive(Debug, Default)]
pub(crate) struct Interner {
    nodes: Mutex<FxHashMap<String, Weak<PlanNode>>>,
}

/// Numbers of plan nodes; never given twice in a process.
static NUMBERS: AtomicU64 = AtomicU64::new(0);

impl Interner {
    /// The plan of a tree.
    pub(crate) fn plan(&self, ast: &Ast) -> Plan {
        let counted_only = counted_only(ast);
        let line = (ast.ids().count() <= MAX_SHARED_NODES).then(|| Line::of(ast));
        let mut nodes: Vec<Arc<PlanNode>> = Vec::with_capacity(ast.ids().count());
        for id in ast.ids() {
            let names = names(ast, id, &nodes);
            let node = match &line {
                Some(line) if counted_only[id.0 as usize] => {
                    self.intern(format!("counted {}", key(ast, line, id, &nodes)), names)
                }
                Some(line) => self.intern(key(ast, line, id, &nodes), names),
                None => Arc::new(PlanNode::new(NUMBERS.fetch_add(1, Ordering::Relaxed), names)),
            };
            nodes.push(node);
        }
        Plan { nodes, invariant: invariant::nodes(ast), counted_only }
    }

    fn intern(&self, key: String, names: Names) -> Arc<PlanNode> {
        let mut known = self.nodes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(node) = known.get(&key).and_then(Weak::upgrade) {
            return node;
        }
        if known.len() == known.capacity() {
            known.retain(|_, node| node.strong_count() > 0);
        }
        let node = Arc::new(PlanNode::new(NUMBERS.fetch_add(1, Ordering::Relaxed), names));
        known.insert(key, Arc::downgrade(&node));
        node
    }
}

/// For each node whether only the counts and sums of its histograms matter to what is made of them: a function above it
/// wants no more, and nothing wants more or needs buckets to notice resets, as subqueries do.
fn counted_only(ast: &Ast) -> Vec<bool> {
    let mut counted = vec![false; ast.nodes.len()];
    let mut needs_buckets = vec![false; ast.nodes.len()];
    // Parents have the larger numbers.
    for id in ast.ids().collect::<Vec<_>>().into_iter().rev() {
        let (counts, needs) = match ast.expr(id) {
            Expr::Call { function, .. } => (
                ["histogram_count", "histogram_sum", "histogram_avg"].contains(&&**function),
                function.starts_with("histogram_quantile")
                    || ["histogram_fraction", "histogram_stddev", "histogram_stdvar"].contains(&&**function),
            ),
            Expr::Subquery(_) => (false, true),
            Expr::Binary(binary) => (false, binary.op.is_trim()),
            _ => (false, false),
        };
        for child in ast.children(id) {
            counted[child.0 as usize] = counts || counted[id.0 as usize];
            needs_buckets[child.0 as usize] = needs || needs_buckets[id.0 as usize];
        }
    }
    counted.into_iter().zip(needs_buckets).map(|(counted, needs)| counted && !needs).collect()
}

/// A text that two nodes share exactly if they compute the same: the node itself, with the numbers of its operands.
fn key(ast: &Ast, line: &Line<'_>, id: NodeId, nodes: &[Arc<PlanNode>]) -> String {
    let number = |id: NodeId| nodes[id.0 as usize].number;
    match ast.expr(id) {
        // The selector of a window has no text of its own.
        Expr::Selector(selector) if line.text_of(id).is_empty() => format!("[{:?}", selector.matchers),
        Expr::Number { .. } | Expr::String(_) | Expr::Selector(_) | Expr::Window { .. } => {
            line.text_of(id).to_owned()
        }
        Expr::Paren(inner) => format!("({}", number(*inner)),
        // What follows the expression in the text: range, step, `offset` and `@`.
        Expr::Subquery(subquery) => {
            let (whole, inner) = (line.text_of(id), line.text_of(subquery.expr));
            format!("#{}{}", number(subquery.expr), whole.strip_prefix(inner).unwrap_or(whole))
        }
        Expr::Unary { negate, expr } => format!("unary {negate} {}", number(*expr)),
        Expr::Binary(binary) => format!(
            "#{} {} {} #{} {:?}",
            number(binary.left),
            binary.op.as_str(),
            binary.returns_bool,
            number(binary.right),
            binary.matching
        ),
        Expr::Aggregate(aggregate) => format!(
            "{} {} {:?} {:?} #{}",
            aggregate.op.as_str(),
            aggregate.without,
            aggregate.labels,
            aggregate.param.map(number),
            number(aggregate.expr)
        ),
        Expr::Call { function, args } => {
            let args: Vec<u64> = args.iter().map(|&arg| number(arg)).collect();
            format!("{function}#{args:?}")
        }
    }
}

/// The metric names that a node depends on.
fn names(ast: &Ast, id: NodeId, nodes: &[Arc<PlanNode>]) -> Names {
    if let Expr::Selector(selector) = ast.expr(id) {
        return selected_name(&selector.matchers).map(|name| Arc::from([name]));
    }
    // `info` looks at series that no selector of the query names.
    if matches!(ast.expr(id), Expr::Call { function, .. } if &**function == "info") {
        return None;
    }
    let mut all: Vec<Arc<str>> = Vec::new();
    for child in ast.children(id) {
        all.extend(nodes[child.0 as usize].names.as_ref()?.iter().cloned());
    }
    all.sort_unstable();
    all.dedup();
    Some(all.into())
}

/// The one name that passes the matchers, if they ask for one.
fn selected_name(matchers: &[Matcher]) -> Option<Arc<str>> {
    let on_name = matchers.iter().find(|matcher| {
        matcher.name() == METRIC_NAME && matcher.op() == MatchOp::Equal && !matcher.value().is_empty()
    });
    on_name.map(|matcher| Arc::from(matcher.value()))
}
