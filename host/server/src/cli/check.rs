//! `bellwether check config|rules|alertmanager FILE…`: says what is wrong with files before anything runs.

mod receivers;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use bellwether_model::yaml::YamlError;
use bellwether_sandbox::Plugins;
use clap::{Args, Subcommand};

pub(super) use self::receivers::check_kinds;
use super::plugin::FolderArgs;
use super::{FeatureArgs, Outcome, print_lines};
use crate::clock::Clock;
use crate::config::{self, ConfigErrors, Configuration, Origin, PromqlFlags, RuleFiles, Sources};
use crate::plugins::{self, Look};

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
    /// A bellwether.yaml or a prometheus.yml, with the rule files and the routing that it names
    Config {
        #[command(flatten)]
        features: FeatureArgs,
        #[command(flatten)]
        folder: FolderArgs,
        /// Files to check; `plugins.dir` of a bellwether.yaml goes before --plugins
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// Rule files
    Rules {
        #[command(flatten)]
        features: FeatureArgs,
        #[command(flatten)]
        folder: FolderArgs,
        /// Files to check; the functions of plugins count as known
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// Alertmanager configurations
    Alertmanager {
        #[command(flatten)]
        folder: FolderArgs,
        /// Files to check; settings of plugins are checked too, and `KIND_configs` that neither Alertmanager nor a plugin
        /// knows is an error
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
}

/// Checks every file and says how it went; fails if any does.
pub async fn run(args: CheckArgs) -> Outcome {
    let (folder, features, files, kind) = match args.what {
        What::Config { features, folder, files } => (folder, features, files, Kind::Config),
        What::Rules { features, folder, files } => (folder, features, files, Kind::Rules),
        What::Alertmanager { folder, files } => (folder, FeatureArgs::default(), files, Kind::Alertmanager),
    };
    let promql = PromqlFlags { features: features.enable_feature, ..PromqlFlags::default() };
    let mut checker =
        Checker { promql, plugins: Shelf { usual: folder.path()?.to_owned(), loaded: BTreeMap::new() } };
    let mut all_good = true;
    for file in &files {
        let checked = match kind {
            Kind::Config => checker.config(file).await,
            Kind::Rules => checker.rules(file).await,
            Kind::Alertmanager => checker.alertmanager(file).await,
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

/// Plugins, loaded once for all files that are checked with them.
struct Shelf {
    /// The folder where a file names none.
    usual: PathBuf,
    loaded: BTreeMap<PathBuf, Plugins>,
}

impl Shelf {
    async fn plugins(&mut self, folder: Option<&Path>) -> Result<Plugins, YamlError> {
        let folder = folder.unwrap_or(&self.usual);
        if let Some(plugins) = self.loaded.get(folder) {
            return Ok(plugins.clone());
        }
        let plugins = plugins::look(Look::of(folder)).await;
        let plugins = plugins.map_err(|error| YamlError::of_file("plugins", format!("{error:#}")))?;
        self.loaded.insert(folder.to_owned(), plugins.clone());
        Ok(plugins)
    }
}

/// What the files are checked with.
struct Checker {
    promql: PromqlFlags,
    plugins: Shelf,
}

impl Checker {
    async fn rules(&mut self, file: &Path) -> Verdict {
        let mut files = RuleFiles::default();
        files.add_path(file);
        let sources = Sources { promql: self.promql.clone(), ..Sources::default() };
        let loaded = load(sources)?;
        let engine = plugins::engine(&self.plugins.plugins(None).await?, loaded.promql.engine.clone());
        let groups = config::load_rules(&files, &engine, DEFAULT_INTERVAL)?;
        let rules: usize = groups.iter().map(|group| group.rules.len()).sum();
        let mut found = vec![format!("SUCCESS: {rules} rules found")];
        found.extend(noted(&loaded.notes));
        for repeated in bellwether_rules::file::duplicate_rules(&groups) {
            found.push(format!("note: rule repeated with the same labels: {repeated}"));
        }
        Ok(found)
    }

    async fn alertmanager(&mut self, file: &Path) -> Verdict {
        let loaded = load(Sources { alertmanager: Some(file.to_owned()), ..Sources::default() })?;
        check_kinds(&loaded, &self.plugins.usual)?;
        let notes = receivers::check_settings(&loaded, &self.plugins.plugins(None).await?).await?;
        let alerting = &loaded.alerting;
        let mut found = vec![
            "SUCCESS".to_owned(),
            format!("{} inhibit rules", alerting.inhibit_rules.len()),
            format!("{} receivers", alerting.receivers.len()),
            format!("{} templates", alerting.templates.len()),
        ];
        found.extend(noted(loaded.notes.iter().chain(&notes)));
        Ok(found)
    }

    async fn config(&mut self, file: &Path) -> Verdict {
        let text = config::read_text(file)?;
        let named = Some(file.to_owned());
        let sources = Sources { promql: self.promql.clone(), ..Sources::default() };
        let loaded = load(if is_own(file, &text) {
            Sources { bellwether: named, ..sources }
        } else {
            Sources { prometheus: named, ..sources }
        })?;
        let folder = loaded.plugin_dir.as_deref();
        let plugins = self.plugins.plugins(folder).await?;
        let engine = plugins::engine(&plugins, loaded.promql.engine.clone());
        let groups = config::load_rules(&loaded.rule_files, &engine, loaded.evaluation_interval)?;
        config::check_models(&loaded.models, &engine, &plugins)?;
        check_kinds(&loaded, folder.unwrap_or(&self.plugins.usual))?;
        let notes = receivers::check_settings(&loaded, &plugins).await?;
        let rules: usize = groups.iter().map(|group| group.rules.len()).sum();
        let mut found = vec![format!(
            "SUCCESS: {} scrape configs, {} devices, {rules} rules",
            loaded.scrapes.len(),
            loaded.devices.devices().count()
        )];
        if !loaded.models.is_empty() {
            found.push(format!("{} models", loaded.models.len()));
        }
        let devices = plugins::device_problems(&plugins, &loaded.devices);
        found.extend(noted(loaded.notes.iter().chain(&notes).chain(&devices)));
        Ok(found)
    }
}

fn load(sources: Sources) -> Result<Configuration, ConfigErrors> {
    config::load(&Origin::Files(sources), Clock::system().now())
}

fn noted<'a>(notes: impl IntoIterator<Item = &'a String>) -> impl Iterator<Item = String> {
    notes.into_iter().map(|note| format!("note: {note}"))
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
mod tests;
