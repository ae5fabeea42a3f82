//! Whether the receivers of a configuration could tell anybody: kinds that somebody knows, settings that they take.

use std::path::Path;

use bellwether_alerting::config::{Integration, upstream_kinds};
use bellwether_model::yaml::{Location, YamlError, did_you_mean};
use bellwether_sandbox::Plugins;

use crate::config::{self, ConfigErrors, Configuration, secrets};
use crate::delivery::{ConfiguredReceivers, NATIVE_KINDS, NativeReceivers, Remedy};
use crate::plugins;

/// Receivers of kinds that nobody knows load in a server, since their plugin may come later; here they are mistakes.
pub(in crate::cli) fn check_kinds(loaded: &Configuration, plugins: &Path) -> Result<(), ConfigErrors> {
    let known = plugins::names(plugins);
    let is_known = |own: &Integration| {
        own.is_upstream_kind() || NATIVE_KINDS.contains(&own.kind.as_str()) || known.contains(&own.kind)
    };
    let integrations = loaded.alerting.receivers.iter().flat_map(|receiver| &receiver.integrations);
    let unknown = integrations.filter(|own| !is_known(own)).map(|own| {
        let message = format!("no receiver and no plugin is called {}", own.kind);
        let hint = match did_you_mean(&own.kind, upstream_kinds().chain(NATIVE_KINDS)) {
            Some(close) => format!("did you mean {close}_configs?"),
            None => format!("put {}.wasm into a folder and name that with --plugins", own.kind),
        };
        (own.place, message, Some(hint))
    });
    mistakes(loaded, unknown.collect())
}

/// What receivers and their plugins have against their settings. No mistake, and returned as a note, is what may be put
/// right without another configuration, and what Alertmanager accepts although it cannot work: its files pass here too.
pub(super) async fn check_settings(
    loaded: &Configuration,
    plugins: &Plugins,
) -> Result<Vec<String>, ConfigErrors> {
    let templates = config::load_templates(loaded)?;
    let (natives, folder) = (NativeReceivers::for_checks(), loaded.alerting_folder());
    let (_, problems) =
        ConfiguredReceivers::build(&loaded.alerting, folder, templates, &natives, plugins).await;
    let (wrong, notes): (Vec<_>, Vec<_>) = problems
        .into_iter()
        .partition(|problem| problem.remedy == Remedy::Settings && !problem.is_upstream_kind);
    mistakes(loaded, wrong.into_iter().map(|problem| (problem.place, problem.text, None)).collect())?;
    Ok(notes.iter().map(ToString::to_string).collect())
}

/// Errors of the routing configuration, each with the line as it was written.
fn mistakes(
    loaded: &Configuration,
    found: Vec<(Location, String, Option<String>)>,
) -> Result<(), ConfigErrors> {
    if found.is_empty() {
        return Ok(());
    }
    let file = loaded.alerting_file.to_string_lossy();
    // Before `${…}` was replaced; what is part of the program, or was piped in, cannot be read again.
    let text = config::read_text(&loaded.alerting_file).unwrap_or_default();
    let error = |(place, message, hint): (Location, String, Option<String>)| {
        let error = YamlError::at(&file, &text, &place, message);
        YamlError { excerpt: error.excerpt.map(|line| secrets::mask(&line)), hint, ..error }
    };
    Err(ConfigErrors(found.into_iter().map(error).collect()))
}
