//! `scrape_configs` as Prometheus writes them, and the checked jobs and targets that follow.
//!
//! [`ScrapeConfig`] is the YAML; [`ScrapeConfig::check`] turns it into a [`ScrapeJob`] with defaults filled in. What
//! Prometheus knows and this crate does not serve yet is refused by name, never ignored.

mod keys;
mod target;

use std::collections::BTreeMap;
use std::time::Duration;

use bellwether_model::duration::{PrometheusDuration, parse_prometheus};
use bellwether_model::labels::{METRIC_NAME, is_classic_label_name};
use bellwether_model::yaml::{Location, Spanned, YamlError};
use serde::{Deserialize, Deserializer};

use self::keys::KnownKeys;
pub use self::target::{Credentials, Scheme, ScrapeJob, Secret, Target};

/// Keys of a scrape configuration that Prometheus 3 knows and that are not served yet.
const NOT_YET: KnownKeys = KnownKeys(&[
    "always_scrape_classic_histograms",
    "convert_classic_histograms_to_nhcb",
    "enable_compression",
    "enable_http2",
    "extra_scrape_metrics",
    "fallback_scrape_protocol",
    "http_headers",
    "keep_dropped_targets",
    "label_limit",
    "label_name_length_limit",
    "label_value_length_limit",
    "metric_name_escaping_scheme",
    "metric_name_validation_scheme",
    "metric_relabel_configs",
    "native_histogram_bucket_limit",
    "native_histogram_min_bucket_factor",
    "no_proxy",
    "oauth2",
    "proxy_connect_header",
    "proxy_from_environment",
    "proxy_url",
    "relabel_configs",
    "scrape_classic_histograms",
    "scrape_failure_log_file",
    "scrape_native_histograms",
    "scrape_protocols",
    "target_limit",
    "tls_config",
    "track_timestamps_staleness",
]);

/// Defaults for all jobs, from the `global` section; its own defaults are Prometheus'.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScrapeGlobals {
    /// How often targets are scraped.
    pub scrape_interval: Duration,
    /// How long a scrape may take; at most the interval is used.
    pub scrape_timeout: Duration,
    /// Largest page in bytes after decompression.
    pub body_size_limit: u64,
    /// Most samples of a page; 0 for no limit.
    pub sample_limit: usize,
}

impl Default for ScrapeGlobals {
    fn default() -> Self {
        Self {
            scrape_interval: Duration::from_secs(60),
            scrape_timeout: Duration::from_secs(10),
            // Prometheus has no limit here; a page without end must not take all memory.
            body_size_limit: 64 << 20,
            sample_limit: 0,
        }
    }
}

/// One entry of `scrape_configs`, as it is written.
#[derive(Debug, Clone)]
pub struct ScrapeConfig {
    /// Name of the job, its `job` label.
    pub job_name: Spanned<String>,
    /// Overrides the global interval.
    pub scrape_interval: Option<Spanned<PromDuration>>,
    /// Overrides the global timeout.
    pub scrape_timeout: Option<Spanned<PromDuration>>,
    /// Path on the target; `/metrics` by default.
    pub metrics_path: String,
    /// `http` or `https`.
    pub scheme: Scheme,
    /// Query parameters.
    pub params: BTreeMap<String, Vec<String>>,
    /// Whether labels of the page win over those of the target.
    pub honor_labels: bool,
    /// Whether timestamps of the page are kept.
    pub honor_timestamps: bool,
    /// Whether redirects within the target's host are followed.
    pub follow_redirects: bool,
    /// The targets.
    pub static_configs: Vec<StaticConfig>,
    /// User and password.
    pub basic_auth: Option<Spanned<BasicAuth>>,
    /// `Authorization` header.
    pub authorization: Option<Spanned<Authorization>>,
    /// Overrides the global limit; 0 for that of `global`.
    pub body_size_limit: Option<ByteSize>,
    /// Overrides the global limit.
    pub sample_limit: Option<usize>,
}

/// The keys that are served; the outer type adds an explanation for those that are not.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Served {
    job_name: Spanned<String>,
    scrape_interval: Option<Spanned<PromDuration>>,
    scrape_timeout: Option<Spanned<PromDuration>>,
    #[serde(default = "default_metrics_path")]
    metrics_path: String,
    #[serde(default)]
    scheme: Scheme,
    #[serde(default)]
    params: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    honor_labels: bool,
    #[serde(default = "yes")]
    honor_timestamps: bool,
    #[serde(default = "yes")]
    follow_redirects: bool,
    #[serde(default)]
    static_configs: Vec<StaticConfig>,
    basic_auth: Option<Spanned<BasicAuth>>,
    authorization: Option<Spanned<Authorization>>,
    bearer_token: Option<Spanned<Secret>>,
    bearer_token_file: Option<Spanned<String>>,
    body_size_limit: Option<ByteSize>,
    sample_limit: Option<usize>,
}

fn default_metrics_path() -> String {
    "/metrics".to_owned()
}

const fn yes() -> bool {
    true
}

impl<'de> Deserialize<'de> for ScrapeConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let served: Served = NOT_YET.deserialize(deserializer)?;
        let token = bearer_header(served.bearer_token, served.bearer_token_file);
        if served.authorization.is_some() && token.is_some() {
            let message = "at most one of authorization and bearer_token can be configured";
            return Err(serde::de::Error::custom(message));
        }
        let authorization = served.authorization.or(token);
        Ok(Self {
            job_name: served.job_name,
            scrape_interval: served.scrape_interval,
            scrape_timeout: served.scrape_timeout,
            metrics_path: served.metrics_path,
            scheme: served.scheme,
            params: served.params,
            honor_labels: served.honor_labels,
            honor_timestamps: served.honor_timestamps,
            follow_redirects: served.follow_redirects,
            static_configs: served.static_configs,
            basic_auth: served.basic_auth,
            authorization,
            body_size_limit: served.body_size_limit,
            sample_limit: served.sample_limit,
        })
    }
}

/// The older keys for what `authorization` says.
fn bearer_header(
    token: Option<Spanned<Secret>>,
    file: Option<Spanned<String>>,
) -> Option<Spanned<Authorization>> {
    let place = token.as_ref().map(|token| (token.referenced, token.defined));
    let (referenced, defined) =
        place.or_else(|| file.as_ref().map(|file| (file.referenced, file.defined)))?;
    let value = Authorization {
        kind: bearer(),
        credentials: token.map(|token| token.value),
        credentials_file: file.map(|file| file.value),
    };
    Some(Spanned { value, referenced, defined })
}

/// Targets with labels of their own.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StaticConfig {
    /// `host:port` of each.
    #[serde(default)]
    pub targets: Vec<Spanned<String>>,
    /// Added to all their series.
    #[serde(default)]
    pub labels: BTreeMap<String, Spanned<String>>,
}

/// User and password; the password may be in a file, which is read at each scrape.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BasicAuth {
    /// User.
    #[serde(default)]
    pub username: String,
    /// Password.
    pub password: Option<Secret>,
    /// File that holds the password.
    pub password_file: Option<String>,
}

/// An `Authorization` header; the credentials may be in a file, which is read at each scrape.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Authorization {
    /// What stands before the credentials.
    #[serde(default = "bearer", rename = "type")]
    pub kind: String,
    /// The credentials.
    pub credentials: Option<Secret>,
    /// File that holds them.
    pub credentials_file: Option<String>,
}

fn bearer() -> String {
    "Bearer".to_owned()
}

/// A duration in Prometheus' notation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PromDuration(pub Duration);

impl<'de> Deserialize<'de> for PromDuration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        parse_prometheus(&text).map(Self).map_err(serde::de::Error::custom)
    }
}

/// A number of bytes: `0`, `512KB`, `64MB`, with 1024 to the kilobyte as in Prometheus.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ByteSize(pub u64);

/// Units with the power of two that each stands for.
const BYTE_UNITS: [(&str, u32); 11] = [
    ("KiB", 10),
    ("MiB", 20),
    ("GiB", 30),
    ("TiB", 40),
    ("PiB", 50),
    ("KB", 10),
    ("MB", 20),
    ("GB", 30),
    ("TB", 40),
    ("PB", 50),
    ("B", 0),
];

impl<'de> Deserialize<'de> for ByteSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        parse_bytes(&text).map(Self).ok_or_else(|| {
            serde::de::Error::custom(format!("not a valid size: {text:?}, write for example 64MB"))
        })
    }
}

fn parse_bytes(text: &str) -> Option<u64> {
    if text == "0" {
        return Some(0);
    }
    let (number, power) =
        BYTE_UNITS.iter().find_map(|(unit, power)| Some((text.strip_suffix(unit)?, *power)))?;
    number.trim_end().parse::<u64>().ok()?.checked_mul(1 << power)
}

impl ScrapeConfig {
    /// Fills in defaults and checks what one job can get wrong. `file` and `text` are for the error.
    ///
    /// The rules are Prometheus': a job needs a name, a timeout is at most the interval, a target is `host:port`
    /// without a path, labels have valid names, and there is one way of authorization.
    pub fn check(&self, file: &str, text: &str, globals: &ScrapeGlobals) -> Result<ScrapeJob, YamlError> {
        let wrong = |place: &Location, message: String, hint: &str| {
            Err(YamlError::at(file, text, place, message).with_hint(hint))
        };
        let job = &self.job_name.value;
        let place = &self.job_name.referenced;
        if job.is_empty() {
            return wrong(place, "job_name is empty".to_owned(), "give the job a name");
        }
        let interval = self.scrape_interval.as_ref().map_or(globals.scrape_interval, |set| set.value.0);
        if interval.is_zero() {
            return wrong(place, format!("scrape_interval of job {job:?} is zero"), "write for example 15s");
        }
        let timeout = match &self.scrape_timeout {
            Some(set) if set.value.0 > interval => {
                let (timeout, interval) = (PrometheusDuration(set.value.0), PrometheusDuration(interval));
                let message =
                    format!("scrape_timeout {timeout} of job {job:?} is longer than its interval {interval}");
                return wrong(&set.referenced, message, "make the timeout at most the interval");
            }
            Some(set) if !set.value.0.is_zero() => set.value.0,
            Some(_) | None => globals.scrape_timeout.min(interval),
        };
        let limits = (self.body_size_limit.map_or(0, |size| size.0), self.sample_limit);
        Ok(ScrapeJob {
            name: job.clone(),
            interval,
            timeout,
            honor_labels: self.honor_labels,
            honor_timestamps: self.honor_timestamps,
            follow_redirects: self.follow_redirects,
            credentials: self.credentials(file, text)?,
            body_size_limit: if limits.0 == 0 { globals.body_size_limit } else { limits.0 },
            sample_limit: limits.1.unwrap_or(globals.sample_limit),
            targets: self.targets(file, text, (interval, timeout))?,
        })
    }

    fn targets(&self, file: &str, text: &str, times: (Duration, Duration)) -> Result<Vec<Target>, YamlError> {
        let mut targets = Vec::new();
        for group in &self.static_configs {
            for (name, value) in &group.labels {
                if !is_classic_label_name(name) || name == METRIC_NAME {
                    let message = format!("{name:?} is not a valid label name");
                    return Err(YamlError::at(file, text, &value.referenced, message)
                        .with_hint("use letters, digits and underscores, and no digit first"));
                }
            }
            for address in &group.targets {
                let target = Target::new(self, group, &address.value, times).map_err(|message| {
                    YamlError::at(file, text, &address.referenced, message).with_hint(
                        "write host:port; the path goes into metrics_path, http or https into scheme",
                    )
                })?;
                targets.push(target);
            }
        }
        Ok(targets)
    }

    fn credentials(&self, file: &str, text: &str) -> Result<Credentials, YamlError> {
        let wrong = |place: &Location, message: &str, hint: &str| {
            Err(YamlError::at(file, text, place, message).with_hint(hint))
        };
        match (&self.basic_auth, &self.authorization) {
            (Some(_), Some(other)) => wrong(
                &other.referenced,
                "at most one of basic_auth, authorization and bearer_token can be configured",
                "remove all but one",
            ),
            (Some(basic), None) if basic.value.password.is_some() && basic.value.password_file.is_some() => {
                wrong(
                    &basic.referenced,
                    "at most one of password and password_file can be configured",
                    "remove one",
                )
            }
            (Some(basic), None) => Ok(Credentials::Basic(basic.value.clone())),
            (None, Some(header))
                if header.value.credentials.is_some() && header.value.credentials_file.is_some() =>
            {
                let message = "at most one of credentials and credentials_file can be configured";
                wrong(&header.referenced, message, "remove one")
            }
            (None, Some(header)) if header.value.kind.trim().eq_ignore_ascii_case("basic") => wrong(
                &header.referenced,
                "authorization type cannot be set to \"basic\"",
                "use basic_auth instead",
            ),
            (None, Some(header)) => Ok(Credentials::Header(header.value.clone())),
            (None, None) => Ok(Credentials::None),
        }
    }
}

#[cfg(test)]
mod tests;
