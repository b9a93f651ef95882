//! An object as it is named on the command line: `job/NAMESPACE/NAME`, or `job/NAME` beside `-n`.

use std::fmt;
use std::str::FromStr;

use serde_json::Value as Json;

use super::{Live, Unread};
use crate::batch::Kind;
use crate::cli::shared::Invalid;

/// Where objects are that are named without their namespace.
#[derive(Clone, Debug, clap::Args)]
pub struct Within {
    /// Namespace of objects that name none [default: the kubeconfig's; of manifests, default]
    #[arg(short, long, value_name = "NAME")]
    namespace: Option<String>,
}

/// What a user typed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Named {
    pub kind: Kind,
    /// `None` where it is left to `-n`.
    namespace: Option<String>,
    name: String,
}

/// One object of a cluster.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Place {
    pub kind: Kind,
    pub namespace: String,
    pub name: String,
}

/// A text that names no object.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("expected job/NAMESPACE/NAME or cronjob/NAMESPACE/NAME, or job/NAME with -n NAMESPACE")]
pub struct BadName;

// === impl Within ===

impl Within {
    /// Where an object of a cluster is.
    ///
    /// # Errors
    /// [`Invalid`] where name and `-n` contradict each other.
    pub fn place(&self, named: &Named, live: &Live) -> Result<Place, Invalid> {
        named.place(self.namespace.as_deref(), &live.cluster.namespace).map_err(Invalid::new)
    }

    /// The namespace of manifests.
    pub fn of_manifests(&self) -> &str {
        self.namespace.as_deref().unwrap_or("default")
    }
}

// === impl Named ===

impl Named {
    /// Where the object is: in the namespace that is typed with it, else that of `-n`, else the
    /// kubeconfig's.
    ///
    /// # Errors
    /// Where name and `-n` contradict each other.
    fn place(&self, flag: Option<&str>, default: &str) -> Result<Place, String> {
        let Self { kind, namespace, name } = self;
        if let (Some(typed), Some(flag)) = (namespace, flag)
            && typed != flag
        {
            return Err(format!("{kind} {name} is to be in {typed}, and -n says {flag}"));
        }
        let namespace = namespace.as_deref().or(flag).unwrap_or(default);
        Ok(Place { kind: *kind, namespace: namespace.to_owned(), name: name.clone() })
    }
}

impl FromStr for Named {
    type Err = BadName;

    fn from_str(text: &str) -> Result<Self, BadName> {
        // Goes into the path of a request.
        let is_name = |part: &str| {
            let inner = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
            part.bytes().all(inner) && part.bytes().any(|byte| byte.is_ascii_alphanumeric())
        };
        let mut parts = text.split('/');
        let kind = match parts.next().unwrap_or_default() {
            "job" | "jobs" | "job.batch" | "jobs.batch" => Kind::Job,
            "cj" | "cronjob" | "cronjobs" | "cronjob.batch" | "cronjobs.batch" => Kind::CronJob,
            _ => return Err(BadName),
        };
        let rest: Vec<&str> = parts.collect();
        let (namespace, name) = match rest[..] {
            [name] => (None, name),
            [namespace, name] => (Some(namespace), name),
            _ => return Err(BadName),
        };
        if !is_name(name) || !namespace.is_none_or(is_name) {
            return Err(BadName);
        }
        Ok(Self { kind, namespace: namespace.map(str::to_owned), name: name.to_owned() })
    }
}

// === impl Place ===

impl Place {
    /// Reads the object.
    ///
    /// # Errors
    /// [`Invalid`] where there is none, [`super::OutOfReach`] where it cannot be read.
    pub async fn read(&self, live: &Live) -> anyhow::Result<Json> {
        let collection = collection(self.kind, Some(&self.namespace));
        match live.get(&collection, &self.name).await {
            Ok(object) => Ok(object),
            Err(Unread::Absent) => Err(Invalid::new(format!("{self} is not there")).into()),
            Err(error) => Err(error.about(&format!("cannot read {self}")).into()),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, namespace, name } = self;
        write!(f, "{}/{namespace}/{name}", kind.as_str().to_ascii_lowercase())
    }
}

/// The path of a collection of `batch/v1`; of all namespaces where none is given.
pub fn collection(kind: Kind, namespace: Option<&str>) -> String {
    let resource = match kind {
        Kind::CronJob => "cronjobs",
        Kind::Job => "jobs",
    };
    match namespace {
        Some(namespace) => format!("/apis/batch/v1/namespaces/{namespace}/{resource}"),
        None => format!("/apis/batch/v1/{resource}"),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::Named;

    #[rstest]
    #[case::whole("job/team-a/backup-1", None, Ok("job/team-a/backup-1"))]
    #[case::said_twice("job/team-a/backup-1", Some("team-a"), Ok("job/team-a/backup-1"))]
    #[case::contradiction("job/team-a/backup-1", Some("team-b"), Err(true))]
    #[case::flag("jobs/backup.v1", Some("team-b"), Ok("job/team-b/backup.v1"))]
    #[case::default("cj/nightly", None, Ok("cronjob/default/nightly"))]
    #[case::kind_alone("job", None, Err(false))]
    #[case::another_kind("pod/team-a/x", None, Err(false))]
    #[case::empty("job//x", None, Err(false))]
    #[case::dots("job/../x", None, Err(false))]
    #[case::a_path("job/a/b/c", None, Err(false))]
    #[case::a_query("job/a/b?c", None, Err(false))]
    fn names(#[case] text: &str, #[case] flag: Option<&str>, #[case] expected: Result<&str, bool>) {
        let place = match text.parse::<Named>() {
            Ok(named) => named.place(flag, "default").map_err(|_| true),
            Err(_) => Err(false),
        };
        assert_eq!(place.map(|place| place.to_string()), expected.map(str::to_owned));
    }
}
