//! The election over a real Lease.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use curfew::leader::lease::LeaseLock;
use curfew::leader::task::run;
use curfew::leader::{Candidate, LeaderStatus, Term, Timing};
use kube::Client;
use serde_json::json;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{cluster, soon};
use crate::support::{
    api::Patch,
    control_plane,
    namespace::Namespace,
    wait::{runtime, throughout},
};

/// A replica that counts itself while it works.
struct Replica {
    stop: CancellationToken,
    standing: watch::Receiver<LeaderStatus>,
    task: JoinHandle<()>,
}

impl Replica {
    fn start(
        client: Client,
        space: &Namespace<'_>,
        name: &str,
        workers: &Arc<AtomicUsize>,
    ) -> Self {
        let stop = CancellationToken::new();
        let (standing, told) = watch::channel(LeaderStatus::default());
        // As short as whole seconds allow.
        let timing = Timing {
            lease: Duration::from_secs(4),
            deadline: Duration::from_secs(3),
            retry: Duration::from_millis(500),
        };
        let candidate = Candidate { identity: name.to_owned(), timing };
        let leases = LeaseLock::new(client, &space.name, "curfew");
        let workers = Arc::clone(workers);
        let work = move |term: Term| {
            let workers = Arc::clone(&workers);
            async move {
                assert_eq!(workers.fetch_add(1, Ordering::SeqCst), 0, "two leaders");
                term.over.cancelled().await;
                workers.fetch_sub(1, Ordering::SeqCst);
            }
        };
        let task = runtime().spawn(run(leases, candidate, standing, stop.clone(), work));
        Self { stop, standing: told, task }
    }

    fn leads(&self) -> bool {
        self.standing.borrow().leading
    }

    fn end(self) {
        self.stop.cancel();
        runtime().block_on(self.task).expect("the election does not panic");
    }
}

#[test]
fn two_candidates_take_turns() {
    let Some(plane) = control_plane::shared() else { return };
    let space = plane.namespace("leader");
    let client = cluster(plane).client;
    let workers = Arc::new(AtomicUsize::new(0));
    let one = Replica::start(client.clone(), &space, "one", &workers);
    soon("the first one leads", || one.leads().then_some(()));
    let two = Replica::start(client.clone(), &space, "two", &workers);
    soon("the second one sees who leads", || (two.standing.borrow().holder == "one").then_some(()));
    // Longer than the Lease lasts: it is renewed.
    throughout("nobody takes it away", Duration::from_secs(6), || one.leads() && !two.leads());
    let path = format!("/apis/coordination.k8s.io/v1/namespaces/{}/leases/curfew", space.name);
    let lease = plane.api.get(&path).ok();
    assert_eq!(lease["spec"]["holderIdentity"], "one");
    assert_eq!(
        (&lease["spec"]["leaseDurationSeconds"], &lease["spec"]["leaseTransitions"]),
        (&json!(4), &json!(0))
    );
    // Somebody writes beside us: it is kept, and seen by both.
    let note = json!({"metadata": {"annotations": {"curfew.dev/approve": "x"}}});
    plane.api.patch(Patch::Merge, &path, &note).ok();
    for replica in [&one, &two] {
        soon("the annotation is seen", || {
            let standing = replica.standing.borrow();
            (standing.annotations.get("curfew.dev/approve").map(String::as_str) == Some("x"))
                .then_some(())
        });
    }
    throughout("and renewed all the same", Duration::from_secs(5), || one.leads());
    one.end();
    assert_eq!(workers.load(Ordering::SeqCst), usize::from(two.leads()));
    soon("the second one leads", || two.leads().then_some(()));
    let lease = plane.api.get(&path).ok();
    assert_eq!(lease["spec"]["leaseTransitions"], 1);
    assert_eq!(lease["metadata"]["annotations"]["curfew.dev/approve"], "x");
    two.end();
    let lease = plane.api.get(&path).ok();
    assert_eq!(lease["spec"]["holderIdentity"], "");
}

/// Who led goes on, since the others wait for it.
#[test]
fn a_deleted_lease_makes_no_two_leaders() {
    let Some(plane) = control_plane::shared() else { return };
    let space = plane.namespace("lease");
    let client = cluster(plane).client;
    let workers = Arc::new(AtomicUsize::new(0));
    let replicas: Vec<_> = ["one", "two", "three"]
        .iter()
        .map(|name| Replica::start(client.clone(), &space, name, &workers))
        .collect();
    let leading = || replicas.iter().filter(|replica| replica.leads()).count();
    let path = format!("/apis/coordination.k8s.io/v1/namespaces/{}/leases/curfew", space.name);
    for _ in 0..4 {
        soon("one leads", || (leading() == 1).then_some(()));
        soon("everybody knows who", || {
            let known = |replica: &Replica| !replica.standing.borrow().holder.is_empty();
            replicas.iter().all(known).then_some(())
        });
        plane.api.delete(&path).ok();
        throughout("one works at most", Duration::from_secs(3), || {
            workers.load(Ordering::SeqCst) <= 1
        });
    }
    soon("one leads in the end", || (leading() == 1).then_some(()));
    assert!(replicas.iter().all(|replica| !replica.task.is_finished()));
    replicas.into_iter().for_each(Replica::end);
    assert_eq!(workers.load(Ordering::SeqCst), 0);
}
