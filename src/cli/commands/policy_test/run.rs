//! Cases, tried: a fixture file in, what passed and what did not out.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;
use serde_yaml::{Mapping, Value};

use super::fixture::{Case, Expect, Fixture, Spec};
use crate::batch::{Finish, Outcome};
use crate::cli::shared::manifests::{self, Origin};
use crate::cli::shared::{
    Document, Invalid, Judgeable, Judged, Policies, Question, World, advice, judge, yaml,
};
use crate::policy::{Action, Mode, Operation, Policy, Setting, Verdict, setting};

/// A fixture that was run.
#[derive(Debug, Serialize)]
pub struct Suite {
    pub file: String,
    pub cases: Vec<Tried>,
}

/// A case that was tried.
#[derive(Debug, Serialize)]
pub struct Tried {
    pub name: String,
    pub passed: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<Failure>,
}

/// An expectation that does not hold.
#[derive(Debug, Serialize)]
pub struct Failure {
    pub what: String,
    pub expected: String,
    pub got: String,
}

/// What one case is compared in.
struct Comparison(Vec<Failure>);

/// A case with everything that it is judged by.
struct Trial<'a> {
    policy: &'a Policy,
    world: World,
    document: Document,
    now: Timestamp,
    namespace: &'a str,
}

/// Runs one fixture.
///
/// # Errors
/// [`Invalid`] where the fixture or its policy cannot be used.
pub fn run(file: &Path, color: bool) -> Result<Suite, Invalid> {
    let name = file.display().to_string();
    let problem = |text: String| Invalid::new(format!("{name}: {text}"));
    let read = |path: &Path| {
        std::fs::read_to_string(path).map_err(|error| manifests::unreadable(path, &error))
    };
    let text = read(file).map_err(Invalid::new)?;
    let fixture: Fixture = serde_yaml::from_str(&text).map_err(|error| {
        let whole = error.to_string();
        let message = whole.split(" at line ").next().unwrap_or_default();
        match error.location() {
            Some(at) => Invalid::new(format!("{name}:{}:{}: {message}", at.line(), at.column())),
            None => problem(message.to_owned()),
        }
    })?;
    let Fixture { api_version, kind, metadata: _, mut spec } = fixture;
    // A manifest is one here, too, and read as such.
    manifests_of(&mut spec, &yaml::parse(&text).map_err(|bad| problem(bad.to_string()))?);
    if (&*api_version, &*kind) != ("curfew.dev/v1alpha1", "JobPolicyTest") {
        return Err(problem(format!(
            "it is a {kind} of {api_version}, and not a JobPolicyTest of curfew.dev/v1alpha1"
        )));
    }
    let Spec { policy, now, resources, objects, lint, cases } = spec;
    let beside = |path: &PathBuf| file.parent().unwrap_or(Path::new("")).join(path);
    if policy.is_empty() {
        return Err(problem("spec.policy names no file".to_owned()));
    }
    let policies = Policies { policy: policy.iter().map(beside).collect() };
    let loaded = policies.read(color).map_err(|error| match error {
        Invalid::Problems(problems) => problem(problems.join("; ")),
        policy @ Invalid::Policy(_) => policy,
    })?;

    let mut documents = Vec::new();
    for path in resources.iter().map(beside) {
        let shown = path.display().to_string();
        let text = read(&path).map_err(problem)?;
        documents.append(&mut manifests::parse(&shown, &text)?);
    }
    for object in objects {
        documents.push(document(&name, object).map_err(problem)?);
    }

    let mut tried = Vec::new();
    if let Some(expected) = &lint {
        let mut comparison = Comparison(Vec::new());
        let codes: Vec<&str> = loaded.warnings.iter().map(|warning| warning.code).collect();
        comparison.codes("lint", expected, codes);
        tried.push(comparison.conclude("lint of the policy".to_owned()));
    }
    for case in cases {
        let title = case.name.clone();
        let failures = try_case(&name, case, &documents, &loaded.policy, now)
            .map_err(|text| problem(format!("case \"{title}\": {text}")))?;
        tried.push(failures.conclude(title));
    }
    Ok(Suite { file: name, cases: tried })
}

// === impl Suite ===

impl Suite {
    /// How many of its cases failed.
    pub fn failed(&self) -> usize {
        self.cases.iter().filter(|case| !case.passed).count()
    }
}

/// Puts manifests in the place of what YAML 1.2 makes of them.
fn manifests_of(spec: &mut Spec, tree: &Value) {
    let Spec { policy: _, now: _, resources: _, objects, lint: _, cases } = spec;
    let spec = &tree["spec"];
    for (index, object) in objects.iter_mut().enumerate() {
        *object = spec["objects"][index].clone();
    }
    for (index, case) in cases.iter_mut().enumerate() {
        let read = &spec["cases"][index];
        case.object = read["object"].clone();
        case.old = case.old.as_ref().map(|_| read["old"].clone());
    }
}

fn try_case(
    file: &str,
    case: Case,
    documents: &[Document],
    policy: &Policy,
    now: Timestamp,
) -> Result<Comparison, String> {
    let Case { name: _, operation, object, old, namespace, namespace_labels, expect } = case;
    // Which is a slip of the pen and no test.
    if expect == Expect::default() {
        return Err("it expects nothing".to_owned());
    }
    let found = |value: Value| match value.as_str() {
        None => document(file, value),
        Some(title) => {
            let same = |document: &&Document| document.title() == title;
            let found = documents.iter().find(same).cloned();
            found.ok_or_else(|| format!("there is no object {title}"))
        }
    };
    let document = found(object)?;
    let old = old.map(found).transpose()?;
    let mut world = World::new(documents, &namespace);
    let judgeable = |document: &Document| {
        Judgeable::new(document, &namespace)
            .ok_or_else(|| format!("{} is no Job or CronJob of batch/v1", document.title()))
    };
    let (object, old) = (judgeable(&document)?, old.as_ref().map(judgeable).transpose()?);
    if let Some(labels) = namespace_labels {
        world.learn_namespace(object.namespace(), &json!(labels))?;
    }
    if (operation == Operation::Update) != old.is_some() {
        return Err("`old` belongs to operation update, and to no other".to_owned());
    }
    let question = Question { operation, object: &object, old: old.as_ref(), now };
    let judged = world.judge(question, policy)?;
    let trial = Trial { policy, world, document, now, namespace: &namespace };
    trial.compare(question, &judged, expect)
}

// === impl Trial ===

impl Trial<'_> {
    fn compare(
        &self,
        question: Question<'_>,
        judged: &Judged<'_>,
        expect: Expect,
    ) -> Result<Comparison, String> {
        let decision = &judged.decision;
        let object = question.object.object()?;
        // What the object has in the end: nothing is written but under Enforce.
        let after = |setting: Setting| match decision.setting(setting) {
            Some(settled) if decision.mode == Mode::Enforce => settled.target.clone(),
            _ => setting.of(&object),
        };
        let mut all = Comparison(Vec::new());
        for (setting, wanted) in expect.settings() {
            all.wanted(setting.as_str(), wanted, || after(setting));
        }
        for (outcome, what, wanted) in [
            (Outcome::Success, "onSuccess", expect.on_success),
            (Outcome::Failure, "onFailure", expect.on_failure),
        ] {
            if let Some(wanted) = wanted {
                let settled = self.settle(question.operation, judged, outcome)?;
                all.equal(what, &setting::Value::from(wanted.map(|span| span.0)), &settled.into());
            }
        }
        for (setting, expected) in expect.decided_by.0 {
            let known = Setting::parse(&setting)
                .ok_or_else(|| format!("expect.decidedBy: there is no setting {setting}"))?;
            let got = decision.setting(known).map_or("nobody", |settled| settled.source.as_str());
            all.equal(&format!("decidedBy.{setting}"), expected.as_str(), got);
        }
        if let Some(expected) = expect.warnings {
            let enforced = decision.mode == Mode::Enforce;
            let got: &[String] = if enforced { &decision.warnings } else { &[] };
            all.warnings(&expected, got);
        }
        if let Some(expected) = expect.lint {
            let found = advice::about(&object, decision, question.now);
            all.codes("lint", &expected, found.iter().map(|advice| advice.code).collect());
        }
        all.wanted("unchanged", expect.unchanged, || judged.patch.0.is_empty());
        all.wanted("exempt", expect.exempt, || {
            matches!(decision.verdict, Verdict::Exempt(_) | Verdict::NeverConsidered(_))
        });
        if let Some(expected) = expect.guard {
            let hits: Vec<&str> = decision.guards.iter().map(|hit| hit.guard.as_str()).collect();
            if !hits.contains(&&*expected) {
                let got = if hits.is_empty() { "none".to_owned() } else { hits.join(", ") };
                all.fail("guard", expected, got);
            }
        }
        all.wanted("due", expect.due, || {
            let ttl = decision.setting(Setting::Ttl).and_then(|settled| settled.target.number());
            let expiry = Finish::of(&object).zip(ttl).and_then(|(finish, ttl)| finish.expiry(ttl));
            expiry.is_some_and(|expiry| expiry <= question.now)
        });
        Ok(all)
    }

    /// The TTL that a Job has once it has ended and the sweeper has seen it.
    fn settle(
        &self,
        operation: Operation,
        judged: &Judged<'_>,
        outcome: Outcome,
    ) -> Result<Option<i64>, String> {
        if operation == Operation::Stored {
            return Err("onSuccess and onFailure are about Jobs that admission has seen".to_owned());
        }
        let mut document = self.document.clone();
        judge::apply(&judged.patch, &mut document.value).map_err(|error| error.to_string())?;
        let at = self.now.to_string();
        let condition =
            json!({"type": outcome.condition(), "status": "True", "lastTransitionTime": at});
        let ended = json!({"conditions": [condition]});
        let map = document.value.as_mapping_mut().ok_or("it is no object")?;
        map.insert("status".into(), serde_yaml::to_value(ended).map_err(|e| e.to_string())?);
        let object = Judgeable::new(&document, self.namespace).ok_or("it is no Job")?;
        let question =
            Question { operation: Operation::Stored, object: &object, old: None, now: self.now };
        let judged = self.world.judge(question, self.policy)?;
        let present = Setting::Ttl.of(&object.object()?).number();
        let action = judged.decision.resolved.stored.map_or(Action::Report, |stored| stored.value);
        let acts = judged.decision.mode == Mode::Enforce && action >= Action::Marked;
        let settled = judged.decision.setting(Setting::Ttl).filter(|_| acts);
        Ok(settled.map_or(present, |settled| settled.target.number()))
    }
}

// === impl Comparison ===

impl Comparison {
    fn equal<T: PartialEq + ToString + ?Sized>(&mut self, what: &str, expected: &T, got: &T) {
        if expected != got {
            self.fail(what, expected.to_string(), got.to_string());
        }
    }

    /// What is not mentioned is not compared.
    fn wanted<T: PartialEq + ToString>(
        &mut self,
        what: &str,
        expected: Option<T>,
        got: impl FnOnce() -> T,
    ) {
        if let Some(expected) = expected {
            self.equal(what, &expected, &got());
        }
    }

    /// Codes are compared as a set: how often a rule is mentioned twice is nobody's business.
    fn codes(&mut self, what: &str, expected: &[String], got: Vec<&str>) {
        let expected: BTreeSet<&str> = expected.iter().map(String::as_str).collect();
        let got: BTreeSet<&str> = got.into_iter().collect();
        if expected != got {
            let own = |set: BTreeSet<&str>| set.into_iter().map(str::to_owned).collect::<Vec<_>>();
            self.fail(what, list(&own(expected)), list(&own(got)));
        }
    }

    fn warnings(&mut self, expected: &[String], got: &[String]) {
        let fits = expected.len() == got.len()
            && expected.iter().zip(got).all(|(part, warning)| warning.contains(part.as_str()));
        if !fits {
            self.fail("warnings", list(expected), list(got));
        }
    }

    fn fail(&mut self, what: &str, expected: String, got: String) {
        self.0.push(Failure { what: what.to_owned(), expected, got });
    }

    fn conclude(self, name: String) -> Tried {
        Tried { name, passed: self.0.is_empty(), failures: self.0 }
    }
}

fn list(items: &[String]) -> String {
    if items.is_empty() { "none".to_owned() } else { items.join(" | ") }
}

/// A manifest of a fixture, with what every manifest has and no test wants to repeat.
fn document(file: &str, mut value: Value) -> Result<Document, String> {
    fn entry<'m>(map: &'m mut Mapping, key: &str) -> Option<&'m mut Mapping> {
        map.entry(key.into()).or_insert_with(|| Mapping::new().into()).as_mapping_mut()
    }

    let map = value.as_mapping_mut().ok_or("an object must be a manifest or `kind/name`")?;
    let kind = map.get("kind").and_then(Value::as_str).ok_or("an object has no `kind`")?.to_owned();
    if kind == "Job" || kind == "CronJob" {
        map.entry("apiVersion".into()).or_insert_with(|| "batch/v1".into());
        let spec = entry(map, "spec");
        if let Some(spec) = spec.filter(|_| kind == "CronJob")
            && let Some(template) = entry(spec, "jobTemplate")
        {
            entry(template, "spec");
        }
    } else if kind == "Namespace" {
        map.entry("apiVersion".into()).or_insert_with(|| "v1".into());
    }
    let origin = Origin { file: file.to_owned(), document: 1, line: 1, item: None };
    Ok(Document { origin, value })
}
