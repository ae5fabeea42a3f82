//! The one way out for requests: within the plugin's limits, checked, filled in, sent, and masked on the way back.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::context::PluginContext;
use crate::http::{HttpClient, HttpError, HttpRequest, HttpResponse};
use crate::outbound::{Access, Cleared, Draft, Refused};
use crate::plugin_log::{LogLevel, LogLine};
use crate::redirects::Trail;

/// What it takes to send one request of a call.
#[derive(Debug, Clone)]
pub(crate) struct Outlet {
    plugin: Arc<PluginContext>,
    access: Arc<Access>,
    /// When the call must be over.
    ends_at: Instant,
}

/// The outlets of one call: as many as it may make requests.
#[derive(Debug)]
pub(crate) struct Outlets {
    outlet: Outlet,
    taken: usize,
    /// Whom the call is for.
    subject: String,
    /// Why the last request failed, where its interface had no words for it.
    unsaid: Option<Arc<Mutex<Option<String>>>>,
}

impl Outlets {
    /// There are none before [`Outlets::begin_call`].
    pub(crate) fn new(plugin: Arc<PluginContext>, access: Arc<Access>) -> Self {
        let taken = plugin.limits.requests_per_call;
        Self {
            outlet: Outlet { plugin, access, ends_at: Instant::now() },
            taken,
            subject: String::new(),
            unsaid: None,
        }
    }

    /// A call begins, for this subject, and must be over then.
    pub(crate) fn begin_call(&mut self, subject: &str, ends_at: Instant) {
        subject.clone_into(&mut self.subject);
        self.outlet.ends_at = ends_at;
        self.taken = 0;
        self.unsaid = None;
    }

    /// For one more request.
    pub(crate) fn take(&mut self) -> Result<Outlet, HttpError> {
        let limit = self.outlet.plugin.limits.requests_per_call;
        if self.taken == limit {
            return Err(HttpError::Denied(format!("one call makes {limit} requests at most")));
        }
        self.taken += 1;
        Ok(self.outlet.clone())
    }

    /// Takes down why a request failed, where its interface has no words for it: in the plugin's log, and for who asks.
    pub(crate) fn reporter(&mut self) -> impl FnOnce(String) + Send + 'static {
        let (plugin, subject) = (Arc::clone(&self.outlet.plugin), self.subject.clone());
        let unsaid = Arc::clone(self.unsaid.insert(Arc::default()));
        move |why| {
            let message = format!("a request failed: {why}");
            let line = LogLine { level: LogLevel::Warn, subject, message, fields: Vec::new() };
            plugin.log.write(&plugin.name, line);
            *unsaid.lock().unwrap_or_else(PoisonError::into_inner) = Some(why);
        }
    }

    /// Why the last request failed, where the plugin could not be told.
    pub(crate) fn unsaid(&self) -> Option<String> {
        self.unsaid.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Outlet {
    /// Bytes that a body may have.
    pub(crate) fn request_limit_bytes(&self) -> usize {
        self.plugin.limits.request_bytes
    }

    /// Sends a request that may take as long as it says, and not longer than the call.
    pub(crate) async fn send(&self, draft: Draft, asked: Duration) -> Result<HttpResponse, HttpError> {
        let limits = &self.plugin.limits;
        if draft.body.len() > limits.request_bytes {
            let text = format!("the body has {} bytes, limit {}", draft.body.len(), limits.request_bytes);
            return Err(HttpError::InvalidRequest(text));
        }
        let ends_at = Instant::now().checked_add(asked).map_or(self.ends_at, |end| end.min(self.ends_at));
        let _permit =
            self.plugin.requests.acquire().await.map_err(|_| HttpError::Other("shutting down".into()))?;
        let mut trail = Trail::default();
        let mut cleared = self.access.clear(draft.clone()).map_err(|why| self.refused(why))?;
        loop {
            let request = self.outgoing(&cleared, ends_at, trail.left_host);
            let response = self.client().send(request).await.map_err(|error| self.masked_error(error))?;
            let next =
                self.access.follow_redirects.then(|| trail.next(&draft, &cleared, &response)).flatten();
            let Some(next) = next else { return self.masked(response) };
            let next = next.map_err(|error| self.masked_error(error))?;
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
    fn refused(&self, refused: Refused) -> HttpError {
        match refused {
            Refused::Denied(why) => HttpError::Denied(self.access.secrets.mask(&why)),
            Refused::Invalid(why) => HttpError::InvalidRequest(self.access.secrets.mask(&why)),
        }
    }

    /// A response without the secrets that it may repeat.
    fn masked(&self, response: HttpResponse) -> Result<HttpResponse, HttpError> {
        if response.body.len() > self.plugin.limits.response_bytes {
            return Err(HttpError::ResponseTooLarge(response.body.len() as u64));
        }
        let secrets = &self.access.secrets;
        let headers =
            response.headers.into_iter().map(|(name, value)| (name, secrets.mask(&value))).collect();
        Ok(HttpResponse { headers, body: secrets.mask_bytes(&response.body).into(), ..response })
    }

    fn masked_error(&self, error: HttpError) -> HttpError {
        let mask = |text: String| self.access.secrets.mask(&text);
        match error {
            HttpError::Denied(why) => HttpError::Denied(mask(why)),
            HttpError::InvalidRequest(why) => HttpError::InvalidRequest(mask(why)),
            HttpError::Unreachable(why) => HttpError::Unreachable(mask(why)),
            HttpError::Other(why) => HttpError::Other(mask(why)),
            HttpError::Timeout | HttpError::ResponseTooLarge(_) => error,
        }
    }
}
