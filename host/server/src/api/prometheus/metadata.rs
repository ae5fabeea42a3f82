//! `/api/v1/series`, `/labels`, `/label/{name}/values`, `/metadata`: what there is to query.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, State};
use bellwether_model::{Labels, Matcher, Queryable, Timestamp};

use super::answer::{ApiError, Success};
use super::query::time_param;
use crate::api::RequestParams;
use crate::api::params::Params;
use crate::host::Host;

/// How far back the lists look when no start is given.
const DEFAULT_RANGE: Duration = Duration::from_secs(12 * 3600);

/// Label sets of the series that match any selector.
pub(super) async fn series(
    State(host): State<Arc<Host>>,
    RequestParams(params): RequestParams,
) -> Result<Success<Vec<Labels>>, ApiError> {
    if params.first("match").is_none() {
        return Err(ApiError::BadData("no match[] parameter provided".to_owned()));
    }
    let found = matching(host, &params).await?;
    Ok(Success::new(limited(found.into_iter(), &params)?))
}

/// Names of all labels.
pub(super) async fn label_names(
    State(host): State<Arc<Host>>,
    RequestParams(params): RequestParams,
) -> Result<Success<Vec<String>>, ApiError> {
    let found = matching(host, &params).await?;
    let names: BTreeSet<&str> =
        found.iter().flat_map(|labels| labels.iter().map(|label| &*label.name)).collect();
    Ok(Success::new(limited(names.into_iter().map(str::to_owned), &params)?))
}

/// Values of one label.
pub(super) async fn label_values(
    State(host): State<Arc<Host>>,
    Path(name): Path<String>,
    RequestParams(params): RequestParams,
) -> Result<Success<Vec<String>>, ApiError> {
    let name = name.strip_prefix("U__").map_or_else(|| name.clone(), unescape_name);
    let found = matching(host, &params).await?;
    let values: BTreeSet<&str> = found.iter().filter_map(|labels| labels.get(&name)).collect();
    Ok(Success::new(limited(values.into_iter().map(str::to_owned), &params)?))
}

/// Types and help texts of metrics. Empty: they are not kept.
pub(super) async fn metadata() -> Success<serde_json::Map<String, serde_json::Value>> {
    Success::new(serde_json::Map::new())
}

/// Undoes Prometheus' escaping of UTF-8 names in paths: `_2e_` for a dot, `__` for an underscore.
fn unescape_name(escaped: &str) -> String {
    let mut name = String::new();
    let mut rest = escaped;
    while let Some(at) = rest.find('_') {
        name.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let code = rest.split_once('_').map(|(code, after)| (u32::from_str_radix(code, 16), after));
        match code {
            Some((_, after)) if rest.starts_with('_') => {
                name.push('_');
                rest = after;
            }
            Some((Ok(code), after)) => {
                name.extend(char::from_u32(code));
                rest = after;
            }
            _ => name.push('_'),
        }
    }
    name + rest
}

async fn matching(host: Arc<Host>, params: &Params) -> Result<BTreeSet<Labels>, ApiError> {
    let end = time_param(params, "end")?.unwrap_or_else(|| host.clock.now());
    let start = time_param(params, "start")?.unwrap_or(end - DEFAULT_RANGE);
    let mut selectors: Vec<Vec<Matcher>> = Vec::new();
    for text in params.all("match") {
        selectors.push(selector(&host, text)?);
    }
    if selectors.is_empty() {
        selectors.push(Vec::new());
    }
    let reading = tokio::task::spawn_blocking(move || find(&host, &selectors, start, end));
    reading.await.map_err(|_| ApiError::Internal("reading series failed; see the log".to_owned()))?
}

fn find(
    host: &Host,
    selectors: &[Vec<Matcher>],
    start: Timestamp,
    end: Timestamp,
) -> Result<BTreeSet<Labels>, ApiError> {
    let mut found = BTreeSet::new();
    for matchers in selectors {
        let series = host.store.series(matchers, start, end);
        found.extend(series.map_err(|error| ApiError::Execution(error.to_string()))?);
    }
    Ok(found)
}

/// The matchers of a series selector such as `up{job="node"}`.
fn selector(host: &Host, text: &str) -> Result<Vec<Matcher>, ApiError> {
    let refuse = |error: String| ApiError::BadData(format!("invalid parameter \"match[]\": {error}"));
    let query = host.engine().prepare(text).map_err(|error| refuse(error.to_string()))?;
    query
        .as_selector()
        .map(<[Matcher]>::to_vec)
        .ok_or_else(|| refuse(format!("{text} is no series selector")))
}

fn limited<T>(items: impl Iterator<Item = T>, params: &Params) -> Result<Vec<T>, ApiError> {
    let limit = match params.first("limit") {
        None | Some("" | "0") => usize::MAX,
        Some(text) => text
            .parse()
            .map_err(|_| ApiError::BadData(format!("invalid parameter \"limit\": cannot parse {text:?}")))?,
    };
    Ok(items.take(limit).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escaped_names_come_back() {
        assert_eq!(unescape_name("my_2e_metric__x"), "my.metric_x");
        assert_eq!(unescape_name("plain"), "plain");
        assert_eq!(unescape_name("_"), "_");
    }
}
