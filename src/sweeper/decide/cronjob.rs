//! A stored `CronJob`: its values, and the finished Jobs beyond `limits.history.max`.

use crate::policy::decide::Settled;
use crate::policy::{Policy, Setting};

use super::super::change::Direction;
use super::super::family;
use super::super::reason::Reason;
use super::super::table::{Response, Row};
use super::{Action, Deletion, Judgement, Risk, View};
use crate::sweeper::change::lives_longer;

// === impl Judgement ===

impl Judgement<'_> {
    pub(super) fn cronjob(&mut self, policy: &Policy, view: &View<'_>) {
        self.values(view);
        self.family(policy, view);
        if self.actions.is_empty() {
            let why = self.protection().or_else(|| self.withheld());
            self.count(why.unwrap_or(Reason::Agreed));
        }
    }

    /// History limits and the template's TTL.
    fn values(&mut self, view: &View<'_>) {
        let protected = self.protection().is_some();
        let row = if protected { Row::TakeBack } else { Row::CronJob };
        let mut written = Vec::new();
        let mut lowered = Vec::new();
        let mut left = false;
        for settled in self.decision.settings.iter().filter(|settled| settled.changes()) {
            let (present, target) = limits(settled);
            let lower = settled.setting != Setting::Ttl && !lives_longer(target, present);
            let writes = match row.response(self.stored) {
                Response::Patch if protected => settled.is_ours() && lives_longer(target, present),
                Response::Patch => true,
                Response::PatchOurs => settled.is_ours(),
                Response::Count | Response::Delete => false,
            };
            match (writes, lower) {
                (false, _) => left |= !protected,
                (true, true) => lowered.push((settled.setting, target)),
                (true, false) => written.push(settled.setting),
            }
        }
        let risks: Vec<Risk> =
            lowered.iter().flat_map(|(s, limit)| family::ended_by(view, *s, *limit)).collect();
        let lowered: Vec<Setting> = lowered.into_iter().map(|(setting, _)| setting).collect();
        // What ends Jobs is a write of its own, for the brake to hold without the rest.
        let is_blind = !view.is_whole && !lowered.is_empty();
        if risks.is_empty() && !is_blind {
            written.extend(lowered.iter().copied());
        }
        let direction = if protected { Direction::TakeBack } else { Direction::Raise };
        if !written.is_empty() {
            self.patch(view, &written, direction, row);
        }
        // Nobody knows what else the built-in controller would remove for it.
        if is_blind || !risks.is_empty() && self.patch(view, &lowered, Direction::Lower, row) {
            self.risks.extend(risks);
        }
        if left || is_blind {
            self.count(Reason::Row(Row::CronJob));
        }
    }

    /// Finished Jobs beyond `limits.history.max`.
    fn family(&mut self, policy: &Policy, view: &View<'_>) {
        if self.protection().is_some() {
            return;
        }
        let Some(max) = self.decision.resolved.history_max else { return };
        let rule = crate::policy::decide::Origin::from(max.by).as_str().to_owned();
        let beyond = family::beyond_limit(policy, view, self.stored, max.value, &rule);
        if beyond.is_empty() {
            return;
        }
        if Row::Family.response(self.stored) != Response::Delete {
            self.count(Reason::Row(Row::Family));
            return;
        }
        let risk = |deletion: &Deletion| Risk { finish: deletion.finish, due: deletion.due };
        self.risks.extend(beyond.iter().map(risk));
        if !view.is_whole {
            // Among those that nobody knows may be some that go first.
            self.count(Reason::Row(Row::Family));
            return;
        }
        for deletion in beyond {
            let (due, reason) = (deletion.due, Reason::Row(Row::Family));
            // A finish time in the future makes everything wait, as it does for a TTL.
            self.actions.push(if due > view.now {
                Action::Wait { until: due, reason }
            } else {
                Action::Delete { deletion, reason }
            });
        }
    }
}

/// The present and the future value of a setting, with what the API server fills for an absent
/// history limit.
fn limits(settled: &Settled<'_>) -> (Option<i64>, Option<i64>) {
    let default = settled.setting.api_default();
    (settled.present.number().or(default), settled.target.number().or(default))
}
