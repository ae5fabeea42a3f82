//! Files that are no plugins, or none for this host. What is wrong with an honest file is in [`super::super::registry`].

use bellwether_model::device::Driver;

use super::*;
use crate::PluginState;

async fn reason(folder: &tempfile::TempDir, name: &str) -> String {
    let options = PluginsOptions { folder: Some(folder.path().to_path_buf()), ..options() };
    let plugins = Plugins::load(options).await.unwrap();
    match status_of(&plugins, name).state {
        PluginState::Broken { reason } => reason,
        other => panic!("{other:?}"),
    }
}

fn changed(wasm: &[u8], from: &str, to: &str) -> Vec<u8> {
    let changed = crate::secrets::replace_bytes(wasm, from.as_bytes(), to.as_bytes());
    assert_ne!(changed, wasm);
    changed
}

#[tokio::test]
async fn imports_and_exports_must_be_those_of_this_host() {
    for (wasm, words) in [
        (
            changed(HOSTILE_DRIVER, "bellwether:host/log@0.1.0", "bellwether:host/lag@0.1.0"),
            "imports bellwether:host/lag@0.1.0, which is not offered to a driver",
        ),
        (
            changed(HOSTILE_DRIVER, "bellwether:host/log@0.1.0", "bellwether:host/log@0.9.0"),
            "imports bellwether:host/log@0.9.0, this host speaks 0.1",
        ),
        (
            changed(HOSTILE_RECEIVER, "bellwether:receiver/receiver@", "bellwether:receiver/receivor@"),
            "is no plugin: it exports none of",
        ),
        (changed(HOSTILE_WASI, "@0.2.6", "@0.3.6"), "this host has WASI 0.2"),
        (changed(HOSTILE_DRIVER, "describe", "descrabe"), "does not fit this host"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("odd.wasm"), wasm).unwrap();
        let said = reason(&folder, "odd").await;
        assert!(said.contains(words), "{said}");
    }
}

#[tokio::test]
async fn file_that_is_too_large_or_none_is_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let large = std::fs::File::create(folder.path().join("large.wasm")).unwrap();
    large.set_len((64 << 20) + 1).unwrap();
    std::fs::create_dir(folder.path().join("folder.wasm")).unwrap();
    assert_eq!(reason(&folder, "large").await, "has 67108865 bytes, limit 67108864");
    assert_eq!(reason(&folder, "folder").await, "is no file");
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("/dev/zero", folder.path().join("endless.wasm")).unwrap();
        assert_eq!(reason(&folder, "endless").await, "is no file");
        std::fs::write(folder.path().join("granted.wasm"), HOSTILE_DETECTOR).unwrap();
        std::os::unix::fs::symlink("/dev/zero", folder.path().join("granted.toml")).unwrap();
        assert!(reason(&folder, "granted").await.ends_with("granted.toml: is no file"));
    }
}

/// A component with one function that has so many values at hand at once.
fn slow_to_compile(values: usize) -> Vec<u8> {
    // Each is the one before times seven, and all of them are folded into one at the end.
    let local_get_const_mul_tee = [0x20, 0, 0x42, 7, 0x7e, 0x22, 0];
    let (xors, drop_end) = (vec![0x85; values - 1], [0x1a, 0x0b]);
    let one_local_i64 = [1, 1, 0x7e];
    let function = [&one_local_i64[..], &local_get_const_mul_tee.repeat(values), &xors, &drop_end].concat();
    let code = sized(&[&[1][..], &sized(&function)].concat());
    let types_and_functions = [1, 4, 1, 0x60, 0, 0, 3, 2, 1, 0];
    let module = [&b"\0asm\x01\0\0\0"[..], &types_and_functions, &[10], &code].concat();
    [&b"\0asm\x0d\0\x01\0\x01"[..], &sized(&module)].concat()
}

/// With its length before it, as WebAssembly has it.
fn sized(bytes: &[u8]) -> Vec<u8> {
    let mut length = bytes.len();
    let mut all = Vec::new();
    while length >= 0x80 {
        all.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    all.push(length as u8);
    all.extend_from_slice(bytes);
    all
}

#[tokio::test]
async fn slow_compiling_holds_up_no_call() {
    let folder = tempfile::tempdir().unwrap();
    let options = PluginsOptions {
        embedded: vec![EmbeddedPlugin { name: "hostile-driver", wasm: HOSTILE_DRIVER }],
        folder: Some(folder.path().to_path_buf()),
        limits: Limits { driver: slow(), ..Limits::default() },
        cache: None,
        ..options()
    };
    let plugins = Plugins::load(options).await.unwrap();
    std::fs::write(folder.path().join("slow.wasm"), slow_to_compile(20_000)).unwrap();
    let compiling = tokio::spawn({
        let plugins = plugins.clone();
        async move { plugins.rescan().await }
    });
    let mut session = plugins.driver("hostile-driver").unwrap().open(device("d", "{}")).await.unwrap();
    let (mut answers, begin) = (0, Instant::now());
    while !compiling.is_finished() {
        session.receive(vec![frame("1")]).await.unwrap();
        tokio::task::yield_now().await;
        answers += 1;
    }
    let PluginState::Broken { reason } = status_of(&plugins, "slow").state else { panic!() };
    assert!(reason.contains("is no plugin"), "{reason}");
    assert!(answers >= 20, "{answers} answers while it was compiled for {:?}", begin.elapsed());
}
