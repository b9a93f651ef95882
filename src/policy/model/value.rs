//! Values that refuse bad input when they are made.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::batch::zone::{self, ZoneError};

/// A whole number of seconds that the API can hold: 0 to 2147483647.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Seconds(i32);

/// The IANA name of a time zone that exists.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct ZoneName(Arc<str>);

/// Why a text is no duration.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum DurationError {
    #[error("a number in quotes has no unit")]
    Bare,
    #[error("minutes and seconds are not written with a colon")]
    Clock,
    #[error("decimals are not read")]
    Decimals,
    #[error("it is empty")]
    Empty,
    #[error("it is negative")]
    Negative,
    #[error("a number is missing before {0:?}")]
    NoNumber(String),
    #[error("it has spaces")]
    Spaces(String),
    #[error("units must fall, each once: w, d, h, m, s")]
    Order,
    #[error("a number with zeros in front is a text to YAML")]
    Zeros,
    #[error("it is beyond the API's 2147483647 seconds, about 68 years")]
    TooLong,
    #[error("{0:?} is no unit")]
    Unit(String),
}

// === impl Seconds ===

impl Seconds {
    pub const ZERO: Self = Self(0);

    /// A number of seconds that stands in the code.
    pub(in crate::policy) const fn of(seconds: u16) -> Self {
        Self(seconds as i32)
    }

    /// A number of seconds, if the API can hold it.
    pub fn new(seconds: i64) -> Option<Self> {
        i32::try_from(seconds).ok().filter(|seconds| *seconds >= 0).map(Self)
    }

    /// A number of seconds as a file gives it.
    ///
    /// # Errors
    /// Where the API cannot hold it.
    pub fn from_number(seconds: i128) -> Result<Self, DurationError> {
        if seconds < 0 {
            return Err(DurationError::Negative);
        }
        i64::try_from(seconds).ok().and_then(Self::new).ok_or(DurationError::TooLong)
    }

    /// The number, wide enough for sums.
    pub const fn get(self) -> i64 {
        self.0 as i64
    }
}

impl FromStr for Seconds {
    type Err = DurationError;

    /// Reads `([0-9]+(s|m|h|d|w))+` with units falling, such as `1h30m`.
    fn from_str(text: &str) -> Result<Self, DurationError> {
        let joined: String = text.split_whitespace().collect();
        if joined != text && joined.parse::<Self>().is_ok() {
            return Err(DurationError::Spaces(joined));
        }
        match text.trim_start_matches(|c: char| c.is_ascii_digit()) {
            _ if text.is_empty() => return Err(DurationError::Empty),
            "" if text.starts_with('0') => return Err(DurationError::Zeros),
            "" => return Err(DurationError::Bare),
            rest if rest.starts_with(':') && rest.len() < text.len() => {
                return Err(DurationError::Clock);
            }
            rest if rest.starts_with(['.', ',']) => return Err(DurationError::Decimals),
            _ if text.starts_with('-') => return Err(DurationError::Negative),
            _ => {}
        }
        let mut total: i64 = 0;
        let mut smallest = i64::MAX;
        let mut rest = text;
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
            let (number, after) = rest.split_at(digits);
            let after = after.trim_start();
            let word = after.find(|c: char| !c.is_alphabetic()).unwrap_or(after.len());
            // What is neither a digit nor a letter is shown as a unit that nobody knows.
            let word = if word == 0 { after.len() } else { word };
            let (unit, after) = after.split_at(word);
            if number.is_empty() {
                return Err(DurationError::NoNumber(unit.to_owned()));
            }
            if after.starts_with(['.', ',']) || unit.starts_with(['.', ',']) {
                return Err(DurationError::Decimals);
            }
            let seconds = match unit {
                "w" => 7 * 86_400,
                "d" => 86_400,
                "h" => 3_600,
                "m" => 60,
                "s" => 1,
                "" => return Err(DurationError::Bare),
                unknown => return Err(DurationError::Unit(unknown.to_owned())),
            };
            if seconds >= smallest {
                return Err(DurationError::Order);
            }
            smallest = seconds;
            let number: i64 = number.parse().map_err(|_| DurationError::TooLong)?;
            total = number
                .checked_mul(seconds)
                .and_then(|part| total.checked_add(part))
                .ok_or(DurationError::TooLong)?;
            rest = after;
        }
        Self::new(total).ok_or(DurationError::TooLong)
    }
}

impl fmt::Display for Seconds {
    /// As a policy file writes it: `7d`, `1h30m`, `0s`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return f.write_str("0s");
        }
        let mut rest = self.0;
        for (unit, seconds) in UNITS {
            let count = rest / seconds;
            rest %= seconds;
            if count > 0 {
                write!(f, "{count}{unit}")?;
            }
        }
        Ok(())
    }
}

// === impl DurationError ===

impl DurationError {
    /// How to mend it.
    pub fn mend(&self) -> String {
        match self {
            Self::Bare => "remove the quotes for seconds, or add a unit: s, m, h, d or w",
            Self::Clock => "write 1m30s, or 1h30m",
            Self::Decimals => "write the part after the point in a smaller unit: 1h30m for 1.5h",
            Self::Empty => "write seconds as a number, or 90s, 15m, 1h30m, 7d, 2w",
            Self::Negative => "write 0s for at once, or unset for no TTL where a TTL is meant",
            Self::Spaces(joined) => return format!("write {joined}"),
            Self::Zeros => "write the number without them, for seconds",
            Self::NoNumber(_) => "write a number before each unit: 90s, 15m, 1h30m, 7d, 2w",
            Self::Order => "write the larger unit first: 1h30m",
            Self::TooLong => "write at most 24855d; unset leaves an object without a TTL",
            Self::Unit(unit) => {
                return match unit.to_lowercase().as_str() {
                    "ms" | "us" | "ns" => "the API counts whole seconds; write 1s".to_owned(),
                    "mo" | "month" | "months" | "y" | "year" | "years" => {
                        "months and years have no fixed length; write days: 30d, 365d".to_owned()
                    }
                    known if known.starts_with(['w', 'd', 'h', 'm', 's']) => {
                        format!("write {:?}; units are s, m, h, d and w", &known[..1])
                    }
                    _ => "units are s, m, h, d and w: 90s, 15m, 1h30m, 7d, 2w".to_owned(),
                };
            }
        }
        .to_owned()
    }
}

// === impl ZoneName ===

impl ZoneName {
    /// A time zone that every API server takes: not one below `posix/` or `right/`, which the images
    /// of some do not have, and would then refuse each `CronJob` to which it is given.
    ///
    /// # Errors
    /// As [`zone::check`].
    pub fn new(name: &str) -> Result<Self, ZoneError> {
        match zone::twin(name) {
            Some(_) => Err(ZoneError::Unknown { name: name.to_owned() }),
            None => zone::check(name).map(|_| Self(name.into())),
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The units of a printed duration; weeks are read, but a reader thinks of `14d`.
const UNITS: [(char, i32); 4] = [('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::{DurationError, Seconds, ZoneName};

    #[rstest]
    #[case::seconds("90s", 90)]
    #[case::nothing("0s", 0)]
    #[case::two_units("1h30m", 5_400)]
    #[case::all_units("1w1d1h1m1s", 694_861)]
    #[case::more_of_a_unit_than_the_next("36h", 129_600)]
    #[case::the_most("2147483647s", 2_147_483_647)]
    fn reads(#[case] text: &str, #[case] seconds: i64) {
        assert_eq!(text.parse::<Seconds>().map(Seconds::get), Ok(seconds));
    }

    #[rstest]
    #[case::bare("300", DurationError::Bare)]
    #[case::number_without_unit_at_the_end("1h30", DurationError::Bare)]
    #[case::zeros("007", DurationError::Zeros)]
    #[case::clock("1:30", DurationError::Clock)]
    #[case::decimals("1.5h", DurationError::Decimals)]
    #[case::decimals_later("1h0.5m", DurationError::Decimals)]
    #[case::nothing("", DurationError::Empty)]
    #[case::negative("-1h", DurationError::Negative)]
    #[case::only_a_unit("h", DurationError::NoNumber("h".to_owned()))]
    #[case::rising_units("30m1h", DurationError::Order)]
    #[case::the_same_unit_twice("1h1h", DurationError::Order)]
    #[case::spaces("1h 30m", DurationError::Spaces("1h30m".to_owned()))]
    #[case::one_too_many("2147483648s", DurationError::TooLong)]
    #[case::more_than_64_bits("99999999999999999999w", DurationError::TooLong)]
    #[case::overflow("9223372036854775807w", DurationError::TooLong)]
    #[case::upper_case("1H", DurationError::Unit("H".to_owned()))]
    #[case::words("5 minutes", DurationError::Unit("minutes".to_owned()))]
    #[case::months("1mo", DurationError::Unit("mo".to_owned()))]
    #[case::underscores("1_000s", DurationError::Unit("_000s".to_owned()))]
    fn refuses(#[case] text: &str, #[case] error: DurationError) {
        assert_eq!(text.parse::<Seconds>(), Err(error));
    }

    proptest! {
        #[test]
        fn what_is_printed_is_read_again(seconds in 0..=i64::from(i32::MAX)) {
            let seconds = Seconds::new(seconds).unwrap();
            prop_assert_eq!(seconds.to_string().parse::<Seconds>(), Ok(seconds));
        }

        #[test]
        fn nothing_panics(text in "\\PC{0,12}") {
            if let Err(error) = text.parse::<Seconds>() {
                prop_assert!(!error.to_string().is_empty() && !error.mend().is_empty());
            }
        }
    }

    #[rstest]
    #[case::zone("Europe/Berlin", true)]
    #[case::utc("UTC", true)]
    #[case::an_old_name("US/Eastern", true)]
    #[case::wrong_case("europe/berlin", false)]
    #[case::local("Local", false)]
    #[case::offset("+02:00", false)]
    #[case::nothing("", false)]
    #[case::not_on_every_api_server("posix/Europe/Berlin", false)]
    fn zones_have_exact_names(#[case] name: &str, #[case] exists: bool) {
        assert_eq!(ZoneName::new(name).is_ok(), exists);
    }
}
