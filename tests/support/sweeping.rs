//! The scene of a test of the sweeper: a namespace of its own, and curfew with a policy that does
//! something there and only counts elsewhere.
//!
//! A sweeper looks at the whole cluster, and the cluster of a test binary is shared: so each test
//! has a Lease of its own, and only rules for its namespace that do more than count.

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    control_plane::ControlPlane,
    curfew::Curfew,
    manifest::{Finish, job},
    namespace::Namespace,
    wait::eventually,
};

/// Holds a running sweeper and its namespace.
pub struct Sweeping {
    pub curfew: Curfew,
    pub space: Namespace<'static>,
    pub lease: String,
}

// === impl Sweeping ===

impl Sweeping {
    /// Starts curfew with the one rule that is given, such as `{ttl: 1h, stored: Delete}`.
    pub fn over(space: Namespace<'static>, rule: &str) -> Self {
        let policy = policy(&space.name, rule);
        Self::with_policy(space, &policy, &[])
    }

    /// As [`Sweeping::over`], with a whole policy and further arguments.
    pub fn with_policy(space: Namespace<'static>, policy: &str, arguments: &[&str]) -> Self {
        let lease = lease_name();
        Self::as_user(space, lease, Some("system:masters"), policy, arguments)
    }

    /// As [`Sweeping::with_policy`], by a user of the Lease's name and what this group may do.
    pub fn as_user(
        space: Namespace<'static>,
        lease: String,
        group: Option<&str>,
        policy: &str,
        arguments: &[&str],
    ) -> Self {
        // The audit log tells by the name which sweeper it was.
        let kubeconfig = space.plane.kubeconfig_for(&lease, group);
        // Tests count in the log how often everything was looked at.
        let arguments = [&["--log-level", "debug"], arguments].concat();
        let curfew = start(space.plane, &lease, &kubeconfig, policy, &arguments);
        Self { curfew, space, lease }
    }

    /// Another replica, which waits for its turn.
    pub fn another(&self, policy: &str) -> Curfew {
        start(self.space.plane, &self.lease, &self.space.plane.kubeconfig, policy, &[])
    }

    /// Puts another rule in the place of the one there is.
    pub fn set_rule(&self, rule: &str) {
        self.curfew.set_policy(&[("policy.yaml", &policy(&self.space.name, rule))]);
    }

    /// Waits until everything was looked at by the leader at least so many times more.
    #[track_caller]
    pub fn wait_for_leader(&self) {
        eventually("it leads", LIMIT, || (self.curfew.metric("curfew_leader") > 0.0).then_some(()));
    }

    /// The calls of this sweeper in its namespace, by their verb, in order.
    pub fn calls(&self, verb: &str) -> Vec<Value> {
        let mut calls = self.space.plane.audit.of(&self.space.name);
        calls.retain(|call| call["user"]["username"] == *self.lease && call["verb"] == verb);
        calls
    }

    /// The names of the objects that these calls were about, in order.
    pub fn called(&self, verb: &str) -> Vec<String> {
        let name = |call: &Value| call["objectRef"]["name"].as_str().unwrap_or_default().to_owned();
        self.calls(verb).iter().map(name).collect()
    }

    /// How often everything was looked at.
    pub fn passes(&self) -> usize {
        self.curfew.process.log().matches("looked at everything").count()
    }

    /// An annotation of the Lease.
    pub fn note(&self, key: &str) -> Value {
        let lease = self.space.plane.api.get(&self.lease_path());
        lease.body["metadata"]["annotations"][key].clone()
    }

    /// Writes an annotation of the Lease.
    pub fn set_note(&self, key: &str, value: &Value) {
        let patch = json!({"metadata": {"annotations": {key: value}}});
        let place = self.lease_path();
        self.space.plane.api.patch(super::api::Patch::Merge, &place, &patch).ok();
    }

    pub fn lease_path(&self) -> String {
        format!("/apis/coordination.k8s.io/v1/namespaces/{LEASES}/leases/{}", self.lease)
    }
}

/// Starts a replica.
pub fn start(
    plane: &ControlPlane,
    lease: &str,
    kubeconfig: &Path,
    policy: &str,
    arguments: &[&str],
) -> Curfew {
    let kubeconfig = kubeconfig.display().to_string();
    let mut all = vec!["--kubeconfig", &kubeconfig, "--namespace", LEASES, "--lease-name", lease];
    all.extend(arguments);
    Curfew::start_with(&plane.authority, &[("policy.yaml", policy)], &all)
}

/// A policy with one rule for a namespace, which does nothing elsewhere but count.
pub fn policy(namespace: &str, rule: &str) -> String {
    let inner = rule.strip_prefix('{').and_then(|rule| rule.strip_suffix('}'));
    let rule = inner.unwrap_or(rule);
    format!(
        "apiVersion: curfew.dev/v1alpha1\nkind: JobPolicy\nmetadata: {{name: test}}\nspec:\n  \
         stored: {{action: Report, rate: 10000}}\n  rules:\n    \
         - {{name: here, match: {{namespaces: [{namespace}]}}, {rule}}}\n"
    )
}

/// A Job that no controller runs, finished at `time`.
pub fn finished_job(
    space: &Namespace<'_>,
    name: &str,
    how: Finish,
    time: Timestamp,
    overlay: Value,
) {
    let managed = json!({"spec": {"managedBy": "example.test/nobody"}});
    space.create(&job(name, super::manifest::merged(managed, overlay))).ok();
    space.finish_job(name, how, time);
}

/// A Lease that nobody else knows.
pub fn lease_name() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!("curfew-{}", COUNT.fetch_add(1, Ordering::Relaxed))
}

/// Where all Leases of tests lie.
pub const LEASES: &str = "default";

pub const LIMIT: Duration = Duration::from_secs(60);
