//! The HTTPS server that the API server calls, and the plain port beside it for people.
//!
//! ```text
//! accept ──► tls ──► connection ──► routes ──► Judge
//!                    (time-outs,    (limits,   (bytes in, bytes out:
//!                     drain)         errors)    webhook.rs)
//!                                      └─────► policy_review: the policy's own review
//! ```
//!
//! [`Server::bind`] and [`Server::run`] are the entry points; [`health::Admin`] is the other port.
//! Everything that waits stands here and waits with a limit of [`Settings`]; a [`Judge`] never
//! does. Nothing here knows what a policy says, where certificates come from, or what a signal is:
//! a [`Phase`] says how far shutting down has come.

mod accept;
mod activity;
mod connection;
mod handshake;
pub mod health;
mod limits;
mod phase;
mod policy_review;
mod request;
mod routes;
mod seats;
mod settings;
mod shared;
mod stream;
pub mod tls;
pub mod webhook;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio_util::task::TaskTracker;

use crate::metrics::Metrics;
use crate::telemetry::Sparse;

use self::limits::Intake;
use self::seats::Seats;
use self::shared::Shared;
use self::tls::Tls;

pub use self::phase::Phase;
pub use self::settings::Settings;
pub use self::shared::Judge;

/// A server that has its port and does not answer yet.
pub struct Server {
    listener: TcpListener,
    shared: Arc<Shared>,
}

/// What a server serves with.
pub struct Parts {
    pub tls: Arc<Tls>,
    pub judge: Arc<Judge>,
    pub metrics: Arc<Metrics>,
}

/// A port cannot be had.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}")]
pub struct BindError {
    pub address: SocketAddr,
    pub source: io::Error,
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
        let intake = |requests, bytes| Arc::new(Intake::new(requests, bytes));
        let (requests, budget) = (settings.policy_review_requests, settings.policy_review_budget);
        let shared = Arc::new(Shared {
            tls,
            judge,
            metrics,
            seats: Arc::new(Seats::new(settings.connections, settings.unread_answers)),
            intake: intake(settings.requests, settings.body_budget),
            policy_review_intake: intake(requests, budget),
            policy_review: Arc::new(Semaphore::new(1)),
            large: Arc::new(Semaphore::new(settings.large_bodies)),
            failures_logged: Sparse::default(),
            policy_reviews_logged: Sparse::default(),
            settings,
        });
        Ok(Self { listener, shared })
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
                shared.failed("too_many_connections", peer, &"the limit is reached");
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

/// So many connections may be on their way out.
const LEAVING: usize = 64;

async fn bind(address: SocketAddr) -> Result<TcpListener, BindError> {
    TcpListener::bind(address).await.map_err(|source| BindError { address, source })
}
