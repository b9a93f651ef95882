//! Which cluster, and the client for it.
//!
//! A server that writes must not find a cluster by accident: [`Habit::Server`] takes what it is
//! told, or the cluster that it runs in, and never a kubeconfig that lies about. Commands follow
//! kubectl ([`Habit::Kubectl`]). Both go through the [`Proxy`] that kubectl would take. Every client
//! feeds a [`ServerClock`] and repeats nothing by itself: whoever calls decides about that.

mod failing;
pub mod proxy;
mod tunnel;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderValue, header};
use hyper_rustls::{
    DefaultServerNameResolver, FixedServerNameResolver, HttpsConnector, ResolveServerName,
};
use hyper_timeout::TimeoutConnector;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use kube::Client;
use kube::client::{Body, ClientBuilder, ConfigExt, RustlsTlsError};
use kube::config::{Config, InClusterError, KubeConfigOptions, Kubeconfig, KubeconfigError};
use tower::{BoxError, ServiceBuilder, service_fn};
use tower_http::trace::TraceLayer;

use self::proxy::{BadProxy, Proxy};
use self::tunnel::Failed;
use super::clock_offset::{self, ServerClock};
use crate::telemetry::Sparse;

/// A cluster, and the way to it.
#[derive(Clone)]
pub struct Cluster {
    pub client: Client,
    /// For people: to be logged before the first write.
    pub url: String,
    /// The namespace that the kubeconfig or the service account names.
    pub namespace: String,
    /// What stands between us and the cluster.
    pub proxy: Option<Proxy>,
    pub clock: ServerClock,
}

/// What the command line says.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Choice {
    /// `--kubeconfig`.
    pub kubeconfig: Option<PathBuf>,
    /// `--context`.
    pub context: Option<String>,
}

/// How to find what the command line does not say.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Habit {
    /// `$KUBECONFIG`, then the home directory's, then the cluster around us.
    Kubectl,
    /// Only the cluster around us.
    Server,
}

/// What the process was given.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    /// `$KUBECONFIG`: a list of files.
    pub kubeconfig: Option<OsString>,
    pub home: Option<PathBuf>,
    /// Whether this is a Pod: `$KUBERNETES_SERVICE_HOST` is set.
    pub in_cluster: bool,
}

/// Where the configuration is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ConfigSource {
    /// Files, merged in this order, and a context of theirs.
    Files(Vec<PathBuf>, Option<String>),
    InCluster,
}

/// Why there is no cluster.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    #[error("no cluster: this is not a pod, and no --kubeconfig was given")]
    NotInCluster,
    #[error("no cluster: give --kubeconfig, set KUBECONFIG, or make ~/.kube/config")]
    NoKubeconfig,
    #[error("--context {0} says nothing without --kubeconfig: a server does not look for one")]
    ContextAlone(String),
    #[error("cannot read the kubeconfig: {0}")]
    Kubeconfig(#[source] KubeconfigError),
    #[error("cannot read the service account of this pod: {0}")]
    ServiceAccount(#[source] InClusterError),
    #[error(transparent)]
    Proxy(#[from] BadProxy),
    #[error("cannot make a client for {url}: {source}")]
    Client { url: String, source: kube::Error },
}

// === impl Cluster ===

impl Cluster {
    /// Makes a client; calls nothing yet.
    ///
    /// # Errors
    /// Where no cluster is chosen, or its configuration cannot be read.
    pub async fn connect(choice: &Choice, habit: Habit) -> Result<Self, ConnectError> {
        match ConfigSource::find(choice, habit, &Environment::of_process())? {
            ConfigSource::InCluster => {
                Self::new(Config::incluster().map_err(ConnectError::ServiceAccount)?, None)
            }
            ConfigSource::Files(files, context) => {
                let merged = files.iter().try_fold(Kubeconfig::default(), |merged, file| {
                    merged.merge(Kubeconfig::read_from(file)?)
                });
                let mut kubeconfig = merged.map_err(ConnectError::Kubeconfig)?;
                let named = proxy_url(&kubeconfig, context.as_deref());
                let named = named.map(Proxy::named).transpose()?;
                // kube reads the environment as well, refuses what Go takes, and is not asked.
                for cluster in kubeconfig.clusters.iter_mut().filter_map(|it| it.cluster.as_mut()) {
                    cluster.proxy_url = Some(NOT_ASKED.to_owned());
                }
                let options = KubeConfigOptions { context, ..KubeConfigOptions::default() };
                let config = Config::from_custom_kubeconfig(kubeconfig, &options).await;
                Self::new(config.map_err(ConnectError::Kubeconfig)?, named)
            }
        }
    }

    /// A client for a configuration, through the proxy that its kubeconfig names, or else the
    /// environment. That of the configuration does not count: kube takes the environment for less,
    /// and for every cluster.
    ///
    /// # Errors
    /// Where its certificates or credentials cannot be used.
    pub fn new(mut config: Config, named: Option<Proxy>) -> Result<Self, ConnectError> {
        let variable = |name: &str| std::env::var(name).ok();
        let proxy = match named {
            Some(named) => Some(named),
            None => Proxy::of_environment(&config.cluster_url, variable)?,
        };
        let url = config.cluster_url.to_string().trim_end_matches('/').to_owned();
        let namespace = config.default_namespace.clone();
        // For audit logs, and as the manager of fields where a call names none.
        config.headers.push((header::USER_AGENT, HeaderValue::from_static(USER_AGENT)));
        // For what has no time-out of its own: a list whose body stops coming, and a watch behind a
        // load balancer that has forgotten it, which would look healthy for ever.
        config.read_timeout = Some(SILENCE);
        let clock = ServerClock::default();
        match client(&config, proxy.clone(), clock.clone()) {
            Ok(client) => Ok(Self { client, url, namespace, proxy, clock }),
            Err(source) => Err(ConnectError::Client { url, source }),
        }
    }
}

/// What kube makes of a configuration, with a connection of our own: kube gives no user and
/// password to a SOCKS proxy, and does not say what a proxy answered. Nothing is sent twice by
/// itself: a repeated write would go past the pace, and a 429 would not be seen.
fn client(
    config: &Config,
    proxy: Option<Proxy>,
    clock: ServerClock,
) -> Result<Client, kube::Error> {
    let tls = Arc::new(config.rustls_client_config()?);
    let names: Arc<dyn ResolveServerName + Send + Sync> = match config.tls_server_name.clone() {
        Some(name) => {
            let name = name.try_into().map_err(RustlsTlsError::InvalidServerName);
            Arc::new(FixedServerNameResolver::new(name.map_err(kube::Error::RustlsTls)?))
        }
        None => Arc::new(DefaultServerNameResolver::default()),
    };
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    // As kubectl, which trusts a proxy's certificate by the authority of the cluster, too.
    let inner = HttpsConnector::new(tcp, Arc::clone(&tls), false, Arc::clone(&names));
    let through = proxy.clone();
    let tunnel = service_fn(move |url| tunnel::connect(inner.clone(), through.clone(), url));
    let mut connector = TimeoutConnector::new(HttpsConnector::new(tunnel, tls, false, names));
    connector.set_connect_timeout(Some(CONNECTING));
    connector.set_read_timeout(config.read_timeout);
    connector.set_write_timeout(config.write_timeout);
    connector.set_reset_reader_on_write(true);
    let failed = move |error: BoxError| -> BoxError {
        match proxy.clone() {
            Some(proxy) => Failed::new(proxy, CONNECTING, error).into(),
            None => error,
        }
    };
    let connector = ServiceBuilder::new().map_err(failed).service(connector);
    let executor = TokioExecutor::new();
    let http = hyper_util::client::legacy::Client::builder(executor).build::<_, Body>(connector);
    let logged = Arc::new(Sparse::default());
    let http = service_fn(move |request| failing::send(http.clone(), request, Arc::clone(&logged)));
    let service = ServiceBuilder::new()
        .layer(clock_offset::Layer(clock))
        .layer(config.base_uri_layer())
        .option_layer(config.auth_layer()?)
        .layer(config.extra_headers_layer()?)
        .layer(TraceLayer::new_for_http().on_failure(()))
        .service(http);
    Ok(ClientBuilder::new(service, config.default_namespace.clone()).build())
}

/// The `proxy-url` for the cluster of a context, if it has one.
fn proxy_url<'a>(kubeconfig: &'a Kubeconfig, context: Option<&'a str>) -> Option<&'a str> {
    let name = context.or(kubeconfig.current_context.as_deref())?;
    let context = kubeconfig.contexts.iter().find(|known| known.name == name)?.context.as_ref()?;
    let cluster = kubeconfig.clusters.iter().find(|known| known.name == context.cluster)?;
    cluster.cluster.as_ref()?.proxy_url.as_deref().filter(|url| !url.is_empty())
}

// === impl Choice ===

impl Choice {
    /// Whether there is a configuration, be it good or bad: nothing is read.
    pub fn finds_one(&self, habit: Habit) -> bool {
        ConfigSource::find(self, habit, &Environment::of_process()).is_ok()
    }
}

// === impl ConfigSource ===

impl ConfigSource {
    /// Finds the configuration, without reading it.
    ///
    /// # Errors
    /// Where nothing says which cluster.
    pub fn find(
        choice: &Choice,
        habit: Habit,
        surroundings: &Environment,
    ) -> Result<Self, ConnectError> {
        let Choice { kubeconfig, context } = choice;
        if let Some(file) = kubeconfig {
            return Ok(Self::Files(vec![file.clone()], context.clone()));
        }
        let files = match (habit, context) {
            (Habit::Kubectl, _) => surroundings.files(),
            (Habit::Server, None) => Vec::new(),
            (Habit::Server, Some(context)) => {
                return Err(ConnectError::ContextAlone(context.clone()));
            }
        };
        match (files.is_empty(), surroundings.in_cluster, habit) {
            (false, _, _) => Ok(Self::Files(files, context.clone())),
            (true, true, _) => Ok(Self::InCluster),
            (true, false, Habit::Kubectl) => Err(ConnectError::NoKubeconfig),
            (true, false, Habit::Server) => Err(ConnectError::NotInCluster),
        }
    }
}

// === impl Environment ===

impl Environment {
    fn of_process() -> Self {
        Self {
            kubeconfig: std::env::var_os("KUBECONFIG"),
            home: std::env::home_dir(),
            in_cluster: std::env::var_os("KUBERNETES_SERVICE_HOST").is_some(),
        }
    }

    /// The files that kubectl would read. As there, a file of the list that does not exist is
    /// passed over, and an empty list is none.
    fn files(&self) -> Vec<PathBuf> {
        let listed = self.kubeconfig.as_ref().map(|list| std::env::split_paths(list).collect());
        let listed: Vec<PathBuf> = listed.unwrap_or_default();
        let given: Vec<PathBuf> =
            listed.into_iter().filter(|path| !path.as_os_str().is_empty()).collect();
        let files = if given.is_empty() {
            self.home.iter().map(|home| home.join(".kube").join("config")).collect()
        } else {
            given
        };
        files.into_iter().filter(|path| Path::exists(path)).collect()
    }
}

impl std::fmt::Debug for Cluster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cluster").field("url", &self.url).finish_non_exhaustive()
    }
}

/// A proxy for kube to read.
const NOT_ASKED: &str = "http://not-asked";

/// For a connection to come about, with all that a proxy needs for it.
const CONNECTING: Duration = Duration::from_secs(30);

/// A connection that is silent for longer is given up: a watch says something every minute.
const SILENCE: Duration = Duration::from_secs(75);

/// As programs of Kubernetes name themselves.
const USER_AGENT: &str = concat!("curfew/", env!("CARGO_PKG_VERSION"));

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use rstest::rstest;

    use super::{Choice, ConfigSource, Environment, Habit};

    /// `file`, `context`, `$KUBECONFIG` set, a home with a kubeconfig, in a cluster.
    #[rstest]
    #[case::server_told(Habit::Server, (true, false), (true, true, true), "given")]
    #[case::server_told_with_context(Habit::Server, (true, true), (false, false, false), "given")]
    #[case::server_in_a_pod(Habit::Server, (false, false), (true, true, true), "pod")]
    #[case::server_on_a_laptop(Habit::Server, (false, false), (true, true, false), "no --kubeconfig")]
    #[case::server_context_alone(Habit::Server, (false, true), (true, true, true), "says nothing")]
    #[case::kubectl_told(Habit::Kubectl, (true, false), (true, true, true), "given")]
    #[case::kubectl_environment(Habit::Kubectl, (false, false), (true, true, true), "listed")]
    #[case::kubectl_home(Habit::Kubectl, (false, false), (false, true, true), "home")]
    #[case::kubectl_context(Habit::Kubectl, (false, true), (false, true, false), "home")]
    #[case::kubectl_pod(Habit::Kubectl, (false, false), (false, false, true), "pod")]
    #[case::kubectl_nothing(Habit::Kubectl, (false, false), (false, false, false), "~/.kube/config")]
    fn which_cluster(
        #[case] habit: Habit,
        #[case] (file, context): (bool, bool),
        #[case] (environment, home, in_cluster): (bool, bool, bool),
        #[case] expected: &str,
    ) {
        let scratch = tempfile::tempdir().unwrap();
        let make = |name: &str| {
            let path = scratch.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, "{}").unwrap();
            path
        };
        let choice = Choice {
            kubeconfig: file.then(|| PathBuf::from("given")),
            context: context.then(|| "test".to_owned()),
        };
        let listed = [scratch.path().join("missing"), make("listed")];
        if home {
            make(".kube/config");
        }
        let surroundings = Environment {
            kubeconfig: environment.then(|| std::env::join_paths(&listed).unwrap()),
            home: Some(scratch.path().to_owned()),
            in_cluster,
        };
        let named = |context: &Option<String>| {
            assert_eq!(context, &choice.context);
        };
        let found = match ConfigSource::find(&choice, habit, &surroundings) {
            Ok(ConfigSource::InCluster) => "pod".to_owned(),
            Ok(ConfigSource::Files(files, context)) if files == [PathBuf::from("given")] => {
                named(&context);
                "given".to_owned()
            }
            Ok(ConfigSource::Files(files, context)) if files == listed[1..] => {
                named(&context);
                "listed".to_owned()
            }
            Ok(ConfigSource::Files(files, context)) => {
                named(&context);
                assert_eq!(files, [scratch.path().join(".kube/config")]);
                "home".to_owned()
            }
            Err(error) => error.to_string(),
        };
        assert!(found.contains(expected), "{found}");
    }
}
