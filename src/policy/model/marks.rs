//! What shows that a tool holds an object as its desired state, and so makes it anew when it is
//! gone: for a Job that means that it runs once more (policy.md, point 4).
//!
//! [`Marks::built_in`] holds what the tools that are commonly met write by themselves;
//! `docs/other-tools.md` names the source of each. A mark must be the tool's own: what charts and
//! launchers also write, such as the recommended label of the instance, proves nothing alone. Tools
//! that leave an owner reference need none: `ownedByOther` knows them.

use crate::batch::annotation::LAST_APPLIED;
use crate::batch::object::Metadata;
use crate::batch::text::cut;

/// The marks of tools, each kind by itself.
#[derive(Clone, Debug, Default)]
pub struct Marks {
    /// Keys of labels.
    pub labels: Vec<String>,
    /// Keys of annotations.
    pub annotations: Vec<String>,
    /// Field managers; each counts with a suffix too, see [`is_manager`].
    pub managers: Vec<String>,
}

// === impl Marks ===

impl Marks {
    /// The marks of the tools that are commonly met.
    pub fn built_in() -> Self {
        let own = |names: &[&str]| names.iter().map(ToString::to_string).collect();
        Self { labels: own(&LABELS), annotations: own(&ANNOTATIONS), managers: own(&MANAGERS) }
    }

    /// The labels that [`Marks::evidence`] looks for.
    pub(in crate::policy) fn label_keys(&self) -> impl Iterator<Item = &str> {
        self.labels.iter().map(String::as_str).chain([INSTANCE])
    }

    /// Whether a field manager is one of these tools.
    pub(in crate::policy) fn among(tools: &[String], manager: &str) -> bool {
        tools.iter().any(|tool| is_manager(manager, tool))
    }

    /// The first mark that an object carries on its own metadata, in words.
    pub fn evidence(&self, metadata: &Metadata<'_>) -> Option<String> {
        let Self { labels, annotations, managers } = self;
        if let Some(key) = labels.iter().find(|key| metadata.label(key).is_some()) {
            return Some(format!("label {key}"));
        }
        if let Some(key) = annotations.iter().find(|key| metadata.annotation(key).is_some()) {
            return Some(format!("annotation {key}"));
        }
        let mut entries = metadata.managers().iter();
        if let Some(entry) = entries.find(|entry| Self::among(managers, &entry.manager)) {
            return Some(format!("field manager {}", cut(&entry.manager, LONGEST_MANAGER)));
        }
        let applied = metadata.annotation(LAST_APPLIED).is_some();
        (applied && metadata.label(INSTANCE).is_some())
            .then(|| format!("label {INSTANCE} beside {LAST_APPLIED}"))
    }
}

/// Whether a field manager is that of a tool, by itself or with a suffix after `-` or `/`: that is
/// how tools tell their installations or objects apart (`pulumi-kubernetes-1a2b3c4d`,
/// `provider-kubernetes/run-once`). A guard rather hits too often.
fn is_manager(manager: &str, tool: &str) -> bool {
    let rest = manager.strip_prefix(tool);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(SUFFIXES))
}

/// `FieldManagerMaxLength` of `k8s.io/apimachinery/pkg/apis/meta/v1/validation`.
pub(in crate::policy) const LONGEST_MANAGER: usize = 128;

/// What may stand between the name of a tool and the suffix of its field manager.
pub(crate) const SUFFIXES: [char; 2] = ['-', '/'];

/// The recommended label of the instance. Argo CD tracks by it where it is told to, and then leaves
/// [`LAST_APPLIED`] or its field manager on the object; charts and launchers of runs write it, too.
pub(crate) const INSTANCE: &str = "app.kubernetes.io/instance";

/// Annotations that make a Job a step of a deployment.
pub const HOOKS: [&str; 2] = ["helm.sh/hook", "argocd.argoproj.io/hook"];

const LABELS: [&str; 15] = [
    "addonmanager.kubernetes.io/mode",
    "app.oam.dev/name",
    "applyset.kubernetes.io/part-of",
    "argocd.argoproj.io/instance",
    "generate.kyverno.io/policy-name",
    "helm.toolkit.fluxcd.io/name",
    "instance.timoni.sh/name",
    "kapp.k14s.io/app",
    "karmada.io/managed",
    "kubeadmiral.io/managed",
    "kueue.x-k8s.io/multikueue-origin",
    "kustomize.toolkit.fluxcd.io/name",
    "objectset.rio.cattle.io/hash",
    "projectsveltos.io/reason",
    "work.karmada.io/permanent-id",
];

const ANNOTATIONS: [&str; 9] = [
    "apps.clusternet.io/owned-by-description",
    "apps.open-cluster-management.io/hosting-subscription",
    "argocd.argoproj.io/tracking-id",
    "config.k8s.io/owning-inventory",
    "configsync.gke.io/resource-id",
    "kapp.k14s.io/identity",
    "kluctl.io/deployment-item-dir",
    "meta.helm.sh/release-name",
    "resources.gardener.cloud/origin",
];

const MANAGERS: [&str; 24] = [
    "HashiCorp",
    "Terraform",
    "argocd-application-controller",
    "argocd-controller",
    "cluster-version-operator",
    "config-policy-controller",
    "configsync.gke.io",
    "crossplane-kubernetes-provider",
    "eno",
    "fleetagent",
    "helm",
    "helm-controller",
    "hive4-clustersync",
    "hive5-clustersync",
    "hive6-clustersync",
    "hive7-clustersync",
    "kapp",
    "karmada-agent",
    "karmada-controller-manager",
    "kustomize-controller",
    "provider-kubernetes",
    "pulumi-kubernetes",
    "tanka",
    "work-agent",
];
