//! The rows as tables: short with spans of time, as kubectl has them, or wide with times in full.

use jiff::{SignedDuration, Timestamp};

use super::row::{DAYLIGHT, Known, Row, is_for_reading};
use crate::batch::schedule::daylight::{Disturbance, Kind};
use crate::cli::shared::advice::Note;
use crate::cli::shared::output::{self, Table};
use crate::scheduler::observe::{Finding, MOST, NOT_KNOWN, Trouble};

/// What fits a terminal.
pub(super) fn short(rows: &[Row], now: Timestamp) -> String {
    let mut table = Table::new([
        "NAMESPACE",
        "NAME",
        "SCHEDULE",
        "ZONE",
        "NEXT",
        "LAST",
        "LAST SUCCESS",
        "LAG",
        "MISSED",
        "NOTES",
    ]);
    for row in rows {
        let ago = |at: Timestamp| span(now.duration_since(at));
        // A last start may lie ahead.
        let since = |at: Timestamp| {
            if at > now { format!("in {}", span(at.duration_since(now))) } else { ago(at) }
        };
        table.row([
            row.namespace.clone(),
            row.name.clone(),
            cell(row, |known| Some(one_line(&known.schedule))),
            cell(row, zone),
            cell(row, |known| next(known, |at| span(at.duration_since(now)), None)),
            cell(row, |known| known.last_start.map(since)),
            cell(row, |known| known.last_success.map(ago)),
            cell(row, |known| known.lag.map(span)),
            cell(row, missed),
            remarks(row, now),
        ]);
    }
    shown(&table)
}

/// Everything.
pub(super) fn wide(rows: &[Row], now: Timestamp) -> String {
    let mut table = Table::new([
        "NAMESPACE",
        "NAME",
        "SCHEDULE",
        "ZONE",
        "INTERVAL",
        "CONCURRENCY",
        "ACTIVE",
        "NEXT",
        "LAST",
        "LAST SUCCESS",
        "LAG",
        "MISSED",
        "NOTES",
    ]);
    for row in rows {
        let past = |at: Timestamp| {
            let (ahead, passed) = (at.duration_since(now), now.duration_since(at));
            if at > now {
                format!("{at} (in {})", span(ahead))
            } else {
                format!("{at} ({})", span(passed))
            }
        };
        let future = |at: Timestamp| format!("{at} ({})", span(at.duration_since(now)));
        let told = row.attention.iter().chain(&row.notes).map(|note| note.message.as_str());
        table.row([
            row.namespace.clone(),
            row.name.clone(),
            cell(row, |known| Some(one_line(&known.schedule))),
            cell(row, zone),
            cell(row, |known| known.interval.map(span)),
            cell(row, |known| Some(known.concurrency_policy.to_owned())),
            cell(row, |known| Some(known.active.to_string())),
            cell(row, |known| next(known, future, known.pending_start)),
            cell(row, |known| known.last_start.map(past)),
            cell(row, |known| known.last_success.map(past)),
            cell(row, |known| known.lag.map(span)),
            cell(row, missed),
            meant(row).into_iter().chain(told).collect::<Vec<_>>().join("; "),
        ]);
    }
    shown(&table)
}

/// Without anything below the headings there is nothing to show, as with kubectl.
fn shown(table: &Table) -> String {
    if table.is_empty() { String::new() } else { table.to_string() }
}

fn cell(row: &Row, read: impl Fn(&Known) -> Option<String>) -> String {
    row.known.as_ref().and_then(read).unwrap_or_default()
}

fn zone(known: &Known) -> Option<String> {
    let zone = known.time_zone.clone()?;
    Some(if known.assumes_a_zone() { zone + " (assumed)" } else { zone })
}

/// When it starts next, and whether something is due that nothing holds back.
fn next(
    known: &Known,
    shown: impl Fn(Timestamp) -> String,
    pending: Option<Timestamp>,
) -> Option<String> {
    let next = known.next_start.map(shown);
    if known.pending_start.is_none() {
        return next;
    }
    let due = match pending {
        Some(at) => format!("due since {at}"),
        None => "due".to_owned(),
    };
    Some([Some(due), next].into_iter().flatten().collect::<Vec<_>>().join(", "))
}

fn missed(known: &Known) -> Option<String> {
    match known.missed.map(|missed| missed.count) {
        Some(MOST..) => Some(format!(">{}", MOST - 1)),
        Some(count) => Some(count.to_string()),
        None if known.perhaps_missed.is_some() => Some("?".to_owned()),
        None => known.watched().then(|| "0".to_owned()),
    }
}

/// What somebody wanted to be so.
fn meant(row: &Row) -> Vec<&'static str> {
    let Some(known) = &row.known else { return Vec::new() };
    let all = [
        ("being deleted", known.terminating),
        ("its namespace is being deleted", known.namespace_terminating && !known.terminating),
        ("suspended", known.suspended),
    ];
    all.into_iter().filter(|(_, is)| *is).map(|(word, _)| word).collect()
}

/// All that there is to say in few words.
fn remarks(row: &Row, now: Timestamp) -> String {
    let Some(known) = &row.known else {
        return row.attention.iter().map(|note| note.message.as_str()).collect();
    };
    let mut remarks: Vec<String> = meant(row).into_iter().map(str::to_owned).collect();
    // They are in the same order.
    for (finding, note) in known.observation.findings().zip(&row.attention) {
        remarks.push(remark(&finding, &note.message, now));
    }
    for Note { code, message } in row.notes.iter().filter(|note| !is_for_reading(note.code)) {
        remarks.push(match (*code, &known.daylight) {
            (DAYLIGHT, Some(found)) => disturbed(found),
            (NOT_KNOWN, _) => {
                let perhaps = &known.observation.perhaps;
                let what = match (&known.observation.blocked, perhaps.missed, perhaps.overdue) {
                    (Some(blocked), Some(_), _) => format!("held back by job/{}", blocked.job),
                    (None, Some(_), Some(_)) => "missed or overdue".to_owned(),
                    (None, Some(_), None) => "missed".to_owned(),
                    (_, None, _) => "overdue".to_owned(),
                };
                format!("not known whether {what}")
            }
            _ => message.clone(),
        });
    }
    remarks.join("; ")
}

fn remark(finding: &Finding<'_>, sentence: &str, now: Timestamp) -> String {
    let ago = |at: Timestamp| span(now.duration_since(at));
    let ahead = |at: Timestamp| span(at.duration_since(now));
    match finding {
        Finding::HeldBack(blocked, missed) => {
            format!("held back for {} by job/{}", ago(missed.since), blocked.job)
        }
        Finding::Missed(missed) => format!("missed for {}: {}", ago(missed.since), missed.why),
        Finding::Overdue { since, ever: true } => format!("no success for {}", ago(*since)),
        Finding::Overdue { since, ever: false } => format!("no success yet, {} old", ago(*since)),
        Finding::LastStartAhead { last, next: _ } => {
            format!("last start lies {} ahead, and nothing starts before", ahead(*last))
        }
        Finding::NeverStarted(_)
        | Finding::Stuck(_)
        | Finding::Trouble(Trouble::Never | Trouble::TooLate(_) | Trouble::Unreadable(_)) => {
            sentence.to_owned()
        }
    }
}

/// What the next change of the clocks does.
fn disturbed(Disturbance { local, change: _, kind }: &Disturbance) -> String {
    let what = match kind {
        Kind::Gap { .. } => "skipped",
        Kind::Overlap { .. } => "twice",
        Kind::Stray { .. } => "extra",
    };
    format!("{what} on {}", local.strftime("%F %R"))
}

fn span(span: SignedDuration) -> String {
    output::short(span.as_secs())
}

/// A text that may have line breaks, as a block of YAML leaves them.
fn one_line(text: &str) -> String {
    text.trim().chars().map(|one| if one.is_control() { ' ' } else { one }).collect()
}
