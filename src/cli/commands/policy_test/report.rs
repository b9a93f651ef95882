//! What came of the fixtures, for people and for CI systems.

use std::fmt::Write as _;

use super::run::{Failure, Suite, Tried};
use crate::cli::shared::Table;

/// A line for each fixture, or for each case, and below it everything that failed.
pub(super) fn table(suites: &[Suite], wide: bool) -> String {
    let table = if wide {
        let cases = each(suites).map(|(suite, case)| {
            let result = if case.passed { "pass" } else { "FAIL" };
            [suite.file.clone(), case.name.clone(), result.to_owned()]
        });
        Table::with_rows(["FIXTURE", "CASE", "RESULT"], cases)
    } else {
        let sums = suites.iter().map(|suite| {
            let failed = suite.failed();
            let passed = suite.cases.len() - failed;
            [suite.file.clone(), passed.to_string(), failed.to_string()]
        });
        Table::with_rows(["FIXTURE", "PASSED", "FAILED"], sums)
    };
    let mut text = table.to_string();
    for (suite, case) in each(suites).filter(|(_, case)| !case.passed) {
        let _ = writeln!(text, "\nFAIL {}: {}", suite.file, case.name);
        for failure in &case.failures {
            let _ = writeln!(text, "  {}", said(failure));
        }
    }
    text
}

/// The dialect of `JUnit`'s XML that CI systems read.
pub(super) fn junit(suites: &[Suite]) -> String {
    let (tests, failures) = (each(suites).count(), suites.iter().map(Suite::failed).sum::<usize>());
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let _ = writeln!(text, "<testsuites tests=\"{tests}\" failures=\"{failures}\">");
    for suite in suites {
        let (file, tests, failures) = (escape(&suite.file), suite.cases.len(), suite.failed());
        let _ = writeln!(
            text,
            "  <testsuite name=\"{file}\" tests=\"{tests}\" failures=\"{failures}\">"
        );
        for case in &suite.cases {
            let name = escape(&case.name);
            let _ = write!(text, "    <testcase classname=\"{file}\" name=\"{name}\"");
            if case.passed {
                text.push_str("/>\n");
                continue;
            }
            let lines: Vec<String> = case.failures.iter().map(said).collect();
            let (first, lines) = (escape(&lines[0]), escape(&lines.join("\n")));
            let _ = writeln!(text, ">\n      <failure message=\"{first}\">{lines}</failure>");
            text.push_str("    </testcase>\n");
        }
        text.push_str("  </testsuite>\n");
    }
    text + "</testsuites>\n"
}

fn each(suites: &[Suite]) -> impl Iterator<Item = (&Suite, &Tried)> {
    suites.iter().flat_map(|suite| suite.cases.iter().map(move |case| (suite, case)))
}

fn said(failure: &Failure) -> String {
    let Failure { what, expected, got } = failure;
    format!("{what}: expected {expected}, got {got}")
}

/// Text for an element or an attribute; what XML 1.0 cannot hold at all is left out.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' | '\t' => escaped.push(c),
            c if c.is_control() => {}
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::{Failure, Suite, Tried, escape, junit, table};

    fn suites() -> Vec<Suite> {
        let failure = |what: &str| Failure {
            what: what.to_owned(),
            expected: "<300>".to_owned(),
            got: "\"none\" & nothing".to_owned(),
        };
        let tried = |name: &str, failures: Vec<Failure>| Tried {
            name: name.to_owned(),
            passed: failures.is_empty(),
            failures,
        };
        vec![Suite {
            file: "a-test.yaml".to_owned(),
            cases: vec![
                tried("dev", Vec::new()),
                tried("prod", vec![failure("ttl"), failure("guard")]),
            ],
        }]
    }

    #[test]
    fn for_people() {
        insta::assert_snapshot!(table(&suites(), true), @r#"
        FIXTURE       CASE   RESULT
        a-test.yaml   dev    pass
        a-test.yaml   prod   FAIL

        FAIL a-test.yaml: prod
          ttl: expected <300>, got "none" & nothing
          guard: expected <300>, got "none" & nothing
        "#);
    }

    #[test]
    fn what_xml_cannot_hold_is_left_out() {
        assert_eq!(escape("a\u{1}b\tc\u{1b}[0m"), "ab\tc[0m");
    }

    #[test]
    fn for_ci() {
        insta::assert_snapshot!(junit(&suites()), @r#"
        <?xml version="1.0" encoding="UTF-8"?>
        <testsuites tests="2" failures="1">
          <testsuite name="a-test.yaml" tests="2" failures="1">
            <testcase classname="a-test.yaml" name="dev"/>
            <testcase classname="a-test.yaml" name="prod">
              <failure message="ttl: expected &lt;300&gt;, got &quot;none&quot; &amp; nothing">ttl: expected &lt;300&gt;, got &quot;none&quot; &amp; nothing
        guard: expected &lt;300&gt;, got &quot;none&quot; &amp; nothing</failure>
            </testcase>
          </testsuite>
        </testsuites>
        "#);
    }
}
