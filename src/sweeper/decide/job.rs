//! A stored Job: which row it is, and what follows.

use jiff::Timestamp;

use crate::batch::{Finish, Object};
use crate::policy::decide::{Origin, RecordChange, Settled};
use crate::policy::record::{Entry, HOLD, Record};
use crate::policy::{Action as Stored, GuardKind, Policy, Setting};

use super::super::change::{Direction, Identity};
use super::super::reason::Reason;
use super::super::start;
use super::super::table::{Response, Row};
use super::{Action, Deletion, Judgement, Risk, View};
use crate::sweeper::change::lives_longer;

/// The TTL of a Job: as it stands there, and as it shall be.
#[derive(Clone, Copy, Debug)]
struct Ttls {
    present: Option<i64>,
    target: Option<i64>,
    ours: bool,
    /// Whether a hold gives the target, or gave what stands there.
    by_hold: bool,
    /// Whether it is ours only by an entry of a TTL that is absent, and is so no longer: nobody knew its
    /// namespace, it is a copy, or the policy has changed.
    unclaimed: bool,
}

/// A finished Job with everything that decides about its end.
#[derive(Clone, Copy, Debug)]
struct End {
    finish: Finish,
    at: Timestamp,
    ttls: Ttls,
    expiry: Option<Timestamp>,
    own_expiry: Option<Timestamp>,
}

// === impl Judgement ===

impl Judgement<'_> {
    pub(super) fn job(&mut self, policy: &Policy, view: &View<'_>) {
        let Some(settled) = self.decision.setting(Setting::Ttl) else { return };
        let ttls = Ttls::of(settled, &self.decision.own_record);
        self.ttl = ttls.target;
        self.rule = settled.source.as_str().to_owned();
        if !ttls.are_valid() {
            self.count(Reason::BadTtl);
            return;
        }
        match self.finish {
            None => self.unfinished(view, ttls),
            Some(Finish { at: None, .. }) => self.count(Reason::NoFinishTime),
            Some(finish @ Finish { at: Some(at), .. }) => {
                self.expiry = ttls.target.and_then(|ttl| finish.expiry(ttl));
                self.own_expiry = ttls.present.and_then(|ttl| finish.expiry(ttl));
                let (expiry, own_expiry) = (self.expiry, self.own_expiry);
                self.finished(policy, view, End { finish, at, ttls, expiry, own_expiry });
            }
        }
    }

    /// At most its TTL is brought to the policy, whatever its age.
    fn unfinished(&mut self, view: &View<'_>, ttls: Ttls) {
        let protection = self.protection();
        let row = ttls.row(
            protection.is_some(),
            [Row::UnfinishedOurs, Row::UnfinishedWithout, Row::UnfinishedAuthors],
        );
        match row {
            None => self.count(protection.unwrap_or(Reason::Agreed)),
            Some(row) if row.response(self.stored) == Response::Patch => {
                self.patch(view, &[Setting::Ttl], ttls.direction(row), row);
            }
            Some(row) => self.count(Reason::Row(row)),
        }
    }

    fn finished(&mut self, policy: &Policy, view: &View<'_>, end: End) {
        let protection = self.protection();
        let row = end.ttls.row(
            protection.is_some(),
            [Row::FinishedOurs, Row::FinishedWithout, Row::FinishedAuthors],
        );
        let may_delete = self.stored == Stored::Delete && protection.is_none();
        if may_delete {
            let risk = end.expiry.map(|due| Risk { finish: end.at, due });
            self.risks.extend(risk);
        }
        let held = self.decision.held_until.filter(|until| *until > view.now);
        if may_delete && held.is_none() && end.expiry.is_some_and(|expiry| expiry <= view.now) {
            let kept = start::kept_until(policy, view.object, view.cronjob, end.at);
            match kept.filter(|until| *until > view.now) {
                // The change of the `CronJob` that it waits for is news of it.
                Some(until) => self.wait(until, Reason::Unwritten),
                None => self.delete(policy, view, &end, row.unwrap_or(Row::Expired)),
            }
            return;
        }
        match row {
            Some(row) => self.differs(view, &end, row),
            None => self.agrees(view, &end, protection, held),
        }
        let next = if may_delete { end.expiry } else { end.own_expiry };
        if let Some(until) = next.filter(|until| *until > view.now) {
            let reason = held.map_or(Reason::Agreed, Reason::Held);
            self.wait(until, reason);
        }
    }

    fn delete(&mut self, policy: &Policy, view: &View<'_>, end: &End, row: Row) {
        let deletion = Deletion::of(policy, view.object, view.namespace, end, &self.rule);
        self.actions.push(match deletion {
            Some(deletion) => Action::Delete { deletion, reason: Reason::Row(row) },
            None => Action::Count { reason: Reason::NoIdentity },
        });
    }

    /// The TTL is not what the policy gives.
    fn differs(&mut self, view: &View<'_>, end: &End, row: Row) {
        let direction = end.ttls.direction(row);
        let raises = lives_longer(end.ttls.target, end.ttls.present);
        let by_policy =
            matches!(row, Row::FinishedOurs | Row::FinishedWithout | Row::FinishedAuthors);
        let writes = match row.response(self.stored) {
            Response::Patch => true,
            // The deletion itself waits for the effective expiry; a lower value is not needed.
            Response::Delete => raises,
            Response::Count | Response::PatchOurs => false,
        };
        if !writes {
            // Under `Delete` it is only a matter of time, and the wait tells it.
            if self.stored != Stored::Delete || end.expiry.is_none() {
                self.count(Reason::Row(row));
            }
        } else if row == Row::FinishedAuthors && self.is_tracked() {
            self.count(Reason::Tracked);
        } else if raises && by_policy && end.own_expiry.is_some_and(|own| own <= view.now) {
            self.count(Reason::TooLate);
        } else {
            let written = self.patch(view, &[Setting::Ttl], direction, row);
            // What is not written ends nothing.
            if written && direction.may_end_in_deletion() && self.risks.is_empty() {
                let risk = end.expiry.map(|due| Risk { finish: end.at, due });
                self.risks.extend(risk);
            }
        }
    }

    /// The TTL is what the policy gives, or stays whatever the policy gives.
    fn agrees(
        &mut self,
        view: &View<'_>,
        end: &End,
        protection: Option<Reason>,
        held: Option<Timestamp>,
    ) {
        let is_over = end.own_expiry.is_some_and(|own| own <= view.now);
        match (protection, held) {
            (Some(protection), _) => self.count(protection),
            (None, Some(until)) if end.ttls.target.is_none() => self.count(Reason::Held(until)),
            (None, None) if end.ttls.target.is_none() => self.count(Reason::NoTtl),
            (None, _) if is_over => self.count(Reason::Row(Row::Expired)),
            (None, _) => {}
        }
    }

    fn is_tracked(&self) -> bool {
        self.decision.guards.iter().any(|hit| hit.guard == GuardKind::GitOpsTracked)
    }
}

// === impl Ttls ===

impl Ttls {
    fn of(settled: &Settled<'_>, record: &RecordChange) -> Self {
        let is_open = settled.entry.as_ref().is_some_and(Entry::is_open);
        let was_raised = settled.entry.as_ref().is_some_and(|entry| entry.rule == HOLD);
        let (present, target) = (settled.present.number(), settled.target.number());
        // An author's TTL that is longer than the hold is lowered by the policy, if at all.
        let raises = matches!(settled.source, Origin::Hold) && lives_longer(target, present);
        Self {
            present,
            target,
            ours: settled.is_ours(),
            // Where there is no TTL, a hold has nothing to raise.
            by_hold: !settled.present.is_absent() && (was_raised || raises),
            unclaimed: is_open && !has_ttl(record),
        }
    }

    /// The API server refuses any other; nothing is ever derived from one that slipped in.
    fn are_valid(&self) -> bool {
        let valid = |ttl: i64| (0..=i64::from(i32::MAX)).contains(&ttl);
        self.present.is_none_or(valid) && self.target.is_none_or(valid)
    }

    /// How they differ, in the record at least; of `rows` the first is for a value of ours, the second
    /// for none, the third for an author's. `None` where they do not, or where nobody may do anything
    /// about it.
    fn row(&self, protected: bool, [ours, without, authors]: [Row; 3]) -> Option<Row> {
        if self.present == self.target {
            return self.unclaimed.then_some(Row::Unclaimed);
        }
        if self.by_hold {
            return Some(Row::Hold);
        }
        if protected {
            let returns = self.ours && lives_longer(self.target, self.present);
            return returns.then_some(Row::TakeBack);
        }
        Some(match self.present {
            _ if self.ours => ours,
            None => without,
            Some(_) => authors,
        })
    }

    fn direction(&self, row: Row) -> Direction {
        if matches!(row, Row::TakeBack | Row::Unclaimed) {
            Direction::TakeBack
        } else if lives_longer(self.target, self.present) {
            Direction::Raise
        } else if self.present.is_none() {
            Direction::Set
        } else {
            Direction::Lower
        }
    }
}

/// Whether an entry of a TTL is left by a change of a record that had one.
fn has_ttl(change: &RecordChange) -> bool {
    match change {
        RecordChange::Keep => true,
        RecordChange::Remove => false,
        RecordChange::Set(text) => {
            Record::parse(text).is_some_and(|record| record.entry(Setting::Ttl).is_some())
        }
    }
}

// === impl Deletion ===

impl Deletion {
    fn of(
        policy: &Policy,
        job: &Object<'_>,
        namespace: &str,
        end: &End,
        rule: &str,
    ) -> Option<Self> {
        Some(Self {
            identity: Identity::of(job, namespace)?,
            propagation: policy.stored.propagation,
            finish: end.at,
            outcome: end.finish.outcome,
            due: end.expiry?,
            ttl: end.ttls.target,
            rule: rule.to_owned(),
        })
    }
}
