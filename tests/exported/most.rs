//! How large an export may be: an API server takes the largest that is printed, and carries it out.

use std::fmt::Write as _;

use serde_json::json;

use crate::{
    export::{Installed, exported},
    plane,
    support::{manifest::job, scene::ttl},
};

#[test]
fn the_largest_export_works() {
    let Some((plane, _alone)) = plane() else { return };
    let space = plane.namespace("most");
    let export = exported(plane, &policy(MOST_RULES)).expect("it writes");
    let _installed = Installed::new(plane, &export, &space);
    for (value, expected) in [(0, json!(100)), (MOST_RULES - 1, json!(1099)), (5000, json!(null))] {
        let overlay = json!({"metadata": {"labels": {"key": format!("v{value}")}}});
        let stored = space.dry_run(&job("one", overlay)).ok();
        assert_eq!(ttl(&stored), &expected, "v{value}");
    }
}

/// One rule for each value of a label, all with names as long as may be.
fn policy(rules: usize) -> String {
    let mut text = "apiVersion: curfew.dev/v1alpha1\nkind: JobPolicy\nmetadata: {name: most}\n\
                    spec:\n  rules:\n"
        .to_owned();
    for number in 0..rules {
        let (name, ttl) = (format!("{number:r>63}"), number + 100);
        let matches = format!("{{namespaces: ['most-*'], labels: {{key: v{number}}}}}");
        let _ = writeln!(text, "  - {{name: {name}, match: {matches}, ttl: {ttl}}}");
    }
    text
}

/// As many as `curfew export map` takes.
const MOST_RULES: usize = 1000;
