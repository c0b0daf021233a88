//! Decides by the `Host` header whether a request was meant for this server.
//!
//! A page on the internet can give its own name the address 127.0.0.1, and its scripts then reach a server on the
//! loopback under that name (DNS rebinding). Such requests carry the page's name.

use std::net::{IpAddr, SocketAddr};

use axum::http::HeaderMap;
use axum::http::header::HOST;

/// Returns whether a request with these headers is answered by a server that listens on `listen`. Beyond the
/// loopback, any name may be the server's.
pub(super) fn is_expected(headers: &HeaderMap, listen: SocketAddr) -> bool {
    let Some(host) = headers.get(HOST) else { return true };
    !listen.ip().is_loopback() || host.to_str().is_ok_and(is_loopback)
}

fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_foreign_name_is_refused_on_the_loopback_only() {
        let expected = |host: &str, listen: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(HOST, host.parse().unwrap());
            is_expected(&headers, listen.parse().unwrap())
        };
        for host in ["127.0.0.1:8080", "127.0.0.1", "localhost:1", "LOCALHOST", "[::1]:8080"] {
            assert!(expected(host, "127.0.0.1:8080"), "{host}");
        }
        for host in ["evil.example", "evil.example:8080", "127.0.0.1.evil.example", "10.0.0.1", "", "[::2]:1"]
        {
            assert!(!expected(host, "127.0.0.1:8080"), "{host}");
        }
        assert!(expected("sandbox:8080", "0.0.0.0:8080"));
        assert!(is_expected(&HeaderMap::new(), "127.0.0.1:1".parse().unwrap()));
    }
}
