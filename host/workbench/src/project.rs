//! A plugin's project: its folder and what `plugin.toml` says.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use bellwether_sandbox::PluginKind;
use serde::Deserialize;

use crate::error::WorkbenchError;

/// The file that makes a folder a project.
const MANIFEST: &str = "plugin.toml";
/// Longest name, as the host has it.
const MAX_NAME_BYTES: usize = 64;

/// A language that there is a recipe for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// Rust, with the SDK.
    Rust,
    /// Go, with its own compiler.
    Go,
    /// Python, by componentize-py.
    Python,
    /// JavaScript, by componentize-js.
    JavaScript,
    /// C, with any compiler that knows WASI.
    C,
}

impl Language {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Rust, Self::Go, Self::Python, Self::JavaScript, Self::C];

    /// As in `plugin.toml` and in the names of templates.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rust => "rust",
            Self::Go => "go",
            Self::Python => "python",
            Self::JavaScript => "javascript",
            Self::C => "c",
        }
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Language {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let named = Self::ALL.into_iter().find(|language| language.as_str() == text);
        let short = || match text {
            "js" => Some(Self::JavaScript),
            "py" => Some(Self::Python),
            _ => None,
        };
        named.or_else(short).ok_or_else(|| {
            format!("unknown language {text:?}; there are {}", Self::ALL.map(Self::as_str).join(", "))
        })
    }
}

/// The kind of that name.
pub fn parse_kind(text: &str) -> Result<PluginKind, String> {
    KINDS.into_iter().find(|kind| kind.to_string() == text).ok_or_else(|| {
        format!("unknown kind {text:?}; there are {}", KINDS.map(|kind| kind.to_string()).join(", "))
    })
}

/// All kinds.
pub(crate) const KINDS: [PluginKind; 3] = [PluginKind::Driver, PluginKind::Detector, PluginKind::Receiver];

/// A name that a plugin can have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PluginName(String);

impl PluginName {
    /// In kebab case.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// `my_board`
    pub(crate) fn snake(&self) -> String {
        self.0.replace('-', "_")
    }

    /// `MyBoard`
    pub(crate) fn pascal(&self) -> String {
        let capital = |word: &str| {
            let mut letters = word.chars();
            letters
                .next()
                .map(|first| first.to_ascii_uppercase())
                .into_iter()
                .chain(letters)
                .collect::<String>()
        };
        self.0.split('-').map(capital).collect()
    }
}

impl FromStr for PluginName {
    type Err = WorkbenchError;

    fn from_str(name: &str) -> Result<Self, WorkbenchError> {
        let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let problem = match name {
            "" => Some("it is empty"),
            _ if name.len() > MAX_NAME_BYTES => Some("it is longer than 64 characters"),
            _ if !name.chars().all(legal) => Some("it has other characters"),
            _ if !name.starts_with(|c: char| c.is_ascii_lowercase()) => {
                Some("it does not begin with a letter")
            }
            _ if name.ends_with('-') || name.contains("--") => Some("each - stands between two words"),
            _ => None,
        };
        match problem {
            Some(problem) => Err(WorkbenchError::BadName { name: name.to_owned(), problem }),
            None => Ok(Self(name.to_owned())),
        }
    }
}

/// A folder with a `plugin.toml`.
#[derive(Debug, Clone)]
pub struct Project {
    /// The folder.
    pub folder: PathBuf,
    /// What the plugin is called.
    pub name: PluginName,
    /// What it is.
    pub kind: PluginKind,
    /// What it is written in.
    pub language: Language,
    /// Whether a detector has models beside its functions.
    pub(crate) models: bool,
    /// What replaces the language's own recipe.
    pub(crate) own_build: Option<OwnBuild>,
}

/// How a project builds itself.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OwnBuild {
    /// A program with its arguments.
    pub(crate) command: Vec<String>,
    /// What it makes: a component, or a core module.
    pub(crate) output: PathBuf,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    plugin: PluginTable,
    build: Option<OwnBuild>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PluginTable {
    name: String,
    kind: String,
    language: String,
    #[serde(default)]
    models: bool,
}

impl Project {
    /// Reads the project of a folder.
    pub fn open(folder: &Path) -> Result<Self, WorkbenchError> {
        let path = folder.join(MANIFEST);
        if !path.is_file() {
            return Err(WorkbenchError::NoProject(folder.to_owned()));
        }
        let text = fs::read_to_string(&path).map_err(WorkbenchError::reading(&path))?;
        Self::parse(folder, &text).map_err(|problem| WorkbenchError::in_file(&path, problem))
    }

    fn parse(folder: &Path, text: &str) -> Result<Self, String> {
        let file: File = toml::from_str(text).map_err(|error| error.to_string().trim().to_owned())?;
        if file.build.as_ref().is_some_and(|build| build.command.is_empty()) {
            return Err("the command under [build] is empty; write a program and its arguments".into());
        }
        let kind = parse_kind(&file.plugin.kind)?;
        if file.plugin.models && kind != PluginKind::Detector {
            return Err(format!("a {kind} cannot have models; only detectors can"));
        }
        Ok(Self {
            folder: folder.to_owned(),
            name: file.plugin.name.parse().map_err(|error: WorkbenchError| error.to_string())?,
            kind,
            models: file.plugin.models,
            language: file.plugin.language.parse()?,
            own_build: file.build,
        })
    }

    /// The component that `build` leaves.
    pub fn output(&self) -> PathBuf {
        self.build_folder().join(format!("{}.wasm", self.name.as_str()))
    }

    /// Where builds leave what they make.
    pub(crate) fn build_folder(&self) -> PathBuf {
        self.folder.join("build")
    }

    /// The interfaces.
    pub(crate) fn wit(&self) -> PathBuf {
        self.folder.join("wit")
    }

    /// The world that the plugin is made for.
    pub(crate) fn world(&self) -> String {
        let full = if self.models { "-full" } else { "" };
        format!("{}-plugin{full}", self.kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_three_spellings() {
        let name: PluginName = "my-board-2x".parse().unwrap();
        assert_eq!((name.snake().as_str(), name.pascal().as_str()), ("my_board_2x", "MyBoard2x"));
    }

    #[test]
    fn bad_names_say_what_a_good_one_has() {
        for name in ["", "My-Board", "2x", "a--b", "a-", "../x", "ä", &"a".repeat(65)] {
            let error = name.parse::<PluginName>().unwrap_err().to_string();
            assert!(error.contains("such as my-board"), "{error}");
        }
    }

    #[test]
    fn a_manifest_is_read_and_its_mistakes_are_named() {
        let read = |text: &str| Project::parse(Path::new("x"), text);
        let good = "[plugin]\nname = \"a-b\"\nkind = \"driver\"\nlanguage = \"c\"\n";
        let project = read(good).unwrap();
        assert_eq!((project.language, project.world().as_str()), (Language::C, "driver-plugin"));
        assert_eq!(project.output(), Path::new("x/build/a-b.wasm"));
        for (from, to, problem) in [
            ("driver", "drivers", "there are driver, detector, receiver"),
            ("\"c\"", "\"zig\"", "there are rust, go, python, javascript, c"),
            ("a-b", "A", "such as my-board"),
            ("kind", "kinds", "unknown field"),
            ("language", "models = true\nlanguage", "only detectors can"),
        ] {
            let error = read(&good.replace(from, to)).unwrap_err();
            assert!(error.contains(problem), "{error}");
        }
        let detector = good.replace("driver", "detector") + "models = true\n";
        assert_eq!(read(&detector).unwrap().world(), "detector-plugin-full");
        let empty = format!("{good}[build]\ncommand = []\noutput = \"x\"\n");
        assert!(read(&empty).unwrap_err().contains("is empty"));
    }
}
