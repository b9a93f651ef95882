//! An export, put on an API server for as long as a test looks at it.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use serde_json::{Value, json};

use crate::{
    documents,
    support::{
        control_plane::ControlPlane,
        curfew::offline,
        manifest::job,
        namespace::Namespace,
        process::Scratch,
        wait::{eventually, runtime},
    },
};

/// Holds a policy and its binding.
pub(crate) struct Installed<'a> {
    plane: &'a ControlPlane,
    group: String,
}

/// What `curfew export map` prints for this API server; `None` where the policy never writes
/// anything.
pub(crate) fn exported(plane: &ControlPlane, policy: &str) -> Option<[Value; 2]> {
    let scratch = Scratch::new().expect("a scratch directory can be made");
    let path = scratch.write("policy.yaml", policy);
    let path = path.to_str().expect("a temporary directory has a plain name");
    let kubeconfig = plane.kubeconfig.to_str().expect("a temporary directory has a plain name");
    let said = offline(
        &["export", "map", "--policy", path, "-n", "curfew", "--kubeconfig", kubeconfig],
        "",
    );
    if said.stderr.contains("never writes anything") {
        return None;
    }
    let documents = documents(&said.stdout);
    Some(documents.try_into().unwrap_or_else(|other| panic!("{other:?}: {}", said.stderr)))
}

// === impl Installed ===

impl<'a> Installed<'a> {
    /// Creates both and waits until they work. A further mutation, of objects that bear a label,
    /// tells when.
    pub(crate) fn new(plane: &'a ControlPlane, export: &[Value; 2], space: &Namespace<'_>) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let sign = format!("n{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        let [mut policy, binding] = export.clone();
        let mutations = policy["spec"]["mutations"].as_array_mut().expect("a list");
        mutations.push(json!({
            "patchType": "JSONPatch",
            "jsonPatch": {"expression": format!(
                "object.metadata.?labels[?'{PROBE}'].orValue('') != '' ? \
                 [JSONPatch{{op: 'add', path: '/metadata/labels/sign', value: '{sign}'}}] : []"
            )},
        }));
        for (resource, object) in RESOURCES.into_iter().zip([policy, binding]) {
            plane.api.post(&format!("{}/{resource}", group(&export[0])), &object).ok();
        }
        let installed = Self { plane, group: group(&export[0]) };
        let probe = job("probe", json!({"metadata": {"labels": {PROBE: "yes"}}}));
        eventually("the export works", Duration::from_secs(30), || {
            let labels = space.dry_run(&probe).ok()["metadata"]["labels"].clone();
            (labels["sign"] == sign).then_some(())
        });
        installed
    }
}

impl Drop for Installed<'_> {
    fn drop(&mut self) {
        for resource in RESOURCES.into_iter().rev() {
            let path = format!("{}/{resource}/curfew", self.group);
            let delete = self.plane.api.send("DELETE", &path, "application/json", Vec::new());
            // A test that fails already must not fail again in here.
            let _ = runtime().block_on(delete);
        }
    }
}

/// Where objects of this version are created.
fn group(object: &Value) -> String {
    format!("/apis/{}", object["apiVersion"].as_str().expect("it has one"))
}

const RESOURCES: [&str; 2] = ["mutatingadmissionpolicies", "mutatingadmissionpolicybindings"];

const PROBE: &str = "example.test/probe";
