//! Who gets through the handshake, and what becomes of the rest.

use curfew::pki::{Issued, roots};
use curfew::server::Settings;
use curfew::server::tls::TlsVersion;
use rcgen::{CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair};
use rstest::rstest;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::client::{PATIENCE, TLS12, TLS13, post2};
use crate::harness::{Harness, With, issued, ms, pair, until};

#[tokio::test]
async fn http1_and_http2_both_answer() {
    let harness = Harness::start(Settings::default()).await;
    let answer = harness.connect.post("hello").await.unwrap();
    assert_eq!((answer.status, &*answer.body), (200, "hello"));
    assert!(answer.head.contains("content-type: application/json\r\n"), "{}", answer.head);

    let mut http2 = harness.connect.http2().await.unwrap();
    for _ in 0..3 {
        assert_eq!(post2(&mut http2, "hello").await.unwrap(), (200, "hello".to_owned()));
    }
}

#[rstest]
#[case::new_client_by_default(TlsVersion::default(), TLS13, true)]
#[case::old_client_by_default(TlsVersion::default(), TLS12, false)]
#[case::old_client_by_flag(TlsVersion::Tls12, TLS12, true)]
#[case::new_client_by_flag(TlsVersion::Tls12, TLS13, true)]
#[tokio::test]
async fn old_and_new_versions(
    #[case] oldest: TlsVersion,
    #[case] versions: &'static [&'static rustls::SupportedProtocolVersion],
    #[case] accepted: bool,
) {
    let mut harness = Harness::with(With { oldest, ..With::default() }).await;
    harness.connect.versions = versions;
    let answer = harness.connect.post("hello").await;
    assert_eq!(answer.is_ok(), accepted, "{answer:?}");
    if !accepted {
        until("it is counted", || harness.failed("version") == 1).await;
    }
}

#[tokio::test]
async fn plain_http_is_told_to_use_https() {
    let harness = Harness::start(Settings::default()).await;
    let mut stream = TcpStream::connect(harness.connect.address).await.unwrap();
    let body = "x".repeat(100_000);
    let request = format!("POST /mutate HTTP/1.1\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{answer}");
    assert!(
        answer.ends_with("this port speaks HTTPS: use https:// instead of http://\n"),
        "{answer}"
    );
    until("it is counted", || harness.failed("plain_http") == 1).await;
}

#[tokio::test]
async fn other_bytes_are_closed_upon() {
    let harness = Harness::start(Settings::default()).await;
    let mut stream = TcpStream::connect(harness.connect.address).await.unwrap();
    stream.write_all(b"\x00\x01\x02").await.unwrap();
    closed(stream).await;
    until("it is counted", || harness.failed("not_tls") == 1).await;
}

#[rstest]
#[case::silent(b"".as_slice())]
#[case::begun(b"\x16\x03\x01".as_slice())]
#[tokio::test]
async fn a_handshake_that_never_finishes_is_cut(#[case] bytes: &[u8]) {
    let settings = Settings { handshake_timeout: ms(100), ..Settings::default() };
    let harness = Harness::start(settings).await;
    let mut stream = TcpStream::connect(harness.connect.address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    closed(stream).await;
    until("it is counted", || harness.failed("timeout") == 1).await;
    assert_eq!(harness.connect.post("hello").await.unwrap().status, 200, "others are served");
}

#[tokio::test]
async fn slow_handshakes_do_not_hold_up_others() {
    let harness = Harness::start(Settings::default()).await;
    let mut slow = Vec::new();
    for _ in 0..50 {
        slow.push(TcpStream::connect(harness.connect.address).await.unwrap());
    }
    assert_eq!(harness.connect.post("hello").await.unwrap().status, 200);
}

#[tokio::test]
async fn a_client_that_does_not_trust_us_is_told_apart() {
    let mut harness = Harness::start(Settings::default()).await;
    harness.connect.roots = roots(issued().ca.as_bytes()).unwrap();
    harness.connect.post("hello").await.unwrap_err();
    until("it is counted", || harness.failed("untrusted") == 1).await;
}

/// Waits until the server closes, or resets, without a word.
async fn closed(mut stream: TcpStream) {
    let read = tokio::time::timeout(PATIENCE, async { stream.read(&mut [0; 16]).await });
    assert_eq!(read.await.expect("in time").unwrap_or(0), 0);
}

/// An authority, and a certificate and key for a client of it.
fn client() -> (String, (String, String)) {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let mut params = CertificateParams::new(vec!["kube-apiserver".to_owned()]).unwrap();
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, &authority).unwrap();
    (authority.pem(), (certificate.pem(), key.serialize_pem()))
}

#[tokio::test]
async fn with_authorities_only_their_clients_get_in() {
    let (authority, identity) = client();
    let (other_authority, other) = client();
    let authorities = Some(roots(authority.as_bytes()).unwrap());
    let harness = Harness::with(With { authorities, ..With::default() }).await;
    let connect = |identity: Option<&(String, String)>| crate::client::Connect {
        identity: identity.cloned(),
        ..harness.connect.clone()
    };

    assert_eq!(connect(Some(&identity)).post("hello").await.unwrap().status, 200);
    connect(None).post("hello").await.unwrap_err();
    until("it is counted", || harness.failed("client_certificate_missing") == 1).await;
    connect(Some(&other)).post("hello").await.unwrap_err();
    until("it is counted", || harness.failed("client_certificate_invalid") == 1).await;

    harness.tls.replace_authorities(roots(other_authority.as_bytes()).unwrap()).unwrap();
    assert_eq!(connect(Some(&other)).post("hello").await.unwrap().status, 200);
    connect(Some(&identity)).post("hello").await.unwrap_err();
}

#[tokio::test]
async fn a_new_pair_is_shown_from_the_next_handshake_on() {
    let mut harness = Harness::start(Settings::default()).await;
    let mut open = harness.connect.http1().await.unwrap();
    let new: Issued = issued();
    harness.tls.replace_pair(pair(&new));

    assert_eq!(open.post("hello").await.unwrap().status, 200, "open connections stay");
    harness.connect.post("hello").await.unwrap_err();
    harness.connect.roots = roots(new.ca.as_bytes()).unwrap();
    assert_eq!(harness.connect.post("hello").await.unwrap().status, 200);
}
