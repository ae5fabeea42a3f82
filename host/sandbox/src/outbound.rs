//! From what a plugin asks for to a request that may leave the host: the destination is checked, then the secrets go in.

use std::sync::Arc;

use bytes::Bytes;
use url::Url;

use crate::egress::{AllowList, Origin};
use crate::encoding::{json_escaped, percent_encoded};
use crate::http::{AddressPolicy, HttpClient, HttpMethod};
use crate::secrets::{Secret, Secrets, find, replace_bytes};

/// Headers of one request.
const MAX_HEADERS: usize = 64;
/// Names and values of all headers together.
const MAX_HEADER_BYTES: usize = 16 << 10;
/// Headers that belong to the client.
const CLIENT_HEADERS: [&str; 6] =
    ["host", "content-length", "transfer-encoding", "connection", "upgrade", "te"];

/// What one configured receiver may reach, and the secrets that it may send there.
#[derive(Debug, Default, Clone)]
pub(crate) struct Access {
    /// Name of the plugin's file of grants, for messages.
    pub(crate) grants_file: String,
    pub(crate) allowed: AllowList,
    pub(crate) secrets: Secrets,
    /// Sends the requests, where the operator configured how; else the client of all plugins does.
    pub(crate) client: Option<Arc<dyn HttpClient>>,
    pub(crate) follow_redirects: bool,
}

/// A request as the plugin wrote it.
#[derive(Debug, Clone)]
pub(crate) struct Draft {
    pub(crate) method: HttpMethod,
    pub(crate) url: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Bytes,
}

/// A request that may leave.
#[derive(Debug)]
pub(crate) struct Cleared {
    pub(crate) method: HttpMethod,
    pub(crate) url: Url,
    pub(crate) origin: Origin,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Bytes,
    pub(crate) addresses: AddressPolicy,
}

/// Why a request may not leave.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    #[error("{0}")]
    Denied(String),
    #[error("{0}")]
    Invalid(String),
}

impl Access {
    /// Checks the destination and puts the secrets in.
    pub(crate) fn clear(&self, draft: Draft) -> Result<Cleared, Refused> {
        let destination = self.destination(&draft.url)?;
        self.filled_in(draft, destination)
    }

    /// Checks where a redirect leads: to the origin that answered, or to one that the plugin may reach by itself. What
    /// the plugin wrote is filled in anew, so that a secret which is not for the new place does not go there.
    pub(crate) fn clear_redirect(&self, draft: Draft, from: &Cleared) -> Result<Cleared, Refused> {
        let (url, origin) = parse(&draft.url)?;
        refuse_user_info(&url)?;
        let addresses = if origin == from.origin {
            from.addresses
        } else {
            let granted = self.allowed.permit(&origin);
            granted.ok_or_else(|| {
                Refused::Denied(format!("{} redirects: {}", from.origin, self.denied(&origin)))
            })?
        };
        self.filled_in(draft, (url, origin, addresses))
    }

    fn filled_in(
        &self,
        draft: Draft,
        (url, origin, addresses): (Url, Origin, AddressPolicy),
    ) -> Result<Cleared, Refused> {
        let headers = self.headers(&draft.headers, &origin)?;
        let body = self.body(draft.body, &draft.headers, &origin)?;
        Ok(Cleared { method: draft.method, url, origin, headers, body, addresses })
    }

    /// The URL with secrets in it. It is parsed once, after substitution, and what was checked is what is sent.
    fn destination(&self, text: &str) -> Result<(Url, Origin, AddressPolicy), Refused> {
        if let Some((secret, rest)) = self.whole_url(text) {
            let (url, origin) = parse(&format!("{}{rest}", secret.value()))?;
            if secret.own_origin() != Some(&origin) {
                return Err(Refused::Denied(format!(
                    "what follows the URL in {} leads elsewhere",
                    secret.setting()
                )));
            }
            return Ok((url, origin, AddressPolicy::Any));
        }
        let used = self.used_in(text.as_bytes());
        let substituted = used.iter().fold(text.to_owned(), |text, secret| {
            text.replace(secret.placeholder(), &percent_encoded(secret.value()))
        });
        let (url, origin) = parse(&substituted)?;
        refuse_user_info(&url)?;
        let addresses = self.allowed.permit(&origin).ok_or_else(|| self.denied(&origin))?;
        check_bound(&used, &origin)?;
        Ok((url, origin, addresses))
    }

    /// The secret that is a URL and begins the text, and what follows it.
    fn whole_url<'a>(&self, text: &'a str) -> Option<(&Secret, &'a str)> {
        let mut urls = self.secrets.iter().filter(|secret| secret.own_origin().is_some());
        urls.find_map(|secret| Some((secret, text.strip_prefix(secret.placeholder())?)))
    }

    fn headers(
        &self,
        headers: &[(String, String)],
        origin: &Origin,
    ) -> Result<Vec<(String, String)>, Refused> {
        let bytes: usize = headers.iter().map(|(name, value)| name.len() + value.len()).sum();
        if headers.len() > MAX_HEADERS || bytes > MAX_HEADER_BYTES {
            return Err(Refused::Invalid(format!(
                "{} headers with {bytes} bytes are too many",
                headers.len()
            )));
        }
        headers.iter().map(|(name, value)| self.header(name, value, origin)).collect()
    }

    fn header(&self, name: &str, value: &str, origin: &Origin) -> Result<(String, String), Refused> {
        let is_token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
        if name.is_empty() || !name.bytes().all(is_token) {
            return Err(Refused::Invalid(format!("{name:?} is no name of a header")));
        }
        if CLIENT_HEADERS.iter().any(|own| own.eq_ignore_ascii_case(name)) {
            return Err(Refused::Invalid(format!("the header {name} is set by the host")));
        }
        let used = self.used_in(value.as_bytes());
        check_bound(&used, origin)?;
        let value =
            used.iter().fold(value.to_owned(), |v, secret| v.replace(secret.placeholder(), secret.value()));
        if value.chars().any(|c| c.is_control() && c != '\t') {
            return Err(Refused::Invalid(format!("the header {name} has control characters")));
        }
        Ok((name.to_owned(), value))
    }

    /// In a JSON body, secrets are written as inside a JSON text.
    fn body(&self, body: Bytes, headers: &[(String, String)], origin: &Origin) -> Result<Bytes, Refused> {
        let used = self.used_in(&body);
        if used.is_empty() {
            return Ok(body);
        }
        check_bound(&used, origin)?;
        let is_json = headers.iter().any(|(name, value)| {
            name.eq_ignore_ascii_case("content-type") && value.to_ascii_lowercase().contains("json")
        });
        let written = |secret: &Secret| {
            if is_json { json_escaped(secret.value()) } else { secret.value().to_owned() }
        };
        Ok(used.iter().fold(body, |body, secret| {
            replace_bytes(&body, secret.placeholder().as_bytes(), written(secret).as_bytes()).into()
        }))
    }

    fn used_in<'a>(&'a self, bytes: &[u8]) -> Vec<&'a Secret> {
        self.secrets.iter().filter(|secret| find(bytes, secret.placeholder().as_bytes()).is_some()).collect()
    }

    fn denied(&self, origin: &Origin) -> Refused {
        let file = &self.grants_file;
        Refused::Denied(format!("{origin} is not granted; add it to hosts under [grants] in {file}"))
    }
}

fn check_bound(used: &[&Secret], origin: &Origin) -> Result<(), Refused> {
    match used.iter().find(|secret| !secret.may_go_to(origin)) {
        Some(secret) => Err(Refused::Denied(format!("the secret {} is not for {origin}", secret.setting()))),
        None => Ok(()),
    }
}

fn refuse_user_info(url: &Url) -> Result<(), Refused> {
    if url.username().is_empty() && url.password().is_none() {
        return Ok(());
    }
    Err(Refused::Invalid("the URL has a user or password; use a header".into()))
}

/// The text is not repeated in the error: it may hold a secret.
fn parse(text: &str) -> Result<(Url, Origin), Refused> {
    let url =
        Url::parse(text).map_err(|error| Refused::Invalid(format!("the URL cannot be read: {error}")))?;
    let origin =
        Origin::of(&url).ok_or_else(|| Refused::Invalid("the URL is neither http nor https".into()))?;
    Ok((url, origin))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secrets::Found;

    fn found<'a>(setting: &'a str, value: &'a str) -> Found<'a> {
        Found { setting, value, file: None }
    }

    fn access(allowed: &[&str], secrets: Secrets) -> Access {
        let origins = allowed.iter().map(|text| text.parse().unwrap()).collect();
        Access {
            grants_file: "x.toml".into(),
            allowed: AllowList { origins, private_networks: false },
            secrets,
            ..Access::default()
        }
    }

    fn draft(url: &str, headers: &[(&str, &str)], body: &str) -> Draft {
        Draft {
            method: HttpMethod::Post,
            url: url.into(),
            headers: headers.iter().map(|(n, v)| ((*n).into(), (*v).into())).collect(),
            body: Bytes::copy_from_slice(body.as_bytes()),
        }
    }

    fn denial(result: Result<Cleared, Refused>) -> String {
        result.unwrap_err().to_string()
    }

    #[test]
    fn names_the_missing_grant() {
        let text = denial(access(&[], Secrets::default()).clear(draft("https://api.example/x", &[], "")));
        assert_eq!(text, "https://api.example is not granted; add it to hosts under [grants] in x.toml");
    }

    #[test]
    fn whole_url_goes_to_its_own_origin_without_further_grant() {
        let mut secrets = Secrets::default();
        let url = secrets.hold(&found("api_url", "https://hooks.example/T/B"), None);
        let access = access(&["https://evil.example"], secrets);
        let cleared = access.clear(draft(&url, &[], "")).unwrap();
        assert_eq!(
            (cleared.url.as_str(), cleared.addresses),
            ("https://hooks.example/T/B", AddressPolicy::Any)
        );
        assert_eq!(
            access.clear(draft(&format!("{url}/x?y=1"), &[], "")).unwrap().url.as_str(),
            "https://hooks.example/T/B/x?y=1"
        );
        let elsewhere = access.clear(draft("https://evil.example/", &[], &url));
        assert_eq!(denial(elsewhere), "the secret api_url is not for https://evil.example");
    }

    #[test]
    fn what_follows_a_whole_url_cannot_change_its_host() {
        let mut secrets = Secrets::default();
        let url = secrets.hold(&found("url", "https://hooks.example"), None);
        let access = access(&[], secrets);
        for tail in [".evil.example/", "@evil.example/", ":8443/"] {
            assert!(access.clear(draft(&format!("{url}{tail}"), &[], "")).is_err(), "{tail}");
        }
    }

    #[test]
    fn secrets_go_in_where_they_are_bound_and_are_encoded() {
        let mut secrets = Secrets::default();
        let origins = vec!["https://api.example".parse().unwrap()];
        let token = secrets.hold(&found("token", "a/b\"c"), Some(origins));
        let access = access(&["https://api.example", "https://other.example"], secrets);
        let cleared = access
            .clear(draft(
                &format!("https://api.example/bot{token}/send"),
                &[("Authorization", &format!("Bearer {token}")), ("Content-Type", "application/json")],
                &format!("{{\"t\":\"{token}\"}}"),
            ))
            .unwrap();
        assert_eq!(cleared.url.as_str(), "https://api.example/bota%2Fb%22c/send");
        assert_eq!(cleared.headers[0].1, "Bearer a/b\"c");
        assert_eq!(cleared.body, &br#"{"t":"a/b\"c"}"#[..]);
        for stolen in [
            draft(&format!("https://other.example/{token}"), &[], ""),
            draft("https://other.example/", &[("X-Token", &token)], ""),
            draft("https://other.example/", &[], &token),
        ] {
            assert_eq!(denial(access.clear(stolen)), "the secret token is not for https://other.example");
        }
    }

    #[test]
    fn secret_cannot_become_the_host() {
        let mut secrets = Secrets::default();
        let token = secrets.hold(&found("token", "evil.example"), None);
        let access = access(&["https://api.example"], secrets);
        assert!(access.clear(draft(&format!("https://{token}/"), &[], "")).is_err());
        assert!(access.clear(draft(&format!("https://api.example@{token}/"), &[], "")).is_err());
    }

    #[test]
    fn refuses_headers_that_could_split_or_misroute() {
        let mut secrets = Secrets::default();
        let token = secrets.hold(&found("token", "a\r\nX: y"), None);
        let access = access(&["https://api.example"], secrets);
        for header in [("Host", "evil"), ("a b", "c"), ("X", "a\nb"), ("X", token.as_str())] {
            let refused = access.clear(draft("https://api.example/", &[header], ""));
            assert!(matches!(refused, Err(Refused::Invalid(_))), "{header:?}");
        }
    }

    #[test]
    fn redirects_lead_to_the_same_origin_or_to_granted_ones() {
        let mut secrets = Secrets::default();
        let url = secrets.hold(&found("url", "http://hooks.example/T1"), None);
        let access = access(&["https://*.granted.example"], secrets);
        let first = access.clear(draft(&url, &[], "")).unwrap();
        let follow = |to: &str| access.clear_redirect(draft(to, &[], ""), &first).map(|next| next.addresses);
        assert_eq!(
            follow("http://hooks.example/T2"),
            Ok(AddressPolicy::Any),
            "an origin of its own needs no grant"
        );
        assert_eq!(follow("https://eu.granted.example/"), Ok(AddressPolicy::PublicOnly));
        assert_eq!(
            follow("https://hooks.example/T2").unwrap_err().to_string(),
            "http://hooks.example redirects: https://hooks.example is not granted; add it to hosts under [grants] in x.toml"
        );
        assert!(matches!(follow("http://u:p@hooks.example/"), Err(Refused::Invalid(_))));
        assert!(matches!(follow("ftp://hooks.example/"), Err(Refused::Invalid(_))));
    }

    #[test]
    fn a_redirect_takes_no_secret_to_where_it_is_not_for() {
        let mut secrets = Secrets::default();
        let bound = vec!["https://a.example".parse().unwrap()];
        let token = secrets.hold(&found("token", "hunter22"), Some(bound));
        let access = access(&["https://a.example", "https://b.example"], secrets);
        let first = access.clear(draft("https://a.example/", &[("X-Token", &token)], "")).unwrap();
        let led = |to: &str| access.clear_redirect(draft(to, &[("X-Token", &token)], ""), &first);
        assert_eq!(led("https://a.example/2").unwrap().headers[0].1, "hunter22");
        assert_eq!(denial(led("https://b.example/")), "the secret token is not for https://b.example");
    }
}
