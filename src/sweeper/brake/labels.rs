//! The labels by which the brake has counted, in a few bytes on the Lease.
//!
//! A leader sees new labels of a namespace and counts what they make due. Nobody sees those that come
//! while nobody leads, or while another policy is in use: whoever leads then only knows the labels
//! that there are. So each leader leaves sums of the labels that it knew, and the next one compares.
//! Where a sum differs, all namespaces in it may have other labels, and what is due in them is counted.
//! The sums need a few KiB, however many namespaces there are, and so differ for others too now and
//! then: the brake rather counts too many.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::Memory;

/// Labels of namespaces as they were when what they make due was last counted, for each revision of
/// the policy that may be in use again.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(transparent)]
pub struct CountedLabels(BTreeMap<String, Counted>);

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
struct Counted {
    /// Whatever was created later has no other labels than those it was counted with.
    at: Timestamp,
    /// Three bytes for each sum, in Base64.
    sums: String,
}

/// A namespace, as it is compared.
#[derive(Clone, Copy, Debug)]
pub struct Labelled<'a> {
    name: &'a str,
    created: Option<Timestamp>,
    /// To which sum it belongs, whatever its labels are.
    place: u16,
    sum: Sum,
}

type Sum = [u8; 3];

// === impl CountedLabels ===

impl CountedLabels {
    /// The annotation on the Lease. It is no part of the brake's [`Memory`]: an older version can read
    /// that as before.
    pub const ANNOTATION: &'static str = "curfew.dev/brake-labels";

    /// Reads the annotation. Where it cannot be read nothing is compared.
    pub fn parse(text: Option<&str>) -> Self {
        text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
    }

    /// The annotation's value.
    pub fn to_text(&self) -> String {
        serde_json::to_string(self).expect("strings and times are always JSON")
    }

    /// What these namespaces make due under a revision is counted. Of other revisions only the accepted
    /// one can come back without a count of everything.
    pub fn note(
        &mut self,
        revision: &str,
        memory: &Memory,
        namespaces: &[Labelled<'_>],
        now: Timestamp,
    ) {
        self.0.retain(|known, _| memory.accepted.as_ref() == Some(known) || known == revision);
        let all: Vec<_> = namespaces.iter().collect();
        let sums = STANDARD.encode(sums(&all, wanted(all.len())).as_flattened());
        let is_known = self.0.get(revision).is_some_and(|known| known.sums == sums);
        if !is_known {
            self.0.insert(revision.to_owned(), Counted { at: now, sums });
        }
    }

    /// Which of these namespaces may have other labels than when they were counted under a revision;
    /// none where it has never counted by labels.
    pub fn changed<'n>(
        &self,
        revision: &str,
        namespaces: &'n [Labelled<'n>],
    ) -> impl Iterator<Item = &'n str> {
        self.0.get(revision).into_iter().flat_map(|counted| counted.changed(namespaces))
    }

    /// Whether a namespace that was created then was there when labels were counted under a revision.
    pub fn has_counted(&self, revision: &str, created: Option<Timestamp>) -> bool {
        self.0.get(revision).is_some_and(|counted| counted.has_seen(created))
    }
}

impl Counted {
    fn changed<'n>(&self, namespaces: &'n [Labelled<'n>]) -> Vec<&'n str> {
        let before = decode(&self.sums);
        let old: Vec<_> = namespaces.iter().filter(|one| self.has_seen(one.created)).collect();
        let present = sums(&old, before.len());
        let differs = |one: &&&Labelled<'_>| {
            let place = one.place(before.len());
            before[place] != present[place]
        };
        old.iter().filter(differs).map(|one| one.name).collect()
    }

    fn has_seen(&self, created: Option<Timestamp>) -> bool {
        created.is_none_or(|created| created <= self.at)
    }
}

// === impl Labelled ===

impl<'a> Labelled<'a> {
    /// A namespace with those of its labels that the policy asks for; `None` stands for labels that
    /// cannot be read.
    pub fn new<'l>(
        name: &'a str,
        created: Option<Timestamp>,
        keys: &BTreeSet<&str>,
        label: Option<impl Fn(&str) -> Option<&'l str>>,
    ) -> Self {
        let mut hash = Sha256::new();
        hash.update(name);
        let [high, low, ..]: [u8; 32] = hash.clone().finalize().into();
        let values = label.map(|label| keys.iter().map(|key| label(key)).collect::<Vec<_>>());
        hash.update(format!("{values:?}"));
        let [.., first, second, third]: [u8; 32] = hash.finalize().into();
        Self { name, created, place: u16::from_be_bytes([high, low]), sum: [first, second, third] }
    }

    fn place(&self, count: usize) -> usize {
        usize::from(self.place) % count
    }
}

/// How many sums so many namespaces need: enough for most to have one of their own, as long as all
/// fit beside what else stands on the Lease.
fn wanted(namespaces: usize) -> usize {
    namespaces.saturating_mul(4).next_power_of_two().min(MOST)
}

/// Each is the exclusive or of all that belong to it, so that their order does not matter.
fn sums(namespaces: &[&Labelled<'_>], count: usize) -> Vec<Sum> {
    let mut sums = vec![Sum::default(); count];
    for one in namespaces {
        let sum = &mut sums[one.place(count)];
        sum.iter_mut().zip(one.sum).for_each(|(sum, byte)| *sum ^= byte);
    }
    sums
}

/// At least one: what cannot be read is no sum of any namespace.
fn decode(text: &str) -> Vec<Sum> {
    let bytes = STANDARD.decode(text).unwrap_or_default();
    let sums = bytes.as_chunks().0.to_vec();
    if sums.is_empty() { vec![Sum::default()] } else { sums }
}

/// 12 KiB, a third more as Base64.
const MOST: usize = 4096;

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    type Labels = Option<BTreeMap<&'static str, &'static str>>;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn labelled<'a>(name: &'a str, created: i64, labels: &Labels) -> Labelled<'a> {
        let labels = labels.as_ref().map(|labels| |key: &str| labels.get(key).copied());
        Labelled::new(name, Some(at(created)), &["stage", "team"].into(), labels)
    }

    fn noted(namespaces: &[Labelled<'_>]) -> CountedLabels {
        let mut counted = CountedLabels::default();
        counted.note("r1", &Memory::default(), namespaces, at(100));
        CountedLabels::parse(Some(&counted.to_text()))
    }

    #[rstest]
    #[case::as_before(Some([("stage", "dev")].into()), false)]
    #[case::another_value(Some([("stage", "live")].into()), true)]
    #[case::another_key(Some([("team", "dev")].into()), true)]
    #[case::none(Some([].into()), true)]
    #[case::one_more(Some([("stage", "dev"), ("team", "blue")].into()), true)]
    #[case::one_that_nobody_asks_for(Some([("stage", "dev"), ("color", "red")].into()), false)]
    #[case::not_to_be_read(None, true)]
    fn who_may_have_other_labels(#[case] now: Labels, #[case] changed: bool) {
        let other = labelled("other", 1, &None);
        let counted = noted(&[labelled("apps", 1, &Some([("stage", "dev")].into())), other]);
        // Between the two another one was made and a third one deleted.
        let present = [other, labelled("apps", 1, &now), labelled("new", 101, &None)];
        let expected: &[&str] = if changed { &["apps"] } else { &[] };
        assert_eq!(counted.changed("r1", &present).collect::<Vec<_>>(), expected);
        assert_eq!(counted.changed("r2", &present).count(), 0, "never counted");
    }

    #[test]
    fn only_the_accepted_revision_is_kept_beside_the_one_in_use() {
        let memory = Memory { accepted: Some("r1".to_owned()), ..Memory::default() };
        let mut counted = CountedLabels::default();
        for revision in ["r1", "r2", "r3"] {
            counted.note(revision, &memory, &[], at(100));
        }
        assert_eq!(counted.0.keys().collect::<Vec<_>>(), ["r1", "r3"]);
        assert!(counted.has_counted("r3", Some(at(100))) && counted.has_counted("r3", None));
        assert!(!counted.has_counted("r3", Some(at(101))) && !counted.has_counted("r2", None));
    }

    #[rstest]
    #[case::nothing(None)]
    #[case::no_json(Some("{"))]
    #[case::no_base64(Some(r#"{"r1": {"at": "2026-11-30T12:00:00Z", "sums": "?"}}"#))]
    fn what_cannot_be_read_is_no_panic(#[case] text: Option<&str>) {
        let counted = CountedLabels::parse(text);
        let apps = labelled("apps", 1, &None);
        let is_known = text.is_some_and(|text| text.contains("r1"));
        assert_eq!(counted.changed("r1", &[apps]).count(), usize::from(is_known));
    }

    /// A Lease is a small object, whose annotations may have 256 KiB together.
    #[test]
    fn sixty_thousand_namespaces_fit_on_the_lease_twice() {
        let names: Vec<String> = (0..60_000).map(|number| format!("team-{number}")).collect();
        let all: Vec<_> = names.iter().map(|name| labelled(name, 1, &None)).collect();
        let memory = Memory { accepted: Some("r1".to_owned()), ..Memory::default() };
        let mut counted = noted(&all);
        counted.note("r2", &memory, &all, at(100));
        assert!(counted.to_text().len() < 34_000, "{}", counted.to_text().len());
    }

    proptest! {
        /// However many there are: what has other labels is found, and where nothing has, nothing is.
        #[test]
        fn whatever_changed_is_found(changes in prop::collection::vec(any::<bool>(), 0..300)) {
            let names: Vec<String> = (0..changes.len()).map(|number| number.to_string()).collect();
            let (dev, live) = (Some([("stage", "dev")].into()), Some([("stage", "live")].into()));
            let before: Vec<_> = names.iter().map(|name| labelled(name, 1, &dev)).collect();
            let with = |changed: bool| if changed { &live } else { &dev };
            let present: Vec<_> = names
                .iter()
                .zip(&changes)
                .map(|(name, changed)| labelled(name, 1, with(*changed)))
                .collect();
            let counted = noted(&before);
            let found: BTreeSet<_> = counted.changed("r1", &present).collect();
            let expected = names.iter().zip(&changes).filter(|(_, changed)| **changed);
            prop_assert!(expected.clone().all(|(name, _)| found.contains(name.as_str())));
            prop_assert!(found.is_empty() || expected.count() > 0);
        }
    }
}
