//! Plugins that misbehave: each is stopped within its budget and named, and its neighbours go on.

use std::time::Duration;

use bellwether_model::detector::{Detector, DetectorError, WindowMatrix};
use bellwether_model::device::{Driver, DriverFailure, DriverSession};
use bellwether_model::receiver::{DeliveryFailure, Receiver};
use serde_json::json;
use tokio::time::Instant;

use super::*;
use crate::{CrashCause, NoHttp, PluginState, Standing};

async fn open(plugins: &Plugins, name: &str) -> Box<dyn DriverSession> {
    plugins.driver("hostile-driver").unwrap().open(device(name, "{}")).await.unwrap()
}

fn text(failure: DriverFailure) -> String {
    let DriverFailure::Crashed(text) = failure else { panic!("{failure:?}") };
    text
}

/// What a driver says of a frame that makes it crash.
async fn crash_of(plugins: &Plugins, deed: &str) -> String {
    let mut session = open(plugins, deed).await;
    let said = text(session.receive(vec![frame(deed)]).await.unwrap_err());
    let after = text(session.receive(vec![frame("1")]).await.unwrap_err());
    assert_eq!(after, "plugin hostile-driver: the session is over");
    said
}

#[tokio::test]
async fn each_crash_is_reported_in_words() {
    let (plugins, _folder) = hostile(Arc::new(NoHttp), Limits::default()).await;
    assert_eq!(
        crash_of(&plugins, "spin").await,
        "plugin hostile-driver: receive for \"spin\" ran 50 ms without finishing"
    );
    let hoard = crash_of(&plugins, "hoard").await;
    assert!(
        hoard.starts_with("plugin hostile-driver: receive for \"hoard\" wanted ")
            && hoard.ends_with(", limit 16 MiB"),
        "{hoard}"
    );
    let crash = crash_of(&plugins, "crash").await;
    assert!(
        crash.contains("trapped: ") && crash.contains("deliberate crash of the hostile plugin"),
        "{crash}"
    );
    assert!(crash_of(&plugins, "recurse").await.ends_with("nested its calls too deeply"));

    let status = plugins.status().into_iter().find(|plugin| plugin.name == "hostile-driver").unwrap();
    assert_eq!(status.crashes.len(), 4);
    let spin = &status.crashes[0];
    assert_eq!(spin.cause, CrashCause::OutOfTime { budget_ms: 50 });
    assert!(spin.backtrace.iter().any(|function| function.contains("misbehave")), "{:?}", spin.backtrace);
    assert!(
        status
            .subjects
            .iter()
            .all(|subject| matches!(subject.standing, Standing::Paused { .. } | Standing::OnProbation))
    );
}

#[tokio::test]
async fn spinning_guest_is_stopped_in_time_and_its_neighbours_go_on() {
    let (plugins, _folder) = hostile(Arc::new(NoHttp), Limits::default()).await;
    let config = plugins.driver("jsonl").unwrap().check_settings(&Map::new()).unwrap();
    let mut neighbour = plugins.driver("jsonl").unwrap().open(device("good", &config)).await.unwrap();
    let mut spinning = open(&plugins, "bad").await;

    let begin = Instant::now();
    // Two tasks on one thread, which take turns only when the spinning guest gives way.
    let spin = tokio::spawn(async move { spinning.receive(vec![frame("spin")]).await });
    let is_over = spin.abort_handle();
    let neighbour = tokio::spawn(async move {
        let (mut answers, mut longest) = (0, Duration::ZERO);
        while !is_over.is_finished() {
            let asked = Instant::now();
            let output = neighbour.receive(vec![frame(r#"{"temp":41.5}"#)]).await.unwrap();
            assert_eq!(output.samples.len(), 1);
            tokio::task::yield_now().await;
            answers += 1;
            longest = longest.max(asked.elapsed());
        }
        (answers, longest)
    });
    assert!(matches!(spin.await.unwrap(), Err(DriverFailure::Crashed(_))));
    let took = begin.elapsed();
    let (answers, longest) = neighbour.await.unwrap();
    assert!(answers >= 5, "the neighbour answered {answers} times");
    // Ten slices of 5 ms, with room for a machine that is busy with other things.
    assert!(took >= Duration::from_millis(40) && took < Duration::from_secs(5), "{took:?}");
    assert!(longest < Duration::from_secs(1), "{longest:?}");
}

#[tokio::test(start_paused = true)]
async fn detector_misdeeds_end_the_call_and_not_the_plugin() {
    let (plugins, _folder) = hostile(Arc::new(NoHttp), Limits::default()).await;
    let detector = plugins.detectors().remove(0);
    let window = [WindowMatrix { offsets: vec![0, 1, 2], times: vec![0, 0], values: vec![1.0, 2.0] }];
    let cases = [
        ("hostile_spin", "ran 250 ms without finishing"),
        ("hostile_hoard", "limit 16 MiB"),
        ("hostile_crash", "deliberate crash of the hostile plugin"),
        ("hostile_flood", "limit 16 MiB"),
        ("hostile_short", "gave an impossible answer: 1 scores for 2 series"),
    ];
    for (function, words) in cases {
        let failure = detector.evaluate(function, &[], NOW, &window).await.unwrap_err();
        assert!(
            matches!(&failure, DetectorError::Crashed(text) if text.contains(words)),
            "{function}: {failure:?}"
        );
    }
    let fine = detector.evaluate("hostile_fine", &[], NOW, &window).await.unwrap();
    assert_eq!(fine.score, [1.0, 1.0]);
    let again = detector.evaluate("hostile_crash", &[], NOW, &window).await.unwrap_err();
    assert!(again.to_string().contains("paused"), "{again}");
}

#[tokio::test]
async fn hundred_megabytes_are_not_taken_even_from_who_has_the_memory() {
    let limits = Limits { memory_bytes: 512 << 20, ..Limits::default() };
    let (plugins, _folder) = hostile(Arc::new(NoHttp), limits).await;
    let window = [WindowMatrix { offsets: vec![0, 1], times: vec![0], values: vec![1.0] }];
    let failure = plugins.detectors()[0].evaluate("hostile_flood", &[], NOW, &window).await.unwrap_err();
    assert!(failure.to_string().ends_with("returned more than 32 MiB"), "{failure}");
}

#[tokio::test]
async fn samples_beyond_the_limit_are_dropped_and_counted() {
    let limits = Limits { samples_per_call: 100, ..Limits::default() };
    let (plugins, _folder) = hostile(Arc::new(NoHttp), limits).await;
    let output = open(&plugins, "d").await.receive(vec![frame("flood")]).await.unwrap();
    assert_eq!((output.samples.len(), output.skipped), (100, 49_900));
}

#[tokio::test]
async fn shouting_is_cut_off() {
    let (plugins, _folder) = hostile(Arc::new(NoHttp), Limits { driver: slow(), ..Limits::default() }).await;
    open(&plugins, "d").await.receive(vec![frame("shout")]).await.unwrap();
    let status = plugins.status().into_iter().find(|plugin| plugin.name == "hostile-driver").unwrap();
    assert!(status.log.len() <= 200 && status.log.iter().all(|line| line.message.len() <= 4096));
}

fn slow() -> crate::CallLimits {
    let minute = Duration::from_secs(60);
    crate::CallLimits { cpu: minute, wall_clock: minute, returned_bytes: 4 << 20 }
}

#[tokio::test]
async fn request_to_a_host_that_was_not_granted_never_leaves() {
    let http = Recorder::answering(200, &[], "");
    let (plugins, _folder) = hostile(http.clone(), Limits::default()).await;
    let plugin = plugins.receiver("hostile-receiver").unwrap();
    let receiver = plugin.configure(&object(json!({"token": "hunter22"}))).unwrap();
    let failure = receiver.notify(call("call", receiver.config(), vec![])).await.unwrap_err();
    let want = "http://evil.example is not granted; add it to hosts under [grants] in hostile-receiver.toml";
    assert_eq!(failure, DeliveryFailure::Misconfigured(want.into()));
    assert!(http.sent().is_empty());

    let allowed =
        plugin.configure(&object(json!({"token": "hunter22", "target": "https://api.example"}))).unwrap();
    assert!(!allowed.config().contains("hunter22"), "the plugin sees a placeholder");
    allowed.notify(call("call", allowed.config(), vec![])).await.unwrap();
    let body = String::from_utf8(http.sent()[0].body.to_vec()).unwrap();
    assert!(body.contains("hunter22"), "the host that the secret is for gets it");
}

#[tokio::test]
async fn receiver_misdeeds_are_reported_as_crashes() {
    let (plugins, _folder) = hostile(Arc::new(NoHttp), Limits::default()).await;
    let receiver = plugins.receiver("hostile-receiver").unwrap().configure(&Map::new()).unwrap();
    for (deed, words) in [("spin", "ran 100 ms"), ("hoard", "limit 16 MiB"), ("crash", "deliberate crash")] {
        let failure = receiver.notify(call(deed, receiver.config(), vec![])).await.unwrap_err();
        assert!(matches!(&failure, DeliveryFailure::Crashed(text) if text.contains(words)), "{failure:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn device_that_crashes_its_driver_again_and_again_is_quarantined_alone() {
    let (plugins, _folder) = hostile(Arc::new(NoHttp), Limits::default()).await;
    let driver = plugins.driver("hostile-driver").unwrap();
    let poison = async |name: &str| {
        for _ in 0..3 {
            let mut session = driver.open(device(name, "{}")).await.unwrap();
            assert!(session.receive(vec![frame("crash")]).await.is_err());
            assert!(driver.open(device(name, "{}")).await.is_err(), "it pauses");
            tokio::time::advance(Duration::from_secs(1)).await;
        }
    };
    poison("poisonous").await;
    let state = |plugins: &Plugins| {
        plugins.status().into_iter().find(|plugin| plugin.name == "hostile-driver").unwrap().state
    };
    assert_eq!(state(&plugins), PluginState::Degraded { subjects: vec!["poisonous".into()] });
    let refused = driver.open(device("poisonous", "{}")).await.err().map(text).unwrap();
    assert!(refused.contains("in quarantine for \"poisonous\""), "{refused}");
    assert!(driver.open(device("healthy", "{}")).await.is_ok());

    poison("second").await;
    poison("third").await;
    assert_eq!(state(&plugins), PluginState::Quarantined);
    assert!(driver.open(device("healthy", "{}")).await.is_err());
    assert!(plugins.pardon("hostile-driver", None));
    assert_eq!(state(&plugins), PluginState::Active);
    assert!(driver.open(device("healthy", "{}")).await.is_ok());
}

#[tokio::test]
async fn call_that_is_given_up_ends_the_session() {
    let (plugins, _folder) = hostile(Arc::new(NoHttp), Limits { driver: slow(), ..Limits::default() }).await;
    let mut session = open(&plugins, "d").await;
    let given_up =
        tokio::time::timeout(Duration::from_millis(20), session.receive(vec![frame("spin")])).await;
    assert!(given_up.is_err());
    assert_eq!(text(session.tick(NOW).await.unwrap_err()), "plugin hostile-driver: the session is over");
}

#[tokio::test]
async fn devices_that_share_an_instance_lose_their_sessions_together_and_others_do_not() {
    let limits = Limits { sessions_per_instance: 2, ..Limits::default() };
    let (plugins, _folder) = hostile(Arc::new(NoHttp), limits).await;
    let mut sessions = Vec::new();
    for name in ["a", "b", "c"] {
        sessions.push(open(&plugins, name).await);
    }
    let [a, b, c] = &mut sessions[..] else { unreachable!() };
    assert_eq!(a.receive(vec![frame("1")]).await.unwrap().samples.len(), 1);
    assert!(text(b.receive(vec![frame("crash")]).await.unwrap_err()).contains("for \"b\""));
    assert!(text(a.receive(vec![frame("1")]).await.unwrap_err()).ends_with("the session is over"));
    assert_eq!(c.receive(vec![frame("1")]).await.unwrap().samples.len(), 1);
    let mut again = open(&plugins, "a").await;
    assert_eq!(again.receive(vec![frame("1")]).await.unwrap().samples.len(), 1, "in an instance that lives");
}

#[tokio::test]
async fn instances_have_no_more_memory_together_than_the_plugin_may() {
    let limits = Limits { plugin_memory_bytes: 8 << 20, ..Limits::default() };
    let (plugins, _folder) = hostile(Arc::new(NoHttp), limits).await;
    let hoard = crash_of(&plugins, "hoard").await;
    assert!(hoard.ends_with("more memory than is left of the 8 MiB for all instances"), "{hoard}");
    let mut after = open(&plugins, "other").await;
    assert_eq!(after.receive(vec![frame("1")]).await.unwrap().samples.len(), 1, "it was given back");
}
