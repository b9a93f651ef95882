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
use crate::policy::model::selector::{Operator, Requirement, Selector};

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
pub(in crate::policy) struct Needs<'m>(HashMap<&'m str, Vec<Need<'m>>>);

/// What a match asks of labels and annotations.
pub(super) struct Asked<'m> {
    labels: Needs<'m>,
    annotations: Needs<'m>,
    namespace_labels: Needs<'m>,
}

/// What must hold of one key.
#[derive(Clone, Copy, Debug)]
enum Need<'m> {
    Absent,
    NotIn(&'m [String]),
    OneOf(&'m [String]),
    Present,
}

/// Whether every object that `narrow` matches is matched by `wide`, as far as that does not depend
/// on namespaces by name; `names` are those of `wide`, and `asked` is what `narrow` asks.
pub(super) fn covers_beside_namespaces(
    (wide, names): (&Match, &GlobSet<'_>),
    (narrow, asked): (&Match, &Asked<'_>),
    patience: &Patience,
) -> bool {
    let Match { kinds, namespaces: _, namespace_selector, names: _, labels, annotations, selector } =
        wide;
    let kind = |kind: Kind| narrow.kinds.is_empty() || narrow.kinds.contains(&kind);
    let kinds_hold = kinds.is_empty()
        || [Kind::CronJob, Kind::Job].into_iter().all(|k| !kind(k) || kinds.contains(&k));
    kinds_hold
        && names.cover(&narrow.names, patience)
        && asked.labels.imply(of_map(labels), patience)
        && asked.labels.imply(of_selector(selector.as_ref()), patience)
        && asked.annotations.imply(of_map(annotations), patience)
        && asked.namespace_labels.imply(of_selector(namespace_selector.as_ref()), patience)
}

/// Whether every name that `narrow` matches is matched by `wide`.
///
/// `wide` is matched against the text of `narrow`, in which a `*` can only be swallowed by a `*`,
/// and a `?` by a `?` or a `*`.
fn glob_covers(wide: &Glob, narrow: &Glob, patience: &Patience) -> bool {
    let (wide, narrow) = (wide.as_str().as_bytes(), narrow.as_str().as_bytes());
    let (mut w, mut n) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    let mut steps = 1;
    let is_swallowed = loop {
        steps += 1;
        if n == narrow.len() {
            break true;
        }
        match wide.get(w) {
            Some(b'*') => {
                retry = Some((w + 1, n));
                w += 1;
            }
            Some(&byte) if narrow[n] != b'*' && (byte == b'?' || byte == narrow[n]) => {
                w += 1;
                n += 1;
            }
            _ => {
                let Some((after_star, swallowed)) = retry else { break false };
                retry = Some((after_star, swallowed + 1));
                (w, n) = (after_star, swallowed + 1);
            }
        }
    };
    patience.spend(steps) && is_swallowed && wide[w..].iter().all(|byte| *byte == b'*')
}

/// Whether everything that asks for `narrow` is selected by `wide`.
pub(in crate::policy) fn selector_covers(
    wide: &Selector,
    narrow: &Needs<'_>,
    patience: &Patience,
) -> bool {
    narrow.imply(of_selector(Some(wide)), patience)
}

fn of_map(map: &[(String, Vec<String>)]) -> impl Iterator<Item = (&str, Need<'_>)> {
    map.iter().map(|(key, values)| (key.as_str(), Need::OneOf(values)))
}

fn of_selector(selector: Option<&Selector>) -> impl Iterator<Item = (&str, Need<'_>)> {
    let requirements = selector.map(Selector::requirements).unwrap_or_default();
    requirements.iter().map(|Requirement { key, operator }| {
        let need = match operator {
            Operator::DoesNotExist => Need::Absent,
            Operator::Exists => Need::Present,
            Operator::In(values) => Need::OneOf(values),
            Operator::NotIn(values) => Need::NotIn(values),
        };
        (key.as_str(), need)
    })
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
        let Match { labels, annotations, namespace_selector, selector, .. } = matcher;
        Self {
            labels: of_map(labels).chain(of_selector(selector.as_ref())).collect(),
            annotations: of_map(annotations).collect(),
            namespace_labels: of_selector(namespace_selector.as_ref()).collect(),
        }
    }
}

// === impl Needs ===

impl<'m> Needs<'m> {
    pub(in crate::policy) fn of(selector: &'m Selector) -> Self {
        of_selector(Some(selector)).collect()
    }

    /// Whether whatever satisfies all of these satisfies all of `wanted`.
    fn imply<'w>(
        &self,
        mut wanted: impl Iterator<Item = (&'w str, Need<'w>)>,
        patience: &Patience,
    ) -> bool {
        wanted.all(|(key, wanted)| {
            let given = self.0.get(key).map(Vec::as_slice).unwrap_or_default();
            patience.spend(1)
                && given.iter().any(|given| {
                    patience.spend(given.weight() + wanted.weight()) && given.implies(wanted)
                })
        })
    }
}

impl<'m> FromIterator<(&'m str, Need<'m>)> for Needs<'m> {
    fn from_iter<I: IntoIterator<Item = (&'m str, Need<'m>)>>(needs: I) -> Self {
        let mut by_key: HashMap<&str, Vec<Need<'_>>> = HashMap::new();
        for (key, need) in needs {
            by_key.entry(key).or_default().push(need);
        }
        Self(by_key)
    }
}

// === impl Need ===

impl Need<'_> {
    fn implies(self, wanted: Need<'_>) -> bool {
        match (self, wanted) {
            (Need::OneOf(given), Need::OneOf(wanted)) => all_in(given, wanted, true),
            (Need::OneOf(given), Need::NotIn(wanted)) => all_in(given, wanted, false),
            (Need::NotIn(given), Need::NotIn(wanted)) => all_in(wanted, given, true),
            (Need::OneOf(_) | Need::Present, Need::Present)
            | (Need::Absent, Need::Absent | Need::NotIn(_)) => true,
            _ => false,
        }
    }

    /// How many steps it is to hold this against another.
    fn weight(self) -> usize {
        match self {
            Need::Absent | Need::Present => 1,
            // Values of annotations may be of any length.
            Need::NotIn(values) | Need::OneOf(values) => {
                values.iter().map(|value| 1 + value.len() / 64).sum()
            }
        }
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
