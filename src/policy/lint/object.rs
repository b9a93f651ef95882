//! What is odd about one object, given what a policy makes of it.

use jiff::SignedDuration;
use serde::Serialize;

use crate::batch::{Kind, Object};
use crate::policy::code;
use crate::policy::model::value::Seconds;

/// A warning about an object at hand.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Lint {
    /// Stable, such as `W109`.
    pub code: &'static str,
    /// What is odd.
    pub message: String,
    /// How to mend it.
    pub mend: String,
}

/// Looks at an object and the values that it is going to have: the TTL (a `CronJob`'s is that of
/// its template) and the history limits for successful and failed Jobs, each in seconds or Jobs.
/// `interval` is the shortest time between two starts of the schedule, where that is known.
pub fn object(
    object: &Object<'_>,
    ttl: Option<i64>,
    history: (Option<i64>, Option<i64>),
    interval: Option<SignedDuration>,
) -> Vec<Lint> {
    let mut lints = Vec::new();
    if object.kind != Kind::CronJob {
        return lints;
    }
    if let (Some(ttl), Some(interval)) = (ttl, interval) {
        let (successful, failed) = history;
        lints.extend(outlived("successful", successful, ttl, interval));
        lints.extend(outlived("failed", failed, ttl, interval));
    }
    if let Some(ttl) = ttl.filter(|ttl| (0..60).contains(ttl)) {
        lints.push(Lint {
            code: code::SHORT_TEMPLATE_TTL,
            message: format!(
                "a TTL of {ttl}s in the template can delete a Job before the CronJob controller \
                 has seen it succeed: lastSuccessfulTime may be lost"
            ),
            mend: "give Jobs of CronJobs 60s at least".to_owned(),
        });
    }
    let starting = object.spec.starting_deadline_seconds;
    if let Some(deadline) = starting.filter(|deadline| (0..SYNC_PERIOD).contains(deadline)) {
        lints.push(short_deadline(deadline));
    }
    lints
}

/// A starting deadline that the `CronJob` controller may miss without any delay.
pub(super) fn short_deadline(seconds: i64) -> Lint {
    Lint {
        code: code::SHORT_STARTING_DEADLINE,
        message: format!(
            "a starting deadline of {seconds}s leaves no time for a controller that is slow or \
             starts anew: starts may be missed"
        ),
        mend: format!("give {SYNC_PERIOD}s at least, better a minute"),
    }
}

/// Whether the TTL deletes Jobs that a history limit means to keep.
fn outlived(outcome: &str, limit: Option<i64>, ttl: i64, interval: SignedDuration) -> Option<Lint> {
    let (limit, interval) = (limit?, interval.as_secs());
    if ttl < 0 || interval <= 0 {
        return None;
    }
    // Just after a run those are left that ended less than a TTL ago.
    let left = ttl / interval + i64::from(ttl % interval != 0);
    if left >= limit {
        return None;
    }
    let (keeps, every) = (Seconds::new(ttl)?, Seconds::new(interval)?);
    let count = if left == 0 { "no".to_owned() } else { format!("only {left}") };
    let (jobs, survive) = if left == 1 { ("Job", "survives") } else { ("Jobs", "survive") };
    Some(Lint {
        code: code::TTL_AND_HISTORY,
        message: format!(
            "{count} {outcome} {jobs} {survive} a TTL of {keeps} where one starts every {every}, \
             and history keeps {limit}"
        ),
        mend: match Seconds::new(interval.saturating_mul(limit)) {
            Some(enough) => format!("raise the TTL to {enough}, or lower the history limit"),
            None => "lower the history limit".to_owned(),
        },
    })
}

/// How often the `CronJob` controller looks at a `CronJob` (upstream-semantics.md, 2).
pub(super) const SYNC_PERIOD: i64 = 10;

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn codes(
        kind: Kind,
        ttl: Option<i64>,
        history: (Option<i64>, Option<i64>),
        every: Option<i64>,
        starting: Option<i64>,
    ) -> Vec<&'static str> {
        let object = json!({
            "metadata": {"name": "daily-etl"},
            "spec": {"startingDeadlineSeconds": starting, "jobTemplate": {"spec": {}}},
        });
        let object = Object::from_json(kind, &object).unwrap();
        let lints = super::object(&object, ttl, history, every.map(SignedDuration::from_secs));
        lints.into_iter().map(|lint| lint.code).collect()
    }

    const DAY: i64 = 86_400;

    #[rstest]
    #[case::three_days_for_three(3 * DAY, 3, DAY, &[])]
    #[case::two_days_for_three(2 * DAY, 3, DAY, &["W109"])]
    #[case::a_day_and_a_half_for_two(DAY + DAY / 2, 2, DAY, &[])]
    #[case::hourly(2 * DAY, 3, 3_600, &[])]
    #[case::nothing_is_kept(60, 0, DAY, &[])]
    fn ttl_against_history(
        #[case] ttl: i64,
        #[case] keep: i64,
        #[case] every: i64,
        #[case] expected: &[&str],
    ) {
        let found = codes(Kind::CronJob, Some(ttl), (Some(keep), None), Some(every), None);
        assert_eq!(found, expected);
    }

    #[test]
    fn says_how_many_survive() {
        let object = json!({"metadata": {}, "spec": {"jobTemplate": {"spec": {}}}});
        let object = Object::from_json(Kind::CronJob, &object).unwrap();
        let interval = Some(SignedDuration::from_hours(24));
        let lints = super::object(&object, Some(2 * DAY), (Some(3), Some(1)), interval);
        insta::assert_snapshot!(
            lints[0].message,
            @"only 2 successful Jobs survive a TTL of 2d where one starts every 1d, and history keeps 3"
        );
        assert_eq!(lints.len(), 1);
    }

    #[rstest]
    #[case::short_ttl(Kind::CronJob, Some(0), None, &["W110"])]
    #[case::a_minute(Kind::CronJob, Some(60), None, &[])]
    #[case::no_ttl(Kind::CronJob, None, None, &[])]
    #[case::a_job_of_its_own(Kind::Job, Some(0), Some(1), &[])]
    #[case::short_deadline(Kind::CronJob, None, Some(9), &["W111"])]
    #[case::long_enough_deadline(Kind::CronJob, None, Some(10), &[])]
    fn values_that_are_too_short(
        #[case] kind: Kind,
        #[case] ttl: Option<i64>,
        #[case] starting: Option<i64>,
        #[case] expected: &[&str],
    ) {
        assert_eq!(codes(kind, ttl, (Some(3), Some(1)), None, starting), expected);
    }
}
