//! Parameters that several requests of Prometheus' API have, and what is said about those that are wrong.

use std::fmt::Display;

use bellwether_model::Timestamp;

use super::answer::ApiError;
use crate::api::params::{Params, parse_integer, parse_time};

/// Added to answers that were cut off.
pub(super) const TRUNCATED: &str = "results truncated due to limit";

/// The error for a parameter that is wrong.
pub(super) fn invalid(name: &str, error: impl Display) -> ApiError {
    ApiError::BadData(format!("invalid parameter \"{name}\": {error}"))
}

/// The value of a parameter; an empty one counts as none.
pub(super) fn given<'a>(params: &'a Params, name: &str) -> Option<&'a str> {
    params.first(name).filter(|text| !text.is_empty())
}

/// A time; none where it is not given.
pub(super) fn time_param(params: &Params, name: &str) -> Result<Option<Timestamp>, ApiError> {
    let parsed = given(params, name).map(parse_time).transpose();
    parsed.map_err(|error| invalid(name, format!("invalid time value for '{name}': {error}")))
}

/// A time that has to be given.
pub(super) fn required_time(params: &Params, name: &str) -> Result<Timestamp, ApiError> {
    parse_time(params.first(name).unwrap_or("")).map_err(|error| invalid(name, error))
}

/// The most items that the answer may have; none where there is no limit.
pub(super) fn limit_param(params: &Params) -> Result<Option<usize>, ApiError> {
    let Some(text) = given(params, "limit") else {
        return Ok(None);
    };
    match parse_integer(text).map(usize::try_from) {
        Ok(Ok(limit)) => Ok(Some(limit).filter(|&limit| limit > 0)),
        Ok(Err(_)) => Err(invalid("limit", "limit must be non-negative")),
        Err(error) => Err(invalid("limit", error)),
    }
}

/// Cuts off what is beyond a limit, and says so.
pub(super) fn cut_off<T>(items: &mut Vec<T>, limit: Option<usize>, warnings: &mut Vec<String>) {
    if let Some(limit) = limit.filter(|&limit| items.len() > limit) {
        items.truncate(limit);
        warnings.push(TRUNCATED.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(result: Result<impl std::fmt::Debug, ApiError>) -> String {
        match result.unwrap_err() {
            ApiError::BadData(error) => error,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn limits_are_read_as_prometheus_reads_them() {
        let limit = |text: &str| limit_param(&Params::parse(&format!("limit={text}")));
        assert_eq!((limit("").unwrap(), limit("0").unwrap(), limit("3").unwrap()), (None, None, Some(3)));
        assert_eq!(
            error(limit("x")),
            "invalid parameter \"limit\": strconv.Atoi: parsing \"x\": invalid syntax"
        );
        assert_eq!(error(limit("-1")), "invalid parameter \"limit\": limit must be non-negative");
    }

    #[test]
    fn wrong_times_are_named_by_their_parameter() {
        let params = Params::parse("time=x&start=&end=y");
        let unreadable = "invalid time value for 'time': cannot parse \"x\" to a valid timestamp";
        assert_eq!(error(time_param(&params, "time")), format!("invalid parameter \"time\": {unreadable}"));
        assert_eq!(time_param(&params, "start"), Ok(None));
        let required = error(required_time(&params, "start"));
        assert_eq!(required, "invalid parameter \"start\": cannot parse \"\" to a valid timestamp");
    }

    #[test]
    fn what_is_cut_off_is_told() {
        let (mut items, mut warnings) = (vec![1, 2, 3], Vec::new());
        cut_off(&mut items, Some(3), &mut warnings);
        assert_eq!((items.len(), warnings.len()), (3, 0));
        cut_off(&mut items, Some(2), &mut warnings);
        assert_eq!((items, warnings), (vec![1, 2], vec![TRUNCATED.to_owned()]));
    }
}
