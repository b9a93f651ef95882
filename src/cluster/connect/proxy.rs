//! Which proxy stands between us and an API server, as kubectl finds it.
//!
//! A kubeconfig's `proxy-url` counts before the environment. Of the environment, `HTTPS_PROXY` or
//! `HTTP_PROXY` is taken by the scheme of the cluster's URL, and `NO_PROXY` is held against the
//! cluster's host: the rules of Go's `httpproxy`. Only decides; [`super::tunnel`] connects.

use std::fmt;
use std::net::IpAddr;

use http::Uri;
use ipnet::IpNet;
use percent_encoding::percent_decode_str;

/// A proxy. Shown without its user and password.
#[derive(Clone, Eq, PartialEq)]
pub struct Proxy {
    pub(super) speaks: Speaks,
    pub(super) host: String,
    pub(super) port: u16,
    /// User and password, decoded.
    pub(super) credentials: Option<(String, String)>,
}

/// How to ask a proxy for a connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Speaks {
    /// `CONNECT`.
    Http,
    /// `CONNECT`, in TLS.
    Https,
    /// RFC 1928; the proxy looks names up.
    Socks5,
}

/// What should name a proxy does not. The text holds nothing of the URL, which may hold a password.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{place} names no proxy: {why}")]
pub struct BadProxy {
    place: String,
    why: String,
}

// === impl Proxy ===

impl Proxy {
    /// The proxy of a `proxy-url`.
    ///
    /// # Errors
    /// Where it is not the URL of one.
    pub fn named(url: &str) -> Result<Self, BadProxy> {
        Self::parse(url).map_err(|why| BadProxy { place: "proxy-url".to_owned(), why })
    }

    /// The proxy that the environment names for a cluster, if it names one.
    ///
    /// # Errors
    /// Where a proxy is named, and is none. Go would connect without it, which where a proxy is
    /// needed ends in a time-out that says nothing.
    pub fn of_environment(
        cluster: &Uri,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Option<Self>, BadProxy> {
        let read = |names: [&'static str; 2]| {
            let values = names.into_iter().map(|name| (name, variable(name).unwrap_or_default()));
            values.into_iter().find(|(_, value)| !value.is_empty())
        };
        let names = match cluster.scheme_str() {
            Some("http") => ["HTTP_PROXY", "http_proxy"],
            _ => ["HTTPS_PROXY", "https_proxy"],
        };
        let Some((place, url)) = read(names) else { return Ok(None) };
        let direct = read(["NO_PROXY", "no_proxy"]).map(|(_, list)| list).unwrap_or_default();
        if goes_direct(cluster, &direct) {
            return Ok(None);
        }
        let url = if url.contains("://") { url } else { format!("http://{url}") };
        let bad = |why| BadProxy { place: place.to_owned(), why };
        Self::parse(&url).map(Some).map_err(bad)
    }

    fn parse(url: &str) -> Result<Self, String> {
        let uri: Uri = url.trim().parse().map_err(|_| NO_URL.to_owned())?;
        let speaks = match uri.scheme_str() {
            Some("http") => Speaks::Http,
            Some("https") => Speaks::Https,
            Some("socks5" | "socks5h") => Speaks::Socks5,
            _ => return Err("it begins with none of http://, https://, socks5://".to_owned()),
        };
        let authority = uri.authority().map(http::uri::Authority::as_str).unwrap_or_default();
        let credentials = authority.rsplit_once('@').map(|(credentials, _)| {
            let (user, password) = credentials.split_once(':').unwrap_or((credentials, ""));
            let decoded = |text| percent_decode_str(text).decode_utf8_lossy().into_owned();
            (decoded(user), decoded(password))
        });
        let host = uri.host().filter(|host| !host.is_empty());
        let host = host.ok_or_else(|| "it names no host".to_owned())?.to_owned();
        let port = uri.port_u16().unwrap_or(speaks.scheme_and_port().1);
        Ok(Self { speaks, host, port, credentials })
    }
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { speaks, host, port, credentials: _ } = self;
        let (scheme, _) = speaks.scheme_and_port();
        write!(f, "{scheme}://{host}:{port}")
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proxy({self})")
    }
}

// === impl Speaks ===

impl Speaks {
    /// As URLs have it, and where its proxies listen if nothing else is said.
    const fn scheme_and_port(self) -> (&'static str, u16) {
        match self {
            Self::Http => ("http", 80),
            Self::Https => ("https", 443),
            Self::Socks5 => ("socks5", 1080),
        }
    }
}

/// Where a URL leads: its host as it is written there, and its port.
pub(super) fn place(url: &Uri) -> (&str, u16) {
    let usual = if url.scheme_str() == Some("http") { 80 } else { 443 };
    (url.host().unwrap_or_default(), url.port_u16().unwrap_or(usual))
}

/// Whether the environment's proxy is not for this cluster: it is on this machine, or in the list
/// of `NO_PROXY`.
fn goes_direct(cluster: &Uri, list: &str) -> bool {
    let (host, port) = place(cluster);
    let host = host.trim_matches(['[', ']']).to_lowercase();
    let address = host.parse::<IpAddr>().ok().map(|address| address.to_canonical());
    let here = host == "localhost" || address.is_some_and(|address| address.is_loopback());
    here || list.split(',').any(|entry| covers(entry.trim(), &host, address, &port.to_string()))
}

/// Whether an entry of `NO_PROXY` means a host; `address` is the host, where it is an address.
fn covers(entry: &str, host: &str, address: Option<IpAddr>, port: &str) -> bool {
    if entry == "*" {
        return true;
    }
    if let Ok(network) = entry.parse::<IpNet>() {
        return address.is_some_and(|address| network.contains(&address));
    }
    let (name, only) = match entry.strip_prefix('[').and_then(|rest| rest.split_once("]:")) {
        Some(split) => split,
        // With more than one colon it is an IPv6 address.
        None => match entry.split_once(':') {
            Some((name, port)) if !port.contains(':') => (name, port),
            _ => (entry, ""),
        },
    };
    let same = match (name.parse::<IpAddr>(), address) {
        (Ok(named), address) => address == Some(named.to_canonical()),
        (Err(_), Some(_)) => false,
        (Err(_), None) => within(&name.to_lowercase(), host),
    };
    same && (only.is_empty() || only == port)
}

/// A domain means itself and what is below it; with a dot or `*.` before it, only what is below.
fn within(domain: &str, host: &str) -> bool {
    let below = domain.strip_prefix('*').filter(|rest| rest.starts_with('.')).unwrap_or(domain);
    if below.starts_with('.') {
        return host.ends_with(below);
    }
    let above = host.strip_suffix(below).filter(|_| !below.is_empty());
    above.is_some_and(|above| above.is_empty() || above.ends_with('.'))
}

const NO_URL: &str = "it is no URL; what is special in a user or password is written as %40";

#[cfg(test)]
mod tests;
