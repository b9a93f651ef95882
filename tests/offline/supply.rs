//! What a release is made of besides its own source: the images that it is built from, the crates
//! whose known holes are looked up, and the versions of Kubernetes that it is tested on.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use rstest::rstest;

use crate::versions;

/// A tag is whatever its owner makes of it tomorrow.
#[test]
fn every_base_image_is_pinned() {
    let text = fs::read_to_string(root().join("Dockerfile")).unwrap();
    let mut stages: Vec<&str> = vec!["scratch"];
    let mut seen = 0;
    for line in text.lines().filter(|line| line.trim_start().to_uppercase().starts_with("FROM ")) {
        let words: Vec<&str> = line.split_whitespace().filter(|w| !w.starts_with("--")).collect();
        let image = words[1];
        assert!(stages.contains(&image) || is_pinned(image), "{line}");
        seen += 1;
        stages.extend(words.get(3));
    }
    assert!(seen > 0);
    let copied = text.lines().filter_map(|line| line.split_once("--from="));
    for (_, rest) in copied {
        let image = rest.split_whitespace().next().unwrap();
        assert!(stages.contains(&image) || is_pinned(image), "{rest}");
    }
}

fn is_pinned(image: &str) -> bool {
    image.split_once("@sha256:").is_some_and(|(_, digest)| {
        digest.len() == 64 && digest.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    })
}

/// How the check ends, by how the two calls of `cargo deny` end.
#[rstest]
#[case::nothing_is_known(0, 0, true, false)]
#[case::something_is_known(0, 1, false, false)]
#[case::there_is_no_list(1, 0, true, true)]
// Not even an old one is taken for it.
#[case::there_is_no_list_and_an_old_one_knows(1, 1, true, true)]
fn advisories_are_checked_or_it_is_said(
    #[case] fetch: u8,
    #[case] check: u8,
    #[case] passes: bool,
    #[case] says: bool,
) {
    let scratch = tempfile::tempdir().unwrap();
    let cargo = scratch.path().join("cargo");
    let script = format!(
        "#!/bin/sh\ncase \"$*\" in\n'deny fetch db') exit {fetch};;\n\
         'deny check --disable-fetch advisories') exit {check};;\nesac\nexit 99\n"
    );
    fs::write(&cargo, script).unwrap();
    fs::set_permissions(&cargo, fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", scratch.path().display(), std::env::var("PATH").unwrap());
    let Output { status, stderr, .. } =
        Command::new(root().join(".ci/advisories")).env("PATH", path).output().unwrap();
    let stderr = String::from_utf8(stderr).unwrap();
    assert_eq!(status.success(), passes, "{stderr}");
    assert_eq!(stderr.contains("!!! ADVISORIES NOT CHECKED"), says, "{stderr}");
}

/// It is one of the steps of a change.
#[test]
fn advisories_are_part_of_the_checks() {
    let text = fs::read_to_string(root().join(".ci/run")).unwrap();
    assert!(text.lines().any(|line| line == "step .ci/advisories"));
}

/// What the chart and the pages say about versions is what the tests run on.
#[test]
fn the_versions_that_are_named_are_those_that_are_tested() {
    let versions = versions::versions();
    let (first, last) = (&versions[0], &versions[versions.len() - 1]);
    let all = format!("Kubernetes {first} to {last}");
    for (file, said) in [
        ("charts/curfew/Chart.yaml", format!("\nkubeVersion: \">={first}.0-0\"\n")),
        ("charts/curfew/README.md", format!("Kubernetes {first} or newer")),
        ("README.md", all.clone()),
        ("docs/upstream-semantics.md", all.clone()),
        ("docs/upstream-semantics.md", format!("| | {} | curfew |", versions.join(" | "))),
        ("docs/versions.md", all),
    ] {
        assert!(read(file).contains(&said), "{file} does not say {said:?}");
    }
    let page = read("docs/versions.md");
    let rows: Vec<Vec<&str>> = page
        .lines()
        .filter(|line| line.starts_with("| v"))
        .map(|line| line.split('|').map(str::trim).collect())
        .collect();
    let not_run = page.lines().find_map(|line| line.strip_prefix("Not run yet: ")).unwrap_or("");
    let not_run: Vec<_> = not_run.trim_end_matches('.').split(", ").collect();
    for version in &versions {
        for suite in SUITES {
            let of =
                |row: &&Vec<&str>| row[1].starts_with(&format!("v{version}.")) && row[3] == suite;
            let found = rows.iter().filter(of).count();
            let expected = usize::from(!not_run.contains(&version.as_str()));
            assert_eq!(found, expected, "{suite} on {version}: run tests/versions {version}");
        }
    }
    assert!(!page.contains("failed"), "{page}");
}

fn read(file: &str) -> String {
    fs::read_to_string(root().join(file)).unwrap()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// What `tests/versions` runs.
const SUITES: [&str; 6] =
    ["cluster", "cluster: the delete contract", "scheduling", "chart", "exported", "upstream"];
