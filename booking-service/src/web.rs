//! HTTP to others: where it may go, and how much of an answer is read.

use std::net::IpAddr;

use anyhow::{Result, bail};
use reqwest::{Response, Url};

/// Whether a secret may be sent there: over TLS, or to this very machine.
pub(crate) fn is_safe(url: &Url) -> bool {
    let is_here = url.host_str().is_some_and(|host| {
        host == "localhost"
            || host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    });
    url.scheme() == "https" || (url.scheme() == "http" && is_here)
}

/// The body of an answer, unless it is larger than any that is meant.
pub(crate) async fn body(mut response: Response, largest: usize) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        body.extend_from_slice(&chunk);
        if body.len() > largest {
            bail!("it answers with more than {largest} bytes");
        }
    }
    Ok(body)
}
