//! Load on a webhook: Jobs created through the API server, and reviews sent straight to it, each
//! over a connection of its own.

use std::{
    collections::HashSet,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
    time::timeout,
};
use tokio_rustls::TlsConnector;

use super::{
    api::Reply, control_plane::ControlPlane, manifest::job, namespace::Namespace, pki::Authority,
    wait::runtime,
};

/// Holds threads that work until told to stop.
pub struct Load<T> {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<Vec<T>>>,
}

/// Calls a webhook without an API server in between.
#[derive(Clone)]
pub struct Caller {
    connector: TlsConnector,
    name: ServerName<'static>,
    address: SocketAddr,
}

/// What a direct call got.
#[derive(Clone, Debug)]
pub struct Called {
    /// The review, or what went wrong.
    pub answer: Result<Value, String>,
    /// The certificate that was shown, in DER.
    pub certificate: Vec<u8>,
}

/// Does something with each, so many at a time.
pub fn parallel<T, F>(at_once: usize, items: Vec<T>, work: impl Fn(T) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    runtime().block_on(async {
        let mut tasks = JoinSet::new();
        for item in items {
            if tasks.len() >= at_once {
                tasks.join_next().await.expect("there are some").expect("it did not panic");
            }
            tasks.spawn(work(item));
        }
        while let Some(ended) = tasks.join_next().await {
            ended.expect("it did not panic");
        }
    });
}

// === impl Load ===

impl<T: Send + 'static> Load<T> {
    /// Each thread repeats `work`, with a number of its own each time.
    pub fn start(threads: usize, work: impl Fn(usize) -> T + Clone + Send + 'static) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let spawn = |thread: usize| {
            let (stop, work) = (Arc::clone(&stop), work.clone());
            thread::spawn(move || {
                let mut done = Vec::new();
                while !stop.load(Ordering::Relaxed) {
                    done.push(work(thread * 1_000_000 + done.len()));
                    // Load, not a benchmark: other tests run on this machine.
                    thread::sleep(Duration::from_millis(5));
                }
                done
            })
        };
        let threads = (0..threads).map(spawn).collect();
        Self { stop, threads }
    }

    /// Stops, and gives what all threads got.
    pub fn finish(mut self) -> Vec<T> {
        self.stop.store(true, Ordering::Relaxed);
        let threads = std::mem::take(&mut self.threads);
        threads.into_iter().flat_map(|thread| thread.join().expect("no call panics")).collect()
    }
}

impl<T> Drop for Load<T> {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// Three threads that create Jobs.
pub fn creating_jobs(space: &Namespace<'static>) -> Load<Reply> {
    let (plane, path): (&'static ControlPlane, String) = (space.plane, space.path("jobs"));
    Load::start(3, move |number| plane.api.post(&path, &job(&format!("load-{number}"), json!({}))))
}

/// By the word of the API server, which goes on without a webhook that fails.
#[track_caller]
pub fn no_call_failed(space: &Namespace<'_>, jobs: &[Reply]) {
    // The log is written after the answer; once the last call stands in it, all do.
    for last in jobs.iter().rev().take(3) {
        space.plane.audit.annotations(last);
    }
    let ids: HashSet<&str> = jobs.iter().map(|reply| reply.audit_id.as_str()).collect();
    let mut failed: Vec<Value> = space.plane.audit.failed_open(&space.name);
    failed.retain(|event| event["auditID"].as_str().is_some_and(|id| ids.contains(id)));
    assert_eq!(failed.len(), 0, "of {}, the first: {}", jobs.len(), failed[0]);
}

/// Two threads that send this review.
pub fn calling(caller: &Caller, review: &'static str) -> Load<Called> {
    let caller = caller.clone();
    Load::start(2, move |_| caller.call(review))
}

// === impl Caller ===

impl Caller {
    pub fn new(authority: &Authority, address: SocketAddr) -> Self {
        let name = ServerName::from(address.ip());
        Self::believing(authority.certificate(), name, address)
    }

    /// Believes the authorities of a bundle in PEM, and asks for a name.
    pub fn believing(bundle: &str, name: ServerName<'static>, address: SocketAddr) -> Self {
        let _ = runtime();
        let mut roots = RootCertStore::empty();
        for root in CertificateDer::pem_slice_iter(bundle.as_bytes()) {
            roots.add(root.expect("it is PEM")).expect("it is an authority");
        }
        let mut config =
            ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Self { connector: TlsConnector::from(Arc::new(config)), name, address }
    }

    /// One connection, one handshake, one call.
    pub fn call(&self, review: &str) -> Called {
        runtime().block_on(async {
            let mut certificate = Vec::new();
            let call = self.exchange(review, &mut certificate);
            let answer = timeout(Duration::from_secs(10), call).await;
            let answer = answer.unwrap_or_else(|_| Err("no answer in ten seconds".to_owned()));
            Called { answer, certificate }
        })
    }

    async fn exchange(&self, review: &str, shown: &mut Vec<u8>) -> Result<Value, String> {
        let text = |step: &'static str| move |error: std::io::Error| format!("{step}: {error}");
        let stream = TcpStream::connect(self.address).await.map_err(text("connect"))?;
        let name = self.name.clone();
        let mut stream =
            self.connector.connect(name, stream).await.map_err(text("TLS handshake"))?;
        if let Some([first, ..]) = stream.get_ref().1.peer_certificates() {
            *shown = first.to_vec();
        }
        let head = format!(
            "POST /mutate?timeout=2s HTTP/1.1\r\nHost: webhook\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            review.len()
        );
        stream.write_all(head.as_bytes()).await.map_err(text("send"))?;
        stream.write_all(review.as_bytes()).await.map_err(text("send"))?;
        stream.flush().await.map_err(text("send"))?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.map_err(text("receive"))?;
        let answer = String::from_utf8(answer).map_err(|error| error.to_string())?;
        let (head, body) = answer.split_once("\r\n\r\n").ok_or("no HTTP answer")?;
        if !head.starts_with("HTTP/1.1 200") {
            return Err(answer.lines().next().unwrap_or_default().to_owned());
        }
        serde_json::from_str(body).map_err(|error| format!("{error}: {body}"))
    }
}
