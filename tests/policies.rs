//! Loading policies: what is accepted, and what every mistake is answered with.

use std::fs;
use std::path::Path;

use curfew::policy::{Policy, Source};

fn fixture(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn source(name: &str, text: impl Into<String>) -> Source {
    Source { name: name.to_owned(), text: text.into() }
}

#[test]
fn the_example_loads() {
    let loaded = Policy::load(&[source("example.yaml", fixture("example.yaml"))]).unwrap();
    assert_eq!(loaded.policy.rules.len(), 8);
    assert_eq!(loaded.policy.rules[0].origin.to_string(), "example.yaml:20");
}
