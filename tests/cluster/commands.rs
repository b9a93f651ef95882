//! The commands that talk to a cluster, as the binary that was built, on a real API server.

mod cronjobs;
mod explain;
mod failing;
mod full;
mod hold;
mod installation;
mod next;
mod plan;
mod plugin;
mod proxied;
mod sweep;

use std::{
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};

use crate::support::{
    control_plane::ControlPlane,
    manifest::{Finish, days_ago, job, merged},
    namespace::Namespace,
    process::Scratch,
};

/// Holds a user's terminal, as it were: a kubeconfig, a policy file, a folder to work in.
struct User {
    kubeconfig: PathBuf,
    folder: Scratch,
}

/// How a command ended.
#[derive(Debug)]
struct Ended {
    code: i32,
    stdout: String,
    stderr: String,
}

// === impl User ===

impl User {
    fn admin(plane: &ControlPlane) -> Self {
        Self::with(&plane.kubeconfig)
    }

    fn with(kubeconfig: &Path) -> Self {
        let folder = Scratch::new().expect("a scratch directory can be made");
        folder.write("policy.yaml", POLICY);
        Self { kubeconfig: kubeconfig.to_path_buf(), folder }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_curfew"));
        command
            .args(arguments)
            .arg("--kubeconfig")
            .arg(&self.kubeconfig)
            .env_clear()
            .env("HOME", self.folder.path())
            .current_dir(self.folder.path())
            .stdin(Stdio::null());
        command
    }

    /// Runs a command in the folder, where `policy.yaml` is [`POLICY`].
    fn run(&self, arguments: &[&str]) -> Ended {
        Ended::of(self.command(arguments).output().expect("curfew starts"))
    }
}

// === impl Ended ===

impl Ended {
    fn of(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("output is UTF-8");
        Self {
            code: output.status.code().expect("no signal ended it"),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }

    #[track_caller]
    fn code(self, expected: i32) -> Self {
        assert_eq!(self.code, expected, "{self:#?}");
        self
    }

    /// # Panics
    /// Where stdout is no JSON.
    #[track_caller]
    fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:#?}"))
    }
}

/// A Job that ended so many days ago; nobody else writes to it.
fn finished(space: &Namespace<'_>, name: &str, days: i64, overlay: &Value) -> Value {
    finished_at(space, name, days_ago(days), overlay)
}

fn finished_at(space: &Namespace<'_>, name: &str, at: Timestamp, overlay: &Value) -> Value {
    let nobody = json!({"spec": {"managedBy": "example.test/nobody"}});
    space.create(&job(name, merged(nobody, overlay))).ok();
    space.finish_job(name, Finish::Complete, at)
}

/// What makes a Job a child of a `CronJob`.
fn child_of(cronjob: &Value) -> Value {
    json!({"metadata": {"ownerReferences": [{
        "apiVersion": "batch/v1", "kind": "CronJob", "controller": true,
        "name": cronjob["metadata"]["name"], "uid": cronjob["metadata"]["uid"],
    }]}})
}

/// The whole second that is so many seconds away.
fn from_now(seconds: i64) -> String {
    let at = curfew::clock::now() + seconds.seconds();
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

const POLICY: &str = r"
apiVersion: curfew.dev/v1alpha1
kind: JobPolicy
metadata: {name: cluster}
spec:
  stored: {action: Delete}
  rules:
    - {name: keep, match: {labels: {keep: 'yes'}}, ttl: 30d}
  defaults: {ttl: 7d}
";
