//! Objects of a cluster, explained as they are stored there: what the sweeper does about each, and
//! what else may end it.

use super::deadlines::relative;
use super::explanation::{About, Explanation, Sweeps};
use crate::batch::{Finish, Kind, Object, Outcome, Time};
use crate::cli::shared::{AsOf, InForce, Judged, Live, Place, Printer, Surrounded, Which};
use crate::policy::Operation;
use crate::sweeper::brake::Memory;
use crate::sweeper::{PlanId, View, decide};

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
) -> anyhow::Result<Explanation> {
    let InForce { policy, own_namespace } = in_force;
    let mut found = Surrounded::read(live, place, printer).await?;
    found.read_family(live).await?;
    let now = as_of.there(live);
    let place = &found.place;
    let look = |view: &View<'_>| {
        // What could not be read here has been told.
        let judged = Judged::new(policy, &view.input());
        let about = About {
            title: format!("{}/{}", place.kind.as_str().to_ascii_lowercase(), place.name),
            namespace: &place.namespace,
            object: view.object,
            operation: Operation::Stored,
            now,
        };
        let judgement = decide(policy, view);
        // What keeps the sweeper from ending it.
        let mut holds = brake.holds.iter().filter(|hold| hold.revision == policy.revision);
        let held = holds
            .find(|hold| judgement.risks.iter().any(|risk| hold.holds(&place.namespace, risk)));
        let explanation = Explanation::new(about, judged, policy);
        (explanation, Sweeps::new(&judgement, held.map(PlanId::of)), rank(view, &found))
    };
    let (mut explanation, sweeps, rank) =
        found.look(&found.object, own_namespace.as_deref(), now, look)?;
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

/// Where a finished Job stands in its family, as the built-in controller counts: by start.
fn rank(view: &View<'_>, found: &Surrounded) -> Option<String> {
    let finish = Finish::of(view.object).filter(|_| view.object.kind == Kind::Job)?;
    let cronjob = view.cronjob?;
    let name = cronjob.metadata.name.as_deref().unwrap_or_default();
    // Without a start it counts as the youngest.
    let order = |job: &Object<'_>| {
        let at = job.status.start_time.as_ref().and_then(Time::at);
        (at.is_none(), at, job.metadata.name.as_deref().map(str::to_owned))
    };
    let own = order(view.object);
    let younger = view
        .children
        .iter()
        .filter(|job| Finish::of(job).is_some_and(|other| other.outcome == finish.outcome))
        .filter(|job| order(job) > own)
        .count();
    let spec = &cronjob.spec;
    let (limit, how) = match finish.outcome {
        Outcome::Failure => (spec.failed_jobs_history_limit, "failed"),
        Outcome::Success => (spec.successful_jobs_history_limit, "successful"),
    };
    let limit = limit.map_or_else(|| "?".to_owned(), |limit| limit.to_string());
    Some(format!(
        "CronJob {name} keeps {limit} {how} Jobs, and of {} there are {younger} newer ones",
        found.place.name
    ))
}
