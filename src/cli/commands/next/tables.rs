//! The starts for people: a heading, a line for each start and each gap, and notes below.

use std::fmt::Write as _;

use super::coming::{Coming, Skipped, Start};
use crate::cli::shared::output::span;
use crate::cli::shared::{Note, Table};

/// One schedule.
pub(super) fn render(coming: &Coming) -> String {
    let Coming { schedule, time_zone, now, pending, starts, skipped, notes, .. } = coming;
    let mut text = String::new();
    if let Some(object) = &coming.object {
        let origin = coming.origin.as_ref().map(|origin| format!(" ({origin})"));
        let _ = writeln!(text, "{object}{}", origin.unwrap_or_default());
    }
    let from = if coming.assumes_a_zone() { ", assumed" } else { "" };
    let _ = write!(text, "{schedule:?} in {time_zone}{from}, as of {now}");
    if let Some(first) = starts.first() {
        let _ = write!(text, ": next in {}", span(first.utc.duration_since(*now).as_secs()));
    }
    text.push('\n');
    let mut table = Table::with_rows(["START", "UTC", "GAP", "NOTE"], pending.iter().map(present));
    let mut left = skipped.iter().peekable();
    for start in starts {
        while let Some(skipped) = left.next_if(|skipped| skipped.next <= start.utc) {
            table.row(absent(skipped));
        }
        table.row(present(start));
    }
    table.below(&mut text);
    if !notes.is_empty() {
        text.push('\n');
    }
    for Note { code, message } in notes {
        let _ = writeln!(text, "{code}: {message}");
    }
    text
}

fn present(start: &Start) -> [String; 4] {
    let Start { local, utc, gap, mark: _, note } = start;
    [
        local.strftime("%a %F %T%:z").to_string(),
        utc.to_string(),
        gap.map(|gap| span(gap.as_secs())).unwrap_or_default(),
        note.clone().unwrap_or_default(),
    ]
}

fn absent(skipped: &Skipped) -> [String; 4] {
    let Skipped { local, until, count, change: _, next: _, note } = skipped;
    let more = match count {
        1 => String::new(),
        count => {
            let format = if local.date() == until.date() { "%R" } else { "%F %R" };
            format!(" ({count} starts, until {})", until.strftime(format))
        }
    };
    [local.strftime("%a %F %T").to_string(), String::new(), String::new(), format!("{note}{more}")]
}
