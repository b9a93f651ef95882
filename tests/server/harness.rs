//! A server within the test's own process, with a judge of the test's choice.

use std::sync::Arc;
use std::time::Duration;

use curfew::admission::{Answer, BadReview, Report};
use curfew::metrics::Metrics;
use curfew::pki::{CertificateRequest, Issued, Pair, issue};
use curfew::server::tls::{Tls, TlsVersion};
use curfew::server::{Judge, Parts, Phase, Server, Settings};
use jiff::Timestamp;
use rustls::RootCertStore;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::client::{Connect, PATIENCE};

/// A running server; ends when dropped.
pub(crate) struct Harness {
    pub(crate) connect: Connect,
    pub(crate) tls: Arc<Tls>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) phase: watch::Sender<Phase>,
    pub(crate) running: JoinHandle<usize>,
}

/// What may differ from one test to the next.
#[derive(Default)]
pub(crate) struct With {
    pub(crate) settings: Settings,
    pub(crate) oldest: TlsVersion,
    pub(crate) authorities: Option<RootCertStore>,
    /// An echo where there is none.
    pub(crate) judge: Option<Arc<Judge>>,
}

// === impl Harness ===

impl Harness {
    /// Serves an echo.
    pub(crate) async fn start(settings: Settings) -> Self {
        Self::with(With { settings, ..With::default() }).await
    }

    pub(crate) async fn with(with: With) -> Self {
        let With { settings, oldest, authorities, judge } = with;
        let issued = issued();
        let tls = Arc::new(Tls::new(pair(&issued), oldest, authorities).unwrap());
        let metrics = Arc::new(Metrics::new());
        let judge = judge.unwrap_or_else(|| Arc::new(echo));
        let parts = Parts { tls: Arc::clone(&tls), judge, metrics: Arc::clone(&metrics) };
        let server = Server::bind("127.0.0.1:0".parse().unwrap(), settings, parts).await.unwrap();
        let connect = Connect::new(server.address().unwrap(), &issued.ca);
        let (phase, phases) = watch::channel(Phase::Serving);
        let running = tokio::spawn(server.run(phases));
        Self { connect, tls, metrics, phase, running }
    }

    /// The value of a metric; 0 where there is no such series.
    pub(crate) fn metric(&self, series: &str) -> u64 {
        let text = self.metrics.text();
        text.lines()
            .find_map(|line| line.strip_prefix(series)?.strip_prefix(' '))
            .map_or(0, |value| value.parse().unwrap())
    }

    pub(crate) fn rejected(&self, reason: &str) -> u64 {
        self.metric(&format!("curfew_admission_rejected_bodies_total{{reason=\"{reason}\"}}"))
    }

    pub(crate) fn failed(&self, reason: &str) -> u64 {
        self.metric(&format!("curfew_tls_handshake_failures_total{{reason=\"{reason}\"}}"))
    }
}

impl Drop for Harness {
    fn drop(&mut self) {
        self.running.abort();
    }
}

/// Answers with what it was sent; a body `panic` panics, and `bad` is none.
pub(crate) fn echo(body: &[u8]) -> Result<Answer, BadReview> {
    match body {
        b"panic" => panic!("asked for"),
        b"bad" => Err(BadReview { reason: "not_json", message: "line 1: no JSON".to_owned() }),
        body => Ok(Answer {
            body: body.to_vec(),
            report: Report {
                kind: "Job",
                operation: "CREATE",
                decision: "patched",
                ..Report::default()
            },
        }),
    }
}

pub(crate) fn issued() -> Issued {
    let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    issue(&CertificateRequest { names, now: curfew::clock::now() }).unwrap()
}

pub(crate) fn pair(issued: &Issued) -> Pair {
    let Issued { certificate, key, .. } = issued;
    Pair::from_pem(certificate.as_bytes(), key.as_bytes(), now()).unwrap()
}

pub(crate) fn now() -> Timestamp {
    curfew::clock::now()
}

/// Waits until something holds.
pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = curfew::clock::instant();
    while !holds() {
        assert!(start.elapsed() < PATIENCE, "not in time: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

pub(crate) const fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}
