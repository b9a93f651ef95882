//! What else there is to know about a schedule: why nothing starts, what upstream makes of it, and
//! what is odd.

use jiff::Timestamp;

use super::subject::Subject;
use crate::batch::schedule::Schedule;
use crate::batch::zone::Zone;
use crate::batch::{Kind, Object};
use crate::cli::shared::output::span;
use crate::cli::shared::{Note, ZoneFrom, advice};
use crate::policy::lint::{self, Lint};
use crate::policy::{Setting, code};

/// The code of what says that nothing ever starts.
pub(super) const NEVER: &str = "never";

/// Everything else to know about a subject whose next starts are `times`, of `count` asked for.
/// `ahead` tells what a change of the clocks does to a later one.
pub(super) fn about(
    subject: &Subject,
    (zone, from): (&Zone, ZoneFrom),
    now: Timestamp,
    (times, count): (&[Timestamp], usize),
    ahead: Option<String>,
) -> Vec<Note> {
    let mut notes = Vec::new();
    if subject.suspended {
        let deadline = match subject.deadline {
            Some(deadline) => format!(", if that was due less than {} before", span(deadline)),
            None => String::new(),
        };
        let message = format!(
            "nothing starts; once that is over, the latest missed start comes at once{deadline}"
        );
        notes.push(Note::new("suspended", message));
    }
    if subject.terminating {
        notes.push(Note::new("terminating", "it is being deleted: nothing starts any more"));
    }
    if subject.namespace_terminating {
        let message = "its namespace is being deleted: no Job can be created there";
        notes.push(Note::new("namespace-terminating", message));
    }
    if let Some(base) = subject.base.filter(|base| *base > now) {
        let message = format!("its last start or creation lies ahead, and counts: {base}");
        notes.push(Note::new("future", message));
    }
    if Schedule::mentions_zone(&subject.text) {
        notes.push(Note::new("time-zone-prefix", prefix(subject, zone, from)));
    }
    if subject.refused {
        let message = "the controller does not mind the blanks around the schedule, and the API \
                       server refuses any update until they are gone";
        notes.push(Note::new("refused", message));
    }
    notes.extend(every(subject).map(|message| Note::new("every", message)));
    notes.extend(advice::misread(&subject.text));
    if !times.is_empty() && times.len() < count {
        notes.push(Note::new("last", "there is no further start within five calendar years"));
    }
    notes.extend(ahead.map(|message| Note::new("daylight", message)));
    let odd = odd(subject, zone, now);
    let said = odd.iter().any(|lint| lint.code == code::SHORT_STARTING_DEADLINE);
    notes.extend(advice::short_deadline(subject.deadline).filter(|_| !said));
    let whole = |Lint { code, message, mend }| Note::new(code, format!("{message}; {mend}"));
    notes.extend(odd.into_iter().map(whole));
    notes
}

/// Why nothing ever starts, if that is so.
pub(super) fn never(subject: &Subject, times: &[Timestamp]) -> Option<Note> {
    let message = match (subject.deadline, subject.schedule.period()) {
        (Some(0), _) => "with startingDeadlineSeconds 0 each start is too late already; leave it \
                         out, or give a minute or more"
            .to_owned(),
        // The controller counts from the last start or from so long ago, whichever is later.
        (Some(deadline), Some(period)) if deadline < period.as_secs() => format!(
            "`@every` counts anew from startingDeadlineSeconds ({}) ago, which is less than {}; \
             raise or remove that, or write five fields",
            span(deadline),
            span(period.as_secs())
        ),
        _ if times.is_empty() => "no time in the next five calendar years fits the fields; look \
                                  at day and month together"
            .to_owned(),
        _ => return None,
    };
    Some(Note::new(NEVER, message))
}

/// When a start is made that has come, in short and in full. `held` is a Job on whose end a
/// `Forbid` waits.
pub(super) fn pending(slot: Timestamp, held: Option<&str>) -> (String, Note) {
    let (until, such) = match held {
        Some(job) => (format!("once job/{job} is over, if it is still there"), ""),
        None => (
            "at its next look".to_owned(),
            ", such as at a change of the CronJob or of one of its Jobs",
        ),
    };
    let message = format!(
        "the start at {slot} has come, and the status knows nothing of it: the built-in controller \
         makes it {until}{such}, unless the next start comes first and takes its place"
    );
    (until, Note::new("pending", message))
}

/// What a time zone in the schedule means.
fn prefix(subject: &Subject, zone: &Zone, from: ZoneFrom) -> String {
    let ignored = subject.time_zone.as_ref().map_or_else(String::new, |other| {
        format!(", the controller ignores spec.timeZone, {other}, beside it")
    });
    let mend = if from == ZoneFrom::Schedule {
        format!("write spec.timeZone: {zone}")
    } else {
        "name a time zone in spec.timeZone".to_owned()
    };
    format!(
        "a time zone in the schedule is not supported: the API server refuses it in a new \
         CronJob{ignored}; {mend}"
    )
}

/// What is special about `@every`.
fn every(subject: &Subject) -> impl Iterator<Item = &'static str> {
    let period = subject.schedule.period();
    let from_now = "`@every` counts from the last start, at first from the creation, here from now";
    let shared = "starts within one minute share the name of their Job: one of them a minute runs";
    let from_now = period.filter(|_| subject.base.is_none()).map(|_| from_now);
    let shared = period.filter(|period| period.as_secs() < 60).map(|_| shared);
    from_now.into_iter().chain(shared)
}

/// What is odd about the `CronJob`, without a policy.
fn odd(subject: &Subject, zone: &Zone, now: Timestamp) -> Vec<Lint> {
    let Ok(object) = Object::from_json(Kind::CronJob, &subject.json) else { return Vec::new() };
    // What nobody chose is the API server's default, and means to keep nothing.
    let chosen =
        |limit: Option<i64>, setting: Setting| limit.filter(|_| limit != setting.api_default());
    let history = (
        chosen(object.spec.successful_jobs_history_limit, Setting::HistorySuccessful),
        chosen(object.spec.failed_jobs_history_limit, Setting::HistoryFailed),
    );
    let ttl = object.template_spec().and_then(|template| template.ttl_seconds_after_finished);
    let interval = advice::interval(&subject.schedule, zone, now);
    let mut found = lint::object(&object, ttl, history, interval);
    // That is said already.
    found.retain(|lint| lint.code != code::SHORT_STARTING_DEADLINE || subject.deadline != Some(0));
    found
}
