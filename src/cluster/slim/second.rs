//! A time as the API has it: whole seconds.

use std::num::NonZero;

use jiff::Timestamp;

use crate::batch::Time;

/// Seconds since 1970, in one word even where there may be none: each stored Job has four of them.
/// The first second of 1970 is taken for the next one.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Second(NonZero<i64>);

// === impl Second ===

impl Second {
    /// Reads a time as the API writes it, which has no fraction.
    pub(super) fn parse(text: &str) -> Option<Self> {
        text.parse().ok().map(|time: Timestamp| time.into())
    }

    /// A time of an object; `None` where it is missing or no time.
    pub(super) fn of(time: Option<&Time<'_>>) -> Option<Self> {
        time.and_then(Time::at).map(Self::from)
    }

    /// The time.
    pub fn time(self) -> Timestamp {
        Timestamp::from_second(self.0.get()).unwrap_or(Timestamp::MAX)
    }
}

impl From<Timestamp> for Second {
    fn from(time: Timestamp) -> Self {
        Self(NonZero::new(time.as_second()).unwrap_or(FIRST))
    }
}

const FIRST: NonZero<i64> = NonZero::new(1).expect("one is not zero");

#[cfg(test)]
mod tests {
    use super::Second;

    #[test]
    fn is_read_as_it_is_written() {
        for text in ["2026-11-25T10:00:00Z", "1969-12-31T23:59:59Z", "1970-01-01T00:00:01Z"] {
            assert_eq!(Second::parse(text).unwrap().time().to_string(), text);
        }
        assert_eq!(Second::parse("soon"), None);
        assert_eq!(Second::parse("1970-01-01T00:00:00Z"), Second::parse("1970-01-01T00:00:01Z"));
        assert_eq!(size_of::<Option<Second>>(), 8);
    }
}
