//! `plugin inspect`: what a file says of itself, what it asks for, and who made it.

use std::path::Path;
use std::sync::Arc;

use bellwether_model::modelling::{ModelKind, Modeller as _};
use bellwether_sandbox::{NoHttp, PluginKind, SettingInfo};
use serde::Serialize;

use crate::component::Facts;
use crate::error::WorkbenchError;
use crate::guest::{CompiledCode, Guest, Loaded};

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
    /// Kinds of models of a detector.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub models: Vec<ModelInspection>,
    /// Origins that it asks for.
    pub wants_hosts: Vec<String>,
    /// What it may do, in words.
    pub capabilities: Vec<String>,
    /// The file itself.
    #[serde(flatten)]
    pub facts: Facts,
}

/// A kind of model.
#[derive(Debug, Clone, Serialize)]
pub struct ModelInspection {
    /// Its name.
    pub name: String,
    /// One sentence.
    pub summary: String,
    /// How far back it wants to see.
    pub history_seconds: u64,
    /// Whether one model sees all series.
    pub multivariate: bool,
    /// What it can be told.
    pub settings: Vec<SettingInfo>,
}

/// Loads a file with nothing granted and reads what it says.
pub async fn inspect(path: &Path, code: &CompiledCode) -> Result<Inspection, WorkbenchError> {
    let wasm = std::fs::read(path).map_err(WorkbenchError::reading(path))?;
    let facts = Facts::of(&wasm);
    let loaded = Loaded::load(path, Arc::new(NoHttp), code).await?;
    let models = models_of(&loaded.guest);
    let (kind, status) = (loaded.guest.kind(), loaded.status);
    Ok(Inspection {
        name: status.name,
        kind,
        version: status.version,
        summary: status.summary,
        settings: status.settings,
        provides: status.provides,
        models,
        wants_hosts: status.wants_hosts,
        capabilities: facts.capabilities(),
        facts,
    })
}

fn models_of(guest: &Guest) -> Vec<ModelInspection> {
    let Guest::Detector(detector) = guest else { return Vec::new() };
    let kinds = detector.modeller().map_or(&[][..], |modeller| modeller.kinds());
    let inspection = |kind: &ModelKind| ModelInspection {
        name: kind.name.clone(),
        summary: kind.summary.clone(),
        history_seconds: kind.history.as_secs(),
        multivariate: kind.multivariate,
        settings: detector.modeller().map_or(&[][..], |modeller| modeller.settings(&kind.name)).to_vec(),
    };
    kinds.iter().map(inspection).collect()
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
        // Models have lines of their own.
        let is_model = |what: &str| self.models.iter().any(|model| what == format!("model {}", model.name));
        let others: Vec<&str> =
            self.provides.iter().map(String::as_str).filter(|what| !is_model(what)).collect();
        lines.push(format!("{provides:<9} {}", joined(&others)));
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
        for model in &self.models {
            let sees = if model.multivariate { "all series as one" } else { "each series by itself" };
            lines.push(format!(
                "model     {}: {}; sees {sees}, wants {} s of history",
                model.name, model.summary, model.history_seconds
            ));
            lines.extend(setting_lines(&model.settings));
        }
        lines
    }
}

fn joined(names: &[&str]) -> String {
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
