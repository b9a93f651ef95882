//! Clients that can misbehave: HTTP/1.1 written by hand, HTTP/2 through hyper.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion, version};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// How to connect.
#[derive(Clone)]
pub(crate) struct Connect {
    pub(crate) address: SocketAddr,
    pub(crate) roots: RootCertStore,
    pub(crate) versions: &'static [&'static SupportedProtocolVersion],
    /// Chain and key as PEM.
    pub(crate) identity: Option<(String, String)>,
}

/// A connection that speaks HTTP/1.1.
pub(crate) struct Http1 {
    stream: BufReader<TlsStream<TcpStream>>,
}

/// A connection that speaks HTTP/2.
pub(crate) type Http2 = http2::SendRequest<Full<Bytes>>;

#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    /// In lower case.
    pub(crate) head: String,
    pub(crate) body: String,
}

// === impl Connect ===

impl Connect {
    pub(crate) fn new(address: SocketAddr, ca: &str) -> Self {
        let roots = curfew::pki::roots(ca.as_bytes()).unwrap();
        Self { address, roots, versions: TLS13, identity: None }
    }

    /// Through the handshake, with this ALPN.
    pub(crate) async fn tls(&self, alpn: &str) -> io::Result<TlsStream<TcpStream>> {
        let provider = curfew::pki::provider();
        let config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(self.versions)
            .unwrap()
            .with_root_certificates(self.roots.clone());
        let mut config = match &self.identity {
            None => config.with_no_client_auth(),
            Some((chain, key)) => {
                use rustls::pki_types::pem::PemObject;
                use rustls::pki_types::{CertificateDer, PrivateKeyDer};
                let chain = CertificateDer::pem_slice_iter(chain.as_bytes());
                let chain = chain.collect::<Result<_, _>>().unwrap();
                let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
                config.with_client_auth_cert(chain, key).unwrap()
            }
        };
        config.alpn_protocols = vec![alpn.as_bytes().to_vec()];
        let stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        let name = ServerName::try_from("localhost").unwrap();
        TlsConnector::from(Arc::new(config)).connect(name, stream).await
    }

    pub(crate) async fn http1(&self) -> io::Result<Http1> {
        Ok(Http1 { stream: BufReader::new(self.tls("http/1.1").await?) })
    }

    pub(crate) async fn http2(&self) -> io::Result<Http2> {
        let stream = self.tls("h2").await?;
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(b"h2".as_slice()));
        let (sender, connection) = http2::Builder::new(TokioExecutor::new())
            .handshake(TokioIo::new(stream))
            .await
            .map_err(io::Error::other)?;
        tokio::spawn(connection);
        Ok(sender)
    }

    /// One review on a connection of its own.
    pub(crate) async fn post(&self, body: &str) -> io::Result<Response> {
        self.http1().await?.post(body).await
    }
}

// === impl Http1 ===

impl Http1 {
    pub(crate) async fn write(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.stream.write_all(bytes.as_ref()).await?;
        self.stream.flush().await
    }

    pub(crate) async fn post(&mut self, body: &str) -> io::Result<Response> {
        self.write(post(body)).await?;
        self.read().await
    }

    /// A review of the policy.
    pub(crate) async fn post_policy_review(&mut self, body: &str) -> io::Result<Response> {
        self.write(post_to("/guard", body)).await?;
        self.read().await
    }

    /// Reads an answer; an error where the connection ends before its end, or nothing comes for
    /// longer than any test takes.
    pub(crate) async fn read(&mut self) -> io::Result<Response> {
        tokio::time::timeout(PATIENCE, async {
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") {
                if self.stream.read_line(&mut head).await? == 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
            }
            let head = head.to_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
            self.stream.read_exact(&mut body).await?;
            let status = head.split(' ').nth(1).unwrap().parse().unwrap();
            Ok(Response { status, head, body: String::from_utf8(body).unwrap() })
        })
        .await
        .expect("an answer or an end comes in time")
    }

    /// Waits for the server to close, and says whether it sent anything before.
    pub(crate) async fn closed(&mut self) -> bool {
        let mut rest = Vec::new();
        let read = tokio::time::timeout(PATIENCE, self.stream.read_to_end(&mut rest));
        // A reset is an end, too.
        let _ = read.await.expect("the server closes in time");
        rest.is_empty()
    }
}

// === impl Response ===

impl Response {
    pub(crate) fn says_close(&self) -> bool {
        self.head.contains("\r\nconnection: close\r\n")
    }
}

/// A well-formed request.
pub(crate) fn post(body: &str) -> String {
    post_to("/mutate", body)
}

pub(crate) fn post_to(path: &str, body: &str) -> String {
    format!(
        "POST {path}?timeout=10s HTTP/1.1\r\nhost: localhost\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// A well-formed request, and its answer, on an HTTP/2 connection.
pub(crate) async fn post2(sender: &mut Http2, body: &str) -> Result<(u16, String), hyper::Error> {
    let request = hyper::Request::post("https://localhost/mutate?timeout=10s")
        .header("content-type", "application/json")
        .body(Full::new(Bytes::from(body.to_owned())))
        .unwrap();
    sender.ready().await?;
    let response = sender.send_request(request).await?;
    let status = response.status().as_u16();
    let body = response.into_body().collect().await?.to_bytes();
    Ok((status, String::from_utf8(body.to_vec()).unwrap()))
}

/// A request on the plain port, and status and body of its answer.
pub(crate) async fn get(address: SocketAddr, path: &str) -> io::Result<Response> {
    let mut stream = BufReader::new(TcpStream::connect(address).await?);
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut text = String::new();
    stream.read_to_string(&mut text).await?;
    let (head, body) = text.split_once("\r\n\r\n").ok_or(io::ErrorKind::UnexpectedEof)?;
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Ok(Response { status, head: head.to_lowercase(), body: body.to_owned() })
}

pub(crate) static TLS12: &[&SupportedProtocolVersion] = &[&version::TLS12];
pub(crate) static TLS13: &[&SupportedProtocolVersion] = &[&version::TLS13];
/// Longer than anything takes, also on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
