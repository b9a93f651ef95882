//! The model held to the real thing: a seed draws requests as curfew makes them, and a real API
//! server and the model get each of them, one after the other. Both must answer the same (status,
//! reason, object) and tell their watches the same. The first difference is told, and is an error.
//!
//! What one server calls its objects and versions is put into the other's words ([`same::Names`]).
//! Not compared is what depends on the time or on who writes (timestamps, `managedFields`), what is
//! answered to a deletion and about Events, which nobody reads, and the texts of errors. Objects are
//! sent as the API server completes them, since the model fills nothing in.
//!
//! Left out is what the API server answers otherwise and curfew never asks: to delete what is seen
//! being deleted (with a version it takes the finalizer away, and then there is a conflict), to
//! `replace` by a JSON patch what is not there (it adds it), to take away what it fills in again (the
//! last label of a Job, a history limit), to remove the version of a Lease by a patch, and whatever it
//! finds wrong in a Job. It streams lists from Kubernetes 1.34 on; on an older one this fails at once.
//!
//! The control plane has no controllers, so nobody else writes: whoever else is in the cluster is
//! played, and writes past the front of the model, as in the bed.

pub mod call;
pub mod play;
pub mod same;
pub mod sides;

use crate::number;
use crate::support::control_plane;

use self::play::Play;

#[test]
fn the_model_answers_as_a_real_api_server() {
    let Some(plane) = control_plane::shared() else { return };
    let seed = number("CURFEW_SEED").unwrap_or(1);
    let wanted = number("CURFEW_REQUESTS").unwrap_or(LEAST);
    let mut play = Play::new(plane, seed);
    let mut next = EPOCH;
    while play.comparison.asked() < wanted {
        play.step();
        if play.comparison.asked() >= next {
            play.forget();
            next += EPOCH;
        }
    }
    play.look();
    let counts = play.comparison.counts();
    let told: Vec<String> = counts.iter().map(|(what, times)| format!("{what} {times}")).collect();
    println!("{} requests: {}", play.comparison.asked(), told.join(", "));
    let missing: Vec<&&str> = EXPECTED.iter().filter(|what| !counts.contains_key(**what)).collect();
    assert!(missing.is_empty(), "nothing was asked that is answered so: {missing:?}");
    assert!(play.comparison.asked() >= LEAST, "fewer than {LEAST} requests show too little");
}

/// Requests of a run.
const LEAST: u64 = 20_000;

/// After so many requests the API server forgets what was before. It ends a watch after some minutes, and
/// the open ones must not meet that.
const EPOCH: u64 = 7_000;

/// What must have been asked, and how it must have been answered.
const EXPECTED: &[&str] = &[
    "JSON patch 200",
    "JSON patch 403",
    "JSON patch 404",
    "JSON patch 409",
    "JSON patch 422",
    "access review 201",
    "create 201",
    "create 409",
    "delete 200",
    "delete 403",
    "delete 404",
    "delete 409",
    "event 201",
    "event 403",
    "event 409",
    "event again 200",
    "event again 404",
    "get 200",
    "get 404",
    "list 200",
    "list of metadata 200",
    "list of metadata 403",
    "merge patch 200",
    "merge patch 403",
    "merge patch 404",
    "merge patch 409",
    "merge patch 422",
    "next page 200",
    "next page 410",
    "patch for metadata 200",
    "patch for metadata 404",
    "patch for metadata 409",
    "patch of a status 200",
    "patch of a status 404",
    "patch of a status 409",
    "patch of a status 422",
    "registration 404",
    "replace 200",
    "replace 409",
    "streamed list 200",
    "told ADDED",
    "told BOOKMARK",
    "told DELETED",
    "told ERROR",
    "told MODIFIED",
    "watch 200",
];
