//! What plugins can call: `log` for all, `http` and `secrets` for receivers.

use std::time::Duration;

use tokio::time::Instant;

use crate::bindings::host::{http, log, secrets, types};
use crate::http::{HttpClient, HttpError, HttpMethod, HttpRequest, HttpResponse};
use crate::outbound::{Cleared, Draft, Refused};
use crate::plugin_log::{LogLevel, LogLine};
use crate::redirects::Trail;
use crate::store::HostState;

/// Longest last words that are kept for the report about a crash.
const MAX_LAST_WORDS_CHARS: usize = 500;

impl types::Host for HostState {}

impl log::Host for HostState {
    async fn write(
        &mut self,
        level: log::Level,
        message: String,
        fields: Vec<(String, String)>,
    ) -> wasmtime::Result<()> {
        let level = match level {
            log::Level::Debug => LogLevel::Debug,
            log::Level::Info => LogLevel::Info,
            log::Level::Warn => LogLevel::Warn,
            log::Level::Error => LogLevel::Error,
        };
        let message = self.access.secrets.mask(&message);
        let fields =
            fields.into_iter().map(|(name, value)| (name, self.access.secrets.mask(&value))).collect();
        if level == LogLevel::Error {
            self.last_words = Some(message.chars().take(MAX_LAST_WORDS_CHARS).collect());
        }
        self.plugin
            .log
            .write(&self.plugin.name, LogLine { level, subject: self.subject.clone(), message, fields });
        Ok(())
    }
}

impl http::Host for HostState {
    async fn send(
        &mut self,
        request: http::Request,
    ) -> wasmtime::Result<Result<http::Response, http::Error>> {
        Ok(self.send_checked(request).await)
    }
}

impl HostState {
    async fn send_checked(&self, request: http::Request) -> Result<http::Response, http::Error> {
        let limits = &self.plugin.limits;
        if request.body.len() > limits.request_bytes {
            let text = format!("the body has {} bytes, limit {}", request.body.len(), limits.request_bytes);
            return Err(http::Error::InvalidRequest(text));
        }
        let asked = Duration::from_millis(u64::from(request.timeout));
        let draft = Draft {
            method: method(request.method),
            url: request.url,
            headers: request.headers,
            body: request.body.into(),
        };
        let ends_at = self.ends_at.min(Instant::now() + asked);
        let _permit =
            self.plugin.requests.acquire().await.map_err(|_| http::Error::Other("shutting down".into()))?;
        let mut trail = Trail::default();
        let mut cleared = self.access.clear(draft.clone()).map_err(|why| self.refused(why))?;
        loop {
            let request = self.outgoing(&cleared, ends_at, trail.left_host);
            let response = self.client().send(request).await.map_err(|error| self.failed(error))?;
            let next =
                self.access.follow_redirects.then(|| trail.next(&draft, &cleared, &response)).flatten();
            let Some(next) = next else { return self.masked(response) };
            let next = next.map_err(|error| self.failed(error))?;
            cleared = self.access.clear_redirect(next, &cleared).map_err(|why| self.refused(why))?;
        }
    }

    fn client(&self) -> &dyn HttpClient {
        self.access.client.as_ref().unwrap_or(&self.plugin.http).as_ref()
    }

    fn outgoing(&self, cleared: &Cleared, ends_at: Instant, left_host: bool) -> HttpRequest {
        HttpRequest {
            method: cleared.method,
            url: cleared.url.clone().into(),
            headers: cleared.headers.clone(),
            body: cleared.body.clone(),
            timeout: ends_at.saturating_duration_since(Instant::now()),
            max_response_bytes: self.plugin.limits.response_bytes,
            addresses: cleared.addresses,
            left_host,
        }
    }

    /// A refusal without secrets: where a redirect leads is not the host's text.
    fn refused(&self, refused: Refused) -> http::Error {
        match refused {
            Refused::Denied(why) => http::Error::Denied(self.access.secrets.mask(&why)),
            Refused::Invalid(why) => http::Error::InvalidRequest(self.access.secrets.mask(&why)),
        }
    }

    /// A response without the secrets that it may repeat.
    fn masked(&self, response: HttpResponse) -> Result<http::Response, http::Error> {
        if response.body.len() > self.plugin.limits.response_bytes {
            return Err(http::Error::ResponseTooLarge(response.body.len() as u64));
        }
        let secrets = &self.access.secrets;
        let headers =
            response.headers.into_iter().map(|(name, value)| (name, secrets.mask(&value))).collect();
        Ok(http::Response { status: response.status, headers, body: secrets.mask_bytes(&response.body) })
    }

    fn failed(&self, error: HttpError) -> http::Error {
        let mask = |text: &str| self.access.secrets.mask(text);
        match error {
            HttpError::Denied(why) => http::Error::Denied(mask(&why)),
            HttpError::InvalidRequest(why) => http::Error::InvalidRequest(mask(&why)),
            HttpError::Timeout => http::Error::Timeout,
            HttpError::Unreachable(why) => http::Error::Unreachable(mask(&why)),
            HttpError::ResponseTooLarge(bytes) => http::Error::ResponseTooLarge(bytes),
            HttpError::Other(why) => http::Error::Other(mask(&why)),
        }
    }
}

impl secrets::Host for HostState {
    async fn hmac_sha256(
        &mut self,
        placeholder: String,
        data: Vec<u8>,
    ) -> wasmtime::Result<Result<Vec<u8>, secrets::Error>> {
        Ok(self.access.secrets.hmac_sha256(&placeholder, &data).ok_or(secrets::Error::Unknown))
    }
}

const fn method(method: http::Method) -> HttpMethod {
    match method {
        http::Method::Get => HttpMethod::Get,
        http::Method::Post => HttpMethod::Post,
        http::Method::Put => HttpMethod::Put,
        http::Method::Patch => HttpMethod::Patch,
        http::Method::Delete => HttpMethod::Delete,
    }
}
