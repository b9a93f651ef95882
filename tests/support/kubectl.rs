//! kubectl with a home and a kubeconfig of its own, never the user's.

use std::{
    io::Write,
    path::PathBuf,
    process::{Command, Stdio},
};

use serde_json::Value;

/// Holds a kubectl that is bound to one namespace.
#[derive(Clone, Debug)]
pub struct Kubectl {
    pub program: PathBuf,
    pub kubeconfig: PathBuf,
    pub home: PathBuf,
    pub namespace: String,
}

/// What it said.
#[derive(Clone, Debug)]
pub struct Said {
    pub success: bool,
    pub stdout: String,
    pub stderr: String,
}

// === impl Kubectl ===

impl Kubectl {
    pub fn run(&self, arguments: &[&str]) -> Said {
        self.run_with(arguments, "")
    }

    /// With something on stdin, for `-f -`.
    pub fn run_with(&self, arguments: &[&str], input: &str) -> Said {
        self.run_in(&[], arguments, input)
    }

    /// `kubectl edit` with a program in the place of a person, which is given the file.
    pub fn edit(&self, what: &str, editor: &str) -> Said {
        self.run_in(&[("KUBE_EDITOR", editor)], &["edit", what], "")
    }

    fn run_in(&self, environment: &[(&str, &str)], arguments: &[&str], input: &str) -> Said {
        let mut child = Command::new(&self.program)
            .arg("--namespace")
            .arg(&self.namespace)
            .args(arguments)
            .env_clear()
            .env("HOME", &self.home)
            // `kubectl edit` keeps there what could not be saved.
            .env("TMPDIR", &self.home)
            // `kubectl diff` runs the diff that it finds there.
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("KUBECONFIG", &self.kubeconfig)
            .envs(environment.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("kubectl starts");
        let mut stdin = child.stdin.take().expect("stdin is a pipe");
        stdin.write_all(input.as_bytes()).expect("kubectl reads all of its input");
        drop(stdin);
        let output = child.wait_with_output().expect("kubectl can be waited for");
        Said {
            success: output.status.success(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// # Panics
    /// Where it fails.
    #[track_caller]
    pub fn ok(&self, arguments: &[&str]) -> Said {
        self.ok_with(arguments, "")
    }

    #[track_caller]
    pub fn ok_with(&self, arguments: &[&str], input: &str) -> Said {
        let said = self.run_with(arguments, input);
        assert!(said.success, "kubectl {arguments:?}: {}", said.stderr);
        said
    }

    /// Runs it with `-o json` and reads what it prints.
    #[track_caller]
    pub fn json(&self, arguments: &[&str], input: &str) -> Value {
        let arguments: Vec<&str> = arguments.iter().copied().chain(["-o", "json"]).collect();
        let said = self.ok_with(&arguments, input);
        serde_json::from_str(&said.stdout).expect("`-o json` gives JSON")
    }
}
