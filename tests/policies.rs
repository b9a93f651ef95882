//! Loading policies: what is accepted, and what every mistake is answered with.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use curfew::cli::report;
use curfew::policy::{Diagnostic, Loaded, Policy, Source, schema};
use proptest::prelude::*;
use rstest::rstest;

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn entries(directory: &Path) -> Vec<PathBuf> {
    let mut entries: Vec<PathBuf> =
        fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    entries
}

fn name(path: &Path) -> String {
    path.file_name().unwrap().to_str().unwrap().to_owned()
}

fn source(name: &str, text: impl Into<String>) -> Source {
    Source { name: name.to_owned(), text: text.into() }
}

/// A file, or the files of a directory, as one policy.
fn sources(path: &Path) -> Vec<Source> {
    let files = if path.is_dir() { entries(path) } else { vec![path.to_owned()] };
    files.iter().map(|file| source(&name(file), read(file))).collect()
}

fn example() -> String {
    read(&fixtures().join("example.yaml"))
}

#[test]
fn the_example_loads() {
    let sources = [source("example.yaml", example())];
    let Loaded { policy, warnings } = Policy::load(&sources).unwrap();
    assert_eq!(policy.rules.len(), 8);
    assert_eq!(policy.rules[0].origin.to_string(), "example.yaml:20");
    insta::assert_snapshot!(report::diagnostics(&warnings, &sources, false), @r#"
    example.yaml:37:23: warning[W103] batch-processor-* of rule "bulk-batch" misses a CronJob called batch-processor, and with it all of its Jobs
       |
    37 |       match: {names: ["batch-processor-*"]}
       |                       ^^^^^^^^^^^^^^^^^^^
       |
       = help: write batch-processor* for both, or kinds: [Job] if only Jobs without a CronJob are meant
    "#);
}

#[test]
fn every_broken_file_is_answered() {
    for path in entries(&fixtures().join("broken")) {
        let sources = sources(&path);
        let errors = Policy::load(&sources).expect_err(&name(&path));
        for error in &errors {
            assert!(error.mend.is_some(), "how to mend it? {error:?}");
        }
        snapshot("broken", &path, &errors, &sources);
    }
}

#[test]
fn every_odd_file_loads_with_warnings() {
    for path in entries(&fixtures().join("odd")) {
        let sources = sources(&path);
        let loaded = Policy::load(&sources)
            .unwrap_or_else(|errors| panic!("{}", report::diagnostics(&errors, &sources, false)));
        snapshot("odd", &path, &loaded.warnings, &sources);
    }
}

fn snapshot(group: &str, path: &Path, list: &[Diagnostic], sources: &[Source]) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_suffix(name(path).replace(".yaml", ""));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(group, report::diagnostics(list, sources, false)));
}

/// The policies that are shipped, each of one file.
fn shipped() -> Vec<PathBuf> {
    let policies = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
    let files = [policies.clone(), policies.join("examples")].into_iter().flat_map(|d| entries(&d));
    let is_policy = |path: &PathBuf| {
        let name = name(path);
        name.ends_with(".yaml") && !name.ends_with("-test.yaml")
    };
    files.filter(is_policy).collect()
}

#[test]
fn what_is_shipped_loads() {
    let shipped = shipped();
    assert!(shipped.len() > 5, "{shipped:?}");
    for path in shipped {
        let sources = sources(&path);
        let errors = Policy::load(&sources).err().unwrap_or_default();
        assert!(errors.is_empty(), "{}", report::diagnostics(&errors, &sources, false));
    }
}

#[test]
fn every_code_is_tested() {
    let source = read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/policy/code.rs"));
    let codes: Vec<&str> = source.split('"').skip(1).step_by(2).collect();
    assert_eq!(codes.len(), codes.iter().collect::<BTreeSet<_>>().len(), "one code, one meaning");
    let snapshots = entries(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots"));
    let seen: String = snapshots.iter().map(|path| read(path)).collect();
    let untested: Vec<&str> =
        codes.into_iter().filter(|code| !seen.contains(&format!("[{code}]"))).collect();
    // These need more text than a fixture should hold, or an object: see the tests below and in
    // src/policy/lint/object.rs.
    assert_eq!(untested, ["E000", "E004", "E039", "W109", "W110"]);
}

// === what cannot stand in a fixture ===

const HEAD: &str = "apiVersion: curfew.dev/v1alpha1\nkind: JobPolicy\nmetadata: {name: cluster}\n";

fn load(spec: &str) -> Result<Loaded, Vec<Diagnostic>> {
    Policy::load(&[source("policy.yaml", format!("{HEAD}{spec}"))])
}

fn codes(result: Result<Loaded, Vec<Diagnostic>>) -> Vec<&'static str> {
    let codes = result.err().unwrap_or_default().iter().map(|error| error.code).collect::<Vec<_>>();
    assert!(codes.len() <= 201);
    codes
}

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
        let rules = (from..to)
            .map(|n| format!("- {{name: r{n}, match: {{namespaces: [n{n}]}}, ttl: 1h}}\n"));
        format!(
            "{HEAD}spec:\n  rules:\n{}",
            rules.map(|rule| format!("  {rule}")).collect::<String>()
        )
    };
    let sources = [source("1.yaml", half(0, rules / 2)), source("2.yaml", half(rules / 2, rules))];
    assert_eq!(codes(Policy::load(&sources)), expected);
}

#[test]
fn two_hundred_findings_are_shown_and_the_rest_is_counted() {
    let rules: String = (0..250).map(|n| format!("  - {{name: r{n}, tll: {n}}}\n")).collect();
    let errors = load(&format!("spec:\n  rules:\n{rules}")).unwrap_err();
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

#[rstest]
#[case::lists("[", "]")]
#[case::maps("{a: ", "}")]
fn deep_nesting_is_refused(#[case] open: &str, #[case] close: &str) {
    let spec = format!("spec: {}{}", open.repeat(10_000), close.repeat(10_000));
    assert_eq!(codes(load(&spec)), ["E005"]);
}

// === where things stand ===

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

// === what a policy is ===

#[test]
fn what_is_not_given_has_its_default() {
    let policy = load("spec: {}\n").unwrap().policy;
    insta::assert_debug_snapshot!(
        (policy.mode, policy.guards.floor, policy.limits.ttl_max, &policy.stored, &policy.scheduler),
        @"
    (
        Enforce,
        Seconds(
            600,
        ),
        None,
        Stored {
            action: Report,
            selector: None,
            propagation: Background,
            rate: 50,
            brake_at_most: 200,
        },
        Scheduler {
            mode: Observe,
            grace: Seconds(
                30,
            ),
            selector: None,
            cluster_time_zone: None,
        },
    )
    "
    );
}

const REVISED: &str = "
spec:
  limits: {ttl: {min: 60s, max: 7d}}
  rules:
    - {name: a, match: {namespaces: [x, y], labels: {k: v, l: w}}, ttl: 1h}
    - {name: b, match: {selector: {matchLabels: {k: v, l: w}}}, ttl: 2h, enforce: true}
";

#[rstest]
#[case::as_it_is(REVISED, true)]
#[case::comments(&REVISED.replace("spec:", "spec: # why"), true)]
#[case::order_of_keys(&REVISED.replace("{k: v, l: w}", "{l: w, k: v}"), true)]
#[case::order_of_alternatives(&REVISED.replace("[x, y]", "[y, x]"), true)]
#[case::another_way_to_write(&REVISED.replace("ttl: 1h", "ttl: 3600"), true)]
#[case::what_is_the_default_anyway(&format!("{REVISED}  mode: Enforce\n"), true)]
#[case::a_built_in_mark(
    &format!("{REVISED}  guards: {{gitOpsMarks: {{managers: [helm]}}}}\n"),
    true
)]
#[case::a_value(&REVISED.replace("ttl: 1h", "ttl: 3601"), false)]
#[case::a_limit(&REVISED.replace("7d", "8d"), false)]
#[case::enforce(&REVISED.replace(", enforce: true", ""), false)]
#[case::a_name(&REVISED.replace("name: a", "name: c"), false)]
#[case::a_mark(&format!("{REVISED}  guards: {{gitOpsMarks: {{managers: [x]}}}}\n"), false)]
fn the_revision_changes_with_what_decides(#[case] spec: &str, #[case] same: bool) {
    let revision = |spec: &str| load(spec).unwrap().policy.revision;
    assert_eq!(revision(spec) == revision(REVISED), same);
    assert_eq!(revision(spec).len(), 12);
}

#[test]
fn the_revision_knows_the_order_of_rules_and_not_their_files() {
    let rule = |name: &str| {
        format!("{HEAD}spec: {{rules: [{{name: {name}, match: {{names: [{name}]}}, ttl: 1h}}]}}\n")
    };
    let revision = |sources: &[Source]| Policy::load(sources).unwrap().policy.revision;
    let split = revision(&[source("1.yaml", rule("a")), source("2.yaml", rule("b"))]);
    let turned = revision(&[source("1.yaml", rule("b")), source("2.yaml", rule("a"))]);
    let one = "spec: {rules: [{name: a, match: {names: [a]}, ttl: 1h}, {name: b, match: {names: [b]}, ttl: 1h}]}";
    assert_eq!(split, load(one).unwrap().policy.revision);
    assert_ne!(split, turned);
}

#[rstest]
#[case::nobody("spec: {}", false)]
#[case::exemption("spec: {exempt: {namespaceSelector: {matchLabels: {a: b}}}}", true)]
#[case::rule(
    "spec: {rules: [{name: a, match: {namespaceSelector: {matchLabels: {a: b}}}, ttl: 1}]}",
    true
)]
#[case::labels_of_objects("spec: {exempt: {selectors: [{matchLabels: {a: b}}]}}", false)]
fn some_policies_need_labels_of_namespaces(#[case] spec: &str, #[case] expected: bool) {
    assert_eq!(load(spec).unwrap().policy.needs_namespace_labels(), expected);
}

// === the JSON Schema ===

/// Whether the schema accepts a text, as a second engine sees it.
fn is_valid(text: &str) -> bool {
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

// === properties ===

/// What happens to a file in an editor, in a merge or on a bad disk.
#[derive(Clone, Debug)]
enum Mutation {
    DeleteLine(prop::sample::Index),
    DuplicateLine(prop::sample::Index),
    Indent(prop::sample::Index),
    Insert(prop::sample::Index, char),
    Truncate(prop::sample::Index),
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let index = any::<prop::sample::Index>;
    prop_oneof![
        index().prop_map(Mutation::DeleteLine),
        index().prop_map(Mutation::DuplicateLine),
        index().prop_map(Mutation::Indent),
        (
            index(),
            prop::sample::select(
                "{}[]:,&*!|>'\"%@`#-?\t\r\n\u{85}\u{feff}é0".chars().collect::<Vec<_>>()
            )
        )
            .prop_map(|(index, c)| Mutation::Insert(index, c)),
        index().prop_map(Mutation::Truncate),
    ]
}

fn mutate(text: &str, mutation: &Mutation) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let starts: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
    if starts.is_empty() {
        return text.to_owned();
    }
    match mutation {
        Mutation::DeleteLine(index) => {
            lines.remove(index.index(lines.len()));
        }
        Mutation::DuplicateLine(index) => {
            let at = index.index(lines.len());
            lines.insert(at, lines[at].clone());
        }
        Mutation::Indent(index) => {
            let at = index.index(lines.len());
            lines[at].insert(0, ' ');
        }
        Mutation::Insert(index, c) => {
            let mut text = text.to_owned();
            text.insert(*index.get(&starts), *c);
            return text;
        }
        Mutation::Truncate(index) => return text[..*index.get(&starts)].to_owned(),
    }
    lines.join("\n") + "\n"
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_mutated_example_gives_a_policy_or_errors_inside_the_file(
        mutations in prop::collection::vec(mutation(), 1..4),
    ) {
        let text = mutations.iter().fold(example(), |text, mutation| mutate(&text, mutation));
        let sources = [source("example.yaml", text.as_str())];
        match Policy::load(&sources) {
            Ok(_) => prop_assert!(is_valid(&text), "it loads, and the schema refuses it:\n{}", text),
            Err(errors) => {
                prop_assert!(!errors.is_empty());
                let lines = text.split('\n').count();
                for error in &errors {
                    prop_assert!((1..=lines).contains(&error.line), "{:?}", error);
                    let line = text.split('\n').nth(error.line - 1).unwrap();
                    prop_assert!((1..=line.chars().count() + 1).contains(&error.column), "{:?}", error);
                    prop_assert!(text.get(error.span.clone()).is_some(), "{:?}", error);
                }
                prop_assert!(!report::diagnostics(&errors, &sources, true).is_empty());
            }
        }
    }
}
