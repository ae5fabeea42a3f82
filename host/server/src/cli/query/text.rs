//! Answers as `promtool query` prints them: `series => value @[time]`, whatever the type.

use bellwether_model::Labels;
use bellwether_model::number::{General, Plain};
use serde_json::Value;

/// The lines of an answer's `data`. An empty result is an empty line, as in promtool.
pub(super) fn lines(data: &Value) -> Vec<String> {
    let result = &data["result"];
    let lines: Vec<String> = match data["resultType"].as_str() {
        Some("scalar") => vec![format!("scalar: {} @[{}]", number(&result[1]), result[0])],
        Some("string") => vec![text(&result[1]).to_owned()],
        Some("vector") => rows(result).map(|row| format!("{} => {}", series(row), only_point(row))).collect(),
        Some("matrix") => rows(result).flat_map(points_of_series).collect(),
        _ => vec![data.to_string()],
    };
    if lines.is_empty() { vec![String::new()] } else { lines }
}

fn points_of_series(row: &Value) -> Vec<String> {
    let floats = rows(&row["values"]).map(float_point);
    let histograms = rows(&row["histograms"]).map(histogram_point);
    std::iter::once(format!("{} =>", series(row))).chain(floats).chain(histograms).collect()
}

fn only_point(row: &Value) -> String {
    if row["histogram"].is_null() { float_point(&row["value"]) } else { histogram_point(&row["histogram"]) }
}

fn float_point(point: &Value) -> String {
    format!("{} @[{}]", number(&point[1]), point[0])
}

/// `Count: 4.000000, Sum: 5.500000, Buckets: [[-1,1]:3 (1,2]:1] @[1700000000]`
fn histogram_point(point: &Value) -> String {
    let histogram = &point[1];
    let buckets: Vec<String> = rows(&histogram["buckets"]).map(bucket).collect();
    let six_decimals = |value: &Value| match parsed(value) {
        Some(value) if value.is_finite() => format!("{value:.6}"),
        _ => number(value),
    };
    format!(
        "Count: {}, Sum: {}, Buckets: [{}] @[{}]",
        six_decimals(&histogram["count"]),
        six_decimals(&histogram["sum"]),
        buckets.join(" "),
        point[0]
    )
}

/// Bounds with brackets where they belong to the bucket, and its count.
fn bucket(bucket: &Value) -> String {
    let (opening, closing) = match bucket[0].as_u64() {
        Some(0) => ('(', ']'),
        Some(1) => ('[', ')'),
        Some(3) => ('[', ']'),
        _ => ('(', ')'),
    };
    let bound =
        |value: &Value| parsed(value).map_or_else(|| text(value).to_owned(), |v| General(v).to_string());
    let count = number(&bucket[3]);
    format!("{opening}{},{}{closing}:{count}", bound(&bucket[1]), bound(&bucket[2]))
}

/// A result with numbers as promtool has them in JSON, too.
pub(super) fn without_exponents(result: Value) -> Value {
    let plain = |(key, value): (String, Value)| {
        let value = if key == "metric" { value } else { without_exponents(value) };
        (key, value)
    };
    match result {
        Value::Array(items) => Value::Array(items.into_iter().map(without_exponents).collect()),
        Value::Object(fields) => Value::Object(fields.into_iter().map(plain).collect()),
        Value::String(_) => Value::String(number(&result)),
        other => other,
    }
}

/// A number without an exponent, however it was written.
fn number(value: &Value) -> String {
    parsed(value).map_or_else(|| text(value).to_owned(), |value| Plain(value).to_string())
}

fn parsed(value: &Value) -> Option<f64> {
    value.as_str()?.parse().ok()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("?")
}

fn rows(result: &Value) -> impl Iterator<Item = &Value> {
    result.as_array().into_iter().flatten()
}

fn series(row: &Value) -> String {
    let labels = serde_json::from_value(row["metric"].clone()).unwrap_or_else(|_| Labels::empty());
    labels.to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn printed(kind: &str, result: Value) -> String {
        lines(&json!({"resultType": kind, "result": result})).join("\n")
    }

    #[test]
    fn numbers_have_no_exponents() {
        assert_eq!(printed("scalar", json!([1.5, "1"])), "scalar: 1 @[1.5]");
        assert_eq!(printed("string", json!([1.5, "a text"])), "a text");
        let row = json!({"metric": {"__name__": "up", "job": "a", "room": "b"}, "value": [5, "1e-07"]});
        assert_eq!(printed("vector", json!([row])), "up{job=\"a\", room=\"b\"} => 0.0000001 @[5]");
        assert_eq!(printed("vector", json!([])), "");
    }

    #[test]
    fn numbers_in_json_have_no_exponents_either() {
        let row = |value: &str| json!([{"metric": {"a": "1e3"}, "value": [5, value]}]);
        assert_eq!(without_exponents(row("1e-07")), row("0.0000001"));
        assert_eq!(without_exponents(json!([5, "text"])), json!([5, "text"]));
    }

    #[test]
    fn histograms_are_told_with_their_buckets() {
        let histogram = json!({
            "count": "4", "sum": "5.5",
            "buckets": [[3, "-1", "1", "3"], [0, "1", "1e+06", "1"], [1, "-2", "-1", "0.5"]],
        });
        let expected = "Count: 4.000000, Sum: 5.500000, Buckets: [[-1,1]:3 (1,1e+06]:1 [-2,-1):0.5] @[7]";
        let vector = json!([{"metric": {}, "histogram": [7, histogram]}]);
        assert_eq!(printed("vector", vector), format!("{{}} => {expected}"));
        let matrix = json!([{"metric": {}, "values": [[6, "+Inf"]], "histograms": [[7, histogram]]}]);
        assert_eq!(printed("matrix", matrix), format!("{{}} =>\n+Inf @[6]\n{expected}"));
        let empty = json!({"count": "0", "sum": "NaN"});
        let vector = json!([{"metric": {}, "histogram": [7, empty]}]);
        assert_eq!(printed("vector", vector), "{} => Count: 0.000000, Sum: NaN, Buckets: [] @[7]");
    }
}
