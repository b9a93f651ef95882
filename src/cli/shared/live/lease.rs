//! The Lease on which the leader keeps its brake and says how it is doing.

use jiff::Timestamp;
use kube::api::ListParams;
use serde_json::Value as Json;

use super::{Live, Unread};
use crate::cli::shared::Invalid;
use crate::leader::Replica;
use crate::sweeper::brake::{Approval, Memory};
use crate::sweeper::{Reach, Status};

/// Which Lease, as the user said it.
#[derive(Clone, Debug, Default, Eq, PartialEq, clap::Args)]
pub struct Which {
    /// Namespace of the installation [default: where its Lease is found]
    #[arg(short, long, value_name = "NAME")]
    pub namespace: Option<String>,

    /// Lease of the installation
    #[arg(long, value_name = "NAME", default_value = "curfew")]
    pub lease_name: String,
}

/// A Lease as it was read.
#[derive(Clone, Debug)]
pub struct Lease {
    pub namespace: String,
    pub name: String,
    object: Json,
}

/// Why there is no Lease to go by.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum NoLease {
    #[error("there is no Lease {name}{place}; name it with --namespace and --lease-name")]
    Absent { name: String, place: String },
    #[error("there are Leases of several installations, in {0}; choose one with --namespace")]
    Several(String),
    #[error(transparent)]
    Unread(#[from] Unread),
}

// === impl NoLease ===

impl NoLease {
    /// The same as the end of a command that cannot go on without.
    pub fn into_error(self) -> anyhow::Error {
        match self {
            Self::Unread(error) => error.about("cannot read the Lease").into(),
            other => Invalid::new(other).into(),
        }
    }
}

// === impl Which ===

impl Which {
    /// Finds the Lease: in the namespace that is said, else wherever one bears our annotations,
    /// else in the kubeconfig's namespace.
    ///
    /// # Errors
    /// [`NoLease`].
    pub async fn find(&self, live: &Live) -> Result<Lease, NoLease> {
        let Self { namespace, lease_name } = self;
        if let Some(namespace) = namespace {
            return read(live, namespace, lease_name).await;
        }
        let mut ours = match ours(live, ALL, &by_name(lease_name)).await {
            Ok(ours) => ours,
            Err(Unread::NotPermitted(_)) => Vec::new(),
            Err(error) => return Err(error.into()),
        };
        match (ours.pop(), &ours[..]) {
            (Some(lease), []) => Ok(lease),
            (Some(lease), others) => {
                let mut places: Vec<&str> = others.iter().map(|l| l.namespace.as_str()).collect();
                places.push(&lease.namespace);
                Err(NoLease::Several(places.join(", ")))
            }
            (None, _) => {
                let absent = read(live, &live.cluster.namespace, lease_name).await;
                absent.map_err(|error| match error {
                    NoLease::Absent { name, .. } => NoLease::Absent { name, place: String::new() },
                    other => other,
                })
            }
        }
    }
}

/// Reads one Lease.
///
/// # Errors
/// [`NoLease`].
pub async fn read(live: &Live, namespace: &str, name: &str) -> Result<Lease, NoLease> {
    match live.get(&collection(namespace), name).await {
        Ok(object) => Ok(Lease::new(object)),
        Err(Unread::Absent) => Err(NoLease::Absent {
            name: name.to_owned(),
            place: format!(" in namespace {namespace}"),
        }),
        Err(error) => Err(error.into()),
    }
}

/// Where the sweeper of the installation writes, as its leader says: of the installation in a
/// namespace, or of the only one of the usual name. Everywhere where nobody tells.
pub async fn reach(live: &Live, namespace: Option<&str>) -> Reach {
    let found = match namespace {
        Some(namespace) => ours(live, &collection(namespace), &ListParams::default()).await,
        // Not all of them: there is a Lease for each node.
        None => ours(live, ALL, &by_name("curfew")).await,
    };
    match found.as_deref() {
        Ok([lease]) => lease.status().writes,
        _ => Reach::EVERYWHERE,
    }
}

/// Those that bear our annotations.
async fn ours(live: &Live, path: &str, which: &ListParams) -> Result<Vec<Lease>, Unread> {
    let found = live.all(path, which).await?;
    Ok(found.into_iter().map(Lease::new).filter(Lease::is_ours).collect())
}

fn by_name(name: &str) -> ListParams {
    ListParams::default().fields(&format!("metadata.name={name}"))
}

// === impl Lease ===

impl Lease {
    fn new(object: Json) -> Self {
        let field = |name: &str| object["metadata"][name].as_str().unwrap_or_default().to_owned();
        Self { namespace: field("namespace"), name: field("name"), object }
    }

    fn is_ours(&self) -> bool {
        let ours = [Memory::ANNOTATION, Status::ANNOTATION, Approval::REQUEST, Approval::ANSWER];
        self.annotations().any(|(key, _)| ours.contains(&key) || key.starts_with(Replica::PREFIX))
    }

    /// An annotation.
    pub fn annotation(&self, key: &str) -> Option<&str> {
        self.object["metadata"]["annotations"][key].as_str()
    }

    /// All of them.
    pub fn annotations(&self) -> impl Iterator<Item = (&str, &str)> {
        let all = self.object["metadata"]["annotations"].as_object().into_iter().flatten();
        all.filter_map(|(key, value)| Some((key.as_str(), value.as_str()?)))
    }

    /// What the leader says of itself; the default where it says nothing.
    pub fn status(&self) -> Status {
        Status::parse(self.annotation(Status::ANNOTATION)).unwrap_or_default()
    }

    /// What the brake remembers.
    pub fn brake(&self) -> Memory {
        Memory::parse(self.annotation(Memory::ANNOTATION))
    }

    /// The replica that leads; `None` where none does.
    pub fn holder(&self) -> Option<&str> {
        self.object["spec"]["holderIdentity"].as_str().filter(|holder| !holder.is_empty())
    }

    /// When the leader last said that it is there.
    pub fn renewed(&self) -> Option<Timestamp> {
        self.object["spec"]["renewTime"].as_str()?.parse().ok()
    }

    /// For how many seconds that counts.
    pub fn lasts(&self) -> i64 {
        self.object["spec"]["leaseDurationSeconds"].as_i64().unwrap_or_default()
    }

    /// Writes an annotation, whatever else has changed on the Lease: its holder renews it all the
    /// time.
    ///
    /// # Errors
    /// [`Unread`].
    pub async fn annotate(&self, live: &Live, key: &str, text: &str) -> Result<(), Unread> {
        let members = serde_json::json!({"metadata": {
            "uid": self.object["metadata"]["uid"],
            "annotations": {key: text},
        }});
        live.merge(&collection(&self.namespace), &self.name, &members).await.map(drop)
    }
}

fn collection(namespace: &str) -> String {
    format!("/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases")
}

/// The Leases of all namespaces.
const ALL: &str = "/apis/coordination.k8s.io/v1/leases";
