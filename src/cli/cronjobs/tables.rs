//! The rows as tables: short with spans of time, as kubectl has them, or wide with times in full.

use jiff::{SignedDuration, Timestamp};

use super::row::{DAYLIGHT, Known, Note, Row};
use crate::batch::schedule::daylight::{Disturbance, Kind};
use crate::cli::output::{self, Table};
use crate::scheduler::observe::{Finding, MOST, Trouble};

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
        table.row([
            row.namespace.clone(),
            row.name.clone(),
            cell(row, |known| Some(one_line(&known.schedule))),
            cell(row, zone),
            cell(row, |known| Some(span(known.next_start?.duration_since(now)))),
            cell(row, |known| known.last_start.map(ago)),
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
        let past = |at: Timestamp| format!("{at} ({})", span(now.duration_since(at)));
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
            cell(row, |known| known.next_start.map(future)),
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

fn missed(known: &Known) -> Option<String> {
    match known.missed.map(|missed| missed.count) {
        Some(MOST..) => Some(format!(">{}", MOST - 1)),
        Some(count) => Some(count.to_string()),
        None => known.watched().then(|| "0".to_owned()),
    }
}

/// What somebody wanted to be so.
fn meant(row: &Row) -> Vec<&'static str> {
    let Some(known) = &row.known else { return Vec::new() };
    let all = [("being deleted", known.terminating), ("suspended", known.suspended)];
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
    for Note { code, message } in &row.notes {
        remarks.push(match &known.daylight {
            Some(found) if *code == DAYLIGHT => disturbed(found),
            _ => message.clone(),
        });
    }
    remarks.join("; ")
}

fn remark(finding: &Finding<'_>, sentence: &str, now: Timestamp) -> String {
    let ago = |at: Timestamp| span(now.duration_since(at));
    match finding {
        Finding::HeldBack(blocked, missed) => {
            format!("held back for {} by job/{}", ago(missed.since), blocked.job)
        }
        Finding::Missed(missed) => format!("missed for {}: {}", ago(missed.since), missed.why),
        Finding::Overdue { since, ever: true } => format!("no success for {}", ago(*since)),
        Finding::Overdue { since, ever: false } => format!("no success yet, {} old", ago(*since)),
        Finding::NeverStarted(_)
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
