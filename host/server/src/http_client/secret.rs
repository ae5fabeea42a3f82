//! Secrets of the operator: written in the configuration, or in a file that is read each time.

use std::fmt;
use std::path::{Path, PathBuf};

use tokio::io::AsyncReadExt;

/// The largest file of a secret, in bytes: bundles of certificates are the largest.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// A secret, or where it is.
#[derive(Clone, PartialEq, Eq)]
pub enum Secret {
    /// As it stands in the configuration.
    Inline(String),
    /// In a file, which may change at any time.
    File(PathBuf),
}

/// The file of a secret cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read {}", .file.display())]
pub struct SecretError {
    file: PathBuf,
    #[source]
    source: std::io::Error,
}

impl SecretError {
    /// What happened, with its cause.
    pub fn in_full(&self) -> String {
        format!("{self}: {}", self.source)
    }
}

impl Secret {
    /// The secret of a pair of settings such as `password` and `password_file`; empty ones count for nothing.
    pub fn of(text: Option<String>, file: Option<PathBuf>) -> Option<Self> {
        let text = text.filter(|text| !text.is_empty()).map(Self::Inline);
        text.or_else(|| file.filter(|file| !file.as_os_str().is_empty()).map(Self::File))
    }

    /// The secret now; one out of a file without white space around it, as Alertmanager takes it.
    pub async fn read(&self) -> Result<String, SecretError> {
        match self {
            Self::Inline(text) => Ok(text.clone()),
            Self::File(file) => {
                read_file(file).await.map_err(|source| SecretError { file: file.clone(), source })
            }
        }
    }
}

/// The value of a secret that may be absent; empty then.
pub(crate) async fn read_or_empty(secret: Option<&Secret>) -> Result<String, SecretError> {
    match secret {
        Some(secret) => secret.read().await,
        None => Ok(String::new()),
    }
}

async fn read_file(file: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    let file = tokio::fs::File::open(file).await?;
    let read = file.take(MAX_FILE_BYTES + 1).read_to_string(&mut text).await?;
    if read as u64 > MAX_FILE_BYTES {
        return Err(std::io::Error::other(format!("it has more than {MAX_FILE_BYTES} bytes")));
    }
    Ok(text.trim().to_owned())
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inline(_) => f.write_str("Secret(…)"),
            Self::File(file) => write!(f, "Secret({})", file.display()),
        }
    }
}
