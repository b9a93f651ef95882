//! Values that refuse bad input when they are made.

use std::fmt;

/// A whole number of seconds that the API can hold: 0 to 2147483647.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Seconds(i32);

/// The IANA name of a time zone that exists.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct ZoneName(String);

// === impl Seconds ===

impl Seconds {
    pub const ZERO: Self = Self(0);

    /// A number of seconds, if the API can hold it.
    pub fn new(seconds: i64) -> Option<Self> {
        i32::try_from(seconds).ok().filter(|seconds| *seconds >= 0).map(Self)
    }

    /// The number, wide enough for sums.
    pub const fn get(self) -> i64 {
        self.0 as i64
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

// === impl ZoneName ===

impl ZoneName {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The units of a printed duration; weeks are read, but a reader thinks of `14d`.
const UNITS: [(char, i32); 4] = [('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];
