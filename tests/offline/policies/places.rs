//! Where a finding is shown.

use curfew::cli::shared::report;
use curfew::policy::Policy;
use rstest::rstest;

use super::{HEAD, source};

#[rstest]
#[case::plain("spec:\n  mod: Off\n", (5, 3), "mod")]
#[case::after_wide_characters("spec:\n  \"äöü\": 1\n  mod: Off\n", (5, 3), "\"äöü\"")]
#[case::behind_wide_characters("spec: {mode: \"äöü\", \u{1F600}: 1}\n", (4, 14), "\"äöü\"")]
#[case::windows_line_ends("spec:\r\n  mod: Off\r\n", (5, 3), "mod")]
#[case::single_quotes("spec:\n  mode: 'it''s'\n", (5, 9), "'it''s'")]
#[case::block_scalar("spec:\n  mode: |\n    Off\n", (5, 9), "|")]
#[case::anchor("spec:\n  mode: &a of\n", (5, 12), "of")]
#[case::value_on_the_next_line("spec:\n  mode:\n    Of\n", (6, 5), "Of")]
#[case::block_list("spec:\n  mode:\n    - Off\n", (6, 5), "- Off")]
#[case::block_map("spec:\n  mode:\n    a: b # c\n", (6, 5), "a: b")]
#[case::empty_list("spec:\n  # why\n  mode: # so\n    []\n", (7, 5), "[]")]
#[case::nested_flow("spec: {rules: [[{a: [b]}]]}\n", (4, 16), "[{a: [b]}]")]
fn the_first_error_is_underlined(
    #[case] spec: &str,
    #[case] place: (usize, usize),
    #[case] underlined: &str,
) {
    let text = format!("{HEAD}{spec}");
    let errors = Policy::load(&[source("policy.yaml", text.as_str())]).unwrap_err();
    let first = &errors[0];
    assert_eq!(
        (first.line, first.column, &text[first.span.clone()]),
        (place.0, place.1, underlined)
    );
}

#[test]
fn a_byte_order_mark_moves_nothing() {
    let text = format!("\u{feff}{HEAD}spec:\n  mod: Off\n");
    let errors = Policy::load(&[source("policy.yaml", text)]).unwrap_err();
    assert_eq!((errors[0].line, errors[0].column), (5, 3), "{errors:?}");
}

#[test]
fn colour_is_decoration_only() {
    let sources = [source("policy.yaml", format!("{HEAD}spec: {{mod: Off}}\n"))];
    let errors = Policy::load(&sources).unwrap_err();
    let (plain, colored) = (
        report::diagnostics(&errors, &sources, false),
        report::diagnostics(&errors, &sources, true),
    );
    assert!(colored.contains("\x1b["), "{colored:?}");
    assert_eq!(anstream::adapter::strip_str(&colored).to_string(), plain);
}
