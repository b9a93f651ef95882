use super::{Document, parse};

fn titles(text: &str) -> Vec<String> {
    parse("a.yaml", text).unwrap().iter().map(Document::title).collect()
}

#[rstest::rstest]
#[case::one("kind: Job\nmetadata: {name: a}\n", &["job/a"])]
#[case::two(
    "kind: Job\nmetadata: {name: a}\n---\nkind: Job\nmetadata: {name: b}\n",
    &["job/a", "job/b"]
)]
#[case::marks_all_over("---\n# a heading\n---\nkind: Job\n---\n---\n", &["job"])]
#[case::heading_before_the_first_mark("# heading\n---\nkind: Job\n", &["job"])]
#[case::windows_line_ends("kind: Job\r\n---\r\nkind: CronJob\r\n", &["job", "cronjob"])]
#[case::byte_order_mark("\u{feff}kind: Job\n", &["job"])]
#[case::dashes_inside_a_string("kind: Job\nmetadata: {name: a---b}\n", &["job/a---b"])]
#[case::generated_name("kind: Job\nmetadata: {generateName: a-}\n", &["job/a-*"])]
#[case::json("{\"kind\": \"Job\"}", &["job"])]
#[case::json_with_tabs("{\n\t\"kind\": \"Job\"\n}", &["job"])]
#[case::json_after_json("{\"kind\": \"Job\"}\n{\"kind\": \"CronJob\"}", &["job", "cronjob"])]
#[case::flow_map("{kind: Job}", &["job"])]
#[case::json_and_yaml_mixed("{\"kind\": \"Job\"}\n---\nkind: CronJob\n", &["job", "cronjob"])]
#[case::list(
    "apiVersion: v1\nkind: List\nitems: [{kind: Job}, {kind: Secret}]\n",
    &["job", "secret"]
)]
#[case::typed_list(
    "apiVersion: batch/v1\nkind: JobList\nitems: [{metadata: {name: a}}]\n",
    &["job/a"]
)]
#[case::empty_list("apiVersion: v1\nkind: List\nitems: []\n", &[])]
#[case::other_lists("apiVersion: v1\nkind: PodList\nitems: [{metadata: {name: a}}]\n", &["pod/a"])]
#[case::no_list("apiVersion: v1\nkind: PodList\n", &["podlist"])]
#[case::items_of_another("apiVersion: v1\nkind: Pod\nitems: [{metadata: {name: a}}]\n", &["pod/a"])]
#[case::items_without_a_name_of_their_kind("apiVersion: batch/v1\nkind: JobList\nitems: [{apiVersion: '', kind: null, metadata: {name: a}}]\n", &["job/a"])]
#[case::end_of_a_document("kind: Job\n...\n---\nkind: CronJob\n", &["job", "cronjob"])]
#[case::nothing("", &[])]
fn reads(#[case] text: &str, #[case] expected: &[&str]) {
    assert_eq!(titles(text), expected);
}

#[test]
fn every_broken_document_is_named() {
    let text =
        "kind: Job\n---\nkind: [\n---\nkind: Job\n---\na: b: c\n---\n- 1\n---\nmetadata: {}\n";
    insta::assert_snapshot!(parse("jobs.yaml", text).unwrap_err(), @r"
    jobs.yaml:3:7: document 2: unclosed bracket '['
    jobs.yaml:7:5: document 4: mapping values are not allowed in this context
    jobs.yaml:8: document 5: it is no object; a manifest has `apiVersion` and `kind`
    jobs.yaml:10: document 6: it has no `kind`; a manifest has `apiVersion` and `kind`
    ");
}

#[rstest::rstest]
#[case::json("{\"kind\": \"Job\",\n \"spec\": ]}", "a.yaml:2:10: document 1: ")]
#[case::json_cut_off("{\"kind\": \"Job\"", "a.yaml:1:")]
#[case::item(
    "apiVersion: v1\nkind: List\nitems: [{kind: Job}, 3]\n",
    "a.yaml:1: document 1, item 2: "
)]
#[case::items("apiVersion: v1\nkind: List\nitems: 3\n", "a.yaml:1: document 1: `items`")]
#[case::list_in_a_list(
    "apiVersion: v1\nkind: List\nitems: [{apiVersion: v1, kind: List, items: [{kind: Job}]}]\n",
    "a.yaml:1: document 1, item 1: a list in a list"
)]
#[case::content_behind_the_mark("--- {kind: Job}\n", "a.yaml:1:4: document 1: nothing may stand")]
#[case::directive("%YAML 1.2\n---\nkind: Job\n", "a.yaml:1:1: document 1: kubectl reads no")]
#[case::mark_in_the_middle(
    "kind: Job\na: b\n\u{feff}c: d\n",
    "a.yaml:3:1: document 1: a byte order mark in the middle"
)]
#[case::template(
    "a: 1\n{{- if b }}\n",
    "a.yaml:2: document 1: it is no YAML: a template? render it first"
)]
#[case::second("kind: Job\n---\nkind: Job\n  x: 1\n", "a.yaml:4:")]
fn names_the_place(#[case] text: &str, #[case] expected: &str) {
    let error = parse("a.yaml", text).unwrap_err().to_string();
    assert!(error.starts_with(expected), "{error}");
}

#[test]
fn a_document_knows_where_it_starts() {
    let documents = parse("a.yaml", "kind: Job\n---\n\nkind: CronJob\n").unwrap();
    assert_eq!(documents[1].origin.to_string(), "a.yaml:2: document 2");
}
