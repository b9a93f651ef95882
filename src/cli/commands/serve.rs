//! `curfew serve`: the webhook, and everything else that runs for as long as it does.
//!
//! [`Serve`] is what a user typed. It becomes a [`Plan`], in which everything that could be wrong
//! has been looked at, and a plan is run by [`run`]. Assembly stands here and nowhere else.

mod cluster;
mod descriptors;
mod greeting;
mod plan;
mod reloading;
mod run;

use std::net::{IpAddr, SocketAddr};
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use jiff::{SignedDuration, Timestamp};

use crate::cli::shared::{Exit, Invalid, Policies, Printer};
use crate::pki::PairError;
use crate::pki::laptop::{self, Laptop};
use crate::reload::Refusal;
use crate::reload::certificate::{watch_authorities, watch_pair};
use crate::server::tls::TlsVersion;
use crate::telemetry::{LogFormat, LogLevel};
use crate::{clock, telemetry};

use self::plan::{PairPlan, Plan, PolicyPlan};

/// Run the webhook, and on a cluster the sweeper and the scheduler
///
/// Without a cluster it answers on loopback by the policy given, with a certificate of its own
/// making in certs/; sweeper and scheduler stay off. It never looks for a kubeconfig by itself.
#[derive(Debug, clap::Args)]
pub struct Serve {
    #[command(flatten)]
    policies: Policies,

    /// Where to answer admission reviews, over HTTPS
    #[arg(long, value_name = "ADDRESS", env = "CURFEW_LISTEN", default_value = "127.0.0.1:8443")]
    listen: SocketAddr,

    /// Where to answer /livez, /readyz and /metrics, over plain HTTP
    #[arg(
        long,
        value_name = "ADDRESS",
        env = "CURFEW_ADMIN_LISTEN",
        default_value = "127.0.0.1:8080"
    )]
    admin_listen: SocketAddr,

    /// Certificate to show, with its chain, as PEM; read again when it changes
    #[arg(long, value_name = "FILE", env = "CURFEW_TLS_CERT", requires = "tls_key")]
    tls_cert: Option<PathBuf>,

    /// Key of the certificate, as PEM; read again when it changes
    #[arg(long, value_name = "FILE", env = "CURFEW_TLS_KEY", requires = "tls_cert")]
    tls_key: Option<PathBuf>,

    /// Secret of our own namespace in which replicas keep a certificate that they make and renew by
    /// themselves; needs a cluster, and --service
    #[arg(
        long,
        value_name = "NAME",
        env = "CURFEW_TLS_SECRET",
        requires = "service",
        conflicts_with_all = ["tls_cert", "no_cluster"]
    )]
    tls_secret: Option<String>,

    /// Service by which the API server calls us, for the certificate in --tls-secret
    #[arg(long, value_name = "NAME", env = "CURFEW_SERVICE")]
    service: Option<String>,

    /// Oldest version of TLS to speak
    #[arg(
        long,
        value_name = "VERSION",
        env = "CURFEW_TLS_MIN_VERSION",
        value_enum,
        default_value_t
    )]
    tls_min_version: TlsVersion,

    /// Let in only clients with a certificate of these authorities, as PEM; read again when it
    /// changes
    #[arg(long, value_name = "FILE", env = "CURFEW_CLIENT_CA")]
    client_ca: Option<PathBuf>,

    #[command(flatten)]
    cluster: cluster::ClusterArgs,

    /// Our own namespace, whose objects are left alone [default: that of the pod]
    #[arg(long, value_name = "NAME", env = "CURFEW_NAMESPACE")]
    namespace: Option<String>,

    /// How long to go on serving after SIGTERM, such as 5s [default: 0s on loopback, else 5s]
    #[arg(long, value_name = "DURATION", env = "CURFEW_DRAIN_DELAY", value_parser = duration)]
    drain_delay: Option<Duration>,

    /// How log lines look [default: text on a terminal, else json]
    #[arg(long, value_name = "FORMAT", env = "CURFEW_LOG_FORMAT", value_enum)]
    log_format: Option<LogFormat>,

    /// What to log; debug has a line for each review
    #[arg(long, value_name = "LEVEL", env = "CURFEW_LOG_LEVEL", value_enum, default_value_t)]
    log_level: LogLevel,
}

// === impl Serve ===

impl Serve {
    /// Runs until a signal comes.
    ///
    /// # Errors
    /// [`Invalid`] where the policy, the certificate or an address cannot be used.
    pub fn run(self, printer: &mut Printer) -> anyhow::Result<Exit> {
        let log_format = self.log_format.unwrap_or_else(LogFormat::fitting);
        let log_level = self.log_level;
        // Before logging begins: what is wrong with the arguments is for whoever typed them.
        let plan = self.plan(log_format, printer)?;
        telemetry::start(log_format, log_level)?;
        let threads = std::thread::available_parallelism().map_or(1, NonZero::get);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(threads.min(WORKERS))
            .max_blocking_threads(BLOCKING)
            .enable_all()
            .build()
            .context("cannot start the runtime")?;
        let ended = runtime.block_on(run::run(plan, printer));
        // Everything that matters has ended. A read that hangs never does, and is not waited for.
        runtime.shutdown_background();
        ended
    }

    fn plan(self, log_format: LogFormat, printer: &Printer) -> Result<Plan, Invalid> {
        let Self {
            policies,
            listen,
            admin_listen,
            tls_cert,
            tls_key,
            tls_secret,
            service,
            tls_min_version,
            client_ca,
            cluster,
            namespace,
            drain_delay,
            log_format: _,
            log_level: _,
        } = self;
        let now = clock::now();
        let policy = PolicyPlan::load(policies, cluster.names_one(), now, printer)?;
        let (laptop, pair) = match tls_secret.zip(service) {
            Some((secret, service)) => (None, PairPlan::Secret { secret, service }),
            None => pair_of_files(tls_cert.zip(tls_key), listen.ip(), now)?,
        };
        let authorities = client_ca
            .map(|path| {
                let place = path.display().to_string();
                watch_authorities(path, now).map_err(|refusal| invalid(&refusal, &place))
            })
            .transpose()?;
        Ok(Plan {
            listen,
            admin_listen,
            policy,
            pair,
            oldest: tls_min_version,
            authorities,
            laptop,
            cluster,
            own_namespace: namespace.or_else(pod_namespace),
            // In a cluster, endpoints take a while to forget us. On loopback nobody keeps a list
            // of us, and whoever presses Ctrl-C does not want to wait.
            drain_delay: drain_delay.unwrap_or(if listen.ip().is_loopback() {
                Duration::ZERO
            } else {
                DRAIN_DELAY
            }),
            log_format,
        })
    }
}

/// The pair in files, or a self-signed one where there are none.
fn pair_of_files(
    files: Option<(PathBuf, PathBuf)>,
    listen: IpAddr,
    now: Timestamp,
) -> Result<(Option<Laptop>, PairPlan), Invalid> {
    let (laptop, certificate, key) = if let Some((certificate, key)) = files {
        (None, certificate, key)
    } else {
        let laptop = laptop::ensure(Path::new(CERTS), &names(listen), now)
            .map_err(|error| Invalid::new(telemetry::chain(&error)))?;
        let (certificate, key) = (laptop.certificate.clone(), laptop.key.clone());
        (Some(laptop), certificate, key)
    };
    let place = certificate.display().to_string();
    let pair = watch_pair(certificate, key, now).map_err(|refusal| invalid(&refusal, &place))?;
    Ok((laptop, PairPlan::Files(pair)))
}

fn invalid(refusal: &Refusal<PairError>, place: &str) -> Invalid {
    match refusal {
        // Names the path itself.
        Refusal::Read(error) => Invalid::new(error),
        Refusal::Content(error) => Invalid::new(format!("{place}: {}", telemetry::chain(error))),
    }
}

/// What the self-signed certificate is for: this machine, and the address if it is a particular
/// one.
fn names(listen: IpAddr) -> Vec<String> {
    let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
    let address = listen.to_string();
    if !listen.is_unspecified() && !names.contains(&address) {
        names.push(address);
    }
    names
}

/// The namespace of the pod we run in, as the downward API or the service account tells it.
fn pod_namespace() -> Option<String> {
    std::env::var("POD_NAMESPACE")
        .ok()
        .or_else(|| std::fs::read_to_string(SERVICE_ACCOUNT_NAMESPACE).ok())
        .map(|name| name.trim().to_owned())
        .filter(|name| !name.is_empty())
}

fn duration(text: &str) -> Result<Duration, String> {
    let mend = || "expected a duration such as 5s or 1m30s".to_owned();
    let duration: SignedDuration = text.parse().map_err(|_| mend())?;
    Duration::try_from(duration).map_err(|_| mend())
}

/// Where the self-signed pair lies, below the working directory.
const CERTS: &str = "certs";
const SERVICE_ACCOUNT_NAMESPACE: &str = "/var/run/secrets/kubernetes.io/serviceaccount/namespace";
/// Longer than endpoints usually take to forget a pod that is not ready.
const DRAIN_DELAY: Duration = Duration::from_secs(5);
/// A decision takes microseconds: more threads than this would only cost memory.
const WORKERS: usize = 4;
/// Only looking at files blocks, three at a time.
const BLOCKING: usize = 4;

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::seconds("5s", Some(Duration::from_secs(5)))]
    #[case::mixed("1m30s", Some(Duration::from_secs(90)))]
    #[case::short("50ms", Some(Duration::from_millis(50)))]
    #[case::none("0s", Some(Duration::ZERO))]
    #[case::negative("-5s", None)]
    #[case::bare("5", None)]
    fn durations(#[case] text: &str, #[case] expected: Option<Duration>) {
        assert_eq!(duration(text).ok(), expected);
    }

    #[rstest]
    #[case::loopback("127.0.0.1", &["localhost", "127.0.0.1", "::1"])]
    #[case::everywhere("0.0.0.0", &["localhost", "127.0.0.1", "::1"])]
    #[case::one("192.0.2.7", &["localhost", "127.0.0.1", "::1", "192.0.2.7"])]
    fn names_of_the_self_signed_certificate(#[case] listen: IpAddr, #[case] expected: &[&str]) {
        assert_eq!(names(listen), expected);
    }
}
