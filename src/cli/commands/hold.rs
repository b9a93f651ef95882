//! `curfew hold`: keeps one Job for a while, or no longer.
//!
//! Annotation, TTL and record are written in one request, bound to the very object that was read,
//! so that a built-in TTL controller meets either the Job as it was or the Job as it is held.

use anyhow::{bail, ensure};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value as Json, json};
use tokio_util::sync::CancellationToken;

use crate::batch::{Kind, Object};
use crate::cli::shared::output::span;
use crate::cli::shared::{
    ClusterPolicies, Connection, Exit, InForce, Invalid, Live, Named, Otherwise, OutOfReach, Place,
    Printer, Surrounded, Within, block_on, in_force,
};
use crate::cluster::pace::Rate;
use crate::cluster::write::{Change, Gate, Target, WriteOutcome, Writer};
use crate::policy::record::HOLD_UNTIL;
use crate::policy::value::Seconds;
use crate::policy::{Input, Operation, Policy};
use crate::sweeper::{Hold as Held, View};

/// Keep a Job for a while, whatever its TTL, or release it again
///
/// Writes the annotation curfew.dev/hold-until, the TTL that goes with it, and the record of what
/// the TTL was before, at once; no installation is needed. A policy's limits.hold bounds it: 7
/// days after the end of the Job where no policy says otherwise. Exits with 1 where the Job is not
/// kept for all that.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  curfew hold job/team-a/import-17 3d\n  \
                  curfew hold job/team-a/import-17 2026-12-01T08:00:00Z\n  \
                  curfew hold --release job/team-a/import-17")]
pub struct Hold {
    /// The Job: job/NAMESPACE/NAME, or job/NAME in the namespace of -n
    #[arg(value_name = "JOB")]
    object: Named,

    /// For how long from now, such as 3d, or until when, in RFC 3339
    #[arg(value_name = "DURATION|TIME", required_unless_present = "release")]
    until: Option<Until>,

    /// Take the hold back: the TTL is again what it would be without
    #[arg(long, conflicts_with = "until")]
    release: bool,

    #[command(flatten)]
    connection: Connection,

    #[command(flatten)]
    policies: ClusterPolicies,

    #[command(flatten)]
    within: Within,
}

/// What a user typed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Until {
    For(Seconds),
    Time(Timestamp),
}

// === impl Hold ===

impl Hold {
    /// Writes it.
    ///
    /// # Errors
    /// [`Invalid`] where there is no such Job, or the time has passed; [`OutOfReach`].
    pub fn run(self, printer: &mut Printer) -> anyhow::Result<Exit> {
        let Self { object, until, release: _, connection, policies, within } = self;
        block_on(async {
            let live = Live::connect(&connection).await?;
            let place = within.place(&object, &live)?;
            if place.kind != Kind::Job {
                bail!(Invalid::new(format!("{place} cannot be held: name one of its Jobs")));
            }
            let namespace = Some(&*place.namespace);
            let in_force =
                in_force(&live, &policies, namespace, Otherwise::Bundled, printer).await?;
            for _ in 0..ATTEMPTS {
                let job = Surrounded::read(&live, place.clone(), printer).await?;
                let until = until.map(|until| until.at(live.now())).transpose()?;
                if let Some(exit) = write(&live, &job, until, &in_force, printer).await? {
                    return Ok(exit);
                }
            }
            bail!(OutOfReach(format!("{place} is being changed all the time: try again")));
        })
    }
}

// === impl Until ===

impl Until {
    /// The moment, in whole seconds; rounding down would end a hold before its time.
    fn at(self, now: Timestamp) -> Result<Timestamp, Invalid> {
        let at = match self {
            Self::For(duration) => {
                now.saturating_add(SignedDuration::from_secs(duration.get())).unwrap_or(now)
            }
            Self::Time(time) => time,
        };
        if at <= now {
            return Err(Invalid::new(format!("{at} has passed: it is {now} there")));
        }
        let up = at.as_second() + i64::from(at.subsec_nanosecond() > 0);
        Ok(Timestamp::from_second(up).unwrap_or(at))
    }
}

impl std::str::FromStr for Until {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // Each a duration at worst, whose message is for those who wanted one.
        match (text.parse(), text.parse()) {
            (Ok(time), _) => Ok(Self::Time(time)),
            (_, Ok(duration)) => Ok(Self::For(duration)),
            (_, Err(error)) => Err(format!(
                "{error}; expected a duration such as 3d, or a time such as 2026-12-01T08:00:00Z"
            )),
        }
    }
}

/// Places or releases the hold on a Job as it was read; `None` where that has changed in the
/// meantime.
async fn write(
    live: &Live,
    job: &Surrounded,
    until: Option<Timestamp>,
    in_force: &InForce,
    printer: &mut Printer,
) -> anyhow::Result<Option<Exit>> {
    let place = &job.place;
    let InForce { policy, own_namespace } = in_force;
    let is_going = job.object["metadata"]["deletionTimestamp"].is_string();
    ensure!(!is_going, Invalid::new(format!("{place} is being deleted already")));
    let annotation = until.map_or(Json::Null, |until| until.to_string().into());
    if until.is_none() && job.object["metadata"]["annotations"][HOLD_UNTIL].is_null() {
        printer.data(format!("{place} is not held\n"))?;
        return Ok(Some(Exit::Fine));
    }
    let members = json!({"metadata": {"annotations": {HOLD_UNTIL: &annotation}}});
    let mut changed = job.object.clone();
    json_patch::merge(&mut changed, &members);
    let look = |view: &View<'_>| (Held::of(policy, view), warnings(policy, view, &job.object));
    let (held, warnings) = job.look(&changed, own_namespace.as_deref(), live.now(), look)?;
    let mut whole = match &held {
        Held::Judged { change: Some(change), .. } => change.merge_patch(),
        _ => json!({}),
    };
    // Not merged: that would carry out a removal, and this is to ask for one.
    whole["metadata"]["annotations"][HOLD_UNTIL] = annotation;
    let text = |field: &str| job.object["metadata"][field].as_str().unwrap_or_default().to_owned();
    let target = Target {
        kind: Kind::Job,
        namespace: place.namespace.clone(),
        name: place.name.clone(),
        uid: text("uid"),
        version: text("resourceVersion"),
    };
    let writer =
        Writer::new(live.cluster.client.clone(), Gate::new(Rate::new(1)), CancellationToken::new());
    match writer.write(&target, &Change::Merge(whole)).await {
        WriteOutcome::Done => {}
        // Nobody knows whether it was done: what is there now will tell.
        WriteOutcome::Changed | WriteOutcome::Retry { after: _, why: _ } => return Ok(None),
        WriteOutcome::Gone | WriteOutcome::Stopped => {
            bail!(Invalid::new(format!("{place} is not there any more")));
        }
        WriteOutcome::Refused(why) | WriteOutcome::Failed(why) => {
            bail!(OutOfReach(format!("cannot write to {place}: {why}")));
        }
    }
    for warning in warnings {
        printer.talk(format!("Warning: {warning}"))?;
    }
    let (text, exit) = told(place, until, &held, live.now());
    printer.data(text)?;
    Ok(Some(exit))
}

/// What a webhook would say about it.
fn warnings(policy: &Policy, view: &View<'_>, before: &Json) -> Vec<String> {
    let Ok(old) = Object::from_json(Kind::Job, before) else { return Vec::new() };
    let input = Input { operation: Operation::Update, old: Some(&old), ..view.input() };
    policy.decide(&input).warnings
}

/// What has been done, for a person.
fn told(place: &Place, until: Option<Timestamp>, held: &Held, now: Timestamp) -> (String, Exit) {
    let (ttl, end, expiry, raised) = match held {
        Held::Idle(reason) => {
            let line = match until {
                Some(until) => format!(
                    "{place} is annotated until {until}, and nothing else: {reason}; its TTL \
                     counts as before\n"
                ),
                None => format!("{place} is released; its TTL stays as it is: {reason}\n"),
            };
            return (line, if until.is_some() { Exit::Findings } else { Exit::Fine });
        }
        Held::Judged { change, ttl, until, expiry } => (*ttl, *until, *expiry, change.is_some()),
    };
    let becomes = match (ttl, raised) {
        (None, _) => "it has no TTL".to_owned(),
        (Some(ttl), true) => format!("its TTL is {} from now on", span(ttl)),
        (Some(ttl), false) => format!("its TTL stays {}", span(ttl)),
    };
    let Some(until) = until else {
        let due = match expiry {
            Some(expiry) if expiry <= now => ", which is over: it may go at any moment".to_owned(),
            Some(expiry) => format!(", and ends at {expiry}"),
            None => String::new(),
        };
        return (format!("{place} is released; {becomes}{due}\n"), Exit::Fine);
    };
    let ended = end.filter(|end| *end <= now);
    let state = match (ended, end) {
        (Some(end), _) => format!("annotated, and not held: limits.hold ended it at {end}"),
        (None, Some(end)) if end < until => {
            format!("held until {end}, when limits.hold ends it")
        }
        (None, _) => format!("held until {until}"),
    };
    let exit = if ended.is_some() { Exit::Findings } else { Exit::Fine };
    (format!("{place} is {state}; {becomes}\n"), exit)
}

/// Somebody else may write to a Job at the same time, but not for ever.
const ATTEMPTS: usize = 5;

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::Until;

    #[rstest]
    #[case::days("3d", Ok("2026-11-24T12:00:00Z"))]
    #[case::time("2026-12-01T08:00:00+01:00", Ok("2026-12-01T07:00:00Z"))]
    #[case::rounded_up("2026-12-01T08:00:00.2Z", Ok("2026-12-01T08:00:01Z"))]
    #[case::past("2026-11-01T08:00:00Z", Err("has passed"))]
    #[case::nothing("0s", Err("has passed"))]
    #[case::bare("3", Err("no unit"))]
    fn until(#[case] text: &str, #[case] expected: Result<&str, &str>) {
        let now = "2026-11-21T12:00:00Z".parse().unwrap();
        let at = text
            .parse::<Until>()
            .and_then(|until| until.at(now).map_err(|error| error.to_string()))
            .map(|at| at.to_string());
        match (at, expected) {
            (Ok(at), Ok(expected)) => assert_eq!(at, expected),
            (Err(error), Err(expected)) => assert!(error.contains(expected), "{error}"),
            (at, expected) => panic!("{at:?}, not {expected:?}"),
        }
    }
}
