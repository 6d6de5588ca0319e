//! Which targets a request of our own may go to (`docs/SPECS.md`, security line 50). Pure rules; hosts that resolve names
//! themselves apply [`is_public`] to every address and connect to those addresses alone.

use crate::ports::{FetchError, PrivateAddresses};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use url::{Host, Url};

/// Ports a target from outside may name.
const PORTS: [u16; 2] = [443, 8443];

/// Checks the target of a request before anything is sent: scheme, port, credentials, and the address if the
/// host is written as one. Targets from the configuration ([`PrivateAddresses::AllowConfigured`]) may be plain
/// `http`, on any port and anywhere.
///
/// # Errors
/// [`FetchError::Refused`].
pub fn check_target(uri: &http::Uri, private: PrivateAddresses) -> Result<(), FetchError> {
    let url = Url::parse(&uri.to_string()).map_err(|_| FetchError::Refused)?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(FetchError::Refused);
    }
    let allowed = match private {
        PrivateAddresses::AllowConfigured => matches!(url.scheme(), "https" | "http") && url.host().is_some(),
        PrivateAddresses::Refuse => {
            url.scheme() == "https"
                && url.port_or_known_default().is_some_and(|p| PORTS.contains(&p))
                && match url.host() {
                    Some(Host::Ipv4(ip)) => is_public(ip.into()),
                    Some(Host::Ipv6(ip)) => is_public(ip.into()),
                    Some(Host::Domain(name)) => !is_local_name(name),
                    None => false,
                }
        }
    };
    if allowed { Ok(()) } else { Err(FetchError::Refused) }
}

/// Whether a web address is on the public Internet, as far as it says: `https`, and neither a name nor an address of this
/// machine or network.
#[must_use]
pub fn looks_public(url: &Url) -> bool {
    url.scheme() == "https"
        && match url.host() {
            Some(Host::Ipv4(ip)) => is_public(ip.into()),
            Some(Host::Ipv6(ip)) => is_public(ip.into()),
            Some(Host::Domain(name)) => !is_local_name(name) && name.contains('.'),
            None => false,
        }
}

/// Names that mean this machine or this network wherever they are resolved (RFC 6761, RFC 6762, RFC 8375).
fn is_local_name(name: &str) -> bool {
    let name = name.trim_end_matches('.');
    ["localhost", "local", "internal", "home.arpa"]
        .into_iter()
        .any(|zone| name == zone || name.strip_suffix(zone).is_some_and(|rest| rest.ends_with('.')))
}

/// Whether an address belongs to one host of the public Internet. IPv6 forms that carry an IPv4 address
/// (mapped, NAT64, 6to4, Teredo) are never public: they would reach what the address inside reaches.
#[must_use]
pub fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => !SPECIAL_V4.iter().any(|(net, bits)| same_v4(*net, v4, *bits)),
        // Only 2000::/3 is given out as global unicast (RFC 4291 §2.4): everything else is refused at once,
        // among it loopback, ::ffff:0:0/96, 64:ff9b::/96, fc00::/7, fe80::/10 and ff00::/8.
        IpAddr::V6(v6) => {
            same_v6(Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), v6, 3)
                && !SPECIAL_V6.iter().any(|(net, bits)| same_v6(*net, v6, *bits))
        }
    }
}

fn same_v4(a: Ipv4Addr, b: Ipv4Addr, bits: u32) -> bool {
    (a.to_bits() ^ b.to_bits()).leading_zeros() >= bits
}

fn same_v6(a: Ipv6Addr, b: Ipv6Addr, bits: u32) -> bool {
    (a.to_bits() ^ b.to_bits()).leading_zeros() >= bits
}

/// IANA IPv4 Special-Purpose Address Registry (RFC 6890) and multicast.
const SPECIAL_V4: [(Ipv4Addr, u32); 16] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8),
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 0, 0, 0), 24),
    (Ipv4Addr::new(192, 0, 2, 0), 24),
    (Ipv4Addr::new(192, 31, 196, 0), 24),
    (Ipv4Addr::new(192, 52, 193, 0), 24),
    (Ipv4Addr::new(192, 88, 99, 0), 24),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    (Ipv4Addr::new(198, 18, 0, 0), 15),
    (Ipv4Addr::new(198, 51, 100, 0), 24),
    (Ipv4Addr::new(203, 0, 113, 0), 24),
    (Ipv4Addr::new(224, 0, 0, 0), 3),
];

/// What is special inside 2000::/3 (IANA IPv6 Special-Purpose Address Registry).
const SPECIAL_V6: [(Ipv6Addr, u32); 5] = [
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32),
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16),
    (Ipv6Addr::new(0x3ffe, 0, 0, 0, 0, 0, 0, 0), 16),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(url: &str, private: PrivateAddresses) -> bool {
        check_target(&url.parse().unwrap(), private).is_ok()
    }

    #[test]
    fn s50_special_addresses_are_not_public() {
        for ip in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.0.1",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.7",
            "203.0.113.7",
            "224.0.0.1",
            "239.255.255.250",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::7f00:1",
            "::ffff:127.0.0.1",
            "::ffff:8.8.8.8",
            "64:ff9b::7f00:1",
            "64:ff9b::808:808",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:2::1",
            "2001:10::1",
            "2001:20::1",
            "2001:db8::1",
            "2002:7f00:1::1",
            "3fff::1",
            "fc00::1",
            "fd12::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(!is_public(ip.parse().unwrap()), "{ip}");
        }
    }

    #[test]
    fn s50_ordinary_addresses_are_public() {
        for ip in [
            "1.1.1.1",
            "8.8.8.8",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.1",
            "169.253.255.255",
            "172.15.255.255",
            "172.32.0.0",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "2001:200::1",
            "2001:4860:4860::8888",
            "2003::1",
            "2606:4700::1111",
            "2a00:1450::1",
        ] {
            assert!(is_public(ip.parse().unwrap()), "{ip}");
        }
    }

    #[test]
    fn s50_targets_from_outside() {
        for url in [
            "https://app.example/logo.png",
            "https://app.example:443/",
            "https://app.example:8443/",
            "https://8.8.8.8/",
            "https://[2606:4700::1111]/",
            "https://localhost.example/",
        ] {
            assert!(checked(url, PrivateAddresses::Refuse), "{url}");
        }
        for url in [
            "http://app.example/",
            "https://app.example:22/",
            "https://app.example:80/",
            "https://user:secret@app.example/",
            "https://127.0.0.1/",
            "https://127.1/",
            "https://0x7f000001/",
            "https://2130706433/",
            "https://017700000001/",
            "https://[::1]/",
            "https://[::ffff:127.0.0.1]/",
            "https://[fd00::1]/",
            "https://169.254.169.254/latest/meta-data",
            "https://localhost/",
            "https://LOCALHOST./",
            "https://a.localhost/",
            "https://printer.local/",
            "https://metadata.google.internal/",
            "/relative",
        ] {
            assert!(!checked(url, PrivateAddresses::Refuse), "{url}");
        }
    }

    #[test]
    fn s50_configured_targets_may_be_private_but_carry_no_credentials() {
        assert!(checked("http://127.0.0.1:8080/", PrivateAddresses::AllowConfigured));
        assert!(checked("https://db.internal/", PrivateAddresses::AllowConfigured));
        assert!(!checked("http://u:p@127.0.0.1/", PrivateAddresses::AllowConfigured));
        assert!(!checked("ftp://127.0.0.1/", PrivateAddresses::AllowConfigured));
    }
}
