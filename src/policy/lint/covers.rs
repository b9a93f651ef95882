//! Whether one match takes in everything that another does.
//!
//! The answer is `true` only where that is certain, field by field; `false` means that nobody
//! knows. So a warning built on it is never a false alarm.

use crate::batch::Kind;
use crate::policy::glob::Glob;
use crate::policy::rule::Match;
use crate::policy::selector::{Operator, Requirement, Selector};

/// What a match asks of one key.
struct Asked<'m> {
    key: &'m str,
    need: Need<'m>,
}

/// See [`Asked`].
#[derive(Clone, Copy)]
enum Need<'m> {
    Absent,
    NotIn(&'m [String]),
    OneOf(&'m [String]),
    Present,
}

/// Whether every object that `narrow` matches is matched by `wide`.
pub(super) fn covers(wide: &Match, narrow: &Match) -> bool {
    let Match { kinds, namespaces, namespace_selector, names, labels: _, annotations, selector: _ } =
        wide;
    let kind = |kind: Kind| narrow.kinds.is_empty() || narrow.kinds.contains(&kind);
    let kinds_hold = kinds.is_empty()
        || [Kind::CronJob, Kind::Job].into_iter().all(|k| !kind(k) || kinds.contains(&k));
    kinds_hold
        && globs_cover(namespaces, &narrow.namespaces)
        && globs_cover(names, &narrow.names)
        && implied(&of_labels(wide), &of_labels(narrow))
        && implied(&of_map(annotations), &of_map(&narrow.annotations))
        && implied(
            &of_selector(namespace_selector.as_ref()),
            &of_selector(narrow.namespace_selector.as_ref()),
        )
}

/// Whether every name that `narrow` matches is matched by `wide`.
///
/// `wide` is matched against the text of `narrow`, in which a `*` can only be swallowed by a `*`,
/// and a `?` by a `?` or a `*`.
pub(in crate::policy) fn glob_covers(wide: &Glob, narrow: &Glob) -> bool {
    let (wide, narrow) = (wide.as_str().as_bytes(), narrow.as_str().as_bytes());
    let (mut w, mut n) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while n < narrow.len() {
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
                let Some((after_star, swallowed)) = retry else { return false };
                retry = Some((after_star, swallowed + 1));
                (w, n) = (after_star, swallowed + 1);
            }
        }
    }
    wide[w..].iter().all(|byte| *byte == b'*')
}

/// Whether everything that `narrow` selects is selected by `wide`.
pub(in crate::policy) fn selector_covers(wide: &Selector, narrow: &Selector) -> bool {
    implied(&of_selector(Some(wide)), &of_selector(Some(narrow)))
}

/// An empty list takes in everything.
fn globs_cover(wide: &[Glob], narrow: &[Glob]) -> bool {
    wide.is_empty()
        || !narrow.is_empty()
            && narrow.iter().all(|narrow| wide.iter().any(|wide| glob_covers(wide, narrow)))
}

fn of_labels(matcher: &Match) -> Vec<Asked<'_>> {
    let mut asked = of_map(&matcher.labels);
    asked.extend(of_selector(matcher.selector.as_ref()));
    asked
}

fn of_map(map: &[(String, Vec<String>)]) -> Vec<Asked<'_>> {
    map.iter().map(|(key, values)| Asked { key, need: Need::OneOf(values) }).collect()
}

fn of_selector(selector: Option<&Selector>) -> Vec<Asked<'_>> {
    let requirements = selector.map(Selector::requirements).unwrap_or_default();
    let asked = requirements.iter().map(|Requirement { key, operator }| {
        let need = match operator {
            Operator::DoesNotExist => Need::Absent,
            Operator::Exists => Need::Present,
            Operator::In(values) => Need::OneOf(values),
            Operator::NotIn(values) => Need::NotIn(values),
        };
        Asked { key, need }
    });
    asked.collect()
}

/// Whether whatever satisfies all of `given` satisfies all of `wanted`.
fn implied(wanted: &[Asked<'_>], given: &[Asked<'_>]) -> bool {
    wanted.iter().all(|wanted| {
        given.iter().any(|given| given.key == wanted.key && given.need.implies(wanted.need))
    })
}

// === impl Need ===

impl Need<'_> {
    fn implies(self, wanted: Need<'_>) -> bool {
        let within = |a: &[String], b: &[String]| a.iter().all(|value| b.contains(value));
        let apart = |a: &[String], b: &[String]| !a.iter().any(|value| b.contains(value));
        match (self, wanted) {
            (Need::OneOf(given), Need::OneOf(wanted)) => within(given, wanted),
            (Need::OneOf(given), Need::NotIn(wanted)) => apart(given, wanted),
            (Need::NotIn(given), Need::NotIn(wanted)) => within(wanted, given),
            (Need::OneOf(_) | Need::Present, Need::Present)
            | (Need::Absent, Need::Absent | Need::NotIn(_)) => true,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::glob_covers;
    use crate::policy::glob::Glob;

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
        assert_eq!(glob_covers(&glob(wide), &glob(narrow)), expected);
    }

    proptest::proptest! {
        /// Never a false alarm: what is said to be taken in is.
        #[test]
        fn what_is_taken_in_matches(wide in "[ab*?]{1,6}", narrow in "[ab*?]{1,6}", name in "[ab]{0,8}") {
            let (wide, narrow) = (Glob::new(&wide).unwrap(), Glob::new(&narrow).unwrap());
            if glob_covers(&wide, &narrow) && narrow.matches(&name) {
                assert!(wide.matches(&name), "{wide} does not match {name:?}, {narrow} does");
            }
        }
    }
}
