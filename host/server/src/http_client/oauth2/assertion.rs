//! A signed statement of who the client is, RFC 7523, in place of a secret.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustls::SignatureScheme;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use serde_json::{Map, Value, json};

use super::super::secret::Secret;
use super::OAuth2Config;
use crate::clock::Clock;

/// How long an assertion is good.
const LIFETIME_SECONDS: i64 = 600;

/// What is stated, and the key to sign it.
#[derive(Debug)]
pub(super) struct Assertion {
    key: Secret,
    algorithm: &'static str,
    scheme: SignatureScheme,
    key_id: Option<String>,
    issuer: String,
    subject: String,
    /// The token endpoint where it is empty.
    audience: String,
    scope: String,
    claims: Map<String, Value>,
    clock: Clock,
}

impl Assertion {
    /// Reads the settings.
    pub(super) fn new(config: &OAuth2Config) -> Result<Self, String> {
        let inline = config.client_certificate_key.clone().map(|key| key.0);
        let key = Secret::of(inline, config.client_certificate_key_file.clone())
            .ok_or("oauth2: add client_certificate_key_file, the key to sign with")?;
        let (algorithm, scheme) = match config.signature_algorithm.as_str() {
            "RS384" => ("RS384", SignatureScheme::RSA_PKCS1_SHA384),
            "RS512" => ("RS512", SignatureScheme::RSA_PKCS1_SHA512),
            _ => ("RS256", SignatureScheme::RSA_PKCS1_SHA256),
        };
        let issuer = if config.iss.is_empty() { &config.client_id } else { &config.iss };
        Ok(Self {
            key,
            algorithm,
            scheme,
            key_id: config.client_certificate_key_id.clone().filter(|id| !id.is_empty()),
            issuer: issuer.clone(),
            subject: config.client_id.clone(),
            audience: config.audience.clone(),
            scope: config.scopes.join(" "),
            claims: config.claims.clone(),
            clock: Clock::system(),
        })
    }

    pub(super) const fn key(&self) -> &Secret {
        &self.key
    }

    /// Whether a key, in PEM, can sign.
    pub(super) fn check_key(&self, key: &str) -> Result<(), String> {
        self.signature(key, b"").map(drop)
    }

    /// The statement for a token endpoint, signed.
    pub(super) fn sign(&self, key: &str, token_url: &str) -> Result<String, String> {
        let mut header = json!({"alg": self.algorithm, "typ": "JWT"});
        if let Some(id) = &self.key_id {
            header["kid"] = Value::from(id.as_str());
        }
        let encode = |json: &Value| URL_SAFE_NO_PAD.encode(json.to_string());
        let stated = format!("{}.{}", encode(&header), encode(&self.statement(token_url)));
        let signature = self.signature(key, stated.as_bytes())?;
        Ok(format!("{stated}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }

    fn statement(&self, token_url: &str) -> Value {
        let now = self.clock.now().as_millis() / 1000;
        let audience = if self.audience.is_empty() { token_url } else { &self.audience };
        let mut claims = Map::from_iter([
            ("iss".to_owned(), json!(self.issuer)),
            ("sub".to_owned(), json!(self.subject)),
            ("jti".to_owned(), json!(uuid::Uuid::new_v4().to_string())),
            ("aud".to_owned(), json!(audience)),
            ("iat".to_owned(), json!(now)),
            ("exp".to_owned(), json!(now + LIFETIME_SECONDS)),
        ]);
        if !self.scope.is_empty() {
            claims.insert("scope".to_owned(), json!(self.scope));
        }
        claims.extend(self.claims.clone());
        Value::Object(claims)
    }

    fn signature(&self, key: &str, message: &[u8]) -> Result<Vec<u8>, String> {
        let unusable = || "oauth2: client_certificate_key holds no RSA key in PEM".to_owned();
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(|_| unusable())?;
        let key = rustls::crypto::ring::sign::any_supported_type(&key).map_err(|_| unusable())?;
        let signer = key.choose_scheme(&[self.scheme]).ok_or_else(unusable)?;
        signer.sign(message).map_err(|_| unusable())
    }
}
