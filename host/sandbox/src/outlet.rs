//! The one way out for requests: within the plugin's limits, checked, filled in, sent, and masked on the way back.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::context::PluginContext;
use crate::http::{HttpClient, HttpError, HttpRequest, HttpResponse};
use crate::outbound::{Access, Cleared, Draft, Refused};
use crate::redirects::Trail;
use crate::store::HostState;

/// What it takes to send the requests of one call.
#[derive(Debug, Clone)]
pub(crate) struct Outlet {
    plugin: Arc<PluginContext>,
    access: Arc<Access>,
    /// When the call must be over.
    ends_at: Instant,
}

impl HostState {
    /// For one more request of this call.
    pub(crate) fn outlet(&mut self) -> Result<Outlet, HttpError> {
        let limit = self.plugin.limits.requests_per_call;
        if self.requests == limit {
            return Err(HttpError::Denied(format!("one call makes {limit} requests at most")));
        }
        self.requests += 1;
        Ok(Outlet {
            plugin: Arc::clone(&self.plugin),
            access: Arc::clone(&self.access),
            ends_at: self.ends_at,
        })
    }
}

impl Outlet {
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
