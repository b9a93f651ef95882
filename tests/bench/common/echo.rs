//! The server to compare with: axum on rustls with nothing in between, which reads the whole body
//! and answers with bytes that it knew before.
//!
//! It is a process of its own, this same binary started again, so that it has its own runtime and
//! shares nothing with the client.

use std::{collections::HashMap, fmt::Write, net::SocketAddr, path::PathBuf, sync::Arc};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderValue, Response, StatusCode, header::CONTENT_TYPE},
    routing::post,
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
    service::TowerToHyperService,
};
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use tokio::{net::TcpListener, runtime::Builder};
use tokio_rustls::TlsAcceptor;

/// Holds how to run an echo.
pub struct Echo {
    pub address: SocketAddr,
    pub certificate: PathBuf,
    pub key: PathBuf,
    pub answers: Answers,
}

/// What it answers.
#[derive(Clone)]
pub enum Answers {
    /// An `AdmissionReview` whose response has these members after its uid. The uid is looked for
    /// in the bytes: nothing is parsed.
    Review(String),
    /// So many bytes, by the number of bytes of the request.
    Sized(HashMap<usize, usize>),
}

#[derive(Clone)]
enum Prepared {
    Review(Arc<str>),
    Sized(Arc<HashMap<usize, Bytes>>),
}

// === impl Echo ===

impl Echo {
    /// The arguments that make this binary be it.
    pub fn arguments(&self) -> Vec<String> {
        let Self { address, certificate, key, answers } = self;
        let (kind, detail) = match answers {
            Answers::Review(members) => ("review", members.clone()),
            Answers::Sized(sizes) => ("sized", write_sizes(sizes)),
        };
        let path = |path: &PathBuf| path.to_str().expect("a scratch path is UTF-8").to_owned();
        let address = address.to_string();
        vec![ARGUMENT.into(), address, path(certificate), path(key), kind.into(), detail]
    }

    /// The way back from [`Self::arguments`], without the first.
    pub fn from_arguments(arguments: &[String]) -> Self {
        let [address, certificate, key, kind, detail] = arguments else {
            panic!("{ARGUMENT} is for the benchmark itself");
        };
        let answers = match kind.as_str() {
            "review" => Answers::Review(detail.clone()),
            _ => Answers::Sized(read_sizes(detail)),
        };
        let address = address.parse().expect("the benchmark gives an address");
        Self { address, certificate: certificate.into(), key: key.into(), answers }
    }

    /// Serves until the process is killed.
    pub fn serve(self) {
        let Self { address, certificate, key, answers } = self;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let certificate = CertificateDer::from_pem_file(certificate).expect("rcgen writes PEM");
        let key = PrivateKeyDer::from_pem_file(key).expect("rcgen writes PEM");
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("ring speaks them")
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .expect("certificate and key belong together");
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let router =
            Router::new().route("/mutate", post(answer)).with_state(Prepared::new(answers));
        let runtime = Builder::new_multi_thread().enable_all().build().expect("a runtime starts");
        runtime.block_on(accept(address, acceptor, router));
    }
}

async fn accept(address: SocketAddr, acceptor: TlsAcceptor, router: Router) {
    let listener = TcpListener::bind(address).await.expect("the address was free");
    while let Ok((stream, _)) = listener.accept().await {
        let (acceptor, router) = (acceptor.clone(), router.clone());
        tokio::spawn(async move {
            let _ = stream.set_nodelay(true);
            let Ok(stream) = acceptor.accept(stream).await else { return };
            let service = TowerToHyperService::new(router);
            let builder = auto::Builder::new(TokioExecutor::new());
            let _ = builder.serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn answer(State(prepared): State<Prepared>, body: Bytes) -> Response<Body> {
    let (status, body) = match &prepared {
        Prepared::Review(members) => uid(&body).map_or_else(
            || (StatusCode::BAD_REQUEST, Body::empty()),
            |uid| (StatusCode::OK, review(uid, members).into()),
        ),
        Prepared::Sized(bodies) => bodies.get(&body.len()).map_or_else(
            || (StatusCode::BAD_REQUEST, Body::empty()),
            |bytes| (StatusCode::OK, bytes.clone().into()),
        ),
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    response
}

fn review(uid: &str, members: &str) -> String {
    format!(
        r#"{{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","response":{{"uid":"{uid}",{members}}}}}"#
    )
}

/// The first one: it stands before the object in what an API server writes.
fn uid(body: &[u8]) -> Option<&str> {
    let start = body.windows(UID.len()).position(|window| window == UID)? + UID.len();
    std::str::from_utf8(body.get(start..start + UID_LENGTH)?).ok()
}

fn write_sizes(sizes: &HashMap<usize, usize>) -> String {
    let mut text = String::new();
    for (request, response) in sizes {
        write!(text, "{request}={response},").expect("a string takes all");
    }
    text
}

fn read_sizes(text: &str) -> HashMap<usize, usize> {
    let pairs = text.split_terminator(',').map(|pair| pair.split_once('=').expect("two numbers"));
    let number = |text: &str| text.parse().expect("a number of bytes");
    pairs.map(|(request, response)| (number(request), number(response))).collect()
}

// === impl Prepared ===

impl Prepared {
    fn new(answers: Answers) -> Self {
        match answers {
            Answers::Review(members) => Self::Review(members.into()),
            Answers::Sized(sizes) => {
                let filler = |(request, response)| (request, vec![b'x'; response].into());
                Self::Sized(Arc::new(sizes.into_iter().map(filler).collect()))
            }
        }
    }
}

/// The first argument of a process that is to be an echo.
pub const ARGUMENT: &str = "--echo";

const UID: &[u8] = br#""uid":""#;

/// Of a UUID.
const UID_LENGTH: usize = 36;
