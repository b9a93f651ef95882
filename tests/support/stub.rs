//! Webhooks that are not curfew: one that adds something, one that only answers, one that never
//! does.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use axum::{Router, body::Bytes, extract::State, http::Version, routing::post};
use base64::{Engine, engine::general_purpose::STANDARD};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
    service::TowerToHyperService,
};
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_rustls::TlsAcceptor;

use super::{
    control_plane::ControlPlane,
    pki::{Authority, Pair},
    registration::Endpoint,
    wait::runtime,
};

/// Holds a running webhook.
pub struct Stub {
    pub address: SocketAddr,
    bundle: String,
    calls: Arc<AtomicUsize>,
    http2: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

/// From the request of a review to the operations of a JSON Patch; none: allowed as it is.
pub type Answer = Arc<dyn Fn(&Value) -> Vec<Value> + Send + Sync>;

#[derive(Clone)]
struct Handler {
    answer: Answer,
    calls: Arc<AtomicUsize>,
    http2: Arc<AtomicUsize>,
}

// === impl Stub ===

impl Stub {
    /// One that answers with a patch.
    pub fn answering(
        authority: &Authority,
        answer: impl Fn(&Value) -> Vec<Value> + Send + Sync + 'static,
    ) -> Self {
        let handler =
            Handler { answer: Arc::new(answer), calls: Arc::default(), http2: Arc::default() };
        let (calls, http2) = (Arc::clone(&handler.calls), Arc::clone(&handler.http2));
        let acceptor = acceptor(&authority.server());
        let listener = listen();
        let address = listener.local_addr().expect("it is bound");
        let router = Router::new().route("/mutate", post(review)).with_state(handler);
        let task = runtime().spawn(serve(listener, acceptor, router));
        Self { address, bundle: authority.bundle(), calls, http2, task }
    }

    /// One that allows everything as it is: the measure for others.
    pub fn echo(authority: &Authority) -> Self {
        Self::answering(authority, |_| Vec::new())
    }

    /// One that takes connections and never says a word.
    pub fn silent(authority: &Authority) -> Self {
        let listener = listen();
        let address = listener.local_addr().expect("it is bound");
        let calls = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&calls);
        let task = runtime().spawn(async move {
            let mut open = Vec::new();
            while let Ok((stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::Relaxed);
                open.push(stream);
            }
        });
        Self { address, bundle: authority.bundle(), calls, http2: Arc::default(), task }
    }

    pub fn endpoint(&self) -> Endpoint {
        Endpoint::url(self.address, &self.bundle)
    }

    /// As in production; see [`Endpoint::service`].
    pub fn service(&self, plane: &ControlPlane) -> Endpoint {
        Endpoint::service(plane, self.address, &self.bundle)
    }

    /// How often it was called over HTTP/2.
    pub fn http2(&self) -> usize {
        self.http2.load(Ordering::Relaxed)
    }

    /// How often it was called (or, if silent, connected to).
    pub fn calls(&self) -> usize {
        self.calls.load(Ordering::Relaxed)
    }
}

impl Drop for Stub {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(listener: TcpListener, acceptor: TlsAcceptor, router: Router) {
    while let Ok((stream, _)) = listener.accept().await {
        let (acceptor, router) = (acceptor.clone(), router.clone());
        tokio::spawn(async move {
            let Ok(stream) = acceptor.accept(stream).await else { return };
            let service = TowerToHyperService::new(router);
            let builder = auto::Builder::new(TokioExecutor::new());
            let _ = builder.serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn review(
    State(handler): State<Handler>,
    version: Version,
    body: Bytes,
) -> ([(&'static str, &'static str); 1], String) {
    handler.calls.fetch_add(1, Ordering::Relaxed);
    handler.http2.fetch_add(usize::from(version == Version::HTTP_2), Ordering::Relaxed);
    let review: Value = serde_json::from_slice(&body).expect("the API server sends JSON");
    let request = &review["request"];
    let operations = (handler.answer)(request);
    let mut response = json!({"uid": request["uid"], "allowed": true});
    if !operations.is_empty() {
        response["patchType"] = json!("JSONPatch");
        response["patch"] = json!(STANDARD.encode(Value::from(operations).to_string()));
    }
    let review = json!({
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "response": response,
    });
    ([("content-type", "application/json")], review.to_string())
}

fn listen() -> TcpListener {
    let listener = runtime().block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)));
    listener.expect("a loopback port is free")
}

/// For a server of this certificate.
pub fn acceptor(pair: &Pair) -> TlsAcceptor {
    use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
    let certificate =
        CertificateDer::from_pem_slice(pair.certificate.as_bytes()).expect("rcgen writes PEM");
    let key = PrivateKeyDer::from_pem_slice(pair.key.as_bytes()).expect("rcgen writes PEM");
    // The provider is installed with the runtime.
    let _ = runtime();
    let mut config = rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .expect("certificate and key belong together");
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    TlsAcceptor::from(Arc::new(config))
}
