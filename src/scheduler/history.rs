//! Which finished Jobs are beyond the history limits (upstream-semantics.md, 2.7).
//!
//! Three things differ from upstream, so that nothing is deleted by mistake: a Job whose owner
//! reference has another uid, which upstream takes for the `CronJob`'s by name alone, is never
//! chosen; one that somebody holds neither counts nor goes; and the Job of a start that is not
//! written down yet counts and stays, as its name is all that keeps the start from being repeated.

use crate::batch::{Child, CronJob, Outcome};

/// The Jobs to delete, in order: successes first, of each group those that started first. A Job
/// that is being deleted counts, and is not deleted again.
pub fn beyond_limits<'c, 'a>(
    cronjob: &CronJob<'_>,
    children: &'c [Child<'a>],
) -> Vec<&'c Child<'a>> {
    let groups =
        [(Outcome::Success, cronjob.successful_limit), (Outcome::Failure, cronjob.failed_limit)];
    let mut all = Vec::new();
    for (outcome, limit) in groups {
        let Some(limit) = limit else { continue };
        let limit = usize::try_from(limit).unwrap_or_default();
        let mut group: Vec<&Child<'_>> = children
            .iter()
            .filter(|child| child.ours && child.finish == Some(outcome) && !child.held)
            .collect();
        let Some(excess) = group.len().checked_sub(limit) else { continue };
        // Without a start time last, then by name.
        group.sort_by(|a, b| {
            let key = |child: &Child<'_>| (child.started.is_none(), child.started);
            key(a).cmp(&key(b)).then_with(|| a.name.cmp(b.name))
        });
        let written = cronjob.status.last_schedule;
        all.extend(group.into_iter().take(excess).filter(|child| {
            !child.terminating && child.unwritten(cronjob.name, written).is_none()
        }));
    }
    all
}

#[cfg(test)]
mod tests;
