//! `curfew cronjobs` as scripts and people meet it: the real binary on a dump.

use std::path::Path;

use assert_cmd::Command;
use curfew::scheduler::observe::{AS_MEANT, STATES};
use insta::assert_snapshot;
use serde_json::{Value as Json, json};

/// What came of it: exit code and both streams.
type Ended = (i32, String, String);

fn run(command: &mut Command) -> Ended {
    let output = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("output is UTF-8");
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// Under a frozen clock.
fn command(arguments: &[&str]) -> Command {
    as_of("2026-11-21T11:30:00Z", arguments)
}

fn as_of(now: &str, arguments: &[&str]) -> Command {
    let mut command = Command::cargo_bin("curfew").unwrap();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    command.current_dir(folder).env("NO_COLOR", "1");
    command.args(["cronjobs", "--now", now]).args(arguments);
    command
}

fn cronjobs(arguments: &[&str]) -> Ended {
    run(command(&["-f", "cronjobs-dump.yaml"]).args(arguments))
}

/// Of what is written in a file of its own.
fn told_of(text: &str, arguments: &[&str]) -> Ended {
    run(command(&["-f", "-"]).args(arguments).write_stdin(text))
}

fn cronjob(name: &str, members: &str) -> String {
    format!(
        "apiVersion: batch/v1\nkind: CronJob\nmetadata: {{name: {name}, namespace: shop, uid: c-{name}, \
         generation: 1, creationTimestamp: \"2026-11-21T10:50:00Z\"}}\n{members}\n---\n"
    )
}

#[test]
fn a_table() {
    let (code, stdout, stderr) = cronjobs(&[]);
    assert_eq!(code, 1);
    assert_snapshot!(stdout, @r"
    NAMESPACE   NAME             SCHEDULE                  ZONE            NEXT      LAST     LAST SUCCESS   LAG   MISSED   NOTES
    shop        backup           30 2 * * *                Europe/Berlin   14h       10h      9h48m          2s    0        skipped on 2027-03-28 02:30
    shop        import           */5 * * * *               UTC (assumed)   due, 5m   3h5m     3h3m           -     36       missed for 3h: nobody has made a Job; no success for 3h3m
    team-a      paused           @hourly                   UTC (assumed)   -         51d4h    51d4h          -     -        suspended
    team-a      report           @hourly                   Etc/UTC         30m       4h30m    5h27m          1s    4        held back for 3h30m by job/report-29920740; no Pod is ready or has ended of job/report-29920740; no success for 5h27m
    team-a      weekly           @weekly                   Etc/UTC         12h30m    -        -              -     0        -
    team-b      moon             0 2 * * *                 -               -         51d9h    -              -     -        spec.timeZone: unknown time zone `Europe/Berln`; use a name of the IANA database, such as `Europe/Berlin`; did you mean `Europe/Berlin`?
    team-b      prefixed         TZ=Asia/Tokyo 0 9 * * *   Asia/Tokyo      12h30m    11h30m   11h29m         -     0        a time zone in the schedule is not supported; name it in spec.timeZone
    team-b      short-deadline   15 * * * *                Etc/UTC         45m       1h15m    1h14m          -     1        missed for 15m: too late by startingDeadlineSeconds
    team-b      thirtieth        0 0 30 2 *                Etc/UTC         -         -        -              -     0        it never starts: no two times within five calendar years fit the fields; look at day and month together
    team-b      unborn           -                         -               -         -        -              -     -        metadata.creationTimestamp is missing, which every stored object has
    ");
    assert_snapshot!(stderr, @r"
    note: skipped 1 of other kinds: 1 Pod
    note: without a time zone the clocks of kube-controller-manager count, here taken to be UTC; --time-zone says what they are, and spec.timeZone leaves no doubt
    note: 6 of 10 CronJobs need attention: 1 held-back, 2 missed, 1 never-due, 1 never-started, 2 overdue, 2 unreadable
    ");
    let (code, _, stderr) = cronjobs(&["-q"]);
    assert_eq!((code, stderr.as_str()), (1, ""));
}

#[test]
fn wide_has_whole_times_and_sentences() {
    let (code, stdout, _) = cronjobs(&["-o", "wide"]);
    assert_eq!(code, 1);
    assert_snapshot!(stdout, @r"
    NAMESPACE   NAME             SCHEDULE                  ZONE            INTERVAL   CONCURRENCY   ACTIVE   NEXT                                                        LAST                            LAST SUCCESS                    LAG   MISSED   NOTES
    shop        backup           30 2 * * *                Europe/Berlin   1d         Allow         0        2026-11-22T01:30:00Z (14h)                                  2026-11-21T01:30:00Z (10h)      2026-11-21T01:41:20Z (9h48m)    2s    0        the schedule does not start at 2027-03-28T02:30:00, which the clocks skip, but next at 2027-03-29T00:30:00Z
    shop        import           */5 * * * *               UTC (assumed)   5m         Allow         0        due since 2026-11-21T11:30:00Z, 2026-11-21T11:35:00Z (5m)   2026-11-21T08:25:00Z (3h5m)     2026-11-21T08:26:10Z (3h3m)     -     36       36 starts since 2026-11-21T08:30:00Z are missed: nobody has made a Job; no success since 2026-11-21T08:26:10Z
    team-a      paused           @hourly                   UTC (assumed)   1h         Allow         0        -                                                           2026-10-01T07:00:00Z (51d4h)    2026-10-01T07:01:00Z (51d4h)    -     -        suspended
    team-a      report           @hourly                   Etc/UTC         1h         Forbid        1        2026-11-21T12:00:00Z (30m)                                  2026-11-21T07:00:00Z (4h30m)    2026-11-21T06:03:00Z (5h27m)    1s    4        4 starts since 2026-11-21T08:00:00Z are held back by job/report-29920740, which is there since 2026-11-21T07:00:01Z; no Pod is ready or has ended of job/report-29920740; no success since 2026-11-21T06:03:00Z
    team-a      weekly           @weekly                   Etc/UTC         7d         Allow         0        2026-11-22T00:00:00Z (12h30m)                               -                               -                               -     0        -
    team-b      moon             0 2 * * *                 -               -          Allow         0        -                                                           2026-10-01T02:00:00Z (51d9h)    -                               -     -        spec.timeZone: unknown time zone `Europe/Berln`; use a name of the IANA database, such as `Europe/Berlin`; did you mean `Europe/Berlin`?
    team-b      prefixed         TZ=Asia/Tokyo 0 9 * * *   Asia/Tokyo      1d         Allow         0        2026-11-22T00:00:00Z (12h30m)                               2026-11-21T00:00:00Z (11h30m)   2026-11-21T00:00:30Z (11h29m)   -     0        a time zone in the schedule is not supported; name it in spec.timeZone
    team-b      short-deadline   15 * * * *                Etc/UTC         1h         Allow         0        2026-11-21T12:15:00Z (45m)                                  2026-11-21T10:15:00Z (1h15m)    2026-11-21T10:15:20Z (1h14m)    -     1        the start at 2026-11-21T11:15:00Z is missed: too late by startingDeadlineSeconds; with startingDeadlineSeconds 5 a start is lost that is made later than that, as the built-in controller makes it where many CronJobs start together, or after it was away; give a minute or more
    team-b      thirtieth        0 0 30 2 *                Etc/UTC         -          Allow         0        -                                                           -                               -                               -     0        it never starts: no two times within five calendar years fit the fields; look at day and month together
    team-b      unborn           -                         -               -          -             -        -                                                           -                               -                               -     -        metadata.creationTimestamp is missing, which every stored object has
    ");
}

#[test]
fn json_is_for_scripts() {
    let (code, stdout, _) = cronjobs(&["-o", "json"]);
    assert_eq!(code, 1);
    let report: Json = serde_json::from_str(&stdout).unwrap();
    let item = |name: &str| {
        let mut items = report["items"].as_array().unwrap().iter();
        let item = items.find(|item| item["name"] == name).unwrap();
        serde_json::to_string_pretty(item).unwrap()
    };
    assert_snapshot!(item("report"), @r#"
    {
      "active": 1,
      "attention": [
        {
          "code": "held-back",
          "message": "4 starts since 2026-11-21T08:00:00Z are held back by job/report-29920740, which is there since 2026-11-21T07:00:01Z"
        },
        {
          "code": "never-started",
          "message": "no Pod is ready or has ended of job/report-29920740"
        },
        {
          "code": "overdue",
          "message": "no success since 2026-11-21T06:03:00Z"
        }
      ],
      "concurrencyPolicy": "Forbid",
      "heldBackBy": "report-29920740",
      "inForceSince": "2026-08-01T00:00:00Z",
      "intervalSeconds": 3600,
      "lagSeconds": 1,
      "lastStart": "2026-11-21T07:00:00Z",
      "lastSuccess": "2026-11-21T06:03:00Z",
      "missed": {
        "count": 4,
        "latest": "2026-11-21T11:00:00Z",
        "since": "2026-11-21T08:00:00Z",
        "why": "forbid"
      },
      "name": "report",
      "namespace": "team-a",
      "namespaceTerminating": false,
      "neverStarted": [
        "report-29920740"
      ],
      "nextStart": "2026-11-21T12:00:00Z",
      "notes": [],
      "overdueSince": "2026-11-21T06:03:00Z",
      "pendingStart": null,
      "perhapsMissed": null,
      "perhapsOverdueSince": null,
      "schedule": "@hourly",
      "states": [
        "held-back",
        "never-started",
        "overdue"
      ],
      "stuck": [],
      "suspended": false,
      "terminating": false,
      "timeZone": "Etc/UTC",
      "timeZoneFrom": "spec.timeZone"
    }
    "#);
    assert_snapshot!(item("unborn"), @r#"
    {
      "attention": [
        {
          "code": "unreadable",
          "message": "metadata.creationTimestamp is missing, which every stored object has"
        }
      ],
      "name": "unborn",
      "namespace": "team-b",
      "notes": [],
      "states": [
        "unreadable"
      ]
    }
    "#);
    assert_eq!(report["states"]["overdue"], 2);
    assert_eq!(report["clusterTimeZoneFrom"], "assumed");
}

#[test]
fn yaml_and_names() {
    let (code, stdout, _) = cronjobs(&["-o", "name"]);
    assert_eq!(code, 1);
    assert!(stdout.starts_with("cronjob/shop/backup\ncronjob/shop/import\n"), "{stdout}");
    assert_eq!(stdout.lines().count(), 10);
    let (_, yaml, _) = cronjobs(&["-o", "yaml"]);
    let (_, json, _) = cronjobs(&["-o", "json"]);
    let yaml: Json = serde_yaml::from_str(&yaml).unwrap();
    assert_eq!(yaml, serde_json::from_str::<Json>(&json).unwrap());
}

/// What is missed by one clock may be to come by another.
#[test]
fn the_zone_of_the_cluster_and_the_grace() {
    let daily = cronjob(
        "daily",
        "spec: {schedule: 0 12 * * *}\nstatus: {lastScheduleTime: \"2026-11-20T12:00:00Z\"}",
    );
    let (code, stdout, stderr) = told_of(&daily, &[]);
    assert_eq!(code, 0, "{stdout}");
    assert!(stdout.contains("UTC (assumed)") && stderr.contains("--time-zone says"), "{stderr}");
    let berlin = ["--time-zone", "Europe/Berlin"];
    let (code, stdout, stderr) = told_of(&daily, &berlin);
    assert_eq!(code, 1);
    assert!(stdout.contains("missed for 30m: nobody has made a Job"), "{stdout}");
    assert!(!stderr.contains("--time-zone says"), "{stderr}");
    let (code, stdout, _) = told_of(&daily, &[&berlin[..], &["--grace", "31m"]].concat());
    assert_eq!(code, 0, "{stdout}");
}

#[test]
fn nothing_to_look_at() {
    let fine = cronjob("fine", "spec: {schedule: 0 12 * * *, timeZone: Etc/UTC}");
    let (code, stdout, stderr) = told_of(&fine, &[]);
    assert_eq!((code, stderr.as_str()), (0, ""));
    assert_snapshot!(stdout, @r"
    NAMESPACE   NAME   SCHEDULE     ZONE      NEXT   LAST   LAST SUCCESS   LAG   MISSED   NOTES
    shop        fine   0 12 * * *   Etc/UTC   30m    -      -              -     0        -
    ");
    let (code, stdout, stderr) = told_of("kind: List\napiVersion: v1\nitems: []\n", &[]);
    assert_eq!((code, stdout.as_str(), stderr.as_str()), (0, "", "note: there is no CronJob\n"));
    let beta = fine.replace("batch/v1", "batch/v1beta1");
    let (code, stdout, stderr) = told_of(&beta, &[]);
    assert_eq!((code, stdout.as_str()), (2, ""));
    assert_snapshot!(stderr, @r#"
    error: <stdin>:1: document 1: cronjob/fine: batch/v1beta1: gone since Kubernetes 1.25; write `apiVersion: batch/v1`
    note: skipped 1 of other kinds: 1 CronJob of "batch/v1beta1"
    note: there is no CronJob
    "#);
}

/// As `kubectl get cronjobs -A -o yaml` alone gives it.
#[test]
fn a_dump_without_jobs() {
    let members = "spec: {schedule: 0 * * * *, timeZone: Etc/UTC}\n\
                   status: {lastScheduleTime: \"2026-11-21T11:00:00Z\"}";
    let (code, _, stderr) = told_of(&cronjob("hourly", members), &[]);
    assert_eq!(code, 0);
    assert_snapshot!(stderr, @r"
    note: the dump has no Jobs of these CronJobs, from which lags, Jobs that wait for their Pods and what a status is behind with are known; add them to it
    ");
}

/// A dump of `field/`, as of a moment, as data.
fn field(file: &str, now: &str) -> (Ended, Json) {
    let path = format!("field/{file}.yaml");
    let ended = run(&mut as_of(now, &["-f", &path, "-o", "json"]));
    let report = serde_json::from_str(&ended.1).unwrap();
    (ended, report)
}

/// The same with other words in place of some of its own.
fn changed(file: &str, changes: &[(&str, &str)], now: &str) -> (i32, Json) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/field");
    let mut text = std::fs::read_to_string(folder.join(format!("{file}.yaml"))).unwrap();
    for (from, to) in changes {
        assert!(text.contains(from), "{file} has no {from}");
        text = text.replace(from, to);
    }
    let (code, stdout, stderr) =
        run(as_of(now, &["-f", "-", "-o", "json"]).write_stdin(text.into_bytes()));
    (code, serde_json::from_str(&stdout).unwrap_or_else(|_| panic!("{stderr}")))
}

/// Another schedule makes nothing missed that was not due under it.
#[test]
fn edits_make_nothing_missed() {
    let now = "2026-11-19T12:30:00Z";
    let ((code, _, stderr), report) = field("edited-schedule", now);
    assert_eq!(code, 0, "{report:#}");
    let items = report["items"].as_array().unwrap();
    assert_eq!(items.len(), 3);
    for item in items {
        assert_eq!(item["states"], json!(["not-known"]), "{item:#}");
        assert_eq!((&item["missed"], &item["attention"]), (&Json::Null, &json!([])));
        assert_eq!((&item["overdueSince"], &item["inForceSince"]), (&Json::Null, &Json::Null));
    }
    assert_snapshot!(stderr, @r"
    note: the dump has no Jobs of these CronJobs, from which lags, Jobs that wait for their Pods and what a status is behind with are known; add them to it
    note: nobody can tell since when 3 of 3 CronJobs have their schedule, and so not what they have missed; a dump by `kubectl get cronjobs,jobs,namespaces -A -o yaml --show-managed-fields` tells more
    ");
    let table = run(&mut as_of(now, &["-f", "field/edited-schedule.yaml"]));
    assert_snapshot!(table.1, @r"
    NAMESPACE   NAME                   SCHEDULE    ZONE      NEXT          LAST     LAST SUCCESS   LAG   MISSED   NOTES
    shop        nightly-2300-to-0500   0 5 * * *   Etc/UTC   due, 16h30m   13h30m   13h30m         -     ?        not known whether missed
    shop        weekly-to-hourly       0 * * * *   Etc/UTC   due, 30m      3d10h    3d10h          -     ?        not known whether missed or overdue
    shop        yearly-to-daily        0 3 * * *   Etc/UTC   due, 14h30m   322d9h   322d9h         -     ?        not known whether missed or overdue
    ");
    let wide = run(&mut as_of(now, &["-f", "field/edited-schedule.yaml", "-o", "wide"]));
    assert_snapshot!(wide.1, @r"
    NAMESPACE   NAME                   SCHEDULE    ZONE      INTERVAL   CONCURRENCY   ACTIVE   NEXT                                                            LAST                            LAST SUCCESS                    LAG   MISSED   NOTES
    shop        nightly-2300-to-0500   0 5 * * *   Etc/UTC   1d         Allow         0        due since 2026-11-19T05:00:00Z, 2026-11-20T05:00:00Z (16h30m)   2026-11-18T23:00:00Z (13h30m)   2026-11-18T23:00:00Z (13h30m)   -     ?        not known whether the start at 2026-11-19T05:00:00Z is missed: nobody can tell since when it has this schedule
    shop        weekly-to-hourly       0 * * * *   Etc/UTC   1h         Allow         0        due since 2026-11-19T12:00:00Z, 2026-11-19T13:00:00Z (30m)      2026-11-16T02:00:00Z (3d10h)    2026-11-16T02:00:00Z (3d10h)    -     ?        not known whether 82 starts since 2026-11-16T03:00:00Z are missed: nobody can tell since when it has this schedule
    shop        yearly-to-daily        0 3 * * *   Etc/UTC   1d         Allow         0        due since 2026-11-19T03:00:00Z, 2026-11-20T03:00:00Z (14h30m)   2026-01-01T03:00:00Z (322d9h)   2026-01-01T03:00:00Z (322d9h)   -     ?        not known whether more than 100 starts since 2026-01-02T03:00:00Z are missed: nobody can tell since when it has this schedule
    ");
}

/// What the object tells of its edits.
#[rstest::rstest]
#[case::never_edited("generation: 1", &["missed", "overdue"], Some(82))]
#[case::edited_a_moment_ago("generation: 2, managedFields: [{manager: kubectl-edit, operation: Update, time: \"2026-11-19T12:10:00Z\", fieldsV1: {\"f:spec\": {\"f:schedule\": {}}}}]", &["fine"], None)]
#[case::applied_an_hour_ago("generation: 2, managedFields: [{manager: flux, operation: Apply, time: \"2026-11-19T11:10:00Z\", fieldsV1: {\"f:spec\": {\"f:schedule\": {}}}}]", &["missed"], Some(1))]
#[case::resumed("generation: 3, managedFields: [{manager: a, operation: Update, time: \"2026-01-05T00:00:00Z\", fieldsV1: {\"f:spec\": {\"f:schedule\": {}}}}, {manager: b, operation: Update, time: \"2026-11-19T12:10:00Z\", fieldsV1: {\"f:spec\": {\"f:suspend\": {}}}}]", &["fine"], None)]
#[case::only_the_status_was_written("generation: 2, managedFields: [{manager: a, operation: Update, time: \"2026-11-19T11:10:00Z\", fieldsV1: {\"f:spec\": {\"f:schedule\": {}}}}, {manager: kube-controller-manager, subresource: status, operation: Update, time: \"2026-11-19T12:20:00Z\", fieldsV1: {\"f:status\": {}}}]", &["missed"], Some(1))]
#[case::edited_and_hidden("generation: 2", &["not-known"], None)]
fn edits_are_told_by_the_object(
    #[case] metadata: &str,
    #[case] states: &[&str],
    #[case] missed: Option<i64>,
) {
    let uid = "uid: u-weekly-to-hourly";
    let metadata = metadata.replace(", managedFields", "\n  managedFields");
    let (_, report) = changed(
        "edited-schedule",
        &[(uid, &format!("{uid}\n  {metadata}"))],
        "2026-11-19T12:30:00Z",
    );
    let items = report["items"].as_array().unwrap();
    let item = items.iter().find(|item| item["name"] == "weekly-to-hourly").unwrap();
    assert_eq!(item["states"], json!(states), "{item:#}");
    assert_eq!(item["missed"]["count"].as_i64(), missed, "{item:#}");
}

/// A Job that is listed and gone holds nothing back.
#[test]
fn a_stale_entry_holds_nothing_back() {
    let now = "2026-11-19T11:30:00Z";
    let stale = |report: &Json| {
        let mut items = report["items"].as_array().unwrap().iter();
        items.find(|item| item["name"] == "stale").unwrap().clone()
    };
    let (_, report) = field("stale-active", now);
    let item = stale(&report);
    assert_eq!(item["perhapsMissed"]["why"], "not-started", "{item:#}");
    assert_eq!((&item["heldBackBy"], &item["missed"]), (&Json::Null, &Json::Null));
    let unedited = ("{name: stale,", "{generation: 1, name: stale,");
    let (code, report) = changed("stale-active", &[unedited], now);
    let item = stale(&report);
    assert_eq!((code, &item["missed"]["why"]), (1, &json!("not-started")), "{item:#}");
    assert_eq!(item["states"], json!(["missed", "overdue"]));
    // Without any Job in the dump nobody knows.
    let no_jobs = [unedited, ("kind: Job\nmetadata:\n  name", "kind: Pod\nmetadata:\n  name")];
    let (code, report) = changed("stale-active", &no_jobs, now);
    let item = stale(&report);
    assert_eq!((code, &item["missed"]["why"]), (1, &json!("not-known")), "{item:#}");
    // A Job of that name that is there, whoever controls it, stays on the list.
    let (_, report) = changed("stale-active", &[unedited, ("name: other-1", "name: stale-1")], now);
    let item = stale(&report);
    assert_eq!(
        (&item["missed"]["why"], &item["heldBackBy"]),
        (&json!("forbid"), &json!("stale-1"))
    );
}

#[test]
fn a_pod_that_runs_may_never_be_ready() {
    let now = "2026-11-19T12:00:00Z";
    let ((code, _, _), report) = field("sidecar", now);
    let item = &report["items"][0];
    assert_eq!((code, &item["neverStarted"]), (1, &json!(["app-1"])), "{item:#}");
    let told =
        json!([{"code": "never-started", "message": "no Pod is ready or has ended of job/app-1"}]);
    assert_eq!(item["attention"], told);
    assert_eq!(
        (&item["heldBackBy"], &item["perhapsMissed"]["why"]),
        (&json!("app-1"), &json!("forbid"))
    );
    // Only the built-in Job controller counts Pods as is read here.
    for (by, code, expected) in [
        ("kubernetes.io/job-controller", 1, json!(["app-1"])),
        ("kueue.x-k8s.io/multikueue", 0, json!([])),
    ] {
        let managed = (
            "spec: {template: {spec: {restartPolicy: Never, containers: [{name: c, image: b}]}}}\n  status: {startTime",
            &format!("spec: {{managedBy: {by}}}\n  status: {{startTime")[..],
        );
        let (found, report) = changed("sidecar", &[managed], now);
        assert_eq!((found, &report["items"][0]["neverStarted"]), (code, &expected));
    }
}

#[test]
fn a_job_whose_pods_do_not_end() {
    let now = "2026-11-19T12:00:00Z";
    let ((code, _, _), report) = field("wedged", now);
    let item = &report["items"][0];
    assert_eq!((code, &item["states"]), (1, &json!(["stuck", "not-known"])), "{item:#}");
    let message = "job/wedged-1 is being ended since 2026-11-19T00:05:00Z (DeadlineExceeded)";
    assert_eq!(item["attention"], json!([{"code": "stuck", "message": message}]));
    let stuck = |changes: &[(&str, &str)]| {
        let (_, report) = changed("wedged", changes, now);
        report["items"][0]["stuck"].clone()
    };
    let met = [("FailureTarget", "SuccessCriteriaMet"), ("DeadlineExceeded", "SuccessPolicy")];
    assert_eq!(stuck(&met)[0]["why"], "SuccessPolicy");
    assert_eq!(stuck(&[("FailureTarget", "Failed")]), json!([]));
    let deleted = [
        ("FailureTarget", "Suspended"),
        (
            "uid: j-wedged-1\n  creation",
            "uid: j-wedged-1\n  deletionTimestamp: \"2026-11-19T01:00:00Z\"\n  creation",
        ),
    ];
    let deleted = stuck(&deleted);
    assert_eq!(
        (&deleted[0]["why"], &deleted[0]["since"]),
        (&json!("deleted"), &json!("2026-11-19T01:00:00Z"))
    );
}

#[test]
fn a_last_start_that_lies_ahead() {
    let now = "2026-11-19T12:00:00Z";
    let ((code, _, _), report) = field("last-start-ahead", now);
    let item = &report["items"][0];
    assert_eq!((code, &item["states"]), (1, &json!(["last-start-ahead"])), "{item:#}");
    assert_eq!(item["nextStart"], "2026-12-20T02:00:00Z");
    let message = "its last start is written down as 2026-12-19T02:00:00Z, which lies ahead: \
                   nothing starts before 2026-12-20T02:00:00Z";
    assert_eq!(item["attention"][0]["message"], message);
    let table = run(&mut as_of(now, &["-f", "field/last-start-ahead.yaml"]));
    assert_snapshot!(table.1, @r"
    NAMESPACE   NAME     SCHEDULE    ZONE      NEXT     LAST        LAST SUCCESS   LAG   MISSED   NOTES
    shop        backup   0 2 * * *   Etc/UTC   30d14h   in 29d14h   9h55m          -     0        last start lies 29d14h ahead, and nothing starts before
    ");
}

/// What goes away with its namespace is missed by nobody.
#[rstest::rstest]
#[case::phase(
    "{apiVersion: v1, kind: Namespace, metadata: {name: shop}, status: {phase: Terminating}}",
    "namespace-terminating"
)]
#[case::timestamp(
    "{apiVersion: v1, kind: Namespace, metadata: {name: shop, deletionTimestamp: \"2026-11-21T11:00:00Z\"}}",
    "namespace-terminating"
)]
#[case::that_stays(
    "{apiVersion: v1, kind: Namespace, metadata: {name: shop}, status: {phase: Active}}",
    "missed overdue"
)]
#[case::another_one(
    "{apiVersion: v1, kind: Namespace, metadata: {name: web}, status: {phase: Terminating}}",
    "missed overdue"
)]
fn a_namespace_that_is_being_deleted(#[case] namespace: &str, #[case] states: &str) {
    let members = "spec: {schedule: '*/5 * * * *', timeZone: Etc/UTC}\n";
    let dump = format!("{}{namespace}\n", cronjob("busy", members));
    let (code, stdout, stderr) = told_of(&dump, &["-o", "json"]);
    let report: Json = serde_json::from_str(&stdout).unwrap();
    let item = &report["items"][0];
    assert_eq!(item["states"], json!(states.split(' ').collect::<Vec<_>>()), "{stderr}");
    assert_eq!(code, i32::from(states != "namespace-terminating"));
    let (_, table, _) = told_of(&dump, &[]);
    assert_eq!(table.contains("its namespace is being deleted"), code == 0, "{table}");
}

/// What a schedule means is told where there is room.
#[test]
fn what_is_misread_is_in_the_wide_table() {
    let members =
        "spec: {schedule: '*/90 0 13 * FRI', timeZone: Etc/UTC, startingDeadlineSeconds: 30}\n";
    let text = cronjob("odd", members);
    let (code, wide, _) = told_of(&text, &["-o", "wide"]);
    assert_eq!(code, 0, "{wide}");
    for word in [
        "`*/90` in the minute field is 0 of each hour",
        "one of them suffices",
        "startingDeadlineSeconds 30",
    ] {
        assert!(wide.contains(word), "{wide}");
    }
    let (_, table, _) = told_of(&text, &[]);
    assert!(!table.contains("suffices"), "{table}");
}

/// In bold where somebody has to look.
#[test]
fn every_state_is_documented() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/cronjobs.md");
    let page = std::fs::read_to_string(page).unwrap();
    let (_, table) = page.split_once("## States").unwrap();
    let told = table.lines().filter_map(|line| line.strip_prefix("| "));
    let told = told.filter_map(|row| row.split_once(" |").map(|(cell, _)| cell));
    let told: Vec<&str> = told.take_while(|cell| !cell.contains("without")).skip(1).collect();
    let expected = STATES.map(|state| {
        if AS_MEANT.contains(&state) { format!("`{state}`") } else { format!("**`{state}`**") }
    });
    assert_eq!(told, expected);
}

/// Nothing is shown where anything of a dump has no place in the answer; each is named.
#[test]
fn what_cannot_be_used() {
    let mut all = String::new();
    let fine = cronjob("fine", "spec: {schedule: '@daily'}");
    let nameless = fine.replace("name: fine, ", "");
    let owner =
        "ownerReferences: [{apiVersion: batch/v1, kind: CronJob, name: fine, controller: true}]";
    let bad_job = format!(
        "apiVersion: batch/v1\nkind: Job\nmetadata: {{name: fine-1, creationTimestamp: yesterday, {owner}}}\n"
    );
    for (text, arguments) in [
        (format!("{fine}{nameless}{bad_job}"), &[][..]),
        (format!("{fine}{fine}"), &[]),
        ("kind: [".to_owned(), &[]),
        (fine.clone(), &["--time-zone", "Berlin"]),
        (fine.clone(), &["--grace", "soon"]),
        (fine.clone(), &["-l", "a=b"]),
        (fine.clone(), &["-A", "-n", "shop"]),
        (fine.clone(), &["-f", "missing.yaml"]),
    ] {
        let (code, stdout, stderr) = told_of(&text, arguments);
        assert_eq!((code, stdout.as_str()), (2, ""), "{text}");
        all += &stderr;
    }
    assert_snapshot!(all, @r#"
    error: <stdin>:5: document 2: cronjob: it has no name; a stored object has one
    error: <stdin>:10: document 3: job/fine-1: metadata.creationTimestamp must be a time such as 2026-12-01T00:00:00Z, and not "yesterday"
    error: <stdin>:5: document 2: cronjob/fine: it is there twice
    error: <stdin>:1:7: document 1: unclosed bracket '['
    error: --time-zone: unknown time zone `Berlin`; use a name of the IANA database, such as `Europe/Berlin`; did you mean `Europe/Berlin`?
    error: invalid value 'soon' for '--grace <DURATION>': a number is missing before "soon"

    For more information, try '--help'.
    error: the argument '--filename <PATH>' cannot be used with '--selector <LABELS>'

    Usage: curfew cronjobs --now <RFC3339> --filename <PATH>

    For more information, try '--help'.
    error: the argument '--all-namespaces' cannot be used with '--namespace <NAME>'

    Usage: curfew cronjobs --now <RFC3339> --filename <PATH> --all-namespaces

    For more information, try '--help'.
    error: missing.yaml: there is no such file or folder
    "#);
}

/// A `CronJob` that cannot be read is in the table, and so is the reason.
#[test]
fn what_cannot_be_read_is_listed() {
    let all = [
        cronjob("number", "spec: {schedule: 5}"),
        cronjob("nothing", "spec: {}"),
        cronjob("seconds", "spec: {schedule: 0 30 2 * * *, timeZone: Etc/UTC}"),
        cronjob("switch", "spec: {schedule: '@daily', suspend: maybe}"),
        cronjob(
            "too-late",
            "spec: {schedule: '@daily', timeZone: Etc/UTC, startingDeadlineSeconds: 0}",
        ),
    ];
    let (code, stdout, _) = told_of(&all.concat(), &["-o", "json"]);
    assert_eq!(code, 1);
    let report: Json = serde_json::from_str(&stdout).unwrap();
    let told = report["items"].as_array().unwrap().iter().map(|item| {
        let note = &item["attention"][0];
        let text = |value: &Json| value.as_str().unwrap().to_owned();
        format!("{}: {}: {}\n", text(&item["name"]), text(&note["code"]), text(&note["message"]))
    });
    assert_snapshot!(told.collect::<String>(), @r#"
    nothing: unreadable: spec.schedule is missing, which every stored object has
    number: unreadable: spec.schedule must be a string, and is the number 5; put it in quotes
    seconds: unreadable: spec.schedule: "0 30 2 * * *" is no schedule: expected 5 fields, minute hour day-of-month month day-of-week, but found 6; there is no field for seconds or years, and a macro such as `@daily` stands alone without blanks; without the seconds it is "30 2 * * *"
    switch: unreadable: spec.suspend must be true or false, and is the string "maybe"
    too-late: never-due: it never starts: with startingDeadlineSeconds 0 each start is too late already
    "#);
}
