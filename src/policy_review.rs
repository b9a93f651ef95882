//! One review of the `ConfigMap` that holds the policy: bytes in, bytes out.
//!
//! [`review`] refuses an edit after which the policy could not be used, with the findings that
//! `curfew check` has, and warns of one that would end far more than the one before. It looks
//! only at a map of its own version: what another version reads, it cannot judge, and an upgrade
//! must not fail because the old one is still there. It does no I/O and holds nothing between two
//! calls.

mod answer;
mod map;
mod problem;
mod refusal;
mod warnings;

use crate::admission::BadReview;
use crate::admission::review::{Reading, Request};
use crate::policy::{Loaded, Policy};

use self::answer::EditVerdict;
use self::map::ConfigMap;
use self::problem::Problem;

pub use self::answer::{Answer, PolicyReviewDecision, Report};

/// Answers a review; `version` is that of this curfew.
///
/// # Errors
/// Where the body is no `AdmissionReview` of `admission.k8s.io/v1` with a request and a uid.
pub fn review(version: &str, body: &[u8]) -> Result<Answer, BadReview> {
    match Reading::<ConfigMap<'_>>::new(body)? {
        Reading::Objects(mut request) => {
            let (object, old) = (request.object.take(), request.old_object.take());
            let verdict = judge(version, &request, object.as_deref(), old.as_deref());
            Ok(answer::of(&request, verdict))
        }
        Reading::Unreadable(request, _) if is_edit(&request) => {
            let warnings = vec!["curfew did not check this policy: it cannot be read".to_owned()];
            Ok(answer::of(
                &request,
                EditVerdict { warnings, ..PolicyReviewDecision::Unjudged.into() },
            ))
        }
        Reading::Unreadable(request, _) => {
            Ok(answer::of(&request, PolicyReviewDecision::NotConsidered.into()))
        }
    }
}

fn judge<O>(
    version: &str,
    request: &Request<'_, O>,
    object: Option<&ConfigMap<'_>>,
    old: Option<&ConfigMap<'_>>,
) -> EditVerdict {
    if !is_edit(request) {
        return PolicyReviewDecision::NotConsidered.into();
    }
    let Some(object) = object else { return PolicyReviewDecision::Unjudged.into() };
    // Whatever stands in it, it must be able to go: finalizers are taken off by an update.
    if object.is_being_deleted() {
        return PolicyReviewDecision::NotConsidered.into();
    }
    if object.version() != Some(version) {
        return other_version(version, object, old);
    }
    let old = old.filter(|old| old.version() == Some(version));
    // Labels and finalizers are nobody's policy, and what is wrong was wrong before.
    if old.is_some_and(|old| old.same_files(object)) {
        return unchanged(object);
    }
    match load(object) {
        Err(problems) => EditVerdict { problems, ..PolicyReviewDecision::Refused.into() },
        Ok(loaded) => accepted(loaded, old),
    }
}

/// Says so where the label is lost in an edit: nobody would look at the map from then on.
fn other_version(
    version: &str,
    object: &ConfigMap<'_>,
    old: Option<&ConfigMap<'_>>,
) -> EditVerdict {
    let was_ours = old.is_some_and(|old| old.version() == Some(version));
    let lost = was_ours && object.version().is_none();
    let warning = || format!("curfew checks a policy only if it has the label {}", map::VERSION);
    let warnings = lost.then(warning).into_iter().collect();
    EditVerdict { warnings, ..PolicyReviewDecision::OtherVersion.into() }
}

fn unchanged(object: &ConfigMap<'_>) -> EditVerdict {
    match load(object) {
        Ok(loaded) => EditVerdict {
            revision: loaded.policy.revision,
            ..PolicyReviewDecision::Unchanged.into()
        },
        Err(problems) => {
            let first = problems.first().map(Problem::line);
            let warning = first.map(|line| format!("this policy cannot be used: {line}"));
            let warnings = warning.iter().map(|line| warnings::fit(line)).collect();
            EditVerdict { warnings, ..PolicyReviewDecision::Unchanged.into() }
        }
    }
}

fn accepted(loaded: Loaded, old: Option<&ConfigMap<'_>>) -> EditVerdict {
    let Loaded { policy, warnings } = loaded;
    // What was broken was not in use, and says nothing about what is.
    let old = old.and_then(|old| load(old).ok());
    let drastic = old.map(|old| policy.drastic_changes(&old.policy)).unwrap_or_default();
    let decision = if drastic.is_empty() {
        PolicyReviewDecision::Accepted
    } else {
        PolicyReviewDecision::Drastic
    };
    EditVerdict {
        decision,
        revision: policy.revision,
        warnings: warnings::of(drastic, &warnings),
        problems: Vec::new(),
    }
}

fn load(map: &ConfigMap<'_>) -> Result<Loaded, Vec<Problem>> {
    let sources = map.sources()?;
    Policy::load(&sources).map_err(|found| found.iter().map(Problem::of).collect())
}

/// Whether a request is about a `ConfigMap` that comes or changes.
fn is_edit<O>(request: &Request<'_, O>) -> bool {
    let kind = &request.kind;
    let is_map = kind.group.is_empty() && &*kind.version == "v1" && &*kind.kind == map::KIND;
    let is_main = request.sub_resource.as_ref().is_none_or(|name| name.is_empty());
    is_map && is_main && matches!(&*request.operation, "CREATE" | "UPDATE")
}
