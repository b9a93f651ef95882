//! The grammar of schedules: `ParseStandard` of robfig/cron (upstream-semantics.md, 3.1 and 3.2).
//!
//! It takes what no manual mentions (`*-5` is `*`, `1,,2` is `1,2`, a field of commas never
//! matches) and refuses what other crons take (day 7, `@Daily`, `FRI-MON`). Both are kept.

use super::error::ScheduleError;
use super::field::Field;
use super::plan::{Fields, Plan, Set};
use crate::batch::zone::{self, Zone};

mod duration;

/// The schedule in a text, with the zone that it names.
pub(super) fn schedule(text: &str) -> Result<(Option<Zone>, Plan), ScheduleError> {
    if text.is_empty() {
        return Err(ScheduleError::Empty);
    }
    let (zone, rest) = match text.strip_prefix("TZ=").or_else(|| text.strip_prefix("CRON_TZ=")) {
        None => (None, text),
        Some(rest) => {
            let Some((name, rest)) = rest.split_once(' ') else {
                return Err(ScheduleError::ZoneOnly { text: text.to_owned() });
            };
            let zone = match name {
                "" => Some(Zone::UTC),
                // The zone of the process: the one that a caller of `next` passes.
                "Local" => None,
                name => Some(zone::load(name)?),
            };
            (zone, rest.trim())
        }
    };
    let plan = if rest.starts_with('@') { descriptor(rest)? } else { Plan::Fields(fields(rest)?) };
    Ok((zone, plan))
}

/// The five fields as they are written; `None` of a macro.
pub(super) fn members(text: &str) -> Option<[(Field, &str); 5]> {
    let zone = text.strip_prefix("TZ=").or_else(|| text.strip_prefix("CRON_TZ="));
    let rest = zone.map_or(Some(text), |rest| Some(rest.split_once(' ')?.1))?;
    let parts: Vec<&str> = rest.split_whitespace().collect();
    let [minutes, hours, days, months, weekdays] = parts[..] else { return None };
    Some([
        (Field::Minute, minutes),
        (Field::Hour, hours),
        (Field::DayOfMonth, days),
        (Field::Month, months),
        (Field::DayOfWeek, weekdays),
    ])
}

/// What a text that starts with `@` stands for.
fn descriptor(text: &str) -> Result<Plan, ScheduleError> {
    let equal = match text {
        "@yearly" | "@annually" => "0 0 1 1 *",
        "@monthly" => "0 0 1 * *",
        "@weekly" => "0 0 * * 0",
        "@daily" | "@midnight" => "0 0 * * *",
        "@hourly" => "0 * * * *",
        _ => {
            let Some(every) = text.strip_prefix("@every ") else {
                return Err(ScheduleError::Macro { text: text.to_owned() });
            };
            let Some(nanoseconds) = duration::parse(every) else {
                return Err(ScheduleError::Duration { text: every.to_owned() });
            };
            return Ok(Plan::Every((nanoseconds / NANOSECONDS).max(1)));
        }
    };
    fields(equal).map(Plan::Fields)
}

/// The numbers of a field, and whether it carries the star mark.
fn numbers(field: Field, text: &str) -> Result<(Set, bool), ScheduleError> {
    let mut set = Set::EMPTY;
    let mut star = false;
    for member in text.split(',').filter(|member| !member.is_empty()) {
        let (numbers, mark) = field.member(member).map_err(|flaw| ScheduleError::Member {
            field,
            member: member.to_owned(),
            flaw,
        })?;
        set = Set(set.0 | numbers.0);
        star |= mark;
    }
    Ok((set, star))
}

/// The five fields of a text.
fn fields(text: &str) -> Result<Fields, ScheduleError> {
    let parts: Vec<&str> = text.split_whitespace().collect();
    let [minutes, hours, days, months, weekdays] = parts[..] else {
        return Err(ScheduleError::FieldCount { found: parts.len() });
    };
    let (minutes, _) = numbers(Field::Minute, minutes)?;
    let (hours, _) = numbers(Field::Hour, hours)?;
    let (days, open_days) = numbers(Field::DayOfMonth, days)?;
    let (months, _) = numbers(Field::Month, months)?;
    let (weekdays, open_weekdays) = numbers(Field::DayOfWeek, weekdays)?;
    Ok(Fields { minutes, hours, days, months, weekdays, both_days: open_days || open_weekdays })
}

/// Nanoseconds of a second.
const NANOSECONDS: i64 = 1_000_000_000;
