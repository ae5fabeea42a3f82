//! Wrong files, busy ports, unusable folders: each gives one message with place and remedy, and loses nothing.

use bellwether_sandbox::PluginState;
use bellwether_server::clock::Clock;
use bellwether_server::config::Origin;
use bellwether_server::host::{Host, HostOptions};
use libtest_mimic::Trial;

use crate::harness::{Folder, on_real_time, options, trial};

const ROUTING: &str = "route: {receiver: team}\nreceivers:\n  - name: team\n    inbox_configs: [{}]\n";

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("a_bad_rule_is_named_with_its_line", || {
            let rules = "groups:\n  - name: g\n    rules:\n      - alert: Hot\n        expr: temp >> 85\n";
            refuses(&[("rules.yml", rules)], &["rules.yml:5:15", "parse error", "hint:"]);
        }),
        trial("a_bad_route_is_named_with_its_line", || {
            let routing = ROUTING.replace("receiver: team}", "receiver: tem}");
            refuses(
                &[("alertmanager.yml", &routing)],
                &["alertmanager.yml:1:", "tem", "did you mean \"team\"?"],
            );
        }),
        trial("an_unknown_key_is_named_with_what_was_meant", || {
            refuses(
                &[("bellwether.yaml", "device: []\n")],
                &["bellwether.yaml:1:1", "device", "did you mean `devices`?"],
            );
            let routing = ROUTING.replace("receivers:", "recievers:");
            refuses(&[("alertmanager.yml", &routing)], &["alertmanager.yml:2:1", "recievers", "receivers"]);
            let scrape = "scrape_configs:\n  - job_name: a\n    static_config: []\n";
            refuses(&[("prometheus.yml", scrape)], &["prometheus.yml:3:5", "static_config", "did you mean"]);
        }),
        trial("an_unset_variable_is_named_with_its_place", || {
            let routing =
                ROUTING.replace("inbox_configs: [{}]", "webhook_configs: [{url: \"${BELLWETHER_NO_SUCH}\"}]");
            let want =
                ["alertmanager.yml:4:30", "BELLWETHER_NO_SUCH is not set", "export BELLWETHER_NO_SUCH="];
            refuses(&[("alertmanager.yml", &routing)], &want);
        }),
        trial("a_missing_file_is_named", || {
            let origin = Origin::Files(bellwether_server::config::Sources {
                alertmanager: Some("/nowhere/alertmanager.yml".into()),
                ..Default::default()
            });
            let text = failure(origin, |options| options);
            assert_has(&text, &["/nowhere/alertmanager.yml", "cannot read the file", "check the path"]);
        }),
        trial("a_busy_port_is_named_with_the_flag_to_change", a_busy_port_is_named),
        trial("an_unusable_data_folder_is_named", an_unusable_data_folder_is_named),
        trial("a_data_folder_in_use_is_named", a_data_folder_in_use_is_named),
        trial("a_corrupt_plugin_is_reported_and_stops_nothing", a_corrupt_plugin_is_reported),
        trial("a_reload_with_a_mistake_changes_nothing", a_reload_with_a_mistake_changes_nothing),
    ]
}

/// What a host says that cannot start.
fn failure(origin: Origin, change: impl FnOnce(HostOptions) -> HostOptions) -> String {
    let data = tempfile::tempdir().expect("a temporary folder");
    let options = change(options(data.path(), Clock::system()));
    let mut text = String::new();
    on_real_time(|| async {
        match Host::start(origin, options).await {
            Ok(_) => panic!("the host started"),
            Err(error) => text = format!("{error:#}"),
        }
    });
    text
}

#[track_caller]
fn assert_has(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in:\n{text}");
    }
    assert!(text.lines().count() < 25, "more than a screen:\n{text}");
}

#[track_caller]
fn refuses(files: &[(&str, &str)], parts: &[&str]) {
    let folder = Folder::with(files);
    assert_has(&failure(folder.origin(), |options| options), parts);
}

fn good() -> Folder {
    Folder::with(&[("alertmanager.yml", ROUTING)])
}

fn a_busy_port_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("an address").to_string();
    let text = failure(good().origin(), |options| HostOptions { listen: address.clone(), ..options });
    assert_has(&text, &["cannot listen on", &address, "another process", "--listen"]);
}

fn an_unusable_data_folder_is_named() {
    let folder = Folder::with(&[("alertmanager.yml", ROUTING), ("taken", "a file")]);
    let data_dir = folder.path("taken");
    let text = failure(folder.origin(), |options| HostOptions { data_dir, ..options });
    assert_has(&text, &["taken", "director"]);
}

fn a_data_folder_in_use_is_named() {
    let (folder, data) = (good(), tempfile::tempdir().expect("a temporary folder"));
    on_real_time(|| async {
        let first =
            Host::start(folder.origin(), options(data.path(), Clock::system())).await.expect("starts");
        let second = Host::start(folder.origin(), options(data.path(), Clock::system())).await;
        let text = format!("{:#}", second.expect_err("two hosts share a folder"));
        assert_has(&text, &[&data.path().to_string_lossy(), "another"]);
        first.stop().await;
    });
}

fn a_corrupt_plugin_is_reported() {
    let folder = Folder::with(&[("bellwether.yaml", "plugins: {dir: plugins}\n")]);
    folder.write("plugins/torn.wasm", b"\0asm\x0d\0\x01\0 and then nonsense");
    folder.write("plugins/text.wasm", b"this is no WebAssembly");
    let data = tempfile::tempdir().expect("a temporary folder");
    on_real_time(|| async {
        let host = Host::start(folder.origin(), options(data.path(), Clock::system())).await.expect("starts");
        let status = host.plugins.status();
        for name in ["torn", "text"] {
            let plugin = status.iter().find(|plugin| plugin.name == name).expect("the file is listed");
            let PluginState::Broken { reason } = &plugin.state else { panic!("{plugin:?}") };
            assert!(!reason.is_empty());
        }
        let healthy = status.iter().filter(|plugin| plugin.state == PluginState::Ready).count();
        assert_eq!(healthy, 5, "the built-in plugins work beside them");
        host.stop().await;
    });
}

fn a_reload_with_a_mistake_changes_nothing() {
    let rules = "groups: [{name: g, interval: 1s, rules: [{record: one, expr: vector(1)}]}]\n";
    let folder = Folder::with(&[("alertmanager.yml", ROUTING), ("rules.yml", rules)]);
    let data = tempfile::tempdir().expect("a temporary folder");
    on_real_time(|| async {
        let host = Host::start(folder.origin(), options(data.path(), Clock::system())).await.expect("starts");
        folder.write("rules.yml", b"groups: [{name: g, rules: [{record: one, expr: 'vector('}]}]\n");
        let text = format!("{:#}", host.reload().await.expect_err("the file is wrong"));
        assert_has(&text, &["rules.yml:1:", "parse error"]);
        assert_eq!(host.rules.groups().len(), 1);
        folder.write("rules.yml", rules.replace("name: g", "name: h").as_bytes());
        host.reload().await.expect("the file is good");
        assert_eq!(bellwether_server::evaluation::lock(&host.rules.groups()[0]).spec.name, "h");
        host.stop().await;
    });
}
