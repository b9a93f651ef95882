//! The HTTPS server that the API server calls, and the plain port beside it for people.
//!
//! ```text
//! accept ──► tls ──► connection ──► routes ──► Judge
//!                    (time-outs,    (limits,   (bytes in, bytes out:
//!                     drain)         errors)    webhook.rs)
//!                                      └─────► guarding: the policy's own review
//! ```
//!
//! [`Server::bind`] and [`Server::run`] are the entry points; [`health::Admin`] is the other port.
//! Everything that waits stands here and waits with a limit of [`Settings`]; a [`Judge`] never
//! does. Nothing here knows what a policy says, where certificates come from, or what a signal is:
//! a [`Phase`] says how far shutting down has come.

mod accept;
mod activity;
mod connection;
mod guarding;
mod handshake;
pub mod health;
mod limits;
mod linger;
mod routes;
mod seats;
pub mod tls;
pub mod webhook;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio_util::task::TaskTracker;

use crate::admission::{Answer, BadReview};
use crate::metrics::Metrics;
use crate::telemetry::Sparse;

use self::handshake::Failures;
use self::limits::Intake;
use self::seats::Seats;
use self::tls::Tls;

/// A server that has its port and does not answer yet.
pub struct Server {
    listener: TcpListener,
    shared: Arc<Shared>,
}

/// Who judges a review: bytes in, bytes out, at once and without waiting for anything.
pub trait Judge: Send + Sync + 'static {
    /// Answers the body of one request.
    ///
    /// # Errors
    /// Where it is no admission review; the caller gets HTTP 400 and the text.
    fn judge(&self, body: &[u8]) -> Result<Answer, BadReview>;
}

/// Every limit, in one place; the defaults are for production.
#[derive(Clone, Debug)]
pub struct Settings {
    /// From the TCP connection to the end of the TLS handshake. The API server gives up after 10 s.
    pub handshake_timeout: Duration,
    /// From the first byte of a request to the end of its headers.
    pub header_timeout: Duration,
    /// From the end of the headers to the end of the body.
    pub body_timeout: Duration,
    /// How long a connection may lie idle. Above 90 s, after which the API server closes its own:
    /// a POST sent into a connection that we close is lost, since Go does not send it again.
    pub idle_timeout: Duration,
    /// From when on a connection is closed, in an orderly way, so that callers spread over new
    /// replicas; up to a tenth is taken off at random, so that they do not all come back at once.
    pub connection_age: Duration,
    /// How long a client may leave an answer unread.
    pub answer_timeout: Duration,
    /// Connections at once; for one more the least used is closed.
    pub connections: usize,
    /// The same for the plain port, where a kubelet and a Prometheus ask now and then.
    pub admin_connections: usize,
    /// Answers in memory at once that clients do not read, in bytes; above it a connection goes of
    /// the address that leaves most.
    pub unread_answers: usize,
    /// Requests at once; for one more the slowest gets 503. A decision takes microseconds, so these
    /// are bodies that are still on their way.
    pub requests: usize,
    /// A body may be so large, in bytes. The API server takes objects of 3 MiB, and a review holds
    /// two of them as JSON, so the 2 MiB that frameworks default to are too little.
    pub body_limit: usize,
    /// Bodies in memory at once, in bytes; for more the slowest gets 503. What is read of a body
    /// takes three times as much, but of few at once: see `large_bodies`. Both together stay within
    /// 64 MiB.
    pub body_budget: usize,
    /// Reviews of the policy at once, which take no turn of any other; as `requests`.
    pub guard_requests: usize,
    /// As `body_budget`: room for two bodies, so that nobody is kept out by one that stalls.
    pub guard_budget: usize,
    /// How long a review of the policy may wait for the one before it.
    pub guard_timeout: Duration,
    /// From so many bytes on a body is judged apart from the workers, which others wait for.
    pub large_body: usize,
    /// So many large bodies are judged at once; more wait for their turn.
    pub large_bodies: usize,
    /// How long, once accepting has stopped, an idle connection stays open. A client that calls
    /// often sends another request in that time, and its answer says that it is the last; closing
    /// at once could cross that request, which Go would not send again.
    pub last_request_timeout: Duration,
    /// How long, once accepting has stopped, everything may take to finish.
    pub stop_timeout: Duration,
}

/// What a server serves with.
pub struct Parts {
    pub tls: Arc<Tls>,
    pub judge: Arc<dyn Judge>,
    pub metrics: Arc<Metrics>,
}

/// How far shutting down has come.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub enum Phase {
    #[default]
    Serving,
    /// Nobody new should come, but whoever comes is answered, and told to connect elsewhere next.
    Draining,
    /// Nobody is let in, and whoever is in finishes.
    Stopping,
}

/// A port cannot be had.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}")]
pub struct BindError {
    pub address: SocketAddr,
    pub source: io::Error,
}

/// What every connection shares.
struct Shared {
    settings: Settings,
    tls: Arc<Tls>,
    judge: Arc<dyn Judge>,
    metrics: Arc<Metrics>,
    seats: Arc<Seats>,
    intake: Arc<Intake>,
    /// Reviews of the policy have a door of their own.
    guard_intake: Arc<Intake>,
    /// Held by the one review of the policy that is being judged.
    guarding: Arc<Semaphore>,
    /// Held by the large bodies that are being judged.
    large: Arc<Semaphore>,
    failures: Failures,
    /// What was logged about reviews of the policy.
    guarded: Sparse,
}

// === impl Server ===

impl Server {
    /// Takes the port; connections wait in the kernel's queue until [`Server::run`].
    ///
    /// # Errors
    /// Where the port cannot be had.
    pub async fn bind(
        address: SocketAddr,
        settings: Settings,
        parts: Parts,
    ) -> Result<Self, BindError> {
        let Parts { tls, judge, metrics } = parts;
        let listener = bind(address).await?;
        let seats = Arc::new(Seats::new(settings.connections, settings.unread_answers));
        let intake = Arc::new(Intake::new(settings.requests, settings.body_budget));
        let guard_intake = Arc::new(Intake::new(settings.guard_requests, settings.guard_budget));
        let large = Arc::new(Semaphore::new(settings.large_bodies));
        let failures = Failures::new(Arc::clone(&metrics));
        Ok(Self {
            listener,
            shared: Arc::new(Shared {
                settings,
                tls,
                judge,
                metrics,
                seats,
                intake,
                guard_intake,
                guarding: Arc::new(Semaphore::new(1)),
                large,
                failures,
                guarded: Sparse::default(),
            }),
        })
    }

    /// Where it listens: the real port where 0 was asked for.
    ///
    /// # Errors
    /// Where the operating system does not know.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Answers until the phase is [`Phase::Stopping`] and every connection has finished, or the
    /// time for that is up. Returns how many connections were cut off.
    pub async fn run(self, phase: watch::Receiver<Phase>) -> usize {
        let Self { listener, shared } = self;
        let connections = TaskTracker::new();
        let router = routes::router(Arc::clone(&shared));
        accept::run(listener, phase.clone(), |stream, peer| {
            // Whose seat was given away is gone in a moment, unless the machine is very busy.
            if connections.len() >= shared.settings.connections + LEAVING {
                shared.failures.report("too_many_connections", peer, &"the limit is reached");
                return;
            }
            let seat = shared.seats.take(peer.ip(), connection::activity(&shared.settings));
            let (shared, router) = (Arc::clone(&shared), router.clone());
            let phase = phase.clone();
            connections.spawn(handshake::connection(shared, router, stream, peer, seat, phase));
        })
        .await;
        connections.close();
        let finished = tokio::time::timeout(shared.settings.stop_timeout, connections.wait()).await;
        if finished.is_ok() { 0 } else { connections.len() }
    }
}

// === impl Judge ===

impl<F> Judge for F
where
    F: Fn(&[u8]) -> Result<Answer, BadReview> + Send + Sync + 'static,
{
    fn judge(&self, body: &[u8]) -> Result<Answer, BadReview> {
        self(body)
    }
}

// === impl Settings ===

impl Default for Settings {
    fn default() -> Self {
        Self {
            handshake_timeout: Duration::from_secs(5),
            header_timeout: Duration::from_secs(5),
            body_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(150),
            connection_age: Duration::from_secs(600),
            answer_timeout: Duration::from_secs(10),
            connections: 512,
            admin_connections: 64,
            unread_answers: 4 << 20,
            requests: 1024,
            body_limit: 8 << 20,
            body_budget: 16 << 20,
            guard_requests: 16,
            guard_budget: 16 << 20,
            // The API server gives up after ten seconds.
            guard_timeout: Duration::from_secs(9),
            // A review of a usual Job has a few kilobytes. Up to here one takes half a millisecond.
            large_body: 64 << 10,
            large_bodies: 1,
            last_request_timeout: Duration::from_secs(1),
            // With the drain delay of 5 s below the 30 s that a pod is given by default.
            stop_timeout: Duration::from_secs(15),
        }
    }
}

/// So many connections may be on their way out.
const LEAVING: usize = 64;

async fn bind(address: SocketAddr) -> Result<TcpListener, BindError> {
    TcpListener::bind(address).await.map_err(|source| BindError { address, source })
}
