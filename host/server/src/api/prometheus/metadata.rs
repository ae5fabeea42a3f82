//! `/api/v1/series`, `/labels`, `/label/{name}/values`: what there is to query.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::{Path, State};
use bellwether_model::labels::Quoted;
use bellwether_model::{Labels, Matcher, Queryable, Timestamp};
use bellwether_promql::{ParseError, parse_selector};

use super::answer::{ApiError, Success};
use super::escaping::unescape_label_name;
use super::parameters::{cut_off, invalid, limit_param, time_param};
use super::query::or_all_time;
use crate::api::RequestParams;
use crate::api::params::Params;
use crate::host::Host;

/// Label sets of the series that match any selector.
pub(super) async fn series(
    State(host): State<Arc<Host>>,
    RequestParams(params): RequestParams,
) -> Result<Success<Vec<Labels>>, ApiError> {
    if params.first(MATCH).is_none() {
        return Err(ApiError::BadData("no match[] parameter provided".to_owned()));
    }
    let wanted = Wanted::read(&params, |error| invalid(MATCH, error))?;
    let limit = wanted.limit;
    let found = wanted.find(host).await?;
    Ok(limited(found.into_iter(), limit))
}

/// Names of all labels.
pub(super) async fn label_names(
    State(host): State<Arc<Host>>,
    RequestParams(params): RequestParams,
) -> Result<Success<Vec<String>>, ApiError> {
    let wanted = Wanted::read(&params, ApiError::BadData)?;
    let limit = wanted.limit;
    let found = wanted.find(host).await?;
    let names: BTreeSet<&str> =
        found.iter().flat_map(|labels| labels.iter().map(|label| &*label.name)).collect();
    Ok(limited(names.into_iter().map(str::to_owned), limit))
}

/// Values of one label.
pub(super) async fn label_values(
    State(host): State<Arc<Host>>,
    Path(name): Path<String>,
    RequestParams(params): RequestParams,
) -> Result<Success<Vec<String>>, ApiError> {
    let name = unescape_label_name(&name);
    if name.is_empty() {
        return Err(ApiError::BadData(format!("invalid label name: {}", Quoted(&name))));
    }
    let wanted = Wanted::read(&params, ApiError::BadData)?;
    let limit = wanted.limit;
    let found = wanted.find(host).await?;
    let values: BTreeSet<&str> = found.iter().filter_map(|labels| labels.get(&name)).collect();
    Ok(limited(values.into_iter().map(str::to_owned), limit))
}

/// The parameter with selectors.
const MATCH: &str = "match[]";

/// Which series a request is about.
#[derive(Debug)]
struct Wanted {
    selectors: Vec<Vec<Matcher>>,
    start: Option<Timestamp>,
    end: Option<Timestamp>,
    limit: Option<usize>,
}

impl Wanted {
    /// `refuse` makes the error of a selector that is wrong.
    fn read(params: &Params, refuse: impl Fn(String) -> ApiError) -> Result<Self, ApiError> {
        let limit = limit_param(params)?;
        let (start, end) = (time_param(params, "start")?, time_param(params, "end")?);
        let selectors: Result<Vec<_>, ParseError> = params.all(MATCH).map(parse_selector).collect();
        let mut selectors = selectors.map_err(|error| refuse(error.to_string()))?;
        let is_any = |matchers: &Vec<Matcher>| matchers.iter().all(|matcher| matcher.matches_value(""));
        if selectors.iter().any(is_any) {
            return Err(refuse("match[] must contain at least one non-empty matcher".to_owned()));
        }
        if selectors.is_empty() {
            selectors.push(Vec::new());
        }
        Ok(Self { selectors, start, end, limit })
    }

    /// The label sets of the series.
    async fn find(self, host: Arc<Host>) -> Result<BTreeSet<Labels>, ApiError> {
        let reading = tokio::task::spawn_blocking(move || self.find_in(host.store.as_ref()));
        reading.await.map_err(|_| ApiError::Internal("reading series failed; see the log".to_owned()))?
    }

    fn find_in(&self, store: &dyn Queryable) -> Result<BTreeSet<Labels>, ApiError> {
        let mut found = BTreeSet::new();
        for matchers in &self.selectors {
            let failed = |error: bellwether_model::QueryError| ApiError::Execution(error.to_string());
            if self.start.is_none() && self.end.is_none() {
                // Of all time: no need to look at samples.
                found.extend(store.find(matchers).map_err(failed)?.labels().iter().cloned());
                continue;
            }
            let (start, end) = or_all_time(self.start, self.end);
            found.extend(store.series(matchers, start, end).map_err(failed)?);
        }
        Ok(found)
    }
}

fn limited<T: serde::Serialize>(items: impl Iterator<Item = T>, limit: Option<usize>) -> Success<Vec<T>> {
    let (mut items, mut warnings) = (items.collect(), Vec::new());
    cut_off(&mut items, limit, &mut warnings);
    Success::new(items).remarked(warnings, Vec::new())
}

#[cfg(test)]
mod tests {
    use bellwether_model::Sample;
    use bellwether_promql::testing::MemoryStore;

    use super::*;

    fn wanted(query: &str) -> Result<Wanted, ApiError> {
        Wanted::read(&Params::parse(query), ApiError::BadData)
    }

    #[test]
    fn selectors_are_checked_last() {
        let error = |query: &str| match wanted(query) {
            Err(ApiError::BadData(error)) => error,
            other => panic!("{query}: {other:?}"),
        };
        assert!(error("match[]={&limit=x&start=y").contains("\"limit\""));
        assert!(error("match[]={&start=y").contains("\"start\""));
        assert_eq!(error("match[]=sum(up)"), "1:4: parse error: unexpected \"(\"");
        let empty = "match[] must contain at least one non-empty matcher";
        assert_eq!(error("match[]=up&match[]={a=\"\"}"), empty);
        assert_eq!(wanted("match=up").unwrap().selectors, vec![vec![]]);
    }

    #[test]
    fn series_without_a_range_are_those_of_all_time() {
        let mut store = MemoryStore::default();
        let old = Labels::from_pairs([("__name__", "old")]);
        let new = Labels::from_pairs([("__name__", "new")]);
        store.put(&old, Sample::new(Timestamp::from_millis(0), 1.0));
        store.put(&new, Sample::new(Timestamp::from_millis(9000), 1.0));
        let found = |query: &str| wanted(query).unwrap().find_in(&store).unwrap();
        assert_eq!(found("").len(), 2);
        assert_eq!(found("start=5"), BTreeSet::from([new]));
        assert_eq!(found("end=5"), BTreeSet::from([old]));
    }
}
