use super::*;

/// A folder with a file `am.yml` and its name.
fn alertmanager(text: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("am.yml");
    std::fs::write(&file, text).unwrap();
    (folder, file)
}

fn checker(plugins: &Path) -> Checker {
    let plugins = Shelf { usual: plugins.to_owned(), loaded: BTreeMap::new() };
    Checker { promql: PromqlFlags::default(), plugins }
}

#[tokio::test]
async fn a_kind_that_nobody_knows_is_a_mistake_unless_its_plugin_is_there() {
    let text = "route: {receiver: a}\nreceivers:\n- name: a\n  x_email_configs: [{to: a@b.c}]\n";
    let (folder, file) = alertmanager(text);
    let error = checker(folder.path()).alertmanager(&file).await.unwrap_err().to_string();
    assert!(error.contains("am.yml:4:21: ") && error.contains("did you mean email_configs?"), "{error}");
    std::fs::write(folder.path().join("x_email.wasm"), "").unwrap();
    assert!(checker(folder.path()).alertmanager(&file).await.is_ok());
}

const MISSPELT: &str = "\
route: {receiver: a}
receivers:
- name: a
  webhook_configs:
  - url_file: gone
    max_alerts: 0
  slack_configs:
  - api_url: https://hooks.example/T1
    channel: '#boards'
    text: '{{ .Nothing'
  jsonl_configs: [{}]
  pagerduty_configs: [{routing_key: abc}]
";

#[tokio::test]
async fn what_alertmanager_accepts_and_what_may_come_later_is_noted() {
    let (folder, file) = alertmanager(MISSPELT);
    let found = checker(folder.path()).alertmanager(&file).await.unwrap().join("\n");
    for note in [
        "line 5: url_file: cannot read ",
        "line 10: slack_configs: template of text: ",
        "\"jsonl\" is a driver",
        "no plugin named pagerduty",
    ] {
        assert!(found.contains(note), "{note} is not in {found}");
    }
    assert!(!found.contains("hooks.example"), "{found}");
}

/// A folder of plugins with one that sends nothing good.
fn with_plugin() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let wasm = include_bytes!("../../../../../plugins/dist/hostile/receiver.wasm");
    std::fs::write(folder.path().join("hostile-receiver.wasm"), wasm).unwrap();
    let grants = "[grants]\nhosts = [\"https://api.example\"]\n";
    std::fs::write(folder.path().join("hostile-receiver.toml"), grants).unwrap();
    folder
}

const OF_A_PLUGIN: &str = "\
route: {receiver: a}
receivers:
- name: a
  hostile-receiver_configs:
  - target: http://x.example
    tokn: x
    token_file: gone
";

#[tokio::test]
async fn settings_of_a_plugin_are_checked_with_file_line_and_remedy() {
    let (_folder, file) = alertmanager(OF_A_PLUGIN);
    let plugins = with_plugin();
    let error = checker(plugins.path()).alertmanager(&file).await.unwrap_err().to_string();
    assert_eq!(error.lines().count(), 3, "the file that is missing is no mistake: {error}");
    let wanted = "am.yml:6:5: hostile-receiver_configs: tokn: unknown setting; did you mean token?\n";
    assert!(error.contains(wanted) && error.contains("6 |     tokn: x\n"), "{error}");
}

#[tokio::test]
async fn a_configuration_is_checked_with_its_own_plugins_and_its_routing() {
    let (folder, _) = alertmanager(OF_A_PLUGIN);
    let plugins = with_plugin();
    let own = format!("plugins: {{dir: {:?}}}\nalertmanager_config: am.yml\n", plugins.path());
    let file = folder.path().join("bellwether.yaml");
    std::fs::write(&file, own).unwrap();
    let mut checker = checker(folder.path());
    let error = checker.config(&file).await.unwrap_err().to_string();
    assert!(error.contains("am.yml:6:5: ") && error.contains("did you mean token?"), "{error}");

    std::fs::write(folder.path().join("am.yml"), OF_A_PLUGIN.replace("    tokn: x\n", "")).unwrap();
    let found = checker.config(&file).await.unwrap().join("\n");
    assert!(found.contains("note: receiver \"a\", line 6: token_file: cannot read "), "{found}");
    let nobody = checker.alertmanager(&folder.path().join("am.yml")).await.unwrap_err();
    assert!(nobody.to_string().contains("no plugin is called hostile-receiver"), "{nobody}");
}

#[tokio::test]
async fn rules_are_checked_with_the_functions_of_plugins() {
    let plugins = tempfile::tempdir().unwrap();
    let file = plugins.path().join("rules.yml");
    let rules = "groups: [{name: g, rules: [{alert: A, expr: 'hostile_spin(x[1h]) > 3'}]}]\n";
    std::fs::write(&file, rules).unwrap();
    let error = checker(plugins.path()).rules(&file).await.unwrap_err().to_string();
    assert!(error.contains("unknown function with name \"hostile_spin\""), "{error}");
    assert!(error.contains("a plugin may bring hostile_spin") && error.contains("--plugins"), "{error}");
    let wasm = include_bytes!("../../../../../plugins/dist/hostile/detector.wasm");
    std::fs::write(plugins.path().join("hostile.wasm"), wasm).unwrap();
    let mut checker = checker(plugins.path());
    let found = checker.rules(&file).await.unwrap();
    assert_eq!(found, ["SUCCESS: 1 rules found"]);

    let own = plugins.path().join("bellwether.yaml");
    std::fs::write(&own, "rule_files: [rules.yml]\n").unwrap();
    let found = checker.config(&own).await.unwrap();
    assert_eq!(found, ["SUCCESS: 0 scrape configs, 0 devices, 1 rules"], "where the file names no folder");
}

#[tokio::test]
async fn what_drivers_have_against_their_devices_is_noted() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bellwether.yaml");
    let board = "platform: esp32, transport: {tcp: {connect: 'board.example:9555'}}";
    let devices = format!(
        "devices: [{{id: a, driver: kv, settings: {{x: 1}}, {board}}}, {{id: b, driver: kvv, {board}}}]\n"
    );
    std::fs::write(&file, devices).unwrap();
    let found = checker(folder.path()).config(&file).await.unwrap().join("\n");
    assert!(found.contains("note: device \"a\": x: unknown setting"), "{found}");
    assert!(found.contains("note: device \"b\": there is no driver plugin \"kvv\""), "{found}");
}
