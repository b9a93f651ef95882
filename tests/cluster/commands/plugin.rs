//! curfew as a plug-in of a real kubectl, by the names that kubectl looks for.

use std::os::unix::fs::symlink;
use std::process::{Command, Output};

use crate::support::{control_plane, process::Scratch};

#[test]
fn kubectl_runs_and_completes_it() {
    let Some(plane) = control_plane::shared() else { return };
    let folder = Scratch::new().unwrap();
    for name in ["kubectl-curfew", "kubectl_complete-curfew"] {
        symlink(env!("CARGO_BIN_EXE_curfew"), folder.join(name)).unwrap();
    }
    let kubectl = |arguments: &[&str]| -> Output {
        Command::new(plane.kubectl("default").program)
            .args(arguments)
            .env_clear()
            .env("HOME", folder.path())
            .env("PATH", folder.path())
            .env("KUBECONFIG", &plane.kubeconfig)
            .output()
            .expect("kubectl starts")
    };
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let ran = kubectl(&["curfew", "cronjobs", "-n", "default"]);
    assert!(ran.status.success(), "{}", text(&ran.stderr));
    let usage = kubectl(&["curfew", "plan", "--nonsense"]);
    assert!(text(&usage.stderr).contains("Usage: kubectl curfew plan"), "{}", text(&usage.stderr));
    let completed = kubectl(&["__complete", "curfew", "cron"]);
    assert!(text(&completed.stdout).starts_with("cronjobs\t"), "{}", text(&completed.stdout));
    let flag = kubectl(&["__complete", "curfew", "plan", "--older"]);
    assert!(text(&flag.stdout).starts_with("--older-than\t"), "{}", text(&flag.stdout));
}
