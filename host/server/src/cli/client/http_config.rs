//! `--http.config.file`: how to speak to a server that asks for more than an address.
//!
//! Of Prometheus' `http_config`, what a client of one server needs; other keys are refused by name.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use base64::Engine;
use bellwether_model::yaml;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::{Certificate, ClientBuilder, Identity};
use serde::Deserialize;

use crate::config::read_text;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct HttpConfig {
    authorization: Option<Authorization>,
    basic_auth: Option<BasicAuth>,
    tls_config: Option<TlsConfig>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Authorization {
    #[serde(rename = "type", default = "bearer")]
    scheme: String,
    credentials: Option<String>,
    credentials_file: Option<PathBuf>,
}

fn bearer() -> String {
    "Bearer".to_owned()
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct BasicAuth {
    username: String,
    password: Option<String>,
    password_file: Option<PathBuf>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TlsConfig {
    ca_file: Option<PathBuf>,
    cert_file: Option<PathBuf>,
    key_file: Option<PathBuf>,
    #[serde(default)]
    insecure_skip_verify: bool,
}

/// Adds what the file says to a client; paths in it count from its folder.
pub(super) fn apply(client: ClientBuilder, file: &Path) -> anyhow::Result<ClientBuilder> {
    let config: HttpConfig = yaml::parse(&file.to_string_lossy(), &read_text(file)?)?;
    let folder = file.parent().unwrap_or_else(|| Path::new(""));
    let mut client = client;
    if let Some(value) = config.credentials(folder)? {
        let mut value = HeaderValue::from_str(&value)
            .with_context(|| format!("{}: credentials that no header can hold", file.display()))?;
        value.set_sensitive(true);
        client = client.default_headers(HeaderMap::from_iter([(AUTHORIZATION, value)]));
    }
    match config.tls_config {
        Some(tls) => tls.apply(client, folder),
        None => Ok(client),
    }
}

impl HttpConfig {
    /// The header `Authorization`.
    fn credentials(&self, folder: &Path) -> anyhow::Result<Option<String>> {
        match (&self.authorization, &self.basic_auth) {
            (Some(_), Some(_)) => bail!("give one of authorization and basic_auth, not both"),
            (Some(bearer), None) => {
                let secret =
                    secret(bearer.credentials.as_deref(), bearer.credentials_file.as_deref(), folder)?;
                Ok(Some(format!("{} {secret}", bearer.scheme)))
            }
            (None, Some(basic)) => {
                let secret = secret(basic.password.as_deref(), basic.password_file.as_deref(), folder)?;
                let pair = format!("{}:{secret}", basic.username);
                Ok(Some(format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair))))
            }
            (None, None) => Ok(None),
        }
    }
}

/// A secret as it is written, or the contents of its file.
fn secret(written: Option<&str>, file: Option<&Path>, folder: &Path) -> anyhow::Result<String> {
    match (written, file) {
        (_, Some(file)) => Ok(read_text(&folder.join(file))?.trim().to_owned()),
        (written, None) => Ok(written.unwrap_or_default().to_owned()),
    }
}

impl TlsConfig {
    fn apply(&self, mut client: ClientBuilder, folder: &Path) -> anyhow::Result<ClientBuilder> {
        if let Some(file) = &self.ca_file {
            let pem = read_text(&folder.join(file))?;
            for certificate in Certificate::from_pem_bundle(pem.as_bytes())? {
                client = client.add_root_certificate(certificate);
            }
        }
        match (&self.cert_file, &self.key_file) {
            (Some(cert), Some(key)) => {
                let pem = read_text(&folder.join(cert))? + "\n" + &read_text(&folder.join(key))?;
                client = client.identity(Identity::from_pem(pem.as_bytes())?);
            }
            (None, None) => {}
            _ => bail!("tls_config: cert_file and key_file go together"),
        }
        Ok(client.danger_accept_invalid_certs(self.insecure_skip_verify))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credentials(text: &str) -> anyhow::Result<Option<String>> {
        yaml::parse::<HttpConfig>("http.yml", text)?.credentials(Path::new(""))
    }

    #[test]
    fn credentials_become_a_header() {
        let header = |text: &str| credentials(text).unwrap().unwrap();
        assert_eq!(header("authorization: {credentials: abc}"), "Bearer abc");
        assert_eq!(header("basic_auth: {username: ann, password: pw}"), "Basic YW5uOnB3");
        assert!(credentials("authorization: {}\nbasic_auth: {username: a}").is_err());
        assert!(credentials("proxy_url: http://p").is_err());
    }
}
