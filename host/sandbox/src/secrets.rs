//! Secrets of one configured receiver, and the placeholders that its plugin gets instead.
//!
//! A placeholder is a random text that means nothing elsewhere; that of a URL is a URL, since clients refuse to send to
//! anything else. The host puts the secret in when a request leaves, after the destination was found to be allowed, and
//! takes it out again where a response or an error repeats it.

use std::fmt;
use std::path::{Path, PathBuf};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use url::Url;
use uuid::Uuid;

use crate::egress::{self, Origin, OriginPattern};
use crate::encoding::{json_escaped, percent_encoded};
use crate::settings::{self, SettingProblem};

/// How placeholders begin, in those of URLs the name of the host.
const PREFIX: &str = "bellwether-secret-";
/// What stands in texts where a secret was.
const MASK: &str = "[secret]";
/// Shorter secrets are not masked: they would be found everywhere.
const MIN_MASKED_BYTES: usize = 6;

/// Where a secret may be sent.
#[derive(Debug, Clone)]
enum Bound {
    /// It is a URL, and goes where it says.
    OwnUrl(Origin),
    /// To these origins.
    Origins(Vec<OriginPattern>),
    /// Wherever the plugin may send requests.
    Anywhere,
}

/// One secret.
#[derive(Clone)]
pub(crate) struct Secret {
    setting: String,
    placeholder: String,
    value: String,
    /// The value in all the ways in which the host itself writes it into requests: a response may repeat any of them.
    spellings: Vec<String>,
    bound: Bound,
    file: Option<PathBuf>,
    /// What the operator wrote, where that is to be rendered for each message.
    template: Option<String>,
}

/// A secret as it was found in the settings.
#[derive(Debug)]
pub(crate) struct Found<'a> {
    pub(crate) setting: &'a str,
    pub(crate) value: &'a str,
    /// The file that it came from, to be looked at again.
    pub(crate) file: Option<&'a Path>,
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({}, {:?})", self.setting, self.bound)
    }
}

impl Secret {
    pub(crate) fn setting(&self) -> &str {
        &self.setting
    }

    pub(crate) fn placeholder(&self) -> &str {
        &self.placeholder
    }

    pub(crate) fn value(&self) -> &str {
        &self.value
    }

    /// The origin of a secret that is a whole URL.
    pub(crate) const fn own_origin(&self) -> Option<&Origin> {
        match &self.bound {
            Bound::OwnUrl(origin) => Some(origin),
            Bound::Origins(_) | Bound::Anywhere => None,
        }
    }

    /// What is to be rendered for each message.
    pub(crate) fn template(&self) -> Option<&str> {
        self.template.as_deref()
    }

    /// Takes a new value. A URL goes where the new one says; nothing else changes where the secret may go.
    fn renew(&mut self, value: String) {
        if let (Some(own), Bound::OwnUrl(_)) = (origin_of(&value), &self.bound) {
            self.bound = Bound::OwnUrl(own);
        }
        self.spellings = spellings(&value);
        self.value = value;
    }

    pub(crate) fn may_go_to(&self, origin: &Origin) -> bool {
        match &self.bound {
            Bound::OwnUrl(own) => own == origin,
            Bound::Origins(patterns) => egress::any_matches(patterns, origin),
            Bound::Anywhere => true,
        }
    }
}

/// None of a value that is so short that it would be found everywhere.
fn spellings(value: &str) -> Vec<String> {
    let value = value.trim_end_matches('/');
    if value.len() < MIN_MASKED_BYTES {
        return Vec::new();
    }
    let mut spellings = vec![value.to_owned(), percent_encoded(value), json_escaped(value)];
    spellings.dedup();
    spellings
}

fn is_templated_url(found: &Found<'_>) -> bool {
    let is_url = found.setting == "url" || found.setting.ends_with("_url");
    is_url && found.value.contains("{{")
}

/// The origin of a secret that is a whole URL.
fn origin_of(value: &str) -> Option<Origin> {
    Url::parse(value).ok().and_then(|url| Origin::of(&url))
}

/// All secrets of one configured receiver.
#[derive(Debug, Default, Clone)]
pub(crate) struct Secrets(Vec<Secret>);

impl Secrets {
    /// Takes a secret and gives its placeholder. `origins` are where the operator said that it may go.
    pub(crate) fn hold(&mut self, found: &Found<'_>, origins: Option<Vec<OriginPattern>>) -> String {
        let random = format!("{PREFIX}{}", Uuid::new_v4().simple());
        // As in Alertmanager: the address of a webhook is a template, what a file holds is none.
        let template = (found.file.is_none() && is_templated_url(found)).then(|| found.value.to_owned());
        let bound = match (origin_of(found.value), origins) {
            // Before it is rendered it may go nowhere.
            _ if template.is_some() => Bound::Origins(Vec::new()),
            (Some(own), _) => Bound::OwnUrl(own),
            (None, Some(origins)) => Bound::Origins(origins),
            (None, None) => Bound::Anywhere,
        };
        let placeholder = match bound {
            // A domain that nobody can have.
            Bound::OwnUrl(_) => format!("https://{random}.invalid"),
            Bound::Origins(_) if template.is_some() => format!("https://{random}.invalid"),
            Bound::Origins(_) | Bound::Anywhere => random,
        };
        self.0.push(Secret {
            setting: found.setting.to_owned(),
            placeholder: placeholder.clone(),
            value: found.value.to_owned(),
            spellings: spellings(found.value),
            bound,
            file: found.file.map(Path::to_owned),
            template,
        });
        placeholder
    }

    /// The same secrets with what their files hold now; none where nothing changed.
    pub(crate) fn reread(&self) -> Result<Option<Self>, SettingProblem> {
        let mut renewed = None;
        for (at, secret) in self.0.iter().enumerate() {
            let Some(file) = &secret.file else { continue };
            let value = settings::text_in_file(file)
                .map_err(|message| SettingProblem { setting: Some(secret.setting.clone()), message })?;
            if value != secret.value {
                let all: &mut Self = renewed.get_or_insert_with(|| self.clone());
                all.0[at].renew(value);
            }
        }
        Ok(renewed)
    }

    /// Gives addresses that are templates the texts that were rendered for a message, which it takes out of `rendered`:
    /// they are secret.
    pub(crate) fn take_rendered(
        &mut self,
        rendered: &mut Vec<(String, String)>,
    ) -> Result<(), SettingProblem> {
        for secret in self.0.iter_mut().filter(|secret| secret.template.is_some()) {
            let Some(at) = rendered.iter().position(|(name, _)| *name == secret.setting) else { continue };
            let (setting, url) = rendered.remove(at);
            let Some(origin) = origin_of(&url) else {
                let message = "what its template gives is no address with a scheme and a host".to_owned();
                return Err(SettingProblem { setting: Some(setting), message });
            };
            secret.bound = Bound::OwnUrl(origin);
            secret.spellings = spellings(&url);
            secret.value = url;
        }
        Ok(())
    }

    pub(crate) fn iter(&self) -> std::slice::Iter<'_, Secret> {
        self.0.iter()
    }

    /// HMAC-SHA-256 of data under a secret; none for a placeholder that is not ours.
    pub(crate) fn hmac_sha256(&self, placeholder: &str, data: &[u8]) -> Option<Vec<u8>> {
        let secret = self.0.iter().find(|secret| secret.placeholder == placeholder)?;
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.value.as_bytes()).ok()?;
        mac.update(data);
        Some(mac.finalize().into_bytes().to_vec())
    }

    /// The text without any secret in it.
    pub(crate) fn mask(&self, text: &str) -> String {
        self.spellings().fold(text.to_owned(), |text, value| text.replace(value, MASK))
    }

    /// The bytes without any secret in them.
    pub(crate) fn mask_bytes(&self, bytes: &[u8]) -> Vec<u8> {
        mask_secrets(bytes, self.spellings())
    }

    fn spellings(&self) -> impl Iterator<Item = &str> {
        self.0.iter().flat_map(|secret| secret.spellings.iter().map(String::as_str))
    }
}

/// Bytes without the secrets in them, but for those that are so short that they would be found everywhere.
pub fn mask_secrets<'a>(bytes: &[u8], secrets: impl IntoIterator<Item = &'a str>) -> Vec<u8> {
    let long = secrets.into_iter().filter(|secret| secret.len() >= MIN_MASKED_BYTES);
    long.fold(bytes.to_vec(), |bytes, secret| replace_bytes(&bytes, secret.as_bytes(), MASK.as_bytes()))
}

/// Replaces each occurrence of `from`.
pub(crate) fn replace_bytes(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut replaced = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some(at) = find(rest, from) {
        replaced.extend_from_slice(&rest[..at]);
        replaced.extend_from_slice(to);
        rest = &rest[at + from.len()..];
    }
    replaced.extend_from_slice(rest);
    replaced
}

/// Where `needle` begins in `bytes`.
pub(crate) fn find(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    if needle.is_empty() { None } else { memchr::memmem::find(bytes, needle) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found<'a>(setting: &'a str, value: &'a str) -> Found<'a> {
        Found { setting, value, file: None }
    }

    #[test]
    fn placeholders_tell_nothing_and_differ() {
        let mut secrets = Secrets::default();
        let (a, b) =
            (secrets.hold(&found("a", "hunter22"), None), secrets.hold(&found("b", "hunter22"), None));
        assert!(a != b && !a.contains("hunter22"));
        assert!(!format!("{secrets:?}").contains("hunter22"));
    }

    #[test]
    fn the_placeholder_of_a_url_is_one_too() {
        let mut secrets = Secrets::default();
        let url = Url::parse(&secrets.hold(&found("url", "http://hooks.example/T1"), None)).unwrap();
        assert!(url.scheme() == "https" && url.host_str().unwrap().ends_with(".invalid"), "{url}");
        assert!(Url::parse(&secrets.hold(&found("token", "hunter22"), None)).is_err());
    }

    #[test]
    fn an_address_that_is_a_template_goes_where_each_message_says() {
        let mut secrets = Secrets::default();
        let placeholder = secrets.hold(&found("url", "https://{{ .GroupLabels.team }}.example/T1"), None);
        secrets.hold(&found("token", "{{ no template }}"), None);
        assert!(Url::parse(&placeholder).is_ok(), "{placeholder}");
        let templates: Vec<_> = secrets.iter().map(Secret::template).collect();
        assert_eq!(templates, [Some("https://{{ .GroupLabels.team }}.example/T1"), None]);
        let edge = origin_of("https://edge.example").unwrap();
        assert!(!secrets.0[0].may_go_to(&edge), "before it is rendered");

        let text =
            |url: &str| vec![("title".to_owned(), "Hot".to_owned()), ("url".to_owned(), url.to_owned())];
        let mut rendered = text("https://edge.example/T1");
        secrets.take_rendered(&mut rendered).unwrap();
        assert_eq!(rendered, [("title".to_owned(), "Hot".to_owned())], "the guest does not see the address");
        assert!(secrets.0[0].may_go_to(&edge) && secrets.0[0].value() == "https://edge.example/T1");
        assert_eq!(secrets.mask("to https://edge.example/T1"), "to [secret]");

        let problem = secrets.take_rendered(&mut text("edge.example")).unwrap_err();
        assert!(problem.to_string().contains("no address"), "{problem}");
    }

    #[test]
    fn masks_what_repeats_a_secret() {
        let mut secrets = Secrets::default();
        secrets.hold(&found("url", "https://hooks.example/T1/"), None);
        assert_eq!(
            secrets.mask("cannot reach https://hooks.example/T1/: refused"),
            "cannot reach [secret]/: refused"
        );
        assert_eq!(secrets.mask_bytes(b"\xffhttps://hooks.example/T1"), b"\xff[secret]");
        secrets.hold(&found("password", "a/b\"c d"), None);
        assert_eq!(secrets.mask("no a%2Fb%22c%20d in a/b\\\"c d"), "no [secret] in [secret]");
    }

    #[test]
    fn signs_without_showing_the_key() {
        let mut secrets = Secrets::default();
        let placeholder = secrets.hold(&found("key", "key"), None);
        let mac = secrets.hmac_sha256(&placeholder, b"The quick brown fox jumps over the lazy dog").unwrap();
        let hex: String = mac.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, "f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8");
        assert_eq!(secrets.hmac_sha256("bellwether-secret-0", b""), None);
    }

    #[test]
    fn a_file_is_read_again_under_the_same_placeholder() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "https://hooks.example/1\n").unwrap();
        let mut secrets = Secrets::default();
        let first = Found { setting: "url", value: "https://hooks.example/1", file: Some(file.path()) };
        let placeholder = secrets.hold(&first, None);
        assert!(secrets.reread().unwrap().is_none(), "nothing changed");
        std::fs::write(file.path(), "https://other.example/2\n").unwrap();
        let renewed = secrets.reread().unwrap().unwrap();
        let secret = renewed.iter().next().unwrap();
        assert_eq!((secret.placeholder(), secret.value()), (&*placeholder, "https://other.example/2"));
        assert_eq!(secret.own_origin().unwrap().to_string(), "https://other.example");
        drop(file);
        assert!(secrets.reread().unwrap_err().to_string().starts_with("url: cannot read "));
    }
}
