//! One namespace per test, with the calls that most tests make in it.

use serde_json::{Value, json};

use super::{
    api::{Patch, Reply},
    control_plane::ControlPlane,
    kubectl::Kubectl,
    manifest::{Finish, finished},
};
use jiff::Timestamp;

/// Holds a namespace that no other test uses.
pub struct Namespace<'a> {
    pub plane: &'a ControlPlane,
    pub name: String,
    pub kubectl: Kubectl,
}

// === impl Namespace ===

impl<'a> Namespace<'a> {
    /// Makes it, or takes it where it is there (`kube-system`).
    pub fn open(plane: &'a ControlPlane, name: &str, labels: &Value) -> Self {
        let body = json!({
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": name, "labels": labels},
        });
        let reply = plane.api.post("/api/v1/namespaces", &body);
        assert!([201, 409].contains(&reply.status), "{}", reply.body);
        Self { plane, name: name.to_owned(), kubectl: plane.kubectl(name) }
    }

    /// The path of a collection of `batch`, such as `jobs`.
    pub fn path(&self, resource: &str) -> String {
        format!("/apis/batch/v1/namespaces/{}/{resource}", self.name)
    }

    #[track_caller]
    pub fn create(&self, object: &Value) -> Reply {
        self.plane.api.post(&self.path(resource(object)), object)
    }

    /// Creates nothing, but gives what would be stored.
    #[track_caller]
    pub fn dry_run(&self, object: &Value) -> Reply {
        let path = format!("{}?dryRun=All", self.path(resource(object)));
        self.plane.api.post(&path, object)
    }

    #[track_caller]
    pub fn job(&self, name: &str) -> Value {
        self.plane.api.get(&self.path(&format!("jobs/{name}"))).ok()
    }

    /// `None` where it is gone.
    #[track_caller]
    pub fn find_job(&self, name: &str) -> Option<Value> {
        let reply = self.plane.api.get(&self.path(&format!("jobs/{name}")));
        if reply.status == 404 { None } else { Some(reply.ok()) }
    }

    #[track_caller]
    pub fn jobs(&self) -> Vec<Value> {
        let list = self.plane.api.get(&self.path("jobs")).ok();
        list["items"].as_array().cloned().unwrap_or_default()
    }

    #[track_caller]
    pub fn cron_job(&self, name: &str) -> Value {
        self.plane.api.get(&self.path(&format!("cronjobs/{name}"))).ok()
    }

    /// A merge patch of a Job.
    #[track_caller]
    pub fn patch_job(&self, name: &str, patch: &Value) -> Reply {
        self.plane.api.patch(Patch::Merge, &self.path(&format!("jobs/{name}")), patch)
    }

    #[track_caller]
    pub fn patch_cron_job(&self, name: &str, patch: &Value) -> Reply {
        self.plane.api.patch(Patch::Merge, &self.path(&format!("cronjobs/{name}")), patch)
    }

    /// An update that changes an annotation and nothing else, so that a webhook looks again.
    #[track_caller]
    pub fn touch_job(&self, name: &str, value: &str) -> Value {
        self.patch_job(name, &json!({"metadata": {"annotations": {"example.test/touch": value}}}))
            .ok()
    }

    #[track_caller]
    pub fn touch_cron_job(&self, name: &str, value: &str) -> Value {
        let patch = json!({"metadata": {"annotations": {"example.test/touch": value}}});
        self.patch_cron_job(name, &patch).ok()
    }

    /// Writes the status that a controller would write.
    #[track_caller]
    pub fn finish_job(&self, name: &str, how: Finish, time: Timestamp) -> Value {
        let path = self.path(&format!("jobs/{name}/status"));
        self.plane.api.patch(Patch::Merge, &path, &finished(how, time)).ok()
    }
}

fn resource(object: &Value) -> &'static str {
    match object["kind"].as_str() {
        Some("CronJob") => "cronjobs",
        Some("Job") => "jobs",
        other => panic!("no object of batch/v1: {other:?}"),
    }
}
