//! `amtool`'s own settings: `$HOME/.config/amtool/config.yml` and `/etc/amtool/config.yml`.
//!
//! Each key is the long name of a flag (`alertmanager.url`, `author`, `output`, `receiver`, …) and its value what the flag
//! has where it is not given. The first file that has a key counts; a key that is no flag of the command is left alone,
//! as by `amtool`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use bellwether_model::yaml;
use clap::Command;

use crate::config::read_text;

/// The name that a key had in old files, and the one that it has.
const OLD_NAME: (&str, &str) = ("comment_required", "require-comment");

/// What flags have where they are not given, by their long names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings(BTreeMap<String, String>);

impl Settings {
    /// Those of the user and of the machine.
    pub fn load() -> anyhow::Result<Self> {
        let home = std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".config/amtool/config.yml"));
        let files = home.into_iter().chain([PathBuf::from("/etc/amtool/config.yml")]);
        let mut settings = Self::default();
        for file in files.filter(|file| file.exists()) {
            settings.add(&file.to_string_lossy(), &read_text(&file)?)?;
        }
        Ok(settings)
    }

    fn add(&mut self, file: &str, text: &str) -> anyhow::Result<()> {
        if text.trim().is_empty() {
            return Ok(());
        }
        let mut keys: BTreeMap<String, String> = yaml::parse(file, text)?;
        if let Some(value) = keys.remove(OLD_NAME.0) {
            keys.entry(OLD_NAME.1.to_owned()).or_insert(value);
        }
        for (key, value) in keys {
            self.0.entry(key).or_insert(value);
        }
        Ok(())
    }

    /// A command whose flags, and those of its subcommands, have these values where they are not given.
    pub fn applied_to(&self, command: Command) -> Command {
        let command = command.mut_args(|arg| match arg.get_long().and_then(|long| self.0.get(long)) {
            Some(value) => arg.default_value(value.clone()),
            None => arg,
        });
        command.mut_subcommands(|subcommand| self.applied_to(subcommand))
    }
}

#[cfg(test)]
mod tests {
    use clap::Arg;

    use super::*;

    fn settings(texts: &[&str]) -> Settings {
        let mut settings = Settings::default();
        for text in texts {
            settings.add("config.yml", text).unwrap();
        }
        settings
    }

    #[test]
    fn the_first_file_counts_and_old_names_are_known() {
        let both = settings(&["author: ann\ncomment_required: false", "author: bob\noutput: json", ""]);
        let expected = [("author", "ann"), ("output", "json"), ("require-comment", "false")];
        assert_eq!(both.0, expected.map(|(k, v)| (k.to_owned(), v.to_owned())).into());
        assert!(Settings::default().add("config.yml", "- a").is_err());
    }

    #[test]
    fn flags_of_subcommands_take_their_values_from_settings() {
        let command = || {
            let add = Command::new("add").arg(Arg::new("author").long("author"));
            settings(&["author: ann\nreceiver: x"]).applied_to(Command::new("t").subcommand(add))
        };
        let author = |words: &[&str]| {
            let matches = command().try_get_matches_from(words).unwrap();
            let (_, add) = matches.subcommand().unwrap();
            add.get_one::<String>("author").cloned()
        };
        assert_eq!(author(&["t", "add"]).as_deref(), Some("ann"));
        assert_eq!(author(&["t", "add", "--author=bob"]).as_deref(), Some("bob"));
    }
}
