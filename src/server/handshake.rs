//! From a TCP connection to one that speaks HTTP, or to a reason why not.
//!
//! A failed handshake is the first thing to look for when admission is silently skipped: the API
//! server does not trust the certificate, and says so in its own log, which few people can read.
//! So each failure is counted by its reason, and logged, but not every time.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use rustls::{AlertDescription, CertificateError, PeerIncompatible};
use tokio::io::{AsyncWriteExt, copy, sink};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::activity::{Late, Protocol};
use super::connection::{End, serve};
use super::phase::Phase;
use super::seats::Seat;
use super::shared::Shared;
use super::stream::LINGER;

/// Why a connection does not get as far as HTTP.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("the client closed the connection")]
    Closed,
    #[error("as many connections are open as may be, and this one was used least")]
    Displaced,
    #[error("{0}")]
    Io(io::Error),
    #[error("it began with byte {0:#04x}, which is neither TLS nor HTTP")]
    NotTls(u8),
    #[error("it spoke plain HTTP to the HTTPS port")]
    PlainHttp,
    #[error("the handshake took too long")]
    TimedOut,
    #[error("{0}{hint}", hint = hint(.0))]
    Tls(rustls::Error),
}

/// Serves one connection to its end.
pub(super) async fn connection(
    shared: Arc<Shared>,
    router: Router,
    stream: TcpStream,
    peer: SocketAddr,
    seat: Arc<Seat>,
    phase: watch::Receiver<Phase>,
) {
    let limit = shared.settings.handshake_timeout;
    let shaken = tokio::select! {
        biased;
        // Cancel-safe: who is told to go ends here.
        () = seat.gone.notified() => Err(Failure::Displaced),
        // Not taken up again once it is left.
        shaken = timeout(limit, handshake(&shared, stream)) => {
            shaken.unwrap_or(Err(Failure::TimedOut))
        }
    };
    let failure = match shaken {
        Ok(stream) => {
            // Told by ALPN, and not guessed from the first bytes: a client that has connected and
            // says nothing yet is then already a connection that can be closed in order.
            let protocol = match stream.get_ref().1.alpn_protocol() {
                Some(b"h2") => Protocol::Http2,
                _ => Protocol::Http1,
            };
            match serve(stream, &seat, protocol, &shared.settings, phase, router).await {
                End::Cut(Late::Answer) => return shared.metrics.rejected("answer_not_read"),
                End::Cut(Late::Head) => return shared.metrics.rejected("headers_too_slow"),
                End::Cut(Late::Idle) | End::Over => return,
                End::Displaced => Failure::Displaced,
            }
        }
        Err(failure) => failure,
    };
    shared.failed(failure.reason(), peer, &failure);
}

async fn handshake(shared: &Shared, stream: TcpStream) -> Result<TlsStream<TcpStream>, Failure> {
    // An answer is a single small write, and must not wait for an acknowledgement.
    stream.set_nodelay(true).map_err(Failure::Io)?;
    let mut first = [0];
    match stream.peek(&mut first).await.map_err(Failure::Io)? {
        0 => return Err(Failure::Closed),
        _ if first[0] == CLIENT_HELLO => {}
        _ if first[0].is_ascii_uppercase() => {
            // Whether the client reads it is its own affair.
            let _ = answer_plain(stream).await;
            return Err(Failure::PlainHttp);
        }
        _ => return Err(Failure::NotTls(first[0])),
    }
    TlsAcceptor::from(shared.tls.config()).accept(stream).await.map_err(Failure::from)
}

async fn answer_plain(mut stream: TcpStream) -> io::Result<()> {
    stream.write_all(PLAIN_ANSWER.as_bytes()).await?;
    stream.shutdown().await?;
    // As `stream` does: with unread input the answer would be thrown away.
    timeout(LINGER, copy(&mut stream, &mut sink())).await??;
    Ok(())
}

/// What to do about a failure, where there is something to do.
fn hint(error: &rustls::Error) -> &'static str {
    match error {
        rustls::Error::AlertReceived(alert) if is_distrust(*alert) => {
            ": the client does not trust our certificate; is the caBundle of the webhook that of \
             the authority that signed it?"
        }
        rustls::Error::PeerIncompatible(_) => {
            ": a client without TLS 1.3 needs --tls-min-version 1.2"
        }
        rustls::Error::NoCertificatesPresented => {
            ": --client-ca asks every client for a certificate"
        }
        _ => "",
    }
}

const fn is_distrust(alert: AlertDescription) -> bool {
    matches!(
        alert,
        AlertDescription::BadCertificate
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA
            | AlertDescription::UnsupportedCertificate
    )
}

// === impl Failure ===

impl Failure {
    /// Of bounded number, for a metric.
    const fn reason(&self) -> &'static str {
        use rustls::Error;
        match self {
            Self::Closed => "closed",
            Self::Displaced => "too_many_connections",
            Self::Io(_) => "io",
            Self::NotTls(_) => "not_tls",
            Self::PlainHttp => "plain_http",
            Self::TimedOut => "timeout",
            Self::Tls(Error::AlertReceived(alert)) if is_distrust(*alert) => "untrusted",
            Self::Tls(Error::AlertReceived(_)) => "alert",
            Self::Tls(Error::NoCertificatesPresented) => "client_certificate_missing",
            Self::Tls(Error::InvalidCertificate(CertificateError::Expired)) => {
                "client_certificate_expired"
            }
            Self::Tls(Error::InvalidCertificate(_)) => "client_certificate_invalid",
            Self::Tls(Error::PeerIncompatible(
                PeerIncompatible::SupportedVersionsExtensionRequired
                | PeerIncompatible::Tls12NotOfferedOrEnabled
                | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig
                | PeerIncompatible::ServerDoesNotSupportTls12Or13,
            )) => "version",
            Self::Tls(Error::PeerIncompatible(_)) => "incompatible",
            Self::Tls(_) => "tls",
        }
    }
}

impl From<io::Error> for Failure {
    /// Unpacks what tokio-rustls put into an error of input and output.
    fn from(error: io::Error) -> Self {
        if let Some(tls) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            return Self::Tls(tls.clone());
        }
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Self::Closed,
            _ => Self::Io(error),
        }
    }
}

/// The first byte of a TLS connection: a record that holds a handshake.
const CLIENT_HELLO: u8 = 0x16;
const PLAIN_ANSWER: &str = "HTTP/1.1 400 Bad Request\r\n\
    Content-Type: text/plain; charset=utf-8\r\n\
    Content-Length: 56\r\n\
    Connection: close\r\n\
    \r\n\
    this port speaks HTTPS: use https:// instead of http://\n";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plain_answer_is_as_long_as_it_says() {
        let (head, body) = PLAIN_ANSWER.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("Content-Length: {}\r\n", body.len())), "{}", body.len());
    }
}
