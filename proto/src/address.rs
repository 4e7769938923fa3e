//! Addresses of those who ask, as far as proxies between can be believed.

use std::net::IpAddr;

/// Whether an address is of this machine or of a private network (RFC 1918, RFC 4193): what runs there is ours to believe.
pub fn is_private(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => v4.is_loopback() || v4.is_private() || v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local(),
    }
}

/// Where a request comes from that reached us from `peer`: what stands in front of us has added it at the right of `forwarded`
/// (`X-Forwarded-For`), where the client cannot write.
pub fn client(peer: IpAddr, forwarded: Option<&str>) -> IpAddr {
    if !is_private(peer) {
        return peer;
    }
    let hops = forwarded.unwrap_or_default().rsplit(',').map_while(|hop| hop.trim().parse::<IpAddr>().ok());
    let mut nearest = peer;
    for hop in hops {
        nearest = hop;
        if !is_private(hop) {
            break;
        }
    }
    nearest
}

#[cfg(test)]
mod tests {
    use super::client;

    #[test]
    fn a_client_cannot_name_another_address_than_its_own() {
        for (peer, forwarded, expected) in [
            ("203.0.113.9", None, "203.0.113.9"),
            ("203.0.113.9", Some("198.51.100.1"), "203.0.113.9"),
            ("10.0.0.2", Some("198.51.100.1"), "198.51.100.1"),
            ("10.0.0.2", Some("192.0.2.66, 198.51.100.1, 10.0.0.7"), "198.51.100.1"),
            ("127.0.0.1", Some("192.0.2.66, nonsense"), "127.0.0.1"),
            ("::ffff:10.0.0.2", Some("2001:db8::1"), "2001:db8::1"),
            ("127.0.0.1", None, "127.0.0.1"),
        ] {
            assert_eq!(
                client(peer.parse().unwrap(), forwarded),
                expected.parse::<std::net::IpAddr>().unwrap()
            );
        }
    }
}
