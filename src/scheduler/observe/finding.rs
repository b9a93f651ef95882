//! What needs looking at about a `CronJob`: a word for metrics and a sentence for people, each.

use std::fmt;

use jiff::Timestamp;

use super::{Blocked, MOST, MissedStarts, Observation, Trouble, WhyMissed};

/// Something that needs looking at.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Finding<'o> {
    HeldBack(&'o Blocked, MissedStarts),
    Missed(MissedStarts),
    NeverStarted(&'o [String]),
    /// Nothing has succeeded since then; `ever` says whether anything did before.
    Overdue {
        since: Timestamp,
        ever: bool,
    },
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
        let stuck = &self.never_started[..];
        [
            self.trouble.as_ref().map(Finding::Trouble),
            missed,
            (!stuck.is_empty()).then_some(Finding::NeverStarted(stuck)),
            self.overdue.map(|since| Finding::Overdue { since, ever }),
        ]
        .into_iter()
        .flatten()
    }

    /// Whether a person should look.
    pub fn needs_attention(&self) -> bool {
        self.findings().next().is_some()
    }

    /// The words of [`STATES`] that apply: those of the findings, and of what is meant to be so. A
    /// `CronJob` is `fine` where no other word applies.
    pub fn states(&self) -> Vec<&'static str> {
        let mut states: Vec<&'static str> = self.findings().map(Finding::state).collect();
        let meant = [("suspended", self.suspended), ("terminating", self.terminating)];
        states.extend(meant.into_iter().filter(|(_, is)| *is).map(|(state, _)| state));
        if states.is_empty() {
            states.push("fine");
        }
        states
    }
}

/// The findings as one text, empty where there are none.
impl fmt::Display for Observation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, finding) in self.findings().enumerate() {
            let between = if index == 0 { "" } else { "; " };
            write!(f, "{between}{finding}")?;
        }
        Ok(())
    }
}

// === impl Finding ===

impl Finding<'_> {
    /// A word of [`STATES`].
    pub const fn state(self) -> &'static str {
        match self {
            Self::HeldBack(..) => "held-back",
            Self::Missed(_) => "missed",
            Self::NeverStarted(_) => "never-started",
            Self::Overdue { .. } => "overdue",
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
            Self::Missed(missed) => write!(f, "{} missed: {}", Starts(*missed), missed.why),
            Self::NeverStarted(jobs) => {
                let shown: Vec<String> =
                    jobs.iter().take(SHOWN).map(|job| format!("job/{job}")).collect();
                write!(f, "no Pod has run of {}", shown.join(", "))?;
                match jobs.len().saturating_sub(SHOWN) {
                    0 => Ok(()),
                    more => write!(f, " and {more} more"),
                }
            }
            Self::Overdue { since, ever: true } => write!(f, "no success since {since}"),
            Self::Overdue { since, ever: false } => {
                write!(f, "no success since its creation, {since}")
            }
            Self::Trouble(trouble) => trouble.fmt(f),
        }
    }
}

// === impl WhyMissed ===

impl WhyMissed {
    /// A stable word for scripts and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Deadline => "deadline",
            Self::Forbid => "forbid",
            Self::NotStarted => "not-started",
        }
    }
}

impl fmt::Display for WhyMissed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Deadline => "too late by startingDeadlineSeconds",
            Self::Forbid => "another Job runs, and concurrencyPolicy is Forbid",
            Self::NotStarted => "nobody has made a Job",
        })
    }
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
pub const STATES: [&str; 9] = [
    "fine",
    "held-back",
    "missed",
    "never-due",
    "never-started",
    "overdue",
    "suspended",
    "terminating",
    "unreadable",
];

/// More names than these help nobody.
const SHOWN: usize = 3;
