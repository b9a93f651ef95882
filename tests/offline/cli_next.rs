//! `curfew next` as scripts and people meet it: the real binary on schedules and manifests.

use std::path::Path;

use assert_cmd::Command;
use insta::assert_snapshot;

/// What came of it: exit code and both streams.
type Ended = (i32, String, String);

fn run(command: &mut Command) -> Ended {
    let output = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("output is UTF-8");
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::cargo_bin("curfew").unwrap();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    command.current_dir(folder).env("NO_COLOR", "1").arg("next").args(arguments);
    command
}

/// Runs `curfew next` under a frozen clock.
fn next(arguments: &[&str]) -> Ended {
    run(command(arguments).args(["--now", "2026-11-21T12:00:00Z"]))
}

#[test]
fn a_schedule() {
    let (code, stdout, stderr) = next(&["30 2 * * 1-5", "--time-zone", "Europe/Berlin"]);
    assert_eq!((code, stderr.as_str()), (0, ""));
    assert_snapshot!(stdout, @r#"
    "30 2 * * 1-5" in Europe/Berlin, as of 2026-11-21T12:00:00Z: next in 1d13h30m

    START                           UTC                    GAP   NOTE
    Mon 2026-11-23 02:30:00+01:00   2026-11-23T01:30:00Z   -     -
    Tue 2026-11-24 02:30:00+01:00   2026-11-24T01:30:00Z   1d    -
    Wed 2026-11-25 02:30:00+01:00   2026-11-25T01:30:00Z   1d    -
    Thu 2026-11-26 02:30:00+01:00   2026-11-26T01:30:00Z   1d    -
    Fri 2026-11-27 02:30:00+01:00   2026-11-27T01:30:00Z   1d    -
    "#);
}

#[test]
fn without_a_time_zone_that_of_the_controller_counts() {
    let (code, stdout, stderr) = next(&["0 2 * * *", "-c", "2"]);
    assert_eq!(code, 0);
    assert_snapshot!(stdout, @r#"
    "0 2 * * *" in UTC, assumed, as of 2026-11-21T12:00:00Z: next in 14h

    START                           UTC                    GAP   NOTE
    Sun 2026-11-22 02:00:00+00:00   2026-11-22T02:00:00Z   -     -
    Mon 2026-11-23 02:00:00+00:00   2026-11-23T02:00:00Z   1d    -
    "#);
    assert_snapshot!(stderr, @r"
    note: without a time zone the clocks of kube-controller-manager count, here taken to be UTC; --time-zone says what they are, and spec.timeZone leaves no doubt
    ");
    let (_, _, stderr) = next(&["0 2 * * *", "-q"]);
    assert_eq!(stderr, "");
}

#[test]
fn a_change_of_the_clocks() {
    let berlin = ["30 2 * * *", "--time-zone", "Europe/Berlin", "-c", "4"];
    let (code, stdout, _) = run(command(&berlin).args(["--after", "2027-03-26T12:00:00Z"]));
    assert_eq!(code, 0);
    assert_snapshot!(stdout, @r#"
    "30 2 * * *" in Europe/Berlin, as of 2027-03-26T12:00:00Z: next in 13h30m

    START                           UTC                    GAP     NOTE
    Sat 2027-03-27 02:30:00+01:00   2027-03-27T01:30:00Z   -       -
    Sun 2027-03-28 02:30:00         -                      -       skipped: the clocks go from 02:00 to 03:00
    Mon 2027-03-29 02:30:00+02:00   2027-03-29T00:30:00Z   1d23h   shifted: the clocks went from +01:00 to +02:00
    Tue 2027-03-30 02:30:00+02:00   2027-03-30T00:30:00Z   1d      -
    Wed 2027-03-31 02:30:00+02:00   2027-03-31T00:30:00Z   1d      -

    daylight: 2027-10-31 02:30 comes twice, 2027-10-31T00:30:00Z and 2027-10-31T01:30:00Z: the clocks go from 03:00 to 02:00
    "#);
    let (code, stdout, _) = run(command(&berlin).args(["--now", "2026-10-24T12:00:00+02:00"]));
    assert_eq!(code, 0);
    assert_snapshot!(stdout, @r#"
    "30 2 * * *" in Europe/Berlin, as of 2026-10-24T10:00:00Z: next in 14h30m

    START                           UTC                    GAP   NOTE
    Sun 2026-10-25 02:30:00+02:00   2026-10-25T00:30:00Z   -     twice, 1 of 2: the clocks go from 03:00 to 02:00
    Sun 2026-10-25 02:30:00+01:00   2026-10-25T01:30:00Z   1h    twice, 2 of 2: the clocks go from 03:00 to 02:00
    Mon 2026-10-26 02:30:00+01:00   2026-10-26T01:30:00Z   1d    -
    Tue 2026-10-27 02:30:00+01:00   2026-10-27T01:30:00Z   1d    -

    daylight: 2027-03-28 02:30 is skipped, next 2027-03-29T00:30:00Z: the clocks go from 02:00 to 03:00
    "#);
}

#[test]
fn json_is_for_scripts() {
    let arguments = ["30 2 * * *", "--time-zone", "Europe/Berlin", "-c", "2", "-o", "json"];
    let (code, stdout, _) = run(command(&arguments).args(["--now", "2027-03-27T12:00:00Z"]));
    assert_eq!(code, 0);
    assert_snapshot!(stdout, @r#"
    {
      "schedule": "30 2 * * *",
      "timeZone": "Europe/Berlin",
      "timeZoneFrom": "--time-zone",
      "now": "2027-03-27T12:00:00Z",
      "suspended": false,
      "starts": [
        {
          "local": "2027-03-29T02:30:00+02:00",
          "utc": "2027-03-29T00:30:00Z",
          "gapSeconds": null,
          "mark": "shifted",
          "note": "shifted: the clocks went from +01:00 to +02:00"
        },
        {
          "local": "2027-03-30T02:30:00+02:00",
          "utc": "2027-03-30T00:30:00Z",
          "gapSeconds": 86400
        }
      ],
      "skipped": [
        {
          "local": "2027-03-28T02:30:00",
          "until": "2027-03-28T02:30:00",
          "count": 1,
          "change": "2027-03-28T01:00:00Z",
          "next": "2027-03-29T00:30:00Z",
          "note": "skipped: the clocks go from 02:00 to 03:00"
        }
      ],
      "notes": [
        {
          "code": "daylight",
          "message": "2027-10-31 02:30 comes twice, 2027-10-31T00:30:00Z and 2027-10-31T01:30:00Z: the clocks go from 03:00 to 02:00"
        }
      ]
    }
    "#);
}

#[test]
fn yaml_is_for_people() {
    let (code, stdout, _) = next(&["@every 30s", "-c", "2", "-o", "yaml"]);
    assert_eq!(code, 0);
    assert_snapshot!(stdout, @r#"
    schedule: "@every 30s"
    timeZone: UTC
    timeZoneFrom: assumed
    now: "2026-11-21T12:00:00Z"
    suspended: false
    starts:
    - local: "2026-11-21T12:00:30+00:00"
      utc: "2026-11-21T12:00:30Z"
      gapSeconds: null
    - local: "2026-11-21T12:01:00+00:00"
      utc: "2026-11-21T12:01:00Z"
      gapSeconds: 30
    skipped: []
    notes:
    - code: every
      message: "`@every` counts from the last start, at first from the creation, here from now"
    - code: every
      message: "starts within one minute share the name of their Job: one of them a minute runs"
    "#);
}

#[test]
fn every_cronjob_of_the_manifests() {
    let (code, stdout, stderr) = next(&["-f", "cronjobs.yaml", "-c", "2", "-n", "shop"]);
    // One of them is of a version that is gone.
    assert_eq!(code, 2);
    assert_snapshot!(stdout, @r#"
    cronjob/team-a/nightly (cronjobs.yaml:1: document 1)
    "30 2 * * *" in Europe/Berlin, as of 2026-11-21T12:00:00Z: next in 13h30m

    START                           UTC                    GAP   NOTE
    Sun 2026-11-22 02:30:00+01:00   2026-11-22T01:30:00Z   -     -
    Mon 2026-11-23 02:30:00+01:00   2026-11-23T01:30:00Z   1d    -

    daylight: 2027-03-28 02:30 is skipped, next 2027-03-29T00:30:00Z: the clocks go from 02:00 to 03:00
    W111: a starting deadline of 5s leaves no time for a controller that is slow or starts anew: starts may be missed; give 10s at least, better a minute

    cronjob/shop/paused (cronjobs.yaml:10: document 2)
    "@hourly" in UTC, assumed, as of 2026-11-21T12:00:00Z: next in 1h

    START                           UTC                    GAP   NOTE
    Sat 2026-11-21 13:00:00+00:00   2026-11-21T13:00:00Z   -     -
    Sat 2026-11-21 14:00:00+00:00   2026-11-21T14:00:00Z   1h    -

    suspended: nothing starts; once that is over, the latest missed start comes at once, if that was due less than 10m before

    cronjob/shop/prefixed (cronjobs.yaml:19: document 3)
    "CRON_TZ=Asia/Tokyo 0 9 * * 1-5" in Asia/Tokyo, as of 2026-11-21T12:00:00Z: next in 1d12h

    START                           UTC                    GAP   NOTE
    Mon 2026-11-23 09:00:00+09:00   2026-11-23T00:00:00Z   -     -
    Tue 2026-11-24 09:00:00+09:00   2026-11-24T00:00:00Z   1d    -

    time-zone-prefix: a time zone in the schedule is not supported: the API server refuses it in a new CronJob, the controller ignores spec.timeZone, Europe/Paris, beside it; write spec.timeZone: Asia/Tokyo

    cronjob/shop/thirtieth-of-february (cronjobs.yaml:31: document 5)
    "0 0 30 2 *" in UTC, as of 2026-11-21T12:00:00Z

    never: no time in the next five calendar years fits the fields; look at day and month together

    cronjob/shop/every (cronjobs.yaml:39: document 6)
    "@every 90m" in UTC, as of 2026-11-21T12:00:00Z

    never: `@every` counts anew from startingDeadlineSeconds (1h) ago, which is less than 1h30m; raise or remove that, or write five fields
    every: `@every` counts from the last start, at first from the creation, here from now

    cronjob/shop/too-late-* (cronjobs.yaml:47: document 7)
    "0 0 1 jan *" in America/New_York, as of 2026-11-21T12:00:00Z

    never: with startingDeadlineSeconds 0 each start is too late already; leave it out, or give a minute or more

    cronjob/shop/short-lived (cronjobs.yaml:61: document 9)
    "*/10 * * * *" in Etc/UTC, as of 2026-11-21T12:00:00Z: next in 10m

    START                           UTC                    GAP   NOTE
    Sat 2026-11-21 12:10:00+00:00   2026-11-21T12:10:00Z   -     -
    Sat 2026-11-21 12:20:00+00:00   2026-11-21T12:20:00Z   10m   -

    W109: only 1 successful Job survives a TTL of 30s where one starts every 10m, and history keeps 10; raise the TTL to 1h40m, or lower the history limit
    W110: a TTL of 30s in the template can delete a Job before the CronJob controller has seen it succeed: lastSuccessfulTime may be lost; give Jobs of CronJobs 60s at least
    "#);
    assert_snapshot!(stderr, @r#"
    error: cronjobs.yaml:56: document 8: cronjob/old: batch/v1beta1: gone since Kubernetes 1.25; write `apiVersion: batch/v1`
    note: skipped 2 of other kinds: 1 ConfigMap, 1 CronJob of "batch/v1beta1"
    note: without a time zone the clocks of kube-controller-manager count, here taken to be UTC; --time-zone says what they are, and spec.timeZone leaves no doubt
    "#);
    let (_, stdout, _) = next(&["-f", "cronjobs.yaml", "-c", "1", "-o", "json"]);
    let all: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(all.as_array().map(Vec::len), Some(7));
    let (_, stdout, _) = next(&["-f", "cronjobs.yaml", "-c", "1", "-o", "yaml"]);
    assert_eq!(stdout.matches("---\n").count(), 6);
}

#[test]
fn a_dump_of_a_cluster_from_stdin() {
    let dump = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/dump.yaml");
    let mut command = command(&["-f", "-", "--now", "2026-11-21T12:00:00Z", "-c", "1"]);
    let (code, stdout, stderr) = run(command.write_stdin(std::fs::read(dump).unwrap()));
    assert_eq!(code, 0);
    assert_snapshot!(stdout, @r#"
    cronjob/shop/nightly (<stdin>:1: document 1, item 6)
    "0 2 * * *" in UTC, assumed, as of 2026-11-21T12:00:00Z: next in 14h

    START                           UTC                    GAP   NOTE
    Sun 2026-11-22 02:00:00+00:00   2026-11-22T02:00:00Z   -     -
    "#);
    assert_snapshot!(stderr, @r"
    note: skipped 4 of other kinds: 3 Job, 1 Pod
    note: without a time zone the clocks of kube-controller-manager count, here taken to be UTC; --time-zone says what they are, and spec.timeZone leaves no doubt
    ");
}

/// What a schedule says, and not what it looks like.
#[rstest::rstest]
#[case::nothing_odd("*/15 2 * * 1-5", &[])]
#[case::a_step_beyond_its_field("*/90 * * * *", &["step: `*/90` in the minute field is 0 of each hour, and not every 90 minutes, which is `@every 90m`, counted from the last start"])]
#[case::a_step_that_begins_anew("*/45 * * * *", &["step: `*/45` in the minute field is 0 and 45 of each hour, and not every 45 minutes, which is `@every 45m`, counted from the last start"])]
#[case::hours("0 */7 * * *", &["step: `*/7` in the hour field is 0, 7, 14 and 21 of each day, and not every 7 hours, which is `@every 7h`, counted from the last start"])]
#[case::days("0 0 */2 * *", &["step: `*/2` in the day-of-month field is 1, 3 … 31 of each month, and not every 2 days, which is `@every 48h`, counted from the last start"])]
#[case::weekdays("0 0 * * */2", &["step: `*/2` in the day-of-week field is 0, 2, 4 and 6 of each week"])]
#[case::either_day("0 0 13 * FRI", &["either-day: a day of the month that fits `13` starts, and so does a day of the week that fits `FRI`: where both are given, one of them suffices"])]
fn what_is_misread(#[case] schedule: &str, #[case] expected: &[&str]) {
    let (code, stdout, _) = next(&[schedule, "--time-zone", "UTC"]);
    assert_eq!(code, 0);
    let notes: Vec<&str> = stdout
        .lines()
        .filter(|line| line.starts_with("step:") || line.starts_with("either-day:"))
        .collect();
    assert_eq!(notes, expected, "{stdout}");
}

/// One sentence for a deadline, whatever it is.
#[rstest::rstest]
#[case::nothing(0, "never")]
#[case::below_ten(5, "W111")]
#[case::ten(10, "short-deadline")]
#[case::below_a_minute(59, "short-deadline")]
#[case::a_minute(60, "")]
fn a_short_deadline(#[case] seconds: u32, #[case] code: &str) {
    let text = format!(
        "apiVersion: batch/v1\nkind: CronJob\nmetadata: {{name: a}}\nspec: {{schedule: '@daily', \
         timeZone: Etc/UTC, startingDeadlineSeconds: {seconds}, jobTemplate: {{spec: {{}}}}}}\n"
    );
    let mut command = command(&["-f", "-", "-o", "json", "--now", "2026-11-21T12:00:00Z"]);
    let (_, stdout, _) = run(command.write_stdin(text));
    let answer: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    let codes: Vec<&str> = answer["notes"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|note| note["code"].as_str())
        .collect();
    let expected: Vec<&str> = Some(code).into_iter().filter(|code| !code.is_empty()).collect();
    assert_eq!(codes, expected);
}

/// After an edit to an earlier hour the controller makes today's start, late as it is.
#[test]
fn a_start_that_is_due_and_pending() {
    let arguments =
        ["-f", "field/edited-schedule.yaml", "-c", "1", "--now", "2026-11-19T12:30:00Z"];
    let (code, stdout, _) = run(&mut command(&arguments));
    assert_eq!(code, 0);
    assert_snapshot!(stdout, @r#"
    cronjob/shop/weekly-to-hourly (field/edited-schedule.yaml:1: document 1)
    "0 * * * *" in Etc/UTC, as of 2026-11-19T12:30:00Z: next in 30m

    START                           UTC                    GAP   NOTE
    Thu 2026-11-19 12:00:00+00:00   2026-11-19T12:00:00Z   -     due, pending: the controller makes it at its next look
    Thu 2026-11-19 13:00:00+00:00   2026-11-19T13:00:00Z   -     -

    pending: the start at 2026-11-19T12:00:00Z has come, and the status knows nothing of it: the built-in controller makes it at its next look, such as at a change of the CronJob or of one of its Jobs, unless the next start comes first and takes its place

    cronjob/shop/nightly-2300-to-0500 (field/edited-schedule.yaml:21: document 2)
    "0 5 * * *" in Etc/UTC, as of 2026-11-19T12:30:00Z: next in 16h30m

    START                           UTC                    GAP   NOTE
    Thu 2026-11-19 05:00:00+00:00   2026-11-19T05:00:00Z   -     due, pending: the controller makes it at its next look
    Fri 2026-11-20 05:00:00+00:00   2026-11-20T05:00:00Z   -     -

    pending: the start at 2026-11-19T05:00:00Z has come, and the status knows nothing of it: the built-in controller makes it at its next look, such as at a change of the CronJob or of one of its Jobs, unless the next start comes first and takes its place

    cronjob/shop/yearly-to-daily (field/edited-schedule.yaml:41: document 3)
    "0 3 * * *" in Etc/UTC, as of 2026-11-19T12:30:00Z: next in 14h30m

    START                           UTC                    GAP   NOTE
    Thu 2026-11-19 03:00:00+00:00   2026-11-19T03:00:00Z   -     due, pending: the controller makes it at its next look
    Fri 2026-11-20 03:00:00+00:00   2026-11-20T03:00:00Z   -     -

    pending: the start at 2026-11-19T03:00:00Z has come, and the status knows nothing of it: the built-in controller makes it at its next look, such as at a change of the CronJob or of one of its Jobs, unless the next start comes first and takes its place
    "#);
    let (_, stdout, _) = run(command(&arguments).args(["-o", "json"]));
    let all: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(all[1]["pending"]["utc"], "2026-11-19T05:00:00Z");
    assert_eq!(all[1]["starts"][0]["utc"], "2026-11-20T05:00:00Z");
    // A Job is on the list, and Forbid waits for it.
    let arguments = ["-f", "field/sidecar.yaml", "-c", "1", "--now", "2026-11-19T12:00:00Z"];
    let (_, stdout, _) = run(&mut command(&arguments));
    assert!(
        stdout.contains("the controller makes it once job/app-1 is over, if it is still there"),
        "{stdout}"
    );
}

/// Nothing can be created there.
#[rstest::rstest]
#[case::goes_away("Terminating", true)]
#[case::lives("Active", false)]
fn a_namespace_that_is_being_deleted(#[case] phase: &str, #[case] expected: bool) {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/field");
    let text = std::fs::read_to_string(fixtures.join("edited-schedule.yaml")).unwrap();
    let text = format!(
        "apiVersion: v1\nkind: Namespace\nmetadata: {{name: shop}}\nstatus: {{phase: {phase}}}\n{text}"
    );
    let mut command = command(&["-f", "-", "-o", "json", "--now", "2026-11-19T12:30:00Z"]);
    let (_, stdout, _) = run(command.write_stdin(text));
    let all: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    let told = all[1]["notes"][0]["code"] == "namespace-terminating";
    assert_eq!((told, all[1]["pending"].is_null()), (expected, expected), "{stdout}");
}

/// With one broken document nothing is shown of the others; each is named.
#[test]
fn broken_manifests() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("cron.yaml");
    let cronjob = |name: &str, spec: &str| {
        format!(
            "apiVersion: batch/v1\nkind: CronJob\nmetadata: {{name: {name}}}\nspec:\n  \
             jobTemplate: {{spec: {{}}}}\n{spec}"
        )
    };
    let documents = [
        cronjob("fine", "  schedule: '@daily'\n"),
        cronjob("seconds", "  schedule: 0 30 2 * * *\n"),
        cronjob("sunday", "  schedule: 0 2 * * 7\n"),
        cronjob("zone", "  schedule: 0 2 * * *\n  timeZone: Europe/Berln\n"),
        cronjob("number", "  schedule: 5\n"),
        cronjob("none", ""),
    ];
    std::fs::write(&file, documents.join("---\n")).unwrap();
    let (code, stdout, stderr) = run(command(&["-f", "cron.yaml"]).current_dir(directory.path()));
    assert_eq!((code, stdout.as_str()), (2, ""));
    assert_snapshot!(stderr, @r#"
    error: cron.yaml:7: document 2: cronjob/seconds: spec.schedule: "0 30 2 * * *" is no schedule: expected 5 fields, minute hour day-of-month month day-of-week, but found 6; there is no field for seconds or years, and a macro such as `@daily` stands alone without blanks; without the seconds it is "30 2 * * *"
    error: cron.yaml:14: document 3: cronjob/sunday: spec.schedule: "0 2 * * 7" is no schedule: `7` in the day-of-week field: 7 is no day of the week here; write 0 for Sunday
    error: cron.yaml:21: document 4: cronjob/zone: spec.timeZone: unknown time zone `Europe/Berln`; use a name of the IANA database, such as `Europe/Berlin`; did you mean `Europe/Berlin`?
    error: cron.yaml:29: document 5: cronjob/number: spec.schedule must be a string, and is the number 5; put it in quotes
    error: cron.yaml:36: document 6: cronjob/none: spec.schedule is missing
    "#);
}

#[test]
fn schedules_that_are_none() {
    let mut all = String::new();
    for arguments in [
        &["0 25 * * *"][..],
        &["* * * FRI *"],
        &["0 2 * * FRI-MON"],
        &["0 2 * * 5-7"],
        &["*/0 * * * *"],
        &["0 0 2 * * *"],
        &["0 2 * *"],
        &[""],
        &["@Daily"],
        &["@every 1d"],
        &["TZ=Berlin 0 2 * * *"],
        &["TZ=Europe/Berlin"],
        &["0 2 * * *", "--time-zone", "CET/Berlin"],
        &["0 2 * * *", "--time-zone", "Local"],
        &["0 2 * * *", "--time-zone", "Nowhere"],
        &["0", "2", "*", "*", "*"],
        &["job/shop/import"],
        &["cronjob/a/b/c"],
    ] {
        let (code, stdout, stderr) = next(arguments);
        assert_eq!((code, stdout.as_str()), (2, ""), "{arguments:?}");
        all += &stderr;
    }
    assert_snapshot!(all, @r#"
    error: "0 25 * * *" is no schedule: `25` in the hour field: 25 is above the greatest value, 23
    error: "* * * FRI *" is no schedule: `FRI` in the month field: `FRI` is neither a number nor a name of three letters, such as `jan`
    error: "0 2 * * FRI-MON" is no schedule: `FRI-MON` in the day-of-week field: 5 comes after 1; a range cannot wrap around, write two with a comma between
    error: "0 2 * * 5-7" is no schedule: `5-7` in the day-of-week field: 7 is no day of the week here; write 0 for Sunday
    error: "*/0 * * * *" is no schedule: `*/0` in the minute field: the step must be 1 or more
    error: "0 0 2 * * *" is no schedule: expected 5 fields, minute hour day-of-month month day-of-week, but found 6; there is no field for seconds or years, and a macro such as `@daily` stands alone without blanks; without the seconds it is "0 2 * * *"
    error: "0 2 * *" is no schedule: expected 5 fields, minute hour day-of-month month day-of-week, but found 4; there is no field for seconds or years, and a macro such as `@daily` stands alone without blanks
    error: "" is no schedule: the schedule is empty; write five fields, minute hour day-of-month month day-of-week, or a macro such as `@daily`
    error: "@Daily" is no schedule: unknown macro `@Daily`; there are `@yearly`, `@annually`, `@monthly`, `@weekly`, `@daily`, `@midnight`, `@hourly` and `@every <duration>`, in lower case and without blanks around; write "@daily"
    error: "@every 1d" is no schedule: `1d` is no duration; write `@every` and one blank, then numbers with the units `h`, `m` or `s`, such as `@every 1h30m`
    error: "TZ=Berlin 0 2 * * *" is no schedule: unknown time zone `Berlin`; use a name of the IANA database, such as `Europe/Berlin`; did you mean `Europe/Berlin`?
    error: "TZ=Europe/Berlin" is no schedule: `TZ=Europe/Berlin` names a time zone and nothing else; put a blank and the five fields behind
    error: --time-zone: unknown time zone `CET/Berlin`; use a name of the IANA database, such as `Europe/Berlin`; did you mean `Europe/Berlin`?
    error: --time-zone: `Local` is no time zone of its own; name the one you mean, such as `Europe/Berlin`
    error: --time-zone: unknown time zone `Nowhere`; use a name of the IANA database, such as `Europe/Berlin`
    error: the schedule came in 5 pieces; put it in quotes, which keep the shell from taking it apart: curfew next "0 2 * * *"
    error: job/shop/import: a Job has no schedule; name its CronJob
    error: "cronjob/a/b/c" names no CronJob; expected cronjob/NAMESPACE/NAME, or cronjob/NAME with -n NAMESPACE
    "#);
}

#[test]
fn a_schedule_that_never_fires() {
    let (code, stdout, _) = next(&["0 0 31 2 *"]);
    assert_eq!(code, 1);
    assert_snapshot!(stdout, @r#"
    "0 0 31 2 *" in UTC, assumed, as of 2026-11-21T12:00:00Z

    never: no time in the next five calendar years fits the fields; look at day and month together
    "#);
}

#[rstest::rstest]
#[case::nothing(&[], "required")]
#[case::both(&["0 2 * * *", "-f", "cronjobs.yaml"], "cannot be used with")]
#[case::none_at_all(&["0 2 * * *", "-c", "0"], "0 is not in 1..=1000")]
#[case::no_time(&["0 2 * * *", "--now", "today"], "--now")]
#[case::no_file(&["-f", "absent.yaml"], "absent.yaml: there is no such file")]
#[case::no_cronjob(&["-f", "example.yaml"], "there is no CronJob of batch/v1")]
fn wrong_use(#[case] arguments: &[&str], #[case] expected: &str) {
    let (code, stdout, stderr) = run(&mut command(arguments));
    assert_eq!((code, stdout.as_str()), (2, ""));
    assert!(stderr.contains(expected), "{stderr}");
}

/// A kubeconfig that is not there is the cluster's fault, not the schedule's.
#[test]
fn without_a_cluster() {
    let arguments = ["cronjob/shop/nightly", "--kubeconfig", "/nonexistent/kubeconfig"];
    let (code, stdout, _) = next(&arguments);
    assert_eq!((code, stdout.as_str()), (3, ""));
}
