//! Plugins that lie about themselves, or misbehave while they are asked.

use bellwether_model::detector::Detector;

use super::*;
use crate::{PluginSource, PluginState};

/// The lie of a component as it was built, as `plugins/hostile/src/lie.rs` has it.
const HONEST: &str = "lie: none                       ";

const REFUSED: [(&[u8], &str, &str); 31] = [
    (HOSTILE_DETECTOR, "spin", "cannot describe itself: it ran 50 ms without finishing"),
    (HOSTILE_DETECTOR, "chatter", "cannot describe itself: it ran 50 ms without finishing"),
    (HOSTILE_DETECTOR, "hoard", "MiB of memory, limit 8 MiB"),
    (HOSTILE_DETECTOR, "recurse", "cannot describe itself: it nested its calls too deeply"),
    (HOSTILE_DETECTOR, "crash", "deliberate crash of the hostile plugin"),
    (HOSTILE_WASI, "exit", "cannot describe itself: it trapped: Exited with i32 exit status 0"),
    (HOSTILE_DETECTOR, "too much", "cannot describe itself: it returned more than 4 MiB"),
    (HOSTILE_DETECTOR, "two functions", "has two of the function hostile_fine"),
    (HOSTILE_DETECTOR, "many functions", "has more than 1000 of each function"),
    (HOSTILE_DETECTOR, "no window", "has the function hostile_spin with 0 windows"),
    (HOSTILE_DETECTOR, "many windows", "has the function hostile_spin with 7 windows"),
    (HOSTILE_DETECTOR, "odd function", "has a function with the impossible name \"Rate of(x)\""),
    (HOSTILE_DETECTOR, "long function", "has a function with the impossible name \"ffff"),
    (HOSTILE_DETECTOR, "many parameters", "has more than 1000 of each parameter"),
    (HOSTILE_DETECTOR, "capitals", "calls itself \"Hostile\""),
    (HOSTILE_DETECTOR, "path", "calls itself \"../../etc/passwd\""),
    (HOSTILE_DETECTOR, "no name", "calls itself \"\""),
    (HOSTILE_DETECTOR, "long name", "calls itself \"nnnn"),
    (HOSTILE_DETECTOR, "two settings", "has two of the setting x"),
    (HOSTILE_DETECTOR, "odd setting", "has a setting with the impossible name \"X y\""),
    (HOSTILE_DETECTOR, "wrong default", "has a default for x that"),
    (HOSTILE_DETECTOR, "broken default", "has a default for x that"),
    (HOSTILE_DRIVER, "endless frames", "wants frames of 4294967295 bytes"),
    (HOSTILE_DRIVER, "empty packets", "wants packets of no bytes"),
    (HOSTILE_DRIVER, "odd prefix", "wants a length of 3 bytes before each packet"),
    (HOSTILE_DRIVER, "host's metric", "has two of the metric device_connection_status"),
    (HOSTILE_DRIVER, "secret of a driver", "wants the secret token, but drivers can send nothing"),
    (HOSTILE_RECEIVER, "no origin", "wants to reach what cannot be: \"everything, please\" is no origin"),
    (HOSTILE_RECEIVER, "path of an origin", "a grant is for a whole origin"),
    (HOSTILE_RECEIVER, "all of a scheme", "a * may only stand for the first part of the host"),
    (HOSTILE_RECEIVER, "long origin", "wants to reach what cannot be"),
];

/// The component with another lie.
fn telling(wasm: &[u8], lie: &str) -> Vec<u8> {
    let changed =
        crate::secrets::replace_bytes(wasm, HONEST.as_bytes(), format!("lie: {lie:<27}").as_bytes());
    assert!(changed.len() == wasm.len() && changed != wasm, "the built file has the text to be replaced");
    changed
}

/// What comes of a folder with these files beside a built-in plugin.
async fn loaded(files: &[(String, Vec<u8>)]) -> (Plugins, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    for (name, wasm) in files {
        std::fs::write(folder.path().join(format!("{name}.wasm")), wasm).unwrap();
    }
    let folder_path = Some(folder.path().to_path_buf());
    let options = PluginsOptions { embedded: vec![FIRST_PARTY[2]], folder: folder_path, ..options() };
    (Plugins::load(options).await.unwrap(), folder)
}

async fn lying(wasm: &[u8], lie: &str) -> (Plugins, tempfile::TempDir) {
    loaded(&[("liar".into(), telling(wasm, lie))]).await
}

#[tokio::test]
async fn what_cannot_be_true_is_refused_in_words() {
    let name = |lie: &str| lie.replace([' ', '\''], "-");
    let files: Vec<_> = REFUSED.iter().map(|(wasm, lie, _)| (name(lie), telling(wasm, lie))).collect();
    let (plugins, _folder) = loaded(&files).await;
    for (_, lie, words) in REFUSED {
        let PluginState::Broken { reason } = status_of(&plugins, &name(lie)).state else { panic!("{lie}") };
        assert!(reason.contains(words) && reason.len() <= 4 << 10, "{lie}: {reason}");
    }
    assert_eq!(status_of(&plugins, "zscore").state, PluginState::Ready);
}

#[tokio::test]
async fn what_is_said_at_length_is_cut() {
    for lie in ["long summary", "escapes"] {
        let (plugins, _folder) = lying(HOSTILE_DETECTOR, lie).await;
        let summary = status_of(&plugins, "hostile-detector").summary;
        assert!(summary.len() <= 4 << 10 && !summary.contains(char::is_control), "{lie}: {summary:?}");
    }
    let (plugins, _folder) = lying(HOSTILE_DETECTOR, "long help").await;
    let detectors = plugins.detectors();
    let functions = detectors.iter().flat_map(|detector| detector.functions());
    assert!(functions.into_iter().all(|function| function.help.len() <= 4 << 10));
}

/// The operator put the file there: what is built in gives way, as it does for a newer version of itself.
#[tokio::test]
async fn file_with_the_name_of_what_is_built_in_takes_its_place_in_sight() {
    let (plugins, _folder) = lying(HOSTILE_DETECTOR, "other's name").await;
    let status = status_of(&plugins, "zscore");
    assert!(matches!(status.source, PluginSource::File { .. }), "{:?}", status.source);
}

#[tokio::test]
async fn receiver_that_wants_everywhere_gets_nothing_by_that() {
    let (plugins, _folder) = lying(HOSTILE_RECEIVER, "many origins").await;
    let PluginState::WaitingForGrants { missing, .. } = status_of(&plugins, "hostile-receiver").state else {
        panic!()
    };
    assert_eq!(missing.len(), 1000);
    let (plugins, _folder) = lying(HOSTILE_RECEIVER, "no hosts").await;
    let status = status_of(&plugins, "hostile-receiver");
    assert_eq!((status.state, status.granted_hosts), (PluginState::Ready, vec![]));
}

#[tokio::test(start_paused = true)]
async fn whoever_sleeps_instead_of_answering_is_refused() {
    let (plugins, _folder) = lying(HOSTILE_WASI, "sleep").await;
    let PluginState::Broken { reason } = status_of(&plugins, "liar").state else { panic!() };
    assert_eq!(reason, "cannot describe itself: it was not over after 2 s");
}
