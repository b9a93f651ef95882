//! The connection to an API server, through a proxy where there is one.
//!
//! [`connect`] makes the connection in which TLS with the API server begins. What fails on the
//! way through a proxy names the proxy ([`Failed`]).

use std::io;
use std::net::IpAddr;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderValue, Request, StatusCode, Uri, header};
use http_body_util::Empty;
use hyper::client::conn::http1;
use hyper::rt::{Read, Write};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tower::{BoxError, Service, ServiceExt};

use super::proxy::{Proxy, Speaks, place};

/// No connection came about through a proxy.
#[derive(Debug, thiserror::Error)]
#[error("no connection through the proxy {proxy}")]
pub(super) struct Failed {
    proxy: Proxy,
    source: BoxError,
}

/// Why.
#[derive(Debug, thiserror::Error)]
enum Obstacle {
    #[error("it cannot be reached")]
    Unreachable(#[source] BoxError),
    #[error("no answer within {0:?}")]
    Late(Duration),
    #[error("it asks for a user and a password, and its URL has none")]
    NoCredentials,
    #[error("it does not take the user and password of its URL")]
    BadCredentials,
    #[error("it answers {status} to CONNECT {target}")]
    Refused { target: String, status: StatusCode },
    #[error("its answer to CONNECT {target} makes no sense")]
    Nonsense { target: String, source: Option<hyper::Error> },
    #[error("it answers {0} to SOCKS5 CONNECT: {text}", text = meaning(*.0))]
    Socks(u8),
    #[error("its answer is not SOCKS5")]
    NoSocks,
    #[error("no more than 255 bytes fit in a SOCKS5 user, password or host")]
    TooLong,
    #[error("it breaks off")]
    Broken(#[from] io::Error),
}

/// Connects through a proxy, or without one. `connector` connects in TLS where it is asked for
/// `https`.
pub(super) async fn connect<C>(
    connector: C,
    proxy: Option<Proxy>,
    url: Uri,
) -> Result<C::Response, BoxError>
where
    C: Service<Uri, Error = BoxError>,
    C::Response: Read + Write + Unpin + Send + 'static,
{
    let (host, port) = place(&url);
    let target = format!("{host}:{port}");
    let Some(proxy) = proxy else { return connector.oneshot(plain("http", target)?).await };
    let scheme = if proxy.speaks == Speaks::Https { "https" } else { "http" };
    let reached = connector.oneshot(plain(scheme, format!("{}:{}", proxy.host, proxy.port))?);
    let socket = reached.await.map_err(Obstacle::Unreachable)?;
    let tunnel = match proxy.speaks {
        Speaks::Http | Speaks::Https => ask(socket, target, &proxy).await,
        Speaks::Socks5 => socks(socket, host, port, &proxy).await,
    };
    Ok(tunnel?)
}

// === impl Failed ===

impl Failed {
    /// Names the proxy to what happened in `limit`.
    pub(super) fn new(proxy: Proxy, limit: Duration, error: BoxError) -> Self {
        let late = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        let source = match late {
            Some(late) if late.is::<tokio::time::error::Elapsed>() => Obstacle::Late(limit).into(),
            _ => error,
        };
        Self { proxy, source }
    }
}

/// Only the scheme says whether there is TLS.
fn plain(scheme: &str, authority: String) -> Result<Uri, http::Error> {
    Uri::builder().scheme(scheme).authority(authority).path_and_query("/").build()
}

/// Asks an HTTP proxy for a connection, which then goes on in the same socket.
async fn ask<S>(socket: S, target: String, proxy: &Proxy) -> Result<S, Obstacle>
where
    S: Read + Write + Unpin + Send + 'static,
{
    let nonsense = |source| Obstacle::Nonsense { target: target.clone(), source };
    let mut request = Request::connect(&target)
        .header(header::HOST, &target)
        .body(Empty::<Bytes>::new())
        .map_err(|_| nonsense(None))?;
    if let Some((user, password)) = &proxy.credentials {
        let basic = format!("Basic {}", STANDARD.encode(format!("{user}:{password}")));
        let basic = HeaderValue::try_from(basic).map_err(|_| Obstacle::BadCredentials)?;
        request.headers_mut().insert(header::PROXY_AUTHORIZATION, basic);
    }
    let handshake = http1::handshake(socket).await;
    let (mut sender, connection) = handshake.map_err(|error| nonsense(Some(error)))?;
    // Ends with the sender, or with the upgrade.
    tokio::spawn(connection.with_upgrades());
    let answer = sender.send_request(request).await.map_err(|error| nonsense(Some(error)))?;
    match answer.status() {
        status if status.is_success() => {}
        StatusCode::PROXY_AUTHENTICATION_REQUIRED if proxy.credentials.is_none() => {
            return Err(Obstacle::NoCredentials);
        }
        StatusCode::PROXY_AUTHENTICATION_REQUIRED => return Err(Obstacle::BadCredentials),
        status => return Err(Obstacle::Refused { target, status }),
    }
    let upgraded = hyper::upgrade::on(answer).await.map_err(|error| nonsense(Some(error)))?;
    let parts = upgraded.downcast::<S>().map_err(|_| nonsense(None))?;
    // An API server says nothing before it is spoken to.
    if parts.read_buf.is_empty() { Ok(parts.io) } else { Err(nonsense(None)) }
}

/// Asks a SOCKS proxy for a connection (RFC 1928, 1929), which then goes on in the same socket.
async fn socks<S>(socket: S, host: &str, port: u16, proxy: &Proxy) -> Result<S, Obstacle>
where
    S: Read + Write + Unpin,
{
    let mut socket = TokioIo::new(socket);
    // As Go, which offers to do without the password that it was given.
    let offer: &[u8] = if proxy.credentials.is_some() { &[5, 2, 0, 2] } else { &[5, 1, 0] };
    socket.write_all(offer).await?;
    let mut chosen = [0; 2];
    socket.read_exact(&mut chosen).await?;
    match (chosen, &proxy.credentials) {
        ([5, 0], _) => {}
        ([5, 2], Some((user, password))) => {
            let (user, password) = (field(user)?, field(password)?);
            socket.write_all(&[&[1], &user[..], &password[..]].concat()).await?;
            let mut taken = [0; 2];
            socket.read_exact(&mut taken).await?;
            if taken[1] != 0 {
                return Err(Obstacle::BadCredentials);
            }
        }
        ([5, 0xff], None) => return Err(Obstacle::NoCredentials),
        ([5, 0xff], Some(_)) => return Err(Obstacle::BadCredentials),
        _ => return Err(Obstacle::NoSocks),
    }
    let address = match host.trim_matches(['[', ']']).parse() {
        Ok(IpAddr::V4(address)) => [&[1], &address.octets()[..]].concat(),
        Ok(IpAddr::V6(address)) => [&[4], &address.octets()[..]].concat(),
        Err(_) => [&[3], &field(host)?[..]].concat(),
    };
    socket.write_all(&[&[5, 1, 0], &address[..], &port.to_be_bytes()].concat()).await?;
    let mut answer = [0; 4];
    socket.read_exact(&mut answer).await?;
    let bound = match answer {
        [5, 0, _, 1] => 4,
        [5, 0, _, 3] => socket.read_u8().await?.into(),
        [5, 0, _, 4] => 16,
        [5, code, _, _] if code != 0 => return Err(Obstacle::Socks(code)),
        _ => return Err(Obstacle::NoSocks),
    };
    // Where the proxy has its end of the connection does not matter.
    socket.read_exact(&mut vec![0; bound + 2]).await?;
    Ok(socket.into_inner())
}

/// Text with its length before it.
fn field(text: &str) -> Result<Vec<u8>, Obstacle> {
    let length = u8::try_from(text.len()).map_err(|_| Obstacle::TooLong)?;
    Ok([&[length], text.as_bytes()].concat())
}

/// What the codes of RFC 1928 mean.
fn meaning(code: u8) -> &'static str {
    match code {
        2 => "not allowed",
        3 => "network unreachable",
        4 => "host unreachable",
        5 => "connection refused",
        6 => "TTL expired",
        7 => "command not supported",
        8 => "address type not supported",
        _ => "general failure",
    }
}
