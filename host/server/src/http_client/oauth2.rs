//! `oauth2`: a token from a token endpoint, kept until it ends or is refused.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use bellwether_sandbox::{AddressPolicy, HttpError};
use serde::Deserialize;
use serde_json::{Map, Value};
use tokio::sync::Mutex;
use tokio::time::Instant;
use url::form_urlencoded;

use self::assertion::Assertion;
use super::authorization::{Credentials, basic};
use super::proxy::ProxyConfig;
use super::secret::{Secret, read_or_empty};
use super::tls::{HiddenText, TlsConfig};
use super::translate;
use super::transport::{Transport, unreadable};

mod assertion;

/// A token is taken for ended so long before it does, as Go's client has it.
const EARLY: Duration = Duration::from_secs(10);
/// A longer answer of a token endpoint is none.
const MAX_ANSWER_BYTES: usize = 1 << 20;
/// The grant for which a signed assertion is shown instead of a client's secret.
const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/// The parameter that names the grant; the only one of ours that `endpoint_params` may replace.
const GRANT_TYPE: &str = "grant_type";

/// `oauth2` as it is written.
#[derive(Deserialize)]
pub(super) struct OAuth2Config {
    pub(super) client_id: String,
    client_secret: Option<String>,
    client_secret_file: Option<PathBuf>,
    pub(super) client_certificate_key_id: Option<String>,
    pub(super) client_certificate_key: Option<HiddenText>,
    pub(super) client_certificate_key_file: Option<PathBuf>,
    #[serde(default)]
    grant_type: String,
    #[serde(default)]
    pub(super) signature_algorithm: String,
    #[serde(default)]
    pub(super) iss: String,
    #[serde(default)]
    pub(super) audience: String,
    #[serde(default)]
    pub(super) claims: Map<String, Value>,
    #[serde(default)]
    pub(super) scopes: Vec<String>,
    pub(super) token_url: String,
    #[serde(default)]
    endpoint_params: BTreeMap<String, String>,
    #[serde(default)]
    tls_config: TlsConfig,
    #[serde(flatten)]
    proxy: ProxyConfig,
}

/// Gets tokens.
#[derive(Debug)]
pub(super) struct TokenSource {
    token_url: reqwest::Url,
    client_id: String,
    proof: Proof,
    scopes: String,
    endpoint_params: BTreeMap<String, String>,
    transport: Transport,
    state: Mutex<State>,
}

/// How the client proves that it is itself.
#[derive(Debug)]
enum Proof {
    Secret(Option<Secret>),
    Assertion(Box<Assertion>),
}

#[derive(Debug, Default)]
struct State {
    token: Option<Token>,
    /// Where the endpoint wants the client's secret, once that is known.
    style: Option<SecretIn>,
}

struct Token {
    /// As in the header: `Bearer …`.
    header: String,
    secret: String,
    ends_at: Option<Instant>,
    /// What the file of the secret held. Another one gets another token.
    made_with: String,
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Token").field("ends_at", &self.ends_at).finish_non_exhaustive()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SecretIn {
    Header,
    Body,
}

/// An answer of the token endpoint.
#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    access_token: String,
    #[serde(default)]
    token_type: String,
    #[serde(default)]
    expires_in: Value,
    #[serde(default)]
    error: String,
}

impl TokenSource {
    /// Reads the settings; nothing is asked for yet.
    pub(super) fn new(config: OAuth2Config) -> Result<Self, String> {
        let token_url: reqwest::Url =
            config.token_url.parse().map_err(|error| format!("oauth2: token_url is no address: {error}"))?;
        let transport =
            Transport::new(config.tls_config.clone().try_into()?, config.proxy.clone().try_into()?, true);
        let proof = if config.grant_type == JWT_BEARER {
            Proof::Assertion(Box::new(Assertion::new(&config)?))
        } else {
            Proof::Secret(Secret::of(config.client_secret.clone(), config.client_secret_file.clone()))
        };
        Ok(Self {
            token_url,
            client_id: config.client_id,
            proof,
            scopes: config.scopes.join(" "),
            endpoint_params: config.endpoint_params,
            transport,
            state: Mutex::default(),
        })
    }

    pub(super) fn secrets(&self) -> Vec<&Secret> {
        match &self.proof {
            Proof::Secret(secret) => secret.iter().collect(),
            Proof::Assertion(assertion) => vec![assertion.key()],
        }
    }

    /// Whether certificates and keys can be used, without asking for a token.
    pub(super) async fn check(&self) -> Result<(), String> {
        if let Proof::Assertion(assertion) = &self.proof {
            let key = assertion.key().read().await.map_err(|error| error.in_full())?;
            assertion.check_key(&key)?;
        }
        self.transport.client(AddressPolicy::Any).await.map(drop).map_err(|error| error.to_string())
    }

    /// The token as a header; the one that is at hand, or a new one. Whoever needs it waits for the same.
    pub(super) async fn credentials(&self) -> Result<Credentials, HttpError> {
        let secret = match &self.proof {
            Proof::Secret(secret) => read_or_empty(secret.as_ref()).await,
            Proof::Assertion(assertion) => assertion.key().read().await,
        };
        let secret = secret.map_err(unreadable)?;
        let mut state = self.state.lock().await;
        let is_good = |token: &Token| {
            token.made_with == secret && token.ends_at.is_none_or(|end| Instant::now() + EARLY < end)
        };
        if !state.token.as_ref().is_some_and(is_good) {
            state.token = None;
            let token = self.ask(&mut state.style, &secret).await.map_err(|why| {
                HttpError::Other(format!("no token from {}: {why}", self.token_url.host_str().unwrap_or("")))
            })?;
            state.token = Some(token);
        }
        let token = state.token.as_ref().ok_or(HttpError::Timeout)?;
        Ok(Credentials { header: token.header.clone(), secrets: vec![token.secret.clone()] })
    }

    /// Drops the token, which a server refused; tells whether there was one.
    pub(super) async fn forget(&self) -> bool {
        self.state.lock().await.token.take().is_some()
    }

    /// Which of two ways an endpoint wants the client's secret is found out by trying, as Go's client does.
    async fn ask(&self, style: &mut Option<SecretIn>, secret: &str) -> Result<Token, String> {
        if let Proof::Assertion(assertion) = &self.proof {
            let signed = assertion.sign(secret, self.token_url.as_str())?;
            return self.request(None, vec![(GRANT_TYPE, JWT_BEARER), ("assertion", &signed)], secret).await;
        }
        let grant = (GRANT_TYPE, "client_credentials");
        let in_body = vec![grant, ("client_id", self.client_id.as_str()), ("client_secret", secret)];
        match style {
            Some(SecretIn::Body) => self.request(None, in_body, secret).await,
            Some(SecretIn::Header) => self.request(Some(secret), vec![grant], secret).await,
            None => {
                let (asked, found) = match self.request(Some(secret), vec![grant], secret).await {
                    Ok(token) => (Ok(token), SecretIn::Header),
                    Err(_) => (self.request(None, in_body, secret).await, SecretIn::Body),
                };
                *style = asked.is_ok().then_some(found);
                asked
            }
        }
    }

    async fn request(
        &self,
        secret_in_header: Option<&str>,
        params: Vec<(&str, &str)>,
        made_with: &str,
    ) -> Result<Token, String> {
        let client = self.transport.client(AddressPolicy::Any).await.map_err(|error| error.to_string())?;
        let mut request = client
            .post(self.token_url.clone())
            .header("content-type", "application/x-www-form-urlencoded")
            .body(self.form(params));
        if let Some(secret) = secret_in_header {
            let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
            request = request.header("authorization", basic(&encode(&self.client_id), encode(secret)).header);
        }
        let mut response = request.send().await.map_err(|error| translate(&error).to_string())?;
        let status = response.status();
        let body =
            super::read_limited(&mut response, MAX_ANSWER_BYTES).await.map_err(|error| error.to_string())?;
        let answer: Result<Answer, _> = serde_json::from_slice(&body);
        match answer {
            Ok(answer) if status.is_success() && answer.error.is_empty() => token(answer, made_with),
            // The code of the error is a word of the standard; the rest of the answer may repeat what was sent.
            Ok(answer) if !answer.error.is_empty() => Err(format!("{} ({status})", answer.error)),
            _ if status.is_success() => Err("the answer is no JSON with an access_token".to_owned()),
            _ => Err(status.to_string()),
        }
    }

    fn form(&self, params: Vec<(&str, &str)>) -> String {
        let mut all: BTreeMap<&str, &str> = params.into_iter().collect();
        if !self.scopes.is_empty() {
            all.insert("scope", &self.scopes);
        }
        for (name, value) in &self.endpoint_params {
            if name == GRANT_TYPE || !all.contains_key(name.as_str()) {
                all.insert(name, value);
            }
        }
        form_urlencoded::Serializer::new(String::new()).extend_pairs(all).finish()
    }
}

fn token(answer: Answer, made_with: &str) -> Result<Token, String> {
    if answer.access_token.is_empty() {
        return Err("the answer has no access_token".to_owned());
    }
    // Some endpoints write the number as a text.
    let seconds = answer.expires_in.as_u64().or_else(|| answer.expires_in.as_str()?.parse().ok());
    let lasts = seconds.filter(|seconds| *seconds > 0).map(Duration::from_secs);
    Ok(Token {
        header: format!("{} {}", scheme(&answer.token_type), answer.access_token),
        secret: answer.access_token,
        ends_at: lasts.and_then(|lasts| Instant::now().checked_add(lasts)),
        made_with: made_with.to_owned(),
    })
}

/// The scheme in the spelling that picky servers want.
fn scheme(token_type: &str) -> &str {
    match token_type.to_ascii_lowercase().as_str() {
        "" | "bearer" => "Bearer",
        "mac" => "MAC",
        "basic" => "Basic",
        _ => token_type,
    }
}
