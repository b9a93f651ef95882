//! What we may do in the cluster, asked before it is tried.
//!
//! [`missing`] asks the API server (`SelfSubjectAccessReview`) about a list of rights. Who lacks one
//! says so once, with the chart value that grants it, and does not act; there is no crash loop.

use std::fmt;
use std::time::Duration;

use futures::{StreamExt, TryStreamExt, stream};
use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec,
};
use kube::api::PostParams;
use kube::{Api, Client};

/// A right to do something.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Right {
    pub verb: &'static str,
    /// Empty for the core group.
    pub group: &'static str,
    pub resource: &'static str,
    /// Such as `status`; empty for the object itself.
    pub subresource: &'static str,
    /// `None` for all of them.
    pub namespace: Option<String>,
}

/// What in the chart grants a right.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Grant {
    /// Every installation with access to the API has it.
    Always,
    /// Nothing at all is granted in its namespace.
    Binding,
    /// This value must be true.
    Value(&'static str),
}

/// Why nobody can say.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    #[error("cannot ask what we may do: {0}")]
    Call(#[from] kube::Error),
    #[error("cannot ask what we may do: no answer within {LIMIT:?}")]
    Late,
}

/// The rights among these that we do not have, in the order in which they were asked for.
///
/// # Errors
/// Where the API server does not answer; then nothing is known of any of them.
pub async fn missing(client: &Client, rights: &[Right]) -> Result<Vec<Right>, AccessError> {
    let api: &Api<SelfSubjectAccessReview> = &Api::all(client.clone());
    // Owned, or the future of this would not be known to be `Send` for every lifetime.
    let asked = stream::iter(rights.to_vec()).map(|right| async move {
        let granted = tokio::time::timeout(LIMIT, ask(api, &right));
        let granted = granted.await.map_err(|_late| AccessError::Late)??;
        Ok::<_, AccessError>((!granted).then_some(right))
    });
    let answers: Vec<Option<Right>> = asked.buffered(AT_ONCE).try_collect().await?;
    Ok(answers.into_iter().flatten().collect())
}

async fn ask(api: &Api<SelfSubjectAccessReview>, right: &Right) -> Result<bool, kube::Error> {
    let Right { verb, group, resource, subresource, namespace } = right;
    let subresource = (!subresource.is_empty()).then(|| (*subresource).to_owned());
    let review = SelfSubjectAccessReview {
        spec: SelfSubjectAccessReviewSpec {
            resource_attributes: Some(ResourceAttributes {
                verb: Some((*verb).to_owned()),
                group: Some((*group).to_owned()),
                resource: Some((*resource).to_owned()),
                subresource,
                namespace: namespace.clone(),
                ..ResourceAttributes::default()
            }),
            ..SelfSubjectAccessReviewSpec::default()
        },
        ..SelfSubjectAccessReview::default()
    };
    let answer = api.create(&PostParams::default(), &review).await?;
    Ok(answer.status.is_some_and(|status| status.allowed))
}

// === impl Right ===

impl Right {
    /// A right in every namespace.
    pub const fn everywhere(
        verb: &'static str,
        group: &'static str,
        resource: &'static str,
    ) -> Self {
        Self { verb, group, resource, subresource: "", namespace: None }
    }

    /// The same in one namespace.
    #[must_use]
    pub fn within(self, namespace: &str) -> Self {
        Self { namespace: Some(namespace.to_owned()), ..self }
    }

    /// The same of a part of the object.
    #[must_use]
    pub fn of(self, subresource: &'static str) -> Self {
        Self { subresource, ..self }
    }

    /// Whether it is the one to do something in a namespace.
    pub fn permits(&self, verb: &str, resource: &str, namespace: &str) -> bool {
        self.verb == verb && self.resource == resource && self.concerns(namespace)
    }

    /// Whether it is about what is in a namespace.
    pub fn concerns(&self, namespace: &str) -> bool {
        self.namespace.as_ref().is_none_or(|own| own == namespace)
    }

    /// What in the chart grants it.
    pub fn grant(&self) -> Grant {
        let key = [self.verb, self.group, self.resource, self.subresource];
        let found = GRANTS.iter().find(|(right, _)| *right == key);
        found.map_or(Grant::Always, |(_, value)| Grant::Value(value))
    }
}

impl fmt::Display for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { verb, group, resource, subresource, namespace } = self;
        write!(f, "{verb} {resource}")?;
        if !group.is_empty() {
            write!(f, ".{group}")?;
        }
        if !subresource.is_empty() {
            write!(f, "/{subresource}")?;
        }
        match namespace {
            Some(namespace) => write!(f, " in namespace {namespace}"),
            None => f.write_str(" in every namespace"),
        }
    }
}

// === impl Grant ===

impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Always => f.write_str("the chart always grants it: upgrade the release"),
            Self::Binding => f.write_str(
                "the RoleBinding there is missing: upgrade the release, or take the namespace \
                 out of rbac.namespaces",
            ),
            Self::Value(value) => write!(f, "set {value}=true in the chart"),
        }
    }
}

/// Verb, group, resource, subresource and value.
const GRANTS: [([&str; 4], &str); 6] = [
    (["patch", "batch", "jobs", ""], "rbac.patch"),
    (["patch", "batch", "cronjobs", ""], "rbac.patch"),
    (["delete", "batch", "jobs", ""], "rbac.delete"),
    (["create", "batch", "jobs", ""], "rbac.create"),
    (["patch", "batch", "cronjobs", "status"], "rbac.create"),
    (["update", "batch", "cronjobs", "finalizers"], "rbac.create"),
];

const LIMIT: Duration = Duration::from_secs(10);

/// Questions under way together.
const AT_ONCE: usize = 8;

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::Right;

    #[rstest]
    #[case::delete(
        Right::everywhere("delete", "batch", "jobs"),
        "delete jobs.batch in every namespace: set rbac.delete=true in the chart"
    )]
    #[case::status(
        Right::everywhere("patch", "batch", "cronjobs").of("status").within("team-a"),
        "patch cronjobs.batch/status in namespace team-a: set rbac.create=true in the chart"
    )]
    #[case::read(
        Right::everywhere("watch", "", "namespaces"),
        "watch namespaces in every namespace: the chart always grants it: upgrade the release"
    )]
    fn a_missing_right_says_how_to_mend(#[case] right: Right, #[case] expected: &str) {
        assert_eq!(format!("{right}: {}", right.grant()), expected);
    }
}
