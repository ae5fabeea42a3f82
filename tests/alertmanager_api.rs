//! Alertmanager's API v2 over a socket, in the cases that its clients meet at the edges. The answers are those of
//! Alertmanager 0.34.2; its wording differs.

use std::sync::Arc;

use bellwether_server::clock::Clock;
use bellwether_server::host::Host;
use libtest_mimic::Trial;
use reqwest::header::{ALLOW, CONTENT_TYPE};
use reqwest::{Method, Response};
use serde_json::Value;

use crate::harness::{Folder, host, on_real_time, trial};

const ROUTING: &str = "
route: {receiver: default, group_by: [alertname, component], group_wait: 0s}
receivers: [{name: default}]
";

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("requests_that_are_wrong_get_the_status_that_clients_know", wrong_requests),
        trial("paths_with_slashes_too_many_still_get_there", slashes),
        trial("groups_with_fewer_labels_come_first", order_of_groups),
    ]
}

struct Api {
    host: Arc<Host>,
    client: reqwest::Client,
    _files: (Folder, tempfile::TempDir),
}

impl Api {
    async fn start() -> Self {
        let (folder, data) =
            (Folder::with(&[("alertmanager.yml", ROUTING)]), tempfile::tempdir().expect("a folder"));
        let host = host(folder.origin(), data.path(), Clock::system()).await;
        Self { host, client: reqwest::Client::new(), _files: (folder, data) }
    }

    async fn send(&self, method: &str, path: &str, body: &str) -> Response {
        let url = format!("http://{}{path}", self.host.addresses()[1]);
        let method: Method = method.parse().expect("a method");
        let request = self.client.request(method, url).header(CONTENT_TYPE, "application/json");
        request.body(body.to_owned()).send().await.expect("an answer")
    }

    async fn get(&self, path: &str) -> Value {
        let text = self.send("GET", path, "").await.text().await.expect("a body");
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error} in {text}"))
    }
}

const SILENCE: &str = r#"{"matchers": MATCHERS, "startsAt": "2026-01-01T00:00:00Z", "endsAt": "2099-01-01T00:00:00Z",
    "createdBy": "me", "comment": "c"}"#;

fn wrong_requests() {
    on_real_time(|| async {
        let api = Api::start().await;
        let silence = |matchers: &str| SILENCE.replace("MATCHERS", matchers);
        let posts = [
            ("/api/v2/alerts", "null".to_owned(), 200, None),
            ("/api/v2/alerts", String::new(), 422, Some(602)),
            ("/api/v2/alerts", "[".to_owned(), 400, Some(400)),
            ("/api/v2/alerts", "{}".to_owned(), 400, Some(400)),
            ("/api/v2/alerts", r#"[{"labels":{"a":1}}]"#.to_owned(), 400, Some(400)),
            ("/api/v2/alerts", r#"[{"annotations":{}}]"#.to_owned(), 422, Some(602)),
            ("/api/v2/silences", "{}".to_owned(), 422, Some(602)),
            ("/api/v2/silences", silence(r#"[{"name":"a","value":"b"}]"#), 422, Some(602)),
            ("/api/v2/silences", silence("[]"), 422, Some(612)),
            ("/api/v2/silences", silence(r#"[{"name":"a","value":"(","isRegex":true}]"#), 400, None),
        ];
        for (path, body, status, code) in posts {
            let answer = api.send("POST", path, &body).await;
            assert_eq!(answer.status(), status, "{path} {body}");
            let answer: Value =
                serde_json::from_str(&answer.text().await.expect("a body")).unwrap_or_default();
            assert_eq!(answer["code"].as_i64(), code, "{path} {body}: {answer}");
        }
        let answer = api.send("PUT", "/api/v2/alerts", "[]").await;
        assert_eq!(answer.status(), 405);
        assert_eq!(answer.headers()[ALLOW], "GET,HEAD,POST");
        assert!(answer.text().await.expect("a body").contains(r#""code":405"#));
        api.host.stop().await;
    });
}

fn slashes() {
    on_real_time(|| async {
        let api = Api::start().await;
        let alert = r#"[{"labels":{"alertname":"Hot"}}]"#;
        assert_eq!(api.send("POST", "//api/v2/alerts/", alert).await.status(), 200);
        let alerts = api.get("/api/v2//alerts/?filter=alertname%3DHot&active=").await;
        assert_eq!(alerts[0]["labels"]["alertname"], "Hot", "{alerts}");
        assert_eq!(api.send("GET", "/api/v2/nothing/", "").await.status(), 404);
        api.host.stop().await;
    });
}

fn order_of_groups() {
    on_real_time(|| async {
        let api = Api::start().await;
        let alerts = r#"[{"labels":{"alertname":"A","component":"x"}},{"labels":{"alertname":"B"}},{"labels":{"n":"1"}}]"#;
        assert_eq!(api.send("POST", "/api/v2/alerts", alerts).await.status(), 200);
        let groups = api.get("/api/v2/alerts/groups").await;
        let labels: Vec<String> = (0..3).map(|index| groups[index]["labels"].to_string()).collect();
        assert_eq!(labels, ["{}", r#"{"alertname":"B"}"#, r#"{"alertname":"A","component":"x"}"#]);
        api.host.stop().await;
    });
}
