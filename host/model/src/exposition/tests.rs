use super::*;

fn samples(text: &str) -> Vec<(String, f64, Option<i64>)> {
    let exposition = parse(text.as_bytes(), Format::Prometheus).unwrap();
    let plain = |sample: ExposedSample| {
        (sample.labels.to_string(), sample.value, sample.at.map(Timestamp::as_millis))
    };
    exposition.samples.into_iter().map(plain).collect()
}

fn refused(text: &str, format: Format) -> ExpositionError {
    parse(text.as_bytes(), format).unwrap_err()
}

#[test]
fn reads_what_exporters_write() {
    let text = "# HELP http_requests_total Total \\\\ of\\nrequests.\n# TYPE http_requests_total counter\n\
                http_requests_total{method=\"post\",code=\"200\"} 1027 1395066363000\n\
                  \t\n# a comment\n#another\nllamacpp:tokens_seconds  7.5\n\
                a{b=\"c\\\"d\\\\e\\nf\",g=\"h,i}\",} +Inf\n{\"my.metric\",\"a.b\"=\"c\"} 3";
    let wanted = [
        (r#"http_requests_total{code="200", method="post"}"#, 1027.0, Some(1_395_066_363_000)),
        ("llamacpp:tokens_seconds", 7.5, None),
        ("a{b=\"c\\\"d\\\\e\\nf\", g=\"h,i}\"}", f64::INFINITY, None),
        (r#"{"my.metric", "a.b"="c"}"#, 3.0, None),
    ];
    assert_eq!(samples(text), wanted.map(|(labels, value, at)| (labels.to_owned(), value, at)));
    let exposition = parse(text.as_bytes(), Format::Prometheus).unwrap();
    assert_eq!(exposition.types, [("http_requests_total".to_owned(), MetricType::Counter)]);
    assert_eq!(exposition.help, [("http_requests_total".to_owned(), "Total \\ of\nrequests.".to_owned())]);
}

#[test]
fn reads_open_metrics_with_units_exemplars_and_timestamps_in_seconds() {
    let text = "# TYPE latency_seconds histogram\n# UNIT latency_seconds seconds\n# HELP latency_seconds \"x\\\"\n\
                latency_seconds_bucket{le=\"1\"} 4 1.5 # {trace_id=\"a\"} 0.67 1520879607.789\n\
                latency_seconds_count 4\n# EOF\n";
    let exposition = parse(text.as_bytes(), Format::OpenMetrics).unwrap();
    assert_eq!(exposition.samples[0].labels.value("le"), "1.0");
    assert_eq!(exposition.samples[0].at, Some(Timestamp::from_millis(1500)));
    assert_eq!(exposition.samples.len(), 2);
    assert_eq!(exposition.units, [("latency_seconds".to_owned(), "seconds".to_owned())]);
    assert_eq!(exposition.help[0].1, "\"x\"");
}

#[test]
fn bounds_get_one_spelling() {
    for (written, canonical) in [
        ("1", "1.0"),
        ("0.50", "0.5"),
        ("+Inf", "+Inf"),
        ("1e6", "1e+06"),
        ("100000", "100000.0"),
        ("1e-7", "1e-07"),
    ] {
        let found = samples(&format!("# TYPE x histogram\nx_bucket{{le=\"{written}\"}} 1"));
        assert_eq!(found[0].0, format!("x_bucket{{le=\"{canonical}\"}}"));
    }
    assert_eq!(samples("x_bucket{le=\"1\"} 1")[0].0, "x_bucket{le=\"1\"}");
}

#[test]
fn errors_name_line_column_and_what_was_expected() {
    for (text, wanted) in [
        ("up 1\na{b=c} 1\n", "line 2, column 5: expected a label value in double quotes, found \"c}\""),
        ("up\n", "line 1, column 3: expected a value after the metric, found the end of the line"),
        ("up x1\n", "line 1, column 4: \"x1\" is no number"),
        ("up 1 2 3\n", "line 1, column 8: expected the end of the line after the timestamp, found \"3\""),
        ("{a=\"b\"} 1", "line 1, column 8: there is no metric name before or in the braces"),
        ("# TYPE x bogus\n", "line 1, column 10: unknown metric type \"bogus\""),
    ] {
        assert_eq!(refused(text, Format::Prometheus).to_string(), wanted);
    }
    assert_eq!(refused("up 1\n", Format::OpenMetrics).message, "the text does not end with \"# EOF\"");
    assert_eq!(refused("up 1\n# EOF\nx", Format::OpenMetrics).line, 3);
}

#[test]
fn samples_before_an_error_are_known() {
    let entries: Vec<_> = Parser::new(b"a 1\nb 2\nc x\nd 4\n", Format::Prometheus).collect();
    assert_eq!(entries.len(), 3);
    assert!(entries[1].is_ok() && entries[2].is_err());
}

#[test]
fn a_repeated_label_is_told_and_its_last_value_counts() {
    let exposition = parse(b"a{b=\"1\",b=\"2\"} 1\na{__name__=\"c\"} 1\n", Format::Prometheus).unwrap();
    let told: Vec<_> =
        exposition.samples.iter().map(|s| (s.labels.to_string(), s.repeated_label.as_deref())).collect();
    assert_eq!(told, [("a{b=\"2\"}".to_owned(), Some("b")), ("c".to_owned(), Some("__name__"))]);
}

#[test]
fn the_content_type_decides() {
    let open = Some("application/openmetrics-text; version=1.0.0; charset=utf-8");
    assert_eq!(Format::from_content_type(open), Format::OpenMetrics);
    assert_eq!(Format::from_content_type(Some("text/plain; version=0.0.4")), Format::Prometheus);
    assert_eq!(Format::from_content_type(None), Format::Prometheus);
}

proptest::proptest! {
    #[test]
    fn any_bytes_end_without_a_panic(
        pieces in proptest::collection::vec(proptest::sample::select(vec![
            "up", " ", "{", "}", "\"", "\\", "=", ",", "1", "#", "# TYPE ", "# EOF", "\n", "\0", "\t", "ü", "counter", " # {",
        ]), 0..60),
    ) {
        let text = pieces.concat();
        for format in [Format::Prometheus, Format::OpenMetrics] {
            let entries = Parser::new(text.as_bytes(), format).count();
            proptest::prop_assert!(entries <= text.len() + 1);
        }
    }
}
