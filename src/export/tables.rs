//! Tables in which the first matching rule wins: one for each setting, as [`crate::policy::resolve`]
//! looks them up.

use crate::policy::{Policy, Rule};

use super::rules;
use super::sheet::Sheet;

/// What rules say of one setting, each with its condition, and what holds where none matches.
#[derive(Debug)]
pub(super) struct Table {
    arms: Vec<(String, String)>,
    otherwise: String,
}

// === impl Table ===

impl Table {
    /// The table of a setting: what `say` makes of each rule that mentions it.
    pub(super) fn new<'p>(
        policy: &'p Policy,
        say: impl Fn(&'p Rule) -> Option<String>,
        otherwise: impl Into<String>,
    ) -> Self {
        let arms = policy.rules.iter().filter_map(|rule| {
            let said = say(rule)?;
            Some((rules::matched(rule), said))
        });
        Self { arms: arms.collect(), otherwise: otherwise.into() }
    }

    /// Everything that the table can answer.
    pub(super) fn answers(&self) -> impl Iterator<Item = &str> {
        self.arms.iter().map(|(_, answer)| answer.as_str()).chain([self.otherwise.as_str()])
    }

    /// Writes the table as a variable. CEL's parser goes only so deep, so a long table becomes
    /// several, each of which ends with the next.
    pub(super) fn define(&self, name: &str, sheet: &mut Sheet) {
        let mut otherwise = self.otherwise.clone();
        let mut number = self.arms.len().div_ceil(LONGEST);
        for arms in self.arms.chunks(LONGEST).rev() {
            let lines =
                arms.iter().map(|(condition, answer)| format!("{condition} ? {answer} :\n"));
            let expression = lines.collect::<String>() + &otherwise;
            let part = if number == 1 { name.to_owned() } else { format!("{name}__{number}") };
            otherwise = sheet.define(part, expression);
            number -= 1;
        }
        if self.arms.is_empty() {
            sheet.define(name, otherwise);
        }
    }
}

/// The parser gives up at 250.
const LONGEST: usize = 100;
