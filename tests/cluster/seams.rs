//! The seams to the API server on a real one: what the controllers see, and how they write.

mod access;
mod events;
mod leader;
mod watch;
mod write;

use std::path::Path;
use std::time::Duration;

use curfew::cluster::connect::{Choice, Cluster, Habit};

use crate::support::{
    control_plane::ControlPlane,
    wait::{eventually, runtime},
};

/// The control plane as an administrator sees it.
fn cluster(plane: &ControlPlane) -> Cluster {
    cluster_of(&plane.kubeconfig)
}

fn cluster_of(kubeconfig: &Path) -> Cluster {
    let choice = Choice { kubeconfig: Some(kubeconfig.to_path_buf()), context: None };
    let cluster = runtime().block_on(Cluster::connect(&choice, Habit::Server));
    cluster.expect("the kubeconfig is ours")
}

/// Waits as long as a slow machine may need.
#[track_caller]
fn soon<T>(what: &str, probe: impl FnMut() -> Option<T>) -> T {
    eventually(what, Duration::from_secs(60), probe)
}
