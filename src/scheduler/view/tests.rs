use rstest::rstest;

use super::Concurrency;

#[rstest]
#[case("Allow", Concurrency::Allow)]
#[case("Forbid", Concurrency::Forbid)]
#[case("Replace", Concurrency::Replace)]
fn concurrency_as_the_api_spells_it(#[case] text: &str, #[case] expected: Concurrency) {
    assert_eq!(Concurrency::parse(text), expected);
    assert_eq!(expected.as_str(), text);
}

#[rstest]
#[case::nothing("")]
#[case::letter_case("forbid")]
fn any_other_concurrency_allows(#[case] text: &str) {
    assert_eq!(Concurrency::parse(text), Concurrency::Allow);
}
