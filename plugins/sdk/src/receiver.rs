//! Notification receivers: a group of alerts in, one request out.

use std::marker::PhantomData;

mod bindings {
    #![allow(missing_docs, unused_qualifications, clippy::all, reason = "generated")]
    wit_bindgen::generate!({
        path: ["../../wit/host", "../../wit/receiver"],
        inline: "
            package bellwether:sdk@0.1.0;
            world receiver-plugin {
              include bellwether:receiver/receiver-plugin@0.1.0;
              import bellwether:host/kv@0.1.0;
            }
        ",
        world: "bellwether:sdk/receiver-plugin",
        generate_all,
        pub_export_macro: true,
        export_macro_name: "export_receiver_world",
        default_bindings_module: "bellwether_plugin_sdk::receiver",
    });
}

#[doc(hidden)]
pub use bindings::{export_receiver_world, exports};

use bindings::exports::bellwether::receiver::receiver as wit;

pub use bindings::bellwether::host::types::{About, Label, Problem, Setting, SettingKind};
pub use bindings::bellwether::host::{http, kv, log, secrets};
pub use wit::{Alert, Failure, Info, Notification, Purpose, Receipt, Status, Template};

/// Longest pause that a server can ask for; longer ones are cut to it.
const MAX_RETRY_AFTER_MS: u32 = 60 * 60 * 1000;
/// Pause after a 429 without a usable `Retry-After`.
const DEFAULT_RETRY_AFTER_MS: u32 = 30_000;
/// How much of a server's answer goes into an error text.
const ERROR_BODY_CHARS: usize = 200;

/// Turns one notification into a request. Each call may run in a fresh instance: nothing stays in memory.
pub trait Receiver: 'static {
    /// Facts about the receiver. Always the same.
    fn describe() -> Info;

    /// Looks at the settings alone, without sending.
    fn check(config: &str) -> Result<(), Vec<Problem>> {
        let _ = config;
        Ok(())
    }

    /// Delivers.
    fn notify(config: &str, notification: Notification) -> Result<Receipt, Failure>;
}

/// One text out of a notification's rendered templates; empty where there is none.
pub fn rendered<'a>(notification: &'a Notification, name: &str) -> &'a str {
    notification.rendered.iter().find(|(known, _)| known == name).map_or("", |(_, text)| text)
}

/// A setting, for `describe`.
pub fn setting(name: &str, kind: SettingKind, required: bool, default: Option<&str>, help: &str) -> Setting {
    Setting { name: name.into(), kind, help: help.into(), required, default: default.map(Into::into) }
}

/// Sends a request and takes every answer but a 2xx for a failure: 5xx and the network can be retried, 429 waits as long
/// as the server says, after 401 and 403 somebody has to put the credentials right, any other answer is final.
pub fn deliver(request: &http::Request) -> Result<http::Response, Failure> {
    let response = http::send(request).map_err(failure_of_error)?;
    match response.status {
        200..=299 => Ok(response),
        401 | 403 => Err(Failure::Misconfigured(describe_response(&response))),
        429 => Err(Failure::RateLimited(retry_after_ms(&response))),
        500.. => Err(Failure::Retryable(describe_response(&response))),
        _ => Err(Failure::Permanent(describe_response(&response))),
    }
}

fn failure_of_error(error: http::Error) -> Failure {
    match error {
        http::Error::Denied(why) | http::Error::InvalidRequest(why) => Failure::Misconfigured(why),
        http::Error::Timeout => Failure::Retryable("the server did not answer in time".into()),
        http::Error::Unreachable(why) | http::Error::Other(why) => Failure::Retryable(why),
        http::Error::ResponseTooLarge(bytes) => Failure::Permanent(format!("the answer has {bytes} bytes")),
    }
}

/// `Retry-After` in seconds; dates are not understood and count as absent, since a plugin has no clock.
fn retry_after_ms(response: &http::Response) -> u32 {
    let header = response.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("retry-after"));
    let seconds = header.and_then(|(_, value)| value.trim().parse::<u32>().ok());
    seconds.map_or(DEFAULT_RETRY_AFTER_MS, |s| s.saturating_mul(1000).min(MAX_RETRY_AFTER_MS))
}

fn describe_response(response: &http::Response) -> String {
    let body = String::from_utf8_lossy(&response.body);
    let start: String = body.trim().chars().take(ERROR_BODY_CHARS).collect();
    match start.is_empty() {
        true => format!("HTTP status {}", response.status),
        false => format!("HTTP status {}: {start}", response.status),
    }
}

/// The component around a receiver; made by [`export_receiver!`](crate::export_receiver).
pub struct Adapter<R>(PhantomData<R>);

impl<R: Receiver> wit::Guest for Adapter<R> {
    fn describe() -> Info {
        crate::panic::report_to(log_panic);
        R::describe()
    }

    fn check(config: String) -> Result<(), Vec<Problem>> {
        crate::panic::report_to(log_panic);
        R::check(&config)
    }

    fn notify(config: String, notification: Notification) -> Result<Receipt, Failure> {
        crate::panic::report_to(log_panic);
        R::notify(&config, notification)
    }
}

#[doc(hidden)]
pub const fn is_receiver<T: Receiver>() {}

fn log_panic(text: &str) {
    log::write(log::Level::Error, text, &[]);
}

/// Makes a type that implements [`Receiver`](crate::receiver::Receiver) the component's receiver. Off wasm it does nothing, so that
/// plugins can be tested natively.
#[macro_export]
macro_rules! export_receiver {
    ($receiver:ty) => {
        #[cfg(target_family = "wasm")]
        type ExportedReceiver = $crate::receiver::Adapter<$receiver>;
        #[cfg(target_family = "wasm")]
        $crate::receiver::export_receiver_world!(ExportedReceiver);
        #[cfg(not(target_family = "wasm"))]
        const _: () = $crate::receiver::is_receiver::<$receiver>();
    };
}
