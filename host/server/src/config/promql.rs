//! How expressions are evaluated: `promql:` of `bellwether.yaml`, and the flags of Prometheus' names that go before it.

use std::time::Duration;

use bellwether_ingest::config::{ByteSize, PromDuration};
use bellwether_model::yaml::{Spanned, YamlError, did_you_mean};
use bellwether_promql::{EngineOptions, Features};
use serde::Deserialize;

/// The longest that a query may take where nothing is said, as in Prometheus.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(120);
/// Queries that run at once where nothing is said, as in Prometheus.
const DEFAULT_CONCURRENCY: usize = 20;

/// What a name after `--enable-feature` does here.
enum Effect {
    /// It allows something.
    Enables(fn(&mut EngineOptions)),
    /// What it asks for is always so; the text says what.
    Always(&'static str),
    /// It is about something that is not there.
    Nothing,
}

/// The features of Prometheus 3.15 by name.
const FEATURES: [(&str, Effect); 30] = [
    (
        "promql-experimental-functions",
        Effect::Enables(|options| options.features.experimental_functions = true),
    ),
    (
        "promql-extended-range-selectors",
        Effect::Enables(|options| options.features.extended_range_selectors = true),
    ),
    ("promql-binop-fill-modifiers", Effect::Enables(|options| options.features.fill_modifiers = true)),
    ("use-start-timestamps", Effect::Enables(|options| options.start_timestamps = true)),
    ("promql-duration-expr", Effect::Always("duration expressions are always allowed")),
    ("promql-per-step-stats", Effect::Always("stats=all always tells each step")),
    ("promql-delayed-name-removal", Effect::Always("names are always removed at the end")),
    ("auto-reload-config", Effect::Nothing),
    ("concurrent-rule-eval", Effect::Nothing),
    ("created-timestamp-zero-ingestion", Effect::Nothing),
    ("delayed-compaction", Effect::Nothing),
    ("exemplar-storage", Effect::Nothing),
    ("extra-scrape-metrics", Effect::Nothing),
    ("fast-startup", Effect::Nothing),
    ("histograms-st-encoding", Effect::Nothing),
    ("memory-snapshot-on-shutdown", Effect::Nothing),
    ("metadata-wal-records", Effect::Nothing),
    ("native-histograms", Effect::Nothing),
    ("old-ui", Effect::Nothing),
    ("ooo-native-histograms", Effect::Nothing),
    ("openmetrics2", Effect::Nothing),
    ("otlp-deltatocumulative", Effect::Nothing),
    ("otlp-native-delta-ingestion", Effect::Nothing),
    ("search-api", Effect::Nothing),
    ("st-storage", Effect::Nothing),
    ("st-synthesis", Effect::Nothing),
    ("type-and-unit-labels", Effect::Nothing),
    ("use-uncached-io", Effect::Nothing),
    ("xor2-encoding", Effect::Nothing),
    ("zstd-scrape", Effect::Nothing),
];

/// `promql:`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct PromqlYaml {
    /// Names of features, as after `--enable-feature`.
    features: Vec<Spanned<String>>,
    /// How far back an instant selector looks; `5m` unless given.
    lookback: Option<Spanned<PromDuration>>,
    /// Samples that one query may hold at once; 50,000,000 unless given.
    max_samples: Option<Spanned<usize>>,
    /// Series that one selector may ask for; 5,000,000 unless given.
    max_series: Option<Spanned<usize>>,
    /// What intermediate results of one query may take; `2GB` unless given.
    max_memory: Option<Spanned<ByteSize>>,
    /// The longest that a query or the expression of a rule may take; `2m` unless given.
    timeout: Option<Spanned<PromDuration>>,
    /// Queries of the API that run at once; 20 unless given.
    max_concurrency: Option<Spanned<usize>>,
}

/// The flags of the command line, by Prometheus' names; what is given goes before the file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PromqlFlags {
    /// `--enable-feature`: names, or several with commas between them.
    pub features: Vec<String>,
    /// `--query.lookback-delta`
    pub lookback: Option<Duration>,
    /// `--query.timeout`
    pub timeout: Option<Duration>,
    /// `--query.max-samples`
    pub max_samples: Option<usize>,
    /// `--query.max-concurrency`
    pub max_concurrency: Option<usize>,
}

/// How expressions are evaluated, once checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PromqlSettings {
    /// For rules and queries.
    pub engine: EngineOptions,
    /// The longest that a query or the expression of a rule may take.
    pub timeout: Duration,
    /// Queries of the API that run at once.
    pub max_concurrency: usize,
}

impl Default for PromqlSettings {
    fn default() -> Self {
        // As Prometheus 3.15, where duration expressions no longer have to be asked for.
        let features = Features { duration_expressions: true, ..Features::default() };
        Self {
            engine: EngineOptions { features, ..EngineOptions::default() },
            timeout: DEFAULT_TIMEOUT,
            max_concurrency: DEFAULT_CONCURRENCY,
        }
    }
}

impl PromqlYaml {
    /// With the flags over it. `file` and `text` are for the error; features that change nothing are noted.
    pub(super) fn check(
        &self,
        flags: &PromqlFlags,
        (file, text): (&str, &str),
        notes: &mut Vec<String>,
    ) -> Result<PromqlSettings, YamlError> {
        let mut settings = PromqlSettings::default();
        for feature in &self.features {
            settings.enable(&feature.value, notes).map_err(|UnknownFeature { message, hint }| {
                YamlError::at(file, text, &feature.referenced, message).with_hint(hint)
            })?;
        }
        for feature in flags.features.iter().flat_map(|names| names.split(',')) {
            settings.enable(feature, notes).map_err(|UnknownFeature { message, hint }| {
                YamlError::of_file("--enable-feature", message).with_hint(hint)
            })?;
        }
        let place = (file, text);
        let span = |key, value: Option<&Spanned<PromDuration>>| {
            above_zero(key, value, place, |span| !span.0.is_zero())
        };
        let lookback = span("lookback", self.lookback.as_ref())?.map(|span| span.0);
        let timeout = span("timeout", self.timeout.as_ref())?.map(|span| span.0);
        let max_memory = above_zero("max_memory", self.max_memory.as_ref(), place, |size| size.0 > 0)?;
        let number =
            |key, value: Option<&Spanned<usize>>| above_zero(key, value, place, |number| *number > 0);
        let max_samples = number("max_samples", self.max_samples.as_ref())?;
        let max_series = number("max_series", self.max_series.as_ref())?;
        let max_concurrency = number("max_concurrency", self.max_concurrency.as_ref())?;

        let engine = &mut settings.engine;
        set(&mut engine.lookback, flags.lookback.or(lookback));
        set(&mut engine.max_samples, flags.max_samples.or(max_samples));
        set(&mut engine.max_series, max_series);
        set(&mut engine.max_bytes, max_memory.map(|size| usize::try_from(size.0).unwrap_or(usize::MAX)));
        set(&mut settings.timeout, flags.timeout.or(timeout));
        set(&mut settings.max_concurrency, flags.max_concurrency.or(max_concurrency));
        Ok(settings)
    }
}

/// A name that no feature has.
struct UnknownFeature {
    message: String,
    hint: String,
}

impl PromqlSettings {
    fn enable(&mut self, name: &str, notes: &mut Vec<String>) -> Result<(), UnknownFeature> {
        match FEATURES.iter().find(|(known, _)| *known == name).map(|(_, effect)| effect) {
            Some(Effect::Enables(enable)) => enable(&mut self.engine),
            Some(Effect::Always(so)) => notes.push(format!("feature {name} changes nothing: {so}")),
            Some(Effect::Nothing) => notes.push(format!("feature {name} has no effect here")),
            None => {
                let names = || FEATURES.iter().map(|(known, _)| *known);
                let known = || format!("known here: {}", names().collect::<Vec<_>>().join(", "));
                let hint = did_you_mean(name, names())
                    .map_or_else(known, |close| format!("did you mean `{close}`? {}", known()));
                return Err(UnknownFeature { message: format!("unknown feature `{name}`"), hint });
            }
        }
        Ok(())
    }
}

fn above_zero<T: Copy>(
    key: &str,
    value: Option<&Spanned<T>>,
    (file, text): (&str, &str),
    is_above: impl Fn(&T) -> bool,
) -> Result<Option<T>, YamlError> {
    match value {
        Some(value) if !is_above(&value.value) => {
            let message = format!("promql.{key} must be above zero");
            Err(YamlError::at(file, text, &value.referenced, message)
                .with_hint("leave it out for the default"))
        }
        value => Ok(value.map(|value| value.value)),
    }
}

fn set<T>(setting: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *setting = value;
    }
}

#[cfg(test)]
mod tests {
    use bellwether_model::yaml;

    use super::*;

    fn checked(text: &str, flags: &PromqlFlags) -> Result<(PromqlSettings, Vec<String>), String> {
        let mut notes = Vec::new();
        let parsed: PromqlYaml = yaml::parse("bellwether.yaml", text).map_err(|error| error.to_string())?;
        let settings = parsed.check(flags, ("bellwether.yaml", text), &mut notes);
        settings.map(|settings| (settings, notes)).map_err(|error| error.to_string())
    }

    #[test]
    fn flags_go_before_the_file() {
        let text = "lookback: 1m\nmax_memory: 64MB\nmax_samples: 10\ntimeout: 30s\nmax_concurrency: 3\n";
        let flags = PromqlFlags {
            max_samples: Some(20),
            lookback: Some(Duration::from_secs(7)),
            ..Default::default()
        };
        let (settings, notes) = checked(text, &flags).unwrap();
        assert_eq!((settings.engine.lookback, settings.engine.max_samples), (Duration::from_secs(7), 20));
        assert_eq!((settings.engine.max_bytes, settings.max_concurrency), (64 << 20, 3));
        assert_eq!((settings.timeout, notes), (Duration::from_secs(30), vec![]));
    }

    #[test]
    fn features_are_off_until_they_are_asked_for() {
        let (settings, _) = checked("{}", &PromqlFlags::default()).unwrap();
        assert!(!settings.engine.features.experimental_functions && !settings.engine.features.fill_modifiers);
        let flags = PromqlFlags {
            features: vec![
                "promql-experimental-functions,old-ui".to_owned(),
                "promql-duration-expr".to_owned(),
            ],
            ..PromqlFlags::default()
        };
        let (settings, notes) = checked("features: [promql-binop-fill-modifiers]", &flags).unwrap();
        assert!(settings.engine.features.experimental_functions && settings.engine.features.fill_modifiers);
        assert!(!settings.engine.features.extended_range_selectors);
        assert_eq!(notes.len(), 2, "{notes:?}");
    }

    #[test]
    fn mistakes_are_told_with_place_and_remedy() {
        let none = PromqlFlags::default();
        let error = checked("features: [promql-experimental-function]", &none).unwrap_err();
        assert!(error.contains("bellwether.yaml:1:12") && error.contains("did you mean"), "{error}");
        assert!(checked("lookbak: 5m", &none).unwrap_err().contains("did you mean `lookback`?"));
        assert!(checked("timeout: 0s", &none).unwrap_err().contains("promql.timeout must be above zero"));
        let flags = PromqlFlags { features: vec!["everything".to_owned()], ..PromqlFlags::default() };
        let error = checked("{}", &flags).unwrap_err();
        assert!(
            error.contains("unknown feature `everything`") && error.contains("promql-per-step-stats"),
            "{error}"
        );
    }
}
