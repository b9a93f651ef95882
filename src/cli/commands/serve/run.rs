//! Runs a [`Plan`]: starts everything, waits for a signal, and stops everything in order.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use arc_swap::ArcSwap;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::cluster;
use super::greeting::Greeting;
use super::plan::{PairPlan, Plan, PolicyPlan};
use super::reloading;
use crate::admission::Site;
use crate::cli::shared::{Exit, Invalid, Printer};
use crate::clock;
use crate::controllers::Running;
use crate::metrics::Metrics;
use crate::policy::Loaded;
use crate::reload;
use crate::server::health::{Admin, Check};
use crate::server::tls::Tls;
use crate::server::webhook::Webhook;
use crate::server::{BindError, Parts, Phase, Server};

/// The signals that ask us to stop.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

/// Runs until a signal comes and what was in flight is answered.
pub(super) async fn run(plan: Plan, printer: &mut Printer) -> anyhow::Result<Exit> {
    let Plan {
        listen,
        admin_listen,
        policy,
        pair,
        oldest,
        authorities,
        laptop,
        cluster: arguments,
        own_namespace,
        drain_delay,
        log_format,
    } = plan;
    // First of all: a signal that comes while we start is one to stop.
    let mut signals = Signals::listen().context("cannot listen for signals")?;
    let now = clock::now();
    let metrics = Arc::new(Metrics::new());

    let bundled = matches!(policy, PolicyPlan::Bundled(_));
    let (Loaded { policy, warnings }, watched_policy) = match policy {
        PolicyPlan::Bundled(loaded) => (loaded, None),
        PolicyPlan::Files(started) => (started.value, Some(started.watched)),
    };
    metrics.policy_loaded(&policy.revision, now);
    reloading::warn(&warnings);
    let policy = Arc::new(ArcSwap::from_pointee(policy));
    let found = arguments.connect().await?;
    let (pair, watched_pair, certificates) = match (pair, &found) {
        (PairPlan::Files(started), _) => (started.value, Some(started.watched), None),
        (PairPlan::Secret { .. }, None) => {
            return Err(Invalid::new("--tls-secret needs a cluster, and there is none").into());
        }
        (PairPlan::Secret { secret, service }, Some(found)) => {
            let (namespace, place) = (own_namespace.as_deref(), (secret, service));
            // It may take a while, and whoever wants us to stop need not wait for it.
            let establishing = arguments.establish(found, namespace, place);
            let (certificates, pair) = tokio::select! {
                biased;
                _name = signals.next() => return Ok(Exit::Fine),
                kept = establishing => kept,
            };
            (pair, None, Some(certificates))
        }
    };
    reloading::note_pair(&pair, &metrics, now);
    let (authorities, watched_authorities) =
        authorities.map(|started| (started.value, started.watched)).unzip();
    let tls = Arc::new(Tls::new(pair, oldest, authorities)?);

    let (phase, phases) = watch::channel(Phase::Serving);
    let checks = vec![
        certificate_check(Arc::clone(&tls)),
        // There is no server without one; it is told so that every part is on the list.
        Check { name: "policy", probe: Box::new(|| Ok(())) },
        shutdown_check(phases.clone()),
    ];
    let running = found.map(|found| {
        let (policy, tls) = (policy.load_full(), Arc::clone(&tls));
        let shown = move || Some(cluster::certificate(&tls.pair()));
        let installation = arguments.installation(own_namespace.as_deref());
        Arc::new(Running::start(found, installation, &policy, &metrics, shown))
    });
    let neighbours = running.as_ref().map(|running| running.neighbours());
    let site = Site { own_namespace, neighbours };
    let webhook = Webhook::new(Arc::clone(&policy), site.clone());
    let judge = Arc::new(move |body: &[u8]| webhook.judge(body));
    let parts = Parts { tls: Arc::clone(&tls), judge, metrics: Arc::clone(&metrics) };
    let settings = super::descriptors::settings();
    let server = Server::bind(listen, settings.clone(), parts)
        .await
        .map_err(|error| taken(&error, "--listen"))?;
    let admin = Admin::bind(admin_listen, settings, Arc::clone(&metrics), checks)
        .await
        .map_err(|error| taken(&error, "--admin-listen"))?;
    let (address, admin_address) = (server.address()?, admin.address()?);

    let stop = CancellationToken::new();
    if let Some(watched) = watched_policy {
        let (slot, metrics) = (Arc::clone(&policy), Arc::clone(&metrics));
        let running = running.clone();
        tokio::spawn(reload::run(watched, POLL, stop.clone(), move |step| {
            let refused = reloading::policy(step, &slot, &metrics);
            if let Some(running) = &running {
                running.policy(&slot.load_full(), refused);
            }
        }));
    }
    if let Some(watched) = watched_authorities {
        let tls = Arc::clone(&tls);
        tokio::spawn(reload::run(watched, POLL, stop.clone(), move |step| {
            reloading::authorities(step, &tls);
        }));
    }
    if let Some(watched) = watched_pair {
        tokio::spawn(reload::run(watched, POLL, stop.clone(), move |step| {
            reloading::pair(step, &tls, &metrics);
        }));
    } else if let (Some(running), Some(certificates)) = (&running, certificates) {
        running.keep_certificates(certificates, move |pair| {
            reloading::show(pair, &tls, &metrics);
        });
    }
    tokio::spawn(admin.run());
    let serving = tokio::spawn(server.run(phases));

    Greeting {
        address,
        admin_address,
        policy: &policy.load(),
        bundled,
        laptop: laptop.as_ref(),
        own_namespace: site.own_namespace.as_deref(),
        cluster: running.as_ref().map(|running| running.url()),
    }
    .say(log_format, printer)?;

    let name = signals.next().await;
    tracing::info!(signal = name, ?drain_delay, "stopping: not ready from now on");
    phase.send_replace(Phase::Draining);
    let orderly = async {
        let drained = async {
            tokio::time::sleep(drain_delay).await;
            tracing::info!("stopping: no new connections from now on");
            phase.send_replace(Phase::Stopping);
            serving.await
        };
        let stopped = async {
            if let Some(running) = &running {
                running.stop().await;
            }
        };
        tokio::join!(drained, stopped).0
    };
    let cut_off = tokio::select! {
        biased;
        name = signals.next() => {
            tracing::warn!(signal = name, "stopped at once, whatever was in flight");
            return Ok(Exit::Internal);
        }
        finished = orderly => finished.context("the server panicked")?,
    };
    stop.cancel();
    if cut_off > 0 {
        tracing::warn!(connections = cut_off, "stopped: some connections did not finish in time");
    } else {
        tracing::info!("stopped");
    }
    Ok(Exit::Fine)
}

fn certificate_check(tls: Arc<Tls>) -> Check {
    let probe = move || {
        let not_after = tls.pair().not_after;
        // Nobody could call us; being not ready makes that visible where people look first.
        if not_after <= clock::now() { Err(format!("expired at {not_after}")) } else { Ok(()) }
    };
    Check { name: "certificate", probe: Box::new(probe) }
}

fn shutdown_check(phases: watch::Receiver<Phase>) -> Check {
    let probe = move || match *phases.borrow() {
        Phase::Serving => Ok(()),
        Phase::Draining | Phase::Stopping => Err("stopping".to_owned()),
    };
    Check { name: "shutdown", probe: Box::new(probe) }
}

fn taken(error: &BindError, flag: &str) -> Invalid {
    let BindError { address, source } = error;
    Invalid::new(format!("cannot listen on {address}: {source}; choose another with {flag}"))
}

// === impl Signals ===

impl Signals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// Waits for either, and says which.
    async fn next(&mut self) -> &'static str {
        tokio::select! {
            biased;
            // Both cancel-safe: a signal that is not taken stays due.
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

/// How often files are looked at: a change is in use about a second later.
const POLL: Duration = Duration::from_secs(1);
