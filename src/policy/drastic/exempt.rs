//! What was never touched and now may be.

use std::collections::HashSet;
use std::fmt::Display;

use super::Changes;
use crate::policy::lint::patience::Patience;
use crate::policy::lint::{GlobSet, Needs};
use crate::policy::model::rule::Exempt;
use crate::policy::model::selector::Selector;

/// An entry counts as gone only where no other certainly takes in the same.
pub(super) fn look(old: &Exempt, new: &Exempt, changes: &mut Changes) {
    compare(old, new, &Patience::new(PATIENCE), changes);
}

fn compare(old: &Exempt, new: &Exempt, patience: &Patience, changes: &mut Changes) {
    let Exempt { namespaces, namespace_selector, selectors } = new;
    let set = GlobSet::new(namespaces);
    let missing = |glob: &&_| !set.take_in(glob, patience);
    changes.list("exempt.namespaces", "gone", &gone(&old.namespaces, missing, patience));
    let covers = |new: &Selector, old: &Needs<'_>| old.imply(&new.requirements, patience);
    match (&old.namespace_selector, namespace_selector) {
        (Some(old), None) => changes.lines.push(format!("exempt.namespaceSelector: {old} is gone")),
        (Some(old), Some(new))
            if !covers(new, &old.requirements.iter().collect()) && !patience.is_out() =>
        {
            changes.becomes("exempt.namespaceSelector:", old, new);
        }
        _ => {}
    }
    let known: HashSet<String> = selectors.iter().map(ToString::to_string).collect();
    let missing = |old: &&Selector| {
        let needs = old.requirements.iter().collect();
        !known.contains(&old.to_string()) && !selectors.iter().any(|new| covers(new, &needs))
    };
    changes.list("exempt.selectors", "gone", &gone(&old.selectors, missing, patience));
    if patience.is_out() {
        changes.lines.push("exempt: not all was compared, there is too much of it".to_owned());
    }
}

/// The entries that are missing, as far as patience lasts.
fn gone<T: Display>(
    old: &[T],
    is_missing: impl Fn(&&T) -> bool,
    patience: &Patience,
) -> Vec<String> {
    let looked_at = old.iter().take_while(|_| !patience.is_out());
    let gone = looked_at.filter(|old| is_missing(old) && !patience.is_out());
    gone.map(ToString::to_string).collect()
}

/// So many steps are taken: enough for a thousand entries before and after that have nothing in
/// common. Of more only the first are looked at, and that is said: the API server waits two seconds.
const PATIENCE: usize = 5_000_000;

#[cfg(test)]
mod tests {
    use super::{Changes, Exempt, PATIENCE, Patience, compare};
    use crate::policy::model::glob::Glob;

    fn exempt(letter: char, n: usize) -> Exempt {
        let globs = (0..n).map(|i| Glob::new(&format!("{letter}{i}-*")).expect("a glob"));
        Exempt { namespaces: globs.collect(), ..Exempt::default() }
    }

    #[test]
    fn steps_grow_with_the_lists_and_not_with_their_square() {
        let steps = |n| {
            let (patience, mut changes) = (Patience::new(PATIENCE), Changes { lines: Vec::new() });
            compare(&exempt('a', n), &exempt('b', n), &patience, &mut changes);
            assert_eq!(changes.lines.len(), 1, "{:?}", changes.lines);
            PATIENCE - patience.left().expect("patience lasts")
        };
        let (one, four) = (steps(1_000), steps(4_000));
        assert!(four < 6 * one, "{one} steps, and {four} for four times as much");
    }

    #[test]
    fn what_is_not_compared_is_said() {
        let mut changes = Changes { lines: Vec::new() };
        let patience = Patience::new(100);
        compare(&exempt('a', 1_000), &exempt('b', 1_000), &patience, &mut changes);
        let last = changes.lines.last().expect("a line");
        assert_eq!(last, "exempt: not all was compared, there is too much of it");
    }
}
