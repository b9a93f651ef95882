//! What is to be written, in which order: what saves a Job first, then what has been due for
//! longest.
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
use crate::sweeper::change::{Direction, Identity};
use crate::sweeper::decide::Risk;
use crate::sweeper::{Action, Change, Deletion, Reason};

/// Objects by their turn, and the steps of families.
#[derive(Debug, Default)]
pub(super) struct WorkQueue {
    order: BTreeSet<(Turn, ObjectRef)>,
    turns: HashMap<ObjectRef, Turn>,
    families: HashMap<ObjectRef, VecDeque<Step>>,
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
    /// Replaces the steps of an object.
    pub(super) fn set(&mut self, subject: &ObjectRef, mut steps: Vec<Step>) {
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
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

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
