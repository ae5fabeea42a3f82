//! The settings of a plugin: declared by it, written by the operator, checked here.

use std::fs;
use std::path::Path;

use bellwether_model::duration;
use bellwether_model::yaml::did_you_mean;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::secrets::Found;

/// A secret's file is not longer.
const MAX_SECRET_FILE_BYTES: u64 = 64 << 10;
/// Ending of the setting that names a file with the value of a secret, as Alertmanager has it: `api_url_file`.
const FILE_SUFFIX: &str = "_file";

/// How a setting is typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SettingKind {
    /// A text; numbers and booleans are taken as written.
    Text,
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// `true` or `false`.
    Boolean,
    /// A duration such as `30s`; the plugin gets milliseconds.
    Duration,
    /// A credential; the plugin gets a placeholder.
    Secret,
    /// A list of texts.
    Texts,
    /// Any value.
    Json,
}

impl SettingKind {
    /// Whether the value may be in a file as well. Alertmanager has such settings for secrets, and for `chat_id`.
    const fn may_be_in_file(self) -> bool {
        matches!(self, Self::Secret | Self::Text | Self::Integer)
    }

    const fn in_words(self) -> &'static str {
        match self {
            Self::Text | Self::Secret => "a text",
            Self::Integer => "a whole number",
            Self::Number => "a number",
            Self::Boolean => "true or false",
            Self::Duration => "a duration such as 30s",
            Self::Texts => "a list of texts",
            Self::Json => "any value",
        }
    }
}

/// A setting that a plugin understands.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SettingInfo {
    /// In `snake_case`.
    pub name: String,
    /// Its type.
    pub kind: SettingKind,
    /// One sentence.
    pub help: String,
    /// Whether it must be given.
    pub required: bool,
    /// What it is where nothing is given.
    pub default: Option<Value>,
}

/// A setting that does not fit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{message}", .setting.as_ref().map(|name| format!("{name}: ")).unwrap_or_default())]
pub struct SettingProblem {
    /// Which one; none where several do not go together.
    pub setting: Option<String>,
    /// What is wrong, and what would be right.
    pub message: String,
}

/// Checks what the operator wrote against what the plugin declared, and fills in defaults. Each value of a secret goes
/// to `hold`, and what that returns goes to the plugin instead. Names in `elsewhere` are known, and left out.
pub(crate) fn check(
    declared: &[SettingInfo],
    elsewhere: &[&str],
    given: &Map<String, Value>,
    mut hold: impl FnMut(&Found<'_>) -> String,
) -> Result<Map<String, Value>, Vec<SettingProblem>> {
    let mut problems = unknown_settings(declared, elsewhere, given);
    let mut checked = Map::new();
    for setting in declared {
        match value_of(setting, given) {
            Ok(None) => {}
            Ok(Some(Value::String(secret))) if setting.kind == SettingKind::Secret => {
                let file = given.get(&file_key(&setting.name)).and_then(Value::as_str).map(Path::new);
                let found = Found { setting: &setting.name, value: &secret, file };
                checked.insert(setting.name.clone(), hold(&found).into());
            }
            Ok(Some(value)) => {
                checked.insert(setting.name.clone(), value);
            }
            Err(message) => problems.push(SettingProblem { setting: Some(setting.name.clone()), message }),
        }
    }
    if problems.is_empty() { Ok(checked) } else { Err(problems) }
}

/// The default of a setting in the form in which the plugin gets it; an error where it does not fit its own kind.
pub(crate) fn checked_default(kind: SettingKind, json: &str) -> Result<Value, String> {
    let value = serde_json::from_str(json).map_err(|error| format!("{json:?} is no JSON: {error}"))?;
    // Milliseconds, as the plugin gets them.
    if kind == SettingKind::Duration && value_is_millis(&value) {
        return Ok(value);
    }
    converted(kind, &value)
}

fn value_is_millis(value: &Value) -> bool {
    value.as_u64().is_some_and(|millis| u32::try_from(millis).is_ok())
}

fn value_of(setting: &SettingInfo, given: &Map<String, Value>) -> Result<Option<Value>, String> {
    let present = |name: &str| given.get(name).filter(|value| !value.is_null());
    let file_key = file_key(&setting.name);
    let file = present(&file_key).filter(|_| setting.kind.may_be_in_file());
    match (present(&setting.name), file) {
        (Some(_), Some(_)) => Err(format!("given twice, as itself and as {file_key}")),
        (None, Some(Value::String(path))) => {
            text_in_file(Path::new(path)).and_then(|text| from_file(setting.kind, text, path)).map(Some)
        }
        (None, Some(other)) => Err(format!("{file_key} must be a path, not {other}")),
        (Some(Value::String(text)), None)
            if text.is_empty() && setting.required && setting.kind == SettingKind::Secret =>
        {
            Err("is empty".into())
        }
        (Some(value), None) => converted(setting.kind, value).map(Some),
        (None, None) => missing(setting),
    }
}

/// What the setting is called that names a file with the value.
fn file_key(name: &str) -> String {
    format!("{name}{FILE_SUFFIX}")
}

/// The value that a file holds, which may be a secret and stays out of the message.
fn from_file(kind: SettingKind, text: String, path: &str) -> Result<Value, String> {
    match kind {
        SettingKind::Integer => {
            text.parse::<i64>().map(Value::from).map_err(|_| format!("{path} holds no whole number"))
        }
        _ => Ok(text.into()),
    }
}

fn missing(setting: &SettingInfo) -> Result<Option<Value>, String> {
    match &setting.default {
        Some(default) => Ok(Some(default.clone())),
        None if setting.required => Err(format!("is missing; it must be {}", setting.kind.in_words())),
        None => Ok(None),
    }
}

/// A value in the form in which the plugin gets it.
fn converted(kind: SettingKind, value: &Value) -> Result<Value, String> {
    let fits = match (kind, value) {
        (SettingKind::Text | SettingKind::Secret, Value::Number(number)) => {
            return Ok(number.to_string().into());
        }
        (SettingKind::Text | SettingKind::Secret, Value::Bool(yes)) => return Ok(yes.to_string().into()),
        (SettingKind::Duration, Value::String(text)) => return duration_in_millis(text),
        (SettingKind::Duration, Value::Number(number)) if number.as_u64() == Some(0) => return Ok(0.into()),
        (SettingKind::Text | SettingKind::Secret, Value::String(_))
        | (SettingKind::Number, Value::Number(_))
        | (SettingKind::Boolean, Value::Bool(_))
        | (SettingKind::Json, _) => true,
        (SettingKind::Integer, Value::Number(number)) => number.is_i64() || number.is_u64(),
        (SettingKind::Texts, Value::Array(items)) => items.iter().all(Value::is_string),
        _ => false,
    };
    // The value itself may be a secret, and stays out of the message.
    if fits { Ok(value.clone()) } else { Err(format!("must be {}", kind.in_words())) }
}

/// Go's notation first, as Alertmanager's integrations have it, then Prometheus' with days and weeks.
fn duration_in_millis(text: &str) -> Result<Value, String> {
    let parsed = duration::parse_go(text).or_else(|_| duration::parse_prometheus(text));
    let millis = parsed.ok().and_then(|duration| u32::try_from(duration.as_millis()).ok());
    millis
        .map(Value::from)
        .ok_or_else(|| format!("must be a duration such as 30s, at most 49 days, not {text:?}"))
}

/// What a file holds, without white space around it, as Alertmanager takes it.
pub(crate) fn text_in_file(path: &Path) -> Result<String, String> {
    let read = || {
        let length = fs::metadata(path)?.len();
        if length > MAX_SECRET_FILE_BYTES {
            return Err(std::io::Error::other(format!("it has {length} bytes")));
        }
        fs::read_to_string(path)
    };
    let text = read().map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    Ok(text.trim().to_owned())
}

fn unknown_settings(
    declared: &[SettingInfo],
    elsewhere: &[&str],
    given: &Map<String, Value>,
) -> Vec<SettingProblem> {
    let mut known: Vec<String> = elsewhere.iter().map(|name| (*name).to_owned()).collect();
    for setting in declared {
        known.push(setting.name.clone());
        if setting.kind == SettingKind::Secret {
            known.push(file_key(&setting.name));
        }
    }
    // Not among the names to choose from: hardly any plugin means it.
    let in_file = |name: &str| {
        let named = name.strip_suffix(FILE_SUFFIX);
        declared.iter().any(|setting| setting.kind.may_be_in_file() && Some(&*setting.name) == named)
    };
    let unknown = given.keys().filter(|name| !known.contains(name) && !in_file(name));
    unknown
        .map(|name| SettingProblem { setting: Some(name.clone()), message: unknown_message(name, &known) })
        .collect()
}

fn unknown_message(name: &str, known: &[String]) -> String {
    match did_you_mean(name, known.iter().map(String::as_str)) {
        Some(meant) => format!("unknown setting; did you mean {meant}?"),
        None if known.is_empty() => "unknown setting; this plugin has none".into(),
        None => format!("unknown setting; there are {}", known.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn setting(name: &str, kind: SettingKind, required: bool, default: Option<Value>) -> SettingInfo {
        SettingInfo { name: name.into(), kind, help: String::new(), required, default }
    }

    fn declared() -> Vec<SettingInfo> {
        vec![
            setting("url", SettingKind::Secret, true, None),
            setting("timeout", SettingKind::Duration, false, Some(json!(10_000))),
            setting("count", SettingKind::Integer, false, None),
            setting("name", SettingKind::Text, false, None),
        ]
    }

    fn run(given: Value) -> Result<Value, Vec<String>> {
        let Value::Object(given) = given else { panic!("an object") };
        check(&declared(), &["title"], &given, |found| {
            assert_eq!(found.file.is_some(), given.contains_key("url_file"));
            format!("<{}:{}>", found.setting, found.value.len())
        })
        .map(Value::Object)
        .map_err(|problems| problems.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn fills_in_defaults_and_swaps_secrets() {
        let got = run(json!({"url": "http://x", "name": 5, "title": "{{ x }}"})).unwrap();
        assert_eq!(got, json!({"url": "<url:8>", "timeout": 10_000, "name": "5"}));
        assert_eq!(run(json!({"url": "http://x", "timeout": "1m30s"})).unwrap()["timeout"], json!(90_000));
    }

    #[test]
    fn says_what_is_wrong_and_what_would_be_right() {
        assert_eq!(
            run(json!({"ulr": "x", "timeout": "soon", "count": 1.5})).unwrap_err(),
            [
                "ulr: unknown setting; did you mean url?",
                "url: is missing; it must be a text",
                "timeout: must be a duration such as 30s, at most 49 days, not \"soon\"",
                "count: must be a whole number",
            ]
        );
        let unknown = run(json!({"url": "x", "quantity": 1})).unwrap_err();
        assert_eq!(
            unknown,
            ["quantity: unknown setting; there are title, url, url_file, timeout, count, name"]
        );
    }

    #[test]
    fn takes_a_secret_from_its_file() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "http://x/y\n").unwrap();
        assert_eq!(run(json!({"url_file": file.path()})).unwrap()["url"], json!("<url:10>"));
        let twice = run(json!({"url_file": file.path(), "url": "x"})).unwrap_err();
        assert_eq!(twice, ["url: given twice, as itself and as url_file"]);
        assert!(
            run(json!({"url_file": "/no/such"})).unwrap_err()[0].starts_with("url: cannot read /no/such")
        );
    }

    #[test]
    fn takes_texts_and_numbers_from_files_too() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), " -100123\n").unwrap();
        let got = run(json!({"url": "x", "count_file": file.path(), "name_file": file.path()})).unwrap();
        assert_eq!((&got["count"], &got["name"]), (&json!(-100_123), &json!("-100123")));
        fs::write(file.path(), "hunter22").unwrap();
        let wrong = run(json!({"url": "x", "count_file": file.path()})).unwrap_err();
        assert!(wrong[0].ends_with("holds no whole number") && !wrong[0].contains("hunter22"), "{wrong:?}");
        let no_file = run(json!({"url": "x", "timeout_file": file.path()})).unwrap_err();
        assert!(no_file[0].starts_with("timeout_file: unknown setting"), "{no_file:?}");
    }
}
