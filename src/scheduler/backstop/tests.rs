use jiff::{SignedDuration, Timestamp};
use rstest::rstest;

use super::{Conditions, Refusal, permit};
use crate::batch::cronjob::Active;
use crate::batch::zone::Zone;
use crate::batch::{Child, Concurrency, CronJob};
use crate::scheduler::decide::{Answers, Situation, Start, Step, decide};

/// The start of ten o'clock.
fn start(cronjob: &CronJob<'static>) -> Start<'static> {
    let step = decide(&Situation {
        cronjob,
        children: &[Child::test("runs")],
        removed: &std::collections::BTreeSet::new(),
        answers: &Answers { cronjob: Some(cronjob.clone()), ..Answers::default() },
        zone: &Zone::UTC,
        now: "2016-05-19T10:00:00.1Z".parse().unwrap(),
    });
    match step {
        Step::Done(pass) => pass.start.expect("it is due"),
        Step::Ask(question) => panic!("{question:?}"),
    }
}

/// Everything speaks for it: half a minute was to be waited, and has passed.
fn conditions() -> Conditions {
    Conditions {
        protected: false,
        watched: "2016-05-19T09:59:59Z".parse().unwrap(),
        grace: SignedDuration::from_secs(30),
        zone_known: false,
        ttl: None,
        now: "2016-05-19T10:00:30Z".parse().unwrap(),
    }
}

fn berlin() -> CronJob<'static> {
    CronJob { time_zone: Some("Europe/Berlin"), ..CronJob::test() }
}

#[rstest]
#[case::nothing_speaks_against_it(|_: &mut CronJob<'_>, _: &mut Conditions| {}, Ok(()))]
#[case::in_a_system_namespace(
    |_: &mut CronJob<'_>, conditions: &mut Conditions| conditions.protected = true,
    Err(Refusal::Protected)
)]
#[case::too_early(
    |_: &mut CronJob<'_>, conditions: &mut Conditions| {
        conditions.now = "2016-05-19T10:00:29.999Z".parse().unwrap();
    },
    Err(Refusal::Early("2016-05-19T10:00:30Z".parse().unwrap()))
)]
#[case::due_before_it_was_watched(
    |_: &mut CronJob<'_>, conditions: &mut Conditions| {
        conditions.watched = "2016-05-19T10:00:00Z".parse().unwrap();
    },
    Err(Refusal::BeforeWatch)
)]
#[case::nobody_knows_the_zone(
    |cronjob: &mut CronJob<'_>, _: &mut Conditions| cronjob.time_zone = None,
    Err(Refusal::NoZone)
)]
#[case::the_policy_knows_the_zone(
    |cronjob: &mut CronJob<'_>, conditions: &mut Conditions| {
        cronjob.time_zone = None;
        conditions.zone_known = true;
    },
    Ok(())
)]
#[case::a_zone_in_the_schedule(
    |cronjob: &mut CronJob<'_>, _: &mut Conditions| cronjob.schedule = "TZ=UTC 0 * * * *",
    Err(Refusal::ZoneInSchedule)
)]
#[case::replaces(
    |cronjob: &mut CronJob<'_>, _: &mut Conditions| {
        cronjob.concurrency = Concurrency::Replace;
        cronjob.status.active.push(Active::test("runs"));
    },
    Err(Refusal::Replaces)
)]
#[case::replaces_nothing(
    |cronjob: &mut CronJob<'_>, _: &mut Conditions| cronjob.concurrency = Concurrency::Replace,
    Ok(())
)]
#[case::lives_too_short(
    |_: &mut CronJob<'_>, conditions: &mut Conditions| conditions.ttl = Some(599),
    Err(Refusal::ShortLived(599))
)]
#[case::lives_long_enough(
    |_: &mut CronJob<'_>, conditions: &mut Conditions| conditions.ttl = Some(600),
    Ok(())
)]
#[case::keeps_no_successes(
    |cronjob: &mut CronJob<'_>, _: &mut Conditions| cronjob.successful_limit = Some(0),
    Err(Refusal::NoHistory)
)]
#[case::keeps_no_failures(
    |cronjob: &mut CronJob<'_>, _: &mut Conditions| cronjob.failed_limit = Some(0),
    Err(Refusal::NoHistory)
)]
#[case::what_passes_by_itself_is_told_last(
    |cronjob: &mut CronJob<'_>, conditions: &mut Conditions| {
        cronjob.failed_limit = Some(0);
        conditions.now = "2016-05-19T10:00:01Z".parse().unwrap();
    },
    Err(Refusal::NoHistory)
)]
fn permits(
    #[case] set: impl Fn(&mut CronJob<'_>, &mut Conditions),
    #[case] expected: Result<(), Refusal>,
) {
    let (mut cronjob, mut conditions) = (berlin(), conditions());
    set(&mut cronjob, &mut conditions);
    assert_eq!(permit(&cronjob, &start(&cronjob), conditions), expected);
}

#[test]
fn a_grace_beyond_all_times_never_ends() {
    let conditions = Conditions { grace: SignedDuration::MAX, ..conditions() };
    let refusal = permit(&berlin(), &start(&berlin()), conditions);
    assert_eq!(refusal, Err(Refusal::Early(Timestamp::MAX)));
}

#[rstest]
#[case(
    Refusal::Early(Timestamp::UNIX_EPOCH),
    "the built-in controller has until 1970-01-01T00:00:00Z"
)]
#[case(Refusal::Protected, "it is in a system namespace or curfew's own")]
#[case(Refusal::BeforeWatch, "it came due before this spec was watched")]
#[case(
    Refusal::NoZone,
    "it has no spec.timeZone, and the policy no spec.scheduler.clusterTimeZone"
)]
#[case(Refusal::ZoneInSchedule, "there is a time zone in its schedule")]
#[case(Refusal::Replaces, "a running Job would have to be replaced")]
#[case(
    Refusal::ShortLived(5),
    "its Job would be gone 5s after its end, before the built-in controller has surely seen it; that \
     takes 600s"
)]
#[case(Refusal::NoHistory, "a history limit is 0")]
fn says_why_not(#[case] refusal: Refusal, #[case] expected: &str) {
    assert_eq!(refusal.to_string(), expected);
}
