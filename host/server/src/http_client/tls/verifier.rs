//! Whether a server's certificate is believed.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

/// How webpki says that a server shows a certificate that may sign others. Its error type is not rustls' own.
const CA_AS_SERVER: &str = "CaUsedAsEndEntity";

/// Believes what is signed by these roots, or by those of the system, for the name that is asked for, or for `name`.
pub(super) fn verifier(
    roots: Option<Vec<CertificateDer<'static>>>,
    name: Option<ServerName<'static>>,
    provider: Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, String> {
    let inner: Arc<dyn ServerCertVerifier> = match &roots {
        None => Arc::new(
            rustls_platform_verifier::Verifier::new(provider)
                .map_err(|error| format!("cannot read the certificates of this system: {error}"))?,
        ),
        Some(roots) => {
            let mut store = RootCertStore::empty();
            for root in roots {
                store.add(root.clone()).map_err(|error| format!("tls_config: ca: {error}"))?;
            }
            WebPkiServerVerifier::builder_with_provider(Arc::new(store), provider)
                .build()
                .map_err(|error| format!("tls_config: ca: {error}"))?
        }
    };
    Ok(Arc::new(Configured { inner, pinned: roots.unwrap_or_default(), name }))
}

/// Believes everybody: `insecure_skip_verify`.
pub(super) fn believing(provider: Arc<CryptoProvider>) -> Arc<dyn ServerCertVerifier> {
    Arc::new(Believing(provider))
}

#[derive(Debug)]
struct Configured {
    inner: Arc<dyn ServerCertVerifier>,
    /// The certificates of `ca`. Whoever runs one server by itself puts that server's own certificate there, and makes
    /// it with tools that mark it as one that may sign; Go believes it then.
    pinned: Vec<CertificateDer<'static>>,
    /// The name that the certificate must be for, where it is not that of the address.
    name: Option<ServerName<'static>>,
}

impl ServerCertVerifier for Configured {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let name = self.name.as_ref().unwrap_or(server_name);
        let verified = self.inner.verify_server_cert(end_entity, intermediates, name, ocsp_response, now);
        match verified {
            // Its dates were looked at before.
            Err(Error::InvalidCertificate(CertificateError::Other(other)))
                if format!("{other:?}").contains(CA_AS_SERVER) && self.pinned.contains(end_entity) =>
            {
                let certificate = ParsedCertificate::try_from(end_entity)?;
                rustls::client::verify_server_name(&certificate, name)?;
                Ok(ServerCertVerified::assertion())
            }
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

/// Looks at signatures only: the server has the key of the certificate that it shows, whoever it is.
#[derive(Debug)]
struct Believing(Arc<CryptoProvider>);

impl ServerCertVerifier for Believing {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
