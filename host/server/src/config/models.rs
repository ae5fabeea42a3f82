//! `models:` of `bellwether.yaml`: what is judged by models, and how often.
//!
//! What can be told from the file alone is checked when it is read; [`check_models`] finds what only plugins can show: a
//! kind that none of them offers, settings that do not fit, an expression with functions that nobody has.

use std::time::Duration;

use bellwether_ingest::config::PromDuration;
use bellwether_model::labels::is_classic_metric_name;
use bellwether_model::yaml::{Location, Spanned, YamlError, did_you_mean};
use bellwether_promql::{Engine, Query, ValueType};
use bellwether_sandbox::{Plugins, SandboxedModeller, SettingProblem};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::ConfigErrors;

/// How often a model is fitted anew where nothing is said.
const DEFAULT_FIT_EVERY: Duration = Duration::from_secs(86_400);
/// Below which score a point is learnt from where nothing is said: three deviations is what most scores count.
const DEFAULT_NORMAL_BELOW: f64 = 3.0;
/// What the host adds to the name for each of its series.
pub const MODEL_SERIES: [&str; 4] = ["score", "expected", "lower", "upper"];

/// One entry of `models:`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ModelYaml {
    /// What the names of its series begin with.
    name: Spanned<String>,
    /// A kind that a plugin offers.
    model: Spanned<String>,
    /// What it judges.
    expr: Spanned<String>,
    /// How often; the evaluation interval unless given.
    interval: Option<Spanned<PromDuration>>,
    /// How often it is fitted anew; `1d` unless given.
    fit_every: Option<Spanned<PromDuration>>,
    /// How far back it is fitted to; what the kind asks for unless given.
    history: Option<Spanned<PromDuration>>,
    /// Only points with a smaller score, whatever its sign, are learnt from; 3 unless given.
    normal_below: Option<Spanned<f64>>,
    /// Those of the kind.
    #[serde(default)]
    settings: Option<Spanned<Map<String, Value>>>,
}

/// What a model is and does. Two that are equal are one and the same.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelDefinition {
    /// What the names of its series begin with.
    pub name: String,
    /// Which kind of model.
    pub kind: String,
    /// What it judges.
    pub expr: String,
    /// How often.
    pub interval: Duration,
    /// How often it is fitted anew.
    pub fit_every: Duration,
    /// How far back it is fitted to; none for what the kind asks for.
    pub history: Option<Duration>,
    /// Only points with a smaller score are learnt from.
    pub normal_below: f64,
    /// As written; the plugin knows which there are.
    pub settings: Map<String, Value>,
}

/// A model of the configuration.
#[derive(Debug, Clone)]
pub struct ModelConfig {
    /// What it is and does.
    pub definition: ModelDefinition,
    places: Places,
}

/// Where it was read, for what is found out later.
#[derive(Debug, Clone)]
struct Places {
    file: String,
    kind: Location,
    expr: Location,
    settings: Location,
}

impl Places {
    /// Without the line itself, since values of `${…}` may stand in it.
    fn error(&self, place: Location, message: impl Into<String>) -> YamlError {
        YamlError { line: place.line(), column: place.column(), ..YamlError::of_file(&self.file, message) }
    }
}

/// Checks what was read. `file` and `text` are for the errors.
pub(super) fn check(
    models: &[ModelYaml],
    default_interval: Duration,
    (file, text): (&str, &str),
) -> Result<Vec<ModelConfig>, YamlError> {
    let mut checked: Vec<ModelConfig> = Vec::with_capacity(models.len());
    for model in models {
        let error = |place: &Location, message: String| YamlError::at(file, text, place, message);
        let name = &model.name;
        if !is_classic_metric_name(&name.value) {
            let message = format!("`{}` cannot begin the name of a metric", name.value);
            return Err(error(&name.referenced, message)
                .with_hint("use letters, digits, `_` and `:`, and no digit at the beginning"));
        }
        if checked.iter().any(|other| other.definition.name == name.value) {
            let message = format!("two models are called `{}`", name.value);
            return Err(error(&name.referenced, message).with_hint("give each model its own name"));
        }
        checked.push(model.checked(default_interval, (file, text))?);
    }
    Ok(checked)
}

impl ModelYaml {
    fn checked(
        &self,
        default_interval: Duration,
        (file, text): (&str, &str),
    ) -> Result<ModelConfig, YamlError> {
        let span = |key: &str, given: Option<&Spanned<PromDuration>>| match given {
            Some(given) if given.value.0.is_zero() => {
                let message = format!("{key} must be above zero");
                Err(YamlError::at(file, text, &given.referenced, message)
                    .with_hint("leave it out for the default"))
            }
            given => Ok(given.map(|given| given.value.0)),
        };
        let normal_below = match &self.normal_below {
            Some(given) if given.value.is_nan() || given.value <= 0.0 => {
                return Err(YamlError::at(file, text, &given.referenced, "normal_below must be above zero")
                    .with_hint("it is compared with scores, whatever their sign; 3 unless given"));
            }
            given => given.as_ref().map_or(DEFAULT_NORMAL_BELOW, |given| given.value),
        };
        Ok(ModelConfig {
            definition: ModelDefinition {
                name: self.name.value.clone(),
                kind: self.model.value.clone(),
                expr: self.expr.value.clone(),
                interval: span("interval", self.interval.as_ref())?.unwrap_or(default_interval),
                fit_every: span("fit_every", self.fit_every.as_ref())?.unwrap_or(DEFAULT_FIT_EVERY),
                history: span("history", self.history.as_ref())?,
                normal_below,
                settings: self.settings.as_ref().map(|given| given.value.clone()).unwrap_or_default(),
            },
            places: Places {
                file: file.to_owned(),
                kind: self.model.referenced,
                expr: self.expr.referenced,
                settings: self.settings.as_ref().map_or(self.model.referenced, |given| given.referenced),
            },
        })
    }
}

impl ModelConfig {
    /// The expression, ready to be evaluated; an error where it cannot be judged.
    pub fn query(&self, engine: &Engine) -> Result<Query, YamlError> {
        let expr = &self.definition.expr;
        let query = engine.prepare(expr).map_err(|error| {
            self.places.error(self.places.expr, format!("cannot parse the expression `{expr}`: {error}"))
        })?;
        let value_type = query.ast().value_type(query.ast().root());
        if value_type != ValueType::Vector {
            let message = format!("a model judges an instant vector, not a {}", value_type.as_str());
            let hint = "leave out the range in brackets, or put a function such as avg_over_time around it";
            return Err(self.places.error(self.places.expr, message).with_hint(hint));
        }
        Ok(query)
    }

    /// Who makes it, and its settings as JSON with defaults filled in.
    pub fn modeller(&self, plugins: &Plugins) -> Result<(SandboxedModeller, String), YamlError> {
        let kind = &self.definition.kind;
        let Some(modeller) = plugins.modeller(kind) else {
            return Err(self.unknown_kind(plugins));
        };
        match modeller.check_settings(kind, &self.definition.settings) {
            Ok(config) => Ok((modeller, config)),
            Err(problems) => {
                let problems: Vec<String> = problems.iter().map(SettingProblem::to_string).collect();
                let message = format!("settings of `{}`: {}", self.definition.name, problems.join("; "));
                let known: Vec<&str> =
                    modeller.settings(kind).iter().map(|setting| setting.name.as_str()).collect();
                let hint = match known[..] {
                    [] => format!("models of the kind {kind} have no settings"),
                    _ => format!("models of the kind {kind} have {}", known.join(", ")),
                };
                Err(self.places.error(self.places.settings, message).with_hint(hint))
            }
        }
    }

    fn unknown_kind(&self, plugins: &Plugins) -> YamlError {
        use bellwether_model::modelling::Modeller as _;
        let kind = &self.definition.kind;
        let modellers = plugins.modellers();
        let known: Vec<&str> =
            modellers.iter().flat_map(|modeller| modeller.kinds()).map(|kind| kind.name.as_str()).collect();
        let hint = match did_you_mean(kind, known.iter().copied()) {
            Some(close) => format!("did you mean `{close}`?"),
            None if known.is_empty() => {
                "put a detector plugin with models into the folder of plugins".to_owned()
            }
            None => format!("there are {}", known.join(", ")),
        };
        self.places
            .error(self.places.kind, format!("no plugin offers models of the kind `{kind}`"))
            .with_hint(hint)
    }
}

/// All that keeps models from working, with the plugins that there are.
pub fn check_models(models: &[ModelConfig], engine: &Engine, plugins: &Plugins) -> Result<(), ConfigErrors> {
    let of_each = models.iter().flat_map(|model| [model.query(engine).err(), model.modeller(plugins).err()]);
    let errors: Vec<YamlError> = of_each.flatten().collect();
    if errors.is_empty() { Ok(()) } else { Err(ConfigErrors(errors)) }
}

#[cfg(test)]
mod tests {
    use bellwether_model::yaml;

    use super::*;

    fn models(text: &str) -> Result<Vec<ModelConfig>, String> {
        let parsed: Vec<ModelYaml> = yaml::parse("b.yaml", text).map_err(|error| error.to_string())?;
        check(&parsed, Duration::from_secs(15), ("b.yaml", text)).map_err(|error| error.to_string())
    }

    const WHOLE: &str = "- {name: boiler, model: seasonal, expr: up, interval: 1m, fit_every: 2d, history: 7d, \
                         normal_below: 4, settings: {period: 1d}}";

    #[test]
    fn what_is_left_out_has_a_default() {
        let of = |text: &str| models(text).unwrap().remove(0).definition;
        let short = of("- {name: boiler, model: seasonal, expr: up}");
        assert_eq!((short.interval, short.fit_every), (Duration::from_secs(15), DEFAULT_FIT_EVERY));
        assert_eq!((short.history, short.normal_below, short.settings.len()), (None, 3.0, 0));
        let whole = of(WHOLE);
        assert_eq!((whole.interval, whole.normal_below), (Duration::from_secs(60), 4.0));
        assert_eq!(whole.history, Some(Duration::from_secs(7 * 86_400)));
        assert_eq!(whole.settings["period"], "1d");
        assert_eq!(of(&format!("\n\n{WHOLE}")), whole, "where it stands does not matter");
    }

    #[test]
    fn mistakes_are_told_with_place_and_remedy() {
        for (from, to, problem) in [
            ("boiler", "\"2\"", "b.yaml:1:10: `2` cannot begin the name of a metric"),
            ("interval: 1m", "interval: 0s", "interval must be above zero"),
            ("below: 4", "below: -1", "normal_below must be above zero"),
            ("below: 4", "below: .nan", "normal_below must be above zero"),
            ("fit_every", "fit_evry", "did you mean `fit_every`?"),
        ] {
            let error = models(&WHOLE.replace(from, to)).unwrap_err();
            assert!(error.contains(problem) && error.contains("hint: "), "{error}");
        }
        let twice = models(&format!("{WHOLE}\n{WHOLE}")).unwrap_err();
        assert!(twice.contains("b.yaml:2:10: two models are called `boiler`"), "{twice}");
    }

    #[test]
    fn only_instant_vectors_are_judged() {
        let of = |expr: &str| {
            let models = models(&WHOLE.replace("expr: up", &format!("expr: '{expr}'"))).unwrap();
            models[0].query(&Engine::default()).map(drop).map_err(|error| error.to_string())
        };
        assert_eq!(of("rate(up[5m])"), Ok(()));
        assert!(of("up[5m]").unwrap_err().contains("not a range vector"), "{:?}", of("up[5m]"));
        assert!(of("no_such(up)").unwrap_err().starts_with("b.yaml:1:"));
    }
}
