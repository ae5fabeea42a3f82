use bellwether_model::yaml;

use super::*;

fn config(text: &str) -> Result<ScrapeConfig, YamlError> {
    yaml::parse("prometheus.yml", text)
}

fn checked(text: &str) -> Result<ScrapeJob, YamlError> {
    config(text).unwrap().check("prometheus.yml", text, &ScrapeGlobals::default())
}

#[test]
fn a_full_job_is_read_as_prometheus_does() {
    let job = checked(
        "job_name: edge\nscrape_interval: 15s\nscrape_timeout: 5s\nmetrics_path: probe\nscheme: https\n\
         params: {module: [http_2xx], target: [a b]}\nhonor_labels: true\nhonor_timestamps: false\n\
         body_size_limit: 2MB\nsample_limit: 7\nbasic_auth: {username: u, password: p}\n\
         static_configs:\n- targets: ['dev-1:9100', '[::1]:80']\n  labels: {site: lab, instance: x}\n- targets: [b]\n",
    )
    .unwrap();
    assert_eq!((job.interval.as_secs(), job.timeout.as_secs()), (15, 5));
    assert_eq!((job.body_size_limit, job.sample_limit), (2 << 20, 7));
    assert!(job.honor_labels && !job.honor_timestamps);
    let urls: Vec<&str> = job.targets.iter().map(|target| target.url.as_str()).collect();
    let query = "?module=http_2xx&target=a+b";
    assert_eq!(urls[0], format!("https://dev-1:9100/probe{query}"));
    assert_eq!(urls[1], format!("https://[::1]:80/probe{query}"));
    assert_eq!(job.targets[0].labels.to_string(), r#"{instance="x", job="edge", site="lab"}"#);
    assert_eq!(job.targets[2].labels.to_string(), r#"{instance="b", job="edge"}"#);
    assert_eq!(job.targets[2].discovered_labels.value("__param_module"), "http_2xx");
    assert_eq!(job.targets[2].discovered_labels.value("__scrape_interval__"), "15s");
    assert!(!format!("{job:?}").contains("\"p\""), "{job:?}");
}

#[test]
fn a_minimal_job_has_prometheus_defaults() {
    let job = checked("job_name: a\nstatic_configs: [{targets: ['localhost:9090']}]\n").unwrap();
    assert_eq!((job.interval.as_secs(), job.timeout.as_secs()), (60, 10));
    assert_eq!(job.targets[0].url.as_str(), "http://localhost:9090/metrics");
    assert!(job.honor_timestamps && !job.honor_labels);
    let short = checked("job_name: a\nscrape_interval: 2s\n").unwrap();
    assert_eq!(short.timeout, short.interval);
    let bearer = checked("job_name: a\nbearer_token: t\n").unwrap();
    assert!(matches!(bearer.credentials, Credentials::Header(_)));
}

#[test]
fn what_is_not_served_yet_is_named_with_its_place_and_remedy() {
    let error = config("job_name: a\nrelabel_configs:\n- action: drop\n").unwrap_err();
    assert!(error.message.contains("`relabel_configs` is not supported yet; remove it"), "{error}");
    assert_eq!(error.line, 2, "{error}");
    let error = config("job_name: a\nkubernetes_sd_configs: []\n").unwrap_err();
    assert!(error.message.contains("`kubernetes_sd_configs` is not supported yet"), "{error}");
}

#[test]
fn what_nobody_knows_gets_a_suggestion() {
    let error = config("job_name: a\nscrape_intervall: 5s\n").unwrap_err();
    assert_eq!(error.line, 2, "{error}");
    assert_eq!(error.hint.as_deref(), Some("did you mean `scrape_interval`?"), "{error}");
}

#[test]
fn mistakes_are_told_with_their_line() {
    for (text, line, part) in [
        ("job_name: ''\n", 1, "job_name is empty"),
        ("job_name: a\nscrape_interval: 5s\nscrape_timeout: 6s\n", 3, "longer than its interval 5s"),
        ("job_name: a\nscrape_interval: 0s\n", 1, "is zero"),
        ("job_name: a\nstatic_configs:\n- targets: ['http://x:1/m']\n", 3, "is not a valid target"),
        ("job_name: a\nstatic_configs:\n- targets: ['']\n", 3, "the target is empty"),
        ("job_name: a\nstatic_configs:\n- labels: {a-b: c}\n", 3, "not a valid label name"),
        ("job_name: a\nbasic_auth: {username: u}\nauthorization: {credentials: x}\n", 3, "at most one of"),
        ("job_name: a\nauthorization: {type: Basic}\n", 2, "cannot be set to"),
    ] {
        let error = checked(text).unwrap_err();
        assert!(error.message.contains(part), "{error}");
        assert_eq!(error.line, line, "{error}");
    }
    for (text, part) in [
        ("job_name: a\nscrape_interval: 5x\n", "not a valid duration"),
        ("job_name: a\nbody_size_limit: big\n", "not a valid size"),
        ("job_name: a\nscheme: ftp\n", "unknown value `ftp`"),
        ("job_name: a\nbearer_token: t\nauthorization: {credentials: x}\n", "at most one of"),
        ("scheme: http\n", "missing key `job_name`"),
    ] {
        let error = config(text).unwrap_err();
        assert!(error.message.contains(part), "{error}");
    }
}
