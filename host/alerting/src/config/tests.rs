//! What loads, what is refused and how that is said.

mod http;
mod upstream;

use super::*;

fn load(text: &str) -> (Config, Vec<Note>) {
    Config::parse("am.yml", text).unwrap_or_else(|error| panic!("{error}"))
}

fn refused(text: &str) -> ConfigError {
    match Config::parse("am.yml", text) {
        Ok(_) => panic!("accepted: {text}"),
        Err(error) => error,
    }
}

/// A file with one receiver, one route and something more at the top level.
fn with(more: &str) -> String {
    format!("route: {{receiver: a}}\nreceivers: [{{name: a}}]\n{more}\n")
}

/// Files with the one part load, and those with the other are refused for that reason and with a hint.
fn assert_verdicts(file: impl Fn(&str) -> String, fine: &[&str], bad: &[(&str, &str)]) {
    for fine in fine {
        load(&file(fine));
    }
    for (bad, expected) in bad {
        let error = refused(&file(bad));
        assert!(error.message.contains(expected) && error.hint.is_some(), "{bad}: {error}");
    }
}

const SEED_LIKE: &str = "
global:
  smtp_smarthost: 'localhost:587'
  smtp_from: 'alerts@example.org'
  smtp_auth_password: 'hunter2'
route:
  group_by: ['alertname', component]
  receiver: default
  routes:
  - match: {severity: critical, level: 2}
    receiver: pager
    group_wait: 10s
receivers:
- name: default
  email_configs:
  - to: team@example.org
    subject: '[ALERT] {{ .GroupLabels.alertname }}'
    body: |
      {{ range .Alerts }}{{ .Annotations.summary }}
      {{ end }}
- name: pager
  slack_configs:
  - {api_url: 'https://hooks.example.org/T/B/x', channel: '#alerts'}
  matrix_configs:
  - {room: '!abc', send_resolved: false}
  webhook_configs:
  - {url: 'http://localhost:8080/hook'}
";

#[test]
fn subject_and_body_of_mails_are_taken_with_a_note() {
    let (config, notes) = load(SEED_LIKE);
    let mail = &config.receivers[0].integrations[0];
    assert_eq!(mail.settings["headers"]["Subject"], "[ALERT] {{ .GroupLabels.alertname }}");
    assert!(mail.settings["text"].as_str().unwrap().starts_with("{{ range .Alerts }}"));
    assert_eq!(mail.settings["smarthost"], "localhost:587", "from global");
    let said: Vec<(u64, bool)> =
        notes.iter().map(|note| (note.line, note.message.contains("is taken for"))).collect();
    assert_eq!(said[..2], [(17, true), (18, true)], "{notes:?}");
}

#[test]
fn integrations_keep_the_order_of_the_file_and_their_defaults() {
    let (config, _) = load(SEED_LIKE);
    let kinds: Vec<(&str, bool)> =
        config.receivers[1].integrations.iter().map(|own| (own.kind.as_str(), own.send_resolved)).collect();
    assert_eq!(kinds, [("slack", false), ("matrix", false), ("webhook", true)]);
    assert_eq!(config.receivers[1].integrations[1].settings["room"], "!abc");
    assert_eq!(
        config.integration_kinds().into_iter().collect::<Vec<_>>(),
        ["email", "matrix", "slack", "webhook"]
    );
}

#[test]
fn a_kind_that_looks_like_a_typo_is_remarked_on() {
    let (_, notes) = load("route: {receiver: a}\nreceivers:\n  - name: a\n    slak_configs: [{room: x}]\n");
    assert_eq!(notes[0].line, 4);
    assert!(notes[0].message.contains("was `slack_configs` meant?"), "{notes:?}");
}

#[test]
fn any_scalar_is_a_text_as_it_is_written() {
    let (config, _) = load(
        "route: {receiver: 1, routes: [{match: {test: 2, v: 1.50, on: true, z: 007}}]}\nreceivers: [{name: 1}]\n",
    );
    let printed = crate::matchers::PrintedList(&config.route.routes[0].matchers).to_string();
    assert_eq!(printed, r#"{on="true",test="2",v="1.50",z="007"}"#);
}

#[test]
fn errors_say_where_what_and_what_to_do() {
    let typo = refused("route:\n  receiver: a\n  group_wiat: 10s\nreceivers: [{name: a}]\n");
    assert_eq!((typo.line, typo.column), (3, 3), "{typo}");
    assert_eq!(typo.hint.as_deref(), Some("did you mean `group_wait`?"));
    let missing = refused("route:\n  receiver: team-b\nreceivers:\n- name: team-a\n");
    assert_eq!((missing.line, missing.column), (2, 13), "{missing}");
    assert_eq!(missing.message, "undefined receiver \"team-b\" used in route");
    assert_eq!(missing.hint.as_deref(), Some("did you mean \"team-a\"?"));
    let shown = missing.to_string();
    assert!(shown.starts_with("am.yml:2:13: ") && shown.contains("receiver: team-b"), "{shown}");
}

#[test]
fn refuses_what_cannot_work() {
    let cases = [
        ("", "no route provided"),
        ("route: {receiver: a}", "undefined receiver"),
        ("route: {receiver: ''}\nreceivers: []", "default receiver"),
        ("route: {receiver: a, match: {b: c}}\nreceivers: [{name: a}]", "must not have `match`"),
        ("route: {receiver: a, continue: true}\nreceivers: [{name: a}]", "cannot have `continue`"),
        ("route: {receiver: a, group_interval: 0s}\nreceivers: [{name: a}]", "cannot be zero"),
        ("route: {receiver: a, repeat_interval: 0}\nreceivers: [{name: a}]", "cannot be zero"),
        ("route: {receiver: a, group_by: [x, x]}\nreceivers: [{name: a}]", "duplicated label"),
        ("route: {receiver: a, group_by: ['...', x]}\nreceivers: [{name: a}]", "wildcard"),
        (
            "route: {receiver: a, routes: [{mute_time_intervals: [n]}]}\nreceivers: [{name: a}]",
            "undefined time interval",
        ),
        ("route: {receiver: a, routes: [{match_re: {b: '('}}]}\nreceivers: [{name: a}]", "cannot compile"),
        ("route: {receiver: a, routes: [{matchers: ['a']}]}\nreceivers: [{name: a}]", "bad matcher"),
        ("route: {receiver: a}\nreceivers: [{name: a}, {name: a}]", "not unique"),
        ("route: {receiver: a}\nreceivers: [{name: a, slack_configs: [{}]}]", "no Slack API URL"),
        ("route: {receiver: a}\nreceivers: [{name: a, email_configs: [{to: x}]}]", "smarthost"),
        (
            "route: {receiver: a}\nreceivers: [{name: a, webhook_configs: [{url: 'http://x', ulr: y}]}]",
            "unknown key `ulr`",
        ),
        ("route: {receiver: a}\nroute: {receiver: a}\nreceivers: [{name: a}]", "duplicate"),
    ];
    for (text, expected) in cases {
        let error = refused(text);
        assert!(error.message.contains(expected), "{text}\n{error}");
    }
}

#[test]
fn deep_nesting_is_refused_and_not_followed() {
    let deep = format!(
        "route: {{receiver: a, routes: {}{}}}\nreceivers: [{{name: a}}]",
        "[{routes: ".repeat(20),
        "}]".repeat(20)
    );
    refused(&deep);
    refused(&"[".repeat(100));
}

#[test]
fn null_and_empty_parts_load() {
    let (config, _) = load(&with("inhibit_rules: [null]\nglobal:\ntemplates:\ntime_intervals: []"));
    assert_eq!(config.inhibit_rules, [InhibitRuleConfig::default()]);
    assert_eq!(config.resolve_timeout, DEFAULT_RESOLVE_TIMEOUT);
}

#[test]
fn time_intervals_are_checked() {
    let interval =
        |inner: &str| with(&format!("time_intervals: [{{name: n, time_intervals: [{{{inner}}}]}}]"));
    let fine = [
        "weekdays: ['monday:friday', 'sunday']",
        "days_of_month: ['1:5', '-3:-1', '28:-1']",
        "months: ['1:3', 'may:august', 'december']",
        "years: ['2020:2022', 2030]",
        "times: [{start_time: 00:00, end_time: '24:00'}]",
        "location: Europe/Berlin",
    ];
    let bad = [
        ("weekdays: ['friday:monday']", "start day cannot be after end day"),
        ("weekdays: ['moonday']", "not a valid weekday"),
        ("days_of_month: ['0']", "out of range"),
        ("days_of_month: ['-3:5']", "must be negative"),
        ("months: ['13']", "not a valid month"),
        ("years: ['2022:2020']", "end year is before"),
        ("times: [{start_time: '22:00', end_time: '06:00'}]", "start time cannot be"),
        ("times: [{start_time: '25:00', end_time: '26:00'}]", "couldn't parse"),
        ("times: [{start_time: '10:00'}]", "both start and end"),
        ("location: Europe/Nowhere", "unknown time zone"),
    ];
    assert_verdicts(interval, &fine, &bad);
}

#[test]
fn the_projection_loads_again_masks_secrets_and_drops_what_is_ours() {
    let (config, _) = load(SEED_LIKE);
    let yaml = config.to_alertmanager_yaml();
    for hidden in ["hunter2", "hooks.example.org", "matrix", "subject", "body:"] {
        assert!(!yaml.contains(hidden), "{hidden} in\n{yaml}");
    }
    let (again, notes) = load(&yaml);
    assert!(notes.is_empty(), "{notes:?}");
    assert_eq!(again.route.routes[0].matchers, config.route.routes[0].matchers);
    assert_eq!(again.route.group_wait, Some(DEFAULT_GROUP_WAIT));
    assert_eq!(again.to_alertmanager_yaml(), yaml, "a fixed point");
}

#[test]
fn the_projection_keeps_time_intervals_and_rules() {
    let text = "
route: {receiver: a, routes: [{match_re: {s: a|b}, mute_time_intervals: [n], labels: {x: '{{ .y }}'}, group_by: []}]}
receivers: [{name: a, labels: {team: x}}]
inhibit_rules: [{name: r, source_matchers: ['a=\"1\"'], target_match: {b: 2}, equal: [c]}]
time_intervals:
- name: n
  time_intervals:
  - times: [{start_time: '09:00', end_time: '24:00'}]
    weekdays: ['monday:friday']
    days_of_month: ['1:5', '-1']
    months: ['1:3']
    years: [2030]
    location: Europe/Berlin
";
    let (config, _) = load(text);
    let (again, _) = load(&config.to_alertmanager_yaml());
    assert_eq!(again.time_intervals, config.time_intervals);
    assert_eq!(again.inhibit_rules, config.inhibit_rules);
    assert_eq!(again.route.routes, config.route.routes);
    assert_eq!(again.receivers, config.receivers);
}

#[test]
fn a_false_of_an_entry_is_not_filled_in_from_the_global_part() {
    let text = "
global: {smtp_smarthost: 'h:25', smtp_from: a@b.c, smtp_require_tls: true}
route: {receiver: a}
receivers: [{name: a, email_configs: [{to: x@y.z, require_tls: false}, {to: x@y.z}]}]
";
    let (config, _) = load(text);
    let required = |index: usize| config.receivers[0].integrations[index].settings["require_tls"].clone();
    assert_eq!((required(0), required(1)), (false.into(), true.into()));
}

#[test]
fn fallbacks_are_receivers_and_end_somewhere() {
    let file = |a: &str, b: &str| {
        format!("route: {{receiver: a}}\nreceivers:\n- {{name: a{a}}}\n- {{name: b{b}}}\n- {{name: c}}\n")
    };
    let (config, _) = load(&file(", fallback: b", ", fallback: c"));
    assert_eq!(config.receivers[0].fallback.as_deref(), Some("b"));
    assert!(!config.to_alertmanager_yaml().contains("fallback"));
    let error = |text: &str| Config::parse("t.yml", text).unwrap_err().to_string();
    let missing = error(&file("", ", fallback: d"));
    assert!(missing.contains("t.yml:4") && missing.contains("fallback \"d\" is no receiver"), "{missing}");
    let circle = error(&file(", fallback: b", ", fallback: a"));
    assert!(circle.contains("round in a circle"), "{circle}");
}

#[test]
fn addresses_of_webhooks_are_addresses_or_templates() {
    let file = |url: &str| {
        format!("route: {{receiver: a}}\nreceivers:\n- name: a\n  webhook_configs:\n  - url: '{url}'\n")
    };
    let fine = [
        "http://x/p",
        "HTTPS://x",
        "{{ .CommonLabels.url }}",
        "http://x/{{ .Receiver | toUpper }}",
        "<secret>",
    ];
    let bad = [
        ("1e3", "unsupported scheme \"\" for URL in `url`"),
        ("ftp://x", "unsupported scheme \"ftp\" for URL in `url`"),
        ("http:///p", "missing host for URL in `url`"),
        ("{{ .x", "invalid template in `url`: template: :1: unclosed action"),
        ("http://x/{{ nope }}", "function \"nope\" not defined"),
    ];
    assert_verdicts(file, &fine, &bad);
    assert!(refused(&file("")).message.contains("one of url or url_file must be configured"));
    for url in fine {
        let yaml = load(&file(url)).0.to_alertmanager_yaml();
        assert!(
            !yaml.contains("/p") && !yaml.contains("{{"),
            "what a path or a template says is masked: {yaml}"
        );
        load(&yaml);
    }
}

#[test]
fn equal_of_an_inhibit_rule_has_names() {
    let file = |equal: &str| {
        format!(
            "route: {{receiver: a}}\nreceivers: [{{name: a}}]\ninhibit_rules:\n- source_matchers: [a=b]\n  target_matchers: [c=d]\n  equal: {equal}\n"
        )
    };
    load(&file("['a b', ä]"));
    assert!(refused(&file("[a, '']")).to_string().contains("no label name in equal"));
}
