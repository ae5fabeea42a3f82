//! Reading the files and putting them together.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bellwether_alerting::config::Config as AlertingConfig;
use bellwether_devices::DeviceSet;
use bellwether_ingest::{ScrapeConfig, ScrapeGlobals, ScrapeJob};
use bellwether_model::Timestamp;
use bellwether_model::duration::parse_prometheus;
use bellwether_model::yaml::{self, Spanned, YamlError};
use bellwether_template::alertmanager::Templates;

use super::bellwether_yaml::BellwetherYaml;
use super::environment::{ProcessValues, expand};
use super::prometheus_yaml::{Global, PrometheusYaml};
use super::secrets::{self, Replaced};
use super::{ConfigErrors, Configuration, Origin, RuleFiles, SourceFile, Sources, demo, models};

/// How long samples are kept where nothing is said, as in Prometheus.
const DEFAULT_RETENTION: Duration = Duration::from_secs(15 * 86_400);

/// How long the history of alerts is kept where nothing is said.
pub(super) const DEFAULT_HISTORY_RETENTION: Duration = Duration::from_secs(90 * 86_400);

/// What messages call the routing where no Alertmanager configuration is given.
const BUILT_IN: &str = "built-in routing";

/// Routing where no Alertmanager configuration is given: everything goes to the inbox on the page.
const DEFAULT_ALERTING: &str = "\
route: {receiver: inbox, group_by: [alertname, device_id], group_wait: 10s}
receivers:
  - name: inbox
    inbox_configs: [{send_resolved: true}]
";

/// Reads and checks everything but rule files and templates.
pub fn load(origin: &Origin, now: Timestamp) -> Result<Configuration, ConfigErrors> {
    match origin {
        Origin::Demo => demo::configuration(now),
        Origin::Files(sources) => load_files(sources, now),
    }
}

/// Reads the template files that the routing configuration names.
pub fn load_templates(configuration: &Configuration) -> Result<Templates, ConfigErrors> {
    let mut files = Vec::new();
    for pattern in &configuration.alerting.templates {
        let full = configuration.alerting_folder().join(pattern);
        let full = full.to_string_lossy();
        let bad = |error: glob::PatternError| {
            YamlError::of_file(&full, format!("bad pattern of templates: {error}"))
        };
        for path in glob::glob(&full).map_err(bad)?.filter_map(Result::ok) {
            files.push((path.to_string_lossy().into_owned(), read_text(&path)?));
        }
    }
    let borrowed: Vec<(&str, &str)> =
        files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    Templates::new(&borrowed).map_err(|error| {
        YamlError::of_file("templates", error.to_string()).with_hint("see the Go template syntax").into()
    })
}

fn load_files(sources: &Sources, now: Timestamp) -> Result<Configuration, ConfigErrors> {
    let mut loader = Loader::default();
    let loaded = put_together(&mut loader, sources, now);
    loaded.map_err(|errors| ConfigErrors(errors.0.into_iter().map(|error| loader.scrubbed(error)).collect()))
}

fn put_together(
    loader: &mut Loader,
    sources: &Sources,
    now: Timestamp,
) -> Result<Configuration, ConfigErrors> {
    let own = loader.bellwether(sources.bellwether.as_deref())?;
    let prometheus = loader.prometheus(sources.prometheus.as_deref())?;
    let global = Loader::global(&own, &prometheus)?;
    let (alerting, alerting_file) = loader.alerting(sources, &own)?;
    let devices = DeviceSet::check(&own.yaml.devices, &own.yaml.log_rules)
        .map_err(|error| error.in_file(&own.name, &own.text))?;
    let retention = own.retention(own.yaml.storage.retention.as_ref(), DEFAULT_RETENTION)?;
    let history_retention =
        own.retention(own.yaml.storage.history_retention.as_ref(), DEFAULT_HISTORY_RETENTION)?;
    let place = (own.name.as_str(), own.text.as_str());
    let mut promql = own.yaml.promql.check(&sources.promql, place, &mut loader.notes)?;
    promql.engine.subquery_step = global.evaluation_interval;
    let models = models::check(&own.yaml.models, global.evaluation_interval, place)?;
    let mut rule_files = RuleFiles::default();
    for glob in &sources.rules {
        rule_files.add_flag(glob);
    }
    for (parent, globs) in
        [(&own.folder, &own.yaml.rule_files), (&prometheus.folder, &prometheus.yaml.rule_files)]
    {
        globs.iter().for_each(|glob| rule_files.add_file_entry(parent, glob));
    }
    let globals = ScrapeGlobals {
        scrape_interval: global.scrape_interval,
        scrape_timeout: global.scrape_timeout,
        ..ScrapeGlobals::default()
    };
    let mut scrapes = own.scrape_jobs(&own.yaml.scrape_configs, &globals)?;
    scrapes.extend(prometheus.scrape_jobs(&prometheus.yaml.scrape_configs, &globals)?);
    check_job_names(&scrapes, sources)?;
    Ok(Configuration {
        loaded_at: now,
        external_labels: global.external_labels,
        external_url: own.yaml.external_url.clone(),
        evaluation_interval: global.evaluation_interval,
        rule_files,
        scrapes,
        alerting,
        alerting_file,
        devices,
        models,
        plugin_dir: own.yaml.plugins.dir.as_ref().map(|dir| own.folder.join(dir)),
        promql,
        retention,
        history_retention,
        notes: std::mem::take(&mut loader.notes),
        problems: Vec::new(),
        prometheus_yaml: secrets::mask(if prometheus.name.is_empty() { &own.text } else { &prometheus.text }),
        files: std::mem::take(&mut loader.files),
    })
}

/// Reads a file as text; the error says which file and what to do.
pub fn read_text(path: &Path) -> Result<String, YamlError> {
    let name = path.to_string_lossy();
    std::fs::read_to_string(path).map_err(|error| {
        let hint = match error.kind() {
            ErrorKind::NotFound => "check the path; it counts from the folder where the command runs",
            ErrorKind::PermissionDenied => "let the user that runs bellwether read it",
            ErrorKind::InvalidData => "the file must be UTF-8 text",
            _ => "check that it is a readable file",
        };
        YamlError::of_file(&name, format!("cannot read the file: {error}")).with_hint(hint)
    })
}

#[derive(Default)]
struct Loader {
    notes: Vec<String>,
    files: Vec<SourceFile>,
    replaced: Vec<Replaced>,
}

/// A file with what was read out of it; an absent one is empty.
struct Read<T> {
    name: String,
    folder: PathBuf,
    text: String,
    yaml: T,
}

impl<T> Read<T> {
    fn scrape_jobs(
        &self,
        configs: &[ScrapeConfig],
        globals: &ScrapeGlobals,
    ) -> Result<Vec<ScrapeJob>, YamlError> {
        configs.iter().map(|config| config.check(&self.name, &self.text, globals)).collect()
    }
}

impl<T: Default> Read<T> {
    fn absent() -> Self {
        Self { name: String::new(), folder: PathBuf::new(), text: String::new(), yaml: T::default() }
    }
}

impl Read<BellwetherYaml> {
    fn retention(&self, text: Option<&Spanned<String>>, default: Duration) -> Result<Duration, YamlError> {
        let Some(text) = text else {
            return Ok(default);
        };
        let parsed = parse_prometheus(&text.value).ok().filter(|retention| !retention.is_zero());
        parsed.ok_or_else(|| {
            let message = format!("{:?} is no retention", text.value);
            YamlError::at(&self.name, &self.text, &text.referenced, message)
                .with_hint("write a duration such as 15d")
        })
    }
}

impl Loader {
    /// An error without the secrets of the line that it quotes.
    fn scrubbed(&self, error: YamlError) -> YamlError {
        let scrub = |text: &str| secrets::scrub(text, &self.replaced);
        YamlError {
            message: scrub(&error.message),
            excerpt: error.excerpt.map(|line| secrets::mask(&scrub(&line))),
            hint: error.hint.map(|hint| scrub(&hint)),
            ..error
        }
    }

    fn read(&mut self, path: &Path, expand_references: bool) -> Result<(String, PathBuf, String), YamlError> {
        let name = path.to_string_lossy().into_owned();
        let folder = path.parent().map(Path::to_owned).unwrap_or_default();
        let mut text = read_text(path)?;
        // What the status page shows stays as it was written, so no value of a variable gets there.
        self.files.push(SourceFile { name: name.clone(), text: secrets::mask(&text) });
        if expand_references {
            let (expanded, replaced) = expand(&name, &text, &ProcessValues { folder: &folder })?;
            self.replaced.extend(replaced);
            text = expanded;
        }
        Ok((name, folder, text))
    }

    fn bellwether(&mut self, path: Option<&Path>) -> Result<Read<BellwetherYaml>, YamlError> {
        let Some(path) = path else {
            return Ok(Read::absent());
        };
        let (name, folder, text) = self.read(path, true)?;
        let yaml =
            if text.trim().is_empty() { BellwetherYaml::default() } else { yaml::parse(&name, &text)? };
        Ok(Read { name, folder, text, yaml })
    }

    fn prometheus(&mut self, path: Option<&Path>) -> Result<Read<PrometheusYaml>, YamlError> {
        let Some(path) = path else {
            return Ok(Read::absent());
        };
        let (name, folder, text) = self.read(path, false)?;
        let yaml = PrometheusYaml::parse(&name, &text)?;
        self.notes.extend(yaml.notes(&name));
        Ok(Read { name, folder, text, yaml })
    }

    /// What Prometheus' file says counts where both say something; labels of both add up.
    fn global(own: &Read<BellwetherYaml>, prometheus: &Read<PrometheusYaml>) -> Result<Global, YamlError> {
        let ours = own.yaml.global.over(&Global::default(), &own.name, &own.text)?;
        prometheus.yaml.global.over(&ours, &prometheus.name, &prometheus.text)
    }

    fn alerting(
        &mut self,
        sources: &Sources,
        own: &Read<BellwetherYaml>,
    ) -> Result<(AlertingConfig, PathBuf), YamlError> {
        let named = own.yaml.alertmanager_config.as_ref().map(|path| own.folder.join(&path.value));
        let Some(path) = sources.alertmanager.clone().or(named) else {
            let (config, _) = AlertingConfig::parse(BUILT_IN, DEFAULT_ALERTING)?;
            return Ok((config, BUILT_IN.into()));
        };
        let (name, _, text) = self.read(&path, true)?;
        let (config, notes) = AlertingConfig::parse(&name, &text)?;
        if let Some(shown) = self.files.last_mut() {
            // This one knows which of its settings are secrets.
            shown.text = config.to_alertmanager_yaml();
        }
        self.notes.extend(notes.into_iter().map(|note| format!("{name}:{}: {}", note.line, note.message)));
        Ok((config, path))
    }
}

fn check_job_names(scrapes: &[ScrapeJob], sources: &Sources) -> Result<(), YamlError> {
    let mut seen = std::collections::BTreeSet::new();
    match scrapes.iter().find(|scrape| !seen.insert(scrape.name.as_str())) {
        None => Ok(()),
        Some(twice) => {
            let file = sources.prometheus.as_ref().or(sources.bellwether.as_ref());
            let file = file.map_or_else(String::new, |path| path.to_string_lossy().into_owned());
            let message = format!("found multiple scrape configs with job name {:?}", twice.name);
            Err(YamlError::of_file(&file, message).with_hint("give each scrape config its own job_name"))
        }
    }
}

impl Sources {
    /// Whether no file is named at all.
    pub fn is_empty(&self) -> bool {
        let files = [&self.bellwether, &self.prometheus, &self.alertmanager];
        files.iter().all(|file| file.is_none()) && self.rules.is_empty()
    }
}
