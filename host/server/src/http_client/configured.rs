//! The client of one integration: what its `http_config` says is done here, out of the plugin's sight.

use bellwether_model::BoxFuture;
use bellwether_sandbox::{AddressPolicy, HttpClient, HttpError, HttpRequest, HttpResponse, mask_secrets};

use super::authorization::{Authorization, Credentials};
use super::exchange;
use super::settings::HttpSettings;
use super::transport::{Transport, unreadable};

/// Header of credentials.
const AUTHORIZATION: &str = "authorization";
/// Status of an answer to credentials that are not (any more) good.
const UNAUTHORIZED: u16 = 401;
/// Headers of `http_headers` that another host must not learn, as in Go's client.
const PRIVATE_HEADERS: [&str; 3] = ["cookie", "cookie2", "www-authenticate"];

/// Sends requests as an `http_config` says.
#[derive(Debug)]
pub struct ConfiguredHttpClient {
    settings: HttpSettings,
    transport: Transport,
}

/// A request with everything put in, and what of it must not be seen again.
struct Prepared {
    request: HttpRequest,
    secrets: Vec<String>,
}

impl ConfiguredHttpClient {
    /// A client with these settings. Nothing is read or connected to yet.
    pub fn new(settings: HttpSettings) -> Self {
        let transport = Transport::new(settings.tls.clone(), settings.proxy.clone(), settings.http2);
        Self { settings, transport }
    }

    /// Reads all files and builds the client once, so that mistakes are found when the configuration is loaded.
    pub async fn check(&self) -> Result<(), String> {
        if let Authorization::OAuth2(tokens) = &self.settings.authorization {
            tokens.check().await?;
        }
        for secret in self.settings.secrets() {
            secret.read().await.map_err(|error| error.in_full())?;
        }
        self.transport.client(AddressPolicy::Any).await.map(drop).map_err(|error| error.to_string())
    }

    async fn send_configured(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let again = request.clone();
        let response = self.attempt(request).await?;
        let Authorization::OAuth2(tokens) = &self.settings.authorization else { return Ok(response) };
        // The token was withdrawn before its time; a request that was refused so had no effect.
        if response.status != UNAUTHORIZED || again.left_host || !tokens.forget().await {
            return Ok(response);
        }
        self.attempt(again).await
    }

    async fn attempt(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let client = self.transport.client(request.addresses).await?;
        let Prepared { request, secrets } = self.prepare(request).await?;
        let response = exchange(&client, request).await?;
        Ok(masked(response, &secrets))
    }

    async fn prepare(&self, mut request: HttpRequest) -> Result<Prepared, HttpError> {
        let mut secrets = Vec::new();
        for (name, values) in &self.settings.headers {
            if request.left_host && PRIVATE_HEADERS.contains(&name.as_str()) {
                continue;
            }
            for value in values {
                let text = value.text.read().await.map_err(unreadable)?;
                secrets.extend((!value.is_plain).then(|| text.clone()));
                request.headers.push((name.to_string(), text));
            }
        }
        if let Some(Credentials { header, secrets: own }) = self.credentials(&request).await? {
            secrets.extend(own);
            request.headers.retain(|(name, _)| !name.eq_ignore_ascii_case(AUTHORIZATION));
            request.headers.push((AUTHORIZATION.to_owned(), header));
        }
        Ok(Prepared { request, secrets })
    }

    /// Credentials are for the host that was asked first, and step back where the plugin has its own.
    async fn credentials(&self, request: &HttpRequest) -> Result<Option<Credentials>, HttpError> {
        let authorization = &self.settings.authorization;
        let has_own = request.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case(AUTHORIZATION));
        if request.left_host || has_own && !authorization.overrules_plugin() {
            return Ok(None);
        }
        authorization.credentials().await
    }
}

impl HttpClient for ConfiguredHttpClient {
    fn send(&self, request: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, HttpError>> {
        Box::pin(async move {
            // Tokens and files take their time too.
            let timeout = request.timeout;
            let sent = tokio::time::timeout(timeout, self.send_configured(request)).await;
            sent.unwrap_or(Err(HttpError::Timeout))
        })
    }
}

/// A response that repeats credentials comes without them.
fn masked(response: HttpResponse, secrets: &[String]) -> HttpResponse {
    if secrets.is_empty() {
        return response;
    }
    let mask = |bytes: &[u8]| mask_secrets(bytes, secrets.iter().map(String::as_str));
    let text = |text: String| String::from_utf8(mask(text.as_bytes())).unwrap_or_default();
    HttpResponse {
        status: response.status,
        headers: response.headers.into_iter().map(|(name, value)| (name, text(value))).collect(),
        body: mask(&response.body).into(),
    }
}
