//! `/api/v1/metadata`: types, units and help texts of metrics, as the targets tell them that are scraped now.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::extract::State;
use bellwether_ingest::{Families, FamilyMetadata};
use serde::Serialize;

use super::answer::{ApiError, Success};
use super::parameters::given;
use crate::api::RequestParams;
use crate::api::params::{Params, parse_integer};
use crate::host::Host;

/// What one or more targets say of a metric.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(super) struct MetadataJson {
    #[serde(rename = "type")]
    kind: &'static str,
    unit: String,
    help: String,
}

type MetadataByMetric = BTreeMap<String, BTreeSet<MetadataJson>>;

/// What is known about metrics; what several targets say the same way once.
pub(super) async fn metadata(
    State(host): State<Arc<Host>>,
    RequestParams(params): RequestParams,
) -> Result<Success<MetadataByMetric>, ApiError> {
    let wanted = Wanted::read(&params)?;
    let targets = host.scraping.targets().await;
    Ok(Success::new(wanted.gathered(targets.iter().map(|target| &*target.metadata))))
}

/// Which metrics a request is about.
#[derive(Debug)]
struct Wanted {
    metric: Option<String>,
    /// The most metrics.
    limit: Option<usize>,
    /// The most variants of each.
    limit_per_metric: Option<usize>,
}

impl Wanted {
    fn read(params: &Params) -> Result<Self, ApiError> {
        // Numbers below zero are no limit, as in Prometheus.
        let limit = |name: &str| match given(params, name).map(parse_integer) {
            None => Ok(None),
            Some(Ok(limit)) => Ok(usize::try_from(limit).ok()),
            Some(Err(_)) => Err(ApiError::BadData(format!("{name} must be a number"))),
        };
        Ok(Self {
            limit: limit("limit")?,
            limit_per_metric: limit("limit_per_metric")?.filter(|&limit| limit > 0),
            metric: given(params, "metric").map(str::to_owned),
        })
    }

    fn gathered<'a>(&self, targets: impl Iterator<Item = &'a Families>) -> MetadataByMetric {
        let mut gathered = MetadataByMetric::new();
        for families in targets {
            match &self.metric {
                Some(metric) => self.add(&mut gathered, families.get_key_value(metric.as_str())),
                None => self.add(&mut gathered, families),
            }
        }
        gathered
    }

    fn add<'a>(
        &self,
        gathered: &mut MetadataByMetric,
        families: impl IntoIterator<Item = (&'a Arc<str>, &'a FamilyMetadata)>,
    ) {
        for (name, family) in families {
            if !gathered.contains_key(&**name) && self.limit.is_some_and(|limit| gathered.len() >= limit) {
                continue;
            }
            let variants = gathered.entry(name.to_string()).or_default();
            if self.limit_per_metric.is_none_or(|limit| variants.len() < limit) {
                variants.insert(MetadataJson {
                    kind: family.kind.as_str(),
                    unit: family.unit.clone(),
                    help: family.help.clone(),
                });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use bellwether_model::exposition::MetricType;

    use super::*;

    fn target(families: &[(&str, &str)]) -> Families {
        let family = |help: &str| FamilyMetadata {
            kind: MetricType::Gauge,
            help: help.to_owned(),
            unit: String::new(),
        };
        families.iter().map(|(name, help)| (Arc::from(*name), family(help))).collect()
    }

    fn gathered(query: &str) -> String {
        let targets = [target(&[("a", "one"), ("b", "two")]), target(&[("a", "other"), ("b", "two")])];
        let wanted = Wanted::read(&Params::parse(query)).unwrap();
        serde_json::to_string(&wanted.gathered(targets.iter())).unwrap()
    }

    #[test]
    fn what_targets_say_is_told_once() {
        let (one, other) =
            (r#"{"type":"gauge","unit":"","help":"one"}"#, r#"{"type":"gauge","unit":"","help":"other"}"#);
        let two = r#"{"type":"gauge","unit":"","help":"two"}"#;
        assert_eq!(gathered(""), format!(r#"{{"a":[{one},{other}],"b":[{two}]}}"#));
        assert_eq!(gathered("metric=a&limit_per_metric=1"), format!(r#"{{"a":[{one}]}}"#));
        assert_eq!(gathered("limit=1"), format!(r#"{{"a":[{one},{other}]}}"#));
        assert_eq!((gathered("limit=0"), gathered("metric=c")), ("{}".to_owned(), "{}".to_owned()));
        assert_eq!(gathered("limit=-1"), gathered(""));
    }

    #[test]
    fn limits_are_numbers() {
        let error = |query: &str| Wanted::read(&Params::parse(query)).unwrap_err();
        assert_eq!(error("limit=x"), ApiError::BadData("limit must be a number".to_owned()));
        let per_metric = ApiError::BadData("limit_per_metric must be a number".to_owned());
        assert_eq!(error("limit_per_metric=x"), per_metric);
    }
}
