//! Who is to be judged, and what is to be written, in which order: what saves a Job first, then what
//! has been due for longest.
//!
//! The steps of an object are those of its latest judgement and no others: whoever judges it again
//! replaces them all. So nothing on the work queue is older than the last news of its object. Of a Job
//! only its turn is kept, since a hundred thousand of them may wait, and judging one again costs
//! microseconds; of a `CronJob` the steps themselves, as they come from a look at its whole family.

use std::collections::{BTreeSet, VecDeque};

use jiff::Timestamp;

use super::ObjectRef;
use crate::batch::Kind;
use crate::clock::HashMap;
use crate::cluster;
use crate::cluster::write::Target;
use crate::sweeper::change::{Direction, Identity};
use crate::sweeper::decide::Risk;
use crate::sweeper::{Action, Change, Deadlines, Deletion, Reason};

/// Objects by their turn, the steps of families, and who is to be judged again.
#[derive(Debug, Default)]
pub(super) struct WorkQueue {
    order: BTreeSet<(Turn, ObjectRef)>,
    turns: HashMap<ObjectRef, Turn>,
    families: HashMap<ObjectRef, VecDeque<Step>>,
    /// To be judged as soon as possible.
    unjudged: BTreeSet<ObjectRef>,
    /// To be judged at some moment.
    timers: Deadlines<ObjectRef>,
}

/// One write that a judgement asks for.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) what: What,
    pub(super) reason: Reason,
    /// Finished Jobs that end sooner for it.
    pub(super) risks: Vec<Risk>,
}

#[derive(Clone, Debug)]
pub(super) enum What {
    Delete(Deletion),
    Patch(Change),
}

/// When it is an object's turn: the rank of its next step, and since when that is due.
type Turn = (u8, Timestamp);

// === impl WorkQueue ===

impl WorkQueue {
    /// An object is to be judged as soon as possible.
    pub(super) fn judge(&mut self, subject: ObjectRef) {
        self.unjudged.insert(subject);
    }

    /// Nothing that was decided about an object holds any more.
    pub(super) fn judge_anew(&mut self, subject: ObjectRef) {
        self.remove(&subject);
        self.judge(subject);
    }

    /// An object is to be judged at this moment, and at no other.
    pub(super) fn judge_at(&mut self, subject: ObjectRef, at: Timestamp) {
        self.timers.set(subject, at);
    }

    /// An object is to be judged at this moment at the latest.
    pub(super) fn judge_by(&mut self, subject: ObjectRef, at: Timestamp) {
        if self.timers.deadline_of(&subject).is_none_or(|known| known > at) {
            self.timers.set(subject, at);
        }
    }

    /// Whose moment has come is to be judged.
    pub(super) fn take_due(&mut self, now: Timestamp) {
        while let Some((_, subject)) = self.timers.pop_due(now) {
            self.judge(subject);
        }
    }

    /// The next object to be judged.
    pub(super) fn next_unjudged(&mut self) -> Option<ObjectRef> {
        self.unjudged.pop_first()
    }

    /// Whether nobody is to be judged just now.
    pub(super) fn is_judged(&self) -> bool {
        self.unjudged.is_empty()
    }

    /// When somebody is to be judged next.
    pub(super) fn next_deadline(&self) -> Option<Timestamp> {
        self.timers.next_deadline()
    }

    /// Replaces what a judgement asked for: the steps of an object, and when it is judged again.
    pub(super) fn replace(
        &mut self,
        subject: &ObjectRef,
        steps: Vec<Step>,
        next: Option<Timestamp>,
    ) {
        self.set(subject, steps);
        match next {
            Some(at) => self.judge_at(subject.clone(), at),
            None => {
                self.timers.remove(subject);
            }
        }
    }

    /// Replaces the steps of an object.
    fn set(&mut self, subject: &ObjectRef, mut steps: Vec<Step>) {
        self.remove(subject);
        steps.sort_by_key(Step::turn);
        let Some(first) = steps.first() else { return };
        self.enter(subject.clone(), first.turn());
        if subject.kind() == Kind::CronJob {
            self.families.insert(subject.clone(), steps.into());
        }
    }

    /// Forgets the steps of an object.
    pub(super) fn remove(&mut self, subject: &ObjectRef) {
        if let Some((subject, turn)) = self.turns.remove_entry(subject) {
            self.families.remove(&subject);
            self.order.remove(&(turn, subject));
        }
    }

    /// Forgets an object that is gone.
    pub(super) fn forget(&mut self, subject: &ObjectRef) {
        self.remove(subject);
        self.timers.remove(subject);
    }

    /// Takes the object whose turn it is: a family with its next step, a Job to be judged again.
    pub(super) fn pop(&mut self) -> Option<(ObjectRef, Option<Step>)> {
        let (_, subject) = self.order.pop_first()?;
        self.turns.remove(&subject);
        let Some(mut steps) = self.families.remove(&subject) else {
            return Some((subject, None));
        };
        let step = steps.pop_front()?;
        if let Some(next) = steps.front() {
            self.enter(subject.clone(), next.turn());
            self.families.insert(subject.clone(), steps);
        }
        Some((subject, Some(step)))
    }

    fn enter(&mut self, subject: ObjectRef, turn: Turn) {
        self.order.insert((turn, subject.clone()));
        self.turns.insert(subject, turn);
    }

    /// Gives back the memory of a large backlog that is done.
    pub(super) fn shrink(&mut self) {
        self.turns.shrink_to_fit();
        self.families.shrink_to_fit();
        self.timers.shrink();
    }

    /// Forgets all steps.
    pub(super) fn clear_steps(&mut self) {
        self.order.clear();
        self.turns = HashMap::default();
        self.families = HashMap::default();
    }

    /// Whether there are no steps.
    pub(super) fn is_empty(&self) -> bool {
        self.order.is_empty()
    }
}

// === impl Step ===

impl Step {
    /// The step that an action asks for; `None` where it asks for none.
    pub(super) fn of(action: Action, risks: &[Risk]) -> Option<Self> {
        match action {
            Action::Delete { deletion, reason } => {
                let risks = vec![Risk { finish: deletion.finish, due: deletion.due }];
                Some(Self { what: What::Delete(deletion), reason, risks })
            }
            Action::Patch { change, reason } => {
                let ends = change.direction.may_end_in_deletion();
                let risks = if ends { risks.to_vec() } else { Vec::new() };
                Some(Self { what: What::Patch(change), reason, risks })
            }
            Action::Count { .. } | Action::Wait { .. } => None,
        }
    }

    pub(super) fn identity(&self) -> &Identity {
        match &self.what {
            What::Delete(deletion) => &deletion.identity,
            What::Patch(change) => &change.identity,
        }
    }

    /// Whether a Job is gone for it, or will be sooner than without.
    pub(super) fn shortens(&self) -> bool {
        match &self.what {
            What::Delete(_) => true,
            What::Patch(change) => change.shortens(),
        }
    }

    /// Where the write goes.
    pub(super) fn target(&self) -> Target {
        let Identity { kind, namespace, name, uid, resource_version } = self.identity().clone();
        Target { kind, namespace, name, uid, version: resource_version }
    }

    /// The write itself.
    pub(super) fn change(&self) -> cluster::write::Change {
        match &self.what {
            What::Delete(deletion) => cluster::write::Change::Delete(deletion.propagation),
            What::Patch(change) => cluster::write::Change::Merge(change.merge_patch()),
        }
    }

    fn turn(&self) -> Turn {
        match &self.what {
            What::Patch(change) => {
                let saves = matches!(change.direction, Direction::TakeBack | Direction::Raise);
                (u8::from(!saves), Timestamp::MIN)
            }
            What::Delete(deletion) => (2, deletion.due),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use jiff::Timestamp;

    use super::{ObjectRef, Step, What, WorkQueue};
    use crate::batch::{Kind, Outcome};
    use crate::cluster::slim::{CronJob, Decoder, Job, Slim};
    use crate::policy::decide::RecordChange;
    use crate::policy::rule::Propagation;
    use crate::sweeper::change::{Direction, Identity};
    use crate::sweeper::{Change, Deletion, Reason, Row};

    fn subject(name: &str) -> ObjectRef {
        let json = format!(
            r#"{{"metadata": {{"namespace": "apps", "name": "{name}", "uid": "u", "resourceVersion": "1"}}, "spec": {{}}}}"#
        );
        ObjectRef::Job(Arc::new(Job::decode(&json, &mut Decoder::default()).unwrap()))
    }

    fn family(name: &str) -> ObjectRef {
        let json = format!(
            r#"{{"metadata": {{"namespace": "apps", "name": "{name}", "uid": "u", "resourceVersion": "1"}},
                "spec": {{"jobTemplate": {{"spec": {{}}}}}}}}"#
        );
        ObjectRef::CronJob(Arc::new(CronJob::decode(&json, &mut Decoder::default()).unwrap()))
    }

    fn identity(name: &str) -> Identity {
        let text = |text: &str| text.to_owned();
        Identity {
            kind: Kind::Job,
            namespace: text("apps"),
            name: text(name),
            uid: text("u"),
            resource_version: text("1"),
        }
    }

    fn deletion(name: &str, due: i64) -> Step {
        let due = Timestamp::from_second(due).unwrap();
        let deletion = Deletion {
            identity: identity(name),
            propagation: Propagation::Background,
            finish: due,
            outcome: Outcome::Success,
            due,
            ttl: Some(0),
            rule: "rule".to_owned(),
        };
        Step { what: What::Delete(deletion), reason: Reason::Row(Row::Expired), risks: Vec::new() }
    }

    fn patch(name: &str, direction: Direction) -> Step {
        let change = Change {
            identity: identity(name),
            direction,
            fields: Vec::new(),
            own_record: RecordChange::Keep,
            template_record: RecordChange::Keep,
        };
        Step { what: What::Patch(change), reason: Reason::Row(Row::Hold), risks: Vec::new() }
    }

    /// Names of Jobs to be judged, and of the Jobs of steps.
    fn popped(queue: &mut WorkQueue) -> Vec<String> {
        let name = |(subject, step): (ObjectRef, Option<Step>)| {
            step.map_or(subject.meta().name.to_string(), |step| step.identity().name.clone())
        };
        std::iter::from_fn(|| queue.pop()).map(name).collect()
    }

    #[test]
    fn what_saves_a_job_comes_first_and_then_what_is_overdue() {
        let mut queue = WorkQueue::default();
        queue.set(&subject("late"), vec![deletion("late", 10)]);
        queue.set(&subject("lower"), vec![patch("lower", Direction::Lower)]);
        queue.set(&subject("later"), vec![deletion("later", 5)]);
        queue.set(&subject("raise"), vec![patch("raise", Direction::Raise)]);
        assert_eq!(popped(&mut queue), ["raise", "lower", "later", "late"]);
        assert!(queue.is_empty());
    }

    #[test]
    fn another_judgement_replaces_the_steps() {
        let mut queue = WorkQueue::default();
        let family = family("family");
        queue.set(&family, vec![deletion("b", 2), deletion("a", 1), deletion("c", 3)]);
        queue.set(&subject("between"), vec![deletion("between", 2)]);
        let Some((_, Some(first))) = queue.pop() else { panic!("a family has steps") };
        assert_eq!(first.identity().name, "a");
        queue.set(&family, vec![deletion("c", 3)]);
        assert_eq!(popped(&mut queue), ["between", "c"]);
        queue.set(&family, vec![deletion("c", 3)]);
        queue.set(&family, Vec::new());
        assert!(queue.is_empty());
        queue.set(&family, vec![deletion("c", 3)]);
        queue.remove(&family);
        assert!(queue.pop().is_none());
    }
}
