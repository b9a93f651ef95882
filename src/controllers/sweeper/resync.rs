//! A look at everything: heals what news have missed, counts for the brake, and tells how many
//! Jobs there are in which state.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::vec;

use jiff::Timestamp;

use super::ObjectRef;
use super::braking::Counted;
use super::cluster_view::Labels;
use super::permits::Obstacle;
use super::state::State;
use crate::batch::Kind;
use crate::clock::HashSet;
use crate::cluster::slim::{Job, Key, Symbol};
use crate::controllers::context::Moment;
use crate::policy::Policy;
use crate::sweeper::brake::BrakeOutcome;
use crate::sweeper::decide::Risk;
use crate::sweeper::{Action, Judgement, Reach, Reason};

/// A look at everything, under way.
pub(super) struct Resync {
    policy: Arc<Policy>,
    accepted: Option<Arc<Policy>>,
    left: vec::IntoIter<ObjectRef>,
    /// What could not be read when it began: what can be read from some moment on is not among what
    /// is looked at.
    unread: [Arc<HashSet<Key>>; 2],
    tally: Tally,
}

/// What a look at everything adds up to.
#[derive(Debug, Default)]
struct Tally {
    states: BTreeMap<&'static str, u64>,
    risks: Vec<Counted>,
    /// Finished Jobs that cannot be judged, by namespace.
    unknown: BTreeMap<Symbol, usize>,
    /// The earliest expiry of the Jobs whose own TTL is over.
    oldest: Option<Timestamp>,
}

// === impl Resync ===

impl Resync {
    /// Begins.
    pub(super) fn new(state: &State) -> Self {
        // Before the rest, which may be readable by then.
        let unread = [state.watches.undecodable_jobs(), state.watches.undecodable_cronjobs()];
        Self {
            policy: Arc::clone(&state.policy),
            accepted: state.accepted_before(),
            left: state.view.everything().into_iter(),
            unread,
            tally: Tally::default(),
        }
    }

    /// Looks at some objects: judges and counts each, and puts what is to be done about it on the
    /// work queue. Says whether any are left.
    pub(super) fn look_at_some(&mut self, state: &mut State, at: Moment) -> bool {
        for _ in 0..CHUNK {
            let Some(subject) = self.left.next() else { return false };
            self.look_at(&subject, state, at);
        }
        self.left.len() > 0
    }

    /// Draws the conclusions. Gives what the brake has decided and how many Jobs are in which state;
    /// `None` where this count is of nothing.
    pub(super) fn end(
        mut self,
        state: &mut State,
        at: Moment,
    ) -> Option<(BrakeOutcome, BTreeMap<&'static str, u64>)> {
        // The Jobs of a family that could not be judged while it was their turn are unknown; what its
        // limits end is counted with the `CronJob`.
        let [jobs, cronjobs] = self.unread.clone();
        for key in cronjobs.iter() {
            if let Some(subject) = state.view.find(Kind::CronJob, &key.namespace, &key.name) {
                self.look_at(&subject, state, at);
            }
        }
        if !state.is_covered() || (self.accepted.is_some() && state.accepted_before().is_none()) {
            // Another policy needs more, and all is being listed anew.
            state.pass_now();
            return None;
        }
        let Self { mut tally, .. } = self;
        tally.add_unread(&jobs, &state.watches.undecodable_jobs(), &state.permits.reach);
        let unknown = tally.unknown.iter().map(|(namespace, count)| (&**namespace, *count));
        let outcome = state.braking.count(&tally.risks, unknown);
        state.tell_brake(outcome);
        if outcome != BrakeOutcome::Unchanged {
            // Whoever asks for the status now wants to see it.
            state.next_status = at.now;
        }
        state.builtin.swept(tally.oldest);
        Some((outcome, tally.states))
    }

    fn look_at(&mut self, subject: &ObjectRef, state: &mut State, at: Moment) {
        let now = at.now;
        let policy = Arc::clone(&self.policy);
        let judgement = state.judge(&policy, subject, at);
        self.count(subject, &judgement, state, now);
        let word = word(&judgement, now);
        let obstacle = state.schedule(subject, judgement, at);
        if let ObjectRef::Job(_) = subject {
            *self.tally.states.entry(obstacle.map_or(word, Obstacle::as_str)).or_default() += 1;
        }
    }

    fn count(
        &mut self,
        subject: &ObjectRef,
        judgement: &Judgement<'_>,
        state: &State,
        now: Timestamp,
    ) {
        let tally = &mut self.tally;
        if let ObjectRef::Job(job) = subject
            && !job.is_terminating()
            && let Some(expiry) = own_expiry(job).filter(|expiry| *expiry <= now)
        {
            tally.oldest = Some(tally.oldest.map_or(expiry, |oldest| oldest.min(expiry)));
        }
        let namespace = &subject.meta().namespace;
        // What we cannot write cannot be ended by us.
        if !state.permits.reach.covers(namespace) {
            return;
        }
        let undecodable = *judgement.reason() == Reason::UnknownCronJob
            && has_undecodable_cronjob(subject, state);
        if judgement.is_unknown(undecodable) {
            *tally.unknown.entry(namespace.clone()).or_default() += 1;
        }
        // What is due later than any hold reaches is nothing to the brake.
        let risks = judgement.risks.iter().filter(|risk| state.braking.concerns(risk, now));
        let risks: Vec<Risk> = risks.copied().collect();
        if risks.is_empty() {
            return;
        }
        let before = self
            .accepted
            .as_ref()
            .map(|policy| state.view.judge(policy, subject, Labels::Accepted, false, now).risks);
        tally.risks.extend(Counted::all(namespace, &risks, &before.unwrap_or_default()));
    }
}

// === impl Tally ===

impl Tally {
    /// Counts the Jobs that could not be read when a pass began, or cannot be at its end: nobody
    /// knows whether they have finished. Whatever can be read in between was not looked at.
    fn add_unread(&mut self, before: &HashSet<Key>, after: &HashSet<Key>, reach: &Reach) {
        for key in before.union(after).filter(|key| reach.covers(&key.namespace)) {
            *self.unknown.entry(key.namespace.as_str().into()).or_default() += 1;
        }
    }
}

/// Whether what the family of a Job is judged by is stored and cannot be decoded.
fn has_undecodable_cronjob(subject: &ObjectRef, state: &State) -> bool {
    let meta = subject.meta();
    meta.cronjob_owner().is_some_and(|owner| {
        state.watches.is_undecodable_cronjob(&Key {
            namespace: meta.namespace.to_string(),
            name: owner.name.to_string(),
            uid: owner.uid.to_string(),
        })
    })
}

/// In one word, how it stands with a Job.
fn word(judgement: &Judgement<'_>, now: Timestamp) -> &'static str {
    let is_due = judgement.expiry.is_some_and(|expiry| expiry <= now);
    match judgement.actions.first() {
        Some(Action::Delete { .. }) => "due",
        Some(Action::Wait { reason: Reason::Terminating, .. }) => "terminating",
        Some(Action::Count { reason: Reason::Row(_) }) if is_due => "due",
        Some(Action::Count { reason: Reason::Row(_) } | Action::Patch { .. }) => "differs",
        _ if judgement.finish.is_none() => match judgement.reason() {
            Reason::Agreed => "unfinished",
            reason => reason.as_str(),
        },
        Some(Action::Wait { reason: Reason::Agreed, .. }) => "waiting",
        _ => judgement.reason().as_str(),
    }
}

fn own_expiry(job: &Job) -> Option<Timestamp> {
    job.finish()?.expiry(job.ttl()?)
}

/// Objects looked at before somebody else gets a turn.
const CHUNK: usize = 512;

#[cfg(test)]
mod tests {
    use super::{HashSet, Key, Reach, Tally};

    #[test]
    fn what_can_be_read_only_while_a_pass_goes_on_counts_as_unknown() {
        let keys = |keys: &[(&str, &str)]| -> HashSet<Key> {
            let key = |(namespace, name): &(&str, &str)| Key {
                namespace: (*namespace).to_owned(),
                name: (*name).to_owned(),
                uid: String::new(),
            };
            keys.iter().map(key).collect()
        };
        let before = keys(&[("apps", "read-meanwhile"), ("apps", "never-read")]);
        let after = keys(&[("apps", "never-read"), ("apps", "no-longer-read"), ("else", "where")]);
        let mut tally = Tally::default();
        tally.add_unread(&before, &after, &Reach::only(["apps".to_owned()]));
        assert_eq!(tally.unknown, [("apps".into(), 3)].into());
    }
}
