//! The document: what would be done, in which order, and how much that is.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::item::{Does, Item};
use super::options::Options;
use super::snapshot::Snapshot;
use crate::policy::Policy;
use crate::policy::value::Seconds;
use crate::sweeper::brake;
use crate::sweeper::change::{Change, Direction};
use crate::sweeper::decide::{Action, Judgement, View, decide};
use crate::sweeper::reason::Reason;

/// Everything that would be done, and how much that is.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Plan {
    pub api_version: String,
    pub kind: String,
    /// The clock by which everything was decided.
    pub created_at: Timestamp,
    /// uid of the namespace kube-system, which tells clusters apart; absent where the snapshot
    /// does not hold it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cluster: Option<String>,
    /// Of the policy.
    pub revision: String,
    /// Seconds, for a clean-up by age and without a policy.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub older_than: Option<i64>,
    pub propagation_policy: String,
    /// An item's object came in a dump without `managedFields`, by which alone some tools are known:
    /// they may hold it. Such a plan is to be looked at, and never carried out.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub without_managers: bool,
    pub items: Vec<Item>,
    pub totals: Totals,
    /// SHA-256 of all of the above: whoever edits a plan makes it void.
    pub digest: String,
}

/// The sums of a plan.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Totals {
    pub all: Tally,
    pub by_rule: BTreeMap<String, Tally>,
    pub by_namespace: BTreeMap<String, Tally>,
    /// Objects that nothing is done about, by reason.
    pub left: BTreeMap<String, u64>,
    pub freed: Freed,
    /// Finished Jobs that are due now or within the hour, where the sweeper writes. Where that is more
    /// than `brakeAtMost`, a sweeper under this policy waits for approval first: its brake counts with
    /// the same function.
    pub due_within_an_hour: u64,
    pub brake_at_most: u32,
}

/// How many of each.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Tally {
    pub delete: u64,
    pub patch: u64,
    pub count: u64,
}

/// What the deletions take out of etcd: an estimate. A Job counts with the size of its JSON, each
/// of its Pods (`status.succeeded` + `status.failed`) with that of its template and 3 KiB on top.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Freed {
    pub jobs: u64,
    pub pods: u64,
    pub bytes: u64,
}

/// Why a plan cannot be carried out.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum BadPlan {
    #[error("it is no plan of this build: it says {0}, and {API_VERSION}/{KIND} is read")]
    AnotherKind(String),
    #[error(
        "it was made of a dump in which objects have no managedFields, and may hold Jobs of Terraform, Crossplane and \
         others, which would run them again; make it of the cluster, or of `kubectl get \
         jobs,cronjobs,namespaces -A -o yaml --show-managed-fields`"
    )]
    NoManagers,
    #[error("it was edited since it was made; make a new one with `curfew plan`")]
    Edited,
    #[error("it was made of another cluster ({planned}, this one is {here})")]
    AnotherCluster { planned: String, here: String },
}

// === impl Plan ===

impl Plan {
    /// What the sweeper would do.
    pub fn new(policy: &Policy, snapshot: &Snapshot, options: &Options<'_>) -> Self {
        let mut items = Vec::new();
        let mut totals = Totals { brake_at_most: policy.stored.brake_at_most, ..Totals::default() };
        let objects = snapshot.objects();
        let mut pruned = std::collections::BTreeSet::new();
        let mut blind = false;
        // `CronJob`s first: a Job that its family's limit ends need not be listed for itself.
        for stored in objects.cronjobs.iter().chain(&objects.jobs) {
            let children = objects.children(stored);
            let view = objects.view(stored, &children, options);
            let judgement = decide(policy, &view);
            let risks = judgement.risks.iter().map(|risk| (view.namespace, risk));
            totals.due_within_an_hour += brake::due(options.now, options.reach, risks) as u64;
            let mut actions = listed(&judgement, &view, options);
            if !stored.planned {
                // Its Jobs may be planned for.
                actions.retain(|action| matches!(action, Action::Delete { .. }));
            }
            if actions.is_empty() && stored.planned {
                *totals.left.entry(judgement.reason().as_str().to_owned()).or_default() += 1;
                continue;
            }
            for action in actions {
                let item = Item::new(&objects, stored, &judgement, &action, options.now);
                let deletes = item.action == Does::Delete;
                // What is deleted need not be changed before.
                let anew = if deletes {
                    pruned.insert(item.uid.clone())
                } else {
                    !pruned.contains(&item.uid)
                };
                if !anew {
                    continue;
                }
                if options.dump && matches!(item.action, Does::Delete | Does::Patch) {
                    blind |= objects.job(&item.uid).unwrap_or(stored).hides_its_managers();
                }
                totals.add(&item);
                items.push(item);
            }
        }
        items.sort_by(|a, b| a.order().cmp(&b.order()));
        let mut plan = Self {
            api_version: API_VERSION.to_owned(),
            kind: KIND.to_owned(),
            created_at: options.now,
            cluster: snapshot.cluster().map(str::to_owned),
            revision: policy.revision.clone(),
            older_than: options.older_than.map(Seconds::get),
            propagation_policy: policy.stored.propagation.as_str().to_owned(),
            without_managers: blind,
            items,
            totals,
            digest: String::new(),
        };
        plan.digest = plan.computed_digest();
        plan
    }

    /// Checks that the plan is one of ours, that nobody has edited it, and that nothing was missing
    /// when it was made.
    ///
    /// # Errors
    /// [`BadPlan`], which says how to mend it.
    pub fn check(&self) -> Result<(), BadPlan> {
        if self.api_version != API_VERSION || self.kind != KIND {
            return Err(BadPlan::AnotherKind(format!("{}/{}", self.api_version, self.kind)));
        }
        if self.computed_digest() != self.digest {
            return Err(BadPlan::Edited);
        }
        if self.without_managers { Err(BadPlan::NoManagers) } else { Ok(()) }
    }

    /// Checks that the plan was made of this cluster, by the uid of its namespace kube-system. A
    /// plan that does not know its cluster passes: each of its writes is bound to a uid anyway.
    ///
    /// # Errors
    /// [`BadPlan::AnotherCluster`].
    pub fn check_cluster(&self, here: &str) -> Result<(), BadPlan> {
        match &self.cluster {
            Some(planned) if planned != here => {
                Err(BadPlan::AnotherCluster { planned: planned.clone(), here: here.to_owned() })
            }
            _ => Ok(()),
        }
    }

    /// Whether there is anything to do, or due.
    pub fn is_empty(&self) -> bool {
        let due = |item: &Item| item.due.is_some_and(|due| due <= self.created_at);
        !self.items.iter().any(|item| match item.action {
            Does::Delete | Does::Patch => true,
            Does::Count => due(item),
            Does::Wait => false,
        })
    }

    fn computed_digest(&self) -> String {
        let bare = Self { digest: String::new(), ..self.clone() };
        let text = serde_json::to_vec(&bare).expect("strings, numbers and times are always JSON");
        let hex =
            |digit: u8| char::from_digit(u32::from(digit), 16).expect("four bits are a digit");
        Sha256::digest(text).iter().flat_map(|byte| [hex(byte >> 4), hex(byte & 15)]).collect()
    }
}

// === impl Totals ===

impl Totals {
    fn add(&mut self, item: &Item) {
        let tallies = [
            &mut self.all,
            self.by_rule.entry(item.rule.clone()).or_default(),
            self.by_namespace.entry(item.namespace.clone()).or_default(),
        ];
        for tally in tallies {
            match item.action {
                Does::Delete => tally.delete += 1,
                Does::Patch => tally.patch += 1,
                Does::Count => tally.count += 1,
                Does::Wait => {}
            }
        }
        if item.action == Does::Delete {
            self.freed.jobs += 1;
            self.freed.pods += item.pods;
            self.freed.bytes += item.bytes;
        }
    }
}

/// The actions that make a line each.
fn listed(judgement: &Judgement<'_>, view: &View<'_>, options: &Options<'_>) -> Vec<Action> {
    let actions = together(judgement, view).into_iter();
    let mut actions: Vec<Action> = actions.filter_map(|action| by_age(action, options)).collect();
    let acts = actions.iter().any(|a| matches!(a, Action::Delete { .. } | Action::Patch { .. }));
    if acts {
        actions.retain(|action| matches!(action, Action::Delete { .. } | Action::Patch { .. }));
    } else {
        actions.truncate(1);
    }
    actions.retain(|action| options.everything || is_finding(action));
    actions
}

/// The actions with all writes to the object as one. The sweeper makes two of what the brake may
/// have to hold apart; here the second would meet an object that the first has changed.
fn together(judgement: &Judgement<'_>, view: &View<'_>) -> Vec<Action> {
    let patch = |action: &&Action| matches!(action, Action::Patch { .. });
    let mut actions = judgement.actions.clone();
    if actions.iter().filter(patch).count() < 2 {
        return actions;
    }
    let decision = &judgement.decision;
    let mut settled = Vec::new();
    for action in &actions {
        if let Action::Patch { change, .. } = action {
            settled.extend(change.fields.iter().filter_map(|f| decision.setting(f.setting)));
        }
    }
    let whole = Change::of(decision, view.object, view.namespace, &settled, Direction::Lower);
    let first = actions.iter().position(|action| patch(&action));
    if let (Some(first), Ok(whole)) = (first, whole) {
        let reason = actions[first].reason().clone();
        actions.retain(|action| !patch(&action));
        actions.insert(first.min(actions.len()), Action::Patch { change: whole, reason });
    }
    actions
}

/// A clean-up by age deletes and does nothing else, and never what is younger.
fn by_age(action: Action, options: &Options<'_>) -> Option<Action> {
    let Some(age) = options.older_than else { return Some(action) };
    match action {
        Action::Patch { .. } => None,
        Action::Delete { deletion, reason } => {
            let old = options.now.duration_since(deletion.finish).as_secs() >= age.get();
            Some(if old {
                Action::Delete { deletion, reason }
            } else {
                Action::Count { reason: Reason::TooYoung }
            })
        }
        other => Some(other),
    }
}

/// Whether a person who asks for a plan wants to see it.
fn is_finding(action: &Action) -> bool {
    match action {
        Action::Delete { .. } | Action::Patch { .. } => true,
        Action::Wait { .. } => false,
        Action::Count { reason } => matches!(
            reason,
            Reason::BadTtl
                | Reason::Flapping
                | Reason::NoFinishTime
                | Reason::NoIdentity
                | Reason::NoRoom
                | Reason::Row(_)
                | Reason::Stuck(_)
                | Reason::TooLate
                | Reason::Tracked
                | Reason::UnknownCronJob
                | Reason::UnknownNamespace
                | Reason::Withheld(_)
        ),
    }
}

const API_VERSION: &str = "curfew.dev/v1alpha1";
const KIND: &str = "SweepPlan";
