//! Shapes of output that several commands share: kubectl's tables, and JSON or YAML of a value.

use std::fmt::{Display, Write as _};

use clap::ValueEnum;
use jiff::SignedDuration;
use serde::{Serialize, Serializer};

use crate::cli::shared::yaml;
use crate::policy::value::Seconds;
use crate::telemetry::spelled_out;

/// How most commands print their answer. Not for any format: what clap derives keeps one default
/// value for all of them.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct Output {
    /// Output format
    #[arg(short = 'o', long = "output", value_enum, default_value_t)]
    pub format: Format,
}

/// What most commands can print.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub enum Format {
    #[default]
    Table,
    Json,
    Yaml,
}

// === impl Format ===

impl Format {
    /// An answer in this format; `table` is for people.
    ///
    /// # Errors
    /// As [`json`].
    pub fn text<T: Serialize>(
        self,
        answer: &T,
        table: impl FnOnce(&T) -> String,
    ) -> anyhow::Result<String> {
        Ok(match self {
            Self::Json => json(answer)?,
            Self::Table => table(answer),
            Self::Yaml => yaml(answer)?,
        })
    }
}

/// A table as kubectl prints it: no lines, upper-case headings, three blanks between columns.
#[derive(Debug)]
pub struct Table {
    rows: Vec<Vec<String>>,
}

/// See [`Table::of`].
pub type Column<'c, T> = (&'c str, bool, &'c dyn Fn(&T) -> String);

// === impl Table ===

impl Table {
    /// A table with these headings.
    pub fn new<const N: usize>(headings: [&str; N]) -> Self {
        Self { rows: vec![headings.map(str::to_owned).to_vec()] }
    }

    /// A table of these things, by columns: the heading of each, whether it is shown only in a wide
    /// table, and what it says of a thing.
    pub fn of<'t, T: 't>(
        things: impl IntoIterator<Item = &'t T>,
        wide: bool,
        columns: &[Column<'_, T>],
    ) -> Self {
        let shown: Vec<_> = columns.iter().filter(|(_, only_wide, _)| wide || !only_wide).collect();
        let headings = shown.iter().map(|(heading, ..)| (*heading).to_owned()).collect();
        let mut table = Self { rows: vec![headings] };
        for thing in things {
            table.rows.push(shown.iter().map(|(.., cell)| or_dash(cell(thing))).collect());
        }
        table
    }

    /// A table with these headings and rows.
    pub fn with_rows<const N: usize>(
        headings: [&str; N],
        rows: impl IntoIterator<Item = [String; N]>,
    ) -> Self {
        let mut table = Self::new(headings);
        rows.into_iter().for_each(|cells| table.row(cells));
        table
    }

    /// Adds a row; an empty cell is shown as `-`.
    pub fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.map(or_dash).to_vec());
    }

    /// Whether there is nothing below the headings.
    pub fn is_empty(&self) -> bool {
        self.rows.len() == 1
    }

    /// Writes the table below a text, with a blank line between; nothing where it has no rows.
    pub fn below(&self, text: &mut String) {
        if !self.is_empty() {
            let _ = write!(text, "\n{self}");
        }
    }
}

impl Display for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut table = comfy_table::Table::new();
        table.load_style(comfy_table::presets::NOTHING);
        table.add_rows(&self.rows);
        for column in table.column_iter_mut() {
            column.set_padding((0, 3));
        }
        for line in table.lines() {
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

fn or_dash(cell: String) -> String {
    if cell.is_empty() { "-".to_owned() } else { cell }
}

/// How long ago, for a table: two units are enough.
pub fn short(seconds: i64) -> String {
    // More than 68 years: a certificate may be good for two thousand.
    let Some(whole) = Seconds::new(seconds.abs()) else { return format!("{}d", seconds / 86_400) };
    let step = match whole.get() {
        0..3_600 => 1,
        3_600..86_400 => 60,
        _ => 3_600,
    };
    let rounded = Seconds::new(whole.get() / step * step).unwrap_or(whole);
    if seconds < 0 { format!("-{rounded}") } else { rounded.to_string() }
}

/// Seconds as a policy file writes them; what the API refuses is shown as it is.
pub fn span(seconds: i64) -> String {
    Seconds::new(seconds).map_or_else(|| format!("{seconds}s"), |seconds| seconds.to_string())
}

/// A number of things: `1 rule`, `3 rules`.
pub fn counted(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// How many of each: `3 Pod, 1 Service`.
pub fn counts<K: Display, C: Display>(each: impl IntoIterator<Item = (K, C)>) -> String {
    let each = each.into_iter().map(|(what, count)| format!("{count} {what}"));
    each.collect::<Vec<_>>().join(", ")
}

/// A span of time in JSON.
///
/// # Errors
/// Those of the serializer.
pub fn seconds<S: Serializer>(span: &Option<SignedDuration>, to: S) -> Result<S::Ok, S::Error> {
    span.map(|span| span.as_secs()).serialize(to)
}

/// A value as indented JSON, with a line end.
///
/// # Errors
/// Where the value cannot be JSON, which is ours to mend.
pub fn json(value: &impl Serialize) -> Result<String, serde_json::Error> {
    Ok(escaped(&serde_json::to_string_pretty(value)?) + "\n")
}

/// JSON without characters that a terminal takes for an order: whoever prints drops them, and they
/// are not ours to drop.
pub fn escaped(json: &str) -> String {
    spelled_out(json, |c| ('\u{7f}'..='\u{9f}').contains(&c))
}

/// A value as YAML, in the order of its fields.
///
/// # Errors
/// As [`json`].
pub fn yaml(value: &impl Serialize) -> Result<String, serde_yaml::Error> {
    Ok(yaml::emit(&serde_yaml::to_value(value)?))
}

#[cfg(test)]
mod tests {
    use super::{Table, short};

    #[test]
    fn an_age_has_two_units() {
        let ages = [0, 61, 3_661, 90_061, -90_061, 65_294_136_019].map(short);
        assert_eq!(ages, ["0s", "1m1s", "1h1m", "1d1h", "-1d1h", "755719d"]);
    }

    #[test]
    fn a_table_looks_like_one_of_kubectl() {
        let mut table = Table::new(["NAME", "TTL", "BY"]);
        assert!(table.is_empty());
        table.row(["job/backup".to_owned(), "300".to_owned(), "dev".to_owned()]);
        table.row(["cronjob/etl".to_owned(), String::new(), "defaults".to_owned()]);
        insta::assert_snapshot!(table, @r"
        NAME          TTL   BY
        job/backup    300   dev
        cronjob/etl   -     defaults
        ");
    }
}
