//! Rule files, rule groups and the alert state machine.
//!
//! Takes rule files as Prometheus has them, evaluates groups at the times the shell says, and hands back samples to
//! write and alerts to route. Reads no clock and no file; who evaluates an expression is the shell's business
//! ([`Evaluator`]).

pub mod alerting;
pub mod file;
pub mod group;
pub mod recording;
pub mod schedule;
pub mod state;

pub use alerting::{ActiveAlert, AlertingRule, TextTemplate, Transition};
pub use file::{RuleFileError, RuleGroupSpec, RuleSpec, parse_rule_file};
pub use group::{Evaluation, Evaluator, Group, GroupEnv, Health, Rule, RuleError, RuleKind, RuleStatus};
pub use recording::RecordingRule;
pub use schedule::Schedule;
pub use state::{Condition, RuleAlertState};

#[cfg(test)]
mod tests;
