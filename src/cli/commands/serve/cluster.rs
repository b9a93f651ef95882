//! The half of `serve` that needs a cluster: which one, and as what this replica is installed there.

use crate::batch::name::is_subdomain;
use crate::cli::shared::{Connection, Invalid};
use crate::cluster::connect::{Cluster, ConnectError, Habit};
use crate::controllers::certificates::{Certificates, WebhookObject};
use crate::controllers::running::Installation;
use crate::leader::replica::ServedCertificate;
use crate::pki::Pair;
use crate::telemetry;

/// What the command line says about a cluster.
#[derive(Clone, Debug, clap::Args)]
#[command(
    mut_arg("kubeconfig", |arg| arg.env("CURFEW_KUBECONFIG").help(
        "Kubeconfig file of the cluster to look after [default: the cluster around this pod, if it \
         is one]"
    )),
    mut_arg("context", |arg| arg.env("CURFEW_CONTEXT")),
)]
pub(super) struct ClusterArgs {
    #[command(flatten)]
    connection: Connection,

    /// Do without a cluster, even in a pod: only the webhook runs
    #[arg(
        long,
        env = "CURFEW_NO_CLUSTER",
        value_parser = clap::builder::FalseyValueParser::new(),
        conflicts_with_all = ["kubeconfig", "context"]
    )]
    no_cluster: bool,

    /// Name of the Lease in our own namespace by which one replica leads
    #[arg(long, value_name = "NAME", env = "CURFEW_LEASE_NAME", default_value = "curfew")]
    lease_name: String,

    /// Name of the `MutatingWebhookConfiguration` that registers us
    #[arg(long, value_name = "NAME", env = "CURFEW_WEBHOOK_NAME", default_value = "curfew")]
    webhook_name: String,

    /// Name of the `ValidatingWebhookConfiguration` that guards the policy's `ConfigMap`, where there
    /// is one
    #[arg(long, value_name = "NAME", env = "CURFEW_GUARD_NAME")]
    guard_name: Option<String>,

    /// Under scheduler.mode Own, start `CronJob`s at once, without looking first whether another
    /// controller does
    #[arg(long, env = "CURFEW_FORCE_OWN", value_parser = clap::builder::FalseyValueParser::new())]
    force_own: bool,

    /// Write only in these namespaces, separated by commas or one at a time, and only look at all
    /// others [default: write everywhere]
    #[arg(
        long,
        value_name = "NAMES",
        env = "CURFEW_WRITE_NAMESPACES",
        value_delimiter = ',',
        value_parser = namespace
    )]
    write_namespaces: Vec<String>,
}

// === impl ClusterArgs ===

impl ClusterArgs {
    /// Whether there is a cluster to look after, before anybody has tried to reach it.
    pub(super) fn names_one(&self) -> bool {
        !self.no_cluster && self.connection.choice().finds_one(Habit::Server)
    }

    /// Finds the cluster; `None` where there is none to look after.
    ///
    /// # Errors
    /// [`Invalid`] where one was named, or is around us, and cannot be used.
    pub(super) async fn connect(&self) -> Result<Option<Cluster>, Invalid> {
        if self.no_cluster {
            return Ok(None);
        }
        match Cluster::connect(&self.connection.choice(), Habit::Server).await {
            Ok(cluster) => Ok(Some(cluster)),
            Err(ConnectError::NotInCluster) => Ok(None),
            Err(error) => {
                let error = telemetry::chain(&error);
                Err(Invalid::new(format!("{error}; --no-cluster does without one")))
            }
        }
    }

    /// As what this replica is installed.
    pub(super) fn installation(self, own_namespace: Option<&str>) -> Installation {
        let Self { lease_name, webhook_name, guard_name, force_own, write_namespaces, .. } = self;
        Installation {
            host: host(),
            own_namespace: own_namespace.map(str::to_owned),
            lease_name,
            webhook_name,
            policy_webhook_name: guard_name,
            force_own,
            write_namespaces,
        }
    }

    /// Waits for a pair in the Secret, or makes one; with what keeps it from then on.
    pub(super) async fn establish(
        &self,
        cluster: &Cluster,
        own_namespace: Option<&str>,
        (secret, service): (String, String),
    ) -> (Certificates, Pair) {
        let namespace = own_namespace.unwrap_or(&cluster.namespace).to_owned();
        let names = [
            service.clone(),
            format!("{service}.{namespace}"),
            format!("{service}.{namespace}.svc"),
        ];
        let object = |resource, name: &String| WebhookObject { resource, name: name.clone() };
        let mut webhooks = vec![object("mutatingwebhookconfigurations", &self.webhook_name)];
        let policy_webhook = self.guard_name.as_ref();
        webhooks.extend(policy_webhook.map(|name| object("validatingwebhookconfigurations", name)));
        let certificates = Certificates {
            client: cluster.client.clone(),
            clock: cluster.clock.clone(),
            namespace,
            secret,
            names: names.to_vec(),
            webhooks,
        };
        let pair = certificates.establish().await;
        (certificates, pair)
    }
}

/// What may be told of a pair.
pub(super) fn certificate(pair: &Pair) -> ServedCertificate {
    let chain = pair.key.cert.iter().map(AsRef::as_ref);
    ServedCertificate::new((pair.not_before, pair.not_after), chain)
}

/// A namespace by its name. One that cannot exist is a mistake, and would confine all writing to
/// nothing.
fn namespace(text: &str) -> Result<String, String> {
    if text.is_empty() {
        return Err("a namespace has a name; leave the flag out to write everywhere".to_owned());
    }
    if text.len() <= 63 && is_subdomain(text) && !text.contains('.') {
        Ok(text.to_owned())
    } else {
        Err("the name of a namespace holds lower case letters, digits and `-`, 63 at most, and \
             begins and ends with a letter or a digit"
            .to_owned())
    }
}

/// What this machine is called: a pod is called by its name.
fn host() -> String {
    let named = std::env::var("HOSTNAME").ok().filter(|name| !name.is_empty());
    let named = named.or_else(|| std::fs::read_to_string("/etc/hostname").ok());
    named.map_or_else(|| "curfew".to_owned(), |name| name.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use rstest::rstest;

    use super::ClusterArgs;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        cluster: ClusterArgs,
    }

    fn namespaces(arguments: &[&str]) -> Result<Vec<String>, String> {
        let all = [&["serve"], arguments].concat();
        let line = Line::try_parse_from(all).map_err(|error| error.to_string())?;
        Ok(line.cluster.write_namespaces)
    }

    #[rstest]
    #[case::none(&[], &[])]
    #[case::one(&["--write-namespaces=a"], &["a"])]
    #[case::several(&["--write-namespaces", "team-a,team-b"], &["team-a", "team-b"])]
    #[case::repeated(&["--write-namespaces=a,b", "--write-namespaces=c"], &["a", "b", "c"])]
    fn namespaces_to_write_in(#[case] arguments: &[&str], #[case] expected: &[&str]) {
        assert_eq!(namespaces(arguments).unwrap(), expected);
    }

    #[rstest]
    #[case::empty("", "leave the flag out")]
    #[case::one_empty("a,,b", "leave the flag out")]
    #[case::the_end_empty("a,", "leave the flag out")]
    #[case::upper_case("Team", "lower case letters")]
    #[case::a_glob("team-*", "lower case letters")]
    #[case::a_dot("team.a", "lower case letters")]
    #[case::a_blank("a, b", "lower case letters")]
    #[case::a_dash("-a", "begins and ends")]
    fn what_is_no_namespace(#[case] text: &str, #[case] expected: &str) {
        let why = namespaces(&[&format!("--write-namespaces={text}")]).unwrap_err();
        assert!(why.contains(expected), "{why}");
    }

    #[test]
    fn a_namespace_is_as_long_as_a_label() {
        assert!(namespaces(&["--write-namespaces", &"a".repeat(63)]).is_ok());
        assert!(namespaces(&["--write-namespaces", &"a".repeat(64)]).is_err());
    }
}
