//! What a guest can do with `wasi:http` to cost the host memory.

use crate::Request;
use crate::wasi_http::{Fields, Method, OutgoingRequest, outgoing, outgoing_handler, received, shown, write};

/// More than any limit of the host.
const MANY: usize = 100_000;

/// Bytes of headers that one list takes.
pub(crate) fn hoard_headers() -> String {
    let headers = Fields::new();
    let taken = (0..MANY).take_while(|at| headers.append(&format!("x-{at}"), &[b'x'; 100]).is_ok()).count();
    format!("{taken} headers")
}

/// Never comes back: the host has no handle left.
pub(crate) fn hoard_handles() -> String {
    let held: Vec<Fields> = (0..MANY).map(|_| Fields::new()).collect();
    format!("{} handles", held.len())
}

pub(crate) fn long_parts() -> String {
    let request = OutgoingRequest::new(Fields::new());
    let long = "a".repeat(MANY);
    let taken = [
        request.set_method(&Method::Other(long.clone())),
        request.set_authority(Some(&long)),
        request.set_path_with_query(Some(&format!("/{}", &long[..10_000]))),
    ];
    format!("{taken:?}")
}

/// Gives up a body after its first piece.
pub(crate) fn leave_unfinished(url: &str) -> String {
    let request = Request {
        method: "POST".into(),
        url: url.into(),
        headers: Vec::new(),
        body: Vec::new(),
        timeout_ms: 10_000,
    };
    let outgoing = match outgoing(&request) {
        Ok(outgoing) => outgoing,
        Err(error) => return error,
    };
    let body = outgoing.body().expect("it is asked for once");
    let response = match outgoing_handler::handle(outgoing, None) {
        Ok(response) => response,
        Err(code) => return shown(code),
    };
    write(&body, b"half of it");
    drop(body);
    received(&response).err().unwrap_or_else(|| "it was sent".into())
}
