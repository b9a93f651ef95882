//! What is done with an input, and what must hold whatever it is.

use std::sync::LazyLock;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use curfew::admission::{Answer, BadReview, Site, admit};
use curfew::batch::schedule::Schedule;
use curfew::batch::text::cut;
use curfew::batch::zone::{self, Zone};
use curfew::batch::{Finish, Kind, Object};
use curfew::cli::shared::{manifests, report, yaml};
use curfew::cluster::slim::{self, Decoder, Keep, Slim};
use curfew::leader::Replica;
use curfew::policy::decide::LONGEST_EVIDENCE;
use curfew::policy::{Input, Operation, Policy, Source, Value};
use curfew::sweeper::brake::{Approval, Memory, PlanId};
use curfew::{policy_review, scheduler, sweeper};
use jiff::Timestamp;
use serde_json::Value as Json;

/// A review of a Job or a `CronJob`: it is let in or it is no review, and what is changed can be
/// changed, once.
pub(crate) fn reviews(input: &[u8]) {
    review(input);
    // Without keys that stand twice, which every reader takes in its own way.
    let Ok(mut review_of) = serde_json::from_slice::<Json>(input) else { return };
    let Some(patch) = review(&serde_json::to_vec(&review_of).expect("it is JSON")) else { return };
    let object = &mut review_of["request"]["object"];
    json_patch::patch(object, &patch).expect("a patch fits the object that it is for");
    let again = review(&serde_json::to_vec(&review_of).expect("it is JSON"));
    assert_eq!(again, None, "what was changed is changed again, after {patch:?}");
}

/// Asks for an answer and checks it; gives its patch.
fn review(input: &[u8]) -> Option<json_patch::Patch> {
    let site = Site { own_namespace: Some("curfew".to_owned()), ..Site::default() };
    let answer = match admit(&POLICY, &site, input, NOW) {
        Err(bad) => {
            refused(&bad);
            return None;
        }
        Ok(Answer { body, .. }) => body,
    };
    assert!(answer.len() <= LONGEST, "an answer of {} bytes", answer.len());
    let answer: Json = serde_json::from_slice(&answer).expect("an answer is JSON");
    let response = &answer["response"];
    assert_eq!(response["allowed"], true, "{answer}");
    warnings(response);
    let patch = response["patch"].as_str()?;
    let patch = BASE64_STANDARD.decode(patch).expect("a patch is in base64");
    Some(serde_json::from_slice(&patch).expect("a patch is a JSON Patch"))
}

/// A review of the `ConfigMap` with the policy: any answer, and a small one.
pub(crate) fn policy_review(input: &[u8]) {
    match policy_review::review("1.2.3", input) {
        Err(bad) => refused(&bad),
        Ok(policy_review::Answer { body, report }) => {
            assert!(body.len() <= LONGEST, "an answer of {} bytes", body.len());
            let answer: Json = serde_json::from_slice(&body).expect("an answer is JSON");
            let allowed = report.decision != policy_review::PolicyReviewDecision::Refused;
            assert_eq!(answer["response"]["allowed"], allowed, "{answer}");
            warnings(&answer["response"]);
        }
    }
}

/// The text of a policy: what loads is the same when it loads again, and what does not says where.
pub(crate) fn policies(input: &[u8]) {
    let text = String::from_utf8_lossy(input).into_owned();
    let length = text.len();
    let sources = [Source { name: "p.yaml".to_owned(), text }];
    let (revision, findings) = loaded(&sources);
    assert!(revision.is_some() || !findings.is_empty(), "nothing is wrong, and it does not load");
    assert_eq!(loaded(&sources), (revision, findings.clone()));
    for found in &findings {
        let text = &sources[0].text;
        assert!(found.line > 0 && found.column > 0, "{found:?}");
        assert!(text.get(found.span.clone()).is_some(), "{found:?}");
        assert!(found.message.len() <= 4 * length + 2_000, "{found:?}");
    }
    let shown = report::diagnostics(&findings, &sources, false);
    assert!(shown.is_empty() == findings.is_empty());
}

fn loaded(sources: &[Source]) -> (Option<String>, Vec<curfew::policy::Diagnostic>) {
    match Policy::load(sources) {
        Ok(loaded) => (Some(loaded.policy.revision), loaded.warnings),
        Err(findings) => (None, findings),
    }
}

/// A schedule: the next start is later, and within the calendar that was searched.
pub(crate) fn schedules(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    // A file ends with a line end, a schedule does not.
    for text in [&*text, text.trim_end()] {
        let Ok(schedule) = Schedule::parse(text) else { continue };
        for zone in ZONES.iter() {
            let mut after = NOW;
            for _ in 0..4 {
                let Some(next) = schedule.next(after, zone) else { break };
                assert!(next > after, "{text:?} after {after} is {next}");
                after = next;
            }
        }
    }
}

/// Documents of a dump or of manifests: a text of YAML is the same when it was written and read.
pub(crate) fn documents(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    match manifests::parse("dump.yaml", &text) {
        Err(bad) => assert!(!bad.to_string().is_empty()),
        Ok(documents) => {
            for document in documents {
                let _ = (document.title(), document.misplaced(), document.metadata("name"));
            }
        }
    }
    if let Ok(value) = yaml::parse(&text) {
        let written = yaml::emit(&value);
        let read = yaml::parse(&written).unwrap_or_else(|e| panic!("{e:?} in {written:?}"));
        assert_eq!(read, value, "{written:?}");
    }
}

/// An object as a watch brings it: the small form of it says what the whole one says.
pub(crate) fn watches(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let keep = std::sync::Arc::new(Keep::of(&POLICY));
    let mut decoder = Decoder { keep, ..Decoder::default() };
    let _ = slim::Namespace::decode(text, &mut decoder);
    let job = slim::Job::decode(text, &mut decoder);
    let cronjob = slim::CronJob::decode(text, &mut decoder);
    let _ = job.as_ref().map(slim::Job::key);
    let Ok(whole) = serde_json::from_str::<Json>(text) else { return };
    // As above: without keys that stand twice.
    let text = whole.to_string();
    if let Ok(job) = slim::Job::decode(&text, &mut decoder)
        && let Ok(whole) = Object::from_json(Kind::Job, &whole)
    {
        assert_eq!(job.finish(), Finish::of(&whole), "of {text}");
        assert_eq!(decided(&job.view()), decided(&whole), "of {text}");
    }
    if cronjob.is_ok()
        && let Ok(cronjob) = slim::CronJob::decode(&text, &mut decoder)
        && let Ok(whole) = Object::from_json(Kind::CronJob, &whole)
    {
        assert_eq!(decided(&cronjob.view()), decided(&whole), "of {text}");
    }
}

/// What the policy makes of a stored object.
fn decided(object: &Object<'_>) -> String {
    let input = Input {
        operation: Operation::Stored,
        object,
        old: None,
        cronjob: None,
        namespace: object.metadata.namespace.as_deref().unwrap_or_default(),
        namespace_labels: None,
        own_namespace: None,
        now: NOW,
    };
    let decision = POLICY.decide(&input);
    let settings: Vec<_> = decision
        .settings
        .iter()
        .map(|settled| (settled.setting, told(&settled.present), told(&settled.target)))
        .collect();
    format!("{:?} {settings:?} {:?}", decision.verdict, decision.held_until)
}

/// A value as far as anybody reads it. The small form keeps no more of a text: an API server
/// stores no time zone that is as long.
fn told(value: &Value) -> Value {
    match value {
        Value::Text(text) => Value::Text(cut(text, LONGEST_EVIDENCE).to_owned()),
        Value::Absent | Value::Number(_) => value.clone(),
    }
}

/// What replicas write on their Lease: read, written and read again it is the same.
pub(crate) fn leases(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    for text in [&*text, text.trim_end()] {
        let memory = |text: &str| Memory::parse(Some(text)).to_text();
        assert_eq!(memory(&memory(text)), memory(text));
        let approval = |text: &str| Approval::parse(Some(text)).map(|approval| approval.to_text());
        same_again(text, approval);
        same_again(text, |text| sweeper::Status::parse(Some(text)).map(|status| status.to_text()));
        same_again(text, |text| {
            scheduler::status::Status::parse(Some(text)).map(|status| status.to_text())
        });
        same_again(text, |text| Replica::parse(text).map(|replica| replica.to_text()));
        same_again(text, |text| text.parse::<PlanId>().ok().map(|id| id.to_string()));
        let _ = (Replica::said_in(text), Replica::key(text));
    }
}

fn same_again(text: &str, read: impl Fn(&str) -> Option<String>) {
    if let Some(written) = read(text) {
        assert_eq!(read(&written).as_ref(), Some(&written), "of {text:?}");
    }
}

fn refused(bad: &BadReview) {
    assert!(!bad.reason.is_empty() && bad.message.len() <= 2_000, "{bad:?}");
}

/// Warnings travel in HTTP headers.
fn warnings(response: &Json) {
    for warning in response["warnings"].as_array().into_iter().flatten() {
        let warning = warning.as_str().expect("a warning is a text");
        assert!(
            warning.len() <= 256 && warning.bytes().all(|b| matches!(b, b' '..=b'~')),
            "{warning:?}"
        );
    }
}

static POLICY: LazyLock<Policy> = LazyLock::new(|| {
    let text = include_str!("../fixtures/example.yaml").to_owned();
    let sources = [Source { name: "example.yaml".to_owned(), text }];
    Policy::load(&sources).expect("the example loads").policy
});

static ZONES: LazyLock<[Zone; 3]> = LazyLock::new(|| {
    ["UTC", "Europe/Berlin", "Pacific/Apia"].map(|name| zone::check(name).expect("a zone"))
});

const NOW: Timestamp = Timestamp::constant(1_795_910_400, 0);

/// No answer is longer, whatever was asked: patches, warnings and causes are bounded each.
const LONGEST: usize = 64 << 10;
