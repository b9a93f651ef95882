//! Durations as Go writes them: `time.ParseDuration`, overflow and rounding included.
//!
//! jiff reads a friendlier format, which takes `1 hour` and `1d` and rounds fractions in its own
//! way; a schedule that is valid here and not there would never start. [`parse`] is the entry point.

/// The duration in nanoseconds, or `None` if the text is none.
///
/// An optional sign, then one or more decimal numbers, each with a unit behind: `1h30m`, `.5s`,
/// `-1.5h`; or `0` without one. There is no unit for days.
pub(super) fn parse(text: &str) -> Option<i64> {
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Some(0);
    }
    if rest.is_empty() {
        return None;
    }
    let mut total: u64 = 0;
    while !rest.is_empty() {
        let (digits, tail) = split(rest, |byte| !byte.is_ascii_digit());
        let (fraction, tail) = match tail.strip_prefix('.') {
            Some(tail) => split(tail, |byte| !byte.is_ascii_digit()),
            None => ("", tail),
        };
        if digits.is_empty() && fraction.is_empty() {
            return None;
        }
        let (unit, tail) = split(tail, |byte| byte == b'.' || byte.is_ascii_digit());
        rest = tail;

        let (_, unit) = *UNITS.iter().find(|(name, _)| *name == unit)?;
        let whole = if digits.is_empty() { 0 } else { digits.parse().ok()? };
        if whole > LIMIT / unit {
            return None;
        }
        let value = whole * unit + part(fraction, unit);
        if value > LIMIT {
            return None;
        }
        // Both are at most 2⁶³; twice that wraps to nothing and passes, in Go as well.
        total = total.wrapping_add(value);
        if total > LIMIT {
            return None;
        }
    }
    match (negative, i64::try_from(total)) {
        (true, Ok(total)) => Some(-total),
        (true, Err(_)) => Some(i64::MIN),
        (false, total) => total.ok(),
    }
}

/// The fraction of a unit that the digits behind the point make, computed in floating point as Go
/// does it. Digits beyond what sixty-three bits hold do not count.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "what Go computes, rounding included"
)]
fn part(digits: &str, unit: u64) -> u64 {
    let mut value: u64 = 0;
    let mut scale = 1.0;
    for digit in digits.bytes().map(|byte| u64::from(byte - b'0')) {
        if value > (LIMIT - 1) / 10 || value * 10 + digit > LIMIT {
            break;
        }
        value = value * 10 + digit;
        scale *= 10.0;
    }
    (value as f64 * (unit as f64 / scale)) as u64
}

/// Splits in front of the first byte that `ends` accepts. Bytes of letters beyond ASCII must not be.
fn split(text: &str, ends: impl Fn(u8) -> bool) -> (&str, &str) {
    text.split_at(text.bytes().position(ends).unwrap_or(text.len()))
}

/// The units, in nanoseconds. The micro sign and the Greek letter are different characters.
const UNITS: [(&str, u64); 8] = [
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("\u{b5}s", 1_000),
    ("\u{3bc}s", 1_000),
    ("ns", 1),
];

/// The amount of the most negative duration, 2⁶³.
const LIMIT: u64 = 1 << 63;
