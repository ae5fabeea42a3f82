//! `bellwether plugin list|show|approve|enable|disable`: what operators do with a folder of plugins. `lock` is beside it.
//!
//! They look at the folder, not at a running server, which takes up what they change within seconds.

use std::io::{BufRead, IsTerminal, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, bail};
use bellwether_sandbox::lock::LOCK_FILE;
use bellwether_sandbox::{PluginKind, PluginSource, PluginState, PluginStatus, Plugins, SettingKind, grants};
use clap::Args;

use super::lock::FolderLock;
use super::{code, print};
use crate::cli::Outcome;
use crate::cli::check::DEFAULT_PLUGINS;
use crate::cli::table::aligned;
use crate::plugins::{self, Look};

/// Which folder.
#[derive(Debug, Args)]
pub(in crate::cli) struct FolderArgs {
    /// Folder of drop-in plugins
    #[arg(long, value_name = "DIR", default_value = DEFAULT_PLUGINS)]
    pub(super) plugins: PathBuf,
    /// Data folder of the server, whose compiled code saves time; the one that the folder of plugins is in where it is not
    /// given
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

/// Arguments of `bellwether plugin list`.
#[derive(Debug, Args)]
pub(super) struct ListArgs {
    #[command(flatten)]
    folder: FolderArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Arguments of commands about one plugin.
#[derive(Debug, Args)]
pub(super) struct OneArgs {
    /// Name of the plugin
    name: String,
    #[command(flatten)]
    folder: FolderArgs,
}

/// Arguments of `bellwether plugin approve`.
#[derive(Debug, Args)]
pub(super) struct ApproveArgs {
    #[command(flatten)]
    plugin: OneArgs,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

pub(super) async fn list(args: &ListArgs) -> Outcome {
    let found = args.folder.load(true).await?.status();
    if args.json {
        print(&[serde_json::to_string_pretty(&found)?]);
        return Ok(code(true));
    }
    let mut table = "NAME\tKIND\tVERSION\tSTATE\tFROM\t\n".to_owned();
    for plugin in &found {
        let kind = kind(plugin);
        let PluginStatus { name, version, source, .. } = plugin;
        table += &format!("{name}\t{kind}\t{version}\t{}\t{source}\t\n", state(plugin));
    }
    print(&aligned(&table).lines().map(str::trim_end).collect::<Vec<_>>());
    Ok(code(true))
}

pub(super) async fn show(args: &OneArgs) -> Outcome {
    let plugin = args.find().await?;
    print(&description(&plugin));
    Ok(code(true))
}

pub(super) async fn approve(args: &ApproveArgs) -> Outcome {
    let plugin = args.plugin.find_file().await?;
    let file = grants_file(&plugin)?;
    let secrets: Vec<&str> = secrets(&plugin).collect();
    let missing = match &plugin.state {
        PluginState::WaitingForGrants { missing, .. } => missing.clone(),
        PluginState::Broken { reason } => bail!("{} cannot be used: it {reason}", plugin.name),
        PluginState::Loading { .. }
        | PluginState::Ready
        | PluginState::Active
        | PluginState::Degraded { .. }
        | PluginState::Disabled
        | PluginState::Quarantined => Vec::new(),
    };
    let mut lock = FolderLock::read(&args.plugin.folder.plugins)?;
    let is_locked = lock.as_ref().is_none_or(|lock| lock.has(&plugin));
    if missing.is_empty() && is_locked {
        print(&[format!("{} has all that it asks for", plugin.name)]);
        return Ok(code(true));
    }
    print(&description(&plugin));
    if !missing.is_empty() {
        print(&[format!("Approving it lets it reach {}", missing.join(", "))]);
        if !secrets.is_empty() {
            print(&[format!("and lets its secrets ({}) go there, and nowhere else", secrets.join(", "))]);
        }
    }
    if !is_locked {
        print(&[format!("Approving it puts its sha256 into {LOCK_FILE}")]);
    }
    if !args.yes && !agreed()? {
        bail!("not approved");
    }
    if !missing.is_empty() {
        let text = rewrite(&file, |text| grants::granted(text, &missing, &secrets))?;
        print(&[format!("{} now says:", file.display())]);
        print(&text.lines().map(|line| format!("  {line}")).collect::<Vec<_>>());
    }
    if let Some(lock) = &mut lock {
        print(&lock.accept(&plugin));
        lock.write()?;
    }
    Ok(code(true))
}

pub(super) async fn switch(args: &OneArgs, enabled: bool) -> Outcome {
    let plugin = args.find_file().await?;
    let file = grants_file(&plugin)?;
    rewrite(&file, |text| grants::switched(text, enabled))?;
    let word = if enabled { "on" } else { "off" };
    print(&[format!("{} is switched {word} in {}", plugin.name, file.display())]);
    Ok(code(true))
}

impl FolderArgs {
    /// With compiled code that all tests of this process and the next ones share.
    #[cfg(test)]
    pub(super) async fn of(folder: &Path) -> Self {
        let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/tmp/server-test-plugins");
        plugins::begin_cache(&data).await;
        Self { plugins: folder.to_path_buf(), data: Some(data) }
    }

    /// The folder, which is there unless it is the usual one.
    pub(in crate::cli) fn path(&self) -> anyhow::Result<&Path> {
        if !self.plugins.is_dir() && self.plugins != Path::new(DEFAULT_PLUGINS) {
            bail!("there is no folder {}; name it with --plugins", self.plugins.display());
        }
        Ok(&self.plugins)
    }

    /// Loads what is there; with the lock honoured, as the server does.
    pub(super) async fn load(&self, honour_lock: bool) -> anyhow::Result<Plugins> {
        let usual = Look::of(self.path()?);
        let data_dir = self.data.as_deref().unwrap_or(usual.data_dir);
        plugins::look(Look { data_dir, honour_lock, ..usual }).await
    }

    fn unknown(&self, name: &str, all: &[PluginStatus]) -> anyhow::Error {
        let names: Vec<&str> = all.iter().map(|plugin| plugin.name.as_str()).collect();
        let folder = self.plugins.display();
        anyhow!("there is no plugin {name:?} in {folder}; there are: {}", names.join(", "))
    }
}

impl ApproveArgs {
    #[cfg(test)]
    pub(super) async fn without_asking(folder: &Path, name: &str) -> Self {
        let folder = FolderArgs::of(folder).await;
        Self { plugin: OneArgs { name: name.to_owned(), folder }, yes: true }
    }
}

impl OneArgs {
    /// The plugin of that name, as it stands in the server.
    async fn find(&self) -> anyhow::Result<PluginStatus> {
        let all = self.folder.load(true).await?.status();
        let found = all.iter().find(|plugin| is_called(plugin, &self.name)).cloned();
        found.ok_or_else(|| self.folder.unknown(&self.name, &all))
    }

    /// The same, whether it is locked out or not: a file rather than one of the host that has the same name.
    async fn find_file(&self) -> anyhow::Result<PluginStatus> {
        let plugins = self.folder.load(false).await?;
        let all = plugins.status();
        let mut found = plugins.files().into_iter().chain(all.iter().cloned());
        found
            .find(|plugin| is_called(plugin, &self.name))
            .ok_or_else(|| self.folder.unknown(&self.name, &all))
    }
}

/// By its own name, or as its file is called.
pub(super) fn is_called(plugin: &PluginStatus, name: &str) -> bool {
    let stem = match &plugin.source {
        PluginSource::File { path } => path.file_stem(),
        PluginSource::Embedded => None,
    };
    plugin.name == name || stem.is_some_and(|stem| stem == name)
}

fn kind(plugin: &PluginStatus) -> String {
    plugin.kind.map_or_else(|| "?".to_owned(), |kind| kind.to_string())
}

fn state(plugin: &PluginStatus) -> &'static str {
    match plugin.state {
        PluginState::WaitingForGrants { .. } => "waiting for grants",
        PluginState::Disabled => "switched off",
        _ => plugin.state.as_str(),
    }
}

fn secrets(plugin: &PluginStatus) -> impl Iterator<Item = &str> {
    let secret = |setting: &&bellwether_sandbox::SettingInfo| setting.kind == SettingKind::Secret;
    plugin.settings.iter().filter(secret).map(|setting| setting.name.as_str())
}

/// All that matters to who decides about it, in words.
fn description(plugin: &PluginStatus) -> Vec<String> {
    let PluginStatus { name, version, summary, source, sha256, size_bytes, .. } = plugin;
    let mut lines = vec![
        match plugin.kind {
            Some(kind) => format!("{name} {version}, a {kind}: {summary}"),
            None => format!("{name}, which has not said what it is"),
        },
        format!("  from      {source}, {size_bytes} bytes"),
        format!("  sha256    {sha256}"),
        format!("  state     {}", state(plugin)),
    ];
    if let PluginState::Broken { reason } = &plugin.state {
        lines.push(format!("  it        {reason}"));
    }
    lines.extend(plugin.rejected_update.iter().map(|why| format!("  a newer version was refused: it {why}")));
    let reach = |lines: &mut Vec<String>, words: &str, hosts: &[String]| {
        if !hosts.is_empty() {
            lines.push(format!("  {words} {}", hosts.join(", ")));
        }
    };
    reach(&mut lines, "asks for ", &plugin.wants_hosts);
    reach(&mut lines, "may reach", &plugin.granted_hosts);
    match plugin.kind {
        Some(PluginKind::Receiver) => {
            lines.push(
                "  It sends requests, through the host and to the places above and in its settings only."
                    .into(),
            );
        }
        Some(PluginKind::Driver) => {
            lines.push("  It sees what its devices send, and reaches nothing else.".into());
        }
        Some(PluginKind::Detector) => {
            lines.push("  It sees the numbers that rules give it, and reaches nothing else.".into());
        }
        None => {}
    }
    if !plugin.settings.is_empty() {
        lines.push("  settings:".into());
    }
    for setting in &plugin.settings {
        let need = if setting.required { ", required" } else { "" };
        let default = setting.default.as_ref().map(|value| format!(", {value} by default"));
        let kind = serde_json::to_value(setting.kind).unwrap_or_default();
        let kind = kind.as_str().unwrap_or("text");
        let default = default.unwrap_or_default();
        lines.push(format!("    {} ({kind}{need}{default}): {}", setting.name, setting.help));
    }
    if !plugin.provides.is_empty() {
        lines.push(format!("  adds      {}", plugin.provides.join(", ")));
    }
    lines
}

fn grants_file(plugin: &PluginStatus) -> anyhow::Result<PathBuf> {
    match &plugin.source {
        PluginSource::File { path } => Ok(path.with_extension("toml")),
        PluginSource::Embedded => {
            bail!("{} is part of the host, asks for nothing, and is on", plugin.name)
        }
    }
}

/// Changes a file of grants, or begins one; a reader sees the old one or the new one.
fn rewrite(file: &Path, change: impl FnOnce(&str) -> Result<String, String>) -> anyhow::Result<String> {
    let old = match std::fs::read_to_string(file) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        read => read.with_context(|| format!("cannot read {}", file.display()))?,
    };
    let new = change(&old).map_err(|why| anyhow!("{}: {why}", file.display()))?;
    replace(file, &new)?;
    Ok(new)
}

/// Writes a file so that a reader sees the old one or the new one.
pub(super) fn replace(file: &Path, text: &str) -> anyhow::Result<()> {
    let mut aside = file.as_os_str().to_owned();
    aside.push(".new");
    let aside = PathBuf::from(aside);
    std::fs::write(&aside, text).with_context(|| format!("cannot write {}", aside.display()))?;
    std::fs::rename(&aside, file).with_context(|| format!("cannot replace {}", file.display()))
}

fn agreed() -> anyhow::Result<bool> {
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        bail!("nobody is there to be asked; --yes approves without a question");
    }
    let mut stdout = std::io::stdout();
    write!(stdout, "Approve? [y/N] ").and_then(|()| stdout.flush()).context("cannot ask")?;
    let mut answer = String::new();
    stdin.lock().read_line(&mut answer).context("cannot read the answer")?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOSTILE_RECEIVER: &[u8] = include_bytes!("../../../../../plugins/dist/hostile/receiver.wasm");

    async fn one(folder: &Path) -> OneArgs {
        let folder = FolderArgs::of(folder).await;
        OneArgs { name: "hostile-receiver".to_owned(), folder }
    }

    #[tokio::test]
    async fn approving_writes_what_is_missing_and_the_plugin_is_ready() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("x.wasm"), HOSTILE_RECEIVER).unwrap();
        let one = one(folder.path()).await;
        let waiting = one.find().await.unwrap();
        assert_eq!(state(&waiting), "waiting for grants");
        assert!(description(&waiting).iter().any(|line| line.contains("asks for  https://api.example")));
        approve(&ApproveArgs::without_asking(folder.path(), "hostile-receiver").await).await.unwrap();
        let ready = one.find().await.unwrap();
        assert_eq!(
            (state(&ready), &ready.granted_hosts[..]),
            ("ready", &["https://api.example".to_owned()][..])
        );
        switch(&one, false).await.unwrap();
        let off = one.find().await.unwrap();
        assert_eq!(
            (state(&off), kind(&off).as_str()),
            ("switched off", "receiver"),
            "and still says what it is"
        );
        switch(&one, true).await.unwrap();
        assert_eq!(state(&one.find().await.unwrap()), "ready");
    }

    #[tokio::test]
    async fn a_wrong_name_lists_the_right_ones() {
        let folder = tempfile::tempdir().unwrap();
        let one = one(folder.path()).await;
        let error = one.find().await.unwrap_err().to_string();
        assert!(error.contains("there are: jsonl, kv, slack, webhook, zscore"), "{error}");
        let of_host = OneArgs { name: "kv".to_owned(), ..one };
        let error = switch(&of_host, false).await.unwrap_err().to_string();
        assert!(error.contains("kv is part of the host"), "{error}");
    }
}
