//! What a cluster held at one moment: Jobs, `CronJob`s and namespaces, as JSON.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value as Json;

use super::super::decide::View;
use super::options::Options;
use crate::batch::namespace::{self, Labels};
use crate::batch::{Kind, Map, Object};

/// The objects of a dump or of a reading of the API.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    jobs: Vec<Held>,
    cronjobs: Vec<Held>,
    /// Position of each object, by kind, namespace and name.
    places: HashMap<(Kind, String, String), usize>,
    namespaces: BTreeMap<String, Labels>,
    cluster: Option<String>,
    foreign: BTreeMap<String, usize>,
}

#[derive(Clone, Debug)]
struct Held {
    namespace: String,
    json: Json,
    weight: Weight,
    /// Whether it is planned for, and not only there for others to be judged by.
    planned: bool,
}

/// What the deletion of a Job frees, estimated as [`super::Freed`] says.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Weight {
    pub(super) pods: u64,
    pub(super) bytes: u64,
}

/// An object that makes the snapshot useless: a part is never taken for the whole.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{title}: {problem}")]
pub struct BadObject {
    /// As `job/team-a/backup`.
    pub title: String,
    pub problem: String,
}

/// The objects of a snapshot, read.
pub(super) struct Objects<'a> {
    pub(super) jobs: Vec<Stored<'a>>,
    pub(super) cronjobs: Vec<Stored<'a>>,
    jobs_by_uid: HashMap<&'a str, usize>,
    cronjobs_by_uid: HashMap<&'a str, usize>,
    labels: HashMap<&'a str, Map<'a>>,
}

/// An object of a snapshot.
pub(super) struct Stored<'a> {
    pub(super) namespace: &'a str,
    pub(super) object: Object<'a>,
    /// Whether it is planned for itself.
    pub(super) planned: bool,
    json: &'a Json,
    /// What the deletion of a Job frees.
    pub(super) weight: Weight,
    /// Positions of the Jobs of a `CronJob`.
    children: Vec<usize>,
}

// === impl Snapshot ===

impl Snapshot {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an object; one without a namespace is in `namespace`. Other kinds are only counted.
    ///
    /// # Errors
    /// Where a Job or a `CronJob` cannot be judged, a Namespace has labels that cannot be, or any of
    /// them stands there twice with different contents.
    pub fn add(&mut self, json: Json, namespace: &str) -> Result<(), BadObject> {
        let field = |name: &str| json.get(name).and_then(Json::as_str).unwrap_or_default();
        let (version, kind) = (field("apiVersion").to_owned(), field("kind").to_owned());
        match (version.as_str(), Kind::parse(&kind)) {
            ("batch/v1", Some(kind)) => self.add_object(kind, json, namespace, true),
            ("v1", None) if kind == "Namespace" => self.add_namespace(&json),
            _ => {
                *self.foreign.entry(kind).or_default() += 1;
                Ok(())
            }
        }
    }

    /// Adds a `CronJob` that nobody asked for, by which its Jobs are judged.
    ///
    /// # Errors
    /// As [`Snapshot::add`].
    pub fn add_surrounding(&mut self, json: Json) -> Result<(), BadObject> {
        self.add_object(Kind::CronJob, json, "", false)
    }

    /// How many objects of other kinds there were.
    pub fn foreign(&self) -> &BTreeMap<String, usize> {
        &self.foreign
    }

    /// uid of the namespace kube-system, where it is there.
    pub fn cluster(&self) -> Option<&str> {
        self.cluster.as_deref()
    }

    /// How many Jobs and `CronJob`s there are.
    pub fn len(&self) -> usize {
        self.jobs.len() + self.cronjobs.len()
    }

    /// Whether there is nothing to judge.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn add_namespace(&mut self, json: &Json) -> Result<(), BadObject> {
        let metadata = &json["metadata"];
        let name = metadata["name"].as_str().unwrap_or_default();
        if name == "kube-system" {
            self.cluster = metadata["uid"].as_str().map(str::to_owned);
        }
        let bad = |problem| BadObject { title: format!("namespace/{name}"), problem };
        let labels = namespace::labels(json).map_err(bad)?;
        if self.namespaces.get(name).is_some_and(|before| *before != labels) {
            return Err(bad("it stands there twice, with different labels".to_owned()));
        }
        self.namespaces.insert(name.to_owned(), labels);
        Ok(())
    }

    fn add_object(
        &mut self,
        kind: Kind,
        mut json: Json,
        namespace: &str,
        planned: bool,
    ) -> Result<(), BadObject> {
        let metadata = &json["metadata"];
        let name = metadata["name"].as_str().unwrap_or_default().to_owned();
        let own = metadata["namespace"].as_str().filter(|namespace| !namespace.is_empty());
        let namespace = own.unwrap_or(namespace).to_owned();
        let bad = |problem: String| {
            let kind = kind.as_str().to_ascii_lowercase();
            BadObject { title: format!("{kind}/{namespace}/{name}"), problem }
        };
        if name.is_empty() {
            return Err(bad("it has no name; a stored object has one".to_owned()));
        }
        if let Err(problem) = Object::from_json(kind, &json) {
            return Err(bad(problem));
        }
        let (held, weight) = match kind {
            Kind::CronJob => (&mut self.cronjobs, Weight::default()),
            Kind::Job => {
                let weight = Weight::of(&json);
                slim(&mut json);
                (&mut self.jobs, weight)
            }
        };
        let place = (kind, namespace.clone(), name.clone());
        if let Some(position) = self.places.get(&place) {
            return if held[*position].json == json && held[*position].weight == weight {
                Ok(())
            } else {
                Err(bad("it stands there twice, with different contents".to_owned()))
            };
        }
        self.places.insert(place, held.len());
        held.push(Held { namespace, json, weight, planned });
        Ok(())
    }

    pub(super) fn objects(&self) -> Objects<'_> {
        let (jobs, jobs_by_uid) = read(Kind::Job, &self.jobs);
        let (cronjobs, cronjobs_by_uid) = read(Kind::CronJob, &self.cronjobs);
        let labels =
            self.namespaces.iter().map(|(n, l)| (n.as_str(), namespace::view(l))).collect();
        let mut objects = Objects { jobs, cronjobs, jobs_by_uid, cronjobs_by_uid, labels };
        for position in 0..objects.jobs.len() {
            if let Some(owner) = objects.cronjob_of(&objects.jobs[position]) {
                objects.cronjobs[owner].children.push(position);
            }
        }
        objects
    }
}

/// Objects of a kind, and where each stands among them, by its uid.
fn read(kind: Kind, held: &[Held]) -> (Vec<Stored<'_>>, HashMap<&str, usize>) {
    let stored: Vec<Stored<'_>> = held.iter().filter_map(|held| Stored::new(kind, held)).collect();
    let places = stored.iter().enumerate();
    let by_uid = places.filter_map(|(at, one)| Some((one.json["metadata"]["uid"].as_str()?, at)));
    let by_uid = by_uid.collect();
    (stored, by_uid)
}

// === impl Objects ===

impl<'a> Objects<'a> {
    pub(super) fn job(&self, uid: &str) -> Option<&Stored<'a>> {
        self.jobs_by_uid.get(uid).map(|position| &self.jobs[*position])
    }

    pub(super) fn children(&self, cronjob: &Stored<'a>) -> Vec<&Object<'a>> {
        cronjob.children.iter().map(|position| &self.jobs[*position].object).collect()
    }

    /// An object with its surroundings.
    pub(super) fn view<'v>(
        &'v self,
        stored: &'v Stored<'a>,
        children: &'v [&'v Object<'a>],
        options: &Options<'v>,
    ) -> View<'v> {
        let cronjob = self.cronjob_of(stored).map(|position| &self.cronjobs[position].object);
        View {
            object: &stored.object,
            cronjob,
            children,
            is_whole: true,
            namespace: stored.namespace,
            namespace_labels: self.labels.get(stored.namespace),
            own_namespace: options.own_namespace,
            flapping: false,
            now: options.now,
        }
    }

    /// The `CronJob` of a Job's family: the same namespace, name and uid.
    fn cronjob_of(&self, job: &Stored<'a>) -> Option<usize> {
        let owner = job.object.cronjob_owner()?;
        let position = *self.cronjobs_by_uid.get(&*owner.uid)?;
        let cronjob = &self.cronjobs[position];
        let same_name = cronjob.object.metadata.name.as_deref() == Some(&*owner.name);
        (same_name && cronjob.namespace == job.namespace).then_some(position)
    }
}

// === impl Stored ===

impl<'a> Stored<'a> {
    /// `None` where the object cannot be read, and [`Snapshot::add`] lets no such one in.
    fn new(kind: Kind, held: &'a Held) -> Option<Self> {
        let object = Object::from_json(kind, &held.json).ok()?;
        let Held { namespace, json, weight, planned } = held;
        let (weight, planned, children) = (*weight, *planned, Vec::new());
        Some(Self { namespace, object, planned, json, weight, children })
    }

    /// Whether a guard may have missed the tool that holds the object, because nobody says who manages
    /// which field: kubectl leaves that out unless it is asked to show it. Marks are looked for on
    /// what no `CronJob` has made.
    pub(super) fn hides_its_managers(&self) -> bool {
        self.object.cronjob_owner().is_none() && self.object.metadata.managers().is_empty()
    }
}

// === impl Weight ===

impl Weight {
    fn of(job: &Json) -> Self {
        let size = |json: &Json| serde_json::to_string(json).map_or(0, |text| text.len() as u64);
        let counter = |name: &str| job["status"][name].as_u64().unwrap_or_default();
        let pods = counter("succeeded").saturating_add(counter("failed"));
        let pod = size(&job["spec"]["template"]).saturating_add(POD_BYTES);
        Self { pods, bytes: size(job).saturating_add(pods.saturating_mul(pod)) }
    }
}

/// Takes out of a Job what is large and read by nobody: a hundred thousand of them are to fit into
/// a laptop.
fn slim(job: &mut Json) {
    let mut remove = |parent: &str, member: &str| {
        if let Some(Json::Object(parent)) = job.pointer_mut(parent) {
            parent.remove(member);
        }
    };
    remove("/spec/template", "spec");
    let owners = job.pointer_mut("/metadata/managedFields").and_then(Json::as_array_mut);
    for owner in owners.into_iter().flatten() {
        let Some(Json::Object(fields)) = owner.get_mut("fieldsV1") else { continue };
        fields.retain(|name, _| name == "f:spec");
        if let Some(Json::Object(spec)) = fields.get_mut("f:spec") {
            spec.remove("f:template");
        }
    }
}

/// What a finished Pod holds beside its template: metadata, status, managed fields.
const POD_BYTES: u64 = 3 * 1024;
