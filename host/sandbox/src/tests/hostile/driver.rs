//! What drivers do wrong, and how it ends.

use bellwether_model::device::DriverOutput;

use super::*;

/// How a deed must end.
enum End {
    /// With a crash in these words.
    Crash(&'static str),
    /// With a failure in the driver's own words.
    Failure(&'static str),
    /// With an output like this.
    Output(fn(&DriverOutput) -> bool),
}
use End::{Crash, Failure, Output};

/// Time is all that these take, so they have as little of it as usual.
const OF_TIME: [(&str, End); 2] = [
    ("spin", Crash("receive for \"spin\" ran 50 ms without finishing")),
    ("chatter", Crash("ran 50 ms without finishing")),
];

const DEEDS: [(&str, End); 30] = [
    ("hoard", Crash(", limit 16 MiB")),
    ("grow-at-once", Crash("MiB of memory, limit 16 MiB")),
    ("grow-by-pages", Crash("MiB of memory, limit 16 MiB")),
    ("recurse", Crash("nested its calls too deeply")),
    ("crash", Crash("deliberate crash of the hostile plugin")),
    ("unreachable", Crash("trapped: wasm trap: wasm `unreachable` instruction executed")),
    ("stray", Crash("trapped: wasm trap: out of bounds memory access")),
    ("invalid-utf8", Crash("trapped: invalid utf-8")),
    ("wild-text", Crash("trapped: string pointer/length out of bounds of memory")),
    ("wild-list", Crash("trapped: list pointer/length out of bounds of memory")),
    ("aliases", Crash("returned more than 4 MiB")),
    ("giant-string", Crash("returned more than 4 MiB")),
    ("reset", Failure("asked to")),
    ("grumble", Failure("no no ")),
    ("flood", Output(|output| (output.samples.len(), output.skipped) == (5_000, 45_000))),
    ("series", Output(|output| output.samples.len() == 5_000)),
    // What the host would make of it is limited like what comes out of the guest.
    ("block", Output(|output| output.samples.len() == 260 && output.skipped == 300_000 - 260)),
    ("heavy-block", Output(|output| output.samples.is_empty() && output.skipped == 50_000)),
    ("events", Output(|output| output.events.len() == 500)),
    ("giant-event", Output(|output| output.events[0].message.len() == 4 << 10)),
    ("records", Output(|output| output.logs.len() == 500)),
    ("giant-record", Output(|output| output.logs[0].message.len() == 4 << 10)),
    ("writes", Output(|output| output.writes.concat().len() == 4 << 10)),
    ("identity", Output(|output| identity_bytes(output) < 8 << 10)),
    ("wake", Output(|output| output.wake == Some(Duration::ZERO))),
    ("names", Output(|output| names(output) == ["device_connection_status", "claimed"])),
    ("values", Output(|output| output.samples.len() == 7)),
    ("times", Output(|output| output.samples.len() == 6 + 6 * 3)),
    ("escapes", Output(|output| *output == DriverOutput::default())),
    ("fields", Output(|output| *output == DriverOutput::default())),
];

fn identity_bytes(output: &DriverOutput) -> usize {
    format!("{:?}", output.identity).len()
}

/// The host's own names are taken out where samples get the device's labels.
fn names(output: &DriverOutput) -> Vec<&str> {
    output.samples.iter().map(|sample| sample.metric.as_str()).collect()
}

async fn ends_as_it_must(plugins: &Plugins, deed: &str, end: &End) {
    let mut session = open(plugins, deed).await;
    match (session.receive(vec![frame(deed)]).await, end) {
        (Err(DriverFailure::Crashed(said)), Crash(words)) => assert!(said.contains(words), "{deed}: {said}"),
        (Err(DriverFailure::BadInput(said) | DriverFailure::Reset(said)), Failure(words)) => {
            assert!(said.contains(words) && said.len() <= 4 << 10, "{deed}: {said}");
        }
        (Ok(output), Output(is_right)) => {
            assert!(is_right(&output), "{deed}: {} samples", output.samples.len());
        }
        (other, _) => panic!("{deed}: {:?}", other.map(|output| output.samples.len())),
    }
    let good = open(plugins, "another").await.receive(vec![frame("1")]).await;
    assert_eq!(good.unwrap().samples.len(), 1, "after {deed}");
}

#[tokio::test]
async fn each_misdeed_ends_its_call_and_no_other() {
    let (plugins, _folder) = hostile(Arc::new(NoHttp), Limits::default()).await;
    for (deed, end) in &OF_TIME {
        ends_as_it_must(&plugins, deed, end).await;
    }
    let (plugins, _folder) = hostile(Arc::new(NoHttp), Limits { driver: slow(), ..Limits::default() }).await;
    for (deed, end) in &DEEDS {
        ends_as_it_must(&plugins, deed, end).await;
    }
}

#[tokio::test]
async fn misdeeds_end_each_other_call_too() {
    let (plugins, _folder) = hostile(Arc::new(NoHttp), Limits::default()).await;
    let driver = plugins.driver("hostile-driver").unwrap();
    for (deed, words) in [
        ("spin", "ran 50 ms without finishing"),
        ("hoard", "limit 16 MiB"),
        ("recurse", "too deeply"),
        ("crash", "deliberate crash"),
    ] {
        let refused = driver.open(device(&format!("{deed}-on-open"), "{}")).await.err().map(text).unwrap();
        assert!(refused.contains("open for") && refused.contains(words), "{refused}");

        let started = open(&plugins, &format!("{deed}-on-start")).await.start(NOW).await;
        let started = text(started.unwrap_err());
        assert!(started.contains("start for") && started.contains(words), "{started}");

        let mut later = open(&plugins, &format!("{deed}-later")).await;
        later.receive(vec![frame(&format!("later:{deed}"))]).await.unwrap();
        let rang = text(later.tick(NOW).await.unwrap_err());
        assert!(rang.contains("tick for") && rang.contains(words), "{rang}");
    }
}

#[tokio::test]
async fn what_is_logged_is_cut_and_thinned_and_plays_no_tricks() {
    let (plugins, _folder) = hostile(Arc::new(NoHttp), Limits { driver: slow(), ..Limits::default() }).await;
    for deed in ["escapes", "fields", "shout"] {
        open(&plugins, "d").await.receive(vec![frame(deed)]).await.unwrap();
    }
    let log = status_of(&plugins, "hostile-driver").log;
    assert!(
        log.len() <= 200 && log.iter().all(|line| line.message.len() <= 4 << 10 && line.fields.len() <= 16)
    );
    assert!(!format!("{log:?}").contains("\\u{1b}"));
}
