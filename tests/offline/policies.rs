//! Loading policies: what is accepted, and what every mistake is answered with.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use curfew::cli::shared::report;
use curfew::policy::{Diagnostic, Loaded, Policy, Source};

mod bounds;
mod meaning;
mod mutations;
mod places;
mod revision;
mod schema;

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn entries(directory: &Path) -> Vec<PathBuf> {
    let mut entries: Vec<PathBuf> =
        fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    entries
}

fn name(path: &Path) -> String {
    path.file_name().unwrap().to_str().unwrap().to_owned()
}

fn source(name: &str, text: impl Into<String>) -> Source {
    Source { name: name.to_owned(), text: text.into() }
}

/// A file, or the files of a directory, as one policy.
fn sources(path: &Path) -> Vec<Source> {
    let files = if path.is_dir() { entries(path) } else { vec![path.to_owned()] };
    files.iter().map(|file| source(&name(file), read(file))).collect()
}

fn example() -> String {
    read(&fixtures().join("example.yaml"))
}

#[test]
fn the_example_loads() {
    let sources = [source("example.yaml", example())];
    let Loaded { policy, warnings } = Policy::load(&sources).unwrap();
    assert_eq!(policy.rules.len(), 8);
    assert_eq!(policy.rules[0].origin.to_string(), "example.yaml:20");
    insta::assert_snapshot!(report::diagnostics(&warnings, &sources, false), @r#"
    example.yaml:37:23: warning[W103] batch-processor-* of rule "bulk-batch" misses a CronJob called batch-processor, and with it all of its Jobs
       |
    37 |       match: {names: ["batch-processor-*"]}
       |                       ^^^^^^^^^^^^^^^^^^^
       |
       = help: write batch-processor* for both, or kinds: [Job] if only Jobs without a CronJob are meant
    "#);
}

#[test]
fn every_broken_file_is_answered() {
    for path in entries(&fixtures().join("broken")) {
        let sources = sources(&path);
        let errors = Policy::load(&sources).expect_err(&name(&path));
        for error in &errors {
            assert!(error.mend.is_some(), "how to mend it? {error:?}");
        }
        snapshot("broken", &path, &errors, &sources);
    }
}

#[test]
fn every_odd_file_loads_with_warnings() {
    for path in entries(&fixtures().join("odd")) {
        let sources = sources(&path);
        let loaded = Policy::load(&sources)
            .unwrap_or_else(|errors| panic!("{}", report::diagnostics(&errors, &sources, false)));
        snapshot("odd", &path, &loaded.warnings, &sources);
    }
}

fn snapshot(group: &str, path: &Path, list: &[Diagnostic], sources: &[Source]) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_suffix(name(path).replace(".yaml", ""));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(group, report::diagnostics(list, sources, false)));
}

/// The policies that are shipped, each of one file.
fn shipped() -> Vec<PathBuf> {
    let policies = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
    let files = [policies.clone(), policies.join("examples")].into_iter().flat_map(|d| entries(&d));
    let is_policy = |path: &PathBuf| {
        let stem = name(path).strip_suffix(".yaml").map(str::to_owned);
        stem.is_some_and(|stem| !stem.ends_with("-test"))
    };
    files.filter(is_policy).collect()
}

#[test]
fn what_is_shipped_loads() {
    let shipped = shipped();
    assert!(shipped.len() > 5, "{shipped:?}");
    for path in shipped {
        let sources = sources(&path);
        let errors = Policy::load(&sources).err().unwrap_or_default();
        assert!(errors.is_empty(), "{}", report::diagnostics(&errors, &sources, false));
    }
}

#[test]
fn every_code_is_tested() {
    let source = read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/policy/code.rs"));
    let codes: Vec<&str> = source.split('"').skip(1).step_by(2).collect();
    assert_eq!(codes.len(), codes.iter().collect::<BTreeSet<_>>().len(), "one code, one meaning");
    let snapshots = entries(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/offline/snapshots"));
    let seen: String = snapshots.iter().map(|path| read(path)).collect();
    // These need more text than a fixture should hold, or an object: see `bounds` below and
    // src/policy/lint/object.rs.
    let elsewhere = ["E000", "E004", "E039", "W109", "W110", "W114"];
    for code in codes {
        assert!(seen.contains(&format!("[{code}]")) || elsewhere.contains(&code), "{code}");
    }
}

const HEAD: &str = "apiVersion: curfew.dev/v1alpha1\nkind: JobPolicy\nmetadata: {name: cluster}\n";

fn load(spec: &str) -> Result<Loaded, Vec<Diagnostic>> {
    Policy::load(&[source("policy.yaml", format!("{HEAD}{spec}"))])
}

fn codes(result: Result<Loaded, Vec<Diagnostic>>) -> Vec<&'static str> {
    let codes = result.err().unwrap_or_default().iter().map(|error| error.code).collect::<Vec<_>>();
    assert!(codes.len() <= 201);
    codes
}
