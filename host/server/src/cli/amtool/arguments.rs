//! `amtool`'s habits on the command line: commands that need not be named, flags with `no-` before them, and its words
//! for what it does not understand.

use anyhow::anyhow;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgAction, Command};

use super::super::answer::Answer;

/// Groups of commands, and the one of each that is meant where none is named.
const DEFAULTS: [(&str, &str); 5] =
    [("alert", "query"), ("silence", "query"), ("cluster", "show"), ("config", "show"), ("routes", "show")];

/// The arguments with every command named and without flags that are taken back.
pub(super) fn completed(root: &Command, words: &[String]) -> Vec<String> {
    let mut words = without_negations(root, words);
    let mut command = root;
    let mut flags: Vec<&Arg> = root.get_arguments().collect();
    let mut from = 1;
    loop {
        let default = DEFAULTS.iter().find(|(group, _)| *group == command.get_name()).map(|(_, name)| *name);
        let default_flags =
            default.and_then(|name| command.find_subcommand(name)).map(Command::get_arguments);
        let known: Vec<&Arg> = flags.iter().copied().chain(default_flags.into_iter().flatten()).collect();
        let word = positional(&known, &words, from);
        let named = word.and_then(|at| Some((at, command.find_subcommand(&words[at])?)));
        match (named, default) {
            (Some((at, subcommand)), _) => {
                (command, from) = (subcommand, at + 1);
                flags.extend(subcommand.get_arguments());
            }
            (None, Some(default)) => {
                words.insert(from, default.to_owned());
                return words;
            }
            (None, None) => return words,
        }
    }
}

/// Where the first word stands that is neither a flag nor the value of one.
fn positional(flags: &[&Arg], words: &[String], from: usize) -> Option<usize> {
    let mut at = from;
    while let Some(word) = words.get(at) {
        if word == "--" || !word.starts_with('-') || word == "-" {
            return Some(at);
        }
        at += if takes_next(flags, word) { 2 } else { 1 };
    }
    None
}

/// Whether the value of a flag is the next word.
fn takes_next(flags: &[&Arg], word: &str) -> bool {
    let takes_value = |arg: &&Arg| arg.get_action().takes_values() && !arg.is_require_equals_set();
    if let Some(long) = word.strip_prefix("--") {
        return flags.iter().any(|arg| arg.get_long() == Some(long) && takes_value(arg));
    }
    // Of `-so json`, `o` takes the next word; of `-ojson` it takes the rest.
    let letters: Vec<char> = word.chars().skip(1).collect();
    let valued = |letter: &char| flags.iter().any(|arg| arg.get_short() == Some(*letter) && takes_value(arg));
    letters.iter().position(valued).is_some_and(|at| at + 1 == letters.len())
}

/// Takes out `--no-x` where `x` is a switch; a switch that is on by itself becomes `--x=false`.
fn without_negations(root: &Command, words: &[String]) -> Vec<String> {
    let mut kept = Vec::with_capacity(words.len() + 2);
    for (at, word) in words.iter().enumerate() {
        if word == "--" {
            kept.extend_from_slice(&words[at..]);
            break;
        }
        match word.strip_prefix("--no-").and_then(|name| find_switch(root, name)) {
            Some(switch) if switch.is_require_equals_set() => {
                kept.push(format!("--{}=false", switch.get_long().unwrap_or_default()));
            }
            Some(_) => {}
            None => kept.push(word.clone()),
        }
    }
    kept
}

fn find_switch<'a>(command: &'a Command, name: &str) -> Option<&'a Arg> {
    let is_switch = |arg: &&Arg| {
        arg.get_long() == Some(name)
            && (matches!(arg.get_action(), ArgAction::SetTrue) || arg.is_require_equals_set())
    };
    command
        .get_arguments()
        .find(is_switch)
        .or_else(|| command.get_subcommands().find_map(|subcommand| find_switch(subcommand, name)))
}

/// Help and version are answers; anything else is said as `amtool` would.
pub(super) fn refused(error: &clap::Error, version: &str) -> anyhow::Result<Answer> {
    let context = |kind| error.get(kind).map(ToString::to_string).unwrap_or_default();
    let argument = context(ContextKind::InvalidArg);
    let flag = argument.split_whitespace().next().unwrap_or_default();
    let text = match error.kind() {
        ErrorKind::DisplayVersion => return Ok(Answer::of(version)),
        ErrorKind::DisplayHelp | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            return Ok(Answer::of(error.render().to_string()));
        }
        ErrorKind::UnknownArgument if flag.starts_with("--") => format!("unknown long flag '{flag}'"),
        ErrorKind::UnknownArgument if flag.starts_with('-') => format!("unknown short flag '{flag}'"),
        ErrorKind::UnknownArgument => format!("unexpected {argument}"),
        ErrorKind::InvalidSubcommand => {
            format!("expected command but got {:?}", context(ContextKind::InvalidSubcommand))
        }
        ErrorKind::MissingSubcommand => {
            let command = context(ContextKind::InvalidSubcommand);
            format!("must select a subcommand of '{}'", command.trim_start_matches("amtool "))
        }
        ErrorKind::InvalidValue => invalid_value(error, flag, &context(ContextKind::InvalidValue)),
        ErrorKind::ValueValidation => {
            std::error::Error::source(error).map_or_else(|| first_line(error), ToString::to_string)
        }
        ErrorKind::MissingRequiredArgument => format!("required flag(s) {} not provided", missing(error)),
        _ => first_line(error),
    };
    Err(anyhow!(text))
}

fn invalid_value(error: &clap::Error, flag: &str, value: &str) -> String {
    match error.get(ContextKind::ValidValue) {
        Some(ContextValue::Strings(valid)) if !value.is_empty() => {
            format!("enum value must be one of {}, got '{value}'", valid.join(","))
        }
        _ => format!("expected argument for flag '{flag}'"),
    }
}

/// The flags that are missing, without the names of their values.
fn missing(error: &clap::Error) -> String {
    let Some(ContextValue::Strings(arguments)) = error.get(ContextKind::InvalidArg) else {
        return String::new();
    };
    let flags = arguments.iter().filter_map(|argument| argument.split_whitespace().next());
    flags.map(|flag| format!("'{flag}'")).collect::<Vec<_>>().join(", ")
}

fn first_line(error: &clap::Error) -> String {
    let text = error.render().to_string();
    text.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned()
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::super::Amtool;
    use super::*;

    fn words(line: &str) -> Vec<String> {
        std::iter::once("amtool").chain(line.split_whitespace()).map(str::to_owned).collect()
    }

    #[test]
    fn commands_that_are_not_named_are_put_in() {
        let root = Amtool::command();
        let completed = |line: &str| completed(&root, &words(line))[1..].join(" ");
        for (given, expected) in [
            ("alert", "alert query"),
            ("-o json alert T1", "-o json alert query T1"),
            ("alert -o json", "alert query -o json"),
            ("alert -o json add x", "alert -o json add x"),
            ("silence -q", "silence query -q"),
            ("silence --within 1h T1", "silence query --within 1h T1"),
            ("silence add -a query x", "silence add -a query x"),
            ("alert -- add", "alert query -- add"),
            ("config", "config show"),
            ("config routes", "config routes show"),
            (
                "config -o=json routes --config.file f test a=b",
                "config -o=json routes --config.file f test a=b",
            ),
            ("config routes --config.file=f", "config routes show --config.file=f"),
            ("cluster", "cluster show"),
            ("check-config f", "check-config f"),
            ("nope", "nope"),
        ] {
            assert_eq!(completed(given), expected, "{given}");
        }
    }

    #[test]
    fn switches_can_be_taken_back() {
        let root = Amtool::command();
        let completed = |line: &str| completed(&root, &words(line))[1..].join(" ");
        assert_eq!(completed("--no-version-check silence -q --no-quiet"), "silence query -q");
        assert_eq!(completed("silence add --no-require-comment"), "silence add --require-comment=false");
        assert_eq!(completed("silence add -- --no-quiet --no-such"), "silence add -- --no-quiet --no-such");
    }

    #[test]
    fn mistakes_are_told_in_amtools_words() {
        let told = |line: &str| {
            let error = Amtool::command().try_get_matches_from(words(line)).unwrap_err();
            refused(&error, "").unwrap_err().to_string()
        };
        for (line, expected) in [
            ("--foo", "unknown long flag '--foo'"),
            ("-x", "unknown short flag '-x'"),
            ("foo", "expected command but got \"foo\""),
            ("alert query -o nope", "enum value must be one of simple,extended,json, got 'nope'"),
            ("--output", "expected argument for flag '--output'"),
            ("cluster show x", "unexpected x"),
            ("template", "must select a subcommand of 'template'"),
            ("--timeout foo alert query", "not a valid duration string: \"foo\""),
            ("template render --template.text x", "required flag(s) '--template.glob' not provided"),
        ] {
            assert_eq!(told(line), expected, "{line}");
        }
    }
}
