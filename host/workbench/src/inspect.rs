//! `plugin inspect`: what a file says of itself, what it asks for, and who made it.

use std::path::Path;
use std::sync::Arc;

use bellwether_sandbox::{NoHttp, PluginKind, SettingInfo};
use serde::Serialize;

use crate::component::Facts;
use crate::error::WorkbenchError;
use crate::guest::Loaded;

/// All that there is to know about a file.
#[derive(Debug, Clone, Serialize)]
pub struct Inspection {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: PluginKind,
    /// Its own version.
    pub version: String,
    /// One sentence.
    pub summary: String,
    /// What it can be told.
    pub settings: Vec<SettingInfo>,
    /// Metrics of a driver, functions of a detector, templates of a receiver.
    pub provides: Vec<String>,
    /// Origins that it asks for.
    pub wants_hosts: Vec<String>,
    /// What it may do, in words.
    pub capabilities: Vec<String>,
    /// The file itself.
    #[serde(flatten)]
    pub facts: Facts,
}

/// Loads a file with nothing granted and reads what it says.
pub async fn inspect(path: &Path) -> Result<Inspection, WorkbenchError> {
    let wasm = std::fs::read(path).map_err(WorkbenchError::reading(path))?;
    let facts = Facts::of(&wasm);
    let loaded = Loaded::load(path, Arc::new(NoHttp)).await?;
    let (kind, status) = (loaded.guest.kind(), loaded.status);
    Ok(Inspection {
        name: status.name,
        kind,
        version: status.version,
        summary: status.summary,
        settings: status.settings,
        provides: status.provides,
        wants_hosts: status.wants_hosts,
        capabilities: facts.capabilities(),
        facts,
    })
}

impl Inspection {
    /// For people.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = vec![
            format!("{} {}, a {}", self.name, self.version, self.kind),
            format!("  {}", self.summary),
            format!("file      {} bytes, sha256 {}", self.facts.size_bytes, self.facts.sha256),
        ];
        let provides = match self.kind {
            PluginKind::Driver => "metrics",
            PluginKind::Detector => "functions",
            PluginKind::Receiver => "templates",
        };
        lines.push(format!("{provides:<9} {}", joined(&self.provides)));
        let mut head = "may";
        for words in &self.capabilities {
            lines.push(format!("{head:<9} {words}"));
            head = "";
        }
        if !self.wants_hosts.is_empty() {
            lines.push(format!("wants     {}", self.wants_hosts.join(", ")));
        }
        for (field, makers) in &self.facts.producers {
            lines.push(format!("{field:<12}  {}", makers.join(", ")));
        }
        lines.push(if self.settings.is_empty() {
            "settings  none".to_owned()
        } else {
            "settings".to_owned()
        });
        lines.extend(setting_lines(&self.settings));
        lines
    }
}

fn joined(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

/// Name, kind, default and help in columns.
fn setting_lines(settings: &[SettingInfo]) -> Vec<String> {
    let kind = |setting: &SettingInfo| {
        serde_json::to_value(setting.kind)
            .ok()
            .and_then(|kind| kind.as_str().map(str::to_owned))
            .unwrap_or_default()
    };
    let fallback = |setting: &SettingInfo| match (&setting.default, setting.required) {
        (Some(default), _) => format!("default {default}"),
        (None, true) => "required".to_owned(),
        (None, false) => "optional".to_owned(),
    };
    let rows: Vec<[String; 4]> = settings
        .iter()
        .map(|setting| [setting.name.clone(), kind(setting), fallback(setting), setting.help.clone()])
        .collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths = [width(0), width(1), width(2)];
    let line = |[name, kind, fallback, help]: &[String; 4]| {
        let [a, b, c] = widths;
        format!("  {name:<a$}  {kind:<b$}  {fallback:<c$}  {help}").trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use bellwether_sandbox::SettingKind;

    use super::*;

    #[test]
    fn settings_stand_in_columns() {
        let setting = |name: &str, kind, required, default| SettingInfo {
            name: name.into(),
            kind,
            help: "Help".into(),
            required,
            default,
        };
        let settings = [
            setting("url", SettingKind::Secret, true, None),
            setting("timeout", SettingKind::Duration, false, Some(10.into())),
        ];
        assert_eq!(
            setting_lines(&settings),
            ["  url      secret    required    Help", "  timeout  duration  default 10  Help"]
        );
    }
}
