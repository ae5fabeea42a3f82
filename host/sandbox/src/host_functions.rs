//! What plugins can call: `log` for all, `http` and `secrets` for receivers. `kv` stands in `values`.

use std::time::Duration;

use crate::bindings::host::{http, log, secrets, types};
use crate::http::{HttpError, HttpMethod, HttpResponse};
use crate::outbound::Draft;
use crate::plugin_log::{LogLevel, LogLine};
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
        let draft = Draft {
            method: method(request.method),
            url: request.url,
            headers: request.headers,
            body: request.body.into(),
        };
        let asked = Duration::from_millis(u64::from(request.timeout));
        let sent = match self.outlets.take() {
            Ok(outlet) => outlet.send(draft, asked).await,
            Err(error) => Err(error),
        };
        let response = |response: HttpResponse| http::Response {
            status: response.status,
            headers: response.headers,
            body: response.body.into(),
        };
        Ok(sent.map(response).map_err(failure))
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

fn failure(error: HttpError) -> http::Error {
    match error {
        HttpError::Denied(why) => http::Error::Denied(why),
        HttpError::InvalidRequest(why) => http::Error::InvalidRequest(why),
        HttpError::Timeout => http::Error::Timeout,
        HttpError::Unreachable(why) => http::Error::Unreachable(why),
        HttpError::ResponseTooLarge(bytes) => http::Error::ResponseTooLarge(bytes),
        HttpError::Other(why) => http::Error::Other(why),
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
