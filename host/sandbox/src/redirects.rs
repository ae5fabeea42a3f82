//! What a redirect asks for. Where it may lead is decided in [`crate::outbound`].
//!
//! As Go's client does for Alertmanager, with one difference: a message that is posted and answered with 301 or 302 is
//! not asked for again without its body. That would look like a delivery and deliver nothing; the plugin gets the answer
//! and says what is wrong.

use url::Url;

use crate::http::{HttpError, HttpMethod, HttpResponse};
use crate::outbound::{Cleared, Draft};

/// Most redirects of one request, as in Go's client.
const MAX_REDIRECTS: usize = 10;
/// Headers that say who is asking, which another host must not learn.
const PRIVATE_HEADERS: [&str; 4] = ["authorization", "cookie", "proxy-authorization", "www-authenticate"];
/// Headers that describe a body.
const BODY_HEADERS: [&str; 3] = ["content-type", "content-encoding", "content-language"];

/// The redirects of one request so far.
#[derive(Debug, Default)]
pub(crate) struct Trail {
    followed: usize,
    /// Whether any of them left the first host. That stays so, even where a later one leads back.
    pub(crate) left_host: bool,
    without_body: bool,
}

impl Trail {
    /// The request that a response to `from` asks for; none where it is an answer. `draft` is the first request.
    pub(crate) fn next(
        &mut self,
        draft: &Draft,
        from: &Cleared,
        response: &HttpResponse,
    ) -> Option<Result<Draft, HttpError>> {
        let method = method_after(response.status, from.method)?;
        let location = response.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("location"));
        let (_, location) = location?;
        self.followed += 1;
        if self.followed > MAX_REDIRECTS {
            return Some(Err(HttpError::Other(format!("more than {MAX_REDIRECTS} redirects"))));
        }
        let Ok(url) = from.url.join(location) else {
            return Some(Err(HttpError::Other("a redirect to what is no address".into())));
        };
        self.left_host |= leaves(&from.url, &url);
        self.without_body |= method != from.method;
        let dropped: &[&[&str]] = match (self.left_host, self.without_body) {
            (false, false) => &[],
            (true, false) => &[&PRIVATE_HEADERS],
            (false, true) => &[&BODY_HEADERS],
            (true, true) => &[&PRIVATE_HEADERS, &BODY_HEADERS],
        };
        let is_kept = |name: &str| !dropped.concat().iter().any(|own| own.eq_ignore_ascii_case(name));
        Some(Ok(Draft {
            method,
            url: url.into(),
            headers: draft.headers.iter().filter(|(name, _)| is_kept(name)).cloned().collect(),
            body: if self.without_body { bytes::Bytes::new() } else { draft.body.clone() },
        }))
    }
}

/// How to ask at the new place; none where the status does not mean to.
const fn method_after(status: u16, method: HttpMethod) -> Option<HttpMethod> {
    match (status, method) {
        (307 | 308, method) => Some(method),
        (303, _) | (301 | 302, HttpMethod::Get) => Some(HttpMethod::Get),
        _ => None,
    }
}

/// Whether credentials for one place are none of the other's business: another host, or the same one in the clear.
fn leaves(from: &Url, to: &Url) -> bool {
    from.host_str() != to.host_str() || (from.scheme() == "https" && to.scheme() == "http")
}
