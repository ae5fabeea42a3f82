//! What a guest finds that looks around by WASI: nothing, and no time to wait for it.

use super::*;

async fn ask(plugins: &Plugins, device_name: &str, probe: &str) -> Result<f64, String> {
    let driver = plugins.driver("hostile-wasi").unwrap();
    let mut session = driver.open(device(device_name, "{}")).await.unwrap();
    session.receive(vec![frame(probe)]).await.map(|output| output.samples[0].value).map_err(text)
}

/// With so much time that a loaded machine makes no difference.
async fn patient() -> (Plugins, tempfile::TempDir) {
    hostile(Arc::new(NoHttp), Limits { driver: slow(), ..Limits::default() }).await
}

#[tokio::test]
async fn there_is_nothing_to_find() {
    let (plugins, _folder) = patient().await;
    for probe in [
        "environment",
        "arguments",
        "folder",
        "preopens",
        "stdin",
        "terminal",
        "tcp",
        "udp",
        "names",
        "print",
    ] {
        assert_eq!(ask(&plugins, probe, probe).await, Ok(0.0), "{probe}");
    }
    let log = status_of(&plugins, "hostile-wasi").log;
    assert!(log.len() <= 200 && log.iter().all(|line| line.message.len() <= 4 << 10));
    assert!(!format!("{log:?}").contains("\\u{1b}"));
}

#[tokio::test]
async fn clocks_show_the_time_of_the_call_and_dice_fall_alike() {
    let (plugins, _folder) = patient().await;
    assert_eq!(ask(&plugins, "d", "clock").await, Ok(NOW.as_millis() as f64 / 1000.0));
    let passed = ask(&plugins, "d", "stopwatch").await.unwrap();
    assert_eq!(passed, 1000.0, "a look takes a microsecond, whatever happened meanwhile");
    let rolled = ask(&plugins, "a", "dice").await.unwrap();
    assert_eq!(ask(&plugins, "a", "dice").await, Ok(rolled));
    assert_ne!(ask(&plugins, "b", "dice").await, Ok(rolled));
}

#[tokio::test]
async fn what_is_hoarded_or_asked_for_without_measure_ends_the_call() {
    let (plugins, _folder) = patient().await;
    for (deed, words) in [
        ("much-random", "exceeds limit 65536"),
        ("pollables", "resource table"),
        ("streams", "resource table"),
        ("exit", "Exited with i32 exit status 0"),
    ] {
        let said = ask(&plugins, deed, deed).await.unwrap_err();
        assert!(said.contains(words), "{deed}: {said}");
        assert_eq!(ask(&plugins, "another", "1").await, Ok(1.0), "after {deed}");
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_sleeps_is_woken_by_the_end_of_its_time() {
    let (plugins, _folder) = hostile(Arc::new(NoHttp), Limits::default()).await;
    for deed in ["sleep", "sleep-many"] {
        let said = ask(&plugins, deed, deed).await.unwrap_err();
        assert!(said.ends_with("was not over after 2 s"), "{deed}: {said}");
    }
}

#[tokio::test]
async fn whoever_only_naps_runs_out_of_time_too() {
    let (plugins, _folder) = hostile(Arc::new(NoHttp), Limits::default()).await;
    let said = ask(&plugins, "d", "naps").await.unwrap_err();
    assert!(said.ends_with("without finishing") || said.ends_with("was not over after 2 s"), "{said}");
}
