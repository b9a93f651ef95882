use std::collections::BTreeMap;

use rstest::rstest;
use serde_json::{Value, json};

use super::*;
use crate::cluster::slim::{CronJob, Decoder, Slim};
use crate::cluster::watch::Index as _;
use crate::controllers::rights;
use crate::controllers::sweeper::braking::Remembered;
use crate::controllers::sweeper::resync::Resync;
use crate::policy::Source;
use crate::sweeper::Reach;

/// A term whose clocks and answers a test gives.
struct Table {
    state: State,
    at: Moment,
    /// What the API server has when it is asked: versions by uid, and the labels of the namespace.
    cronjobs: BTreeMap<String, u64>,
    labels: Option<Vec<(String, String)>>,
}

const POLICY: &str = "
    rules:
      - {name: short, match: {labels: {kind: short}}, ttl: 10m}
    defaults: {ttl: 1h}
    stored: {action: Delete, brake: {atMost: 2}}";

// === impl Table ===

impl Table {
    /// A term that has just begun, with nothing on the Lease.
    fn new(spec: &str) -> Self {
        Self::after(Remembered::default(), spec)
    }

    /// One that has just begun, with this on the Lease.
    fn after(there: Remembered, spec: &str) -> Self {
        let policy = Arc::new(policy(spec));
        let at = Moment { now: at("2026-11-30T12:00:00Z"), ticks: crate::clock::ticks() };
        let reach = Arc::new(Reach::only(Vec::new()));
        let asked = rights::of_sweeper(&policy, &reach).into_iter().collect();
        let state = State::new(
            Beginning {
                watches: Arc::new(Watches::none()),
                own_namespace: None,
                braking: Braking::new(there, &reach, &policy, at.now),
                permits: Permits {
                    reach,
                    rights: Rights { asked, ..Rights::default() },
                    trust: Trust::Fine,
                },
                policy,
                lease_name: ("curfew".to_owned(), "curfew".to_owned()),
                metrics: Arc::new(Metrics::new()),
            },
            at,
        );
        let table = Self { state, at, cronjobs: BTreeMap::new(), labels: None };
        let (store, keep) = (&table.state.watches.store, &table.state.keep);
        Arc::clone(&store.jobs).reset(&[], keep);
        Arc::clone(&store.cronjobs).reset(&[], keep);
        Arc::clone(&store.namespaces).reset(&[], keep);
        table
    }

    /// One whose policy was counted, accepted and put on the Lease.
    fn settled(spec: &str) -> Self {
        let mut table = Self::new(spec);
        assert_eq!(table.resync(), Some(BrakeOutcome::Accepted));
        table
    }

    fn resync(&mut self) -> Option<BrakeOutcome> {
        let mut resync = Resync::new(&self.state);
        while resync.look_at_some(&mut self.state, self.at) {}
        let (outcome, _) = resync.end(&mut self.state, self.at)?;
        let memory = self.state.braking.memory().clone();
        self.state.braking.saved(memory);
        // What waited for that.
        let mut resync = Resync::new(&self.state);
        while resync.look_at_some(&mut self.state, self.at) {}
        resync.end(&mut self.state, self.at)?;
        Some(outcome)
    }

    /// What it leaves on the Lease for the next leader.
    fn leaves(&mut self) -> Remembered {
        self.state.note_labels(self.at.now);
        let (memory, labels) = (self.state.braking.memory(), self.state.braking.labels());
        Remembered { memory: memory.clone(), labels: labels.clone() }
    }

    /// A watch shows a Job.
    fn shows(&mut self, job: &Value) {
        let mut decoder = Decoder { keep: Arc::clone(&self.state.keep), ..Decoder::default() };
        let job = Arc::new(Job::decode(&job.to_string(), &mut decoder).unwrap());
        Arc::clone(&self.state.watches.store.jobs).apply(&job);
        let changed = [ObjectRef::Job(job)].into_iter().collect();
        self.state.take_news(News { changed, ..News::default() }, self.at.now);
    }

    /// A watch shows the `CronJob` of every family.
    fn shows_cronjob(&mut self, version: u64) {
        let json = json!({
            "metadata": {
                "namespace": "apps", "name": "report", "uid": "c",
                "resourceVersion": version.to_string(),
            },
            "spec": {"schedule": "@daily", "jobTemplate": {"spec": {}}},
        });
        let mut decoder = Decoder { keep: Arc::clone(&self.state.keep), ..Decoder::default() };
        let cronjob = Arc::new(CronJob::decode(&json.to_string(), &mut decoder).unwrap());
        Arc::clone(&self.state.watches.store.cronjobs).apply(&cronjob);
        let changed = [ObjectRef::CronJob(cronjob)].into_iter().collect();
        self.state.take_news(News { changed, ..News::default() }, self.at.now);
    }

    /// A watch shows a namespace with these labels.
    fn shows_namespace(&mut self, labels: &Value) {
        let json = json!({"metadata": {"name": "apps", "uid": "n", "labels": labels}});
        let mut decoder = Decoder { keep: Arc::clone(&self.state.keep), ..Decoder::default() };
        let namespace = Arc::new(Namespace::decode(&json.to_string(), &mut decoder).unwrap());
        let label = |(key, value): (&str, &str)| (key.to_owned(), value.to_owned());
        self.labels = Some(namespace.labels.iter().map(label).collect());
        let namespaces = vec![NamespaceNews::Applied(Arc::clone(&namespace))];
        Arc::clone(&self.state.watches.store.namespaces).apply(&namespace);
        self.state.take_news(News { namespaces, ..News::default() }, self.at.now);
        self.state.take_namespace_news(self.at.now);
    }

    fn pass(&mut self, seconds: i64) {
        self.at.now = self.at.now.saturating_add(SignedDuration::from_secs(seconds)).unwrap();
        self.at.ticks += Duration::from_secs(seconds.unsigned_abs());
    }

    /// Everything that is written next, as long as nothing comes back: the verb and the name.
    fn writes(&mut self) -> Vec<String> {
        let mut all = Vec::new();
        while let Some(write) = self.next() {
            all.push(told(&write));
        }
        all
    }

    /// The next write; questions are answered.
    fn next(&mut self) -> Option<Write> {
        loop {
            self.state.judge_some(self.at);
            let write = self.state.next_write(self.at);
            let questions = self.state.take_questions();
            if write.is_some() || questions.is_empty() {
                return write;
            }
            for question in questions {
                let answer = question.answered(&self.cronjobs, self.labels.clone(), self.at.ticks);
                self.state.answered(Some(answer), self.at.ticks);
            }
        }
    }

    fn events(&mut self) -> Vec<&'static str> {
        self.state.take_events().into_iter().map(|event| event.reason).collect()
    }
}

fn told(write: &Write) -> String {
    let verb = match write.step.what {
        What::Delete(_) => "delete",
        What::Patch(_) => "patch",
    };
    format!("{verb} {}", write.target.meta().name)
}

fn policy(spec: &str) -> Policy {
    let text = format!(
        "apiVersion: curfew.dev/v1alpha1\nkind: JobPolicy\nmetadata: {{name: test}}\nspec:{spec}\n"
    );
    let source = Source { name: "policy.yaml".to_owned(), text };
    Policy::load(&[source]).unwrap().policy
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// A Job that finished at noon.
fn job(name: &str, more: &Value) -> Value {
    let mut job = json!({
        "metadata": {
            "namespace": "apps", "name": name, "uid": name, "resourceVersion": "1",
            "creationTimestamp": "2026-11-30T11:00:00Z", "labels": {}, "annotations": {},
        },
        "spec": {},
        "status": {
            "startTime": "2026-11-30T11:00:00Z",
            "completionTime": "2026-11-30T12:00:00Z",
            "conditions": [{
                "type": "Complete", "status": "True",
                "lastTransitionTime": "2026-11-30T12:00:00Z",
            }],
        },
    });
    for (pointer, value) in more.as_object().unwrap() {
        let (parent, field) = pointer.rsplit_once('/').unwrap();
        job.pointer_mut(parent).unwrap()[field] = value.clone();
    }
    job
}

#[rstest]
#[case::due(3_600, json!({}), &["delete one"])]
#[case::a_second_before(3_599, json!({}), &[])]
#[case::by_a_rule(600, json!({"/metadata/labels/kind": "short"}), &["delete one"])]
#[case::of_its_author(60, json!({"/spec/ttlSecondsAfterFinished": 60}), &["delete one"])]
#[case::unfinished(9_000, json!({"/status": {}}), &["patch one"])]
#[case::held(9_000, json!({"/metadata/annotations/curfew.dev~hold-until": "2026-12-01T00:00:00Z"}), &[])]
#[case::of_somebody_else(
    9_000,
    json!({"/metadata/ownerReferences": [
        {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "name": "w", "uid": "w"},
    ]}),
    &[]
)]
#[case::of_a_family_that_nobody_knows(
    9_000,
    json!({"/metadata/ownerReferences": [
        {"apiVersion": "batch/v1", "kind": "CronJob", "name": "report", "uid": "c", "controller": true},
    ]}),
    &[]
)]
#[case::being_deleted(9_000, json!({"/metadata/deletionTimestamp": "2026-11-30T12:00:00Z"}), &[])]
fn a_finished_job(#[case] after: i64, #[case] more: Value, #[case] expected: &[&str]) {
    let mut more = more;
    // A slash in a key would part it.
    if let Some(hold) =
        more.as_object_mut().unwrap().remove("/metadata/annotations/curfew.dev~hold-until")
    {
        more = json!({"/metadata/annotations": {"curfew.dev/hold-until": hold}});
    }
    let mut table = Table::settled(POLICY);
    table.shows(&job("one", &more));
    table.pass(after);
    assert_eq!(table.writes(), expected);
}

#[test]
fn nothing_is_ended_before_the_policy_is_accepted_and_that_is_on_the_lease() {
    let mut table = Table::new(POLICY);
    table.shows(&job("one", &json!({})));
    table.pass(7_200);
    assert_eq!(table.writes(), [""; 0], "nothing was counted yet");
    let mut resync = Resync::new(&table.state);
    assert!(!resync.look_at_some(&mut table.state, table.at));
    let (outcome, states) = resync.end(&mut table.state, table.at).unwrap();
    assert_eq!((outcome, states), (BrakeOutcome::Accepted, [("braked", 1)].into()));
    assert_eq!(table.writes(), [""; 0], "it is not on the Lease");
    let memory = table.state.braking.memory().clone();
    assert!(table.state.braking.saved(memory));
    Resync::new(&table.state).look_at_some(&mut table.state, table.at);
    assert_eq!(table.writes(), ["delete one"]);
}

#[test]
fn a_policy_that_ends_many_at_once_waits_for_a_person() {
    let mut table = Table::settled(&POLICY.replace("1h", "365d"));
    for name in ["one", "two", "three"] {
        table.shows(&job(name, &json!({})));
    }
    table.pass(7_200);
    table.state.load(Arc::new(policy(POLICY)), table.at.now);
    assert_eq!(table.resync(), Some(BrakeOutcome::Tripped));
    assert_eq!((table.writes(), table.events()), (Vec::new(), vec!["BrakeOn"]));
    let plan = table.state.braking.waiting().remove(0).plan;
    table.state.braking.approve(&plan).unwrap();
    table.resync();
    assert_eq!(table.writes(), ["delete one", "delete three", "delete two"]);
}

#[test]
fn new_labels_of_a_namespace_that_end_many_wait_for_a_person() {
    let spec = "
    rules: [{name: dev, match: {namespaceSelector: {matchLabels: {stage: dev}}}, ttl: 1m}]
    defaults: {ttl: 365d}
    stored: {action: Delete, brake: {atMost: 2}}";
    let mut table = Table::new(spec);
    table.shows_namespace(&json!({"stage": "live"}));
    assert_eq!(table.resync(), Some(BrakeOutcome::Accepted));
    for name in ["one", "two", "three"] {
        table.shows(&job(name, &json!({})));
    }
    table.pass(3_600);
    assert_eq!(table.writes(), [""; 0]);
    table.shows_namespace(&json!({"stage": "dev"}));
    assert_eq!((table.writes(), table.events()), (Vec::new(), vec!["BrakeOn"]));
}

/// By the labels that the namespace has when the next leader begins.
#[rstest]
#[case::as_they_were("live", &["delete old"], &[])]
#[case::changed_while_nobody_led("dev", &[], &["BrakeOn"])]
fn a_leader_looks_for_labels_that_changed_before_its_time(
    #[case] stage: &str,
    #[case] writes: &[&str],
    #[case] events: &[&str],
) {
    let spec = "
    rules:
      - {name: short, match: {labels: {kind: short}}, ttl: 1m}
      - {name: dev, match: {namespaceSelector: {matchLabels: {stage: dev}}}, ttl: 1m}
    defaults: {ttl: 365d}
    stored: {action: Delete, brake: {atMost: 2}}";
    let mut before = Table::new(spec);
    before.shows_namespace(&json!({"stage": "live"}));
    assert_eq!(before.resync(), Some(BrakeOutcome::Accepted));
    let mut table = Table::after(before.leaves(), spec);
    for name in ["one", "two", "three"] {
        table.shows(&job(name, &json!({})));
    }
    // Due under any labels of the namespace.
    table.shows(&job("old", &json!({"/metadata/labels/kind": "short"})));
    table.pass(3_600);
    table.shows_namespace(&json!({"stage": stage}));
    assert_eq!(table.resync(), Some(BrakeOutcome::Unchanged));
    assert_eq!((table.writes(), table.events()), (own(writes), events.to_vec()));
}

fn own(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

#[rstest]
#[case::no_right(|state: &mut State| {
    let rights = state.permits.rights.asked.iter();
    let missing = rights.filter(|right| right.verb == "delete").cloned().collect();
    state.permits.rights.missing = missing;
})]
#[case::nothing_asked_yet(|state: &mut State| state.permits.rights = Rights::default())]
#[case::clock(|state: &mut State| state.trust(Trust::Refused))]
#[case::another_namespace(|state: &mut State| {
    state.permits.reach = Arc::new(Reach::only(["data".to_owned()]));
})]
#[case::listed_anew(|state: &mut State| state.keep = Arc::new(state.keep.with_template()))]
fn what_is_in_the_way_of_a_deletion(#[case] put: fn(&mut State)) {
    let mut table = Table::settled(POLICY);
    table.shows(&job("one", &json!({})));
    table.pass(3_600);
    put(&mut table.state);
    assert_eq!(table.writes(), [""; 0]);
}

#[rstest]
#[case::done(WriteOutcome::Done, &[(29, 0), (1, 1)])]
#[case::gone(WriteOutcome::Gone, &[(29, 0), (1, 1)])]
#[case::changed(WriteOutcome::Changed, &[(1, 0), (1, 1)])]
#[case::stopped(WriteOutcome::Stopped, &[(0, 1)])]
#[case::no_answer(WriteOutcome::Retry { after: None, why: String::new() }, &[(0, 0), (1, 1)])]
#[case::too_much(
    WriteOutcome::Retry { after: Some(Duration::from_secs(7)), why: String::new() },
    &[(6, 0), (1, 1)]
)]
#[case::refused(WriteOutcome::Refused(String::new()), &[(299, 0), (1, 1)])]
#[case::nonsense(WriteOutcome::Failed(String::new()), &[(299, 0), (1, 1)])]
fn when_a_write_is_made_again(#[case] outcome: WriteOutcome, #[case] then: &[(i64, usize)]) {
    let mut table = Table::settled(POLICY);
    table.shows(&job("one", &json!({})));
    table.pass(3_600);
    let write = table.next().unwrap();
    assert_eq!(table.writes(), [""; 0], "it is under way");
    table.state.wrote(write, &outcome, table.at);
    for (seconds, writes) in then {
        table.pass(*seconds);
        table.resync();
        assert_eq!(table.writes().len(), *writes, "{seconds} s later");
    }
}

#[test]
fn it_waits_twice_as_long_after_each_failure() {
    let mut table = Table::settled(POLICY);
    table.shows(&job("one", &json!({})));
    table.pass(3_600);
    for pause in [1, 2, 4, 8, 16, 32, 64, 128, 256, 256] {
        let write = table.next().unwrap();
        let outcome = WriteOutcome::Retry { after: None, why: String::new() };
        table.state.wrote(write, &outcome, table.at);
        table.pass(pause - 1);
        assert_eq!(table.writes(), [""; 0], "{pause}");
        table.pass(1);
        // As each look at everything does.
        table.state.tidy(table.at);
    }
}

/// And is put right again a minute later.
#[test]
fn a_clock_that_is_hours_ahead_when_a_write_fails_makes_nothing_wait_for_hours() {
    let mut table = Table::settled(POLICY);
    table.shows(&job("one", &json!({})));
    table.pass(3_600);
    let write = table.next().unwrap();
    let put = SignedDuration::from_hours(2);
    table.at.now += put;
    let outcome = WriteOutcome::Retry { after: None, why: String::new() };
    table.state.wrote(write, &outcome, table.at);
    table.state.judge_some(table.at);
    table.at.now -= put;
    table.pass(1);
    table.resync();
    assert_eq!(table.writes(), ["delete one"]);
}

/// The watch may be silent for longer than we wait for it.
#[test]
fn a_state_from_before_our_write_is_no_revert_however_late_it_is() {
    let mut table = Table::settled(&POLICY.replace("Delete", "Patch"));
    table.shows(&job("one", &json!({"/status": {}})));
    for _ in 0..4 {
        let write = table.next().unwrap();
        table.state.wrote(write, &WriteOutcome::Done, table.at);
        table.pass(31);
        table.state.tidy(table.at);
        table.resync();
    }
    assert_eq!(table.events(), [""; 0]);
}

#[test]
fn rights_that_come_let_what_was_refused_go_on() {
    let mut table = Table::settled(POLICY);
    table.shows(&job("one", &json!({})));
    table.pass(3_600);
    let write = table.next().unwrap();
    table.state.wrote(write, &WriteOutcome::Refused(String::new()), table.at);
    table.pass(10);
    assert_eq!(table.writes(), [""; 0]);
    let rights = table.state.permits.rights.clone();
    table.state.permit(rights, table.at.now);
    assert_eq!(table.state.next_pass, Timestamp::MIN);
    table.resync();
    assert_eq!(table.writes(), ["delete one"]);
}

/// The watch may be silent: the API server is asked what it has of the family.
#[rstest]
#[case::as_known(&[5], true)]
#[case::edited_since(&[6], false)]
#[case::edited_and_shown(&[6, 6], true)]
#[case::gone(&[], false)]
fn a_job_of_a_family_goes_by_its_cronjob_as_it_is(#[case] versions: &[u64], #[case] goes: bool) {
    let mut table = Table::settled(POLICY);
    table.shows_cronjob(5);
    let owner = json!({"/metadata/ownerReferences": [
        {"apiVersion": "batch/v1", "kind": "CronJob", "name": "report", "uid": "c", "controller": true},
    ]});
    table.shows(&job("one", &owner));
    table.pass(3_600);
    table.cronjobs.extend(versions.first().map(|version| ("c".to_owned(), *version)));
    let is_gone = |table: &mut Table| table.writes().contains(&"delete one".to_owned());
    if let [_, shown] = versions {
        assert!(!is_gone(&mut table));
        table.shows_cronjob(*shown);
    }
    assert_eq!(is_gone(&mut table), goes);
}

#[test]
fn who_reverts_us_three_times_is_left_alone_and_told_once() {
    let mut table = Table::settled(&POLICY.replace("Delete", "Patch"));
    let mut version = 1;
    let reverted =
        |version: u64| json!({"/status": {}, "/metadata/resourceVersion": version.to_string()});
    for round in 0..4 {
        table.shows(&job("one", &reverted(version)));
        let write = table.next();
        assert_eq!(write.is_some(), round < 3, "{round}");
        let Some(write) = write else { break };
        table.state.wrote(write, &WriteOutcome::Done, table.at);
        version += 1;
        let ours = json!({
            "/status": {},
            "/metadata/resourceVersion": version.to_string(),
            "/spec/ttlSecondsAfterFinished": 3_600,
            "/metadata/annotations": {"curfew.dev/applied": "{\"ttl\":[3600,null,\"defaults\"]}"},
        });
        table.shows(&job("one", &ours));
        assert_eq!(table.writes(), [""; 0]);
        version += 1;
        table.pass(20);
    }
    assert_eq!(table.events(), ["Reverted"]);
}
