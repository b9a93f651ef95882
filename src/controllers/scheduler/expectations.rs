//! What is remembered of `CronJob`s, for a term: what the cluster does not show yet.

use std::sync::Arc;

use jiff::Timestamp;

use super::name::Name;
use crate::batch::cronjob::Status;
use crate::batch::edits::InForce;
use crate::clock::HashMap;
use crate::cluster::slim::{CronJob, Second, Version};

/// By name.
#[derive(Debug, Default)]
pub(super) struct Expectations(HashMap<Name, Known>);

/// One `CronJob`.
#[derive(Clone, Debug)]
pub(super) struct Known {
    /// As the last news showed it.
    pub(super) seen: Arc<CronJob>,
    /// Since when this generation has been seen, with the policy in use.
    pub(super) since: Timestamp,
    /// Since when what says when it is due is as it is, as far as anybody knows: what came due
    /// before is not missed.
    pub(super) in_force: InForce,
    /// Its schedule was edited, and no news have asked for a pass since: one that nothing but our
    /// own order asks for would make a start of the past.
    pub(super) edited: bool,
    /// What our last write of the status left, as long as no news show it.
    pub(super) written: Option<Arc<CronJob>>,
    /// What was started and is to be written down.
    pub(super) unwritten: Option<Status<'static>>,
    /// Whether its last start was looked up in this term, and not only in the watch: somebody who
    /// led before us may have made one a moment ago.
    pub(super) verified: bool,
    /// The stored object is not what we took it for: it is to be read.
    pub(super) doubt: bool,
    /// How often in a row a pass came to nothing.
    pub(super) failures: u32,
    /// When a start is expected to be due.
    pub(super) wake: Option<Timestamp>,
    /// When the last pass began.
    pub(super) passed: Option<Timestamp>,
}

/// What news of a `CronJob` mean.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum News {
    /// Not seen before, or another one of its name.
    New,
    /// Its schedule or time zone is another one.
    Rescheduled,
    /// Anything else.
    Changed,
}

// === impl Expectations ===

impl Expectations {
    /// Takes note of a `CronJob` as it is stored now.
    pub(super) fn see(&mut self, name: &Name, stored: &Arc<CronJob>, now: Timestamp) -> News {
        let Some(known) = self.0.get_mut(name).filter(|k| k.seen.meta.uid == stored.meta.uid)
        else {
            self.0.insert(name.clone(), Known::new(Arc::clone(stored), now));
            return News::New;
        };
        let before = std::mem::replace(&mut known.seen, Arc::clone(stored));
        if before.scheduling.generation != stored.scheduling.generation {
            known.since = now;
        }
        if known.written.as_ref().is_some_and(|written| !is_newer(written, stored)) {
            known.written = None;
        }
        known.edited = before.schedule != stored.schedule || before.time_zone != stored.time_zone;
        if known.edited || before.scheduling.suspended != stored.scheduling.suspended {
            known.in_force = InForce::Since(now);
        }
        if known.edited { News::Rescheduled } else { News::Changed }
    }

    pub(super) fn known(&mut self, name: &Name) -> Option<&mut Known> {
        self.0.get_mut(name)
    }

    pub(super) fn forget(&mut self, name: &Name) {
        self.0.remove(name);
    }

    /// Forgets all that were not seen in a complete list.
    pub(super) fn retain(&mut self, is_there: impl Fn(&Name) -> bool) -> Vec<Name> {
        let gone: Vec<Name> = self.0.keys().filter(|name| !is_there(name)).cloned().collect();
        for name in &gone {
            self.0.remove(name);
        }
        gone
    }

    /// Whether there is a `CronJob` in any other namespace.
    pub(super) fn has_others(&self, namespace: &str) -> bool {
        self.0.keys().any(|name| name.parts().0 != namespace)
    }

    /// Those of which something is so.
    pub(super) fn names(&self, which: impl Fn(&Known) -> bool) -> Vec<Name> {
        self.0.iter().filter(|(_, known)| which(known)).map(|(name, _)| name.clone()).collect()
    }

    /// Another policy is in use: what came due before is not looked at by its light, and what was
    /// known for certain was so in another capacity. `by_other_clocks` says that the policy names
    /// another zone for those that name none.
    pub(super) fn begin_anew(&mut self, now: Timestamp, by_other_clocks: bool) {
        for known in self.0.values_mut() {
            known.since = now;
            known.verified = false;
            if by_other_clocks && known.seen.time_zone.is_none() {
                known.in_force = InForce::Since(now);
            }
        }
    }

    /// The clock was put back: nothing that is remembered lies in the future.
    pub(super) fn clock_put_back(&mut self, now: Timestamp) {
        for known in self.0.values_mut() {
            known.passed = None;
            if known.in_force.latest() > now {
                known.in_force = InForce::AtLatest(now);
            }
        }
    }
}

// === impl Known ===

impl Known {
    fn new(seen: Arc<CronJob>, now: Timestamp) -> Self {
        let created = seen.meta.created.map(Second::time);
        // Edits that were made before this term only the object tells of.
        let in_force = created.and_then(|created| seen.scheduling.in_force(created));
        Self {
            seen,
            since: now,
            in_force: in_force.unwrap_or(InForce::AtLatest(now)),
            edited: false,
            written: None,
            unwritten: None,
            verified: false,
            doubt: false,
            failures: 0,
            wake: None,
            passed: None,
        }
    }

    /// Since when the spec is in force that a look at this state of it goes by. A state that is not
    /// the one of the last news was edited a moment ago, for all that anybody knows.
    pub(super) fn in_force(&self, stored: &CronJob, now: Timestamp) -> InForce {
        let is_seen = self.seen.scheduling.generation == stored.scheduling.generation;
        if is_seen { self.in_force } else { InForce::Since(now) }
    }

    /// The newest state that is known.
    pub(super) fn newest(&self) -> &Arc<CronJob> {
        self.written.as_ref().filter(|written| is_newer(written, &self.seen)).unwrap_or(&self.seen)
    }
}

/// Whether one state of an object is newer than another. The versions of one object can be
/// compared where they are numbers (KEP-5504); where they are not, the first is taken for newer.
fn is_newer(one: &CronJob, other: &CronJob) -> bool {
    match (&one.meta.version, &other.meta.version) {
        (Version::Number(one), Version::Number(other)) => one > other,
        (one, other) => one != other,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use jiff::Timestamp;
    use rstest::rstest;
    use serde_json::{Value as Json, json};

    use super::{Expectations, InForce, Name};
    use crate::cluster::slim::{CronJob, Decoder, Slim};

    fn at(time: &str) -> Timestamp {
        format!("2026-11-21T{time}:00Z").parse().unwrap()
    }

    fn stored(overlay: &Json) -> Arc<CronJob> {
        let mut json = json!({
            "metadata": {
                "name": "a", "namespace": "shop", "uid": "u-a", "resourceVersion": "7",
                "creationTimestamp": "2026-11-21T08:00:00Z", "generation": 1,
            },
            "spec": {"schedule": "@daily", "suspend": false, "jobTemplate": {"spec": {}}},
        });
        json_patch::merge(&mut json, overlay);
        Arc::new(CronJob::decode(&json.to_string(), &mut Decoder::default()).unwrap())
    }

    fn edited(time: &str) -> Json {
        json!({"metadata": {"generation": 2, "managedFields": [
            {"manager": "helm", "time": at(time), "fieldsV1": {"f:spec": {"f:schedule": {}}}},
        ]}})
    }

    /// What is seen first has an age of its own, if it tells.
    #[rstest]
    #[case::never_edited(json!({}), "08:00", true)]
    #[case::edited(edited("09:00"), "09:00", true)]
    #[case::edited_nobody_knows_when(json!({"metadata": {"generation": 2}}), "11:00", false)]
    #[case::no_creation(json!({"metadata": {"creationTimestamp": null}}), "11:00", false)]
    fn since_when_a_spec_is_in_force(
        #[case] overlay: Json,
        #[case] expected: &str,
        #[case] exactly: bool,
    ) {
        let (stored, mut expectations) = (stored(&overlay), Expectations::default());
        let name = Name::of(&stored.meta);
        expectations.see(&name, &stored, at("11:00"));
        let in_force = expectations.known(&name).unwrap().in_force;
        assert_eq!(in_force.latest(), at(expected));
        assert_eq!(
            in_force,
            if exactly { InForce::Since(at(expected)) } else { InForce::AtLatest(at(expected)) }
        );
    }

    /// What is seen to be edited counts from then, whatever the object tells.
    #[rstest]
    #[case::nothing(json!({}), "08:00")]
    #[case::image(json!({"spec": {"jobTemplate": {"spec": {"x": 1}}}, "metadata": {"generation": 2}}), "08:00")]
    #[case::status(json!({"status": {"lastScheduleTime": "2026-11-21T10:00:00Z"}}), "08:00")]
    #[case::schedule(json!({"spec": {"schedule": "@hourly"}}), "11:30")]
    #[case::zone(json!({"spec": {"timeZone": "Asia/Tokyo"}}), "11:30")]
    #[case::suspension(json!({"spec": {"suspend": true}}), "11:30")]
    #[case::deadline(json!({"spec": {"startingDeadlineSeconds": 60}}), "08:00")]
    #[case::concurrency(json!({"spec": {"concurrencyPolicy": "Forbid"}}), "08:00")]
    #[case::another_of_its_name(json!({"metadata": {"uid": "u-b", "creationTimestamp": "2026-11-21T11:20:00Z"}}), "11:20")]
    fn an_edit_begins_anew(#[case] overlay: Json, #[case] expected: &str) {
        let (before, mut expectations) = (stored(&json!({})), Expectations::default());
        let name = Name::of(&before.meta);
        expectations.see(&name, &before, at("11:00"));
        let after = stored(&overlay);
        expectations.see(&name, &after, at("11:30"));
        let known = expectations.known(&name).unwrap();
        assert_eq!(known.in_force(&after, at("11:40")), InForce::Since(at(expected)));
        // A look that is ahead of the news.
        let ahead = stored(&json!({"metadata": {"generation": 9}}));
        assert_eq!(known.in_force(&ahead, at("11:40")), InForce::Since(at("11:40")));
    }

    /// Another zone of the cluster is an edit of every schedule that names none.
    #[test]
    fn another_zone_of_the_cluster_begins_anew() {
        let zoned = json!({"metadata": {"name": "b"}, "spec": {"timeZone": "Asia/Tokyo"}});
        let mut expectations = Expectations::default();
        let names = [stored(&json!({})), stored(&zoned)].map(|stored| {
            let name = Name::of(&stored.meta);
            expectations.see(&name, &stored, at("11:00"));
            name
        });
        let mut in_force = |anew: bool| {
            expectations.begin_anew(at("11:30"), anew);
            names.each_ref().map(|name| expectations.known(name).unwrap().in_force.latest())
        };
        assert_eq!(in_force(false), [at("08:00"), at("08:00")]);
        assert_eq!(in_force(true), [at("11:30"), at("08:00")]);
        // Nothing has been in force since a time that is yet to come.
        expectations.clock_put_back(at("11:10"));
        let in_force =
            names.each_ref().map(|name| expectations.known(name).unwrap().in_force.latest());
        assert_eq!(in_force, [at("11:10"), at("08:00")]);
    }
}
