//! The list of threats in the README of the chart names tests: each of them is there.

use std::fs;
use std::path::Path;

use crate::helm::read;

#[test]
fn every_threat_has_its_tests() {
    let readme = read("README.md");
    let (_, rest) = readme.split_once("\n## Threats\n").expect("there is a list of threats");
    let (section, _) = rest.split_once("\n## ").expect("something follows");
    let rows: Vec<&str> = section.lines().filter(|line| line.starts_with("| ")).skip(1).collect();
    assert!(rows.len() > 20, "{}", rows.len());
    for row in rows {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").collect();
        let [_, _, tests] = cells[..] else { panic!("no three cells: {row}") };
        let mut names = Vec::new();
        for part in tests.split(", ") {
            let (name, file) = part.trim().split_once(" (").unwrap_or((part.trim(), ""));
            names.push(name.trim_matches('`'));
            let Some(file) = file.strip_suffix(')') else { continue };
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
            let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{file}: {error}"));
            for name in names.drain(..) {
                assert!(text.contains(&format!("fn {name}(")), "{file} has no test {name}");
            }
        }
        assert!(names.is_empty(), "no file is named for {names:?}");
    }
}
