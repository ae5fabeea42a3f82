//! The other end of a receiver's requests: keeps them, and answers what the case says.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use bellwether_model::BoxFuture;
use bellwether_sandbox::{HttpClient, HttpError, HttpRequest, HttpResponse};

/// What is answered when the case has no response left.
const NO_RESPONSE_LEFT: &str = "the case has no response for this request";

/// Requests that were made, and responses that are left.
#[derive(Debug, Default)]
pub(super) struct Recording(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    sent: Vec<HttpRequest>,
    responses: VecDeque<Result<HttpResponse, HttpError>>,
}

impl Recording {
    /// Begins anew, with these responses.
    pub(super) fn expect(&self, responses: impl IntoIterator<Item = Result<HttpResponse, HttpError>>) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *state = State { sent: Vec::new(), responses: responses.into_iter().collect() };
    }

    /// What was sent since.
    pub(super) fn take(&self) -> Vec<HttpRequest> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner).sent)
    }
}

impl HttpClient for Recording {
    fn send(&self, request: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, HttpError>> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.sent.push(request);
        let answer = state.responses.pop_front();
        let answer = answer.unwrap_or_else(|| Err(HttpError::Unreachable(NO_RESPONSE_LEFT.to_owned())));
        Box::pin(std::future::ready(answer))
    }
}
