//! Objects of a cluster, explained as they are stored there: what the sweeper does about each, and
//! what else may end it.

use jiff::Timestamp;
use serde_json::Value as Json;

use super::deadlines::Deadline;
use super::explanation::Explanation;
use super::sweeps::Sweeps;
use crate::batch::{Finish, Kind, Object};
use crate::cli::shared::as_of::AsOf;
use crate::cli::shared::invalid::Invalid;
use crate::cli::shared::judge::{Judgeable, Question, World};
use crate::cli::shared::live::Live;
use crate::cli::shared::live::lease::Which;
use crate::cli::shared::live::name::Place;
use crate::cli::shared::live::policy::InForce;
use crate::cli::shared::live::surroundings::Surrounded;
use crate::cli::shared::manifests::{Document, Origin};
use crate::cli::shared::printer::Printer;
use crate::policy::decide::Operation;
use crate::sweeper::brake::Memory;
use crate::sweeper::{Judgement, PlanId, View, decide};

/// Explains one object.
///
/// # Errors
/// [`Invalid`] where there is no such object, or it cannot be judged;
/// [`crate::cli::shared::live::OutOfReach`].
pub(super) async fn explain(
    live: &Live,
    place: Place,
    in_force: &InForce,
    brake: &Memory,
    as_of: AsOf,
    printer: &mut Printer,
) -> Result<Explanation, anyhow::Error> {
    let InForce { policy, own_namespace } = in_force;
    let mut found = Surrounded::read(live, place, printer).await?;
    found.read_family(live).await?;
    let now = as_of.there(live);
    let place = &found.place;
    let bad = |problem: String| Invalid::new(format!("{place} cannot be judged: {problem}"));

    let documents = documents(&found).map_err(|error| bad(error.to_string()))?;
    let world = World::new(&documents, &place.namespace).within(own_namespace.as_deref());
    let object = Judgeable::new(&documents[0], &place.namespace)
        .ok_or_else(|| bad("it is no Job or CronJob of batch/v1".to_owned()))?;
    let question = Question { operation: Operation::Stored, object: &object, old: None, now };
    let mut judged = world.judge(question, policy).map_err(bad)?;
    // It speaks of manifests, and what could not be read here has been told.
    judged.note = None;
    let mut explanation = Explanation::new(&documents[0], question, judged, policy).map_err(bad)?;

    let look = |view: &View<'_>| {
        let judgement = decide(policy, view);
        let held = held(&judgement, brake, &policy.revision, &place.namespace);
        (Sweeps::new(&judgement, held), rank(view, &found))
    };
    let looked = found.look(&found.object, own_namespace.as_deref(), now, look);
    let (sweeps, rank) = looked.map_err(bad)?;
    if let Some(rank) = rank {
        explanation.deadlines.retain(|deadline| deadline.what != "history");
        explanation.deadlines.push(relative("history", rank));
    }
    if let Some(id) = &sweeps.held {
        let text = format!("the brake keeps the sweeper from ending it: `curfew approve {id}`");
        explanation.deadlines.push(relative("brake", text));
    }
    explanation.sweeper = Some(sweeps);
    Ok(explanation)
}

/// What the brake of an installation remembers. Who may not read that, or has no installation, is
/// told nothing of a brake.
pub(super) async fn brake(live: &Live, in_force: &InForce, lease_name: String) -> Memory {
    let which = Which { namespace: in_force.own_namespace.clone(), lease_name };
    which.find(live).await.map(|lease| lease.brake()).unwrap_or_default()
}

/// The object first, then what it is judged by.
fn documents(found: &Surrounded) -> Result<Vec<Document>, serde_yaml::Error> {
    let Surrounded { place, object, cronjob, namespace, family: _ } = found;
    let document = |json: &Json, version: &str, kind: &str| {
        let mut json = json.clone();
        json["apiVersion"] = version.into();
        json["kind"] = kind.into();
        let origin = Origin { file: place.to_string(), document: 1, line: 1, item: None };
        Ok::<_, serde_yaml::Error>(Document { origin, value: serde_yaml::to_value(json)? })
    };
    let mut documents = vec![document(object, "batch/v1", place.kind.as_str())?];
    if let Some(cronjob) = cronjob {
        documents.push(document(cronjob, "batch/v1", "CronJob")?);
    }
    if let Some(namespace) = namespace {
        documents.push(document(namespace, "v1", "Namespace")?);
    }
    Ok(documents)
}

/// The hold of the brake that keeps the sweeper from ending it.
fn held(
    judgement: &Judgement<'_>,
    brake: &Memory,
    revision: &str,
    namespace: &str,
) -> Option<PlanId> {
    let hold = brake
        .holds
        .iter()
        .filter(|hold| hold.revision == revision)
        .find(|hold| judgement.risks.iter().any(|risk| hold.holds(namespace, risk)))?;
    Some(PlanId::of(hold))
}

/// Where a finished Job stands in its family, as the built-in controller counts: by start.
fn rank(view: &View<'_>, found: &Surrounded) -> Option<String> {
    let finish = Finish::of(view.object).filter(|_| view.object.kind == Kind::Job)?;
    let cronjob = view.cronjob?;
    let name = cronjob.metadata.name.as_deref().unwrap_or_default();
    let started =
        |job: &Object<'_>| -> Option<Timestamp> { job.status.start_time.as_deref()?.parse().ok() };
    // Without a start it counts as the youngest.
    let order = |job: &Object<'_>| {
        let at = started(job);
        (at.is_none(), at, job.metadata.name.as_deref().map(str::to_owned))
    };
    let own = order(view.object);
    let younger = view
        .children
        .iter()
        .filter(|job| Finish::of(job).is_some_and(|other| other.outcome == finish.outcome))
        .filter(|job| order(job) > own)
        .count();
    let (limit, how) = match finish.outcome {
        crate::batch::Outcome::Failure => (cronjob.spec.failed_jobs_history_limit, "failed"),
        crate::batch::Outcome::Success => {
            (cronjob.spec.successful_jobs_history_limit, "successful")
        }
    };
    let limit = limit.map_or_else(|| "?".to_owned(), |limit| limit.to_string());
    Some(format!(
        "CronJob {name} keeps {limit} {how} Jobs, and of {} there are {younger} newer ones",
        found.place.name
    ))
}

fn relative(what: &'static str, text: String) -> Deadline {
    Deadline { what, at: None, ends: false, text }
}
