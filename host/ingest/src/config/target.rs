//! What a checked configuration amounts to: jobs with their targets.

use std::fmt;
use std::time::Duration;

use bellwether_model::Labels;
use bellwether_model::duration::PrometheusDuration;
use reqwest::Url;
use serde::Deserialize;

use super::{Authorization, BasicAuth, ScrapeConfig, StaticConfig};

/// How a target is spoken to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scheme {
    /// In the clear.
    #[default]
    Http,
    /// Over TLS.
    Https,
}

impl Scheme {
    /// `http` or `https`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

/// A text that is never printed.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// The text itself, for the request.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<secret>")
    }
}

/// What a request proves itself with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credentials {
    /// Nothing.
    None,
    /// User and password.
    Basic(BasicAuth),
    /// An `Authorization` header.
    Header(Authorization),
}

/// A job, checked and with all defaults filled in. Compare jobs to see which ones a reload changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScrapeJob {
    /// Its name.
    pub name: String,
    /// How often its targets are scraped.
    pub interval: Duration,
    /// How long a scrape may take; at most the interval.
    pub timeout: Duration,
    /// Whether labels of the page win over those of the target.
    pub honor_labels: bool,
    /// Whether timestamps of the page are kept.
    pub honor_timestamps: bool,
    /// Whether redirects within the target's host are followed.
    pub follow_redirects: bool,
    /// What the requests prove themselves with.
    pub credentials: Credentials,
    /// Largest page in bytes after decompression.
    pub body_size_limit: u64,
    /// Most samples of a page; 0 for no limit.
    pub sample_limit: usize,
    /// What is scraped.
    pub targets: Vec<Target>,
}

/// One endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// What is requested.
    pub url: Url,
    /// What is added to each of its series: `job`, `instance` and the configured ones.
    pub labels: Labels,
    /// The labels that it was made from, those with two leading underscores included.
    pub discovered_labels: Labels,
}

impl Target {
    /// As Prometheus makes targets of static configurations: labels of the target win over settings of the job.
    pub(super) fn new(
        config: &ScrapeConfig,
        group: &StaticConfig,
        address: &str,
        (interval, timeout): (Duration, Duration),
    ) -> Result<Self, String> {
        let mut discovered = Labels::from_pairs([
            ("__address__", address),
            ("__metrics_path__", &config.metrics_path),
            ("__scheme__", config.scheme.as_str()),
            ("__scrape_interval__", &PrometheusDuration(interval).to_string()),
            ("__scrape_timeout__", &PrometheusDuration(timeout).to_string()),
            ("job", &config.job_name.value),
        ])
        .to_builder();
        for (name, values) in &config.params {
            if let Some(first) = values.first() {
                discovered.set(format!("__param_{name}"), first.as_str());
            }
        }
        for (name, value) in &group.labels {
            discovered.set(name.as_str(), value.value.as_str());
        }
        let discovered = discovered.build();
        let url = url(config, &discovered)?;
        let mut labels = discovered.filtered(|name| !name.starts_with("__")).to_builder();
        if labels.get("instance").is_none() {
            labels.set("instance", discovered.value("__address__"));
        }
        Ok(Self { url, labels: labels.build(), discovered_labels: discovered })
    }
}

fn url(config: &ScrapeConfig, discovered: &Labels) -> Result<Url, String> {
    let address = discovered.value("__address__");
    if address.is_empty() {
        return Err("the target is empty".to_owned());
    }
    if address.contains(['/', '?', '#', '@']) || address.contains(char::is_whitespace) {
        return Err(format!("{address:?} is not a valid target"));
    }
    let path = discovered.value("__metrics_path__");
    let slash = if path.starts_with('/') { "" } else { "/" };
    let text = format!("{}://{address}{slash}{path}", discovered.value("__scheme__"));
    let mut url = Url::parse(&text).map_err(|error| format!("{address:?} is not a valid target: {error}"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!("{:?} is neither http nor https", url.scheme()));
    }
    let parameters =
        config.params.iter().flat_map(|(name, values)| values.iter().map(move |value| (name, value)));
    if config.params.values().any(|values| !values.is_empty()) {
        url.query_pairs_mut().extend_pairs(parameters);
    }
    Ok(url)
}
