//! `bellwether plugin new --lang LANG --kind KIND NAME`

use std::path::PathBuf;

use anyhow::Context;
use bellwether_sandbox::PluginKind;
use bellwether_workbench::{Language, PluginName, create, parse_kind, templates};
use clap::Args;

use super::{code, print, shown};
use crate::cli::Outcome;

/// Arguments of `bellwether plugin new`.
#[derive(Debug, Args)]
pub(super) struct NewArgs {
    /// Language: rust, go, python, javascript, c
    #[arg(long, value_name = "LANG", required_unless_present = "list")]
    lang: Option<Language>,
    /// What it is: driver, detector, receiver
    #[arg(long, value_parser = parse_kind, required_unless_present = "list")]
    kind: Option<PluginKind>,
    /// Folder to write to; one with the plugin's name where it is not given
    #[arg(long)]
    dir: Option<PathBuf>,
    /// Shows what there are templates for
    #[arg(long)]
    list: bool,
    /// Name of the plugin: small letters, digits and -
    #[arg(required_unless_present = "list")]
    name: Option<String>,
}

pub(super) fn run(args: &NewArgs) -> Outcome {
    if args.list {
        let line = |(language, kind): &(Language, PluginKind)| format!("--lang {language} --kind {kind}");
        print(&templates().iter().map(line).collect::<Vec<_>>());
        return Ok(code(true));
    }
    let needed = "required by clap unless --list";
    let name: PluginName = args.name.as_deref().context(needed)?.parse()?;
    let (language, kind) = (args.lang.context(needed)?, args.kind.context(needed)?);
    let folder = args.dir.clone().unwrap_or_else(|| PathBuf::from(name.as_str()));
    let files = create(&folder, language, kind, &name)?;
    let folder = shown(&folder);
    print(&[
        format!("{folder}: a {kind} in {language}, {} files", files.len()),
        format!("next: cd {folder} && bellwether plugin build && bellwether plugin test"),
    ]);
    Ok(code(true))
}
