//! Plugins that misbehave: each is stopped within its budget and named, and its neighbours go on. Here is what several of
//! them share; the deeds are in tables, one file for each kind.

mod addresses;
mod describe;
mod detector;
mod driver;
mod files;
mod receiver;
mod theft;
mod wasi;

use std::time::Duration;

use bellwether_model::device::{Driver, DriverFailure, DriverSession};
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
async fn each_crash_is_reported_with_where_and_for_whom() {
    let (plugins, _folder) = hostile(Arc::new(NoHttp), Limits::default()).await;
    assert_eq!(
        crash_of(&plugins, "spin").await,
        "plugin hostile-driver: receive for \"spin\" ran 50 ms without finishing"
    );
    crash_of(&plugins, "crash").await;
    let status = status_of(&plugins, "hostile-driver");
    assert_eq!(status.crashes.len(), 2);
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

#[tokio::test]
async fn samples_beyond_the_limit_are_dropped_and_counted() {
    let limits = Limits { samples_per_call: 100, ..Limits::default() };
    let (plugins, _folder) = hostile(Arc::new(NoHttp), limits).await;
    let output = open(&plugins, "d").await.receive(vec![frame("flood")]).await.unwrap();
    assert_eq!((output.samples.len(), output.skipped), (100, 49_900));
}

fn status_of(plugins: &Plugins, name: &str) -> crate::PluginStatus {
    plugins.status().into_iter().find(|plugin| plugin.name == name).unwrap()
}

/// So much time that a loaded machine makes no difference.
fn slow() -> crate::CallLimits {
    let minute = Duration::from_secs(60);
    crate::CallLimits { cpu: minute, wall_clock: minute, returned_bytes: 4 << 20 }
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
    let state = |plugins: &Plugins| status_of(plugins, "hostile-driver").state;
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
