//! Leaders that are killed, stopped and robbed of their Lease, and an API server that restarts:
//! nothing is deleted twice, nothing is missed, and nothing is late for long.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use curfew::clock;
use jiff::{SignedDuration, Timestamp, ToSpan};
use serde_json::{Value, json};

use crate::support::{
    assets::Absent,
    control_plane::{self, ControlPlane},
    curfew::Curfew,
    manifest::Finish,
    namespace::Namespace,
    sweeping::{self, Sweeping, finished_job},
    wait::eventually,
};

/// When each Job that was deleted went, by the audit log of the API server; and how often.
fn deletions(plane: &ControlPlane, space: &Namespace<'_>) -> BTreeMap<String, Vec<Timestamp>> {
    let mut deletions: BTreeMap<String, Vec<Timestamp>> = BTreeMap::new();
    for event in plane.audit.of(&space.name) {
        if event["verb"] == "delete" && event["responseStatus"]["code"] == 200 {
            let name = event["objectRef"]["name"].as_str().unwrap_or_default().to_owned();
            let at = event["requestReceivedTimestamp"].as_str().unwrap().parse().unwrap();
            deletions.entry(name).or_default().push(at);
        }
    }
    deletions
}

fn leads(curfew: &Curfew) -> bool {
    curfew.metric("curfew_leader") > 0.0
}

#[test]
fn whatever_becomes_of_the_leader() {
    let Some(plane) = control_plane::shared() else { return };
    // Whoever makes a Lease anew remembers nothing; the brake would be right to stop at what has
    // become due in the meantime, and is not what is looked at here.
    let policy = sweeping::policy("failover-*", "{ttl: 2s, stored: Delete}")
        .replace("rate: 10000", "rate: 10000, brake: {atMost: 100000}");
    let sweeping = Sweeping::with_policy(plane.namespace("failover"), &policy, &[]);
    sweeping.wait_for_leader();
    let second = sweeping.another(&policy);
    let Sweeping { curfew: mut first, space, lease } = sweeping;
    let space = Arc::new(space);

    // Jobs come and go all the time.
    let stop = Arc::new(AtomicBool::new(false));
    let load = thread::spawn({
        let (space, stop) = (Arc::clone(&space), Arc::clone(&stop));
        move || {
            let mut due = BTreeMap::new();
            while !stop.load(Ordering::Relaxed) {
                let (name, now) = (format!("one-{}", due.len()), clock::now());
                finished_job(&space, &name, Finish::Complete, now, json!({}));
                due.insert(name, now.as_second() + 2);
                thread::sleep(Duration::from_millis(100));
            }
            due
        }
    });

    first.process.signal("KILL");
    eventually("the other one leads", LIMIT, || leads(&second).then_some(()));
    let mut third = sweeping::start(plane, &lease, &plane.kubeconfig, &policy, &[]);
    let mut second = second;
    second.process.signal("STOP");
    eventually("the third one leads", LIMIT, || leads(&third).then_some(()));
    // It wakes up, believes that it leads, and finds out before it writes.
    second.process.signal("CONT");
    let path =
        format!("/apis/coordination.k8s.io/v1/namespaces/{}/leases/{lease}", sweeping::LEASES);
    plane.api.delete(&path).ok();
    let count = || deletions(plane, &space).len();
    let before = count();
    eventually("it goes on without its Lease", LIMIT, || (count() > before + 20).then_some(()));
    third.process.signal("TERM");
    eventually("the Lease was given back", LIMIT, || leads(&second).then_some(()));
    let before = count();
    eventually("and the second one leads again", LIMIT, || (count() > before + 20).then_some(()));

    stop.store(true, Ordering::Relaxed);
    let due = load.join().expect("the load does not break");
    let start = clock::instant();
    while !space.jobs().is_empty() {
        assert!(
            start.elapsed() < LIMIT,
            "missed: {:#?}\nlog of the leader: {}",
            space.jobs().first(),
            second.process.log()
        );
        thread::sleep(Duration::from_millis(100));
    }
    let deletions = deletions(plane, &space);
    assert_eq!(deletions.len(), due.len());
    for (name, times) in deletions {
        assert_eq!(times.len(), 1, "{name} was deleted twice: {times:?}");
        let due = Timestamp::from_second(due[&name]).unwrap();
        let late = times[0].duration_since(due);
        assert!(late >= SignedDuration::ZERO, "{name} went {late:?} before its time");
        // Two leaders in a row are dead: the Lease of each has to run out, which another sees up to
        // two rounds of 4.4 s later; and a slow machine adds to that.
        assert!(late <= SignedDuration::from_secs(80), "{name} went {late:?} late");
    }
}

#[test]
fn an_api_server_that_restarts_in_the_middle_of_a_sweep() {
    // One of its own: nobody else would thank us for the restart.
    let Ok(plane) = ControlPlane::start().inspect_err(Absent::report) else { return };
    let plane: &'static ControlPlane = Box::leak(Box::new(plane));
    let space = plane.namespace("restart");
    for number in 0..COUNT {
        let (name, then) = (format!("old-{number}"), clock::now() - 1.hour());
        finished_job(&space, &name, Finish::Complete, then, json!({}));
    }
    let policy = sweeping::policy(&space.name, "{ttl: 1s, stored: Delete}");
    let policy = policy.replace("rate: 10000", "rate: 30");
    let sweeping = Sweeping::with_policy(space, &policy, &[]);
    let space = &sweeping.space;
    eventually("it has begun", LIMIT, || (space.jobs().len() < COUNT - 10).then_some(()));
    plane.restart_apiserver();
    let left = space.jobs().len();
    assert!((1..COUNT).contains(&left), "{left} left: the restart was not in the middle");
    eventually("it goes on to the end", LIMIT, || space.jobs().is_empty().then_some(()));
    for (name, times) in deletions(plane, space) {
        assert_eq!(times.len(), 1, "{name} was deleted twice: {times:?}");
    }
    plane.stop();
}

#[test]
fn a_policy_with_an_error_changes_nothing() {
    let Some(plane) = control_plane::shared() else { return };
    let sweeping = Sweeping::over(plane.namespace("error"), "{ttl: 1s, stored: Delete}");
    let space = &sweeping.space;
    sweeping.wait_for_leader();
    sweeping.set_rule("{ttl: 1x, stored: Report}");
    eventually("it is refused", LIMIT, || {
        (sweeping.curfew.metric("curfew_policy_last_reload_successful") < 0.5).then_some(())
    });
    finished_job(space, "one", Finish::Complete, clock::now(), json!({}));
    eventually("the old policy goes on", LIMIT, || space.find_job("one").is_none().then_some(()));
    let path = "/apis/events.k8s.io/v1/namespaces/default/events";
    eventually("an Event says so", LIMIT, || {
        let events = plane.api.get(path).ok();
        let found = events["items"].as_array()?.iter().any(|event: &Value| {
            event["reason"] == "PolicyRefused" && event["regarding"]["name"] == sweeping.lease
        });
        found.then_some(())
    });
}

const COUNT: usize = 150;
const LIMIT: Duration = Duration::from_secs(90);
