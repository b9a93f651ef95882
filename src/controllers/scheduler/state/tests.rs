use rstest::rstest;
use serde_json::{Value, json};

use super::*;
use crate::cluster::pace::Signal;
use crate::cluster::slim::{Decoder, Slim};
use crate::cluster::watch::Index as _;
use crate::controllers::rights;
use crate::policy::Source;

/// A term whose clock and answers a test gives.
struct Table {
    state: State,
    now: Timestamp,
}

const OWN: &str = "{mode: Own, clusterTimeZone: UTC}";

// === impl Table ===

impl Table {
    /// A term that begins at noon and owns at once.
    fn new(scheduler: &str) -> Self {
        Self::begun(scheduler, true)
    }

    fn begun(scheduler: &str, force_own: bool) -> Self {
        let policy = Arc::new(policy(scheduler));
        let now = "2026-11-30T12:00:00Z".parse().unwrap();
        let reach = Arc::new(Reach::only(Vec::new()));
        let asked = rights::of_scheduler(&policy, &reach).into_iter().collect();
        let given = Given {
            watches: Arc::new(Watches::none()),
            own_namespace: None,
            reach,
            force_own,
            metrics: Arc::new(Metrics::new()),
        };
        let rights = Rights { asked, ..Rights::default() };
        let table = Self { state: State::new(given, rights, policy, None, now), now };
        let (store, keep) = (&table.state.given.watches.store, &table.state.keep);
        Arc::clone(&store.jobs).reset(&[], keep);
        Arc::clone(&store.cronjobs).reset(&[], keep);
        Arc::clone(&store.namespaces).reset(&[], keep);
        table
    }

    /// A watch shows a `CronJob` that starts every hour.
    fn shows(&mut self, overlay: &Value) {
        let mut json = json!({
            "metadata": {
                "namespace": "apps", "name": "report", "uid": "c", "resourceVersion": "1",
                "creationTimestamp": "2026-11-30T11:30:00Z", "generation": 1,
            },
            "spec": {"schedule": "0 * * * *", "jobTemplate": {"spec": {}}},
            "status": {},
        });
        json_patch::merge(&mut json, overlay);
        let mut decoder = Decoder { keep: Arc::clone(&self.state.keep), ..Decoder::default() };
        let cronjob = Arc::new(CronJob::decode(&json.to_string(), &mut decoder).unwrap());
        Arc::clone(&self.state.given.watches.store.cronjobs).apply(&cronjob);
        let changed = [ObjectRef::CronJob(cronjob)].into_iter().collect();
        self.state.take_news(News { changed, ..News::default() }, self.now);
    }

    /// A watch shows a Job that somebody made for a start.
    fn shows_job_of(&mut self, namespace: &str, slot: &str) {
        let minutes = slot.parse::<Timestamp>().unwrap().as_second() / 60;
        let json = json!({
            "metadata": {
                "namespace": namespace, "name": format!("report-{minutes}"), "uid": "j", "resourceVersion": "1",
                "creationTimestamp": self.now.to_string(),
                "annotations": {"batch.kubernetes.io/cronjob-scheduled-timestamp": slot},
                "ownerReferences": [{
                    "apiVersion": "batch/v1", "kind": "CronJob", "name": "report", "uid": "c",
                    "controller": true,
                }],
            },
            "spec": {}, "status": {},
        });
        let mut decoder = Decoder { keep: Arc::clone(&self.state.keep), ..Decoder::default() };
        let job = Arc::new(Job::decode(&json.to_string(), &mut decoder).unwrap());
        Arc::clone(&self.state.given.watches.store.jobs).apply(&job);
        let changed = [ObjectRef::Job(Arc::clone(&job))].into_iter().collect();
        let news = News { changed, appeared: vec![job], ..News::default() };
        self.state.take_news(news, self.now);
    }

    fn pass(&mut self, milliseconds: i64) {
        self.now = self.now.saturating_add(SignedDuration::from_millis(milliseconds)).unwrap();
    }

    /// The pass that is made now, if one is: over whom, and whether a start is due.
    fn next(&mut self) -> Option<ReconcileRequest> {
        self.state.take_due(self.now);
        self.state.next_pass(true, self.now)
    }

    /// A pass ends.
    fn ends(&mut self, request: ReconcileRequest, next: Next) {
        let ended = Ended {
            name: request.name,
            next,
            wake: None,
            unwritten: None,
            newest: None,
            verified: true,
            signal: Signal::Answered,
            refused: false,
        };
        self.state.passed(ended, self.now);
    }

    fn at(&self, time: &str) -> Timestamp {
        let date = self.now.to_string();
        format!("{}T{time}Z", &date[..10]).parse().unwrap()
    }
}

fn policy(scheduler: &str) -> Policy {
    let text = format!(
        "apiVersion: curfew.dev/v1alpha1\nkind: JobPolicy\nmetadata: {{name: test}}\nspec:\n  \
         scheduler: {scheduler}\n"
    );
    let source = Source { name: "policy.yaml".to_owned(), text };
    Policy::load(&[source]).unwrap().policy
}

#[rstest]
#[case::own(OWN, Some("Own"))]
#[case::observe("{mode: Observe}", None)]
#[case::off("{mode: \"Off\"}", None)]
#[case::backstop_of_all(
    "{mode: Backstop, selector: {matchExpressions: [{key: a, operator: DoesNotExist}]}}",
    Some("Backstop")
)]
#[case::backstop_of_others("{mode: Backstop, selector: {matchLabels: {a: b}}}", None)]
fn a_new_cronjob_gets_a_pass(#[case] scheduler: &str, #[case] expected: Option<&str>) {
    let mut table = Table::new(scheduler);
    table.shows(&json!({}));
    let manner = table.next().map(|request| format!("{:?}", request.manner));
    assert_eq!(manner.as_deref().map(|manner| manner.split('(').next().unwrap()), expected);
    assert!(table.next().is_none(), "one pass at a time");
}

#[test]
fn a_start_is_looked_at_when_it_is_due() {
    let mut table = Table::new(OWN);
    table.shows(&json!({}));
    let first = table.next().unwrap();
    assert!(!first.urgent);
    let due = table.at("13:00:00.1");
    table.ends(first, Next::At(due));
    assert_eq!(table.state.next(), Some(table.now), "the look at all is due");
    table.pass(3_600_000 + 99);
    assert!(table.next().is_none());
    table.pass(1);
    assert!(table.next().unwrap().urgent);
}

/// What came meanwhile is looked at afterwards, and not more often than five times a second.
#[test]
fn news_during_a_pass_are_not_lost() {
    let mut table = Table::new(OWN);
    table.shows(&json!({}));
    let request = table.next().unwrap();
    table.shows(&json!({"metadata": {"resourceVersion": "2"}}));
    assert!(table.next().is_none());
    table.pass(10);
    table.ends(request, Next::Sleep);
    assert!(table.next().is_none());
    table.pass(190);
    assert!(table.next().is_some());
}

#[test]
fn it_waits_twice_as_long_after_each_failure() {
    let mut table = Table::new(OWN);
    table.shows(&json!({}));
    for (failures, pause) in [250, 500, 1_000, 2_000, 4_000, 8_000].into_iter().enumerate() {
        let request = table.next().unwrap();
        assert_eq!(
            (usize::try_from(request.failures).unwrap(), request.doubt),
            (failures, failures > 0)
        );
        table.ends(request, Next::Failed { doubt: true });
        table.pass(pause - 1);
        assert!(table.next().is_none(), "{pause}");
        table.pass(1);
    }
}

#[test]
fn a_pass_that_breaks_off_is_made_again_with_what_it_had_to_write() {
    let mut table = Table::new(OWN);
    table.shows(&json!({}));
    let ReconcileRequest { name, .. } = table.next().unwrap();
    let unwritten = Some(crate::batch::cronjob::Status::default());
    table.state.expectations.known(&name).unwrap().unwritten = unwritten.clone();
    table.state.broke_off(name, table.now);
    table.pass(250);
    let again = table.next().unwrap();
    assert_eq!((again.unwritten, again.doubt), (unwritten, true));
}

/// As upstream: what the new schedule would have started before the edit is not made.
#[test]
fn an_edited_schedule_asks_for_no_pass_of_its_own() {
    let mut table = Table::new(OWN);
    table.shows(&json!({}));
    let first = table.next().unwrap();
    let due = table.at("13:00:00.1");
    table.ends(first, Next::At(due));
    table.pass(60_000);
    table.shows(&json!({
        "metadata": {"resourceVersion": "2", "generation": 2},
        "spec": {"schedule": "30 * * * *"},
        "status": {"lastScheduleTime": "2026-11-30T12:00:00Z"},
    }));
    assert!(table.next().is_none());
    table.pass(29 * 60_000 + 99);
    assert!(table.next().is_none());
    table.pass(1);
    assert!(table.next().unwrap().urgent);
}

#[test]
fn one_of_the_same_name_has_nothing_of_the_one_before() {
    let mut table = Table::new(OWN);
    table.shows(&json!({}));
    let request = table.next().unwrap();
    table.shows(&json!({"metadata": {"uid": "d", "resourceVersion": "2"}}));
    table.ends(request, Next::Gone);
    let next = table.next().unwrap();
    assert_eq!(next.cronjob.meta.uid.to_string(), "d");
    assert!(!next.verified);
}

#[test]
fn whoever_is_switched_off_writes_down_what_it_started() {
    let mut table = Table::new(OWN);
    table.shows(&json!({}));
    let request = table.next().unwrap();
    let unwritten = Some(crate::batch::cronjob::Status::default());
    let ended = Ended {
        name: request.name.clone(),
        next: Next::Soon,
        wake: None,
        unwritten,
        newest: None,
        verified: true,
        signal: Signal::Answered,
        refused: false,
    };
    table.state.passed(ended, table.now);
    table.state.load(Arc::new(policy("{mode: \"Off\"}")), table.now);
    assert!(table.state.has_work());
    let request = table.next().unwrap();
    assert!(matches!(request.manner, Manner::Finish) && !request.urgent);
    table.ends(request, Next::Sleep);
    assert!(table.next().is_none() && !table.state.has_work());
}

#[test]
fn where_the_lease_is_not_surely_ours_nothing_is_started() {
    let mut table = Table::new(OWN);
    table.shows(&json!({}));
    let request = table.state.next_pass(false, table.now).unwrap();
    assert!(matches!(request.manner, Manner::Finish));
}

/// A Job of somebody else, for a start that is not written down.
#[rstest]
#[case::the_only_namespace(None, "stopped")]
#[case::one_of_two(Some("other"), "owning")]
fn whoever_else_starts_cronjobs_is_left_to_it(
    #[case] beside: Option<&str>,
    #[case] expected: &str,
) {
    let mut table = Table::new(OWN);
    table.shows(&json!({}));
    if let Some(namespace) = beside {
        table.shows(&json!({"metadata": {"namespace": namespace, "uid": "o"}}));
    }
    while table.next().is_some() {}
    table.pass(3_600_000);
    table.shows_job_of("apps", "2026-11-30T13:00:00Z");
    let status = table.state.status(None, table.now).unwrap();
    let takeover = serde_json::to_value(status.takeover).unwrap().to_string().to_lowercase();
    assert!(takeover.contains(expected), "{takeover}");
    assert!(!table.state.acts("apps"));
    assert_eq!(beside.map(|namespace| table.state.acts(namespace)), beside.map(|_| true));
}

#[test]
fn before_it_owns_nothing_is_started() {
    let mut table = Table::begun(OWN, false);
    table.shows(&json!({}));
    assert!(table.next().is_none());
    assert!(table.state.next().is_some());
}

#[test]
fn all_are_looked_at_and_counted() {
    let mut table = Table::new("{mode: Observe}");
    for number in 0..300 {
        let (name, uid) = (format!("report-{number}"), format!("c-{number}"));
        table.shows(&json!({"metadata": {"name": name, "uid": uid}}));
    }
    let mut looks = 0;
    while table.state.may_survey(table.now) {
        table.state.survey(table.now);
        looks += 1;
    }
    assert_eq!(looks, 3);
    let status = table.state.status(None, table.now).unwrap();
    assert_eq!(status.cron_jobs.values().sum::<u64>(), 300);
    assert!(table.state.status(None, table.now).is_none(), "it was told a moment ago");
    table.pass(19_999);
    assert!(!table.state.may_survey(table.now));
    table.pass(1);
    assert!(table.state.may_survey(table.now));
}

#[test]
fn a_clock_that_is_put_back_makes_nothing_wait() {
    let mut table = Table::new(OWN);
    table.shows(&json!({}));
    let request = table.next().unwrap();
    let due = table.at("13:00:00.1");
    table.ends(request, Next::At(due));
    table.state.look_at_clock(table.now);
    table.pass(-7_200_000);
    table.state.look_at_clock(table.now);
    assert!(table.next().is_some());
}
