//! What becomes of Jobs is written down, and told.

use std::time::Duration;

use curfew::clock;
use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};

use crate::plane;
use crate::support::manifest::Finish;
use crate::support::scheduling::{Scheduling, job_name, second, some_minute};
use crate::support::wait::eventually;

/// Some starts in a row, with another leader in between: nothing in it is worth a warning.
#[test]
fn ordinary_operation_warns_of_nothing() {
    let Some(plane) = plane() else { return };
    let begin = some_minute();
    let mut scene = Scheduling::own(plane, "follow", begin);
    scene.create("one", &json!({"schedule": "* * * * *"}), Some(begin - 1.minute()));
    for minute in 0..4 {
        let slot = begin + minute.minutes();
        scene.put_clock(slot);
        scene.wait_until_written("one", slot, 1);
        if minute == 1 {
            scene.end();
            scene.run();
        }
        scene.finish(&job_name("one", slot), Finish::Complete);
        scene.wait_until_written("one", slot, 0);
    }
    // The limit is three.
    let kept = [1, 2, 3].map(|minute: i64| job_name("one", begin + minute.minutes()));
    scene.wait_for_jobs(&kept);
    let first = job_name("one", begin);
    eventually("everything is told", LIMIT, || {
        let events = scene.events("one");
        let told = |reason: &str, note: String| events.contains(&(reason.to_owned(), note));
        let all = told("SuccessfulCreate", format!("Created job {first}"))
            && told("SawCompletedJob", format!("Saw completed job: {first}, condition: Complete"))
            && told("SuccessfulDelete", format!("Deleted job {first}"));
        all.then_some(())
    });
    assert_eq!(scene.warnings("one"), [""; 0]);
}

/// The end of one and the start of the next come in the same moment.
#[test]
fn an_end_that_a_start_sees_is_told() {
    let Some(plane) = plane() else { return };
    let slot = some_minute();
    let scene = Scheduling::own(plane, "follow", slot);
    scene.create("one", &json!({"schedule": "* * * * *"}), Some(slot - 1.minute()));
    scene.wait_until_written("one", slot, 1);
    scene.still(&[job_name("one", slot)]);
    // The news of the end wakes the scheduler, which finds the start due.
    scene.put_clock(slot + 1.minute() + 200.milliseconds());
    scene.finish(&job_name("one", slot), Finish::Failed);
    scene.wait_until_written("one", slot + 1.minute(), 1);
    let note = scene.wait_for_event("one", "SawCompletedJob");
    let first = job_name("one", slot);
    assert_eq!(note, format!("Saw completed job: {first}, condition: Failed"));
}

#[test]
fn a_job_that_is_deleted_by_hand_goes_from_the_list() {
    let Some(plane) = plane() else { return };
    let slot = some_minute();
    let scene = Scheduling::own(plane, "follow", slot);
    scene.create("one", &json!({"schedule": "* * * * *"}), Some(slot - 1.minute()));
    scene.wait_until_written("one", slot, 1);
    scene.put_clock(slot + 1.minute());
    scene.wait_until_written("one", slot + 1.minute(), 2);
    let first = job_name("one", slot);
    scene.space.kubectl.ok(&["delete", "job", &first]);
    let status = scene.wait_until_written("one", slot + 1.minute(), 1);
    assert_eq!(status["active"][0]["name"], job_name("one", slot + 1.minute()).as_str());
    let note = scene.wait_for_event("one", "MissingJob");
    assert_eq!(note, format!("Active job went missing: {first}"));
    // The start was made, and is not made again.
    scene.still(&[job_name("one", slot + 1.minute())]);
    assert_eq!(scene.warnings("one"), [""; 0]);
}

#[test]
fn the_last_success_is_a_completion() {
    let Some(plane) = plane() else { return };
    let slot = some_minute();
    let scene = Scheduling::own(plane, "follow", slot);
    let spec = json!({"schedule": "* * * * *", "failedJobsHistoryLimit": 9});
    scene.create("one", &spec, Some(slot - 1.minute()));
    let last_success = || scene.space.cron_job("one")["status"]["lastSuccessfulTime"].clone();
    let run = |slot: Timestamp, how: Finish, after: i64| {
        scene.put_clock(slot);
        scene.wait_until_written("one", slot, 1);
        let end = slot + after.seconds();
        scene.space.finish_job(&job_name("one", slot), how, end);
        scene.wait_until_written("one", slot, 0);
        second(end)
    };
    run(slot, Finish::Failed, 10);
    assert_eq!(last_success(), json!(null));
    let success = run(slot + 1.minute(), Finish::Complete, 20);
    assert_eq!(last_success(), success.as_str());
    run(slot + 2.minutes(), Finish::Failed, 5);
    assert_eq!(last_success(), success.as_str());
    // One that ended earlier, by the clock of whoever wrote it, does not move it back.
    run(slot + 3.minutes(), Finish::Complete, -150);
    assert_eq!(last_success(), success.as_str());
}

/// A run by hand belongs to the family, and is no start.
#[test]
fn a_run_by_hand() {
    let Some(plane) = plane() else { return };
    let slot = some_minute();
    let scene = Scheduling::own(plane, "manual", slot);
    let spec = json!({
        "schedule": "* * * * *", "concurrencyPolicy": "Forbid", "successfulJobsHistoryLimit": 1,
    });
    scene.create("one", &spec, Some(slot));
    scene.space.kubectl.ok(&["create", "job", "--from=cronjob/one", "by-hand"]);
    let note = scene.wait_for_event("one", "UnexpectedJob");
    assert_eq!(note, "Saw a job that the controller did not create or forgot: by-hand");
    let status = scene.space.cron_job("one")["status"].clone();
    assert_eq!(status["active"], json!(null), "it is not taken up");
    // So it holds nothing back.
    let next = slot + 1.minute();
    scene.put_clock(next);
    scene.wait_for_jobs(&["by-hand".to_owned(), job_name("one", next)]);
    scene.wait_until_written("one", next, 1);
    let end = next + 10.seconds();
    scene.space.finish_job("by-hand", Finish::Complete, end);
    scene.wait_for_status("one", |status| status["lastSuccessfulTime"] == second(end).as_str());
    // And is counted with the others.
    scene.space.finish_job(&job_name("one", next), Finish::Complete, next + 20.seconds());
    scene.wait_for_jobs(&[job_name("one", next)]);
    let told = |reason: &str| {
        let events = scene.events("one");
        let notes = events.into_iter().filter(|(own, _)| own == reason).map(|(_, note)| note);
        notes.collect::<Vec<_>>()
    };
    eventually("its deletion is told", LIMIT, || {
        (told("SuccessfulDelete") == ["Deleted job by-hand"]).then_some(())
    });
    assert!(told("SawCompletedJob").iter().all(|note| !note.contains("by-hand")));
}

/// At the present, since kubectl says how long ago it was.
#[test]
fn the_columns_of_kubectl() {
    let Some(plane) = plane() else { return };
    let scene = Scheduling::own(plane, "columns", clock::now());
    let minute = clock::now().as_second() / 60 * 60;
    let minute = Timestamp::from_second(minute).expect("it is now");
    scene.create("one", &json!({"schedule": "* * * * *"}), Some(minute - 3.minutes()));
    scene.create("never", &json!({"schedule": "0 0 1 1 *"}), Some(minute));
    scene.wait_for_status("one", |status| status["active"][0].is_object());
    let row = |name: &str| {
        let said = scene.space.kubectl.ok(&["get", "cronjob", name, "--no-headers"]);
        said.stdout.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
    };
    // NAME, SCHEDULE (five words), TIMEZONE, SUSPEND, ACTIVE, LAST SCHEDULE, AGE.
    let one = row("one");
    assert_eq!(one[6..9], ["<none>", "False", "1"], "{one:?}");
    let seconds = one[9].strip_suffix('s').and_then(|number| number.parse::<i64>().ok());
    assert!(seconds.is_some_and(|seconds| seconds < 70), "{one:?}");
    assert_eq!(row("never")[8], "0");
    let active: Value = scene.space.cron_job("one")["status"]["active"][0].clone();
    let job = scene.space.job(active["name"].as_str().expect("it has one"));
    assert_eq!(active["uid"], job["metadata"]["uid"]);
    assert_eq!((&active["kind"], &active["apiVersion"]), (&json!("Job"), &json!("batch/v1")));
    assert_eq!(active["namespace"], scene.space.name.as_str());
    assert_eq!(active["resourceVersion"], job["metadata"]["resourceVersion"]);
}

const LIMIT: Duration = Duration::from_secs(20);
