//! The plugins that ship with the host.

use bellwether_model::detector::{Detector, DetectorError, WindowMatrix};
use bellwether_model::device::{Driver, DriverFailure};
use bellwether_model::receiver::{DeliveryFailure, Receiver};
use serde_json::json;

use super::*;
use crate::{AddressPolicy, NoHttp, PluginKind, PluginState, SettingProblem};

#[tokio::test]
async fn all_of_them_are_ready_without_any_grant() {
    let plugins = first_party(Arc::new(NoHttp)).await;
    let status = plugins.status();
    for plugin in &status {
        assert_eq!(plugin.state, PluginState::Ready, "{}", plugin.name);
        assert!(plugin.sha256.len() == 64 && plugin.size_bytes > 10_000 && !plugin.summary.is_empty());
    }
    assert_eq!(plugins.names(PluginKind::Driver), ["jsonl", "kv"]);
    assert_eq!(plugins.names(PluginKind::Detector), ["zscore"]);
    assert_eq!(plugins.names(PluginKind::Receiver), ["slack", "webhook"]);
}

#[tokio::test]
async fn jsonl_turns_lines_into_samples_logs_and_events() {
    let plugins = first_party(Arc::new(NoHttp)).await;
    let driver = plugins.driver("jsonl").unwrap();
    let config = driver.check_settings(&object(json!({"map": {"hum": "room_humidity_percent"}}))).unwrap();
    let mut session = driver.open(device("esp32-1", &config)).await.unwrap();
    session.start(NOW).await.unwrap();
    let output = session
        .receive(vec![
            frame(r#"I (5230) telemetry: {"temp":41.5,"hum":40,"firmware":"1.2.0"}"#),
            frame("E (5300) app: Memory allocation failed"),
            frame(r#"{"temp":"#),
        ])
        .await
        .unwrap();
    let metrics: Vec<&str> = output.samples.iter().map(|sample| sample.metric.as_str()).collect();
    assert_eq!(metrics, ["device_temperature_celsius", "room_humidity_percent"]);
    assert_eq!(output.events[0].kind, "out_of_memory");
    assert_eq!(output.logs[0].level.as_deref(), Some("error"));
    assert_eq!(output.identity.unwrap().firmware.as_deref(), Some("1.2.0"));
    assert_eq!(output.skipped, 1);
    assert!(matches!(session.receive(vec![frame("{")]).await, Err(DriverFailure::BadInput(_))));
    assert!(session.receive(vec![frame(r#"{"temp":1}"#)]).await.is_ok(), "bad input ends no session");
    assert!(driver.info().events.iter().any(|event| event.kind == "out_of_memory"));
}

#[tokio::test]
async fn driver_settings_are_checked_by_name_and_kind() {
    let plugins = first_party(Arc::new(NoHttp)).await;
    let driver = plugins.driver("kv").unwrap();
    let problems = driver.check_settings(&object(json!({"keep_unknwon": true}))).unwrap_err();
    assert_eq!(problems[0].to_string(), "keep_unknwon: unknown setting; did you mean keep_unknown?");
    let bad = driver.check_settings(&object(json!({"map": {"a": {"metric": "no name"}}}))).unwrap();
    let refused = driver.open(device("d", &bad)).await;
    assert!(matches!(refused, Err(DriverFailure::Unsupported(why)) if why.contains("\"no name\"")));
}

#[tokio::test]
async fn kv_reads_pairs_and_tables() {
    let plugins = first_party(Arc::new(NoHttp)).await;
    let driver = plugins.driver("kv").unwrap();
    let config = driver.check_settings(&Map::new()).unwrap();
    let mut session = driver.open(device("pico-1", &config)).await.unwrap();
    let lines = ["temp=41.5 power_mw=330", ">cpu:12|g", "temp_c,cpu", "50,99", "hello"];
    let output = session.receive(lines.map(frame).to_vec()).await.unwrap();
    let values: Vec<f64> = output.samples.iter().map(|sample| sample.value).collect();
    assert_eq!(values, [41.5, 330.0, 12.0, 50.0, 99.0]);
    assert_eq!(output.logs.len(), 1);
}

fn window(series: &[&[f64]]) -> WindowMatrix {
    let mut window = WindowMatrix { offsets: vec![0], ..WindowMatrix::default() };
    for points in series {
        window.values.extend_from_slice(points);
        window.times.extend((0..points.len()).map(|i| NOW.as_millis() + i as i64 * 15_000));
        window.offsets.push(u32::try_from(window.values.len()).unwrap());
    }
    window
}

#[tokio::test]
async fn zscore_judges_all_series_in_one_call() {
    let plugins = first_party(Arc::new(NoHttp)).await;
    let detector = &plugins.detectors()[0];
    let window = [window(&[&[1.0, 3.0, 1.0, 3.0, 6.0], &[5.0, 5.0, 5.0], &[1.0]])];
    let verdicts = detector.evaluate("zscore", &[], NOW, &window).await.unwrap();
    assert_eq!(verdicts.score[..2], [4.0, 0.0]);
    assert!(verdicts.score[2].is_nan());
    assert_eq!(verdicts.upper[0], 5.0);
    let refused = detector.evaluate("ewma_deviation", &[7.0], NOW, &window).await;
    assert!(matches!(refused, Err(DetectorError::BadParam(_))));
    assert_eq!(detector.functions().len(), 3);
}

#[tokio::test]
async fn webhook_posts_to_the_url_that_only_the_host_sees() {
    let http = Recorder::answering(200, &[], "");
    let plugins = first_party(http.clone()).await;
    let settings = object(json!({"url": "http://localhost:8080/hook?token=hunter22", "max_alerts": 10}));
    let receiver = plugins.receiver("webhook").unwrap().configure(&settings).unwrap();
    assert!(!receiver.config().contains("hunter22"));
    receiver.check(receiver.config()).await.unwrap();
    let receipt = receiver.notify(call("ops", receiver.config(), vec![])).await.unwrap();
    assert_eq!(receipt.id, "delivery-1");
    let sent = &http.sent()[0];
    assert_eq!(sent.url, "http://localhost:8080/hook?token=hunter22");
    assert_eq!(sent.addresses, AddressPolicy::Any);
    assert!(sent.headers.contains(&("Idempotency-Key".into(), "delivery-1".into())));
    let body: Value = serde_json::from_slice(&sent.body).unwrap();
    assert_eq!(body["version"], "4");
    assert_eq!(body["receiver"], "ops");
    assert_eq!(body["alerts"][0]["startsAt"], "2026-11-21T08:00:00Z");
    assert_eq!(body["alerts"][0]["endsAt"], "0001-01-01T00:00:00Z");
    assert_eq!(body["notification_reason"], "first notification");
    assert!(sent.body.ends_with(b"}\n"));
}

#[tokio::test]
async fn answers_decide_what_becomes_of_a_delivery() {
    type Expected = fn(&DeliveryFailure) -> bool;
    let cases: [(Arc<Recorder>, Expected); 7] = [
        (Recorder::answering(503, &[], ""), |f| matches!(f, DeliveryFailure::Retryable(_))),
        (Recorder::failing(HttpError::Timeout), |f| matches!(f, DeliveryFailure::Retryable(_))),
        (
            Recorder::failing(HttpError::Unreachable("http://h/secret-path refused".into())),
            |f| matches!(f, DeliveryFailure::Retryable(why) if why == "[secret] refused"),
        ),
        (
            Recorder::answering(429, &[("Retry-After", "7")], ""),
            |f| matches!(f, DeliveryFailure::RateLimited(pause) if pause.as_secs() == 7),
        ),
        (
            Recorder::answering(400, &[], "no such http://h/secret-path"),
            |f| matches!(f, DeliveryFailure::Permanent(why) if why == "HTTP status 400: no such [secret]"),
        ),
        (
            Recorder::answering(403, &[], "token revoked"),
            |f| matches!(f, DeliveryFailure::Misconfigured(why) if why == "HTTP status 403: token revoked"),
        ),
        (Recorder::failing(HttpError::Denied("no".into())), |f| {
            matches!(f, DeliveryFailure::Misconfigured(_))
        }),
    ];
    for (http, expected) in cases {
        let plugins = first_party(http.clone()).await;
        let settings = object(json!({"url": "http://h/secret-path"}));
        let receiver = plugins.receiver("webhook").unwrap().configure(&settings).unwrap();
        let failure = receiver.notify(call("ops", receiver.config(), vec![])).await.unwrap_err();
        assert!(expected(&failure), "{:?}: {failure:?}", http.answer);
    }
}

#[tokio::test]
async fn slack_gets_its_texts_rendered_and_posts_an_attachment() {
    let http = Recorder::answering(200, &[], "ok");
    let plugins = first_party(http.clone()).await;
    let settings = object(json!({
        "api_url": "https://hooks.slack.com/services/T/B/X",
        "channel": "#alerts-critical",
        "title": "[CRITICAL] {{ .GroupLabels.alertname }}",
        "fields": [{"title": "Device", "value": "{{ .CommonLabels.device_id }}"}],
    }));
    let receiver = plugins.receiver("slack").unwrap().configure(&settings).unwrap();
    let render = |text: &str| Ok::<_, ()>(text.replace("{{ .GroupLabels.alertname }}", "Hot"));
    let rendered =
        receiver.texts().iter().map(|text| (text.name.clone(), text.render(render).unwrap())).collect();
    receiver.notify(call("slack-ops", receiver.config(), rendered)).await.unwrap();
    let sent = &http.sent()[0];
    assert_eq!(sent.url, "https://hooks.slack.com/services/T/B/X");
    let body: Value = serde_json::from_slice(&sent.body).unwrap();
    assert_eq!(body["channel"], "#alerts-critical");
    assert_eq!(body["attachments"][0]["title"], "[CRITICAL] Hot");
    assert_eq!(body["attachments"][0]["text"], r#"{{ template "slack.default.text" . }}"#);
    assert_eq!(body["attachments"][0]["fields"][0]["short"], false);
}

#[tokio::test]
async fn receiver_settings_are_checked_by_name_and_kind() {
    let plugins = first_party(Arc::new(NoHttp)).await;
    let slack = plugins.receiver("slack").unwrap();
    let problems =
        slack.configure(&object(json!({"api_ulr": "x", "titel": "y", "link_names": "maybe"}))).unwrap_err();
    let texts = |problems: Vec<SettingProblem>| problems.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(
        texts(problems),
        [
            "api_ulr: unknown setting; did you mean api_url?",
            "titel: unknown setting; did you mean title?",
            "link_names: must be true or false",
        ]
    );
    let webhook = plugins.receiver("webhook").unwrap();
    let problems = webhook.configure(&object(json!({"timeout": "soon"}))).unwrap_err();
    assert_eq!(texts(problems)[0], "url: is missing; it must be a text");

    let without_address = slack.configure(&object(json!({"link_names": true}))).unwrap();
    let problems = without_address.check(without_address.config()).await.unwrap_err();
    assert!(problems[0].to_string().contains("neither api_url nor app_token"), "{problems:?}");
}
