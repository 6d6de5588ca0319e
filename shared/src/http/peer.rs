//! Who is asking: the address of the visitor behind reverse proxies (`docs/SPECS.md`, security line 45).

use crate::settings::TrustProxy;
use http::HeaderMap;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// The visitor's address: the right-most hop that is not a trusted proxy.
///
/// `socket` is the other end of the connection, `None` where the host does not know it. Only `X-Forwarded-For`
/// is read, and only if the connection comes from a trusted proxy. An entry that is no address gives the
/// connection's own address, never "unknown". With [`TrustProxy::Everybody`] exactly one proxy is believed, the
/// one that connects: its own entry is the right-most one, whatever the visitor wrote before it.
/// IPv4 addresses written as IPv6 (`::ffff:a.b.c.d`) come back as IPv4.
#[must_use]
pub fn client_ip(socket: Option<IpAddr>, headers: &HeaderMap, trust: &TrustProxy) -> Option<IpAddr> {
    let socket = socket.map(|ip| ip.to_canonical());
    let entries: Vec<&[u8]> =
        headers.get_all("x-forwarded-for").iter().flat_map(|v| v.as_bytes().split(|b| *b == b',')).collect();
    match trust {
        TrustProxy::Nobody => socket,
        TrustProxy::Everybody => entries.last().and_then(|e| parse_hop(e)).or(socket),
        TrustProxy::Ranges(ranges) => {
            let mut hop = socket?;
            for entry in entries.iter().rev() {
                if !ranges.iter().any(|(network, bits)| contains(*network, *bits, hop)) {
                    break;
                }
                match parse_hop(entry) {
                    Some(ip) => hop = ip,
                    None => return socket,
                }
            }
            Some(hop)
        }
    }
}

/// The key under which requests of an address are counted: IPv4 whole, IPv6 folded to its /64, because one
/// visitor owns all of that.
#[must_use]
pub fn fold(ip: IpAddr) -> String {
    match ip.to_canonical() {
        IpAddr::V4(v4) => v4.to_string(),
        IpAddr::V6(v6) => format!("{}/64", Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << 64))),
    }
}

/// One entry: an address, or an address with a port as some proxies write it.
fn parse_hop(entry: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(entry).ok()?.trim();
    let bracketed = || text.strip_prefix('[')?.strip_suffix(']')?.parse::<Ipv6Addr>().ok().map(IpAddr::V6);
    text.parse::<IpAddr>()
        .ok()
        .or_else(|| text.parse::<SocketAddr>().ok().map(|a| a.ip()))
        .or_else(bracketed)
        .map(|ip| ip.to_canonical())
}

/// Whether `ip` (canonical) lies in the range.
fn contains(network: IpAddr, bits: u8, ip: IpAddr) -> bool {
    let (network, bits) = match network.to_canonical() {
        v4 @ IpAddr::V4(_) if network.is_ipv6() => (v4, bits.saturating_sub(96)),
        same => (same, bits),
    };
    match (network, ip) {
        (IpAddr::V4(n), IpAddr::V4(i)) => {
            (n.to_bits() ^ i.to_bits()).checked_shr(32_u32.saturating_sub(bits.into())).unwrap_or(0) == 0
        }
        (IpAddr::V6(n), IpAddr::V6(i)) => {
            (n.to_bits() ^ i.to_bits()).checked_shr(128_u32.saturating_sub(bits.into())).unwrap_or(0) == 0
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn ranges(list: &[(&str, u8)]) -> TrustProxy {
        TrustProxy::Ranges(list.iter().map(|(n, b)| (ip(n), *b)).collect())
    }

    fn seen(socket: &str, lines: &[&str], trust: &TrustProxy) -> String {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append("x-forwarded-for", line.parse().unwrap());
        }
        client_ip(Some(ip(socket)), &headers, trust).unwrap().to_string()
    }

    #[test]
    fn s45_a_header_from_an_untrusted_peer_is_ignored() {
        assert_eq!(seen("203.0.113.9", &["1.1.1.1"], &TrustProxy::Nobody), "203.0.113.9");
        assert_eq!(seen("203.0.113.9", &["1.1.1.1"], &ranges(&[("10.0.0.0", 8)])), "203.0.113.9");
        assert_eq!(client_ip(None, &HeaderMap::new(), &TrustProxy::Nobody), None);
    }

    #[test]
    fn s45_the_right_most_untrusted_hop_counts_and_what_is_left_of_it_is_spoof() {
        let trust = ranges(&[("10.0.0.0", 8), ("192.0.2.1", 32)]);
        assert_eq!(seen("10.0.0.1", &["6.6.6.6, 203.0.113.9, 192.0.2.1"], &trust), "203.0.113.9");
        assert_eq!(seen("10.0.0.1", &["6.6.6.6", "203.0.113.9", "10.9.9.9"], &trust), "203.0.113.9");
        assert_eq!(seen("10.0.0.1", &["6.6.6.6, 192.0.2.2"], &trust), "192.0.2.2");
        // every hop is a proxy: the farthest one asks for itself
        assert_eq!(seen("10.0.0.1", &["10.0.0.3, 10.0.0.2"], &trust), "10.0.0.3");
        assert_eq!(seen("10.0.0.1", &[], &trust), "10.0.0.1");
    }

    #[test]
    fn s45_trusting_everybody_believes_one_hop() {
        assert_eq!(seen("198.51.100.1", &["6.6.6.6, 203.0.113.9"], &TrustProxy::Everybody), "203.0.113.9");
        assert_eq!(seen("198.51.100.1", &["6.6.6.6, nonsense"], &TrustProxy::Everybody), "198.51.100.1");
        assert_eq!(seen("198.51.100.1", &[], &TrustProxy::Everybody), "198.51.100.1");
    }

    #[test]
    fn s45_garbage_gives_the_peer_address() {
        let trust = ranges(&[("10.0.0.0", 8)]);
        for garbage in ["", " ", "unknown", "_hidden", "1.2.3", "1.2.3.4.5", "<script>", "9.9.9.9, ", "é"] {
            assert_eq!(seen("10.0.0.1", &[garbage], &trust), "10.0.0.1", "{garbage:?}");
        }
        // garbage left of the hop that counts is never read
        assert_eq!(seen("10.0.0.1", &["rubbish, 203.0.113.9"], &trust), "203.0.113.9");
    }

    #[test]
    fn s45_alias_spellings_are_one_address_or_none() {
        let trust = ranges(&[("127.0.0.0", 8)]);
        for same in
            ["203.0.113.9", " 203.0.113.9 ", "203.0.113.9:4711", "::ffff:203.0.113.9", "[::ffff:cb00:7109]"]
        {
            assert_eq!(seen("127.0.0.1", &[same], &trust), "203.0.113.9", "{same}");
        }
        for not_an_address in
            ["127.1", "0177.0.0.1", "0x7f.0.0.1", "2130706433", "203.0.113.09", "fe80::1%eth0"]
        {
            assert_eq!(seen("127.0.0.1", &[not_an_address], &trust), "127.0.0.1", "{not_an_address}");
        }
    }

    #[test]
    fn s45_ipv6_peers_and_proxies() {
        let trust = ranges(&[("2001:db8::", 32), ("::1", 128)]);
        assert_eq!(seen("::1", &["2a00::1, 2001:db8:ffff::7"], &trust), "2a00::1");
        assert_eq!(seen("::1", &["[2a00::1]:443"], &trust), "2a00::1");
        assert_eq!(seen("::2", &["2a00::1"], &trust), "::2");
        assert_eq!(seen("::1", &["2a00:0:0::0001"], &ranges(&[("::", 0)])), "2a00::1");
    }

    #[test]
    fn s45_v4_mapped_sockets_and_ranges_are_ipv4() {
        assert_eq!(seen("::ffff:10.0.0.1", &["203.0.113.9"], &ranges(&[("10.0.0.0", 8)])), "203.0.113.9");
        assert_eq!(seen("10.0.0.1", &["203.0.113.9"], &ranges(&[("::ffff:10.0.0.0", 104)])), "203.0.113.9");
        assert_eq!(seen("11.0.0.1", &["203.0.113.9"], &ranges(&[("::ffff:10.0.0.0", 104)])), "11.0.0.1");
        assert_eq!(seen("10.0.0.1", &["203.0.113.9"], &ranges(&[("::", 0)])), "10.0.0.1");
    }

    #[test]
    fn s45_ipv6_is_folded_to_its_64() {
        assert_eq!(fold(ip("2001:db8:1:2:3:4:5:6")), "2001:db8:1:2::/64");
        assert_eq!(fold(ip("2001:db8:1:2::ffff")), "2001:db8:1:2::/64");
        assert_eq!(fold(ip("2001:db8:1:3::1")), "2001:db8:1:3::/64");
        assert_eq!(fold(ip("::ffff:192.0.2.1")), "192.0.2.1");
        assert_eq!(fold(ip("192.0.2.1")), "192.0.2.1");
    }
}
