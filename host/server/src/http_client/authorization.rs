//! Who is asking: the `Authorization` header of a request.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bellwether_sandbox::HttpError;
use std::sync::Arc;

use super::oauth2::TokenSource;
use super::secret::{Secret, read_or_empty};
use super::transport::unreadable;

/// How requests prove who is asking.
#[derive(Debug)]
pub(super) enum Authorization {
    None,
    /// `basic_auth`
    Basic {
        username: Option<Secret>,
        password: Option<Secret>,
    },
    /// `authorization`
    Scheme {
        scheme: String,
        credentials: Option<Secret>,
    },
    /// `oauth2`
    OAuth2(Arc<TokenSource>),
}

/// The value of a header, and what in it must not be shown.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Credentials {
    pub(super) header: String,
    pub(super) secrets: Vec<String>,
}

impl Authorization {
    /// The files that are read for each request.
    pub(super) fn secrets(&self) -> Vec<&Secret> {
        match self {
            Self::None => Vec::new(),
            Self::Basic { username, password } => [username, password].into_iter().flatten().collect(),
            Self::Scheme { credentials, .. } => credentials.iter().collect(),
            Self::OAuth2(tokens) => tokens.secrets(),
        }
    }

    /// Whether it counts more than a header that the plugin sets itself. As in Alertmanager only a token does.
    pub(super) const fn overrules_plugin(&self) -> bool {
        matches!(self, Self::OAuth2(_))
    }

    /// The header for a request now.
    pub(super) async fn credentials(&self) -> Result<Option<Credentials>, HttpError> {
        match self {
            Self::None => Ok(None),
            Self::Basic { username, password } => {
                let username = read_or_empty(username.as_ref()).await.map_err(unreadable)?;
                let password = read_or_empty(password.as_ref()).await.map_err(unreadable)?;
                Ok(Some(basic(&username, password)))
            }
            Self::Scheme { scheme, credentials } => {
                let secret = read_or_empty(credentials.as_ref()).await.map_err(unreadable)?;
                Ok(Some(Credentials { header: format!("{scheme} {secret}"), secrets: vec![secret] }))
            }
            Self::OAuth2(tokens) => tokens.credentials().await.map(Some),
        }
    }
}

/// A name and a password as a header.
pub(super) fn basic(username: &str, password: String) -> Credentials {
    let encoded = STANDARD.encode(format!("{username}:{password}"));
    Credentials { header: format!("Basic {encoded}"), secrets: vec![password, encoded] }
}
