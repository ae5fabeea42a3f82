//! Paths in the settings of integrations: they count from the folder of the configuration file, as in Alertmanager.

use std::path::Path;

use serde_json::{Map, Value};

use super::problem::Obstacle;

/// Ends the keys of settings that name a file.
const FILE_SUFFIX: &str = "_file";
/// Parts of an integration's settings that have paths inside, at any depth. Others, such as the body of a webhook, may
/// have such keys and mean something else.
const PARTS: [&str; 2] = ["http_config", "tls_config"];

/// Makes the paths ones that can be opened, and says of each file that cannot be read which setting names it and why.
pub(super) fn resolve(settings: &mut Map<String, Value>, folder: &Path) -> Vec<Obstacle> {
    let mut obstacles = Vec::new();
    for (key, value) in settings {
        let mut problems = Vec::new();
        if key.ends_with(FILE_SUFFIX) {
            resolve_one(key, value, folder, &mut problems);
        } else if PARTS.contains(&key.as_str()) {
            resolve_within(key, value, folder, &mut problems);
        }
        obstacles.extend(problems.into_iter().map(|text| Obstacle::around(Some(key), text)));
    }
    obstacles
}

/// The setting that is read from the file which another setting names.
pub(super) fn setting_in(key: &str) -> Option<&str> {
    key.strip_suffix(FILE_SUFFIX)
}

/// Recursion is as deep as the tables of these settings.
fn resolve_within(place: &str, value: &mut Value, folder: &Path, problems: &mut Vec<String>) {
    let Value::Object(parts) = value else { return };
    for (key, value) in parts {
        let place = format!("{place}: {key}");
        match value {
            Value::String(_) if key.ends_with(FILE_SUFFIX) => resolve_one(&place, value, folder, problems),
            // A header whose values are in files.
            Value::Array(files) if key == "files" => {
                files.iter_mut().for_each(|file| resolve_one(&place, file, folder, problems));
            }
            value => resolve_within(&place, value, folder, problems),
        }
    }
}

fn resolve_one(place: &str, value: &mut Value, folder: &Path, problems: &mut Vec<String>) {
    let Some(written) = value.as_str().filter(|path| !path.is_empty()) else { return };
    let path = folder.join(written);
    if let Err(error) = std::fs::File::open(&path).and_then(|file| file.metadata()) {
        let remedy =
            "create the file, or correct its path, which counts from the folder of the configuration";
        problems.push(format!("{place}: cannot read {}: {error}; {remedy}", path.display()));
    }
    *value = path.to_string_lossy().into_owned().into();
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn paths_count_from_the_folder_wherever_they_stand() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("there"), "x").unwrap();
        let Value::Object(mut settings) = json!({
            "url_file": "there",
            "api_key_file": "/absolute",
            "auth_secret_file": "",
            "http_config": {
                "authorization": {"credentials_file": "there"},
                "oauth2": {"tls_config": {"ca_file": "gone"}},
                "http_headers": {"X-A": {"files": ["there"], "values": ["there"]}},
            },
            "payload": {"log_file": "there"},
        }) else {
            unreachable!("an object was written")
        };
        let obstacles = resolve(&mut settings, folder.path());
        let problems: Vec<&str> = obstacles.iter().map(|obstacle| obstacle.text.as_str()).collect();
        let there = json!(folder.path().join("there"));
        let http = &settings["http_config"];
        assert_eq!(settings["url_file"], there);
        assert_eq!(settings["api_key_file"], "/absolute");
        assert_eq!(settings["auth_secret_file"], "");
        assert_eq!(http["authorization"]["credentials_file"], there);
        assert_eq!(http["http_headers"]["X-A"], json!({"files": [there], "values": ["there"]}));
        assert_eq!(settings["payload"]["log_file"], "there", "that is the operator's own");
        assert_eq!(problems.len(), 2);
        assert!(problems.iter().any(|text| text.starts_with("api_key_file: cannot read /absolute: ")));
        let nested = problems
            .iter()
            .find(|text| text.starts_with("http_config: oauth2: tls_config: ca_file: cannot read"));
        assert!(
            nested.unwrap().ends_with("which counts from the folder of the configuration"),
            "{problems:?}"
        );
    }
}
