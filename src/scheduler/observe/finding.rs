//! What needs looking at about a `CronJob`: a word for metrics and a sentence for people, each.

use std::fmt;

use jiff::Timestamp;

use super::observation::{
    Blocked, MOST, MissedStarts, NOT_KNOWN, Observation, Perhaps, Stuck, Trouble,
};

/// Something that needs looking at.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Finding<'o> {
    HeldBack(&'o Blocked, MissedStarts),
    /// The last start lies ahead, and the next one behind that.
    LastStartAhead {
        last: Timestamp,
        next: Option<Timestamp>,
    },
    Missed(MissedStarts),
    NeverStarted(&'o [String]),
    /// Nothing has succeeded since then; `ever` says whether anything did before.
    Overdue {
        since: Timestamp,
        ever: bool,
    },
    Stuck(&'o [Stuck]),
    Trouble(&'o Trouble),
}

// === impl Observation ===

impl Observation {
    /// Everything that needs looking at, causes before what comes of them.
    pub fn findings(&self) -> impl Iterator<Item = Finding<'_>> {
        let missed = self.missed.map(|missed| match &self.blocked {
            Some(blocked) => Finding::HeldBack(blocked, missed),
            None => Finding::Missed(missed),
        });
        let ever = self.last_success.is_some();
        let (waiting, stuck) = (&self.never_started[..], &self.stuck[..]);
        let ahead = self.last_ahead.map(|last| Finding::LastStartAhead { last, next: self.next });
        [
            self.trouble.as_ref().map(Finding::Trouble),
            ahead,
            missed,
            (!waiting.is_empty()).then_some(Finding::NeverStarted(waiting)),
            (!stuck.is_empty()).then_some(Finding::Stuck(stuck)),
            self.overdue.map(|since| Finding::Overdue { since, ever }),
        ]
        .into_iter()
        .flatten()
    }

    /// What a person is told who would like to know; `None` where everything is known.
    pub fn doubt(&self) -> Option<String> {
        let Perhaps { missed, overdue } = self.perhaps;
        let what = match (missed, &self.blocked, overdue) {
            (Some(missed), Some(Blocked { job, .. }), _) => {
                format!("{} held back by job/{job}", Starts(missed))
            }
            (Some(missed), None, _) => format!("{} missed", Starts(missed)),
            (None, _, Some(since)) => format!("a success is missing since {since}"),
            (None, _, None) => return None,
        };
        Some(format!("not known whether {what}: nobody can tell since when it has this schedule"))
    }

    /// The words of [`STATES`] that apply: those of the findings, of what is meant to be so, and of
    /// what nobody knows. A `CronJob` is `fine` where no other word applies.
    pub fn states(&self) -> Vec<&'static str> {
        let mut states: Vec<&'static str> = self.findings().map(Finding::state).collect();
        let beside = [
            ("namespace-terminating", self.namespace_terminating),
            (NOT_KNOWN, self.perhaps != Perhaps::default()),
            ("suspended", self.suspended),
            ("terminating", self.terminating),
        ];
        states.extend(beside.into_iter().filter(|(_, is)| *is).map(|(state, _)| state));
        if states.is_empty() {
            states.push("fine");
        }
        states
    }
}

/// The findings as one text, empty where there are none.
impl fmt::Display for Observation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let findings: Vec<String> = self.findings().map(|finding| finding.to_string()).collect();
        f.write_str(&findings.join("; "))
    }
}

// === impl Finding ===

impl Finding<'_> {
    /// A word of [`STATES`].
    pub const fn state(self) -> &'static str {
        match self {
            Self::HeldBack(..) => "held-back",
            Self::LastStartAhead { .. } => "last-start-ahead",
            Self::Missed(_) => "missed",
            Self::NeverStarted(_) => "never-started",
            Self::Overdue { .. } => "overdue",
            Self::Stuck(_) => "stuck",
            Self::Trouble(Trouble::Never | Trouble::TooLate(_)) => "never-due",
            Self::Trouble(Trouble::Unreadable(_)) => "unreadable",
        }
    }
}

impl fmt::Display for Finding<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HeldBack(Blocked { job, created, since: _ }, missed) => {
                write!(f, "{} held back by job/{job}", Starts(*missed))?;
                match created {
                    Some(created) => write!(f, ", which is there since {created}"),
                    None => Ok(()),
                }
            }
            Self::LastStartAhead { last, next } => {
                write!(f, "its last start is written down as {last}, which lies ahead: ")?;
                match next {
                    Some(next) => write!(f, "nothing starts before {next}"),
                    None => write!(f, "nothing starts until then"),
                }
            }
            Self::Missed(missed) => write!(f, "{} missed: {}", Starts(*missed), missed.why.text()),
            Self::NeverStarted(jobs) => {
                write!(f, "no Pod is ready or has ended of ")?;
                listed(f, jobs.iter().map(|job| format!("job/{job}")))
            }
            Self::Overdue { since, ever: true } => write!(f, "no success since {since}"),
            Self::Overdue { since, ever: false } => {
                write!(f, "no success since its creation, {since}")
            }
            Self::Stuck(jobs) => listed(
                f,
                jobs.iter().map(|Stuck { job, since, why }| {
                    format!("job/{job} is being ended since {since} ({why})")
                }),
            ),
            Self::Trouble(trouble) => trouble.fmt(f),
        }
    }
}

/// The first few, and how many more there are.
fn listed(f: &mut fmt::Formatter<'_>, all: impl ExactSizeIterator<Item = String>) -> fmt::Result {
    let more = all.len().saturating_sub(SHOWN);
    let shown: Vec<String> = all.take(SHOWN).collect();
    f.write_str(&shown.join(", "))?;
    if more > 0 { write!(f, " and {more} more") } else { Ok(()) }
}

/// How many starts, and when.
struct Starts(MissedStarts);

impl fmt::Display for Starts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let MissedStarts { count, since, .. } = self.0;
        match count {
            1 => write!(f, "the start at {since} is"),
            MOST.. => write!(f, "more than {} starts since {since} are", MOST - 1),
            _ => write!(f, "{count} starts since {since} are"),
        }
    }
}

/// Every word of [`Observation::states`].
pub const STATES: [&str; 13] = [
    "fine",
    "held-back",
    "last-start-ahead",
    "missed",
    "namespace-terminating",
    "never-due",
    "never-started",
    NOT_KNOWN,
    "overdue",
    "stuck",
    "suspended",
    "terminating",
    "unreadable",
];

/// Those that nobody needs to look at.
pub const AS_MEANT: [&str; 5] =
    ["fine", "namespace-terminating", NOT_KNOWN, "suspended", "terminating"];

/// More names than these help nobody.
const SHOWN: usize = 3;
