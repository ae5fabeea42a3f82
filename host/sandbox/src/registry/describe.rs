//! Asks a plugin who it is: once, under tiny limits, with nothing granted. What it says is checked before it counts.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use bellwether_model::Timestamp;
use bellwether_model::detector::{DetectorFunction, DetectorParam};
use bellwether_model::device::{DriverInfo, EventKind, Framing, MetricInfo, MetricKind};
use bellwether_model::modelling::ModelKind;
use bellwether_model::receiver::ReceiverTemplate;

use crate::bindings::detector::exports::bellwether::detector::{
    functions as detector_wit, models as model_wit,
};
use crate::bindings::driver::DriverPluginPre;
use crate::bindings::driver::exports::bellwether::driver::driver as driver_wit;
use crate::bindings::host::types as wit;
use crate::bindings::receiver::ReceiverPluginPre;
use crate::bindings::receiver::exports::bellwether::receiver::receiver as receiver_wit;
use crate::context::PluginContext;
use crate::detector::DetectorPre;
use crate::driver::{is_metric_name, severity};
use crate::egress::OriginPattern;
use crate::modeller::OfferedKind;
use crate::receiver::ReceiverInfo;
use crate::settings::{self, SettingInfo, SettingKind};
use crate::speech::plain;
use crate::store::{self, HostState, Purpose, Stop};

/// Longest name of a plugin, setting, template or event.
const MAX_NAME_BYTES: usize = 64;
/// Longest frame that a driver may ask for.
const MAX_FRAME_BYTES: u32 = 1 << 20;
/// The longest history that a kind of model may ask for.
const LONGEST_HISTORY: Duration = Duration::from_secs(366 * 86_400);
/// Entries of each list in a description.
const MAX_ENTRIES: usize = 1_000;

/// What every plugin says of itself, checked.
#[derive(Debug, Clone, Default)]
pub(super) struct Description {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) summary: String,
    pub(super) settings: Vec<SettingInfo>,
    pub(super) provides: Vec<String>,
    pub(super) wants_hosts: Vec<OriginPattern>,
}

/// Asks a driver.
pub(super) async fn driver(
    plugin: &Arc<PluginContext>,
    pre: &DriverPluginPre<HostState>,
) -> Result<(Description, DriverInfo, Vec<SettingInfo>), String> {
    let mut store = fresh_store(plugin, pre.engine());
    let described = store::bounded(plugin, plugin.limits.describe, async {
        let bindings = pre.instantiate_async(&mut store).await?;
        bindings.bellwether_driver_driver().call_describe(&mut store).await
    });
    let info = described.await.map_err(|stop| stopped(plugin, &store, stop))?;
    let mut description = about(info.about)?;
    if let Some(secret) = description.settings.iter().find(|setting| setting.kind == SettingKind::Secret) {
        return Err(format!("wants the secret {}, but drivers can send nothing", secret.name));
    }
    if info.max_frame == 0 || info.max_frame > MAX_FRAME_BYTES {
        return Err(format!(
            "wants frames of {} bytes; between 1 and {MAX_FRAME_BYTES} are possible",
            info.max_frame
        ));
    }
    unique("metric", info.metrics.iter().map(|metric| metric.name.as_str()), is_metric_name)?;
    unique("event", info.events.iter().map(|event| event.kind.as_str()), is_snake_case)?;
    description.provides = info.metrics.iter().map(|metric| metric.name.clone()).collect();
    let driver = DriverInfo {
        name: description.name.clone(),
        version: description.version.clone(),
        framing: framing(info.framing)?,
        max_frame_bytes: info.max_frame,
        baud_rates: info.baud_rates,
        metrics: info.metrics.into_iter().map(metric).collect(),
        events: info.events.into_iter().map(event).collect(),
    };
    let settings = description.settings.clone();
    Ok((description, driver, settings))
}

/// Asks a detector for its functions, and for its kinds of models where it has any.
pub(super) async fn detector(
    plugin: &Arc<PluginContext>,
    pre: &DetectorPre,
) -> Result<(Description, Vec<DetectorFunction>, Vec<OfferedKind>), String> {
    let mut store = fresh_store(plugin, pre.instance.engine());
    let described = store::bounded(plugin, plugin.limits.describe, async {
        let instance = pre.instance.instantiate_async(&mut store).await?;
        let functions = pre.functions.load(&mut store, &instance)?;
        let described = functions.call_describe(&mut store).await?;
        let kinds = match &pre.models {
            Some(models) => models.load(&mut store, &instance)?.call_kinds(&mut store).await?,
            None => Vec::new(),
        };
        Ok((described, kinds))
    });
    let ((said, functions), kinds) = described.await.map_err(|stop| stopped(plugin, &store, stop))?;
    let mut description = about(said)?;
    unique("function", functions.iter().map(|function| function.name.as_str()), is_snake_case)?;
    if let Some(odd) = functions.iter().find(|function| !(1..=2).contains(&function.windows)) {
        return Err(format!(
            "has the function {} with {} windows; 1 or 2 are possible",
            odd.name, odd.windows
        ));
    }
    for function in &functions {
        unique("parameter", function.params.iter().map(|param| param.name.as_str()), is_snake_case)?;
    }
    unique("kind of model", kinds.iter().map(|kind| kind.name.as_str()), is_snake_case)?;
    description.provides = functions.iter().map(|function| function.name.clone()).collect();
    description.provides.extend(kinds.iter().map(|kind| format!("model {}", kind.name)));
    let kinds = kinds.into_iter().map(model_kind).collect::<Result<_, _>>()?;
    Ok((description, functions.into_iter().map(function).collect(), kinds))
}

fn model_kind(kind: model_wit::Kind) -> Result<OfferedKind, String> {
    let description = about(kind.about).map_err(|problem| format!("the kind {}: {problem}", kind.name))?;
    if let Some(secret) = description.settings.iter().find(|setting| setting.kind == SettingKind::Secret) {
        return Err(format!("wants the secret {} for a model, which can send nothing", secret.name));
    }
    Ok(OfferedKind {
        kind: ModelKind {
            name: kind.name,
            summary: description.summary,
            history: Duration::from_millis(kind.history).min(LONGEST_HISTORY),
            multivariate: kind.multivariate,
        },
        settings: description.settings,
    })
}

/// Asks a receiver.
pub(super) async fn receiver(
    plugin: &Arc<PluginContext>,
    pre: &ReceiverPluginPre<HostState>,
) -> Result<(Description, ReceiverInfo), String> {
    let mut store = fresh_store(plugin, pre.engine());
    let described = store::bounded(plugin, plugin.limits.describe, async {
        let bindings = pre.instantiate_async(&mut store).await?;
        bindings.bellwether_receiver_receiver().call_describe(&mut store).await
    });
    let info = described.await.map_err(|stop| stopped(plugin, &store, stop))?;
    let mut description = about(info.about)?;
    let settings = description.settings.iter().map(|setting| setting.name.as_str());
    let templates = info.templates.iter().map(|template| template.name.as_str());
    unique("setting or template", settings.chain(templates), is_snake_case)?;
    description.wants_hosts = wanted_hosts(&info.wants_hosts)?;
    description.provides = info.templates.iter().map(|template| template.name.clone()).collect();
    let receiver = ReceiverInfo {
        settings: description.settings.clone(),
        templates: info.templates.into_iter().map(template).collect(),
        updates: info.updates,
        min_interval: Duration::from_millis(u64::from(info.min_interval)),
    };
    Ok((description, receiver))
}

fn fresh_store(plugin: &Arc<PluginContext>, engine: &wasmtime::Engine) -> wasmtime::Store<HostState> {
    let memory_limit_bytes = plugin.limits.describe_memory_bytes;
    let mut store =
        store::new_store(engine, plugin, Purpose { memory_limit_bytes, ..Purpose::computing(plugin, "") });
    store::arm(&mut store, plugin.limits.describe, Timestamp::UNIX_EPOCH);
    store
}

fn stopped(plugin: &PluginContext, store: &wasmtime::Store<HostState>, stop: Stop) -> String {
    let crash = store::explain(store, "describe", plugin.limits.describe, stop);
    let words = crash.last_words.map(|words| format!(" ({words})")).unwrap_or_default();
    format!("cannot describe itself: it {}{words}", crash.cause)
}

fn about(about: wit::About) -> Result<Description, String> {
    if !is_kebab_case(&about.name) {
        let name = shown(&about.name);
        return Err(format!("calls itself {name:?}; a name has small letters, digits and -"));
    }
    unique("setting", about.settings.iter().map(|setting| setting.name.as_str()), is_snake_case)?;
    Ok(Description {
        name: about.name,
        version: plain(&about.version),
        summary: plain(&about.summary),
        settings: about.settings.into_iter().map(setting).collect::<Result<_, _>>()?,
        provides: Vec::new(),
        wants_hosts: Vec::new(),
    })
}

fn setting(setting: wit::Setting) -> Result<SettingInfo, String> {
    let kind = setting_kind(setting.kind);
    let default = setting.default.map(|json| settings::checked_default(kind, &json)).transpose();
    let default = default.map_err(|problem| format!("has a default for {} that {problem}", setting.name))?;
    let help = plain(&setting.help);
    Ok(SettingInfo { name: setting.name, kind, help, required: setting.required, default })
}

const fn setting_kind(kind: wit::SettingKind) -> SettingKind {
    match kind {
        wit::SettingKind::Text => SettingKind::Text,
        wit::SettingKind::Integer => SettingKind::Integer,
        wit::SettingKind::Number => SettingKind::Number,
        wit::SettingKind::Boolean => SettingKind::Boolean,
        wit::SettingKind::Duration => SettingKind::Duration,
        wit::SettingKind::Secret => SettingKind::Secret,
        wit::SettingKind::Texts => SettingKind::Texts,
        wit::SettingKind::Json => SettingKind::Json,
    }
}

fn framing(framing: driver_wit::Framing) -> Result<Framing, String> {
    Ok(match framing {
        driver_wit::Framing::Raw => Framing::Raw,
        driver_wit::Framing::Lines => Framing::Lines,
        driver_wit::Framing::Delimited(byte) => Framing::Delimited(byte),
        driver_wit::Framing::Cobs => Framing::Cobs,
        driver_wit::Framing::Slip => Framing::Slip,
        driver_wit::Framing::Fixed(0) => return Err("wants packets of no bytes".into()),
        driver_wit::Framing::Fixed(bytes) => Framing::Fixed(bytes),
        driver_wit::Framing::LengthPrefixed(bytes @ (1 | 2 | 4)) => Framing::LengthPrefixed(bytes),
        driver_wit::Framing::LengthPrefixed(bytes) => {
            return Err(format!(
                "wants a length of {bytes} bytes before each packet; 1, 2 and 4 are possible"
            ));
        }
        driver_wit::Framing::Message => Framing::Message,
    })
}

fn metric(metric: driver_wit::Metric) -> MetricInfo {
    let kind = match metric.kind {
        wit::MetricKind::Gauge => MetricKind::Gauge,
        wit::MetricKind::Counter => MetricKind::Counter,
    };
    MetricInfo { name: metric.name, kind, help: plain(&metric.help) }
}

fn event(event: driver_wit::EventKind) -> EventKind {
    EventKind { kind: event.kind, severity: severity(event.severity), help: plain(&event.help) }
}

fn function(function: detector_wit::Function) -> DetectorFunction {
    let param = |param: detector_wit::Param| DetectorParam {
        name: param.name,
        help: plain(&param.help),
        default: param.default,
    };
    DetectorFunction {
        name: function.name,
        help: plain(&function.help),
        windows: function.windows,
        params: function.params.into_iter().map(param).collect(),
        min_points: function.min_points,
    }
}

fn template(template: receiver_wit::Template) -> ReceiverTemplate {
    ReceiverTemplate { name: template.name, default: template.default }
}

/// Without the `*` that stands for what settings name.
fn wanted_hosts(wanted: &[String]) -> Result<Vec<OriginPattern>, String> {
    let origin =
        |text: &String| text.parse().map_err(|error| format!("wants to reach what cannot be: {error}"));
    wanted.iter().take(MAX_ENTRIES).filter(|text| *text != "*").map(origin).collect()
}

/// An error where a name does not fit or comes twice.
fn unique<'a>(
    what: &str,
    names: impl Iterator<Item = &'a str>,
    fits: impl Fn(&str) -> bool,
) -> Result<(), String> {
    let mut seen = BTreeSet::new();
    for name in names {
        if !fits(name) || name.len() > MAX_NAME_BYTES {
            return Err(format!("has a {what} with the impossible name {:?}", shown(name)));
        }
        if !seen.insert(name) {
            return Err(format!("has two of the {what} {name}"));
        }
        if seen.len() > MAX_ENTRIES {
            return Err(format!("has more than {MAX_ENTRIES} of each {what}"));
        }
    }
    Ok(())
}

/// The beginning of a name, for messages.
fn shown(name: &str) -> &str {
    &name[..name.floor_char_boundary(MAX_NAME_BYTES)]
}

fn is_kebab_case(name: &str) -> bool {
    let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    name.len() <= MAX_NAME_BYTES
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(legal)
}

fn is_snake_case(name: &str) -> bool {
    let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    name.starts_with(|c: char| c.is_ascii_lowercase()) && name.chars().all(legal)
}
