//! `tls_config`: which certificates are believed, which are shown, and which versions are spoken. For HTTP and mail.

use std::path::PathBuf;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use serde::Deserialize;

use self::verifier::verifier;
use super::secret::{Secret, SecretError};

mod verifier;

/// `tls_config` as it is written.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct TlsConfig {
    ca: Option<String>,
    ca_file: Option<PathBuf>,
    cert: Option<String>,
    cert_file: Option<PathBuf>,
    key: Option<HiddenText>,
    key_file: Option<PathBuf>,
    server_name: Option<String>,
    insecure_skip_verify: bool,
    min_version: Option<String>,
    max_version: Option<String>,
}

/// A text that is not shown.
#[derive(Clone, Default, Deserialize)]
pub(super) struct HiddenText(pub(super) String);

impl std::fmt::Debug for HiddenText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("…")
    }
}

/// How TLS is spoken.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TlsSettings {
    ca: Option<Secret>,
    cert: Option<Secret>,
    key: Option<Secret>,
    server_name: Option<ServerName<'static>>,
    insecure_skip_verify: bool,
    /// Whether TLS 1.2 is spoken, and whether TLS 1.3.
    versions: Versions,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Versions {
    Both,
    Only12,
    Only13,
}

impl Default for Versions {
    /// As Go's clients, and all that rustls has.
    fn default() -> Self {
        Self::Both
    }
}

/// Certificates and keys as they are now, in PEM.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct TlsMaterial {
    ca: Option<String>,
    cert: Option<String>,
    key: Option<String>,
}

impl std::fmt::Debug for TlsMaterial {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TlsMaterial").finish_non_exhaustive()
    }
}

impl TryFrom<TlsConfig> for TlsSettings {
    type Error = String;

    fn try_from(config: TlsConfig) -> Result<Self, String> {
        let name = config.server_name.filter(|name| !name.is_empty());
        let server_name = name
            .map(|name| {
                ServerName::try_from(name.clone())
                    .map_err(|_| format!("tls_config: server_name {name:?} is neither a name nor an address"))
            })
            .transpose()?;
        Ok(Self {
            ca: Secret::of(config.ca, config.ca_file),
            cert: Secret::of(config.cert, config.cert_file),
            key: Secret::of(config.key.map(|key| key.0), config.key_file),
            server_name,
            insecure_skip_verify: config.insecure_skip_verify,
            versions: versions(config.min_version.as_deref(), config.max_version.as_deref())?,
        })
    }
}

/// TLS 1.0 and 1.1 are not spoken here: as the least version they mean the same as 1.2, as the most nothing is left.
fn versions(least: Option<&str>, most: Option<&str>) -> Result<Versions, String> {
    match (least.unwrap_or(""), most.unwrap_or("")) {
        (_, old @ ("TLS10" | "TLS11")) => {
            Err(format!("tls_config: max_version {old} is not spoken here; use TLS12, or remove it"))
        }
        ("TLS13", _) => Ok(Versions::Only13),
        (_, "TLS12") => Ok(Versions::Only12),
        _ => Ok(Versions::Both),
    }
}

impl TlsSettings {
    /// The name by which the server is asked for and checked, where it is not that of the address.
    pub fn server_name(&self) -> Option<&ServerName<'static>> {
        self.server_name.as_ref()
    }

    /// Whether nothing is different from what every client does.
    pub(super) fn is_plain(&self) -> bool {
        *self == Self::default()
    }

    pub(super) fn secrets(&self) -> impl Iterator<Item = &Secret> {
        [&self.ca, &self.cert, &self.key].into_iter().flatten()
    }

    /// Reads certificates and keys. Cheap where there are no files; to be called for each connection or request, as
    /// Alertmanager notices changed files.
    pub async fn load(&self) -> Result<TlsMaterial, SecretError> {
        let read = async |secret: &Option<Secret>| match secret {
            Some(secret) => secret.read().await.map(Some),
            None => Ok(None),
        };
        Ok(TlsMaterial {
            ca: read(&self.ca).await?,
            cert: read(&self.cert).await?,
            key: read(&self.key).await?,
        })
    }

    /// What rustls needs. Errors name the setting and never quote a key.
    pub fn client_config(&self, material: &TlsMaterial) -> Result<ClientConfig, String> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let versions: &[_] = match self.versions {
            Versions::Both => &[&rustls::version::TLS13, &rustls::version::TLS12],
            Versions::Only12 => &[&rustls::version::TLS12],
            Versions::Only13 => &[&rustls::version::TLS13],
        };
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(versions)
            .map_err(|error| error.to_string())?;
        let builder =
            builder.dangerous().with_custom_certificate_verifier(self.verifier(material, provider)?);
        let Some((chain, key)) = identity(material)? else {
            return Ok(builder.with_no_client_auth());
        };
        let config = builder.with_client_auth_cert(chain, key);
        config.map_err(|error| format!("tls_config: cert and key do not go together: {error}"))
    }

    fn verifier(
        &self,
        material: &TlsMaterial,
        provider: Arc<CryptoProvider>,
    ) -> Result<Arc<dyn rustls::client::danger::ServerCertVerifier>, String> {
        if self.insecure_skip_verify {
            return Ok(verifier::believing(provider));
        }
        let roots = material.ca.as_deref().map(|pem| certificates("ca", pem)).transpose()?;
        verifier(roots, self.server_name.clone(), provider)
    }
}

fn identity(
    material: &TlsMaterial,
) -> Result<Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>, String> {
    let (Some(cert), Some(key)) = (&material.cert, &material.key) else { return Ok(None) };
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes())
        .map_err(|_| "tls_config: key holds no private key in PEM without a password".to_owned())?;
    Ok(Some((certificates("cert", cert)?, key)))
}

fn certificates(setting: &str, pem: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    match read {
        Ok(list) if !list.is_empty() => Ok(list),
        Ok(_) | Err(_) => Err(format!("tls_config: {setting} holds no certificate in PEM")),
    }
}
