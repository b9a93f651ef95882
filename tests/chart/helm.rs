//! The chart, its files, and what helm makes of it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::{env, fs};

use serde::Deserialize;
use serde_json::Value;

use crate::support::{
    assets::{self, Absent},
    process::Scratch,
};

/// Renders the chart.
pub struct Helm {
    program: PathBuf,
    home: Scratch,
}

/// What was rendered.
#[derive(Clone, Debug)]
pub struct Rendering {
    pub text: String,
    pub objects: Vec<Value>,
}

// === impl Helm ===

impl Helm {
    /// `None` where there is no helm and none can be built, which has then been said.
    pub fn find() -> Option<Self> {
        static FOUND: OnceLock<Result<PathBuf, Absent>> = OnceLock::new();
        let program = FOUND.get_or_init(assets::helm).as_ref();
        let program = program.inspect_err(|absent| absent.report()).ok()?.clone();
        Some(Self { program, home: Scratch::new().expect("a scratch directory can be made") })
    }

    /// Renders a release `curfew` in the namespace [`NAMESPACE`].
    ///
    /// # Errors
    /// With what helm says.
    pub fn template(&self, arguments: &[&str]) -> Result<Rendering, String> {
        self.release("curfew", arguments)
    }

    /// As [`Helm::template`], of a release of another name.
    pub fn release(&self, name: &str, arguments: &[&str]) -> Result<Rendering, String> {
        let mut all = vec!["template", name];
        let chart = directory();
        all.push(chart.to_str().expect("the path is plain"));
        all.extend(["--namespace", NAMESPACE]);
        all.extend(arguments);
        let text = self.run(&all)?;
        let objects = documents(&text);
        Ok(Rendering { text, objects })
    }

    /// Renders a chart that differs from ours in `Chart.yaml`, by more lines there.
    pub fn of_chart(&self, more: &str, arguments: &[&str]) -> Result<Rendering, String> {
        let scratch = Scratch::new().expect("a scratch directory can be made");
        let chart = scratch.join("chart");
        let copied = Command::new("cp").arg("-r").arg(directory()).arg(&chart).status();
        assert!(copied.is_ok_and(|status| status.success()), "the chart can be copied");
        fs::write(chart.join("Chart.yaml"), read("Chart.yaml") + more).expect("it is ours");
        let chart = chart.to_str().expect("the path is plain");
        let text = self.run(&[&["template", "curfew", chart], arguments].concat())?;
        let objects = documents(&text);
        Ok(Rendering { text, objects })
    }

    /// Renders the notes, as an installation shows them.
    pub fn notes(&self, arguments: &[&str]) -> Result<String, String> {
        let chart = directory();
        let chart = chart.to_str().expect("the path is plain");
        let all = ["install", "curfew", chart, "--namespace", NAMESPACE, "--dry-run=client"];
        let text = self.run(&[&all[..], arguments].concat())?;
        let (_, notes) = text.split_once("NOTES:\n").ok_or("there are no notes")?;
        Ok(notes.to_owned())
    }

    pub fn run(&self, arguments: &[&str]) -> Result<String, String> {
        let output = Command::new(&self.program)
            .args(arguments)
            .env_clear()
            .env("HOME", self.home.path())
            .env("PATH", env::var_os("PATH").unwrap_or_default())
            .output()
            .expect("helm starts");
        if output.status.success() {
            return Ok(String::from_utf8(output.stdout).expect("helm prints text"));
        }
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

// === impl Rendering ===

impl Rendering {
    /// The one object of a kind and name.
    #[track_caller]
    pub fn object(&self, kind: &str, name: &str) -> &Value {
        let found = self.find(kind, name);
        found.unwrap_or_else(|| panic!("there is no {kind} {name}"))
    }

    pub fn find(&self, kind: &str, name: &str) -> Option<&Value> {
        self.objects
            .iter()
            .find(|object| object["kind"] == kind && object["metadata"]["name"] == name)
    }

    /// All objects of a kind.
    pub fn of(&self, kind: &str) -> impl Iterator<Item = &Value> {
        self.objects.iter().filter(move |object| object["kind"] == kind)
    }

    pub fn deployment(&self) -> &Value {
        self.of("Deployment").next().expect("there is a Deployment")
    }
}

/// The values files of `ci/`, by name.
pub fn values_files() -> Vec<PathBuf> {
    let entries = fs::read_dir(directory().join("ci")).expect("the chart has ci files");
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 8, "{files:?}");
    files
}

/// One of them.
pub fn values_file(name: &str) -> String {
    let path = directory().join(format!("ci/{name}-values.yaml"));
    path.to_str().expect("the path is plain").to_owned()
}

/// A file of the chart.
#[track_caller]
pub fn read(name: &str) -> String {
    let path = directory().join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

pub fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("charts/curfew")
}

/// The documents of a YAML text that say anything.
#[track_caller]
pub fn documents(text: &str) -> Vec<Value> {
    let documents = serde_yaml::Deserializer::from_str(text);
    let values = documents.map(|document| Value::deserialize(document).expect("it is YAML"));
    values.filter(|value| !value.is_null()).collect()
}

/// Where the release is.
pub const NAMESPACE: &str = "curfew-system";
