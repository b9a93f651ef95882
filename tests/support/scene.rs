//! The usual scene: a namespace of its own, curfew with a policy, and the chart's registration.

use serde_json::Value;

use super::{
    control_plane::{self, ControlPlane},
    curfew::Curfew,
    namespace::Namespace,
    registration::{self, Registration},
};

/// Holds what a test needs while it runs. The fields go in this order: no API server is left
/// calling a webhook that is gone.
pub struct Scene {
    pub registration: Registration<'static>,
    pub curfew: Curfew,
    pub space: Namespace<'static>,
    pub plane: &'static ControlPlane,
}

// === impl Scene ===

impl Scene {
    /// On the control plane without controllers; `None` where there can be none.
    pub fn new(prefix: &str, policy: &str) -> Option<Self> {
        Some(Self::on(control_plane::shared()?, prefix, policy))
    }

    pub fn on(plane: &'static ControlPlane, prefix: &str, policy: &str) -> Self {
        Self::over(plane.namespace(prefix), policy)
    }

    /// In a namespace that is older than the webhook.
    pub fn over(space: Namespace<'static>, policy: &str) -> Self {
        let plane = space.plane;
        let curfew = Curfew::start(&plane.authority, policy);
        let webhooks = registration::curfew(&curfew.endpoint());
        let registration = Registration::new("curfew", &[&space], &webhooks);
        Self { registration, curfew, space, plane }
    }
}

/// The TTL of a Job or of a `CronJob`'s template, `null` where there is none.
pub fn ttl(object: &Value) -> &Value {
    if object["kind"] == "CronJob" {
        &object["spec"]["jobTemplate"]["spec"]["ttlSecondsAfterFinished"]
    } else {
        &object["spec"]["ttlSecondsAfterFinished"]
    }
}

/// The record on an object, or `null`.
pub fn record(object: &Value) -> Value {
    parse(&object["metadata"]["annotations"]["curfew.dev/applied"])
}

/// The record in a `CronJob`'s template, or `null`.
pub fn template_record(cron_job: &Value) -> Value {
    let template = &cron_job["spec"]["jobTemplate"];
    parse(&template["metadata"]["annotations"]["curfew.dev/applied"])
}

/// Successful and failed.
pub fn history(cron_job: &Value) -> (i64, i64) {
    let member = |name: &str| cron_job["spec"][name].as_i64().expect("the API server fills it");
    (member("successfulJobsHistoryLimit"), member("failedJobsHistoryLimit"))
}

fn parse(annotation: &Value) -> Value {
    match annotation {
        Value::String(text) => serde_json::from_str(text).expect("a record is JSON"),
        _ => Value::Null,
    }
}
