//! Where plugins may send requests: origins that the operator granted, and addresses that names may stand for.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use url::{Host, Url};

use crate::http::AddressPolicy;

/// A scheme, host and port: what a grant is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    scheme: Scheme,
    host: String,
    port: u16,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scheme {
    Http,
    Https,
}

impl Scheme {
    fn parse(text: &str) -> Option<Self> {
        match text {
            "http" => Some(Self::Http),
            "https" => Some(Self::Https),
            _ => None,
        }
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    const fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

impl Origin {
    /// The origin of a URL; none where it is not one of HTTP.
    pub fn of(url: &Url) -> Option<Self> {
        let scheme = Scheme::parse(url.scheme())?;
        let host = url.host_str()?.trim_end_matches('.').to_owned();
        Some(Self { scheme, host, port: url.port().unwrap_or_else(|| scheme.default_port()) })
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme.as_str(), self.host)?;
        if self.port == self.scheme.default_port() { Ok(()) } else { write!(f, ":{}", self.port) }
    }
}

/// A text that names no origin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is no origin: {problem}; write scheme://host[:port], such as https://hooks.slack.com or https://*.example.com"
)]
pub struct ParseOriginError {
    text: String,
    problem: &'static str,
}

/// An origin, or all origins below a domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OriginPattern {
    origin: Origin,
    /// Whether the host stands for all names below it, and not for itself.
    subdomains: bool,
}

impl OriginPattern {
    fn matches(&self, origin: &Origin) -> bool {
        let same_host = if self.subdomains {
            origin
                .host
                .strip_suffix(&self.origin.host)
                .is_some_and(|below| below.len() > 1 && below.ends_with('.'))
        } else {
            origin.host == self.origin.host
        };
        same_host && origin.scheme == self.origin.scheme && origin.port == self.origin.port
    }
}

impl FromStr for OriginPattern {
    type Err = ParseOriginError;

    fn from_str(text: &str) -> Result<Self, ParseOriginError> {
        let error = |problem| ParseOriginError { text: text.to_owned(), problem };
        let (scheme, rest) = text.split_once("://").ok_or_else(|| error("it has no scheme"))?;
        let (subdomains, rest) = match rest.strip_prefix("*.") {
            Some(rest) => (true, rest),
            None => (false, rest),
        };
        if rest.contains('*') {
            return Err(error("a * may only stand for the first part of the host"));
        }
        let url = Url::parse(&format!("{scheme}://{rest}")).map_err(|_| error("it cannot be read"))?;
        let origin = Origin::of(&url).ok_or_else(|| error("only http and https can be granted"))?;
        if url.path() != "/"
            || url.query().is_some()
            || url.fragment().is_some()
            || !url.username().is_empty()
        {
            return Err(error("a grant is for a whole origin, without path, query or user"));
        }
        if subdomains && !matches!(url.host(), Some(Host::Domain(_))) {
            return Err(error("addresses have no subdomains"));
        }
        Ok(Self { origin, subdomains })
    }
}

impl fmt::Display for OriginPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.subdomains {
            return fmt::Display::fmt(&self.origin, f);
        }
        let text = self.origin.to_string();
        f.write_str(&text.replacen("://", "://*.", 1))
    }
}

/// What the operator granted to one plugin.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AllowList {
    /// Where it may send requests.
    pub origins: Vec<OriginPattern>,
    /// Whether names under a wildcard may stand for private addresses.
    pub private_networks: bool,
}

impl AllowList {
    /// Whether an origin may be reached, and at which addresses. A host that is named in full is the operator's own
    /// choice, this machine included; under a wildcard, whoever controls the domain's names chooses the address.
    pub fn permit(&self, origin: &Origin) -> Option<AddressPolicy> {
        let mut matching = self.origins.iter().filter(|pattern| pattern.matches(origin)).peekable();
        matching.peek()?;
        Some(if matching.any(|pattern| !pattern.subdomains) {
            AddressPolicy::Any
        } else if self.private_networks {
            AddressPolicy::Private
        } else {
            AddressPolicy::PublicOnly
        })
    }

    /// Whether a pattern's origin is granted, by itself or below a wildcard.
    pub(crate) fn covers(&self, wanted: &OriginPattern) -> bool {
        self.origins
            .iter()
            .any(|pattern| pattern == wanted || !wanted.subdomains && pattern.matches(&wanted.origin))
    }
}

/// Whether any of these origins is meant.
pub(crate) fn any_matches(patterns: &[OriginPattern], origin: &Origin) -> bool {
    patterns.iter().any(|pattern| pattern.matches(origin))
}

/// Where clouds tell a machine its credentials, beside 169.254.169.254, which is link-local.
const METADATA: [IpAddr; 3] = [
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
];

/// Whether no message is ever meant for an address, by whatever name or in whatever spelling: link-local ones and others
/// at which clouds tell a machine its credentials, and those of many receivers.
pub(crate) fn is_off_limits(address: IpAddr) -> bool {
    let address = plain(address);
    METADATA.contains(&address)
        || match address {
            IpAddr::V4(v4) => v4.is_link_local() || v4.is_multicast() || v4.is_broadcast(),
            IpAddr::V6(v6) => v6.is_unicast_link_local() || v6.is_multicast(),
        }
}

/// Whether an address is one of a private network.
pub(crate) fn is_private(address: IpAddr) -> bool {
    match plain(address) {
        IpAddr::V4(v4) => v4.is_private(),
        IpAddr::V6(v6) => v6.is_unique_local(),
    }
}

/// Whether an address is out in the world: not loopback, private, link-local (cloud metadata services), multicast, or
/// reserved, in any spelling.
pub(crate) fn is_public(address: IpAddr) -> bool {
    match plain(address) {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => is_public_v6(v6),
    }
}

/// An address as itself, where IPv6 wraps one of IPv4.
fn plain(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(v6) => embedded_v4(v6).map_or(address, IpAddr::V4),
        IpAddr::V4(_) => address,
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let shared = a == 100 && (64..128).contains(&b);
    let protocol_assignments = a == 192 && b == 0 && c == 0;
    let benchmarking = a == 198 && (b == 18 || b == 19);
    !(address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_documentation()
        || shared
        || protocol_assignments
        || benchmarking
        || a == 0
        || a >= 224)
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    // Only 2000::/3 is given out to the world; 2001:db8::/32 is for documentation.
    let [first, second, ..] = address.segments();
    first & 0xe000 == 0x2000 && !(first == 0x2001 && second == 0x0db8)
}

/// The IPv4 address inside an IPv4-mapped, NAT64 or 6to4 address.
fn embedded_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let segments = address.segments();
    let from = |high: u16, low: u16| {
        let [[a, b], [c, d]] = [high.to_be_bytes(), low.to_be_bytes()];
        Ipv4Addr::new(a, b, c, d)
    };
    match segments {
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => Some(from(high, low)),
        [0x2002, high, low, ..] => Some(from(high, low)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(patterns: &[&str]) -> AllowList {
        AllowList {
            origins: patterns.iter().map(|text| text.parse().unwrap()).collect(),
            private_networks: false,
        }
    }

    fn permit(list: &AllowList, url: &str) -> Option<AddressPolicy> {
        list.permit(&Origin::of(&Url::parse(url).unwrap())?)
    }

    #[test]
    fn permits_exactly_what_was_granted() {
        let list = list(&["https://hooks.slack.com", "http://10.0.0.7:8080", "https://*.example.com"]);
        for url in ["https://hooks.slack.com/x", "https://HOOKS.slack.com:443/", "http://10.0.0.7:8080/a?b"] {
            assert_eq!(permit(&list, url), Some(AddressPolicy::Any), "{url}");
        }
        assert_eq!(permit(&list, "https://a.b.example.com/"), Some(AddressPolicy::PublicOnly));
        let refused = [
            "http://hooks.slack.com/",
            "https://hooks.slack.com:444/",
            "https://hooks.slack.com.evil.example/",
            "https://evil.example/hooks.slack.com",
            "https://hooks.slack.com@evil.example/",
            "https://example.com/",
            "https://evilexample.com/",
            "http://10.0.0.7/",
            "ftp://hooks.slack.com/",
        ];
        for url in refused {
            assert_eq!(permit(&list, url), None, "{url}");
        }
    }

    #[test]
    fn other_spellings_of_an_address_are_the_same_origin() {
        let list = list(&["http://127.0.0.1:80"]);
        for url in ["http://127.1/", "http://2130706433/", "http://0x7f.0.0.1/"] {
            assert_eq!(permit(&list, url), Some(AddressPolicy::Any), "{url}");
        }
    }

    #[test]
    fn bad_patterns_say_what_is_wrong() {
        for (text, problem) in [
            ("hooks.slack.com", "no scheme"),
            ("ftp://x", "only http"),
            ("https://a.*.com", "first part"),
            ("https://x/path", "whole origin"),
            ("https://*.10.0.0.1", "no subdomains"),
        ] {
            let error = text.parse::<OriginPattern>().unwrap_err().to_string();
            assert!(error.contains(problem), "{text}: {error}");
        }
        assert_eq!(
            "https://*.example.com:8443".parse::<OriginPattern>().unwrap().to_string(),
            "https://*.example.com:8443"
        );
    }

    #[test]
    fn knows_addresses_that_are_not_public() {
        let inside = [
            "127.0.0.1",
            "10.1.2.3",
            "192.168.0.1",
            "172.16.0.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "::1",
            "::",
            "fe80::1",
            "fd00::1",
            "ff02::1",
            "::ffff:127.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "2001:db8::1",
        ];
        for address in inside {
            assert!(!is_public(address.parse().unwrap()), "{address}");
        }
        for address in ["1.1.1.1", "2606:4700::1111", "::ffff:1.1.1.1"] {
            assert!(is_public(address.parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn each_policy_permits_what_the_operator_can_have_meant() {
        let permitted = |address: &str| {
            let address = address.parse().unwrap();
            AddressPolicy::ALL.map(|policy| policy.permits(address))
        };
        for public in ["1.1.1.1", "2606:4700::1111"] {
            assert_eq!(permitted(public), [true, true, true], "{public}");
        }
        for private in ["10.1.2.3", "192.168.0.1", "fd00::1", "::ffff:172.16.0.1"] {
            assert_eq!(permitted(private), [true, true, false], "{private}");
        }
        for this_machine in ["127.0.0.1", "::1", "::ffff:127.0.0.1"] {
            assert_eq!(permitted(this_machine), [true, false, false], "{this_machine}");
        }
        let never = [
            "169.254.169.254",
            "::ffff:169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "2002:a9fe:a9fe::1",
            "fd00:ec2::254",
            "100.100.100.200",
            "fe80::1",
            "224.0.0.1",
            "ff02::1",
            "255.255.255.255",
        ];
        for never in never {
            assert_eq!(permitted(never), [false, false, false], "{never}");
        }
    }

    #[test]
    fn private_networks_are_granted_without_this_machine() {
        let list =
            AllowList { private_networks: true, ..list(&["https://*.example.com", "http://board.lan"]) };
        assert_eq!(permit(&list, "https://a.example.com/"), Some(AddressPolicy::Private));
        assert_eq!(permit(&list, "http://board.lan/"), Some(AddressPolicy::Any));
    }
}
