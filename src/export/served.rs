//! Which version of `MutatingAdmissionPolicy` an API server serves.

use std::fmt;

/// A version of `admissionregistration.k8s.io` that has the kind. What is exported is the same in
/// each.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Served {
    /// Kubernetes 1.36 and later, where it is on.
    #[default]
    V1,
    /// 1.34 and 1.35, where it is switched on.
    V1Beta1,
    /// 1.32 and 1.33, where it is switched on.
    V1Alpha1,
}

// === impl Served ===

impl Served {
    /// The best first.
    pub const ALL: [Self; 3] = [Self::V1, Self::V1Beta1, Self::V1Alpha1];

    /// The best version that Kubernetes 1.`minor` can serve, if it can serve any.
    pub fn by_minor(minor: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|served| minor >= served.since())
    }

    /// What `apiVersion` says, and where the API server lists what it serves, below `/apis`.
    pub const fn api_version(self) -> &'static str {
        match self {
            Self::V1 => "admissionregistration.k8s.io/v1",
            Self::V1Beta1 => "admissionregistration.k8s.io/v1beta1",
            Self::V1Alpha1 => "admissionregistration.k8s.io/v1alpha1",
        }
    }

    /// The flags with which an API server must be started to serve it; `None` where it does without.
    pub fn flags(self) -> Option<String> {
        (self != Self::V1).then(|| {
            format!(
                "--feature-gates=MutatingAdmissionPolicy=true --runtime-config={}=true",
                self.api_version()
            )
        })
    }

    const fn since(self) -> u32 {
        match self {
            Self::V1 => 36,
            Self::V1Beta1 => 34,
            Self::V1Alpha1 => 32,
        }
    }
}

impl fmt::Display for Served {
    /// For which Kubernetes it is, as a sentence would go on.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let since = self.since();
        match self.flags() {
            None => write!(f, "Kubernetes 1.{since} and later"),
            Some(flags) => {
                let last = since + 1;
                write!(f, "Kubernetes 1.{since} and 1.{last} whose API server has {flags}")
            }
        }
    }
}
