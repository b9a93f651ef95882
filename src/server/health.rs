//! The plain port: whether this process lives, whether it should be called, and its metrics.
//!
//! Plain, so that neither the kubelet nor Prometheus needs a certificate; and apart, so that they
//! get an answer however busy the other port is. `?verbose` looks as it does on a kube-apiserver.

use std::fmt::Write;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::RawQuery;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::activity::Protocol;
use super::connection::{activity, serve};
use super::seats::Seats;
use super::{BindError, Phase, Settings, accept, bind};
use crate::metrics::{self, Metrics};

/// The plain port, taken and not answering yet.
pub struct Admin {
    listener: TcpListener,
    settings: Settings,
    router: Router,
}

/// One thing that must hold for this process to be called.
pub struct Check {
    pub name: &'static str,
    /// `Err` says why it does not hold, in a few words.
    pub probe: Box<Probe>,
}

pub type Probe = dyn Fn() -> Result<(), String> + Send + Sync;

// === impl Admin ===

impl Admin {
    /// Takes the port.
    ///
    /// # Errors
    /// Where the port cannot be had.
    pub async fn bind(
        address: SocketAddr,
        settings: Settings,
        metrics: Arc<Metrics>,
        checks: Vec<Check>,
    ) -> Result<Self, BindError> {
        let listener = bind(address).await?;
        Ok(Self { listener, settings, router: router(metrics, checks.into()) })
    }

    /// Where it listens: the real port where 0 was asked for.
    ///
    /// # Errors
    /// Where the operating system does not know.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Answers until the process ends, through a shutdown too: that it is under way is the very
    /// thing to be told.
    pub async fn run(self) {
        let Self { listener, settings, router } = self;
        // Never changes, and lives as long as this future.
        let (_phase, phases) = watch::channel(Phase::Serving);
        let seats = Arc::new(Seats::new(settings.admin_connections, settings.unread_answers));
        accept::run(listener, phases.clone(), |stream, peer| {
            let (settings, router, phases) = (settings.clone(), router.clone(), phases.clone());
            let seat = seats.take(peer.ip(), activity(&settings));
            tokio::spawn(async move {
                serve(stream, &seat, Protocol::Http1, &settings, phases, router).await;
            });
        })
        .await;
    }
}

fn router(metrics: Arc<Metrics>, checks: Arc<[Check]>) -> Router {
    Router::new()
        .route("/livez", get(async |RawQuery(query)| health("livez", &[], query)))
        .route("/readyz", get(async move |RawQuery(query)| health("readyz", &checks, query)))
        .route(
            "/metrics",
            get(async move || ([(CONTENT_TYPE, metrics::CONTENT_TYPE)], metrics.text())),
        )
        .method_not_allowed_fallback(async || (StatusCode::METHOD_NOT_ALLOWED, "expected GET\n"))
        .fallback(async || (StatusCode::NOT_FOUND, "expected /livez, /readyz or /metrics\n"))
}

/// All checks, and one that only says that somebody answers.
fn health(name: &str, checks: &[Check], query: Option<String>) -> Response {
    let verbose = query.is_some_and(|query| {
        query.split('&').any(|part| matches!(part, "verbose" | "verbose=true"))
    });
    let mut lines = "[+]ping ok\n".to_owned();
    let mut passed = true;
    for Check { name, probe } in checks {
        match probe() {
            Ok(()) => writeln!(lines, "[+]{name} ok"),
            Err(reason) => {
                passed = false;
                writeln!(lines, "[-]{name} failed: {reason}")
            }
        }
        .expect("writing to a string does not fail");
    }
    match (passed, verbose) {
        (true, false) => "ok".into_response(),
        (true, true) => format!("{lines}{name} check passed\n").into_response(),
        (false, _) => {
            let text = format!("{lines}{name} check failed\n");
            (StatusCode::INTERNAL_SERVER_ERROR, text).into_response()
        }
    }
}
