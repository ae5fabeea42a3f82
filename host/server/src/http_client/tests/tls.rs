//! `tls_config` and `enable_http2`, against servers with certificates made here.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use serde_json::json;

use super::server::Server;
use super::*;

/// Somebody who signs certificates.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: rcgen::Certificate,
}

/// A certificate and its key, in PEM.
pub(crate) struct Identity {
    pub(crate) cert: String,
    pub(crate) key: String,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        Self { issuer: Issuer::new(params, key), certificate }
    }

    pub(crate) fn pem(&self) -> String {
        self.certificate.pem()
    }

    pub(crate) fn certificate(&self, names: &[&str]) -> Identity {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let key = KeyPair::generate().unwrap();
        let signed = CertificateParams::new(names).unwrap().signed_by(&key, &self.issuer).unwrap();
        Identity { cert: signed.pem(), key: key.serialize_pem() }
    }
}

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// A server with that certificate; it lets in only whom `clients` signed.
pub(crate) fn server_config(identity: &Identity, clients: Option<&Authority>) -> ServerConfig {
    server_speaking(identity, clients, rustls::ALL_VERSIONS)
}

fn server_speaking(
    identity: &Identity,
    clients: Option<&Authority>,
    versions: &[&'static rustls::SupportedProtocolVersion],
) -> ServerConfig {
    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    let builder = ServerConfig::builder_with_provider(provider()).with_protocol_versions(versions).unwrap();
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(authority) => {
            let mut roots = RootCertStore::empty();
            roots.add(authority.certificate.der().clone()).unwrap();
            let roots = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider());
            builder.with_client_cert_verifier(roots.build().unwrap())
        }
    };
    let cert = CertificateDer::from_pem_slice(identity.cert.as_bytes()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).unwrap();
    builder.with_single_cert(vec![cert], key).unwrap()
}

async fn reaches(server: &Server, tls_config: Value) -> Result<u16, String> {
    let client = client(json!({"tls_config": tls_config}));
    let sent = send(&client, &server.url()).await;
    sent.map(|answer| answer.status).map_err(|error| error.to_string())
}

#[tokio::test]
async fn servers_are_believed_as_configured() {
    let authority = Authority::new();
    let server = Server::over_tls(server_config(&authority.certificate(&["127.0.0.1"]), None)).await;
    let folder = tempfile::tempdir().unwrap();
    let ca_file = folder.path().join("ca.pem");
    std::fs::write(&ca_file, authority.pem()).unwrap();
    assert_eq!(reaches(&server, json!({"ca": authority.pem()})).await, Ok(200));
    assert_eq!(reaches(&server, json!({"ca_file": ca_file})).await, Ok(200));
    assert_eq!(reaches(&server, json!({"insecure_skip_verify": true})).await, Ok(200));
    for refused in
        [json!({"ca": Authority::new().pem()}), json!({"server_name": ""}), json!({"min_version": "TLS12"})]
    {
        let error = reaches(&server, refused.clone()).await.unwrap_err();
        assert!(error.contains("certificate"), "{refused}: {error}");
    }
}

#[tokio::test]
async fn the_name_of_the_server_may_be_another_than_that_of_the_address() {
    let authority = Authority::new();
    let server = Server::over_tls(server_config(&authority.certificate(&["inside.example"]), None)).await;
    let named = |name: &str| json!({"ca": authority.pem(), "server_name": name});
    assert_eq!(reaches(&server, named("inside.example")).await, Ok(200));
    for name in ["", "other.example"] {
        assert!(reaches(&server, named(name)).await.unwrap_err().contains("not valid for name"), "{name}");
    }
}

#[tokio::test]
async fn a_servers_own_certificate_may_stand_for_an_authority() {
    let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    // As `openssl req -x509` makes it.
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let cert = params.self_signed(&key).unwrap().pem();
    let server =
        Server::over_tls(server_config(&Identity { cert: cert.clone(), key: key.serialize_pem() }, None))
            .await;
    assert_eq!(reaches(&server, json!({"ca": cert})).await, Ok(200));
    assert!(reaches(&server, json!({"ca": cert, "server_name": "other.example"})).await.is_err());
    assert!(reaches(&server, json!({"ca": Authority::new().pem()})).await.is_err());
}

#[tokio::test]
async fn a_server_that_asks_for_a_certificate_gets_it() {
    let (authority, clients) = (Authority::new(), Authority::new());
    let server =
        Server::over_tls(server_config(&authority.certificate(&["127.0.0.1"]), Some(&clients))).await;
    let Identity { cert, key } = clients.certificate(&["me"]);
    assert_eq!(reaches(&server, json!({"ca": authority.pem(), "cert": cert, "key": key})).await, Ok(200));
    assert!(reaches(&server, json!({"ca": authority.pem()})).await.is_err());
}

#[tokio::test]
async fn changed_files_count_from_the_next_request_on() {
    let (authority, clients) = (Authority::new(), Authority::new());
    let server =
        Server::over_tls(server_config(&authority.certificate(&["127.0.0.1"]), Some(&clients))).await;
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let write = |identity: &Identity, ca: &str| {
        std::fs::write(path("cert"), &identity.cert).unwrap();
        std::fs::write(path("key"), &identity.key).unwrap();
        std::fs::write(path("ca"), ca).unwrap();
    };
    let tls_config = json!({"ca_file": path("ca"), "cert_file": path("cert"), "key_file": path("key")});
    let client = client(json!({"tls_config": tls_config}));
    let good = clients.certificate(&["me"]);
    for (identity, ca, is_good) in [
        (&good, authority.pem(), true),
        (&good, Authority::new().pem(), false),
        (&Authority::new().certificate(&["me"]), authority.pem(), false),
        (&good, authority.pem(), true),
    ] {
        write(identity, &ca);
        assert_eq!(send(&client, &server.url()).await.is_ok(), is_good);
    }
}

#[tokio::test]
async fn versions_have_a_least_and_a_most() {
    let authority = Authority::new();
    let identity = authority.certificate(&["127.0.0.1"]);
    let old = Server::over_tls(server_speaking(&identity, None, &[&rustls::version::TLS12])).await;
    let new = Server::over_tls(server_speaking(&identity, None, &[&rustls::version::TLS13])).await;
    let spoken = async |least: &str, most: &str| {
        let mut tls = json!({"ca": authority.pem()});
        for (key, version) in [("min_version", least), ("max_version", most)] {
            if !version.is_empty() {
                tls[key] = version.into();
            }
        }
        (reaches(&old, tls.clone()).await.is_ok(), reaches(&new, tls).await.is_ok())
    };
    assert_eq!(spoken("TLS10", "").await, (true, true));
    assert_eq!(spoken("TLS13", "").await, (false, true));
    assert_eq!(spoken("", "TLS12").await, (true, false));
    let refused = HttpSettings::read(&json!({"tls_config": {"max_version": "TLS11"}})).unwrap_err();
    assert_eq!(refused, "tls_config: max_version TLS11 is not spoken here; use TLS12, or remove it");
}

#[tokio::test]
async fn http2_is_offered_where_it_may_be() {
    let authority = Authority::new();
    let server = Server::over_tls(server_config(&authority.certificate(&["127.0.0.1"]), None)).await;
    for (http2, offer) in [(true, "offers h2 http/1.1"), (false, "offers http/1.1")] {
        let client = client(json!({"tls_config": {"ca": authority.pem()}, "enable_http2": http2}));
        send(&client, &server.url()).await.unwrap();
        let seen = server.seen();
        assert_eq!(seen[seen.len() - 2], offer);
    }
}

#[tokio::test]
async fn mistakes_in_certificates_are_told_when_the_file_is_loaded() {
    let Identity { cert, key } = Authority::new().certificate(&["me"]);
    let other = Authority::new().certificate(&["me"]).key;
    for (tls_config, text) in [
        (json!({"ca": "x"}), "tls_config: ca holds no certificate in PEM"),
        (
            json!({"cert": cert, "key": "hunter22"}),
            "tls_config: key holds no private key in PEM without a password",
        ),
        (json!({"cert": "x", "key": key}), "tls_config: cert holds no certificate in PEM"),
        (json!({"cert": cert, "key": other}), "tls_config: cert and key do not go together"),
    ] {
        let error = client(json!({"tls_config": tls_config})).check().await.unwrap_err();
        assert!(error.starts_with(text) && !error.contains("hunter22"), "{error}");
    }
}
