use super::*;

fn no_query(text: &str, _: Timestamp) -> Result<Vec<(Labels, f64)>, String> {
    Err(format!("1:1: parse error: {text}"))
}

fn expanded(text: &str, labels: &[(&str, &str)], value: f64) -> Result<String, TemplateError> {
    let labels = Labels::from_pairs(labels.iter().copied());
    let external_labels = Labels::from_pairs([("cluster", "lab")]);
    let data = AlertData {
        labels: &labels,
        external_labels: &external_labels,
        external_url: "http://prom.example/pre/fix",
        value,
    };
    expand("__alert_A", text, &data, Timestamp::UNIX_EPOCH, &no_query)
}

#[test]
fn annotations_of_the_seeds_expand() {
    let labels = [
        ("device_id", "esp32-1"),
        ("platform", "esp32"),
        ("model_name", "tiny"),
        ("instance", "host:9100"),
        ("gpu", "0"),
    ];
    let cases = [
        ("Device {{ $labels.device_id }} disconnected", "Device esp32-1 disconnected"),
        (
            "Device {{ $labels.device_id }} ({{ $labels.platform }}) has been disconnected for more than 1 minute",
            "Device esp32-1 (esp32) has been disconnected for more than 1 minute",
        ),
        ("Device {{ $labels.device_id }} overheating", "Device esp32-1 overheating"),
        (
            "Device {{ $labels.device_id }} temperature is {{ $value }}°C, exceeding safe limits",
            "Device esp32-1 temperature is 0.875°C, exceeding safe limits",
        ),
        ("Device {{ $labels.device_id }} memory exhaustion", "Device esp32-1 memory exhaustion"),
        (
            "Device {{ $labels.device_id }} memory usage is {{ $value | humanizePercentage }}",
            "Device esp32-1 memory usage is 87.5%",
        ),
        (
            "95th percentile profiling duration is {{ $value }}s, exceeding 5 minutes",
            "95th percentile profiling duration is 0.875s, exceeding 5 minutes",
        ),
        ("Device {{ $labels.device_id }} temperature elevated", "Device esp32-1 temperature elevated"),
        (
            "Device {{ $labels.device_id }} temperature is {{ $value }}°C",
            "Device esp32-1 temperature is 0.875°C",
        ),
        ("Low model throughput on {{ $labels.platform }}", "Low model throughput on esp32"),
        (
            "Model {{ $labels.model_name }} throughput is {{ $value }} tokens/second",
            "Model tiny throughput is 0.875 tokens/second",
        ),
        (
            "Disk usage is {{ $value | humanizePercentage }} on {{ $labels.instance }}",
            "Disk usage is 87.5% on host:9100",
        ),
        ("95th percentile API latency is {{ $value }}s", "95th percentile API latency is 0.875s"),
        (
            "Model {{ $labels.model_name }} accuracy dropped to {{ $value }}",
            "Model tiny accuracy dropped to 0.875",
        ),
        (
            "Quantization error rate is {{ $value }} for {{ $labels.model_name }}",
            "Quantization error rate is 0.875 for tiny",
        ),
        (
            "High power consumption on device {{ $labels.device_id }}",
            "High power consumption on device esp32-1",
        ),
        (
            "Power consumption is {{ $value }}mW, consider optimizing",
            "Power consumption is 0.875mW, consider optimizing",
        ),
        ("High memory usage on {{ $labels.device_id }}", "High memory usage on esp32-1"),
        (
            "Model server {{ $labels.instance }} has been down for more than 1 minute.",
            "Model server host:9100 has been down for more than 1 minute.",
        ),
        ("P99 latency is {{ $value }}s (threshold: 0.2s)", "P99 latency is 0.875s (threshold: 0.2s)"),
        ("Error rate is {{ $value | humanizePercentage }}", "Error rate is 87.5%"),
        (
            "Current accuracy {{ $value }} is 20% below yesterday",
            "Current accuracy 0.875 is 20% below yesterday",
        ),
        ("Drift score {{ $value }} exceeds threshold (0.2)", "Drift score 0.875 exceeds threshold (0.2)"),
        ("{{ $labels.drifted_features }}", ""),
        (
            "Current throughput: {{ $value }} predictions/second",
            "Current throughput: 0.875 predictions/second",
        ),
        (
            "GPU {{ $labels.gpu }} is at {{ $value | humanizePercentage }} memory usage",
            "GPU 0 is at 87.5% memory usage",
        ),
        ("P99 latency is {{ $value }}s", "P99 latency is 0.875s"),
        ("Your metric is {{ $value }}", "Your metric is 0.875"),
    ];
    for (text, wanted) in cases {
        assert_eq!(expanded(text, &labels, 0.875).unwrap(), wanted);
        check("__alert_A", text).unwrap();
        dry_run("__alert_A", text).unwrap();
    }
}

#[test]
fn values_print_as_go_prints_floats() {
    for (value, text) in
        [(1e6, "1e+06"), (1.5e-7, "1.5e-07"), (f64::INFINITY, "+Inf"), (-0.5, "-0.5"), (100.0, "100")]
    {
        assert_eq!(expanded("{{ $value }}", &[], value).unwrap(), text);
    }
}

#[test]
fn errors_are_worded_and_placed_as_in_prometheus() {
    let text = |text| expanded(text, &[], 0.0).unwrap_err().to_string();
    assert_eq!(
        text("{{ query \"nosuch(\" }}"),
        "error executing template __alert_A: template: __alert_A:1:115: executing \"__alert_A\" at <query \"nosuch(\">: \
         error calling query: 1:1: parse error: nosuch("
    );
    assert_eq!(
        text("{{ $undefined }}"),
        "error parsing template __alert_A: template: __alert_A:1: undefined variable \"$undefined\""
    );
    assert!(text(" on {{ .Nope }}").ends_with(
        "__alert_A:1:119: executing \"__alert_A\" at <.Nope>: can't evaluate field Nope in type struct { Labels \
         map[string]string; ExternalLabels map[string]string; ExternalURL string; Value interface {} }"
    ));
}

#[test]
fn loading_refuses_what_prometheus_refuses_and_a_dry_run_finds_more() {
    assert!(check("a", "{{ nosuch }}").is_err());
    assert!(check("a", "{{ if }}").is_err());
    assert!(check("a", "{{ .Nope }}").is_ok());
    assert!(dry_run("a", "{{ .Nope }}").is_err());
    assert!(dry_run("a", "{{ query \"up\" | first | value | humanize }}").is_ok());
}

#[test]
fn texts_without_actions_stay_as_they_are() {
    assert_eq!(expanded("50% of }} {", &[], 0.0).unwrap(), "50% of }} {");
}

#[test]
fn no_template_runs_without_end() {
    let endless = [
        "{{ range 1000000000 }}{{ end }}",
        "{{ define \"a\" }}{{ template \"a\" . }}{{ end }}{{ template \"a\" . }}",
        "{{ define \"a\" }}{{ if true }}{{ with . }}{{ template \"a\" . }}{{ end }}{{ end }}{{ end }}{{ template \"a\" 1 }}",
        "{{ $x := \"0123456789\" }}{{ range 100 }}{{ $x = print $x $x }}{{ end }}",
        "{{ range 100000 }}0123456789{{ end }}",
        "{{ $x := args 1 }}{{ range 10000 }}{{ $x = args $x }}{{ end }}{{ $x }}",
        "{{ $x := args 1 }}{{ range 60 }}{{ $x = args $x $x }}{{ end }}{{ $x }}",
        "{{ printf \"%999999d\" 1 }}",
        "{{ range 100 }}{{ query \"a\" }}{{ end }}",
    ];
    for text in endless {
        assert!(expanded(text, &[], 0.0).is_err(), "{text}");
    }
}

#[test]
fn deep_nesting_is_refused_and_not_a_crash() {
    for (open, close) in [("(", ")"), ("{{ if 1 }}", "{{ end }}"), ("{{ if 1 }}{{ else ", "")] {
        let inside = format!("{}1{}", open.repeat(100_000), close.repeat(100_000));
        let text = if open == "(" { format!("{{{{ {inside} }}}}") } else { inside };
        assert!(check("a", &text).is_err());
    }
    let most = format!("{{{{ {}1{} }}}}", "(".repeat(90), ")".repeat(90));
    assert_eq!(expanded(&most, &[], 0.0).unwrap(), "1");
}

proptest::proptest! {
    /// Whatever the text, there is an answer.
    #[test]
    fn no_text_is_a_crash(text in "(\\{\\{|\\}\\}|-| |\\$x|:=|=|\\||\\(|\\)|\\.|\"|`|'|end|if|range|else|define|[a-z0-9é%#*+\\[\\].]){0,40}") {
        drop(expanded(&format!("{{{{ {text}"), &[("a", "b")], 1.5));
        drop(expanded(&text, &[("a", "b")], 1.5));
    }

    #[test]
    fn no_format_is_a_crash(format in "(%[-+# 0]{0,3}[0-9*]{0,3}(\\.[0-9*]{0,3})?(\\[[0-9]?\\]?)?[a-zA-Z%é]?){0,4}", value: f64, at: i64) {
        for value in [Value::Float(value), Value::int(at), Value::text("aé")] {
            drop(crate::format::sprintf(&format, &[value.clone(), value]));
        }
    }

    #[test]
    fn no_layout_is_a_crash(layout in "(Jan|Mon|2006|_2|15|04|.000|Z07:00|-0700|PM|[ a-zé0-9:.,]){0,12}", at: i64, text in ".{0,20}") {
        let time = crate::time::Time::from_timestamp(Timestamp::from_millis(at));
        let written = crate::time_format::format(&time, &layout);
        drop(crate::time_format::parse(&layout, &written));
        drop(crate::time_format::parse(&layout, &text));
    }
}
