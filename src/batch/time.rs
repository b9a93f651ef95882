//! Times of objects, read once.

use jiff::Timestamp;
use serde::{Deserialize, Deserializer};

use super::Text;

/// A time that an object has: whole seconds, as the API stores them.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Time<'a> {
    At(Timestamp),
    /// What stands there and is no time. No API server stores it; a dump may hold it.
    Unreadable(Text<'a>),
}

// === impl Time ===

impl<'a> Time<'a> {
    /// Reads what stands there. The API stores whole seconds, and cuts off what is more.
    pub fn read(text: Text<'a>) -> Self {
        let time = text.parse().ok();
        let time = time.and_then(|time: Timestamp| Timestamp::from_second(time.as_second()).ok());
        time.map_or(Self::Unreadable(text), Self::At)
    }

    /// The time; `None` where that is none.
    pub const fn at(&self) -> Option<Timestamp> {
        match self {
            Self::At(time) => Some(*time),
            Self::Unreadable(_) => None,
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Time<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Text::deserialize(deserializer).map(Self::read)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::Time;

    #[rstest]
    #[case::as_it_is_stored("2026-11-25T10:00:00Z", Some("2026-11-25T10:00:00Z"))]
    #[case::of_another_zone("2026-11-25T19:00:00+09:00", Some("2026-11-25T10:00:00Z"))]
    #[case::with_a_fraction("2026-11-25T10:00:00.999Z", Some("2026-11-25T10:00:00Z"))]
    #[case::before_1970("1969-12-31T23:59:59Z", Some("1969-12-31T23:59:59Z"))]
    #[case::a_word("soon", None)]
    #[case::nothing("", None)]
    fn is_read_in_whole_seconds(#[case] text: &str, #[case] expected: Option<&str>) {
        assert_eq!(Time::read(text.into()).at(), expected.map(|text| text.parse().unwrap()));
    }
}
