//! The scheduler beside a built-in `cronjob-controller` that is at work, slow, or away.
//!
//! A binary of its own, since its tests stop and wake the built-in controller. Their time is the
//! real one, so they take minutes, and do everything that has to wait for a minute in one go.

mod backstop;
mod long;
mod observe;
mod own;
#[path = "../support/harness.rs"]
pub mod support;

use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use curfew::clock;
use serde_json::{Value, json};

use support::assets::Absent;
use support::control_plane::ControlPlane;
use support::curfew::Curfew;
use support::manifest::{cron_job, merged};
use support::namespace::Namespace;
use support::sweeping::{self, lease_name};

/// A control plane with the built-in controllers for `CronJob`s and garbage; `None` where there can
/// be none, which has then been said. Tests that stop the controllers keep the others out.
fn plane() -> Option<(&'static ControlPlane, MutexGuard<'static, ()>)> {
    static PLANE: OnceLock<Result<ControlPlane, Absent>> = OnceLock::new();
    static ALONE: Mutex<()> = Mutex::new(());
    let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let plane = PLANE.get_or_init(|| {
        let plane = ControlPlane::start()?;
        plane.run_controllers(&["cronjob-controller", "garbage-collector-controller"])?;
        Ok(plane)
    });
    let plane = plane.as_ref().inspect_err(|absent| absent.report()).ok()?;
    plane.signal_controllers("CONT");
    Some((plane, alone))
}

/// curfew with a `spec.scheduler`, and under which user it stands in the audit log.
fn curfew(plane: &ControlPlane, scheduler: &str) -> (Curfew, String) {
    let lease = lease_name();
    let kubeconfig = plane.kubeconfig_for(&lease, Some("system:masters"));
    let policy = format!(
        "apiVersion: curfew.dev/v1alpha1\nkind: JobPolicy\nmetadata: {{name: test}}\nspec:\n  \
         scheduler: {scheduler}\n"
    );
    let curfew = sweeping::start(plane, &lease, &kubeconfig, &policy, &["--log-level", "debug"]);
    support::wait::eventually("it leads", LIMIT, || {
        (curfew.metric("curfew_leader") > 0.0).then_some(())
    });
    (curfew, lease)
}

/// A `CronJob` of every minute.
fn minutely(space: &Namespace<'_>, name: &str, overlay: &Value) -> Value {
    let base = cron_job(name, json!({"spec": {"schedule": "* * * * *"}}));
    space.create(&merged(base, overlay)).ok()
}

/// Verbs and resources of the writes of a user, in a namespace.
fn writes(space: &Namespace<'_>, user: &str) -> Vec<String> {
    let calls = space.plane.audit.of(&space.name);
    let of_user = calls.iter().filter(|call| call["user"]["username"] == user);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    of_user
        .map(|call| (text(&call["verb"]), &call["objectRef"]))
        .filter(|(verb, _)| !["get", "list", "watch"].contains(&verb.as_str()))
        .map(|(verb, about)| {
            [verb, text(&about["resource"]), text(&about["subresource"])].join(" ")
        })
        .collect()
}

/// Sleeps until shortly after the next full minute, by the real clock.
fn next_minute() {
    let now = clock::now();
    let second = u64::try_from(now.as_second().rem_euclid(60)).expect("it is not negative");
    std::thread::sleep(Duration::from_secs(60 - second));
}

const LIMIT: Duration = Duration::from_secs(60);
