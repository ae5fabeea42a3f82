//! One request for a page: headers, credentials, redirects, limits.

use std::time::Duration;

use bellwether_model::exposition::Format;
use futures::StreamExt;
use reqwest::header::{ACCEPT, CONTENT_TYPE};
use reqwest::redirect::Policy;
use reqwest::{RequestBuilder, Response, StatusCode, Url};

use crate::config::{Authorization, Credentials, ScrapeJob};

/// What is asked for, best first.
const ACCEPTED: &str = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
    application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,\
    text/plain;version=0.0.4;q=0.3,*/*;q=0.2";

/// Tells the target how long it has, as Prometheus does.
const TIMEOUT_HEADER: &str = "X-Prometheus-Scrape-Timeout-Seconds";

/// Most redirects that are followed, all within one host.
const MAX_REDIRECTS: usize = 10;

/// Largest file of a password or token, in bytes.
const MAX_SECRET_BYTES: u64 = 64 << 10;

/// A page could not be had.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The HTTP client could not be set up.
    #[error("cannot set up the HTTP client of job {job:?}")]
    SetUp {
        /// The job.
        job: String,
        /// Why.
        #[source]
        source: reqwest::Error,
    },
    /// The file of a password or token cannot be read.
    #[error("cannot read the credentials in {file}")]
    Credentials {
        /// The file.
        file: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The target did not answer, or broke off.
    #[error("cannot get {url}")]
    Request {
        /// What was requested.
        url: Url,
        /// Why.
        #[source]
        source: reqwest::Error,
    },
    /// It took too long.
    #[error("no answer from {url} within {timeout:?}")]
    Timeout {
        /// What was requested.
        url: Url,
        /// How long was waited.
        timeout: Duration,
    },
    /// The target answered something else than a page.
    #[error("server returned HTTP status {0}")]
    Status(StatusCode),
    /// The page is too large.
    #[error("the page has more than the {limit} bytes allowed")]
    TooLarge {
        /// The limit.
        limit: u64,
    },
}

/// A page as it was received, decompressed.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) body: Vec<u8>,
    pub(super) format: Format,
}

/// Fetches pages of one job's targets.
#[derive(Debug, Clone)]
pub(super) struct Client {
    http: reqwest::Client,
    credentials: Credentials,
    timeout: Duration,
    body_size_limit: u64,
}

impl Client {
    pub(super) fn new(job: &ScrapeJob) -> Result<Self, ClientError> {
        // Somebody else in the process may have chosen one already, and either will do.
        let _already_chosen = rustls::crypto::ring::default_provider().install_default();
        let redirects = if job.follow_redirects { Policy::custom(same_host) } else { Policy::none() };
        let http = reqwest::Client::builder()
            .redirect(redirects)
            .user_agent(concat!("bellwether/", env!("CARGO_PKG_VERSION")))
            .no_proxy()
            .build()
            .map_err(|source| ClientError::SetUp { job: job.name.clone(), source })?;
        Ok(Self {
            http,
            credentials: job.credentials.clone(),
            timeout: job.timeout,
            body_size_limit: job.body_size_limit,
        })
    }

    /// Requests a page and reads it to its end, within the timeout.
    pub(super) async fn fetch(&self, url: &Url) -> Result<Page, ClientError> {
        let fetched = tokio::time::timeout(self.timeout, self.fetch_patiently(url)).await;
        fetched.unwrap_or_else(|_| Err(ClientError::Timeout { url: url.clone(), timeout: self.timeout }))
    }

    async fn fetch_patiently(&self, url: &Url) -> Result<Page, ClientError> {
        let failed =
            |source: reqwest::Error| ClientError::Request { url: url.clone(), source: source.without_url() };
        let request = self
            .http
            .get(url.clone())
            .header(ACCEPT, ACCEPTED)
            .header(TIMEOUT_HEADER, self.timeout.as_secs_f64().to_string());
        let response = self.authorized(request).await?.send().await.map_err(failed)?;
        if response.status() != StatusCode::OK {
            return Err(ClientError::Status(response.status()));
        }
        let content_type = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let format = Format::from_content_type(content_type);
        Ok(Page { body: self.body(response, failed).await?, format })
    }

    /// Counts decompressed bytes as they come, so that a small body cannot unfold without end.
    async fn body(
        &self,
        response: Response,
        failed: impl Fn(reqwest::Error) -> ClientError,
    ) -> Result<Vec<u8>, ClientError> {
        let limit = self.body_size_limit;
        let mut body = Vec::new();
        let mut chunks = response.bytes_stream();
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk.map_err(&failed)?;
            if (body.len() + chunk.len()) as u64 > limit {
                return Err(ClientError::TooLarge { limit });
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    async fn authorized(&self, request: RequestBuilder) -> Result<RequestBuilder, ClientError> {
        match &self.credentials {
            Credentials::None => Ok(request),
            Credentials::Basic(basic) => {
                let secret = basic.password.as_ref().map(|secret| secret.reveal().to_owned());
                let password = secret_or_file(secret, basic.password_file.as_deref()).await?;
                Ok(request.basic_auth(&basic.username, password))
            }
            Credentials::Header(Authorization { kind, credentials, credentials_file }) => {
                let secret = credentials.as_ref().map(|secret| secret.reveal().to_owned());
                let credentials = secret_or_file(secret, credentials_file.as_deref()).await?;
                let credentials = credentials.unwrap_or_default();
                Ok(request.header(reqwest::header::AUTHORIZATION, format!("{kind} {credentials}")))
            }
        }
    }
}

/// The secret itself, or what a file holds now, without the line end.
async fn secret_or_file(secret: Option<String>, file: Option<&str>) -> Result<Option<String>, ClientError> {
    let (None, Some(file)) = (&secret, file) else {
        return Ok(secret);
    };
    let read = async {
        use tokio::io::AsyncReadExt;
        let mut text = String::new();
        tokio::fs::File::open(file).await?.take(MAX_SECRET_BYTES).read_to_string(&mut text).await?;
        Ok(text.trim().to_owned())
    };
    read.await.map(Some).map_err(|source| ClientError::Credentials { file: file.to_owned(), source })
}

/// Follows redirects on the host that was asked for: a target must not be able to send us elsewhere.
fn same_host(attempt: reqwest::redirect::Attempt<'_>) -> reqwest::redirect::Action {
    let first = attempt.previous().first();
    let same = first.is_some_and(|first| {
        first.host_str() == attempt.url().host_str()
            && first.port_or_known_default() == attempt.url().port_or_known_default()
    });
    if !same {
        attempt.error("the target redirects to another host")
    } else if attempt.previous().len() > MAX_REDIRECTS {
        attempt.error("the target redirects too often")
    } else {
        attempt.follow()
    }
}
