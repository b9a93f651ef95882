//! The rows as tables: short with spans of time, as kubectl has them, or wide with times in full.

use jiff::{SignedDuration, Timestamp};

use super::row::{DAYLIGHT, Known, Row, is_for_reading};
use crate::batch::schedule::daylight::{Disturbance, Kind};
use crate::cli::shared::{Column, Note, Table, output};
use crate::scheduler::observe::{Finding, MOST, NOT_KNOWN, Trouble};

/// What fits a terminal, or everything. Without any row there is nothing to show, as with kubectl.
pub(super) fn render(rows: &[Row], now: Timestamp, wide: bool) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let full = |at: Timestamp, short: String| if wide { format!("{at} ({short})") } else { short };
    let ago = |at: Timestamp| span(now.duration_since(at));
    let ahead = |at: Timestamp| full(at, span(at.duration_since(now)));
    let past = |at: Timestamp| {
        full(at, if at > now { format!("in {}", span(at.duration_since(now))) } else { ago(at) })
    };
    // Of a success that lies ahead the short table makes nothing.
    let success = |at| if wide { past(at) } else { ago(at) };
    let columns: [Column<'_, Row>; 13] = [
        ("NAMESPACE", false, &|row| row.namespace.clone()),
        ("NAME", false, &|row| row.name.clone()),
        ("SCHEDULE", false, &|row| cell(row, |known| Some(one_line(&known.schedule)))),
        ("ZONE", false, &|row| cell(row, zone)),
        ("INTERVAL", true, &|row| cell(row, |known| known.interval.map(span))),
        ("CONCURRENCY", true, &|row| cell(row, |known| Some(known.concurrency_policy.to_owned()))),
        ("ACTIVE", true, &|row| cell(row, |known| Some(known.active.to_string()))),
        ("NEXT", false, &|row| cell(row, |known| Some(next(known, ahead, wide)))),
        ("LAST", false, &|row| cell(row, |known| known.last_start.map(past))),
        ("LAST SUCCESS", false, &|row| cell(row, |known| known.last_success.map(success))),
        ("LAG", false, &|row| cell(row, |known| known.lag.map(span))),
        ("MISSED", false, &|row| cell(row, missed)),
        ("NOTES", false, &|row| if wide { sentences(row) } else { remarks(row, now) }),
    ];
    Table::of(rows, wide, &columns).to_string()
}

/// All that there is to say.
fn sentences(row: &Row) -> String {
    let told = row.attention.iter().chain(&row.notes).map(|note| note.message.as_str());
    meant(row).into_iter().chain(told).collect::<Vec<_>>().join("; ")
}

fn cell(row: &Row, read: impl Fn(&Known) -> Option<String>) -> String {
    row.known.as_ref().and_then(read).unwrap_or_default()
}

fn zone(known: &Known) -> Option<String> {
    let zone = known.time_zone.clone()?;
    Some(if known.assumes_a_zone() { zone + " (assumed)" } else { zone })
}

/// When it starts next, and whether something is due that nothing holds back.
fn next(known: &Known, shown: impl Fn(Timestamp) -> String, wide: bool) -> String {
    let due = |at| if wide { format!("due since {at}") } else { "due".to_owned() };
    let told = known.pending_start.map(due).into_iter().chain(known.next_start.map(shown));
    told.collect::<Vec<_>>().join(", ")
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
        Finding::Missed(missed) => {
            format!("missed for {}: {}", ago(missed.since), missed.why.text())
        }
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
