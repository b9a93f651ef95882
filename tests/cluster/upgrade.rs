//! An upgrade from version 0.1.0: what its brake had accepted stays accepted, and what it held
//! stays held.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{
    control_plane,
    manifest::Finish,
    namespace::Namespace,
    sweeping::{LEASES, Sweeping, finished_job, lease_name},
    wait::{eventually, throughout},
};

/// Ten Jobs that are due under either policy, and had finished before 0.1.0 saw either.
fn fill(space: &Namespace<'_>) {
    for number in 0..COUNT {
        let name = format!("old-{number}");
        let time = "2026-11-10T12:00:00Z".parse().unwrap();
        finished_job(space, &name, Finish::Complete, time, json!({}));
    }
}

/// This build takes over from 0.1.0.
fn upgraded(space: Namespace<'static>, ttl: &str) -> Sweeping {
    let lease = lease_name();
    let mut left: Value = serde_json::from_str(LEASE).unwrap();
    left["metadata"]["name"] = json!(lease);
    let path = format!("/apis/coordination.k8s.io/v1/namespaces/{LEASES}/leases");
    space.plane.api.post(&path, &left).ok();
    let policy = POLICY.replace("7d", ttl);
    let sweeping = Sweeping::as_user(space, lease, Some("system:masters"), &policy, &[]);
    sweeping.wait_for_leader();
    sweeping
}

#[test]
fn what_0_1_0_accepted_stays_accepted() {
    let Some(plane) = control_plane::shared() else { return };
    let space = plane.namespace("upgraded");
    fill(&space);
    let sweeping = upgraded(space, "7d");
    eventually("nobody is asked", LIMIT, || sweeping.space.jobs().is_empty().then_some(()));
    let Sweeping { curfew, space, lease: _ } = sweeping;
    drop(curfew);

    fill(&space);
    let sweeping = upgraded(space, "7s");
    throughout("held", Duration::from_secs(3), || sweeping.space.jobs().len() == COUNT);
    // As 0.1.0 had shown it.
    sweeping.set_note("curfew.dev/approve", &json!(PLAN));
    eventually("approved, they go", LIMIT, || sweeping.space.jobs().is_empty().then_some(()));
}

/// It had been accepted with `7d`; with `7s`, ten Jobs were held.
const POLICY: &str = include_str!("../fixtures/upgrade/policy.yaml");

/// What 0.1.0 left, without the fields that the API server fills.
const LEASE: &str = include_str!("../fixtures/upgrade/lease.json");

/// The plan that waited, as `curfew status` of 0.1.0 showed it.
const PLAN: &str = "d08971d95c47-1795994906-10";

const COUNT: usize = 10;
const LIMIT: Duration = Duration::from_secs(60);
