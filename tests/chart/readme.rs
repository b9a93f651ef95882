//! The README of the chart: its table of values is made of the comments in `values.yaml`.
//!
//! `CURFEW_UPDATE=1 cargo test --test chart readme` writes it anew.

use std::{env, fs, iter};

use serde_json::Value;

use crate::helm::{directory, read};

/// A row of the table.
#[derive(Debug, Eq, PartialEq)]
struct Row {
    key: String,
    default: String,
    about: String,
}

#[test]
fn the_table_of_values_is_current() {
    let readme = read("README.md");
    let (before, rest) = readme.split_once(BEGIN).expect("the README has a beginning of the table");
    let (_, after) = rest.split_once(END).expect("the README has an end of the table");
    let current = format!("{before}{BEGIN}\n{}{END}{after}", table(&read("values.yaml")));
    if env::var_os("CURFEW_UPDATE").is_some() {
        fs::write(directory().join("README.md"), current).unwrap();
        return;
    }
    assert!(
        readme == current,
        "charts/curfew/README.md is stale; run `CURFEW_UPDATE=1 cargo test --test chart readme`"
    );
}

/// No value without a word about it, in `values.yaml` or in the schema.
#[test]
fn values_and_schema_know_the_same() {
    let values: Value = serde_yaml::from_str(&read("values.yaml")).unwrap();
    let schema: Value = serde_json::from_str(&read("values.schema.json")).unwrap();
    let rows = rows(&read("values.yaml"));
    assert!(rows.len() > 60, "{}", rows.len());
    for Row { key, about, .. } in &rows {
        let pointer = format!("/{}", key.replace('.', "/"));
        assert!(values.pointer(&pointer).is_some(), "{key} is no value");
        let pointer = format!("/properties/{}", key.replace('.', "/properties/"));
        assert!(schema.pointer(&pointer).is_some(), "the schema does not know {key}");
        assert!(about.chars().next().is_some_and(|first| !first.is_lowercase()), "{key}: {about}");
        assert!(!about.ends_with('.'), "{key}: {about}");
    }
    let documented = |path: &str| rows.iter().any(|row| row.key == path);
    for leaf in leaves(&values, "") {
        let parts: Vec<&str> = leaf.split('.').collect();
        let said = (1..=parts.len()).any(|end| documented(&parts[..end].join(".")));
        assert!(said, "{leaf} is not documented");
    }
    for property in properties(&schema, "") {
        let parts: Vec<&str> = property.split('.').collect();
        let said = (1..=parts.len()).any(|end| documented(&parts[..end].join(".")));
        assert!(said || property == "global", "{property} is in the schema alone");
    }
    closed(&schema, "");
}

#[test]
fn rows_are_read() {
    let text = "a:\n  # -- Of b\n  b: 1\n  # Not this\n  # -- Of c,\n  # longer\n  c:\n    d: x\n# -- Of e\ne: [f, g]\n";
    let row = |key: &str, default: &str, about: &str| Row {
        key: key.to_owned(),
        default: default.to_owned(),
        about: about.to_owned(),
    };
    let expected = [
        row("a.b", "1", "Of b"),
        row("a.c", r#"{"d":"x"}"#, "Of c, longer"),
        row("e", r#"["f","g"]"#, "Of e"),
    ];
    assert_eq!(rows(text), expected);
}

fn table(values: &str) -> String {
    let line = |Row { key, default, about }: Row| {
        let default = match default.len() {
            0..=LONGEST => format!("`{default}`"),
            _ => "see `values.yaml`".to_owned(),
        };
        format!("| `{key}` | {default} | {} |\n", about.replace('|', "\\|"))
    };
    let head = "| value | default | what it is |\n|---|---|---|\n";
    iter::once(head.to_owned()).chain(rows(values).into_iter().map(line)).collect()
}

/// Every key with a comment that begins with `--`, in order.
fn rows(text: &str) -> Vec<Row> {
    let values: Value = serde_yaml::from_str(text).unwrap();
    let mut rows = Vec::new();
    let mut path: Vec<(usize, String)> = Vec::new();
    let mut about: Option<String> = None;
    for line in text.lines() {
        let indent = line.len() - line.trim_start().len();
        let content = line.trim_start();
        if let Some(comment) = content.strip_prefix('#') {
            match (comment.trim().strip_prefix("-- "), &mut about) {
                (Some(begun), _) => about = Some(begun.to_owned()),
                (None, Some(more)) => *more = format!("{more} {}", comment.trim()),
                (None, None) => {}
            }
            continue;
        }
        let Some((key, _)) = content.split_once(':').filter(|_| !content.starts_with('-')) else {
            about = None;
            continue;
        };
        path.retain(|(other, _)| *other < indent);
        path.push((indent, key.to_owned()));
        if let Some(about) = about.take() {
            let names: Vec<&str> = path.iter().map(|(_, name)| name.as_str()).collect();
            let default = values.pointer(&format!("/{}", names.join("/")));
            let default = default.unwrap_or_else(|| panic!("{names:?} is no value")).to_string();
            rows.push(Row { key: names.join("."), default, about });
        }
    }
    rows
}

fn leaves(value: &Value, path: &str) -> Vec<String> {
    match value.as_object() {
        Some(map) if !map.is_empty() => {
            map.iter().flat_map(|(key, value)| leaves(value, &join(path, key))).collect()
        }
        _ => vec![path.to_owned()],
    }
}

fn properties(schema: &Value, path: &str) -> Vec<String> {
    match schema["properties"].as_object() {
        Some(map) => {
            map.iter().flat_map(|(key, inner)| properties(inner, &join(path, key))).collect()
        }
        None => vec![path.to_owned()],
    }
}

/// Whatever lists what it knows takes nothing else.
fn closed(schema: &Value, path: &str) {
    if let Some(map) = schema["properties"].as_object() {
        assert_eq!(schema["additionalProperties"], false, "{path} takes anything");
        map.iter().for_each(|(key, inner)| closed(inner, &join(path, key)));
    }
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

const BEGIN: &str = "<!-- values: made of the comments in values.yaml -->";
const END: &str = "<!-- end of values -->";

/// Characters of a default that fits into the table.
const LONGEST: usize = 80;
