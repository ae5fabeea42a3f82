//! `wasi:http`, as a client of a language would use it.

mod bindings {
    #![allow(missing_docs, unused_qualifications, clippy::all, reason = "generated")]
    wit_bindgen::generate!({ path: "wit", world: "requests", generate_all });
}

pub(crate) use bindings::wasi::http::outgoing_handler;
pub(crate) use bindings::wasi::http::types::{
    ErrorCode, Fields, Method, OutgoingBody, OutgoingRequest, RequestOptions, Scheme,
};
use bindings::wasi::http::types::{FutureIncomingResponse, IncomingResponse};
use bindings::wasi::io::streams::StreamError;

use crate::{Answer, Request};

/// The most that is written at once.
const PIECE_BYTES: usize = 4096;

pub(crate) fn send(request: Request) -> Result<Answer, String> {
    let outgoing = outgoing(&request)?;
    let body = outgoing.body().expect("it is asked for once");
    let options = RequestOptions::new();
    let nanos = u64::from(request.timeout_ms) * 1_000_000;
    options.set_first_byte_timeout(Some(nanos)).expect("the host has such a time");
    let response = outgoing_handler::handle(outgoing, Some(options)).map_err(shown)?;
    write(&body, &request.body);
    OutgoingBody::finish(body, None).map_err(shown)?;
    answer(&received(&response)?)
}

pub(crate) fn outgoing(request: &Request) -> Result<OutgoingRequest, String> {
    let headers = Fields::new();
    for (name, value) in &request.headers {
        headers.append(name, value.as_bytes()).map_err(|error| format!("{name}: {error:?}"))?;
    }
    let outgoing = OutgoingRequest::new(headers);
    let (scheme, rest) = request.url.split_once("://").ok_or("no URL")?;
    let (authority, path) = rest.find('/').map_or((rest, "/"), |at| rest.split_at(at));
    let scheme = match scheme {
        "http" => Scheme::Http,
        _ => Scheme::Https,
    };
    let method = match request.method.as_str() {
        "GET" => Method::Get,
        "POST" => Method::Post,
        other => Method::Other(other.to_owned()),
    };
    let set = outgoing
        .set_method(&method)
        .and_then(|()| outgoing.set_scheme(Some(&scheme)))
        .and_then(|()| outgoing.set_authority(Some(authority)))
        .and_then(|()| outgoing.set_path_with_query(Some(path)));
    set.map_err(|()| "a part was refused".to_owned())?;
    Ok(outgoing)
}

/// What the host does not take any more is left out: the response says why.
pub(crate) fn write(body: &OutgoingBody, bytes: &[u8]) {
    let stream = body.write().expect("it is asked for once");
    let _ = bytes.chunks(PIECE_BYTES).try_for_each(|piece| stream.blocking_write_and_flush(piece));
}

pub(crate) fn received(response: &FutureIncomingResponse) -> Result<IncomingResponse, String> {
    response.subscribe().block();
    response.get().expect("it is there").expect("it is taken once").map_err(shown)
}

fn answer(response: &IncomingResponse) -> Result<Answer, String> {
    let body = response.consume().expect("it is asked for once");
    let stream = body.stream().expect("it is asked for once");
    let mut bytes = Vec::new();
    loop {
        match stream.blocking_read(PIECE_BYTES as u64) {
            Ok(piece) => bytes.extend(piece),
            Err(StreamError::Closed) => break,
            Err(StreamError::LastOperationFailed(_)) => return Err("the body broke off".into()),
        }
    }
    Ok(Answer { status: response.status(), headers: response.headers().entries(), body: bytes })
}

pub(crate) fn shown(code: ErrorCode) -> String {
    format!("{code:?}")
}
