//! The `inhibit_rules:` section.

use bellwether_model::Matcher;
use bellwether_model::yaml::YamlError;

use super::node::{Node, Source};
use super::read::Section;
use super::route::matchers_of;

/// While an alert that passes `source` fires, alerts that pass `target` are not told, where both have the same values
/// of all labels in `equal`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct InhibitRuleConfig {
    /// For people; may be empty.
    pub name: String,
    /// What the inhibiting alert must match.
    pub source: Vec<Matcher>,
    /// What the inhibited alert must match.
    pub target: Vec<Matcher>,
    /// Labels that both must share; absent on both sides counts as shared.
    pub equal: Vec<String>,
}

/// Reads one rule. An empty list item is a rule that matches everything on both sides, and so inhibits nothing.
pub(super) fn read(source: Source<'_>, node: Node) -> Result<InhibitRuleConfig, YamlError> {
    let mut section = Section::new(source, "inhibit rule", node)?;
    let name = section.text("name")?.map(|name| name.value).unwrap_or_default();
    let from = matchers_of(source, &mut section, "source_match", "source_match_re", "source_matchers")?;
    let target = matchers_of(source, &mut section, "target_match", "target_match_re", "target_matchers")?;
    let equal = section.texts("equal")?.unwrap_or_default();
    if let Some(empty) = equal.iter().find(|label| label.value.is_empty()) {
        return Err(source.error(&empty.place, "an empty text is no label name in equal"));
    }
    let equal = equal.into_iter().map(|label| label.value).collect();
    section.finish()?;
    Ok(InhibitRuleConfig { name, source: from, target, equal })
}
