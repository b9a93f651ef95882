//! The table of controllers.md, row by row: what each action does about a stored object, as it is
//! then stored, with the record of it. No controller runs beside us, so what is left to the
//! built-in ones stays as it was written.

use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;

use curfew::clock;
use jiff::{SignedDuration, Timestamp, ToSpan};
use rstest::rstest;
use serde_json::{Value, json};

use super::{owned_by, soon};
use crate::support::{
    control_plane,
    manifest::{Finish, cron_job, days_ago, job, merged},
    namespace::Namespace,
    scene::{record, template_record, ttl},
    sweeping::{Sweeping, finished_job},
    wait::throughout,
};

/// What becomes of an object: its TTL and the entry of it, or nothing at all.
#[derive(Clone, Debug, PartialEq)]
enum End {
    Gone,
    Stays { ttl: Value, entry: Value },
}

/// How a Job was before.
#[derive(Clone, Debug)]
struct Before {
    /// How it ended, and how long ago; `None` where it runs.
    finish: Option<(Finish, SignedDuration)>,
    ttl: Value,
    entry: Value,
    overlay: Value,
}

/// A Job and what `Report`, `Marked`, `Patch` and `Delete` do about it; `None` is nothing.
type Row = (&'static str, Before, [Option<End>; 4]);

#[rstest]
fn each_row_of_the_table_is_kept(
    #[values((0, "Report"), (1, "Marked"), (2, "Patch"), (3, "Delete"))] action: (usize, &str),
) {
    let (column, action) = action;
    let Some(plane) = control_plane::shared() else { return };
    let space = plane.namespace("rows");
    let now = days_ago(0);
    let rows = rows(now);
    for (name, before, _) in &rows {
        before.create(&space, name, now);
    }
    let before: BTreeMap<&str, Value> =
        rows.iter().map(|(name, ..)| (*name, space.job(name))).collect();
    let policy = policy(&space.name, action);
    let sweeping = Sweeping::with_policy(space, &policy, &[]);
    let space = &sweeping.space;
    soon("it has looked", || (sweeping.passes() > 1).then_some(()));
    if action != "Delete" {
        let lag = sweeping.curfew.metric("curfew_builtin_ttl_lag_seconds");
        assert!(lag > 3000.0, "nobody deletes what is expired: {lag}");
    }
    let expected = |name: &str, ends: &[Option<End>; 4]| {
        ends[column].clone().unwrap_or_else(|| End::of(Some(&before[name])))
    };
    let wanted: BTreeMap<&str, End> =
        rows.iter().map(|(name, _, ends)| (*name, expected(name, ends))).collect();
    let present = || -> BTreeMap<&str, End> {
        rows.iter().map(|(name, ..)| (*name, End::of(space.find_job(name).as_ref()))).collect()
    };
    // What is written at all is written at once.
    let start = clock::instant();
    while present() != wanted && start.elapsed() < super::LIMIT / 2 {
        thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(present(), wanted);
    throughout("it stays so", Duration::from_secs(1), || present() == wanted);
    // One write for what changes, and none for the rest.
    let mut written = sweeping.called("patch");
    written.extend(sweeping.called("delete"));
    written.sort();
    let mut wanted: Vec<&str> =
        rows.iter().filter(|(_, _, ends)| ends[column].is_some()).map(|(name, ..)| *name).collect();
    wanted.sort_unstable();
    assert_eq!(written, wanted);
    for verb in ["create", "update", "deletecollection"] {
        assert_eq!(sweeping.called(verb), Vec::<String>::new());
    }
}

fn rows(now: Timestamp) -> Vec<Row> {
    let hours = SignedDuration::from_hours;
    let done = |ago: i64| Some((Finish::Complete, hours(ago)));
    let failed = |ago: i64| Some((Finish::Failed, hours(ago)));
    let plain = |finish, ttl: Value| Before { finish, ttl, entry: json!(null), overlay: json!({}) };
    let ours = |finish, ttl: Value, original: Value, rule: &str| Before {
        finish,
        entry: json!([ttl, original, rule]),
        ttl,
        overlay: json!({}),
    };
    let nothing = [None, None, None, None];
    let ends = |marked: Option<End>, patch: Option<End>, delete: Option<End>| {
        [None, marked, patch, delete]
    };
    let set = |ttl: i64, original: Value, rule: &str| {
        Some(End::Stays { ttl: json!(ttl), entry: json!([ttl, original, rule]) })
    };
    let back = |ttl: Value| Some(End::Stays { ttl, entry: json!(null) });
    let gone = || Some(End::Gone);
    let null = || json!(null);
    let tomorrow = now + hours(24);
    let hold = json!({"metadata": {"annotations": {"curfew.dev/hold-until": second(tomorrow)}}});
    let keep = json!({"metadata": {"labels": {"cleanup-policy": "keep"}}});
    let until_tomorrow = 25 * 3600 + 1;
    vec![
        // Finished, no TTL, the policy has one.
        ("without", plain(done(1), null()), ends(None, set(7200, null(), "here"), None)),
        ("without-over", plain(failed(3), null()), ends(None, set(7200, null(), "here"), gone())),
        // Finished, TTL ours, the outcome gives another.
        (
            "pair-lower",
            ours(done(1), json!(10_800), null(), "pair"),
            ends(set(7200, null(), "pair"), set(7200, null(), "pair"), None),
        ),
        (
            "pair-over",
            ours(done(2), json!(10_800), null(), "pair"),
            ends(set(7200, null(), "pair"), set(7200, null(), "pair"), gone()),
        ),
        (
            "pair-raise",
            ours(failed(1), json!(7200), null(), "pair"),
            [
                None,
                set(10_800, null(), "pair"),
                set(10_800, null(), "pair"),
                set(10_800, null(), "pair"),
            ],
        ),
        // Too late to raise: by its own TTL the built-in controller may be at it. It is not, and
        // under `Delete` the effective TTL counts.
        ("pair-late", ours(failed(2), json!(3600), null(), "pair"), nothing.clone()),
        // Finished, an author's TTL, the policy gives another.
        (
            "enforced",
            plain(done(1), json!(86_400)),
            ends(None, set(7200, json!(86_400), "enforced"), None),
        ),
        (
            "enforced-over",
            plain(failed(3), json!(86_400)),
            ends(None, set(7200, json!(86_400), "enforced"), gone()),
        ),
        (
            "enforced-raise",
            plain(done(1), json!(3700)),
            [None, None, set(7200, json!(3700), "enforced"), set(7200, json!(3700), "enforced")],
        ),
        ("authors", plain(done(1), json!(86_400)), nothing.clone()),
        // Effective TTL expired, the built-in controller off.
        ("expired", plain(done(1), json!(60)), ends(None, None, gone())),
        // Unfinished.
        (
            "runs-ours",
            ours(None, json!(60), null(), "here"),
            [None, set(7200, null(), "here"), set(7200, null(), "here"), set(7200, null(), "here")],
        ),
        (
            "enforced-runs",
            plain(None, json!(86_400)),
            ends(None, set(7200, json!(86_400), "enforced"), set(7200, json!(86_400), "enforced")),
        ),
        (
            "runs-without",
            plain(None, null()),
            ends(None, set(7200, null(), "here"), set(7200, null(), "here")),
        ),
        // Held, and released.
        (
            "held",
            Before { overlay: hold.clone(), ..ours(done(1), json!(7200), null(), "here") },
            [
                None,
                set(until_tomorrow, null(), "hold"),
                set(until_tomorrow, null(), "hold"),
                set(until_tomorrow, null(), "hold"),
            ],
        ),
        (
            "held-authors",
            Before { overlay: hold, ..plain(failed(1), json!(7200)) },
            [
                None,
                set(until_tomorrow, json!(7200), "hold"),
                set(until_tomorrow, json!(7200), "hold"),
                set(until_tomorrow, json!(7200), "hold"),
            ],
        ),
        (
            "released",
            ours(done(1), json!(until_tomorrow), json!(10_000), "hold"),
            [None, back(json!(10_000)), back(json!(10_000)), back(json!(10_000))],
        ),
        // Exempt, TTL ours.
        (
            "exempt",
            Before { overlay: keep.clone(), ..ours(done(1), json!(7200), null(), "here") },
            [None, back(null()), back(null()), back(null())],
        ),
        (
            "exempt-runs",
            Before { overlay: keep, ..ours(None, json!(60), json!(7200), "here") },
            [None, back(json!(7200)), back(json!(7200)), back(json!(7200))],
        ),
    ]
}

/// The last two rows: the values of a stored `CronJob`, and a family beyond its limit.
#[rstest]
fn a_cronjob_and_its_family(
    #[values((0, "Report"), (1, "Marked"), (2, "Patch"), (3, "Delete"))] action: (usize, &str),
) {
    let (column, action) = action;
    let Some(plane) = control_plane::shared() else { return };
    let space = plane.namespace("families");
    let template = |entry: Value, ttl: Value| {
        let text = if entry.is_null() { entry } else { json!(json!({"ttl": entry}).to_string()) };
        json!({"spec": {"jobTemplate": {
            "metadata": {"annotations": {"curfew.dev/applied": text}},
            "spec": {"ttlSecondsAfterFinished": ttl},
        }}})
    };
    let ours = json!({
        "metadata": {"annotations": {"curfew.dev/applied": r#"{"history.failed":[5,null,"here"]}"#}},
        "spec": {"failedJobsHistoryLimit": 5},
    });
    let mut none = space.create(&cron_job("none", json!({}))).ok();
    space
        .create(&cron_job("ours", merged(template(json!([60, null, "here"]), json!(60)), ours)))
        .ok();
    space.create(&cron_job("family", template(json!(null), json!(7200)))).ok();
    none["metadata"]["name"] = json!("family");
    none["metadata"]["uid"] = space.cron_job("family")["metadata"]["uid"].clone();
    for (name, how, hours) in [
        ("family-1", Finish::Complete, 5),
        ("family-2", Finish::Complete, 6),
        ("family-3", Finish::Complete, 4),
        ("family-4", Finish::Complete, 3),
        ("family-5", Finish::Failed, 8),
        ("family-6", Finish::Failed, 9),
    ] {
        let time = days_ago(0) - SignedDuration::from_hours(hours);
        let mut child = owned_by(&none, "batch/v1", "CronJob");
        if name == "family-3" {
            // Held, and so neither pruned nor counted.
            let hold = second(days_ago(-1));
            json_patch::merge(
                &mut child,
                &json!({"metadata": {"annotations": {"curfew.dev/hold-until": hold}}}),
            );
        }
        finished_job(&space, name, how, time, child);
    }
    let policy = policy(&space.name, action);
    let sweeping = Sweeping::with_policy(space, &policy, &[]);
    let space = &sweeping.space;
    soon("it has looked", || (sweeping.passes() > 1).then_some(()));
    let values = |name: &str| {
        let object = space.cron_job(name);
        let spec = &object["spec"];
        json!({
            "ttl": ttl(&object),
            "entry": template_record(&object)["ttl"],
            "history": [spec["successfulJobsHistoryLimit"], spec["failedJobsHistoryLimit"]],
            "record": record(&object),
        })
    };
    let (none, ours) = match column {
        0 => (UNTOUCHED, OURS),
        1 => (UNTOUCHED, OURS_SETTLED),
        _ => (FILLED, OURS_FILLED),
    };
    soon("everything is as the table says", || {
        (values("none") == parsed(none) && values("ours") == parsed(ours)).then_some(())
    });
    let mut expected = vec!["family-1", "family-2", "family-3", "family-4", "family-5", "family-6"];
    if column == 3 {
        expected.retain(|name| *name != "family-2");
    }
    soon("the family is as the table says", || (super::names(space) == expected).then_some(()));
    throughout("it stays so", Duration::from_secs(2), || super::names(space) == expected);
    assert_eq!(values("none"), parsed(none));
    assert_eq!(values("ours"), parsed(ours));
    // What lives longer is written first, and what ends Jobs by itself.
    let patched = sweeping.called("patch");
    let expected: &[usize] = match column {
        0 => &[0, 0, 0],
        1 => &[0, 0, 1],
        _ => &[1, 2, 1],
    };
    for (name, count) in ["none", "family", "ours"].iter().zip(expected) {
        assert_eq!(patched.iter().filter(|other| *other == name).count(), *count, "{patched:?}");
    }
}

fn policy(namespace: &str, action: &str) -> String {
    POLICY.replace("SPACE", namespace).replace("ACTION", action)
}

fn second(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).expect("it is written here")
}

// === impl Before ===

impl Before {
    fn create(&self, space: &Namespace<'_>, name: &str, now: Timestamp) {
        let Self { finish, ttl, entry, overlay } = self;
        let record =
            if entry.is_null() { entry.clone() } else { json!(json!({"ttl": entry}).to_string()) };
        let mut object = json!({
            "metadata": {"annotations": {"curfew.dev/applied": record}},
            "spec": {"ttlSecondsAfterFinished": ttl, "managedBy": "example.test/nobody"},
        });
        json_patch::merge(&mut object, overlay);
        space.create(&job(name, object)).ok();
        if let Some((how, ago)) = finish {
            // So that nothing falls due while the test looks on.
            space.finish_job(name, *how, now - *ago - 1.second());
        }
    }
}

// === impl End ===

impl End {
    fn of(job: Option<&Value>) -> Self {
        job.map_or(Self::Gone, |job| Self::Stays {
            ttl: ttl(job).clone(),
            entry: record(job)["ttl"].clone(),
        })
    }
}

/// As the API server fills it.
const UNTOUCHED: &str = r#"{"ttl": null, "entry": null, "history": [3, 1], "record": null}"#;
const OURS: &str = r#"{"ttl": 60, "entry": [60, null, "here"], "history": [3, 5],
    "record": {"history.failed": [5, null, "here"]}}"#;

/// What is ours is as the policy says, and nothing else.
const OURS_SETTLED: &str = r#"{"ttl": 7200, "entry": [7200, null, "here"], "history": [3, 2],
    "record": {"history.failed": [2, null, "here"]}}"#;
const FILLED: &str = r#"{"ttl": 7200, "entry": [7200, null, "here"], "history": [4, 2],
    "record": {"history.failed": [2, null, "here"], "history.successful": [4, null, "here"]}}"#;
const OURS_FILLED: &str = FILLED;

const POLICY: &str = r"
apiVersion: curfew.dev/v1alpha1
kind: JobPolicy
metadata: {name: test}
spec:
  exempt: {selectors: [{matchLabels: {cleanup-policy: keep}}]}
  stored: {action: Report, rate: 10000}
  rules:
    - name: enforced
      match: {namespaces: [SPACE], names: ['enforced*']}
      ttl: 2h
      enforce: true
      stored: ACTION
    - name: pair
      match: {namespaces: [SPACE], names: ['pair*']}
      ttl: {onSuccess: 2h, onFailure: 3h}
      stored: ACTION
    - name: family
      match: {namespaces: [SPACE], names: ['family*']}
      ttl: unset
      limits: {history: {max: 2}}
      stored: ACTION
    - name: here
      match: {namespaces: [SPACE]}
      ttl: 2h
      history: {successful: 4, failed: 2}
      stored: ACTION
";
