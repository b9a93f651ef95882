//! The JSON Schema, asked through another engine.

use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use curfew::policy::{Policy, schema};
use rstest::rstest;

use super::{HEAD, entries, example, fixtures, name, read, shipped, source};

/// Whether the schema accepts a text, as a second engine sees it.
pub(super) fn is_valid(text: &str) -> bool {
    static SCHEMA: LazyLock<jsonschema::Validator> =
        LazyLock::new(|| jsonschema::draft202012::new(&schema::json()).unwrap());
    serde_yaml::from_str(text).is_ok_and(|document| SCHEMA.is_valid(&document))
}

#[test]
fn the_schema_file_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies/policy.schema.json");
    let file = fs::read_to_string(path).unwrap_or_default();
    assert!(
        file == schema::text(),
        "policies/policy.schema.json is stale; run `curfew schema > policies/policy.schema.json`"
    );
}

#[test]
fn the_schema_is_one() {
    assert!(jsonschema::meta::is_valid(&schema::json()));
}

#[test]
fn what_is_shipped_is_valid() {
    assert!(is_valid(&example()));
    for path in shipped() {
        assert!(is_valid(&read(&path)), "{}", path.display());
    }
    for path in entries(&fixtures().join("odd")).into_iter().filter(|path| path.is_file()) {
        assert!(is_valid(&read(&path)), "{}", path.display());
    }
}

/// What is wrong with one value the schema says, too; what is wrong between values it cannot know.
#[test]
fn the_schema_refuses_what_is_broken_in_itself() {
    let between = [
        // What reads YAML for the second engine lets the last one win.
        "duplicate-keys.yaml",
        "duplicate-rule.yaml",
        "enforce-unset.yaml",
        "limits-crossed.yaml",
        "own-without-zone.yaml",
        "values-outside-limits.yaml",
    ];
    let files = entries(&fixtures().join("broken")).into_iter().filter(|path| path.is_file());
    let valid: Vec<String> =
        files.filter(|path| is_valid(&read(path))).map(|path| name(&path)).collect();
    assert_eq!(valid, between);
}

/// Loader and schema agree about each of these, in either direction.
#[rstest]
fn loader_and_schema_agree(
    #[values(
        "0",
        "0s",
        "60",
        "2147483647",
        "1h30m",
        "2w1d",
        "24855d",
        "\"300\"",
        "1:30",
        "30m1h",
        "1h1h",
        "1.5h",
        "-1",
        "2147483648",
        "\"\"",
        "1H",
        "1 h",
        "h",
        "unset",
        "Unset",
        "true",
        "[1h]",
        "{}",
        "{onSuccess: 1h, onFailure: unset}",
        "{onSuccess: 1h}",
        "~",
        "007"
    )]
    ttl: &str,
) {
    let text = format!("{HEAD}spec: {{defaults: {{ttl: {ttl}}}}}\n");
    assert_eq!(is_valid(&text), Policy::load(&[source("policy.yaml", text.as_str())]).is_ok());
}
