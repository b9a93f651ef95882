//! How long `mutate`, `diff` and `explain` take for a large file, and how much memory at most.
//!
//! Run with `cargo bench --bench offline`. The input is 20,000 Jobs, each of one of 2,000
//! `CronJob`s, of 20 namespaces: once as documents and once as the one list that `kubectl get -o
//! yaml` prints. Memory is what the kernel says of the process, so it needs a `/proc`.

pub mod common;

use std::{
    fmt::Write as _,
    fs::{self, File},
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use curfew::clock;

use common::{
    Called, Effort, report,
    statistics::{median, number, range},
};

fn main() {
    if let Called::Measure(effort) = common::called() {
        measure(effort);
    }
}

fn measure(effort: Effort) {
    let (jobs, cronjobs) = effort.pick((20_000, 2_000), (200, 20));
    report::head(&format!("Offline commands: {jobs} Jobs of {cronjobs} CronJobs"), effort);
    let scratch = tempfile::tempdir().expect("there is room for a file");
    let mut rows = Vec::new();
    let mut worst = (0.0_f64, 0.0_f64);
    for (shape, text) in [("documents", documents(jobs, cronjobs)), ("list", list(jobs, cronjobs))]
    {
        let input = scratch.path().join(shape);
        fs::write(&input, &text).expect("it is writable");
        for command in ["mutate", "diff", "explain"] {
            let runs: Vec<_> = (0..effort.pick(5, 1)).map(|_| run(command, &input)).collect();
            let seconds = runs.iter().map(|(time, _)| time.as_secs_f64());
            let (low, high) = range(seconds.clone());
            let (middle, peak) =
                (median(seconds), range(runs.iter().map(|(_, peak)| *peak)).1 / 1024.0);
            worst = (worst.0.max(middle), worst.1.max(peak));
            let megabytes = number(text.len()) / 1e6;
            rows.push([
                format!("{command}, {shape}, {megabytes:.1} MB"),
                format!("{middle:.2}"),
                format!("{low:.2}–{high:.2}"),
                format!("{peak:.0}"),
            ]);
        }
    }
    report::table(["", "median, s", "range, s", "peak, MiB"], &rows);
    report::say("");
    let (seconds, peak) = worst;
    report::goal("at most 1.5 s", &format!("{seconds:.2} s"), seconds <= 1.5);
    report::goal("at most 150 MiB", &format!("{peak:.0} MiB"), peak <= 150.0);
}

/// The time that a command takes, and the most memory that it was seen to hold, in KiB.
fn run(command: &str, input: &Path) -> (Duration, f64) {
    let start = clock::instant();
    let mut process = Command::new(env!("CARGO_BIN_EXE_curfew"))
        .args([command, "-f"])
        .arg(input)
        .env_remove("CURFEW_POLICY")
        .stdout(File::create("/dev/null").expect("it is there"))
        .stderr(Stdio::null())
        .spawn()
        .expect("the binary starts");
    let status = format!("/proc/{}/status", process.id());
    let mut peak = 0.0_f64;
    loop {
        // The highest so far; what grows within the last look is not seen.
        let now = fs::read_to_string(&status).ok().and_then(|status| {
            let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
            line.split_whitespace().nth(1)?.parse().ok()
        });
        peak = peak.max(now.unwrap_or_default());
        if let Some(status) = process.try_wait().expect("it is ours to wait for") {
            assert!(status.code() < Some(2), "{command} failed: {status}");
            return (start.elapsed(), peak);
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn documents(jobs: usize, cronjobs: usize) -> String {
    let mut text = String::new();
    for object in objects(jobs, cronjobs) {
        let _ = write!(text, "---\n{object}");
    }
    text
}

fn list(jobs: usize, cronjobs: usize) -> String {
    let mut text = "apiVersion: v1\nitems:\n".to_owned();
    for object in objects(jobs, cronjobs) {
        for (index, line) in object.lines().enumerate() {
            let _ = writeln!(text, "{}{line}", if index == 0 { "- " } else { "  " });
        }
    }
    text + "kind: List\nmetadata:\n  resourceVersion: \"\"\n"
}

fn objects(jobs: usize, cronjobs: usize) -> impl Iterator<Item = String> {
    let cronjob = |number| {
        let (name, namespace) = (format!("work-{number}"), number % NAMESPACES);
        let template = template(8);
        format!(
            "apiVersion: batch/v1\nkind: CronJob\nmetadata:\n  name: {name}\n  namespace: \
             team-{namespace}\n  uid: {number:08x}-0000-4000-8000-000000000000\nspec:\n  schedule: \
             \"*/5 * * * *\"\n  jobTemplate:\n    spec:\n      template:\n{template}"
        )
    };
    let job = move |number: usize| {
        let owner = number % cronjobs;
        let (name, namespace) = (format!("work-{owner}-{number}"), owner % NAMESPACES);
        let template = template(4);
        format!(
            "apiVersion: batch/v1\nkind: Job\nmetadata:\n  name: {name}\n  namespace: \
             team-{namespace}\n  labels:\n    app: work\n    number: \"{number}\"\n  \
             ownerReferences:\n  - apiVersion: batch/v1\n    controller: true\n    kind: CronJob\n    \
             name: work-{owner}\n    uid: {owner:08x}-0000-4000-8000-000000000000\nspec:\n  \
             backoffLimit: 2\n  template:\n{template}"
        )
    };
    (0..cronjobs).map(cronjob).chain((0..jobs).map(job))
}

/// A Pod template, indented by so many blanks.
fn template(indent: usize) -> String {
    let indented = |line| format!("{:indent$}{line}\n", "");
    TEMPLATE.lines().map(indented).collect()
}

const NAMESPACES: usize = 20;

const TEMPLATE: &str = "\
metadata:
  labels:
    app: work
spec:
  restartPolicy: Never
  containers:
  - name: worker
    image: registry.example.com/team/worker:1.42.0
    command:
    - /bin/sh
    - -c
    - |
      set -e
      exec /app/worker --once --verbose
    env:
    - name: MODE
      value: \"on\"
    - name: ENDPOINT
      value: https://example.com:8443/v1
    resources:
      requests:
        cpu: 100m
        memory: 128Mi
      limits:
        memory: 256Mi
";
