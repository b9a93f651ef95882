//! The plain port: whether this process lives, whether it should be called, and its metrics.
//!
//! Plain, so that neither the kubelet nor Prometheus needs a certificate; and apart, so that they
//! get an answer however busy the other port is. `?verbose` looks as it does on a kube-apiserver.

use std::fmt::Write;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Response, StatusCode};
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::activity::Protocol;
use super::connection::serve;
use super::{BindError, Phase, Settings, accept, bind};
use crate::metrics::{self, Metrics};

/// The plain port, taken and not answering yet.
pub struct Admin {
    listener: TcpListener,
    shared: Arc<Shared>,
}

/// One thing that must hold for this process to be called.
pub struct Check {
    pub name: &'static str,
    /// `Err` says why it does not hold, in a few words.
    pub probe: Box<Probe>,
}

pub type Probe = dyn Fn() -> Result<(), String> + Send + Sync;

struct Shared {
    settings: Settings,
    metrics: Arc<Metrics>,
    checks: Vec<Check>,
}

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
        Ok(Self { listener, shared: Arc::new(Shared { settings, metrics, checks }) })
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
        let Self { listener, shared } = self;
        // Never changes, and lives as long as this future.
        let (_phase, phases) = watch::channel(Phase::Serving);
        accept::run(listener, phases.clone(), |stream, _| {
            let (shared, phases) = (Arc::clone(&shared), phases.clone());
            tokio::spawn(async move {
                let answer = {
                    let shared = Arc::clone(&shared);
                    move |request: hyper::Request<_>| {
                        let response =
                            shared.answer(request.method(), request.uri().path(), request.uri());
                        std::future::ready(response)
                    }
                };
                serve(stream, Protocol::Http1, &shared.settings, phases, answer).await;
            });
        })
        .await;
    }
}

// === impl Shared ===

impl Shared {
    fn answer(&self, method: &Method, path: &str, uri: &hyper::Uri) -> Response<Full<Bytes>> {
        if method != Method::GET && method != Method::HEAD {
            let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "expected GET\n".to_owned());
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return response;
        }
        let verbose = uri.query().is_some_and(|query| {
            query.split('&').any(|part| matches!(part, "verbose" | "verbose=true"))
        });
        match path {
            "/livez" => health("livez", &[], verbose),
            "/readyz" => health("readyz", &self.checks, verbose),
            "/metrics" => {
                let mut response = text(StatusCode::OK, self.metrics.text());
                let kind = HeaderValue::from_static(metrics::CONTENT_TYPE);
                response.headers_mut().insert(CONTENT_TYPE, kind);
                response
            }
            _ => text(StatusCode::NOT_FOUND, "expected /livez, /readyz or /metrics\n".to_owned()),
        }
    }
}

/// All checks, and one that only says that somebody answers.
fn health(name: &str, checks: &[Check], verbose: bool) -> Response<Full<Bytes>> {
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
        (true, false) => text(StatusCode::OK, "ok".to_owned()),
        (true, true) => text(StatusCode::OK, format!("{lines}{name} check passed\n")),
        (false, _) => {
            text(StatusCode::INTERNAL_SERVER_ERROR, format!("{lines}{name} check failed\n"))
        }
    }
}

fn text(status: StatusCode, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    let kind = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}
