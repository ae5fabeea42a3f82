//! Questions to which the answer must be: there is none.

use super::bindings::wasi::cli::{environment, stdin, terminal_stdout};
use super::bindings::wasi::clocks::{monotonic_clock, wall_clock};
use super::bindings::wasi::filesystem::preopens;
use super::bindings::wasi::random::random;
use super::bindings::wasi::sockets::network::IpAddressFamily;
use super::bindings::wasi::sockets::{
    instance_network, ip_name_lookup, tcp_create_socket, udp_create_socket,
};

/// How much a probe finds; none where there is no such probe.
pub(super) fn look(probe: &str) -> Option<f64> {
    Some(match probe {
        "environment" => count(environment::get_environment()),
        "arguments" => count(environment::get_arguments()),
        "folder" => count(environment::initial_cwd()),
        "preopens" => count(preopens::get_directories()),
        "stdin" => count(stdin::get_stdin().blocking_read(1).ok()),
        "terminal" => count(terminal_stdout::get_terminal_stdout()),
        "tcp" => count(both_families(tcp_create_socket::create_tcp_socket)),
        "udp" => count(both_families(udp_create_socket::create_udp_socket)),
        "names" => count(["localhost", "evil.example", "169.254.169.254"].into_iter().filter_map(resolved)),
        "clock" => wall_clock::now().seconds as f64,
        "stopwatch" => stopwatch(),
        "dice" => (random::get_random_u64() >> 12) as f64,
        "much-random" => count(random::get_random_bytes(4 << 30)),
        _ => return None,
    })
}

fn count<T>(found: impl IntoIterator<Item = T>) -> f64 {
    found.into_iter().count() as f64
}

fn both_families<T, E>(create: impl Fn(IpAddressFamily) -> Result<T, E>) -> Vec<T> {
    [IpAddressFamily::Ipv4, IpAddressFamily::Ipv6]
        .into_iter()
        .filter_map(|family| create(family).ok())
        .collect()
}

fn resolved(name: &str) -> Option<ip_name_lookup::ResolveAddressStream> {
    ip_name_lookup::resolve_addresses(&instance_network::instance_network(), name).ok()
}

/// Nanoseconds that pass while a million additions are made: what a clock would have to show for an attack on caches.
fn stopwatch() -> f64 {
    let before = monotonic_clock::now();
    let sum = (0..1_000_000_u64).fold(0, |sum, i| std::hint::black_box(sum + i));
    std::hint::black_box(sum);
    (monotonic_clock::now() - before) as f64
}
