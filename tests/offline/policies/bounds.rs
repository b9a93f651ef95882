//! How much a policy may hold, and that more than that does no harm.

use curfew::policy::Policy;
use rstest::rstest;

use super::{HEAD, codes, load, source};

#[test]
fn no_file_is_an_error() {
    assert_eq!(codes(Policy::load(&[])), ["E003"]);
}

#[rstest]
#[case::just_fits(1 << 20, &[])]
#[case::too_large((1 << 20) + 1, &["E004"])]
fn a_file_may_have_a_mebibyte(#[case] bytes: usize, #[case] expected: &[&str]) {
    let mut text = format!("{HEAD}spec: {{}}\n#");
    text.push_str(&"x".repeat(bytes - text.len()));
    assert_eq!(codes(Policy::load(&[source("large.yaml", text)])), expected);
}

#[rstest]
#[case::just_fits(10_000, &[])]
#[case::too_many(10_001, &["E039"])]
fn there_may_be_ten_thousand_rules(#[case] rules: usize, #[case] expected: &[&str]) {
    let half = |from: usize, to: usize| {
        let rule = |n| format!("{{name: r{n}, match: {{namespaces: [n{n}]}}, ttl: 1h}}");
        let rules: Vec<String> = (from..to).map(rule).collect();
        format!("{HEAD}spec:\n  rules: [\n{}]\n", rules.join(",\n"))
    };
    let sources = [source("1.yaml", half(0, rules / 2)), source("2.yaml", half(rules / 2, rules))];
    assert_eq!(codes(Policy::load(&sources)), expected);
}

#[test]
fn two_hundred_findings_are_shown_and_the_rest_is_counted() {
    let rules: Vec<String> = (0..250).map(|n| format!("{{name: r{n}, tll: {n}}}")).collect();
    let errors = load(&format!("spec: {{rules: [{}]}}\n", rules.join(", "))).unwrap_err();
    assert_eq!(errors.len(), 201);
    let last = errors.last().unwrap();
    assert_eq!((last.code, last.message.as_str()), ("E000", "299 more findings are not shown"));
}

/// Few jumps, each over a long list: the library's own bound does not see it.
#[test]
fn a_quadratic_alias_bomb_is_refused() {
    let list = "x,".repeat(500);
    let aliases = "*a,".repeat(500);
    let result = load(&format!("spec:\n  exempt: {{namespaces: &a [{list}], b: [{aliases}]}}\n"));
    assert_eq!(codes(result), ["E005"]);
}

/// An alias takes three bytes and may stand for a megabyte.
#[test]
fn an_alias_bomb_of_one_long_text_is_refused() {
    let text = "x".repeat(10_000);
    let aliases = |count| "*a,".repeat(count);
    let spec =
        |count| format!("spec:\n  exempt: {{namespaces: [&a {text}, {}]}}\n", aliases(count));
    assert_eq!(codes(load(&spec(5))), ["E022"; 6]);
    assert_eq!(codes(load(&spec(300))), ["E005"]);
}

/// A path stands in each message about what is below it.
#[test]
fn a_long_field_is_not_repeated_in_every_message() {
    let field = "x".repeat(10_000);
    let errors =
        load(&format!("spec: {{rules: [{{name: r, match: {{labels: {{{field}: [1, 2]}}}}}}]}}\n"));
    for error in errors.unwrap_err().iter().filter(|error| error.code == "E013") {
        assert!(error.message.len() < 500, "{}", error.message);
    }
}

/// Errors are found however many warnings there are, and whatever there is to compare.
#[test]
fn what_is_too_much_to_compare_is_said_and_errors_are_found() {
    let rule = |n| format!("{{name: r{n}, match: {{names: ['*-x{n}-*', '*y{n}*']}}, ttl: 1h}},");
    let rules = (0..6_000).map(rule).collect::<Vec<_>>().concat();
    let warnings = load(&format!("spec: {{rules: [{rules}]}}\n")).unwrap().warnings;
    let first = warnings.first().expect("a warning");
    assert_eq!((first.code, first.line, first.column), ("W114", 1, 1));
    assert!(first.message.starts_with("not all was checked"), "{}", first.message);
    let broken = format!("spec: {{rules: [{rules}{{name: last, ttl: 1x}}]}}\n");
    assert_eq!(codes(load(&broken)), ["E020"]);
}

#[rstest]
#[case::lists("[", "]")]
#[case::maps("{a: ", "}")]
fn deep_nesting_is_refused(#[case] open: &str, #[case] close: &str) {
    let spec = format!("spec: {}{}", open.repeat(10_000), close.repeat(10_000));
    assert_eq!(codes(load(&spec)), ["E005"]);
}
