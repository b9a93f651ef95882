//! Warnings, which travel in HTTP headers: ASCII, short, and not too many
//! (upstream-semantics.md, 5.3).

use crate::policy::{Diagnostic, code};

/// What is drastic first, then what is odd.
pub(super) fn of(drastic: Vec<String>, odd: &[Diagnostic]) -> Vec<String> {
    let (uncounted, odd): (Vec<_>, Vec<_>) = odd.iter().partition(|odd| odd.code == code::MORE);
    let over = if uncounted.is_empty() { "" } else { "over " };
    let odd = odd.into_iter().map(|finding| {
        let Diagnostic { severity: _, code, file, line, column, span: _, message, mend: _ } =
            finding;
        format!("{file}:{line}:{column}: {code} {message}")
    });
    let mut lines: Vec<String> = drastic.into_iter().chain(odd).map(|line| fit(&line)).collect();
    if lines.len() > MOST {
        let rest = lines.len() - (MOST - 1);
        lines.truncate(MOST - 1);
        let more = format!("and {over}{rest} more warnings about this policy");
        lines.push(format!("{more}: curfew check shows them"));
    }
    lines
}

/// A line that a header can carry.
pub(super) fn fit(line: &str) -> String {
    let ascii: String = line.chars().map(|c| if c.is_ascii() { c } else { '?' }).collect();
    cut(&ascii, LONGEST)
}

/// At most so many characters, none of which moves a cursor.
pub(super) fn cut(text: &str, longest: usize) -> String {
    let plain = text.chars().map(|c| if c.is_control() { '?' } else { c });
    if text.chars().nth(longest).is_none() {
        return plain.collect();
    }
    plain.take(longest - DOTS.len()).chain(DOTS.chars()).collect()
}

/// In characters.
const LONGEST: usize = 120;

/// Together below 4096 characters, beyond which the API server cuts and drops.
const MOST: usize = 30;

const DOTS: &str = "...";
