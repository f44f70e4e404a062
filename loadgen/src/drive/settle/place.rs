//! Where a URL leads: the parts of it, the address behind its name, a proxy or a Unix socket
//! instead.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::Arc;

use url::{Host, Url};

use super::Mistakes;
use crate::cli::drive_args::DriveArgs;
use crate::transport::target::{Addresses, Route};

/// A URL, as far as it matters here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Parts {
    pub https: bool,
    /// Without brackets.
    pub host: String,
    pub port: u16,
    /// `host` or `host:port`, as a server wants to read it.
    pub authority: String,
    /// With the query.
    pub path: String,
}

/// A name and a port that were looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    host: String,
    port: u16,
    /// 4, 6 or both.
    ip: Option<u8>,
}

/// Where sockets lead.
pub(super) struct Place {
    pub route: Route,
    pub tunnel: Option<String>,
    pub named: Option<Named>,
    pub local: bool,
}

pub(super) fn url(text: &str) -> Result<Parts, String> {
    let expected = "expected a URL such as http://127.0.0.1:8080/path";
    let url = Url::parse(text).map_err(|error| format!("`{text}`: {error}; {expected}"))?;
    let https = match url.scheme() {
        "http" => false,
        "https" => true,
        other => {
            return Err(format!("`{text}`: found the scheme `{other}`, expected http or https"));
        }
    };
    let host = match url.host() {
        Some(Host::Domain(name)) => name.to_owned(),
        Some(Host::Ipv4(address)) => address.to_string(),
        Some(Host::Ipv6(address)) => address.to_string(),
        None => return Err(format!("`{text}`: found no host; {expected}")),
    };
    if !url.username().is_empty() || url.password().is_some() {
        return Err("a user in the URL is not sent; add -H 'authorization: Basic …'".to_owned());
    }
    let authority = match (url.host_str(), url.port()) {
        (Some(host), Some(port)) => format!("{host}:{port}"),
        (host, _) => host.unwrap_or_default().to_owned(),
    };
    let path = match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    };
    // Places for the feed's values are written as they are, not as %7B.
    let path = path.replace("%7B", "{").replace("%7D", "}");
    let port = url.port_or_known_default().unwrap_or(80);
    Ok(Parts { https, host, port, authority, path })
}

pub(super) fn route(args: &DriveArgs, url: &Parts, mistakes: &mut Mistakes) -> Option<Place> {
    if let Some(path) = &args.unix {
        if args.re_resolve.is_some() {
            mistakes.0.push("--re-resolve: a Unix socket has no name to look up".to_owned());
        }
        let route = Route::Unix(path.clone());
        return Some(Place { route, tunnel: None, named: None, local: true });
    }
    if args.ip == Some(5) {
        mistakes.0.push("--ip: expected 4 or 6".to_owned());
    }
    let instead = args
        .connect_to
        .as_ref()
        .map(|text| ("--connect-to", text))
        .or_else(|| args.proxy.as_ref().map(|text| ("--proxy", text)));
    let (option, host, port) = match instead {
        Some((option, text)) => {
            let (host, port) = mistakes.keep(option, host_and_port(text))?;
            (option, host, port)
        }
        None => ("URL", url.host.clone(), url.port),
    };
    let named = Named { host, port, ip: args.ip };
    let addresses = mistakes.keep(option, lookup(&named))?;
    let local = addresses.iter().any(|address| address.ip().is_loopback());
    let tunnel = args.proxy.is_some().then(|| match url.host.contains(':') {
        true => format!("[{}]:{}", url.host, url.port),
        false => format!("{}:{}", url.host, url.port),
    });
    let is_name = named.host.parse::<IpAddr>().is_err();
    if args.re_resolve.is_some() && !is_name {
        mistakes.0.push(format!("--re-resolve: {} is an address, not a name", named.host));
    }
    let route = Route::Tcp(Addresses::new(addresses));
    Some(Place { route, tunnel, named: is_name.then_some(named), local })
}

/// Reads `host:port`, `[v6]:port`, with or without `http://` before it.
fn host_and_port(text: &str) -> Result<(String, u16), String> {
    let bad = || format!("`{text}`: expected HOST:PORT");
    let plain = text.strip_prefix("http://").unwrap_or(text).trim_end_matches('/');
    let (host, port) = plain.rsplit_once(':').ok_or_else(bad)?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let port: u16 = port.parse().map_err(|_| bad())?;
    if host.is_empty() { Err(bad()) } else { Ok((host.to_owned(), port)) }
}

/// The addresses behind a name, at least one.
pub fn lookup(named: &Named) -> Result<Vec<SocketAddr>, String> {
    let Named { host, port, ip } = named;
    let found = (host.as_str(), *port)
        .to_socket_addrs()
        .map_err(|error| format!("{host} can not be looked up: {error}"))?;
    let found: Vec<SocketAddr> = found
        .filter(|address| match ip {
            Some(4) => address.is_ipv4(),
            Some(6) => address.is_ipv6(),
            _ => true,
        })
        .collect();
    match (found.is_empty(), ip) {
        (false, _) => Ok(found),
        (true, Some(ip)) => Err(format!("{host} has no IPv{ip} address")),
        (true, None) => Err(format!("{host} has no address")),
    }
}

impl Named {
    /// Looks the name up again every so often, until `done`, for connections that are opened from
    /// then on.
    pub fn refresh(
        &self,
        every: std::time::Duration,
        addresses: &Arc<Addresses>,
        done: &std::sync::mpsc::Receiver<()>,
    ) {
        while let Err(std::sync::mpsc::RecvTimeoutError::Timeout) = done.recv_timeout(every) {
            // A look-up that fails leaves the addresses as they are.
            addresses.replace(lookup(self).unwrap_or_default());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_taken_apart() {
        let parts = url("https://[::1]:8443/a/{id}?q={x}").expect("a URL");
        assert_eq!(parts.host, "::1");
        assert_eq!(parts.port, 8443);
        assert_eq!(parts.authority, "[::1]:8443");
        assert_eq!(parts.path, "/a/{id}?q={x}");
        assert!(parts.https);
        let parts = url("http://example.test").expect("a URL");
        assert_eq!((parts.port, parts.path.as_str()), (80, "/"));
        assert_eq!(parts.authority, "example.test");
    }

    #[test]
    fn what_is_no_url_is_refused_with_the_reason() {
        for (text, expected) in [
            ("127.0.0.1:80", "expected a URL such as"),
            ("localhost:80", "found the scheme `localhost`"),
            ("ftp://h/", "found the scheme `ftp`"),
            ("http://", "empty host"),
            ("http://u:p@h/", "a user in the URL"),
        ] {
            let problem = url(text).expect_err(text);
            assert!(problem.contains(expected), "{problem}");
        }
    }

    #[test]
    fn hosts_and_ports_are_read_with_and_without_brackets() {
        assert_eq!(host_and_port("[::1]:80"), Ok(("::1".to_owned(), 80)));
        assert_eq!(host_and_port("http://proxy:3128/"), Ok(("proxy".to_owned(), 3128)));
        for text in ["proxy", ":80", "h:99999"] {
            assert!(host_and_port(text).is_err(), "{text}");
        }
    }
}
