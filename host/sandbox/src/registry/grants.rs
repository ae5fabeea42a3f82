//! The operator's file beside a plugin: what it may reach and use.
//!
//! ```toml
//! sha256 = "2e910b…"                        # refuse any other file
//! [grants]
//! hosts = ["https://api.example.com"]       # scheme://host[:port], *. for all names below a domain
//! private-networks = false                  # whether a *. may lead to private addresses
//! kv = "1MiB"                               # what it may keep
//! [grants.secrets.token]
//! hosts = ["https://api.example.com"]       # this secret goes nowhere else
//! [limits]
//! memory = "32MiB"
//! ```

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use serde::Deserialize;
use toml_edit::{Array, DocumentMut, Item, Table};

use crate::egress::{AllowList, OriginPattern};
use crate::limits::Limits;

/// A longer file is none of ours.
const MAX_FILE_BYTES: u64 = 64 << 10;
/// Memory that can be granted: wasm's own limit.
const MAX_MEMORY_BYTES: usize = u32::MAX as usize;

/// Values that can be granted: they are read one by one, but lie in the database of alerts.
const MAX_VALUES_BYTES: usize = 64 << 20;

/// What a file of grants says.
#[derive(Debug, Clone, Default)]
pub(super) struct Grants {
    pub(super) sha256: Option<String>,
    pub(super) disabled: bool,
    pub(super) allowed: AllowList,
    pub(super) secret_origins: Vec<(String, Vec<OriginPattern>)>,
    memory_bytes: Option<usize>,
    values_bytes: Option<usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    sha256: Option<String>,
    #[serde(default = "yes")]
    enabled: bool,
    #[serde(default)]
    grants: GrantsTable,
    #[serde(default)]
    limits: LimitsTable,
}

const fn yes() -> bool {
    true
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct GrantsTable {
    #[serde(default)]
    hosts: Vec<String>,
    #[serde(default)]
    private_networks: bool,
    kv: Option<String>,
    #[serde(default)]
    secrets: BTreeMap<String, SecretTable>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SecretTable {
    hosts: Vec<String>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct LimitsTable {
    memory: Option<String>,
}

impl Grants {
    /// What the file says; nothing is granted where there is none. The error names what is wrong in the file.
    pub(super) fn read(path: &Path) -> Result<Self, String> {
        let in_file = |problem: String| format!("{}: {problem}", path.display());
        let text = match fs::metadata(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Self::default()),
            Ok(metadata) if !metadata.is_file() => return Err(in_file("is no file".into())),
            Ok(metadata) if metadata.len() > MAX_FILE_BYTES => return Err(in_file("is too long".into())),
            _ => fs::read_to_string(path).map_err(|error| in_file(error.to_string()))?,
        };
        Self::parse(&text).map_err(in_file)
    }

    fn parse(text: &str) -> Result<Self, String> {
        let file: File = toml::from_str(text).map_err(|error| error.to_string().trim().to_owned())?;
        let size = |setting, text: Option<String>| text.map(|text| size_in_bytes(setting, &text)).transpose();
        let secret = |(setting, table): (String, SecretTable)| Ok((setting, origins(&table.hosts)?));
        Ok(Self {
            sha256: file.sha256.map(|digest| digest.to_ascii_lowercase()),
            disabled: !file.enabled,
            allowed: AllowList {
                origins: origins(&file.grants.hosts)?,
                private_networks: file.grants.private_networks,
            },
            secret_origins: file.grants.secrets.into_iter().map(secret).collect::<Result<_, String>>()?,
            memory_bytes: size(("memory", MAX_MEMORY_BYTES), file.limits.memory)?,
            values_bytes: size(("kv", MAX_VALUES_BYTES), file.grants.kv)?,
        })
    }

    /// The usual limits with what the file changes.
    pub(super) fn limits(&self, usual: &Limits) -> Limits {
        Limits {
            memory_bytes: self.memory_bytes.unwrap_or(usual.memory_bytes),
            values_bytes: self.values_bytes.unwrap_or(usual.values_bytes),
            ..usual.clone()
        }
    }
}

/// The text of a file of grants with further hosts, to each of which each of these secrets may go. What else stands in the
/// file, comments too, stays as it is.
pub fn granted(text: &str, hosts: &[String], secrets: &[&str]) -> Result<String, String> {
    let mut file = editable(text)?;
    let grants = table(file.as_table_mut(), "grants")?;
    extend(grants, hosts)?;
    if !secrets.is_empty() && !hosts.is_empty() {
        let of_secrets = table(grants, "secrets")?;
        of_secrets.set_implicit(true);
        for secret in secrets {
            extend(table(of_secrets, secret)?, hosts)?;
        }
    }
    checked(&file)
}

/// The text of a file of grants that switches the plugin on or off.
pub fn switched(text: &str, enabled: bool) -> Result<String, String> {
    let mut file = editable(text)?;
    if enabled {
        file.remove("enabled");
    } else {
        file["enabled"] = toml_edit::value(false);
    }
    checked(&file)
}

fn editable(text: &str) -> Result<DocumentMut, String> {
    Grants::parse(text)?;
    text.parse().map_err(|error: toml_edit::TomlError| error.to_string().trim().to_owned())
}

/// Nothing is written that would not be read.
fn checked(file: &DocumentMut) -> Result<String, String> {
    let text = file.to_string();
    Grants::parse(&text)?;
    Ok(text)
}

fn table<'a>(of: &'a mut Table, name: &str) -> Result<&'a mut Table, String> {
    let item = of.entry(name).or_insert_with(|| Item::Table(Table::new()));
    item.as_table_mut().ok_or_else(|| format!("{name} is no [table]; write it as one"))
}

fn extend(table: &mut Table, hosts: &[String]) -> Result<(), String> {
    let list = table.entry("hosts").or_insert_with(|| toml_edit::value(Array::new()));
    let list = list.as_array_mut().ok_or("hosts is no list")?;
    for host in hosts {
        if !list.iter().any(|granted| granted.as_str() == Some(host)) {
            list.push(host);
        }
    }
    Ok(())
}

fn origins(texts: &[String]) -> Result<Vec<OriginPattern>, String> {
    texts.iter().map(|text| text.parse().map_err(|error| format!("{error}"))).collect()
}

/// `16MiB`, `512KiB`, `1GiB`.
fn size_in_bytes((setting, most): (&str, usize), text: &str) -> Result<usize, String> {
    const UNITS: [(&str, u32); 3] = [("KiB", 10), ("MiB", 20), ("GiB", 30)];
    let problem = || {
        format!(
            "{setting} is {text:?}; write a size such as 32MiB, of at most {} MiB",
            most.div_ceil(1 << 20)
        )
    };
    let (unit, shift) = UNITS.iter().find(|(unit, _)| text.ends_with(unit)).ok_or_else(problem)?;
    let number: usize = text[..text.len() - unit.len()].trim().parse().map_err(|_| problem())?;
    let bytes = number.checked_mul(1 << shift).filter(|bytes| (1..=most).contains(bytes));
    bytes.ok_or_else(problem)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_all_of_it() {
        let text = r#"
            sha256 = "AB"
            [grants]
            hosts = ["https://*.example.com"]
            private-networks = true
            kv = "1MiB"
            [grants.secrets.token]
            hosts = ["https://api.example.com"]
            [limits]
            memory = "32MiB"
        "#;
        let grants = Grants::parse(text).unwrap();
        assert_eq!(grants.sha256.as_deref(), Some("ab"));
        assert!(grants.allowed.private_networks && !grants.disabled);
        assert_eq!(grants.allowed.origins[0].to_string(), "https://*.example.com");
        assert_eq!(grants.secret_origins[0].0, "token");
        assert_eq!(grants.limits(&Limits::default()).memory_bytes, 32 << 20);
    }

    #[test]
    fn grants_more_and_leaves_the_rest_alone() {
        let hosts = ["https://api.example.com".to_owned()];
        let fresh = granted("", &hosts, &["token"]).unwrap();
        assert_eq!(
            fresh,
            "[grants]\nhosts = [\"https://api.example.com\"]\n\n[grants.secrets.token]\nhosts = [\"https://api.example.com\"]\n"
        );
        assert_eq!(granted(&fresh, &hosts, &["token"]).unwrap(), fresh, "twice is once");
        let old = "# ours\nenabled = false\n[grants]\nhosts = [\"https://a.example\"] # the first\n";
        assert_eq!(
            granted(old, &hosts, &[]).unwrap(),
            "# ours\nenabled = false\n[grants]\nhosts = [\"https://a.example\", \"https://api.example.com\"] # the first\n"
        );
        assert!(granted("grants = 1", &hosts, &[]).is_err(), "what cannot be read is not written over");
    }

    #[test]
    fn switches_a_plugin_off_and_on() {
        let off = switched("[limits]\nmemory = \"8MiB\"\n", false).unwrap();
        assert!(Grants::parse(&off).unwrap().disabled && off.contains("8MiB"), "{off}");
        assert!(!Grants::parse(&switched(&off, true).unwrap()).unwrap().disabled);
    }

    #[test]
    fn says_what_is_wrong() {
        for (text, problem) in [
            ("[grants]\nhost = []", "unknown field `host`"),
            ("[grants]\nhosts = [\"example.com\"]", "it has no scheme"),
            ("[limits]\nmemory = \"lots\"", "write a size such as 32MiB"),
            ("[limits]\nmemory = \"9GiB\"", "of at most 4096 MiB"),
        ] {
            let error = Grants::parse(text).unwrap_err();
            assert!(error.contains(problem), "{error}");
        }
        assert!(Grants::read(Path::new("/no/such/file.toml")).unwrap().allowed.origins.is_empty());
    }
}
