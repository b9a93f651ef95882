//! The API server's side of a webhook: a few connections over TLS, HTTP/1.1 with keep-alive, one
//! call at a time on each.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use curfew::clock;
use http_body_util::{BodyExt, Full};
use hyper::{
    Request, StatusCode,
    body::Bytes,
    client::conn::http1::{self, SendRequest},
};
use hyper_util::rt::TokioIo;
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName},
};
use tokio::{net::TcpStream, sync::Barrier, task::JoinSet, time::timeout};
use tokio_rustls::TlsConnector;

/// Holds whom to call, and what to send, one after the other.
#[derive(Clone)]
pub struct Target {
    address: SocketAddr,
    connector: TlsConnector,
    reviews: Arc<[Bytes]>,
}

/// How much.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    pub connections: usize,
    /// On all connections together, the warm-up apart; the end, where `limit` does not come first.
    pub calls: usize,
    pub limit: Duration,
}

/// What came of it.
pub struct Outcome {
    /// In ascending order, from the first byte sent to the last one received.
    pub latencies: Vec<Duration>,
    pub elapsed: Duration,
    /// How many calls there were before these.
    pub warm_up: usize,
}

struct Connection<'a> {
    target: &'a Target,
    sender: Option<SendRequest<Full<Bytes>>>,
}

// === impl Target ===

impl Target {
    /// Trusts nothing but `certificate`.
    pub fn new(
        address: SocketAddr,
        certificate: &CertificateDer<'static>,
        reviews: Vec<Bytes>,
    ) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(certificate.clone()).expect("rcgen writes certificates");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("ring speaks them")
            .with_root_certificates(roots)
            .with_no_client_auth();
        // As API servers do, except to loopback addresses.
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Self { address, connector: TlsConnector::from(Arc::new(config)), reviews: reviews.into() }
    }

    /// The answers to all reviews, each once.
    pub async fn answers(&self) -> Result<Vec<Bytes>, String> {
        let mut connection = Connection { target: self, sender: None };
        let mut answers = Vec::new();
        for review in &*self.reviews {
            answers.push(connection.call(review).await?);
        }
        Ok(answers)
    }

    /// Loads it, after a warm-up.
    ///
    /// # Errors
    /// Where one call was not answered, or not with 200.
    pub async fn load(&self, load: Load) -> Result<Outcome, String> {
        let (left, barrier) =
            (Arc::new(AtomicUsize::new(load.calls)), Arc::new(Barrier::new(load.connections)));
        let mut workers = JoinSet::new();
        for worker in 0..load.connections {
            let (target, left, barrier) = (self.clone(), Arc::clone(&left), Arc::clone(&barrier));
            workers.spawn(async move { target.work(worker, load, &left, &barrier).await });
        }
        let (mut latencies, mut spans) = (Vec::new(), Vec::new());
        while let Some(done) = workers.join_next().await {
            let (mine, start, end) = done.expect("no worker panics")?;
            latencies.extend(mine);
            spans.push((start, end));
        }
        latencies.sort_unstable();
        let start = spans.iter().map(|(start, _)| *start).min().expect("there are workers");
        let end = spans.iter().map(|(_, end)| *end).max().expect("there are workers");
        let warm_up = load.warm_up() * load.connections;
        Ok(Outcome { latencies, elapsed: end - start, warm_up })
    }

    async fn work(
        &self,
        worker: usize,
        load: Load,
        left: &AtomicUsize,
        barrier: &Barrier,
    ) -> Result<(Vec<Duration>, Instant, Instant), String> {
        let mut connection = Connection { target: self, sender: None };
        // Each begins with another review, or all would send the large ones at once.
        let mut reviews = self.reviews.iter().cycle().skip(worker % self.reviews.len());
        let mut warm = Ok(());
        for review in reviews.by_ref().take(load.warm_up()) {
            warm = connection.call(review).await.map(drop);
            if warm.is_err() {
                break;
            }
        }
        // Also after an error, for the others wait.
        barrier.wait().await;
        warm?;
        let begin = clock::instant();
        let (mut latencies, mut end) = (Vec::new(), begin);
        while end - begin < load.limit && take_one(left) {
            let review = reviews.next().expect("they go round");
            let start = clock::instant();
            connection.call(review).await?;
            end = clock::instant();
            latencies.push(end - start);
        }
        Ok((latencies, begin, end))
    }

    async fn connect(&self) -> Result<SendRequest<Full<Bytes>>, String> {
        let text = |error: std::io::Error| error.to_string();
        let stream = TcpStream::connect(self.address).await.map_err(text)?;
        stream.set_nodelay(true).map_err(text)?;
        let name = ServerName::from(self.address.ip());
        let stream = self.connector.connect(name, stream).await.map_err(text)?;
        let (sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(|error| error.to_string())?;
        // Its end is seen by the sender.
        tokio::spawn(connection);
        Ok(sender)
    }
}

// === impl Load ===

impl Load {
    /// Calls on each connection before the clock starts.
    fn warm_up(self) -> usize {
        WARM_UP.div_ceil(self.connections)
    }
}

// === impl Connection ===

impl Connection<'_> {
    async fn call(&mut self, review: &Bytes) -> Result<Bytes, String> {
        timeout(LIMIT, self.exchange(review)).await.map_err(|_| "no answer in ten seconds")?
    }

    async fn exchange(&mut self, review: &Bytes) -> Result<Bytes, String> {
        // A server may close between two calls; that is no failure.
        let ready = match &mut self.sender {
            Some(sender) => sender.ready().await.is_ok(),
            None => false,
        };
        if !ready {
            self.sender = Some(self.target.connect().await?);
        }
        let sender = self.sender.as_mut().expect("it was connected above");
        let request = Request::post("/mutate?timeout=2s")
            .header("host", "curfew.curfew.svc:443")
            .header("user-agent", "kube-apiserver-admission")
            .header("content-type", "application/json")
            .header("accept", "application/json, */*")
            .body(Full::new(review.clone()))
            .expect("the parts are valid");
        let response = sender.send_request(request).await.map_err(|error| error.to_string())?;
        let status = response.status();
        let body = response.into_body().collect().await.map_err(|error| error.to_string())?;
        let body = body.to_bytes();
        if status != StatusCode::OK {
            return Err(format!("{status}: {}", String::from_utf8_lossy(&body)));
        }
        Ok(body)
    }
}

fn take_one(left: &AtomicUsize) -> bool {
    left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
}

/// Calls before the clock starts, on all connections together.
const WARM_UP: usize = 500;

const LIMIT: Duration = Duration::from_secs(10);
