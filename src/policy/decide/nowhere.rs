//! An object whose namespace nobody knows, where its labels decide (policy.md, point 14).
//!
//! Nothing is given to it, and nothing taken. But a Job without a TTL would never be ours, and
//! `stored.action: Marked` would leave it for ever. So it gets an entry that says that it is
//! ([`Entry::claim`]), as one with an `unset` side does: once the labels are known, the sweeper gives
//! it what the policy says, or takes the entry back where the policy says nothing.

use super::resolve::NamespaceUnknown;
use crate::batch::Kind;
use crate::policy::model::policy::Policy;
use crate::policy::model::record::{Entry, Record};
use crate::policy::model::setting::{Setting, Value};
use crate::policy::model::settings::{Guard, Mode, Ttl};

use super::decision::{Decision, Verdict};
use super::input::{Input, Operation};
use super::{guard, side};

// === impl Policy ===

impl Policy {
    /// Decides as far as that goes without the labels.
    pub(super) fn decide_nowhere<'p>(
        &'p self,
        input: &Input<'_>,
        unknown: &NamespaceUnknown<'p>,
    ) -> Decision<'p> {
        let Some(mode) = unknown.sure(unknown.resolved.mode) else {
            // It may be `Off` or `DryRun` there, where nothing at all is written.
            return Decision::none(self.mode, Verdict::UnknownNamespace);
        };
        if mode == Mode::Off {
            return Decision::none(mode, Verdict::Off);
        }
        let claim = self.may_supply(input, unknown).then(|| claim(input));
        let own_record = side::put_back(input, |record| open_entry(input, record, claim));
        Decision::none(mode, Verdict::UnknownNamespace).with(own_record, input.object)
    }

    /// Whether the policy may give a TTL to the Job in this call, for some labels. A `CronJob` never
    /// needs an entry: its Jobs come before us one by one, and its limits bound them until then.
    fn may_supply<'p>(&'p self, input: &Input<'_>, unknown: &NamespaceUnknown<'p>) -> bool {
        let NamespaceUnknown { resolved, .. } = unknown;
        let is_new = input.object.kind == Kind::Job
            && input.operation != Operation::Stored
            && input.finish().is_none();
        let says = resolved.ttl.is_some() && unknown.sure(resolved.ttl) != Some(Ttl::Unset);
        // A guard that may be on `Skip` leaves it as its author wrote it, without an entry.
        let skips = || {
            guard::hits(self, resolved, input).into_iter().any(|hit| {
                let set = resolved.of_guard(hit.guard);
                unknown.sure(set).unwrap_or_default() == Guard::Skip
            })
        };
        let is_exempt = || matches!(self.exemption(&input.subject()), Ok(Some(_)));
        is_new && says && !is_exempt() && !skips()
    }
}

/// Gives a Job without a TTL its entry.
fn open_entry(input: &Input<'_>, record: &mut Record, claim: Option<Entry>) {
    if input.object.kind != Kind::Job || !Setting::Ttl.of(input.object).is_absent() {
        return;
    }
    // A copy, or a Job of a family, brings an entry that was written for another object.
    if input.operation == Operation::Create {
        record.remove(Setting::Ttl);
    }
    let has_one = |entry: &Entry| side::fits(Setting::Ttl, entry, &Value::Absent);
    if let Some(claim) = claim.filter(|_| !record.entry(Setting::Ttl).is_some_and(has_one)) {
        record.insert(Setting::Ttl, claim);
    }
}

/// The entry of a Job without a TTL. One that its author took away in this very update stays away, as
/// it would if the labels were known.
fn claim(input: &Input<'_>) -> Entry {
    let had = input.old.is_some_and(|old| !Setting::Ttl.of(old).is_absent());
    if had { Entry::declined() } else { Entry::claim() }
}
