//! `amtool template render`: what a template makes of a notification.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail};
use bellwether_model::Timestamp;
use bellwether_template::alertmanager::{Format, Templates, WebhookAlert, WebhookData};
use clap::{Args, Subcommand, ValueEnum};

use super::super::answer::Answer;
use super::super::words;
use crate::config::read_text;

/// What to do with templates.
#[derive(Debug, Subcommand)]
pub(super) enum TemplateCommand {
    /// Print what a text becomes
    Render(RenderArgs),
}

/// Arguments of `template render`.
#[derive(Debug, Args)]
pub(super) struct RenderArgs {
    /// Pattern of template files; may be repeated
    #[arg(long = "template.glob", value_name = "GLOB", required = true)]
    globs: Vec<String>,
    /// The text, such as '{{ template "slack.default.title" . }}'
    #[arg(long = "template.text", value_name = "TEXT")]
    text: String,
    /// Whether values are escaped for HTML
    #[arg(long = "template.type", value_enum, default_value = "text")]
    kind: Kind,
    /// A notification as webhooks get it, JSON; a made-up one by default
    #[arg(long = "template.data", value_name = "FILE", value_parser = words::existing_file)]
    data: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    Html,
    Text,
}

impl TemplateCommand {
    pub(super) fn run(self, now: Timestamp) -> anyhow::Result<Answer> {
        let Self::Render(args) = self;
        let data = match &args.data {
            Some(file) => {
                let text = read_text(file)?;
                serde_json::from_str(&text).with_context(|| format!("{}: no notification", file.display()))?
            }
            None => example(now),
        };
        let format = match args.kind {
            Kind::Html => Format::Html,
            Kind::Text => Format::Text,
        };
        let rendered = templates(&args.globs)?.render_webhook(&args.text, &data, format, now)?;
        Ok(Answer::of(rendered))
    }
}

fn templates(globs: &[String]) -> anyhow::Result<Templates> {
    let mut files = Vec::new();
    for pattern in globs {
        let paths = glob::glob(pattern).with_context(|| format!("bad pattern of templates: {pattern}"))?;
        for path in paths.filter_map(Result::ok) {
            files.push((path.to_string_lossy().into_owned(), read_text(&path)?));
        }
    }
    if files.is_empty() && globs.iter().any(|glob| !glob.contains(['*', '?', '['])) {
        bail!("no such template file: {}", globs.join(", "));
    }
    let files: Vec<_> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    Ok(Templates::new(&files)?)
}

/// A notification about an alert that fires and one that is over.
fn example(now: Timestamp) -> WebhookData {
    let alert =
        |status: &str, minutes: u64, labels: &[(&str, &str)], annotations: &[(&str, &str)]| WebhookAlert {
            status: status.to_owned(),
            labels: with_common("label", labels),
            annotations: with_common("annotation", annotations),
            starts_at: (now - Duration::from_secs(60 * minutes)).to_string(),
            ends_at: now.to_string(),
            generator_url: "https://generatorurl.com".to_owned(),
            fingerprint: String::new(),
        };
    let firing = alert(
        "firing",
        5,
        &[("label1", "value1"), ("label2", "value2"), ("instance", "foo.bar:1234")],
        &[("annotation1", "value1"), ("annotation2", "value2")],
    );
    let resolved =
        alert("resolved", 10, &[("foo", "bar"), ("baz", "qux")], &[("aaa", "bbb"), ("ccc", "ddd")]);
    WebhookData {
        receiver: "receiver".to_owned(),
        status: "alertstatus".to_owned(),
        alerts: vec![
            WebhookAlert { fingerprint: "fingerprint1".to_owned(), ..firing },
            WebhookAlert { fingerprint: "fingerprint2".to_owned(), ..resolved },
        ],
        group_labels: numbered("grouplabel"),
        common_labels: numbered("commonlabel"),
        common_annotations: numbered("commonannotation"),
        external_url: "https://example.com".to_owned(),
        ..WebhookData::default()
    }
}

fn with_common(kind: &str, own: &[(&str, &str)]) -> BTreeMap<String, String> {
    let own = own.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    own.chain(numbered(&format!("common{kind}"))).collect()
}

/// Two pairs: `xkey1` with `xvalue1`, `xkey2` with `xvalue2`.
fn numbered(what: &str) -> BTreeMap<String, String> {
    [1, 2].map(|number| (format!("{what}key{number}"), format!("{what}value{number}"))).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn renders_files_for_a_made_up_notification() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("x.tmpl");
        std::fs::write(
            &file,
            r#"{{ define "x" }}{{ len .Alerts.Firing }}<{{ .GroupLabels.grouplabelkey1 }}{{ end }}"#,
        )
        .unwrap();
        let args = RenderArgs {
            globs: vec![file.to_string_lossy().into_owned()],
            text: r#"{{ template "x" . }}"#.to_owned(),
            kind: Kind::Text,
            data: None,
        };
        let answer = TemplateCommand::Render(args).run(Timestamp::from_millis(0)).unwrap();
        assert_eq!(answer.out, "1<grouplabelvalue1");
    }
}
