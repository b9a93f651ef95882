//! One admission review: bytes in, bytes out.
//!
//! [`admit`] reads an `AdmissionReview`, asks the policy, and writes the answer. It does no I/O
//! and holds nothing between two calls. Whatever it meets in an object it answers `allowed`: a
//! clean-up tool must never stand between a user and a Job.

pub mod neighbours;
pub mod patch;
pub(crate) mod review;

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;

use crate::batch::text::cut;
use crate::batch::{Kind, Object, Wire, room};
use crate::policy::{Decision, Guard, Input, Mode, Operation, Policy, Verdict};

use self::neighbours::{KnownCronJob, KnownNamespace, Neighbours};
use self::review::{AuditAnnotations, Reading, Reply, Request, Response};

pub use self::review::BadReview;
pub(crate) use self::review::shown;

/// What is known of the place where we run.
#[derive(Clone, Debug, Default)]
pub struct Site {
    /// Our own namespace, whose objects are never considered; `None` where it is not known.
    pub own_namespace: Option<String>,
    /// The objects around us; `None` where there is no cluster, and so nothing is known of any.
    pub neighbours: Option<Arc<dyn Neighbours>>,
}

/// The answer to one review, with what a log line, a metric and a test want to know of it.
#[derive(Debug)]
pub struct Answer {
    /// The `AdmissionReview` to send back, with HTTP status 200.
    pub body: Vec<u8>,
    pub report: Report,
}

/// What was decided, in words of bounded number.
#[derive(Debug, Default)]
pub struct Report {
    pub uid: String,
    /// `CREATE`, `UPDATE` …
    pub operation: &'static str,
    /// `Job`, `CronJob`, or `other`.
    pub kind: &'static str,
    pub namespace: String,
    /// The name, or the prefix where the API server makes it.
    pub name: String,
    /// The `decision` label of metrics: `patched`, `unchanged`, `dry-run`, `exempt`, `guarded`,
    /// `untouched`, `never-considered`, `off`, `unjudged`; `no-room` where the annotations are too
    /// long for the record of a change; `unknown-cronjob` and `unknown-namespace` where the answer
    /// depends on an object that we do not know, whether an entry is left or not;
    /// `too-many-entries` where reading it would take far more memory than it has bytes.
    pub decision: &'static str,
    /// Setting and the name of the rule, or reserved word, that supplied its value.
    pub rules: Vec<(&'static str, String)>,
    /// The guards that hit.
    pub guards: Vec<&'static str>,
    /// What keeps the object as its author wrote it, with the evidence, where a guard does.
    pub guarded: String,
    /// What rules enforce, and a guard keeps from the object.
    pub withheld: String,
    /// Settings of the author that were changed, with the reason (`limits`, `enforce`, …).
    pub changed: Vec<(&'static str, &'static str)>,
    pub dry_run: bool,
    /// Why the object could not be judged.
    pub unjudged: Option<String>,
}

/// Answers a review.
///
/// # Errors
/// Where the body is no `AdmissionReview` of `admission.k8s.io/v1` with a request and a uid.
pub fn admit(
    policy: &Policy,
    site: &Site,
    body: &[u8],
    now: Timestamp,
) -> Result<Answer, BadReview> {
    match Reading::<Wire<'_>>::new(body)? {
        Reading::Objects(mut request) => {
            let (object, old) = (request.object.take(), request.old_object.take());
            let report = Report::new(&request);
            Ok(decide(policy, site, object, old, report, &request, now))
        }
        Reading::Unreadable(request, error) => {
            let mut report = Report::new(&request);
            // Only what we would judge is missed.
            if subject_kind(&request).is_some() {
                report.unjudged = Some(error);
            }
            Ok(left_alone(policy, report))
        }
    }
}

fn decide<'a>(
    policy: &Policy,
    site: &Site,
    object: Option<Box<Wire<'a>>>,
    old: Option<Box<Wire<'a>>>,
    mut report: Report,
    request: &Request<'a, Wire<'a>>,
    now: Timestamp,
) -> Answer {
    let Some((kind, operation)) = subject_kind(request) else {
        return left_alone(policy, report);
    };
    let object = object
        .ok_or_else(|| "the request has no object".to_owned())
        .and_then(|wire| Object::new(kind, *wire).map_err(|error| error.to_string()));
    let object = match object {
        Ok(object) => object,
        Err(why) => {
            report.unjudged = Some(why);
            return left_alone(policy, report);
        }
    };
    if report.name.is_empty() {
        cut(object.match_name(), LONGEST_NAME).clone_into(&mut report.name);
    }
    if report.namespace.is_empty() {
        let namespace = object.metadata.namespace.as_deref().unwrap_or_default();
        cut(namespace, LONGEST_NAME).clone_into(&mut report.namespace);
    }
    // A stored object that cannot be read proves nothing about its author.
    let old = old.and_then(|wire| Object::new(kind, *wire).ok());
    let namespace = report.namespace.clone();
    // Looked up only where the answer depends on them, which for most objects it does not.
    let around = site.neighbours.as_deref();
    let family =
        object.cronjob_owner().and_then(|owner| around?.cronjob(policy, &namespace, owner));
    let cronjob = family.as_deref().map(KnownCronJob::view);
    let home = around
        .filter(|_| policy.needs_namespace_labels())
        .and_then(|around| around.namespace(&namespace));
    let labels = home.as_deref().map(KnownNamespace::labels);
    let decision = policy.decide(&Input {
        operation,
        object: &object,
        old: old.as_ref(),
        cronjob: cronjob.as_ref(),
        namespace: &namespace,
        namespace_labels: labels.as_ref(),
        own_namespace: site.own_namespace.as_deref(),
        now,
    });
    report.tell(&decision);
    let enforced = decision.mode == Mode::Enforce;
    let operations = patch::operations(&decision, &object).0;
    let warnings = if enforced { decision.warnings.as_slice() } else { &[] };
    let patch = (enforced && !operations.is_empty()).then(|| {
        STANDARD.encode(serde_json::to_vec(&operations).expect("operations are always JSON"))
    });
    respond(policy, report, patch, warnings)
}

/// The kind and operation of a request that we judge: a main resource of `batch/v1` that is being
/// created or updated.
fn subject_kind<O>(request: &Request<'_, O>) -> Option<(Kind, Operation)> {
    let batch = &*request.kind.group == "batch" && &*request.kind.version == "v1";
    let main = request.sub_resource.as_ref().is_none_or(|name| name.is_empty());
    let kind = Kind::parse(&request.kind.kind).filter(|_| batch && main)?;
    let operation = match &*request.operation {
        "CREATE" => Operation::Create,
        "UPDATE" => Operation::Update,
        _ => return None,
    };
    Some((kind, operation))
}

/// Allows an object as it is; the client is told only where it should have been judged.
fn left_alone(policy: &Policy, mut report: Report) -> Answer {
    let (decision, why) = match &report.unjudged {
        None => ("never-considered", ""),
        Some(why) if room::is_full(why) => (TOO_MANY_ENTRIES, room::FULL),
        Some(_) => ("unjudged", "it cannot be read"),
    };
    report.decision = decision;
    let told = report.unjudged.is_some() && policy.mode == Mode::Enforce;
    let warning = format!("curfew left this {} as it is: {why}", report.kind);
    respond(policy, report, None, if told { std::slice::from_ref(&warning) } else { &[] })
}

fn respond(policy: &Policy, report: Report, patch: Option<String>, warnings: &[String]) -> Answer {
    let rule = report.rules_text();
    let reply = Reply::new(Response {
        uid: &report.uid,
        allowed: true,
        status: None,
        patch_type: patch.as_ref().map(|_| "JSONPatch"),
        patch,
        warnings,
        audit_annotations: AuditAnnotations {
            decision: report.decision,
            revision: &policy.revision,
            rule: &rule,
            guard: &report.guarded,
            withheld: &report.withheld,
        },
    });
    let body = serde_json::to_vec(&reply).expect("strings are always JSON");
    Answer { body, report }
}

// === impl Report ===

impl Report {
    fn new<O>(request: &Request<'_, O>) -> Self {
        let kind = match &*request.kind.group {
            "batch" => Kind::parse(&request.kind.kind),
            _ => None,
        };
        Self {
            uid: request.uid.to_string(),
            operation: OPERATIONS
                .into_iter()
                .find(|operation| **operation == *request.operation)
                .unwrap_or("other"),
            kind: kind.map_or("other", Kind::as_str),
            namespace: cut(request.namespace.as_deref().unwrap_or_default(), LONGEST_NAME)
                .to_owned(),
            name: cut(request.name.as_deref().unwrap_or_default(), LONGEST_NAME).to_owned(),
            dry_run: request.dry_run.unwrap_or_default(),
            ..Self::default()
        }
    }

    /// Takes down what was decided.
    fn tell(&mut self, decision: &Decision<'_>) {
        self.decision = match (&decision.verdict, decision.mode, decision.changes()) {
            (Verdict::Off, ..) => "off",
            _ if decision.no_room => NO_ROOM,
            // What they are left with is no decision of the policy.
            (verdict @ (Verdict::UnknownCronJob | Verdict::UnknownNamespace), ..) => {
                verdict.as_str()
            }
            (_, Mode::DryRun, true) => "dry-run",
            (Verdict::Considered, _, true) => "patched",
            (Verdict::Considered, _, false) => "unchanged",
            (verdict, ..) => verdict.as_str(),
        };
        self.guards = decision.guards.iter().map(|hit| hit.guard.as_str()).collect();
        if decision.verdict == Verdict::Guarded {
            let skips = decision.guards.iter().filter(|hit| hit.setting == Guard::Skip);
            self.guarded = list(skips);
        }
        self.withheld = list(&decision.withheld);
        for settled in decision.settings.iter().filter(|settled| settled.changes()) {
            let setting = settled.setting.as_str();
            self.rules.push((setting, settled.source.as_str().to_owned()));
            let authors = !settled.author.is_absent() && settled.author != settled.target;
            if authors && decision.mode == Mode::Enforce {
                self.changed.push((setting, settled.source.reason()));
            }
        }
    }

    /// The names of the rules that changed something, each once.
    fn rules_text(&self) -> String {
        let mut names: Vec<&str> = Vec::with_capacity(self.rules.len());
        for (_, rule) in &self.rules {
            if !names.contains(&rule.as_str()) {
                names.push(rule);
            }
        }
        names.join(",")
    }
}

fn list<T: std::fmt::Display>(items: impl IntoIterator<Item = T>) -> String {
    items.into_iter().map(|item| item.to_string()).collect::<Vec<_>>().join("; ")
}

/// Longer than any name of an object, and than a uid.
const LONGEST_NAME: usize = 253;

/// The `decision` of an object whose annotations leave no room for a record.
pub const NO_ROOM: &str = "no-room";

/// The `decision` of an object that has more entries than there is room for.
const TOO_MANY_ENTRIES: &str = "too-many-entries";

/// The operations that a label may hold.
const OPERATIONS: [&str; 4] = ["CREATE", "UPDATE", "DELETE", "CONNECT"];

#[cfg(test)]
mod tests {
    use serde_json::{Map, Value as Json, json};

    use super::{Site, admit};
    use crate::batch::text::COMPARISONS;
    use crate::policy::{Policy, Source};

    /// Rules that look at labels and annotations in every way that there is.
    const POLICY: &str = "\
apiVersion: curfew.dev/v1alpha1
kind: JobPolicy
metadata: {name: all}
spec:
  exempt: {selectors: [{matchExpressions: [{key: keep, operator: Exists}]}]}
  rules:
    - {name: a, match: {labels: {k7: [x, y]}}, ttl: 1h}
    - {name: b, match: {annotations: {k8: x}}, ttl: 2h}
    - {name: c, match: {selector: {matchExpressions: [{key: k9, operator: NotIn, values: [x]}]}}, ttl: 3h}
";

    /// How many keys are compared in one review of an update.
    fn comparisons(object: &Json, old: &Json) -> usize {
        let source = Source { name: "all.yaml".to_owned(), text: POLICY.to_owned() };
        let policy = Policy::load(&[source]).unwrap().policy;
        let kind = object["kind"].as_str().unwrap();
        let review = json!({
            "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
            "request": {
                "uid": "u", "operation": "UPDATE", "namespace": "apps", "name": "x",
                "kind": {"group": "batch", "version": "v1", "kind": kind},
                "object": object, "oldObject": old,
            },
        });
        COMPARISONS.set(0);
        let now = "2026-11-21T18:00:00Z".parse().unwrap();
        let answer = admit(&policy, &Site::default(), review.to_string().as_bytes(), now).unwrap();
        assert_eq!(answer.report.unjudged, None);
        COMPARISONS.get()
    }

    /// So many entries in one map, and the same in another order with one of them changed.
    fn maps(count: usize) -> [Json; 2] {
        let map = |changed: bool| -> Map<String, Json> {
            // JSON maps are sorted here: numbers in another width come in another order.
            let key =
                |n: usize| if n.is_multiple_of(2) { format!("k{n}") } else { format!("k0{n}") };
            (0..count).map(|n| (key(n), json!(if changed && n == 1 { "y" } else { "x" }))).collect()
        };
        [Json::Object(map(false)), Json::Object(map(true))]
    }

    /// Whoever sends sixty thousand labels must not cost others a minute: a review is about linear in
    /// its bytes. Four times as many entries may cost little more than four times as much.
    #[rstest::rstest]
    #[case::labels("Job", "/metadata/labels")]
    #[case::annotations("Job", "/metadata/annotations")]
    #[case::labels_of_a_cronjob("CronJob", "/metadata/labels")]
    #[case::labels_of_a_template("CronJob", "/spec/jobTemplate/metadata/labels")]
    #[case::annotations_of_a_template("CronJob", "/spec/jobTemplate/metadata/annotations")]
    #[case::labels_of_a_pod_template("CronJob", "/spec/jobTemplate/spec/template/metadata/labels")]
    fn a_review_is_linear_in_its_entries(#[case] kind: &str, #[case] place: &str) {
        let cost = |count: usize| {
            let maps = maps(count);
            let [object, old] = maps.map(|map| {
                let metadata = || json!({"labels": {}, "annotations": {}});
                let template = json!({"metadata": metadata(), "spec": {
                    "template": {"metadata": metadata()}}});
                let mut object = json!({"kind": kind, "metadata": metadata(), "spec": {
                    "schedule": "@daily", "template": {"metadata": metadata()}, "jobTemplate": template}});
                *object.pointer_mut(place).unwrap() = map;
                object
            });
            comparisons(&object, &old)
        };
        let (few, many) = (cost(1_000), cost(4_000));
        assert!(many < 6 * few, "{few} comparisons for 1,000 entries and {many} for 4,000");
        assert!(cost(60_000) < 60_000 * 200, "{}", cost(60_000));
    }
}
