//! Schedules and time zones as people write them: what is wrong with one, and what was meant.
//!
//! [`schedule`] and [`zone`] read exactly what upstream reads. Here is only what a person is told
//! beyond that: the time zones whose names are near, and the schedule without the fields that other
//! crons have.

use jiff::tz::TimeZoneDatabase;

use crate::batch::schedule::{Schedule, ScheduleError};
use crate::batch::zone::{self, Zone, ZoneError};

/// Reads a schedule.
///
/// # Errors
/// A sentence that says which field is wrong, how, and how to mend it.
pub fn schedule(text: &str) -> Result<Schedule, String> {
    Schedule::parse(text).map_err(|error| {
        let hint = match &error {
            ScheduleError::FieldCount { .. } => fewer_fields(text),
            ScheduleError::Macro { text } => lower_case(text),
            ScheduleError::Zone(error) => near(error),
            _ => None,
        };
        format!("{text:?} is no schedule: {error}{}", hint.unwrap_or_default())
    })
}

/// Reads the name of a time zone.
///
/// # Errors
/// A sentence that names those that are near, if there are any.
pub fn zone(name: &str) -> Result<Zone, String> {
    zone::check(name).map_err(|error| format!("{error}{}", near(&error).unwrap_or_default()))
}

/// The same schedule without the seconds in front and the year at the end that other crons have.
fn fewer_fields(text: &str) -> Option<String> {
    let fields: Vec<&str> = text.split_whitespace().collect();
    let (what, rest) = match fields[..] {
        [_, ref rest @ .., _] if rest.len() == 5 => ("seconds and the year", rest),
        [_, ref rest @ ..] if rest.len() == 5 => ("seconds", rest),
        _ => return None,
    };
    let rest = rest.join(" ");
    Schedule::parse(&rest).is_ok().then(|| format!("; without the {what} it is {rest:?}"))
}

fn lower_case(text: &str) -> Option<String> {
    let meant = text.to_ascii_lowercase();
    Schedule::parse(&meant).is_ok().then(|| format!("; write {meant:?}"))
}

/// The time zones that may be meant.
fn near(error: &ZoneError) -> Option<String> {
    let (ZoneError::Malformed { name } | ZoneError::Unknown { name }) = error else { return None };
    let wanted = name.trim().replace(' ', "_").to_ascii_lowercase();
    let mut found: Vec<(f64, String)> = TimeZoneDatabase::bundled()
        .available()
        .map(|name| (likeness(&wanted, &name.as_str().to_ascii_lowercase()), name.to_string()))
        .filter(|(likeness, name)| *likeness >= ALIKE && zone::check(name).is_ok())
        .collect();
    found.sort_by(|(a, a_name), (b, b_name)| b.total_cmp(a).then_with(|| a_name.cmp(b_name)));
    found.truncate(SHOWN);
    let names: Vec<String> = found.into_iter().map(|(_, name)| format!("`{name}`")).collect();
    (!names.is_empty()).then(|| format!("; did you mean {}?", names.join(" or ")))
}

/// How near two names are, from 0 to 1. People know the city, and guess the continent.
fn likeness(wanted: &str, name: &str) -> f64 {
    let city = |name: &str| name.rsplit('/').next().unwrap_or_default().to_owned();
    let (wanted_city, city) = (city(wanted), city(name));
    if wanted_city == city {
        return 1.0;
    }
    let slip = |a: &str, b: &str| -> f64 {
        let edits = strsim::osa_distance(a, b);
        if a.len() > 4 && edits <= 1 + a.len() / 8 { 0.95 } else { 0.0 }
    };
    slip(wanted, name)
        .max(slip(&wanted_city, &city))
        .max(strsim::normalized_levenshtein(wanted, name))
}

/// From here on a name may be a slip of the keyboard.
const ALIKE: f64 = 0.85;

/// More names than these help nobody.
const SHOWN: usize = 3;

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::{schedule, zone};

    #[rstest]
    #[case::slip("Europe/Berln", Some("; did you mean `Europe/Berlin`?"))]
    #[case::city("Berlin", Some("; did you mean `Europe/Berlin`?"))]
    #[case::blank("New York", Some("; did you mean `America/New_York`?"))]
    #[case::blank_behind("Asia/Tokyo ", Some("; did you mean `Asia/Tokyo`?"))]
    #[case::wrong_continent("Europe/Cairo", Some("; did you mean `Africa/Cairo`?"))]
    #[case::letter_case("europe/berlin", Some("letter case counts, write `Europe/Berlin`"))]
    #[case::nothing_near("Atlantis/Capital", None)]
    #[case::local("Local", None)]
    #[case::empty("", None)]
    fn names_zones_that_are_near(#[case] name: &str, #[case] expected: Option<&str>) {
        let told = zone(name).unwrap_err();
        match expected {
            Some(expected) => assert!(told.ends_with(expected), "{told}"),
            None => assert!(!told.contains("did you mean"), "{told}"),
        }
    }

    #[rstest]
    #[case::seconds("0 30 2 * * *", "; without the seconds it is \"30 2 * * *\"")]
    #[case::quartz(
        "0 0 12 ? * MON-FRI 2027",
        "; without the seconds and the year it is \"0 12 ? * MON-FRI\""
    )]
    #[case::letter_case("@Daily", "; write \"@daily\"")]
    #[case::zone("TZ=Europe/Berln 0 2 * * *", "; did you mean `Europe/Berlin`?")]
    #[case::six_that_are_none("0 0 L * * ?", "stands alone without blanks")]
    #[case::reboot("@reboot", "in lower case and without blanks around")]
    fn says_what_was_meant(#[case] text: &str, #[case] expected: &str) {
        let told = schedule(text).unwrap_err();
        assert!(told.ends_with(expected), "{told}");
    }
}
