//! `no_proxy`: hosts that are reached directly.

use std::net::IpAddr;

use url::Url;

use super::address_of;

/// A list such as `10.0.0.0/8, .example.com, host:8080`, or `*` for all.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Exceptions(Vec<Exception>);

#[derive(Debug, PartialEq, Eq)]
enum Exception {
    All,
    Network {
        address: IpAddr,
        prefix_bits: u8,
    },
    Address {
        address: IpAddr,
        port: Option<u16>,
    },
    /// The name itself, where `also_itself`, and all below it.
    Domain {
        name: String,
        port: Option<u16>,
        also_itself: bool,
    },
}

impl Exceptions {
    /// Reads a list; what cannot be read is left out, as Go does.
    pub(super) fn parse(list: &str) -> Self {
        Self(list.split(',').filter_map(|item| parse(&item.trim().to_ascii_lowercase())).collect())
    }

    /// Whether the list has the host of a URL.
    pub(super) fn hold_for(&self, url: &Url) -> bool {
        let port = url.port_or_known_default();
        let same_port = |wanted: Option<u16>| wanted.is_none() || wanted == port;
        let (address, host) = (address_of(url), url.host_str().unwrap_or(""));
        self.0.iter().any(|exception| match exception {
            Exception::All => true,
            Exception::Network { address: network, prefix_bits } => {
                address.is_some_and(|address| same_network(address, *network, *prefix_bits))
            }
            Exception::Address { address: wanted, port } => address == Some(*wanted) && same_port(*port),
            Exception::Domain { name, port, also_itself } => {
                let below = host.strip_suffix(name.as_str()).is_some_and(|rest| rest.ends_with('.'));
                address.is_none() && (below || *also_itself && host == name) && same_port(*port)
            }
        })
    }
}

fn parse(item: &str) -> Option<Exception> {
    if item == "*" {
        return Some(Exception::All);
    }
    if let Some((address, bits)) = item.split_once('/')
        && let (Ok(address), Ok(prefix_bits)) = (address.parse::<IpAddr>(), bits.parse())
    {
        let most = if address.is_ipv4() { 32 } else { 128 };
        return (prefix_bits <= most).then_some(Exception::Network { address, prefix_bits });
    }
    let is_bare_v6 = item.parse::<IpAddr>().is_ok();
    let (host, port) = match item.rsplit_once(':') {
        Some((host, port)) if !is_bare_v6 && !port.contains(']') => (host, Some(port.parse().ok()?)),
        _ => (item, None),
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    if let Ok(address) = host.parse() {
        return Some(Exception::Address { address, port });
    }
    let host = host.strip_prefix('*').unwrap_or(host);
    let (name, also_itself) = match host.strip_prefix('.') {
        Some(below) => (below, false),
        None => (host, true),
    };
    (!name.is_empty()).then(|| Exception::Domain { name: name.to_owned(), port, also_itself })
}

fn same_network(address: IpAddr, network: IpAddr, prefix_bits: u8) -> bool {
    let bits = |address: IpAddr| match address {
        IpAddr::V4(v4) => u128::from(v4.to_bits()) << 96,
        IpAddr::V6(v6) => v6.to_bits(),
    };
    let differing = bits(address) ^ bits(network);
    address.is_ipv4() == network.is_ipv4() && differing.leading_zeros() >= u32::from(prefix_bits)
}
