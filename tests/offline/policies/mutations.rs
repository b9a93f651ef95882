//! What becomes of a policy in an editor, in a merge or on a bad disk.

use curfew::cli::shared::report;
use curfew::policy::Policy;
use proptest::prelude::*;

use super::schema::is_valid;
use super::{example, source};

/// One accident.
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
