//! Whether one match takes in everything that another does.
//!
//! The answer is `true` only where that is certain, field by field; `false` means that nobody
//! knows. So a warning built on it is never a false alarm.

use std::cell::OnceCell;
use std::collections::{HashMap, HashSet};

use crate::batch::Kind;
use crate::policy::lint::patience::Patience;
use crate::policy::model::glob::Glob;
use crate::policy::model::index::Globs;
use crate::policy::model::rule::Match;
use crate::policy::model::selector::{Operator, Requirement};

/// Globs of which any may match, ready to be held against others.
#[derive(Debug)]
pub(in crate::policy) struct GlobSet<'g> {
    globs: &'g [Glob],
    /// Made only of long lists, and only when it is asked.
    filed: OnceCell<Filed>,
}

/// The positions of globs by the literal that they begin with.
#[derive(Debug, Default)]
struct Filed {
    globs: Globs,
    /// Those that begin with a wildcard.
    others: Vec<usize>,
}

/// What must hold for an object to be matched, by key.
#[derive(Debug, Default)]
pub(in crate::policy) struct Needs<'m>(HashMap<&'m str, Vec<&'m Requirement>>);

/// What a match asks of labels and annotations.
pub(super) struct Asked<'m> {
    labels: Needs<'m>,
    annotations: Needs<'m>,
    namespace_labels: Needs<'m>,
}

/// Whether every object that `narrow` matches is matched by `wide`, as far as that does not depend
/// on namespaces by name; `names` are those of `wide`, and `asked` is what `narrow` asks.
pub(super) fn covers_beside_namespaces(
    (wide, names): (&Match, &GlobSet<'_>),
    (narrow, asked): (&Match, &Asked<'_>),
    patience: &Patience,
) -> bool {
    let Match {
        kinds,
        namespaces: _,
        namespace_selector,
        names: _,
        // See [`Match::label_requirements`].
        labels: _,
        annotations,
        selector: _,
    } = wide;
    let kind = |kind: Kind| narrow.kinds.is_empty() || narrow.kinds.contains(&kind);
    let kinds_hold = kinds.is_empty()
        || [Kind::CronJob, Kind::Job].into_iter().all(|k| !kind(k) || kinds.contains(&k));
    kinds_hold
        && names.cover(&narrow.names, patience)
        && asked.labels.imply(wide.label_requirements(), patience)
        && asked.annotations.imply(&annotations.requirements, patience)
        && asked
            .namespace_labels
            .imply(namespace_selector.iter().flat_map(|selector| &selector.requirements), patience)
}

/// Whether every name that `narrow` matches is matched by `wide`.
fn glob_covers(wide: &Glob, narrow: &Glob, patience: &Patience) -> bool {
    let (takes_in, steps) = wide.takes_in(narrow);
    patience.spend(steps) && takes_in
}

// === impl GlobSet ===

impl<'g> GlobSet<'g> {
    pub(in crate::policy) fn new(globs: &'g [Glob]) -> Self {
        Self { globs, filed: OnceCell::new() }
    }

    /// Whether everything that one of `narrow` matches is matched. An empty list takes in
    /// everything.
    pub(in crate::policy) fn cover(&self, narrow: &[Glob], patience: &Patience) -> bool {
        self.globs.is_empty()
            || !narrow.is_empty() && narrow.iter().all(|narrow| self.take_in(narrow, patience))
    }

    /// Whether one of the globs certainly takes in everything that another matches.
    pub(in crate::policy) fn take_in(&self, narrow: &Glob, patience: &Patience) -> bool {
        if self.globs.len() <= FEW {
            return self.globs.iter().any(|wide| glob_covers(wide, narrow, patience));
        }
        let Filed { globs, others } = self.filed.get_or_init(|| Filed::new(self.globs));
        let mut found = Vec::new();
        // A literal beginning can only be met by the same letters.
        globs.find(narrow.as_str(), &mut found);
        patience.spend(globs.looks() + found.len())
            && found
                .iter()
                .chain(others)
                .any(|at| !patience.is_out() && glob_covers(&self.globs[*at], narrow, patience))
    }
}

// === impl Filed ===

impl Filed {
    fn new(globs: &[Glob]) -> Self {
        let mut filed = Self::default();
        for (position, glob) in globs.iter().enumerate() {
            let glob = std::slice::from_ref(glob);
            if Globs::can_hold(glob) {
                filed.globs.insert(position, glob);
            } else {
                filed.others.push(position);
            }
        }
        filed
    }
}

// === impl Asked ===

impl<'m> Asked<'m> {
    pub(super) fn new(matcher: &'m Match) -> Self {
        let of_namespaces = matcher.namespace_selector.iter().flat_map(|s| &s.requirements);
        Self {
            labels: matcher.label_requirements().collect(),
            annotations: matcher.annotations.requirements.iter().collect(),
            namespace_labels: of_namespaces.collect(),
        }
    }
}

// === impl Needs ===

impl Needs<'_> {
    /// Whether whatever satisfies all of these satisfies all of `wanted`.
    pub(in crate::policy) fn imply<'w>(
        &self,
        wanted: impl IntoIterator<Item = &'w Requirement>,
        patience: &Patience,
    ) -> bool {
        wanted.into_iter().all(|wanted| {
            let given = self.0.get(wanted.key.as_str()).map(Vec::as_slice).unwrap_or_default();
            patience.spend(1)
                && given.iter().any(|given| {
                    patience.spend(given.size().max(1) + wanted.size().max(1))
                        && implies(given, wanted)
                })
        })
    }
}

impl<'m> FromIterator<&'m Requirement> for Needs<'m> {
    fn from_iter<I: IntoIterator<Item = &'m Requirement>>(needs: I) -> Self {
        let mut by_key: HashMap<&str, Vec<&Requirement>> = HashMap::new();
        for need in needs {
            by_key.entry(&need.key).or_default().push(need);
        }
        Self(by_key)
    }
}

/// Whether a value that satisfies one requirement satisfies another of the same key.
fn implies(given: &Requirement, wanted: &Requirement) -> bool {
    match (given.operator, wanted.operator) {
        (Operator::In, Operator::In) => all_in(&given.values, &wanted.values, true),
        (Operator::In, Operator::NotIn) => all_in(&given.values, &wanted.values, false),
        (Operator::NotIn, Operator::NotIn) => all_in(&wanted.values, &given.values, true),
        (Operator::In | Operator::Exists, Operator::Exists)
        | (Operator::DoesNotExist, Operator::DoesNotExist | Operator::NotIn) => true,
        _ => false,
    }
}

/// Whether for each of the values it is so, or not so, that it is among others.
fn all_in(values: &[String], others: &[String], expected: bool) -> bool {
    if others.len() <= FEW {
        return values.iter().all(|value| others.contains(value) == expected);
    }
    let others: HashSet<&String> = others.iter().collect();
    values.iter().all(|value| others.contains(value) == expected)
}

/// Lists up to this length are searched faster than filed.
const FEW: usize = 8;

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::{GlobSet, glob_covers};
    use crate::policy::lint::patience::Patience;
    use crate::policy::model::glob::Glob;

    fn covers(wide: &Glob, narrow: &Glob) -> bool {
        glob_covers(wide, narrow, &Patience::new(10_000))
    }

    #[rstest]
    #[case::same("team-a", "team-a", true)]
    #[case::star("team-*", "team-a", true)]
    #[case::star_over_star("team-*", "team-a-*", true)]
    #[case::narrower("team-a-*", "team-*", false)]
    #[case::everything("*", "a*b?", true)]
    #[case::question_over_star("team-?", "team-*", false)]
    #[case::star_over_question("team-*", "team-??", true)]
    #[case::question_over_question("t?am", "t?am", true)]
    #[case::literal_over_question("team", "t?am", false)]
    #[case::middle("*-etl-*", "daily-etl-*", true)]
    #[case::suffix("*-etl", "*-etl-x", false)]
    #[case::several_stars("*a*b*", "xaxxb", true)]
    fn takes_in(#[case] wide: &str, #[case] narrow: &str, #[case] expected: bool) {
        let glob = |text: &str| Glob::new(text).unwrap();
        assert_eq!(covers(&glob(wide), &glob(narrow)), expected);
    }

    proptest::proptest! {
        /// Never a false alarm: what is said to be taken in is.
        #[test]
        fn what_is_taken_in_matches(wide in "[ab*?]{1,6}", narrow in "[ab*?]{1,6}", name in "[ab]{0,8}") {
            let (wide, narrow) = (Glob::new(&wide).unwrap(), Glob::new(&narrow).unwrap());
            if covers(&wide, &narrow) && narrow.matches(&name) {
                assert!(wide.matches(&name), "{wide} does not match {name:?}, {narrow} does");
            }
        }
    }
    proptest::proptest! {
        /// A long list says what a short one says.
        #[test]
        fn what_is_filed_is_found(wide in proptest::collection::vec("[ab*?]{1,4}", 9..20), narrow in "[ab*?]{1,6}") {
            let wide: Vec<Glob> = wide.iter().map(|text| Glob::new(text).unwrap()).collect();
            let narrow = Glob::new(&narrow).unwrap();
            let one_by_one = wide.iter().any(|wide| covers(wide, &narrow));
            assert_eq!(GlobSet::new(&wide).take_in(&narrow, &Patience::new(10_000)), one_by_one);
        }
    }
}
