//! `wasi:http` for receivers whose language has a client over it, such as `fetch`: requests only, and through the same
//! outlet as those of `bellwether:host/http`.
//!
//! A request leaves when its body is complete, and a response comes with all of its own. The interface has codes for
//! what went wrong and hardly any words; the words go to the plugin's log.

use std::future::Future;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Full};
use wasmtime::component::{Linker, Resource};
use wasmtime_wasi_http::p2::bindings::http::types::{self, HostOutgoingRequest, OutgoingRequest};
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpCtxView, WasiHttpHooks, WasiHttpView};

use super::Wasi;
use crate::http::{HttpError, HttpMethod, HttpResponse};
use crate::outbound::Draft;
use crate::outlet::{Outlet, Outlets};
use crate::store::HostState;

/// The interface as it is linked.
const TYPES: &str = "wasi:http/types@0.2.12";
/// Headers of one list, each with some 70 bytes that the host needs for it: room for those that the outlet takes.
pub(super) const FIELDS_BYTES: usize = 32 << 10;
/// What a body's stream takes at once. Two such pieces may wait in each stream.
const CHUNK_BYTES: usize = 16 << 10;
/// The longest method, authority or path: the host keeps them for as long as the guest has a handle to them.
const MAX_PART_BYTES: usize = 8 << 10;
/// Names and values of a response's headers together.
const MAX_RESPONSE_HEADER_BYTES: usize = 64 << 10;

/// What comes of a request, in the form that the interface wants: beside the response, what is still to be done for it.
type Exchange = Box<dyn Future<Output = Result<(Response<WasiBody>, Rest), Error>> + Send>;
type Rest = Box<dyn Future<Output = Result<(), Error>> + Send>;

/// Links what a receiver can import: the types, and the function that sends.
pub(crate) fn add_to_linker(linker: &mut Linker<HostState>) -> wasmtime::Result<()> {
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(linker)?;
    linker.allow_shadowing(true);
    let limited = limit_parts(linker);
    linker.allow_shadowing(false);
    limited
}

/// Puts a limit before those functions that have none of their own.
fn limit_parts(linker: &mut Linker<HostState>) -> wasmtime::Result<()> {
    type Request = Resource<OutgoingRequest>;
    let mut types = linker.instance(TYPES)?;
    types.func_wrap(
        "[method]outgoing-request.set-method",
        |mut store, (request, method): (Request, types::Method)| {
            let is_too_long = matches!(&method, types::Method::Other(name) if name.len() > MAX_PART_BYTES);
            let http = &mut store.data_mut().http();
            Ok((if is_too_long { Err(()) } else { http.set_method(request, method)? },))
        },
    )?;
    types.func_wrap(
        "[method]outgoing-request.set-authority",
        |mut store, (request, authority): (Request, Option<String>)| {
            let http = &mut store.data_mut().http();
            Ok((if is_too_long(&authority) { Err(()) } else { http.set_authority(request, authority)? },))
        },
    )?;
    types.func_wrap(
        "[method]outgoing-request.set-path-with-query",
        |mut store, (request, path): (Request, Option<String>)| {
            let http = &mut store.data_mut().http();
            Ok((if is_too_long(&path) { Err(()) } else { http.set_path_with_query(request, path)? },))
        },
    )
}

fn is_too_long(part: &Option<String>) -> bool {
    part.as_ref().is_some_and(|part| part.len() > MAX_PART_BYTES)
}

impl WasiHttpView for HostState {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        let Wasi { table, http, .. } = super::made(&mut self.wasi, &self.plugin, &self.subject, self.now);
        WasiHttpCtxView { hooks: &mut self.outlets, table, ctx: http }
    }
}

impl WasiHttpHooks for Outlets {
    /// The host's client says who is meant.
    fn set_host_header(&mut self) -> bool {
        false
    }

    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        CHUNK_BYTES
    }

    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _processed: Rest,
    ) -> Exchange {
        let (outlet, report) = (self.take(), self.reporter());
        Box::new(async move {
            let response = match outlet {
                Ok(outlet) => exchange(&outlet, request, options).await,
                Err(error) => Err(error.into()),
            };
            let response = response.map_err(|Failure { code, why }| {
                report(why);
                code
            })?;
            let rest: Rest = Box::new(std::future::ready(Ok(())));
            Ok((response, rest))
        })
    }
}

async fn exchange(
    outlet: &Outlet,
    request: Request<WasiBody>,
    options: Option<RequestOptions>,
) -> Result<Response<WasiBody>, Failure> {
    // The time for the first byte is that for the whole response here. Connecting alone has none of its own.
    let asked = options.and_then(|options| options.first_byte_timeout).unwrap_or(Duration::MAX);
    let (parts, body) = request.into_parts();
    let draft = Draft {
        method: method(&parts.method)?,
        url: url(&parts.uri),
        headers: headers(&parts.headers)?,
        body: whole(body, outlet.request_limit_bytes()).await?,
    };
    response(outlet.send(draft, asked).await?)
}

/// Why there is no response.
#[derive(Debug)]
struct Failure {
    /// For the guest.
    code: Error,
    /// For people.
    why: String,
}

impl Failure {
    fn new(code: Error, why: impl Into<String>) -> Self {
        Self { code, why: why.into() }
    }
}

impl From<HttpError> for Failure {
    fn from(error: HttpError) -> Self {
        let why = error.to_string();
        let code = match error {
            HttpError::Denied(_) => Error::HttpRequestDenied,
            HttpError::InvalidRequest(why) | HttpError::Other(why) => Error::InternalError(Some(why)),
            HttpError::Timeout => Error::HttpResponseTimeout,
            HttpError::Unreachable(_) => Error::DestinationUnavailable,
            HttpError::ResponseTooLarge(bytes) => Error::HttpResponseBodySize(Some(bytes)),
        };
        Self { code, why }
    }
}

fn method(method: &Method) -> Result<HttpMethod, Failure> {
    Ok(match *method {
        Method::GET => HttpMethod::Get,
        Method::POST => HttpMethod::Post,
        Method::PUT => HttpMethod::Put,
        Method::PATCH => HttpMethod::Patch,
        Method::DELETE => HttpMethod::Delete,
        _ => {
            let why = "only GET, POST, PUT, PATCH and DELETE are offered";
            return Err(Failure::new(Error::HttpRequestMethodInvalid, why));
        }
    })
}

/// The address, without a path where it is the root: clients write that slash by themselves, also behind a placeholder
/// that stands for more than an origin.
fn url(uri: &Uri) -> String {
    let (scheme, authority) =
        (uri.scheme_str().unwrap_or_default(), uri.authority().map_or("", |a| a.as_str()));
    let path = if uri.path() == "/" { "" } else { uri.path() };
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    format!("{scheme}://{authority}{path}{query}")
}

/// All but the length of the body, which changes with the secrets in it.
fn headers(headers: &HeaderMap) -> Result<Vec<(String, String)>, Failure> {
    let others = headers.iter().filter(|(name, _)| **name != CONTENT_LENGTH);
    let text = |(name, value): (&HeaderName, &HeaderValue)| {
        let value = std::str::from_utf8(value.as_bytes())
            .map_err(|_| Failure::from(HttpError::InvalidRequest(format!("the header {name} is no text"))))?;
        Ok((name.to_string(), value.to_owned()))
    };
    others.map(text).collect()
}

/// The body when the guest has finished it; trailers are left out.
async fn whole(mut body: WasiBody, limit_bytes: usize) -> Result<Bytes, Failure> {
    let mut bytes = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|code| Failure::new(code, "the plugin did not finish the body"))?;
        let Ok(data) = frame.into_data() else { continue };
        if bytes.len() + data.len() > limit_bytes {
            let code = Error::HttpRequestBodySize(Some(limit_bytes as u64));
            return Err(Failure::new(code, format!("the body has more than {limit_bytes} bytes")));
        }
        bytes.extend_from_slice(&data);
    }
    Ok(bytes.freeze())
}

fn response(answer: HttpResponse) -> Result<Response<WasiBody>, Failure> {
    let bytes: usize = answer.headers.iter().map(|(name, value)| name.len() + value.len()).sum();
    if bytes > MAX_RESPONSE_HEADER_BYTES {
        let code = Error::HttpResponseHeaderSectionSize(u32::try_from(bytes).ok());
        return Err(Failure::new(code, format!("the headers of the response have {bytes} bytes")));
    }
    let unreadable = |what: &str| Failure::new(Error::HttpProtocolError, format!("the response has {what}"));
    let mut headers = HeaderMap::new();
    for (name, value) in answer.headers {
        let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) else {
            return Err(unreadable("a header that cannot be read"));
        };
        headers.try_append(name, value).map_err(|_| unreadable("too many headers"))?;
    }
    // That of the body as it is here: decoded, and without secrets.
    headers.insert(CONTENT_LENGTH, answer.body.len().into());
    let status = StatusCode::from_u16(answer.status).map_err(|_| unreadable("no status"))?;
    let body = Full::new(answer.body).map_err(|never| match never {}).boxed_unsync();
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_is_written_without_its_slash() {
        let written = |text: &str| url(&text.parse().unwrap());
        assert_eq!(written("https://a.example/"), "https://a.example");
        assert_eq!(written("https://a.example/?x=1"), "https://a.example?x=1");
        assert_eq!(written("http://a.example:8080/b/?x"), "http://a.example:8080/b/?x");
    }

    #[test]
    fn lengths_are_those_of_what_the_guest_gets() {
        let answer = HttpResponse {
            status: 200,
            headers: vec![("Content-Length".into(), "999".into()), ("X-A".into(), "1".into())],
            body: "[secret]".into(),
        };
        let response = response(answer).unwrap();
        assert_eq!(
            (&response.headers()["content-length"], &response.headers()["x-a"]),
            (&"8".parse().unwrap(), &"1".parse().unwrap())
        );
    }

    #[test]
    fn responses_that_cannot_be_told_are_failures() {
        let answer = |status, name: &str, value: String| {
            response(HttpResponse { status, headers: vec![(name.into(), value)], body: Bytes::new() })
        };
        for (refused, why) in [
            (answer(99, "x", "1".into()), "the response has no status"),
            (answer(200, "x y", "1".into()), "the response has a header that cannot be read"),
            (answer(200, "x", "1".repeat(70_000)), "the headers of the response have 70001 bytes"),
        ] {
            assert_eq!(refused.unwrap_err().why, why);
        }
    }
}
