//! What a benchmark prints: the machine, a table in Markdown that is aligned for the eye too, and
//! the goals.

use std::{
    fmt::Display,
    io::{self, Write},
    thread::available_parallelism,
};

use comfy_table::{CellAlignment, Table, presets::ASCII_MARKDOWN};

use super::Effort;

/// Says what is measured, and on what.
pub fn head(title: &str, effort: Effort) {
    let cores = available_parallelism().map_or(0, usize::from);
    let model = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = model.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let model = model.map_or("unknown processor", |(_, name)| name.trim());
    let version = env!("CARGO_PKG_VERSION");
    // Work beside ours: ratios of pairs bear it, percentiles do not.
    let busy = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let busy = busy.split(' ').next().filter(|load| !load.is_empty()).unwrap_or("unknown");
    say(format!("\n{title}"));
    say(format!("curfew {version}, {cores} cores, {model}; load average before: {busy}"));
    if effort == Effort::Quick {
        say("a smoke run: these figures mean nothing");
    }
}

/// Prints rows under a head; the first column to the left, figures to the right.
pub fn table<const N: usize>(head: [&str; N], rows: &[[String; N]]) {
    let mut table = Table::new();
    table.load_style(ASCII_MARKDOWN).set_header(head).add_rows(rows);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    say(format!("\n{table}"));
}

/// Prints a goal, what was measured, and whether that is enough.
pub fn goal(wanted: &str, got: &str, met: bool) {
    say(format!("{} {wanted}: {got}", if met { "met   " } else { "MISSED" }));
}

/// To stdout, which is what a benchmark has its figures on.
pub fn say(text: impl Display) {
    // Whoever closed the pipe wants no more of it.
    let _ = writeln!(io::stdout(), "{text}");
}
