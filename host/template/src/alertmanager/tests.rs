use super::*;

fn notification(status: AlertStatus) -> Notification {
    let mut notification = example(status);
    notification.receiver = "team & co".to_owned();
    notification
}

fn rendered(text: &str) -> String {
    let notification = notification(AlertStatus::Firing);
    Templates::new(&[]).unwrap().render(text, &notification, notification.at).unwrap()
}

#[test]
fn bodies_of_the_seeds_render() {
    let body = "{{ range .Alerts }}\nAlert: {{ .Annotations.summary }}\nDescription: {{ .Annotations.description }}\n\
                Severity: {{ .Labels.severity }}\nComponent: {{ .Labels.component }}\n\n\
                {{ if .Annotations.runbook_url }}\nRunbook: {{ .Annotations.runbook_url }}\n{{ end }}\n{{ end }}\n";
    let one = "\nAlert: Example is firing\nDescription: An example of an alert\nSeverity: warning\nComponent: \n\n\n\
               Runbook: http://localhost/runbook\n\n";
    assert_eq!(rendered(body), format!("{one}{one}\n"));
    let critical = "🚨 CRITICAL ALERT 🚨\n\n{{ range .Alerts }}\nAlert: {{ .Annotations.summary }}\n\
                    Description: {{ .Annotations.description }}\nTime: {{ .StartsAt }}\n\n\
                    Runbook: {{ .Annotations.runbook_url }}\n{{ end }}\n";
    assert!(rendered(critical).contains("Time: 2025-12-31 23:59:00 +0000 UTC\n"));
    let slack =
        "{{ range .Alerts }}\n{{ .Annotations.summary }}\n{{ .Annotations.description }}\n{{ end }}\n";
    assert!(rendered(slack).starts_with("\nExample is firing\nAn example of an alert\n"));
    for (subject, text) in [
        ("[ALERT] {{ .GroupLabels.alertname }}", "[ALERT] Example"),
        ("[CRITICAL] {{ .GroupLabels.alertname }}", "[CRITICAL] Example"),
        ("[WARNING] {{ .GroupLabels.alertname }}", "[WARNING] Example"),
        ("[DEVICE] {{ .GroupLabels.alertname }}", "[DEVICE] Example"),
    ] {
        assert_eq!(rendered(subject), text);
    }
}

#[test]
fn default_subject_counts_and_names() {
    assert_eq!(
        rendered("{{ template \"email.default.subject\" . }}"),
        "[FIRING:2] Example (example warning)"
    );
    let resolved = notification(AlertStatus::Resolved);
    let templates = Templates::new(&[]).unwrap();
    let subject =
        templates.render("{{ template \"slack.default.title\" . }}", &resolved, resolved.at).unwrap();
    assert_eq!(subject, "[RESOLVED] Example (example warning)");
}

#[test]
fn every_default_template_renders_with_and_without_alerts() {
    let templates = Templates::new(&[]).unwrap();
    for name in templates.names() {
        let dot = if name == "pagerduty.default.instances"
            || name.starts_with("__text")
            || name == "__email_alerts"
        {
            ".Alerts.Firing"
        } else if name == "__email_row" {
            "(index .CommonLabels.SortedPairs 0)"
        } else {
            "."
        };
        let text = format!("{{{{ template {name:?} {dot} }}}}");
        templates.check(&text).unwrap();
        templates.check_html(&text).unwrap();
    }
}

#[test]
fn mail_is_escaped_for_where_a_value_stands() {
    let mut notification = notification(AlertStatus::Firing);
    notification.alerts[0].annotations = Labels::from_pairs([("summary", "<script>alert(1)</script>")]);
    notification.alerts[0].generator_url = "javascript:alert(1)".to_owned();
    let templates = Templates::new(&[]).unwrap();
    let html = templates
        .render_html("{{ template \"email.default.html\" . }}", &notification, notification.at)
        .unwrap();
    assert!(html.contains("&lt;script&gt;alert(1)&lt;/script&gt;"), "{html}");
    assert!(html.contains("<a href=\"#ZgotmplZ\">Source"), "{html}");
    assert!(html.contains("receiver=team&#43;%26&#43;co\""), "{html}");
    assert!(html.trim_end().ends_with("</html>"));
}

#[test]
fn files_of_the_operator_replace_ours() {
    let mine = (
        "mine.tmpl",
        "{{ define \"__subject\" }}mine {{ template \"extra\" . }}{{ end }}{{ define \"extra\" }}!{{ end }}",
    );
    let templates = Templates::new(&[mine]).unwrap();
    let notification = notification(AlertStatus::Firing);
    let text =
        templates.render("{{ template \"slack.default.title\" . }}", &notification, notification.at).unwrap();
    assert_eq!(text, "mine !");
}

#[test]
fn mistakes_are_found_when_a_text_is_loaded() {
    let templates = Templates::new(&[]).unwrap();
    let text = |text| templates.check(text).unwrap_err().to_string();
    assert_eq!(
        text("{{ .Nope }}"),
        "template: :1:3: executing \"\" at <.Nope>: can't evaluate field Nope in type *template.Data"
    );
    assert_eq!(text("{{ range .Alerts }}"), "template: :1: unexpected EOF");
    assert_eq!(
        text("{{ template \"nope\" . }}"),
        "template: :1:12: executing \"\" at <{{template \"nope\" .}}>: template \"nope\" not defined"
    );
    assert!(
        Templates::new(&[("a.tmpl", "{{ define }}")])
            .unwrap_err()
            .to_string()
            .starts_with("template: a.tmpl:1: ")
    );
}

#[test]
fn labels_have_alertmanagers_methods() {
    let cases = [
        ("{{ .CommonLabels.SortedPairs }}", "alertname=Example, job=example, severity=warning"),
        ("{{ (.CommonLabels.Remove (stringSlice \"job\")).Names }}", "[alertname severity]"),
        ("{{ .CommonLabels.Values.Join \"/\" }}", "Example/example/warning"),
        ("{{ len .Alerts.Resolved }}", "0"),
        ("{{ (index .Alerts 0).StartsAt.Format \"15:04\" }}", "23:59"),
        ("{{ since (index .Alerts 0).StartsAt }}", "1m0s"),
        ("{{ .NotificationReason }} {{ .TruncatedAlerts }}", "first notification 0"),
        ("{{ toJson .GroupLabels }}", "{\"alertname\":\"Example\"}"),
    ];
    for (text, wanted) in cases {
        assert_eq!(rendered(text), wanted, "{text}");
    }
}
