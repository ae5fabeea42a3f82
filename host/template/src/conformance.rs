//! Comparison with what the real tools made of templates. The data is not part of the repository.

use std::collections::BTreeMap;
use std::path::PathBuf;

use bellwether_model::{Labels, Timestamp};
use serde_json::Value as Json;

use crate::alertmanager::{Format, Templates, WebhookData};
use crate::prometheus::{self, AlertData};

fn read(path: &str) -> String {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/conformance");
    std::fs::read_to_string(root.join(path)).unwrap()
}

fn labels(json: &Json) -> Labels {
    serde_json::from_value(json.clone()).unwrap()
}

fn number(json: &Json) -> f64 {
    json.as_str().unwrap().parse().unwrap()
}

/// Texts that hold an address of Go's memory cannot be the same twice.
fn holds_address(text: &str) -> bool {
    text.match_indices("0x")
        .any(|(at, _)| text[at + 2..].chars().take_while(char::is_ascii_hexdigit).count() == 12)
}

/// Whether a case came out as recorded; errors count as equal.
fn is_same(case: &Json, got: &Result<String, crate::TemplateError>) -> bool {
    match got {
        Ok(text) => case["error"].is_null() && case["output"] == text.as_str(),
        Err(_) => !case["error"].is_null(),
    }
}

#[test]
#[cfg_attr(not(conformance_data), ignore = "needs shared/conformance/templates beside the repository")]
fn random_templates_of_prometheus() {
    let groups: Vec<Json> = serde_json::from_str(&read("templates/random-prometheus-3.15.0.json")).unwrap();
    let mut different = Vec::new();
    for group in &groups {
        let (labels_of_alert, external_labels) = (labels(&group["Labels"]), labels(&group["ExternalLabels"]));
        let data = AlertData {
            labels: &labels_of_alert,
            external_labels: &external_labels,
            external_url: group["ExternalURL"].as_str().unwrap(),
            value: number(&group["Value"]),
        };
        let query = |text: &str, _: Timestamp| {
            let samples = group["Queries"][text].as_array().ok_or_else(|| "parse error".to_owned())?;
            Ok(samples.iter().map(|sample| (labels(&sample["labels"]), number(&sample["value"]))).collect())
        };
        let now = Timestamp::from_millis(group["TimestampMs"].as_i64().unwrap());
        for case in group["Cases"].as_array().unwrap() {
            let got = prometheus::expand(
                "__alert_HighTemp",
                case["template"].as_str().unwrap(),
                &data,
                now,
                &query,
            );
            if !is_same(case, &got) && !holds_address(case["output"].as_str().unwrap()) {
                different.push((case.clone(), got));
            }
        }
    }
    assert!(different.is_empty(), "{different:#?}");
}

#[test]
#[cfg_attr(not(conformance_data), ignore = "needs shared/conformance/templates beside the repository")]
fn random_templates_of_alertmanager() {
    let groups: Vec<Json> = serde_json::from_str(&read("templates/random-alertmanager-0.34.2.json")).unwrap();
    let templates = Templates::without_defaults();
    let mut different = Vec::new();
    for group in &groups {
        let data: WebhookData = serde_json::from_value(group["data"].clone()).unwrap();
        for case in group["cases"].as_array().unwrap() {
            let format = if case["kind"] == "html" { Format::Html } else { Format::Text };
            let text = case["template"].as_str().unwrap();
            let got = templates.render_webhook(text, &data, format, Timestamp::UNIX_EPOCH);
            // A time in a zone, printed as a number, shows where Go keeps its zones.
            let shows_zone =
                text.contains("tz \"") && case["output"].as_str().unwrap().contains("{    0 638");
            if !is_same(case, &got) && !shows_zone && !holds_address(case["output"].as_str().unwrap()) {
                different.push((case.clone(), got));
            }
        }
    }
    assert!(different.is_empty(), "{different:#?}");
}

#[test]
#[cfg_attr(not(conformance_data), ignore = "needs shared/conformance/templates beside the repository")]
fn annotations_of_promtool() {
    let rules: Json = serde_saphyr::from_str(&read("templates/rules.yml")).unwrap();
    let tests: Json = serde_saphyr::from_str(&read("templates/test.yml")).unwrap();
    let golden: Vec<Json> = serde_json::from_str(&read("templates/golden-templates-prom2.42.json")).unwrap();
    let rule = &rules["groups"][0]["rules"][0];
    let series = tests["tests"][0]["input_series"].as_array().unwrap();
    let values: Vec<f64> = series.iter().map(|series| value_of(&series["values"])).collect();
    let series_labels = |i: &str| {
        Labels::from_pairs([
            ("__name__", "m"),
            ("i", i),
            ("instance", "host.example.com:9100"),
            ("dev", "esp32-1"),
        ])
    };
    let query = |text: &str, _: Timestamp| match text {
        "m{i=~\"0[0-2]\"}" => Ok((0..3).map(|at| (series_labels(&format!("{at:02}")), values[at])).collect()),
        "m{i=\"05\"}" => Ok(vec![(series_labels("05"), values[5])]),
        "absent_metric" => Ok(Vec::new()),
        _ => Err("1:8: parse error: unclosed left parenthesis".to_owned()),
    };
    for alert in &golden {
        let i = alert["labels"]["i"].as_str().unwrap();
        let (alert_labels, external_labels) = (series_labels(i), Labels::from_pairs([("cluster", "lab")]));
        let data = AlertData {
            labels: &alert_labels,
            external_labels: &external_labels,
            external_url: "",
            value: values[i.parse::<usize>().unwrap()],
        };
        let texts: BTreeMap<String, String> = serde_json::from_value(rule["annotations"].clone()).unwrap();
        // promtool 2.42 has no external address and fails on it.
        for (name, text) in texts.iter().filter(|(name, _)| *name != "ext") {
            let got = prometheus::expand("__alert_A", text, &data, Timestamp::UNIX_EPOCH, &query)
                .unwrap_or_else(|error| format!("<error expanding template: {error}>"));
            assert_eq!(got, alert["annotations"][name].as_str().unwrap_or(""), "{name} of {i}: {text}");
        }
    }
    assert_eq!(golden.len(), 24);
}

fn value_of(json: &Json) -> f64 {
    json.as_f64().unwrap_or_else(|| json.as_str().unwrap().parse().unwrap())
}

#[test]
#[cfg_attr(not(conformance_data), ignore = "needs shared/conformance/alertmanager beside the repository")]
fn default_templates_of_alertmanager_load_and_say_the_same_as_ours() {
    let (texts, mail) =
        (read("alertmanager/template/default.tmpl"), read("alertmanager/template/email.tmpl"));
    let upstream = Templates::new(&[("default.tmpl", &texts), ("email.tmpl", &mail)]).unwrap();
    let ours = Templates::new(&[]).unwrap();
    let groups: Vec<Json> = serde_json::from_str(&read("templates/random-alertmanager-0.34.2.json")).unwrap();
    for group in &groups {
        let data: WebhookData = serde_json::from_value(group["data"].clone()).unwrap();
        let render = |templates: &Templates, text: &str, format| {
            templates.render_webhook(text, &data, format, Timestamp::UNIX_EPOCH).unwrap()
        };
        for name in [
            "slack.default.title",
            "slack.default.titlelink",
            "slack.default.color",
            "slack.default.fallback",
            "pagerduty.default.client",
            "sns.default.subject",
            "jira.default.priority",
        ] {
            let text = format!("{{{{ template {name:?} . }}}}");
            let (theirs, ours) = (render(&upstream, &text, Format::Text), render(&ours, &text, Format::Text));
            // Ours leaves no blank behind a subject.
            let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
            assert_eq!(words(&ours), words(&theirs), "{name}");
        }
        let list = "{{ template \"__text_alert_list\" .Alerts }}|{{ template \"__text_alert_list_markdown\" .Alerts }}";
        assert_eq!(render(&ours, list, Format::Text), render(&upstream, list, Format::Text));
        let mail = render(&upstream, "{{ template \"email.default.html\" . }}", Format::Html);
        assert!(mail.contains("</html>"));
    }
}
