//! What was never touched and now may be.

use std::collections::HashSet;
use std::fmt::Display;

use super::Changes;
use crate::policy::glob::Glob;
use crate::policy::lint::{glob_covers, selector_covers};
use crate::policy::rule::Exempt;

/// An entry counts as gone only where no other certainly takes in the same.
pub(super) fn look(old: &Exempt, new: &Exempt, changes: &mut Changes) {
    let Exempt { namespaces, namespace_selector, selectors } = new;
    let same: HashSet<&str> = namespaces.iter().map(Glob::as_str).collect();
    let missing = old.namespaces.iter().filter(|glob| !same.contains(glob.as_str()));
    changes.list("exempt.namespaces", "gone", &gone(missing, namespaces, glob_covers));
    match (&old.namespace_selector, namespace_selector) {
        (Some(old), None) => changes.push(format!("exempt.namespaceSelector: {old} is gone")),
        (Some(old), Some(new)) if !selector_covers(new, old) => {
            changes.push(format!("exempt.namespaceSelector: {old} becomes {new}"));
        }
        _ => {}
    }
    let gone = gone(old.selectors.iter(), selectors, selector_covers);
    changes.list("exempt.selectors", "gone", &gone);
}

fn gone<'p, T: Display + 'p>(
    old: impl Iterator<Item = &'p T>,
    new: &[T],
    covers: impl Fn(&T, &T) -> bool,
) -> Vec<String> {
    let looks = PATIENCE / new.len().max(1);
    let gone = old.take(looks).filter(|old| !new.iter().any(|new| covers(new, old)));
    gone.map(ToString::to_string).collect()
}

/// So many pairs are compared, as many as there could be of a thousand entries. Of more, only the
/// first are looked at: the API server waits two seconds.
const PATIENCE: usize = 1_000_000;
