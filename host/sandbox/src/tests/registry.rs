//! The folder of plugins: what is found in it, what is wrong with it, and what happens when it changes.

use std::fs;

use bellwether_model::device::Driver;
use serde_json::json;

use super::*;
use crate::{NoHttp, PluginChange, PluginSource, PluginState, Unavailable};

fn in_folder(folder: &Path) -> PluginsOptions {
    PluginsOptions { folder: Some(folder.to_path_buf()), ..options() }
}

fn state_of(plugins: &Plugins, name: &str) -> PluginState {
    plugins.status().into_iter().find(|plugin| plugin.name == name).unwrap().state
}

fn reason(plugins: &Plugins, name: &str) -> String {
    let PluginState::Broken { reason } = state_of(plugins, name) else {
        panic!("{:?}", state_of(plugins, name))
    };
    reason
}

#[tokio::test]
async fn broken_files_are_listed_with_the_reason_in_words() {
    let folder = tempfile::tempdir().unwrap();
    let put = |name: &str, bytes: &[u8]| fs::write(folder.path().join(name), bytes).unwrap();
    let jsonl = FIRST_PARTY[0].wasm;
    put("core.wasm", b"\0asm\x01\0\0\0");
    put("text.wasm", b"hello");
    put("empty.wasm", b"");
    put("half.wasm", &jsonl[..jsonl.len() / 2]);
    put("nothing.wasm", b"\0asm\x0d\0\x01\0");
    put(
        "future.wasm",
        &with_version(jsonl, b"bellwether:driver/driver@0.1.0", b"bellwether:driver/driver@0.2.0"),
    );
    put("pinned.wasm", jsonl);
    put("pinned.toml", b"sha256 = \"00\"");
    put("typo.wasm", jsonl);
    put("typo.toml", b"[grants]\nhost = []");
    let plugins = Plugins::load(in_folder(folder.path())).await.unwrap();
    for (name, words) in [
        ("core", "is a core module, not a component"),
        ("text", "is not WebAssembly"),
        ("empty", "is empty"),
        ("half", "cannot be compiled; the file is damaged, or not complete yet"),
        ("nothing", "is no plugin: it exports none of"),
        ("future", "exports bellwether:driver/driver@0.2.0, this host speaks 0.1"),
        ("pinned", "but its grants are for 00"),
        ("typo", "unknown field `host`"),
    ] {
        let said = reason(&plugins, name);
        assert!(said.contains(words), "{name}: {said}");
    }
    let refused = plugins.driver("core").unwrap_err();
    assert!(
        matches!(&refused, Unavailable::NotReady { reason, .. } if reason.contains("core module")),
        "{refused}"
    );
}

/// The same bytes with another version wherever the name stands.
fn with_version(wasm: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    crate::secrets::replace_bytes(wasm, from, to)
}

#[tokio::test]
async fn receiver_that_wants_more_waits_for_its_grants() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("x.wasm"), HOSTILE_RECEIVER).unwrap();
    let plugins = Plugins::load(in_folder(folder.path())).await.unwrap();
    let PluginState::WaitingForGrants { missing, file } = state_of(&plugins, "hostile-receiver") else {
        panic!()
    };
    assert_eq!(missing, ["https://api.example"]);
    assert!(file.ends_with("x.toml"));
    let refused = plugins.receiver("hostile-receiver").unwrap_err().to_string();
    assert!(
        refused.contains("waits for grants; add https://api.example to hosts under [grants] in"),
        "{refused}"
    );

    fs::write(folder.path().join("x.toml"), "[grants]\nhosts = [\"https://*.example\"]\n").unwrap();
    assert_eq!(plugins.rescan().await, [PluginChange::Loaded { name: "hostile-receiver".into() }]);
    assert_eq!(state_of(&plugins, "hostile-receiver"), PluginState::Ready);
    assert!(plugins.receiver("hostile-receiver").unwrap().configure(&object(json!({}))).is_ok());

    fs::write(folder.path().join("x.toml"), "enabled = false\n").unwrap();
    plugins.rescan().await;
    assert_eq!(state_of(&plugins, "hostile-receiver"), PluginState::Disabled, "under its own name");
}

#[tokio::test]
async fn a_plugin_that_is_switched_off_takes_no_other_s_name() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("mine.wasm"), FIRST_PARTY[0].wasm).unwrap();
    fs::write(folder.path().join("mine.toml"), "enabled = false").unwrap();
    let options = PluginsOptions { embedded: vec![FIRST_PARTY[0]], ..in_folder(folder.path()) };
    let plugins = Plugins::load(options).await.unwrap();
    assert_eq!(state_of(&plugins, "jsonl"), PluginState::Ready, "the one that is built in");
    assert_eq!(state_of(&plugins, "mine"), PluginState::Disabled);
    let files: Vec<String> = plugins.files().into_iter().map(|plugin| plugin.name).collect();
    assert_eq!(files, ["jsonl"]);
}

#[tokio::test]
async fn file_replaces_what_is_built_in_and_gives_way_when_it_goes() {
    let folder = tempfile::tempdir().unwrap();
    let options = PluginsOptions { embedded: vec![FIRST_PARTY[0]], ..in_folder(folder.path()) };
    let plugins = Plugins::load(options).await.unwrap();
    assert_eq!(plugins.rescan().await, []);
    let path = folder.path().join("mine.wasm");
    fs::write(&path, FIRST_PARTY[0].wasm).unwrap();
    assert_eq!(plugins.rescan().await, [PluginChange::Loaded { name: "jsonl".into() }]);
    assert_eq!(plugins.status()[0].source, PluginSource::File { path: path.clone() });
    let mut session = {
        let driver = plugins.driver("jsonl").unwrap();
        let config = driver.check_settings(&Map::new()).unwrap();
        driver.open(device("d", &config)).await.unwrap()
    };

    fs::write(&path, "half a fi").unwrap();
    let changes = plugins.rescan().await;
    assert!(
        matches!(&changes[..], [PluginChange::Rejected { reason, .. }] if reason == "is not WebAssembly")
    );
    let status = &plugins.status()[0];
    assert_eq!(status.state, PluginState::Active, "the version before goes on");
    assert_eq!(status.rejected_update.as_deref(), Some("is not WebAssembly"));

    fs::remove_file(&path).unwrap();
    assert_eq!(plugins.rescan().await, [PluginChange::Removed { name: "jsonl".into() }]);
    assert_eq!(plugins.status()[0].source, PluginSource::Embedded);
    assert!(session.receive(vec![frame(r#"{"temp":1}"#)]).await.is_ok(), "open sessions go on");
}

#[tokio::test]
async fn unknown_names_and_other_kinds_say_what_there_is() {
    let plugins = first_party(Arc::new(NoHttp)).await;
    assert_eq!(
        plugins.driver("jsnl").unwrap_err().to_string(),
        "there is no driver plugin \"jsnl\"; there are: jsonl, kv"
    );
    assert_eq!(
        plugins.driver("slack").unwrap_err().to_string(),
        "the plugin \"slack\" is a receiver, not a driver"
    );
}

#[tokio::test]
async fn damaged_cache_is_compiled_again() {
    let cache = tempfile::tempdir().unwrap();
    let folder = cache.path().join("code");
    let options =
        || PluginsOptions { embedded: vec![FIRST_PARTY[2]], cache: Some(folder.clone()), ..options() };
    Plugins::load(options()).await.unwrap();
    let files: Vec<PathBuf> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    let [file] = &files[..] else { panic!("{files:?}") };
    let mut code = fs::read(file).unwrap();
    let middle = code.len() / 2;
    code[middle] ^= 1;
    fs::write(file, &code).unwrap();
    let plugins = Plugins::load(options()).await.unwrap();
    assert_eq!(state_of(&plugins, "zscore"), PluginState::Ready);
    assert_ne!(fs::read(file).unwrap(), code, "written anew");
}

#[tokio::test]
async fn cache_keeps_neither_code_of_other_versions_nor_more_than_its_limit() {
    let cache = tempfile::tempdir().unwrap();
    let folder = cache.path().join("code");
    let load = |plugin| {
        let options = PluginsOptions { embedded: vec![plugin], cache: Some(folder.clone()), ..options() };
        async move { Plugins::load(options).await.unwrap() }
    };
    let files = || {
        let names =
            fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.collect::<std::collections::BTreeSet<String>>()
    };
    load(FIRST_PARTY[2]).await;
    let first = files().first().unwrap().clone();
    let (_, ending) = first.split_once('.').unwrap();
    fs::write(folder.join("0.0123456789abcdef.cwasm"), "of another version").unwrap();
    fs::write(folder.join("note.txt"), "of somebody").unwrap();
    load(FIRST_PARTY[3]).await;
    assert!(files().contains(&first) && files().contains("note.txt"));
    assert!(!files().contains("0.0123456789abcdef.cwasm"), "{:?}", files());
    // As large as all may be together, and the oldest of all.
    let large = format!("large.{ending}");
    let file = fs::File::create(folder.join(&large)).unwrap();
    file.set_len(1 << 30).unwrap();
    file.set_modified(std::time::UNIX_EPOCH).unwrap();
    load(FIRST_PARTY[0]).await;
    assert!(files().contains(&first) && !files().contains(&large), "{:?}", files());
}

#[cfg(unix)]
#[tokio::test]
async fn cache_that_others_can_write_to_is_not_used() {
    use std::os::unix::fs::PermissionsExt;
    let cache = tempfile::tempdir().unwrap();
    fs::set_permissions(cache.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let options = PluginsOptions {
        embedded: vec![FIRST_PARTY[2]],
        cache: Some(cache.path().to_path_buf()),
        ..options()
    };
    let plugins = Plugins::load(options).await.unwrap();
    assert_eq!(state_of(&plugins, "zscore"), PluginState::Ready);
    assert_eq!(fs::read_dir(cache.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_new_version_that_crashes_for_many_makes_room_for_the_one_before_it() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("x.wasm"), HOSTILE_DRIVER).unwrap();
    let plugins = Plugins::load(in_folder(folder.path())).await.unwrap();
    let fail = async || {
        let mut session =
            plugins.driver("hostile-driver").unwrap().open(device("board", "{}")).await.unwrap();
        session.receive(vec![frame("crash")]).await.unwrap_err();
    };
    fail().await;
    assert_eq!(plugins.rescan().await, [], "the only version there is stays");
    // Another file of grants makes another version of it.
    fs::write(folder.path().join("x.toml"), "[limits]\nmemory = \"8MiB\"").unwrap();
    let name = || "hostile-driver".to_owned();
    assert_eq!(plugins.rescan().await, [PluginChange::Loaded { name: name() }]);
    assert_eq!(plugins.rescan().await, [], "it has done nothing yet");
    fail().await;
    let reason = "crashed for 1 of 1 within 60 s".to_owned();
    assert_eq!(plugins.rescan().await, [PluginChange::RolledBack { name: name(), reason: reason.clone() }]);
    let status = plugins.status().into_iter().find(|plugin| plugin.name == name()).unwrap();
    assert_eq!(
        (status.rejected_update, status.usage.crashed_calls),
        (Some(reason), 1),
        "the old one with its crash"
    );
    assert_eq!(plugins.rescan().await, []);
}

#[tokio::test]
async fn a_new_version_that_asks_for_more_waits_while_the_one_before_it_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let (wasm, grants) = (folder.path().join("x.wasm"), folder.path().join("x.toml"));
    fs::write(&wasm, HOSTILE_RECEIVER).unwrap();
    fs::write(&grants, "[grants]\nhosts = [\"https://api.example\"]").unwrap();
    let plugins = Plugins::load(in_folder(folder.path())).await.unwrap();
    assert_eq!(state_of(&plugins, "hostile-receiver"), PluginState::Ready);
    fs::write(
        &wasm,
        [&with_version(HOSTILE_RECEIVER, b"https://api.", b"https://new.")[..], CUSTOM_SECTION].concat(),
    )
    .unwrap();
    let changes = plugins.rescan().await;
    let [PluginChange::Rejected { reason, .. }] = &changes[..] else { panic!("{changes:?}") };
    assert!(reason.contains("asks for https://new.example") && reason.contains("plugin approve"), "{reason}");
    assert_eq!(state_of(&plugins, "hostile-receiver"), PluginState::Ready, "the old one");
    fs::write(&grants, "[grants]\nhosts = [\"https://api.example\", \"https://new.example\"]").unwrap();
    assert_eq!(plugins.rescan().await, [PluginChange::Loaded { name: "hostile-receiver".into() }]);
    fs::write(&grants, "").unwrap();
    plugins.rescan().await;
    let revoked = state_of(&plugins, "hostile-receiver");
    assert!(
        matches!(revoked, PluginState::WaitingForGrants { .. }),
        "what is taken back is gone: {revoked:?}"
    );
}

#[tokio::test]
async fn a_lock_lets_through_what_it_has_a_line_for() {
    let folder = tempfile::tempdir().unwrap();
    let (file, name) = (folder.path().join("x.wasm"), || "jsonl".to_owned());
    fs::write(&file, FIRST_PARTY[0].wasm).unwrap();
    let locked = folder.path().join("plugins.lock");
    fs::write(&locked, "").unwrap();
    let plugins = Plugins::load(in_folder(folder.path())).await.unwrap();
    let found = plugins.status()[0].sha256.clone();
    assert_eq!(
        reason(&plugins, "x"),
        format!("has the sha256 {found} and no line in plugins.lock; to accept it: bellwether plugin lock x")
    );
    let lock_to = |sha256: &str| {
        let line = format!("name = \"jsonl\"\nfile = \"x.wasm\"\nversion = \"1\"\nsha256 = {sha256:?}\n");
        fs::write(&locked, format!("[[plugin]]\n{line}size_bytes = 1\nlocked_at = \"\"\n")).unwrap();
    };
    lock_to("00");
    plugins.rescan().await;
    let said = reason(&plugins, "x");
    assert!(said.contains(&found) && said.contains("plugins.lock has 00 for it"), "{said}");
    lock_to(&found);
    assert_eq!(plugins.rescan().await, [PluginChange::Loaded { name: name() }]);
    fs::remove_file(&locked).unwrap();
    assert_eq!(plugins.rescan().await, [], "it may go on, and is not loaded again");

    lock_to(&found);
    fs::write(&file, [FIRST_PARTY[0].wasm, CUSTOM_SECTION].concat()).unwrap();
    let changes = plugins.rescan().await;
    assert!(
        matches!(&changes[..], [PluginChange::Rejected { reason, .. }] if reason.contains(&found)),
        "{changes:?}"
    );
    let status = plugins.status().remove(0);
    assert_eq!(
        (status.state, status.sha256),
        (PluginState::Ready, found.clone()),
        "the version before goes on"
    );
    fs::write(&file, FIRST_PARTY[0].wasm).unwrap();
    assert_eq!(plugins.rescan().await, [PluginChange::Loaded { name: name() }]);

    fs::write(&locked, "no lock").unwrap();
    plugins.rescan().await;
    assert!(reason(&plugins, "x").contains("the lock cannot be read"), "what is taken back is gone");
    let unlocked = PluginsOptions { honour_lock: false, ..in_folder(folder.path()) };
    assert_eq!(state_of(&Plugins::load(unlocked).await.unwrap(), "jsonl"), PluginState::Ready);
}

/// Makes other bytes of the same component.
const CUSTOM_SECTION: &[u8] = b"\0\x04\x03new";
