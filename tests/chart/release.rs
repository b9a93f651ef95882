//! A release of which nothing is installed but the rights of its account, exactly as rendered, and
//! the binary that has to do with them.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use crate::helm::{Helm, NAMESPACE, Rendering};
use crate::support::{
    api::{Api, Reply},
    control_plane::ControlPlane,
    curfew::{Curfew, offline},
    kubectl::Said,
    namespace::Namespace,
    wait::eventually,
};

/// Holds what was rendered, and the account that it is for.
pub struct Release {
    pub plane: &'static ControlPlane,
    /// How the API server calls the account.
    pub user: String,
    rendering: Rendering,
    /// Of its objects.
    name: String,
    account: Api,
}

// === impl Release ===

impl Release {
    /// Installs the rights of a release with these values, such as `rbac.delete=true`. No two
    /// releases of a test binary share a name.
    pub fn install(
        helm: &Helm,
        plane: &'static ControlPlane,
        release: &str,
        values: &[&str],
    ) -> Self {
        let values: Vec<String> = values.iter().map(|value| format!("--set={value}")).collect();
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        let rendering = helm.release(release, &values).unwrap_or_else(|why| panic!("{why}"));
        let name = rendering.deployment()["metadata"]["name"].as_str().unwrap().to_owned();
        let user = format!("system:serviceaccount:{NAMESPACE}:{name}");
        let account = Api::new(&plane.kubeconfig_for(&user, None));
        Namespace::open(plane, NAMESPACE, &json!({}));
        let release = Self { plane, user, rendering, name, account };
        let is_probes =
            |object: &Value| object["metadata"]["name"] == format!("{}-test", release.name);
        for object in release.rendering.objects.iter().filter(|object| !is_probes(object)) {
            if let Some(path) = rbac(object) {
                plane.api.post(&path, object).ok();
            }
        }
        // The last that is bound; the API server hears of it a moment later.
        eventually("the rights are known", LIMIT, || {
            let leads = release.may("create", "leases", NAMESPACE);
            (leads && release.may("create", "events", NAMESPACE)).then_some(())
        });
        release
    }

    /// Runs the binary by this account, with what of the rendered arguments is about the cluster.
    pub fn start(&self, policy: &str) -> Curfew {
        let kubeconfig = self.plane.kubeconfig_for(&self.user, None);
        self.run(&kubeconfig, &["--lease-name", "--webhook-name", CONFINES, "--force-own"], policy)
    }

    /// The same by an administrator, and confined to nothing.
    pub fn start_everywhere(&self, policy: &str) -> Curfew {
        self.run(&self.plane.kubeconfig, &["--lease-name", "--webhook-name"], policy)
    }

    fn run(&self, kubeconfig: &Path, flags: &[&str], policy: &str) -> Curfew {
        let pod = &self.rendering.deployment()["spec"]["template"]["spec"];
        let rendered = pod["containers"][0]["args"].as_array().expect("it has arguments");
        let rendered = rendered.iter().map(|argument| argument.as_str().expect("it is text"));
        let kubeconfig = kubeconfig.to_str().expect("a temporary directory has a plain name");
        let mut arguments =
            vec!["--kubeconfig", kubeconfig, "--namespace", NAMESPACE, "--log-level", "debug"];
        arguments.extend(
            rendered.filter(|argument| flags.iter().any(|flag| argument.starts_with(flag))),
        );
        Curfew::start_with(&self.plane.authority, &[("policy.yaml", policy)], &arguments)
    }

    /// What `curfew status` says about it to an administrator.
    pub fn status(&self) -> Said {
        let kubeconfig = self.plane.kubeconfig.to_str().expect("the path is plain");
        let which = ["--namespace", NAMESPACE, "--lease-name", &self.name];
        offline(&[&["status", "--kubeconfig", kubeconfig], &which[..]].concat(), "")
    }

    /// The lines of [`Release::status`] about rights that need looking at.
    pub fn attention(&self) -> Vec<String> {
        let said = self.status().stdout;
        let lines = said.lines().filter_map(|line| line.strip_prefix("attention: "));
        lines.filter(|line| line.contains("right")).map(str::to_owned).collect()
    }

    /// Takes a verb out of the rules about a resource; gives back all others.
    pub fn take(&self, verb: &str, resource: &str) {
        let mut role = self.writing().clone();
        let rules = role["rules"].as_array_mut().expect("a role has rules");
        for rule in rules.iter_mut() {
            if rule["resources"].as_array().is_some_and(|all| all.contains(&json!(resource))) {
                rule["verbs"].as_array_mut().expect("a rule has verbs").retain(|own| own != verb);
            }
        }
        rules.retain(|rule| rule["verbs"] != json!([]));
        self.set_role(&role);
        self.wait_for(verb, resource, false);
    }

    /// Gives back what was taken.
    pub fn give_back(&self, verb: &str, resource: &str) {
        self.set_role(self.writing());
        self.wait_for(verb, resource, true);
    }

    /// Removes the `RoleBinding` of the rights to write from a namespace.
    pub fn unbind(&self, namespace: &str) {
        let path =
            format!("{}/{}", rbac(self.binding(namespace)).expect("it is one"), self.bound());
        self.plane.api.delete(&path).ok();
        eventually("it is not bound", LIMIT, || {
            (!self.may("create", "events", namespace)).then_some(())
        });
    }

    /// Puts it back.
    pub fn bind(&self, namespace: &str) {
        let binding = self.binding(namespace);
        self.plane.api.post(&rbac(binding).expect("it is one"), binding).ok();
    }

    /// The calls of the account about Jobs and `CronJob`s of a namespace: verb, name, and how they
    /// were answered.
    pub fn calls(&self, namespace: &str) -> Vec<(String, String, u64)> {
        let calls = self.plane.audit.of(namespace);
        let ours = calls.iter().filter(|call| call["user"]["username"] == self.user.as_str());
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let call = |call: &Value| {
            let code = call["responseStatus"]["code"].as_u64().unwrap_or_default();
            (text(&call["verb"]), text(&call["objectRef"]["name"]), code)
        };
        ours.map(call).collect()
    }

    /// How many Events it has written about an object; other sweepers look at it, too.
    pub fn events(&self, space: &Namespace<'_>, name: &str) -> usize {
        let lease =
            format!("/apis/coordination.k8s.io/v1/namespaces/{NAMESPACE}/leases/{}", self.name);
        let holder = self.plane.api.get(&lease).body["spec"]["holderIdentity"].clone();
        let path = format!("/apis/events.k8s.io/v1/namespaces/{}/events", space.name);
        let list = self.plane.api.get(&path).ok();
        let is_ours = |event: &&Value| {
            event["regarding"]["name"] == name && event["reportingInstance"] == holder
        };
        list["items"].as_array().map_or(0, |all| all.iter().filter(is_ours).count())
    }

    fn may(&self, verb: &str, resource: &str, namespace: &str) -> bool {
        let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
        let group = match resource {
            "events" => "events.k8s.io",
            "leases" => "coordination.k8s.io",
            _ => "batch",
        };
        let review = json!({"spec": {"resourceAttributes": {
            "verb": verb, "group": group, "resource": resource, "subresource": subresource,
            "namespace": namespace,
        }}});
        let path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
        let Reply { body, .. } = self.account.post(path, &review);
        body["status"]["allowed"] == true
    }

    fn wait_for(&self, verb: &str, resource: &str, expected: bool) {
        eventually("the role is known", LIMIT, || {
            (self.may(verb, resource, "default") == expected).then_some(())
        });
    }

    /// The role with everything that is written to objects of others.
    fn writing(&self) -> &Value {
        self.rendering.object("ClusterRole", &self.bound())
    }

    fn bound(&self) -> String {
        format!("{}-write", self.name)
    }

    fn set_role(&self, role: &Value) {
        let path = format!("{}/{}", rbac(role).expect("it is one"), self.bound());
        self.plane.api.put(&path, role).ok();
    }

    fn binding(&self, namespace: &str) -> &Value {
        let found = self.rendering.of("RoleBinding").find(|binding| {
            binding["metadata"]["name"] == self.bound().as_str()
                && binding["metadata"]["namespace"] == namespace
        });
        found.unwrap_or_else(|| panic!("{} is not bound in {namespace}", self.bound()))
    }
}

/// Whether a log says that a right is missing, and how to mend it.
pub fn lacks(curfew: &Curfew, right: &str, mend: &str) -> bool {
    let log = curfew.process.log();
    let mut lines = log.lines().filter(|line| line.contains("not permitted; what needs it waits"));
    lines.any(|line| line.contains(right) && line.contains(mend))
}

/// Nothing was missing and nothing was refused, from the first line on.
#[track_caller]
pub fn was_content(curfew: &Curfew) {
    assert!(curfew.metric("curfew_missing_rights") < 0.5);
    let log = curfew.process.log();
    for word in ["forbidden", "not permitted", "refused"] {
        let line = log.lines().find(|line| line.contains(word));
        assert_eq!(line, None, "{word}");
    }
}

/// Where objects of a kind are created; `None` for what is no right.
fn rbac(object: &Value) -> Option<String> {
    let plural = match object["kind"].as_str()? {
        "ClusterRole" => "clusterroles",
        "ClusterRoleBinding" => "clusterrolebindings",
        "Role" => "roles",
        "RoleBinding" => "rolebindings",
        _ => return None,
    };
    let place = match object["metadata"]["namespace"].as_str() {
        Some(namespace) => format!("namespaces/{namespace}/"),
        None => String::new(),
    };
    Some(format!("/apis/rbac.authorization.k8s.io/v1/{place}{plural}"))
}

const CONFINES: &str = "--write-namespaces";

pub const LIMIT: Duration = Duration::from_secs(60);
