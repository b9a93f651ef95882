//! Point 2 against people: a hold and a new Job of the same name, while the old one is deleted.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use curfew::clock;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{names, soon};
use crate::support::{
    api::Patch,
    control_plane,
    manifest::{Finish, finished, job},
    sweeping::Sweeping,
    wait::throughout,
};

/// A thousand Jobs fall due in the same second, and while they go, people hold one half of them
/// and replace the other. Whoever was told that it worked has what he asked for.
#[test]
fn nothing_held_and_nothing_new_is_lost() {
    let Some(plane) = control_plane::shared() else { return };
    let space = plane.namespace("races");
    let sweeping = Sweeping::over(space, "{ttl: 0s, stored: Delete}");
    sweeping.wait_for_leader();
    let space = &sweeping.space;
    let made = json!({"spec": {"managedBy": "example.test/nobody"}});
    let start = clock::instant();
    in_parallel(|number| {
        space.create(&job(&name(number), made.clone())).ok();
    });
    // The last write to each is over when the first one is due: as many creations took so long.
    let lead = SignedDuration::try_from(start.elapsed() * 3).expect("it is short") + LEAD;
    let due = clock::now().saturating_add(lead).expect("it is soon");
    let status = finished(Finish::Complete, due);
    in_parallel(|number| {
        let path = space.path(&format!("jobs/{}/status", name(number)));
        plane.api.patch(Patch::Merge, &path, &status).ok();
    });
    let due = Timestamp::from_second(due.as_second()).expect("it is a time");
    let left = due.duration_since(clock::now());
    assert!(left.is_positive(), "{COUNT} Jobs took longer than {lead}");
    thread::sleep(Duration::try_from(left).expect("it is positive"));
    let tomorrow =
        (due + SignedDuration::from_hours(24)).strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let hold = json!({"metadata": {"annotations": {"curfew.dev/hold-until": tomorrow}}});
    let kept: Mutex<Vec<(String, Value)>> = Mutex::default();
    in_parallel(|number| {
        let name = name(number);
        let path = space.path(&format!("jobs/{name}"));
        let reply = if number % 2 == 0 {
            plane.api.patch(Patch::Merge, &path, &hold)
        } else {
            let gone = plane.api.delete(&path);
            assert!([200, 404].contains(&gone.status), "{}", gone.body);
            space.create(&job(&name, made.clone()))
        };
        match reply.status {
            200 | 201 => {
                let uid = reply.body["metadata"]["uid"].clone();
                kept.lock().expect("no thread panics in here").push((name, uid));
            }
            status => assert_eq!((status, number % 2), (404, 0), "{}", reply.body),
        }
    });
    let mut kept = kept.into_inner().expect("no thread panics in here");
    kept.sort_by(|a, b| a.0.cmp(&b.0));
    let expected: Vec<String> = kept.iter().map(|(name, _)| name.clone()).collect();
    let missing = || {
        let there = names(space);
        expected.iter().find(|name| !there.contains(name)).cloned()
    };
    soon("everything else is gone", || {
        assert_eq!(missing(), None);
        (names(space).len() == expected.len()).then_some(())
    });
    throughout("they stay", Duration::from_secs(2), || missing().is_none());
    for (job, (name, uid)) in space.jobs().iter().zip(&kept) {
        assert_eq!((&job["metadata"]["name"], &job["metadata"]["uid"]), (&json!(name), uid));
        assert_eq!(job["metadata"]["deletionTimestamp"], json!(null));
    }
    // It was a race, and not one that somebody always wins.
    let even = expected.iter().filter(|name| name.ends_with(['0', '2', '4', '6', '8'])).count();
    assert!(even > 0 && even < COUNT / 2, "{even} of {} were held in time", COUNT / 2);
}

fn name(number: usize) -> String {
    format!("race-{number:04}")
}

fn in_parallel(work: impl Fn(usize) + Sync) {
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= COUNT {
                        return;
                    }
                    // In an order that nobody else goes by; coprime to the count.
                    work(number * 377 % COUNT);
                }
            });
        }
    });
}

const COUNT: usize = 1000;
const THREADS: usize = 8;
const LEAD: SignedDuration = SignedDuration::from_secs(3);
