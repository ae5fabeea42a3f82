//! `bellwether check config|rules|alertmanager FILE…`: says what is wrong with files before anything runs.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use bellwether_alerting::config::{Config as AlertingConfig, Integration, upstream_kinds};
use bellwether_model::yaml::{YamlError, did_you_mean};
use bellwether_promql::Engine;
use clap::{Args, Subcommand};

use super::{FeatureArgs, Outcome, print_lines};
use crate::clock::Clock;
use crate::config::{self, ConfigErrors, Origin, PromqlFlags, PromqlSettings, RuleFiles, Sources};
use crate::delivery::{NATIVE_KINDS, unreadable_files};
use crate::plugins;

/// Interval of groups that name none, as `promtool check rules` takes it.
const DEFAULT_INTERVAL: Duration = Duration::from_secs(60);

/// Where a server has its plugins that was started without more flags.
pub(super) const DEFAULT_PLUGINS: &str = "bellwether-data/plugins";

/// Arguments of `bellwether check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// A bellwether.yaml or a prometheus.yml, with the rule files that it names
    Config {
        #[command(flatten)]
        features: FeatureArgs,
        /// Files to check
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// Rule files
    Rules {
        #[command(flatten)]
        features: FeatureArgs,
        /// Files to check
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// Alertmanager configurations
    Alertmanager {
        /// Folder with the plugins that the server will have; `KIND_configs` that neither Alertmanager nor a plugin knows
        /// is an error
        #[arg(long, value_name = "DIR", default_value = DEFAULT_PLUGINS)]
        plugins: PathBuf,
        /// Files to check
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
}

/// Checks every file and says how it went; fails if any does.
pub async fn run(args: &CheckArgs) -> Outcome {
    let none = FeatureArgs::default();
    let (files, kind, features) = match &args.what {
        What::Config { features, files } => (files, Kind::Config, features),
        What::Rules { features, files } => (files, Kind::Rules, features),
        What::Alertmanager { files, .. } => (files, Kind::Alertmanager, &none),
    };
    let promql = PromqlFlags { features: features.enable_feature.clone(), ..PromqlFlags::default() };
    let mut all_good = true;
    for file in files {
        let checked = match kind {
            Kind::Config => check_config(file, &promql).await,
            Kind::Rules => check_rules(file, &promql).await,
            Kind::Alertmanager => check_alertmanager(file, args.plugins()),
        };
        all_good &= checked.is_ok();
        print_verdict(file, checked);
    }
    Ok(if all_good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

#[derive(Clone, Copy)]
enum Kind {
    Config,
    Rules,
    Alertmanager,
}

/// What was found, a line each.
type Verdict = Result<Vec<String>, ConfigErrors>;

fn print_verdict(file: &Path, verdict: Verdict) {
    let head = format!("Checking {}", file.display());
    match verdict {
        Ok(found) => {
            let lines = std::iter::once(head).chain(found.into_iter().map(|line| format!("  {line}")));
            print_lines(std::io::stdout(), &lines.collect::<Vec<_>>());
        }
        Err(errors) => print_lines(std::io::stderr(), &[head, "  FAILED:".to_owned(), errors.to_string()]),
    }
}

async fn checking_engine(plugin_dir: Option<&Path>, promql: &PromqlSettings) -> Result<Engine, YamlError> {
    plugins::checking_engine(plugin_dir, promql.engine.clone())
        .await
        .map_err(|error| YamlError::of_file("plugins", format!("{error:#}")))
}

async fn check_rules(file: &Path, promql: &PromqlFlags) -> Verdict {
    let mut files = RuleFiles::default();
    files.add_path(file);
    let sources = Sources { promql: promql.clone(), ..Sources::default() };
    let loaded = config::load(&Origin::Files(sources), Clock::system().now())?;
    let engine = checking_engine(None, &loaded.promql).await?;
    let groups = config::load_rules(&files, &engine, DEFAULT_INTERVAL)?;
    let rules: usize = groups.iter().map(|group| group.rules.len()).sum();
    let mut found = vec![format!("SUCCESS: {rules} rules found")];
    found.extend(loaded.notes.iter().map(|note| format!("note: {note}")));
    for repeated in bellwether_rules::file::duplicate_rules(&groups) {
        found.push(format!("note: rule repeated with the same labels: {repeated}"));
    }
    Ok(found)
}

impl CheckArgs {
    fn plugins(&self) -> &Path {
        match &self.what {
            What::Alertmanager { plugins, .. } => plugins,
            What::Config { .. } | What::Rules { .. } => Path::new(""),
        }
    }
}

/// Receivers of kinds that nobody knows load in a server, since their plugin may come later; here they are mistakes.
pub(super) fn check_kinds(
    file: &Path,
    alerting: &AlertingConfig,
    plugins: &Path,
) -> Result<(), ConfigErrors> {
    let known = plugins::names(plugins);
    let is_known = |own: &Integration| {
        own.is_upstream_kind() || NATIVE_KINDS.contains(&own.kind.as_str()) || known.contains(&own.kind)
    };
    let integrations = alerting.receivers.iter().flat_map(|receiver| &receiver.integrations);
    let unknown = integrations.filter(|own| !is_known(own)).map(|own| {
        let message = format!("no receiver and no plugin is called {}", own.kind);
        let hint = match did_you_mean(&own.kind, upstream_kinds().chain(NATIVE_KINDS)) {
            Some(close) => format!("did you mean {close}_configs?"),
            None => format!("put {}.wasm into a folder and name that with --plugins", own.kind),
        };
        YamlError { line: own.line, ..YamlError::of_file(&file.to_string_lossy(), message) }.with_hint(hint)
    });
    let unknown: Vec<YamlError> = unknown.collect();
    if unknown.is_empty() { Ok(()) } else { Err(ConfigErrors(unknown)) }
}

fn check_alertmanager(file: &Path, plugins: &Path) -> Verdict {
    let sources = Sources { alertmanager: Some(file.to_owned()), ..Sources::default() };
    let loaded = config::load(&Origin::Files(sources), Clock::system().now())?;
    check_kinds(file, &loaded.alerting, plugins)?;
    config::load_templates(&loaded)?;
    let alerting = &loaded.alerting;
    let mut found = vec![
        "SUCCESS".to_owned(),
        format!("{} inhibit rules", alerting.inhibit_rules.len()),
        format!("{} receivers", alerting.receivers.len()),
        format!("{} templates", alerting.templates.len()),
    ];
    let unreadable = unreadable_files(alerting, &loaded.alerting_folder);
    found.extend(loaded.notes.iter().chain(&unreadable).map(|note| format!("note: {note}")));
    Ok(found)
}

async fn check_config(file: &Path, promql: &PromqlFlags) -> Verdict {
    let text = config::read_text(file)?;
    let (own, prometheus) =
        if is_own(file, &text) { (Some(file.to_owned()), None) } else { (None, Some(file.to_owned())) };
    let sources = Sources { bellwether: own, prometheus, promql: promql.clone(), ..Sources::default() };
    let loaded = config::load(&Origin::Files(sources), Clock::system().now())?;
    let engine = checking_engine(loaded.plugin_dir.as_deref(), &loaded.promql).await?;
    let groups = config::load_rules(&loaded.rule_files, &engine, loaded.evaluation_interval)?;
    if !loaded.models.is_empty() {
        let folder = loaded.plugin_dir.as_deref().unwrap_or(Path::new(DEFAULT_PLUGINS));
        let plugins = plugins::look(folder).await;
        let plugins = plugins.map_err(|error| YamlError::of_file("plugins", format!("{error:#}")))?;
        config::check_models(&loaded.models, &engine, &plugins)?;
    }
    let rules: usize = groups.iter().map(|group| group.rules.len()).sum();
    let mut found = vec![format!(
        "SUCCESS: {} scrape configs, {} devices, {rules} rules",
        loaded.scrapes.len(),
        loaded.devices.devices().count()
    )];
    if !loaded.models.is_empty() {
        found.push(format!("{} models", loaded.models.len()));
    }
    found.extend(loaded.notes.iter().map(|note| format!("note: {note}")));
    Ok(found)
}

/// Whether a file is ours rather than Prometheus': by its name, or by a key that only ours has.
fn is_own(file: &Path, text: &str) -> bool {
    const OWN_KEYS: [&str; 7] =
        ["devices:", "log_rules:", "models:", "plugins:", "promql:", "alertmanager_config:", "external_url:"];
    let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    name.starts_with("bellwether")
        || text.lines().any(|line| OWN_KEYS.iter().any(|key| line.starts_with(key)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_that_nobody_knows_is_a_mistake_unless_its_plugin_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("am.yml");
        let text = "route: {receiver: a}\nreceivers:\n- name: a\n  x_email_configs: [{to: a@b.c}]\n";
        std::fs::write(&file, text).unwrap();
        let error = check_alertmanager(&file, folder.path()).unwrap_err().to_string();
        assert!(error.contains("am.yml:4") && error.contains("did you mean email_configs?"), "{error}");
        std::fs::write(folder.path().join("x_email.wasm"), "").unwrap();
        assert!(check_alertmanager(&file, folder.path()).is_ok());
    }
}
