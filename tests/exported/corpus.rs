//! What is compared: every policy and every object of the fixtures, and the cases of this file.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};

use crate::{
    documents,
    support::{
        api::Reply,
        manifest::{cron_job, job, merged},
        namespace::Namespace,
    },
};

/// An object, and how it is sent.
pub(crate) struct Sent {
    /// Where it comes from.
    pub title: String,
    pub namespace: String,
    pub namespace_labels: Value,
    object: Value,
    /// Who applies it, or creates it.
    manager: String,
    applies: bool,
}

/// Every policy that is to be compared, by the name of its file.
pub(crate) fn policies() -> Vec<(String, String)> {
    let mut policies: Vec<_> = [
        "policies/default.yaml",
        "tests/fixtures/example.yaml",
        "tests/exported/everything.yaml",
        "tests/exported/limits.yaml",
        "tests/exported/lenient.yaml",
    ]
    .map(PathBuf::from)
    .into_iter()
    .chain(yaml_in("policies/examples"))
    .filter(|path| !path.to_string_lossy().ends_with("-test.yaml"))
    .map(|path| (path.to_string_lossy().into_owned(), read(&path)))
    .collect();
    policies.push(("offline".to_owned(), include_str!("offline.yaml").to_owned()));
    policies
}

/// Every object that somebody could create.
pub(crate) fn objects() -> Vec<Sent> {
    let mut objects = recorded();
    for file in ["tests/fixtures/manifests.yaml", "tests/fixtures/objects.yaml"] {
        for (number, object) in documents(&read(Path::new(file))).into_iter().enumerate() {
            let title = format!("{file}[{number}]");
            let labels = json!({"retention": "long"});
            let labels = if object["metadata"]["namespace"] == "shop" { labels } else { json!({}) };
            objects.extend(Sent::new(title, "elsewhere", labels, object));
        }
    }
    let tests = yaml_in("policies").into_iter().chain(yaml_in("policies/examples"));
    let tests = tests.chain([PathBuf::from("tests/fixtures/example-test.yaml")]);
    for path in tests.filter(|path| path.to_string_lossy().ends_with("-test.yaml")) {
        objects.extend(of_a_test(&path));
    }
    objects.extend(of_tools());
    objects.extend(cases());
    // A record is not read, and the export says so.
    objects.retain(|sent| !sent.object.to_string().contains("curfew.dev/applied"));
    objects
}

/// The creations that an API server once sent.
fn recorded() -> Vec<Sent> {
    let mut reviews: Vec<_> = files_in("tests/fixtures/reviews");
    reviews.sort();
    let creation = |path: PathBuf| {
        let review: Value = serde_json::from_str(&read(&path)).expect("it is JSON");
        let request = &review["request"];
        if request["operation"] != "CREATE" {
            return None;
        }
        let mut object = request["object"].clone();
        let by = object["metadata"]["managedFields"][0].clone();
        for (parent, member) in [("/metadata", "managedFields"), ("/metadata", "uid")] {
            let parent = object.pointer_mut(parent).and_then(Value::as_object_mut);
            parent.expect("a map").remove(member);
        }
        let mut sent = Sent::new(path.display().to_string(), "rec", json!({}), object)?;
        sent.applies = by["operation"] == "Apply";
        by["manager"].as_str().unwrap_or("test").clone_into(&mut sent.manager);
        Some(sent)
    };
    reviews.into_iter().filter_map(creation).collect()
}

/// The objects of a `JobPolicyTest`.
fn of_a_test(path: &Path) -> Vec<Sent> {
    let test = documents(&read(path)).remove(0);
    let list = |name: &str| test["spec"][name].as_array().cloned().unwrap_or_default();
    let mut objects = Vec::new();
    for (number, object) in list("objects").into_iter().enumerate() {
        let title = format!("{} objects[{number}]", path.display());
        objects.extend(Sent::new(title, "elsewhere", json!({}), object));
    }
    for case in list("cases") {
        let title = format!("{} {}", path.display(), case["name"]);
        let namespace = case["namespace"].as_str().unwrap_or("elsewhere");
        let labels = case.get("namespaceLabels").cloned().unwrap_or_else(|| json!({}));
        objects.extend(Sent::new(title, namespace, labels, case["object"].clone()));
    }
    objects
}

/// What tools hold as their desired state.
fn of_tools() -> Vec<Sent> {
    let file = "tests/fixtures/tools/stored.yaml";
    let list = documents(&read(Path::new(file))).remove(0);
    let items = list["items"].as_array().expect("a list").clone();
    let sent = |mut object: Value| {
        let by = object["metadata"]["managedFields"][0].clone();
        let title = format!("{file} {}", object["metadata"]["name"]);
        for member in ["managedFields", "uid", "resourceVersion", "creationTimestamp", "namespace"]
        {
            object["metadata"].as_object_mut().expect("a map").remove(member);
        }
        // The API server makes these, and refuses another's.
        for member in ["selector", "template"] {
            object["spec"].as_object_mut().expect("a map").remove(member);
        }
        let sent = Sent::new(title, "elsewhere", json!({}), object)?;
        let manager = by["manager"].as_str().unwrap_or("test").to_owned();
        Some(Sent { manager, applies: by["operation"] == "Apply", ..sent })
    };
    items.into_iter().filter_map(sent).collect()
}

/// What no fixture has.
fn cases() -> Vec<Sent> {
    let metadata = |metadata: Value| json!({ "metadata": metadata });
    let labelled = |labels: Value| json!({"metadata": {"labels": labels}});
    let annotated = |annotations: Value| json!({"metadata": {"annotations": annotations}});
    let wrote = |ttl: i64| json!({"spec": {"ttlSecondsAfterFinished": ttl}});
    let template_wrote =
        |ttl: i64| json!({"spec": {"jobTemplate": {"spec": {"ttlSecondsAfterFinished": ttl}}}});
    let hold = || annotated(json!({"curfew.dev/hold-until": "2030-01-01T00:00:00Z"}));
    let owner = |api: &str, kind: &str, controller: bool| {
        metadata(json!({"ownerReferences": [{
            "apiVersion": api, "kind": kind, "name": "owner", "controller": controller,
            "uid": "11111111-2222-3333-4444-555555555555",
        }]}))
    };
    let history = |successful: i64, failed: i64| {
        json!({"spec": {
            "successfulJobsHistoryLimit": successful, "failedJobsHistoryLimit": failed,
        }})
    };
    let tracked = || labelled(json!({"argocd.argoproj.io/instance": "shop"}));
    let last =
        |text: &str| annotated(json!({"kubectl.kubernetes.io/last-applied-configuration": text}));
    let template = |template: Value| json!({"spec": {"jobTemplate": template}});
    let jobs = [
        ("a zero", wrote(0)),
        ("a negative TTL is refused", wrote(-1)),
        ("the longest TTL", wrote(i32::MAX.into())),
        ("a week", wrote(604_800)),
        ("a month", wrote(2_592_000)),
        ("a second", wrote(1)),
        ("a held Job", merged(hold(), wrote(60))),
        ("a held Job without a TTL", hold()),
        ("a held Job that lives longer anyway", merged(hold(), wrote(2_000_000))),
        (
            "a held hook",
            merged(merged(hold(), wrote(5)), annotated(json!({"helm.sh/hook": "test"}))),
        ),
        (
            "a held Job that is exempt",
            merged(merged(hold(), wrote(5)), labelled(json!({"cleanup-policy": "keep"}))),
        ),
        (
            "a hold that is no date",
            merged(annotated(json!({"curfew.dev/hold-until": "soon"})), wrote(5)),
        ),
        ("a name", metadata(json!({"name": null, "generateName": "batch-processor-"}))),
        ("a generated name beside a name", metadata(json!({"generateName": "batch-processor-"}))),
        ("a label of ours", labelled(json!({"curfew.dev/team": "a"}))),
        ("an empty label", labelled(json!({"environment": ""}))),
        ("labels", labelled(json!({"tier": "gold", "app.kubernetes.io/part-of": "shop"}))),
        ("annotations", annotated(json!({"example.test/note": "it's \"so\"\n\\ok"}))),
        ("a JobSet's", merged(owner("jobset.x-k8s.io/v1alpha2", "JobSet", true), wrote(5))),
        ("a Workflow's", merged(owner("argoproj.io/v1alpha1", "Workflow", true), wrote(5))),
        ("a Pod's", owner("v1", "Pod", true)),
        ("owned, not controlled", owner("jobset.x-k8s.io/v1alpha2", "JobSet", false)),
        ("of a CronJob of another group", owner("example.test/v1", "CronJob", true)),
        ("of a CronJob, not controlled", owner("batch/v1", "CronJob", false)),
        ("tracked", merged(tracked(), wrote(5))),
        ("tracked by an annotation of ours", annotated(json!({"example.test/tracked": "yes"}))),
        ("a hook", merged(annotated(json!({"argocd.argoproj.io/hook": "PreSync"})), wrote(5))),
        ("an active deadline", json!({"spec": {"activeDeadlineSeconds": 17}})),
        ("last-applied", last(r#"{"spec":{"ttlSecondsAfterFinished":5}}"#)),
        (
            "last-applied shows what a limit gives",
            merged(last(r#"{"spec":{"ttlSecondsAfterFinished": 604800 }}"#), wrote(2_592_000)),
        ),
        (
            "last-applied shows what a rule enforces",
            merged(last(r#"{"spec":{"ttlSecondsAfterFinished":900}}"#), wrote(86_400)),
        ),
        (
            "the instance of an applied object",
            merged(last("{}"), labelled(json!({"app.kubernetes.io/instance": "shop"}))),
        ),
        ("the instance alone", labelled(json!({"app.kubernetes.io/instance": "shop"}))),
    ];
    let cron_jobs = [
        ("plain", json!({})),
        ("a template's TTL", template_wrote(2_592_000)),
        ("a template's short TTL", template_wrote(1)),
        ("history of the defaults", history(3, 1)),
        ("a long history", history(50, 40)),
        ("no history", history(0, 0)),
        ("a history like one default", history(3, 40)),
        ("a negative history is refused", history(-1, 1)),
        ("tracked", merged(merged(tracked(), history(50, 1)), template_wrote(2_592_000))),
        ("tracked without anything", tracked()),
        (
            "last-applied shows the defaults",
            last("{\"spec\":{\"failedJobsHistoryLimit\":1,\"successfulJobsHistoryLimit\":3}}\n"),
        ),
        ("last-applied shows one", last("{\"spec\": {\n  \"successfulJobsHistoryLimit\": 3\n}}")),
        ("last-applied shows another value", last(r#"{"spec":{"successfulJobsHistoryLimit":31}}"#)),
        (
            "last-applied speaks of it in a string",
            last(r#"{"spec":{"x":"{\"successfulJobsHistoryLimit\":3}"}}"#),
        ),
        ("last-applied is no JSON", last("soon")),
        (
            "last-applied shows the longest history",
            merged(last(r#"{"spec":{"successfulJobsHistoryLimit":10}}"#), history(50, 40)),
        ),
        (
            "last-applied shows the longest TTL",
            merged(
                last(r#"{"spec":{"jobTemplate":{"spec":{"ttlSecondsAfterFinished":604800}}}}"#),
                template_wrote(2_592_000),
            ),
        ),
        ("a time zone", json!({"spec": {"timeZone": "Asia/Tokyo"}})),
        ("a starting deadline", json!({"spec": {"startingDeadlineSeconds": 17}})),
        (
            "labels of the template",
            merged(
                labelled(json!({"environment": "dev"})),
                template(json!({"metadata": {"labels": {"environment": "staging"}}})),
            ),
        ),
        (
            "labels of the Pod template",
            merged(
                labelled(json!({"environment": "dev"})),
                template(json!({"spec": {"template": {"metadata":
                {"labels": {"environment": "staging"}}}}})),
            ),
        ),
        (
            "labels of ours in the template",
            merged(
                template(json!({"metadata": {"labels": {"curfew.dev/a": "b"}}})),
                template(json!({"spec": {"template": {"metadata":
                {"labels": {"environment": "staging"}}}}})),
            ),
        ),
        (
            "annotations of the template",
            template(json!({"metadata": {"annotations": {"example.test/note": "x"}}})),
        ),
        ("a name in the template", template(json!({"metadata": {"name": "x"}}))),
        (
            "owned by another",
            merged(owner("example.test/v1", "Factory", true), template_wrote(2_592_000)),
        ),
        ("a hook's annotation", annotated(json!({"helm.sh/hook": "test"}))),
        ("exempt", merged(labelled(json!({"cleanup-policy": "keep"})), history(50, 50))),
        ("a hold means nothing", hold()),
    ];
    let mut sent = Vec::new();
    let spaces = ["elsewhere", "team-a", "team-b", "sandbox-1", "istio-system", "kube-system"];
    for namespace in spaces {
        for (title, overlay) in &jobs {
            let object = job("daily-etl-7", overlay.clone());
            let title = format!("Job in {namespace}: {title}");
            sent.extend(Sent::new(title, namespace, json!({}), object));
        }
        for (title, overlay) in &cron_jobs {
            let object = cron_job("daily-etl", overlay.clone());
            let title = format!("CronJob in {namespace}: {title}");
            sent.extend(Sent::new(title, namespace, json!({}), object));
        }
    }
    for bytes in [262_144 - 30, 262_144 - 70, 262_144 - 130, 262_000] {
        // Bytes count, and not characters.
        let long = annotated(json!({"a": "é".repeat(bytes / 2)}));
        for object in [
            job("long", long.clone()),
            cron_job("long", merged(long.clone(), history(3, 40))),
            cron_job("long", template(long)),
        ] {
            let title = format!("{} with {bytes} bytes of annotations", object["kind"]);
            sent.extend(Sent::new(title, "elsewhere", json!({}), object));
        }
    }
    for (manager, applies) in [
        ("helm", false),
        ("pulumi-kubernetes-1a2b", false),
        ("helmsman", false),
        ("kustomize-controller", true),
        ("gitops", true),
    ] {
        for object in [
            job("plain", wrote(5)),
            cron_job("plain", history(3, 1)),
            cron_job("other", merged(history(3, 40), template_wrote(2_592_000))),
        ] {
            let title = format!("{} by {manager}", object["kind"]);
            sent.extend(Sent::new(title, "elsewhere", json!({}), object).map(|sent| Sent {
                manager: manager.to_owned(),
                applies,
                ..sent
            }));
        }
    }
    sent
}

// === impl Sent ===

impl Sent {
    /// `None` where it is neither a Job nor a `CronJob`. What the API server wants of one and a
    /// fixture leaves out is filled.
    fn new(title: String, namespace: &str, labels: Value, object: Value) -> Option<Self> {
        let base = match object["kind"].as_str()? {
            "CronJob" => cron_job("", json!({})),
            "Job" => job("", json!({})),
            _ => return None,
        };
        let mut object = merged(base, object);
        let metadata = object["metadata"].as_object_mut().expect("a map");
        let written = metadata.remove("namespace");
        let namespace = written.as_ref().and_then(Value::as_str).unwrap_or(namespace).to_owned();
        Some(Self {
            title,
            namespace,
            namespace_labels: labels,
            object,
            manager: "test".to_owned(),
            applies: false,
        })
    }

    /// What would be stored, without what differs from call to call; a refusal as it is.
    pub(crate) fn dry_run(&self, spaces: &BTreeMap<String, Namespace<'_>>) -> Value {
        let space = &spaces[&self.namespace];
        let resource = if self.object["kind"] == "Job" { "jobs" } else { "cronjobs" };
        let path = space.path(resource);
        let api = &space.plane.api;
        let name = self.object["metadata"]["name"].as_str();
        let reply = if let Some(name) = name.filter(|_| self.applies) {
            let path = format!("{path}/{name}?dryRun=All&fieldManager={}", self.manager);
            api.call("PATCH", &path, "application/apply-patch+yaml", self.body())
        } else {
            let path = format!("{path}?dryRun=All&fieldManager={}", self.manager);
            api.call("POST", &path, "application/json", self.body())
        };
        normal(reply)
    }

    fn body(&self) -> Vec<u8> {
        self.object.to_string().into_bytes()
    }
}

fn normal(reply: Reply) -> Value {
    let mut object = reply.body;
    if object["kind"] == "Status" {
        return object["message"].clone();
    }
    let metadata = object["metadata"].as_object_mut().expect("an object has metadata");
    for volatile in ["creationTimestamp", "managedFields"] {
        metadata.remove(volatile);
    }
    // A Job without labels shares a map with its Pod template until somebody decodes it anew, and
    // then gets the Job controller's labels, too; that depends on who was called, not on what came
    // of it.
    if let Some(labels) = metadata.get_mut("labels").and_then(Value::as_object_mut) {
        labels.retain(|key, _| !CONTROLLERS.contains(&key.as_str()));
    }
    let uid = metadata["uid"].as_str().expect("a dry run gives one").to_owned();
    let name = metadata["name"].as_str().expect("so it does").to_owned();
    let text = object.to_string().replace(&uid, "UID");
    let text = if object["metadata"]["generateName"].is_null() {
        text
    } else {
        text.replace(&name, "NAME")
    };
    serde_json::from_str(&text).expect("it was JSON before")
}

fn yaml_in(directory: &str) -> Vec<PathBuf> {
    let mut files = files_in(directory);
    files.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    files.sort();
    files
}

fn files_in(directory: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap_or_else(|error| panic!("{directory}: {error}"));
    entries.map(|entry| entry.expect("it is readable").path()).collect()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

const CONTROLLERS: [&str; 4] = [
    "batch.kubernetes.io/controller-uid",
    "batch.kubernetes.io/job-name",
    "controller-uid",
    "job-name",
];
