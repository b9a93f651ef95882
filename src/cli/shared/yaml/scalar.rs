//! What a scalar means in YAML 1.1, as kubectl's parser (go-yaml 2) reads it.
//!
//! The entry point is [`resolve`]. This is the table of its `resolve.go`, which differs from both
//! versions of YAML: sexagesimal numbers are strings, `0o17` is a number, and dates stay strings.
//! Quoted scalars without a tag never come here: they are strings.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// What a scalar is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Scalar {
    Bool(bool),
    Float(f64),
    Int(i64),
    Null,
    /// A string, which is not what stands there where it was base64.
    Text(Option<String>),
    /// Too large for [`Scalar::Int`].
    Unsigned(u64),
}

/// Reads a scalar under a tag, which is written out in full and empty where there is none.
///
/// # Errors
/// Where the text is nothing that the tag allows.
pub(super) fn resolve(tag: &str, text: &str) -> Result<Scalar, String> {
    let Some(kind) = (if tag.is_empty() { Some("") } else { tag.strip_prefix(TAGS) }) else {
        return Ok(Scalar::Text(None));
    };
    let found = plain(text);
    let fits = match (kind, &found) {
        ("bool", Scalar::Bool(_))
        | ("float", Scalar::Float(_))
        | ("int", Scalar::Int(_) | Scalar::Unsigned(_))
        | ("null", Scalar::Null)
        | ("", _) => true,
        ("timestamp", Scalar::Text(None)) => is_timestamp(text),
        #[expect(clippy::cast_precision_loss, reason = "as kubectl's parser does")]
        ("float", Scalar::Int(number)) => return Ok(Scalar::Float(*number as f64)),
        ("bool" | "float" | "int" | "null" | "timestamp", _) => false,
        ("binary", _) => return binary(text),
        // A string, or a tag of somebody's own, which says nothing here.
        _ => return Ok(Scalar::Text(None)),
    };
    if fits { Ok(found) } else { Err(format!("`{text}` is no value for the tag !!{kind}")) }
}

/// The key that a scalar is in JSON; `None` where it cannot be one.
pub(super) fn key(scalar: Scalar, text: &str) -> Option<String> {
    match scalar {
        Scalar::Bool(flag) => Some(flag.to_string()),
        Scalar::Float(number) => Some(float_key(number)),
        Scalar::Int(number) => Some(number.to_string()),
        Scalar::Text(decoded) => Some(decoded.unwrap_or_else(|| text.to_owned())),
        Scalar::Null | Scalar::Unsigned(_) => None,
    }
}

/// Reads an untagged plain scalar.
fn plain(text: &str) -> Scalar {
    match text {
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            return Scalar::Bool(true);
        }
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            return Scalar::Bool(false);
        }
        "" | "~" | "null" | "Null" | "NULL" => return Scalar::Null,
        ".nan" | ".NaN" | ".NAN" => return Scalar::Float(f64::NAN),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => {
            return Scalar::Float(f64::INFINITY);
        }
        "-.inf" | "-.Inf" | "-.INF" => return Scalar::Float(f64::NEG_INFINITY),
        _ => {}
    }
    let number = match text.as_bytes()[0] {
        b'.' if separates_digits(text) => float(&text.replace('_', "")),
        b'+' | b'-' | b'0'..=b'9' if !is_timestamp(text) => {
            let digits = text.replace('_', "");
            integer(&digits).or_else(|| float(&digits)).or_else(|| signed_binary(&digits))
        }
        _ => None,
    };
    number.unwrap_or(Scalar::Text(None))
}

/// A whole number: decimal, or `0x`, `0o`, `0b`, or octal behind a zero.
fn integer(digits: &str) -> Option<Scalar> {
    let (negative, whole) = match digits.as_bytes() {
        [b'-', ..] => (true, &digits[1..]),
        [b'+', ..] => (false, &digits[1..]),
        _ => (false, digits),
    };
    let (base, rest) = match whole.as_bytes() {
        [b'0', b'x' | b'X', ..] => (16, &whole[2..]),
        [b'0', b'o' | b'O', ..] => (8, &whole[2..]),
        [b'0', b'b' | b'B', ..] => (2, &whole[2..]),
        [b'0', _, ..] => (8, &whole[1..]),
        _ => (10, whole),
    };
    // The library takes a sign here, and there has been one.
    if !rest.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        return None;
    }
    let number = u64::from_str_radix(rest, base).ok()?;
    if negative {
        return 0_i64.checked_sub_unsigned(number).map(Scalar::Int);
    }
    match i64::try_from(number) {
        Ok(number) => Some(Scalar::Int(number)),
        Err(_) if digits.starts_with('+') => None,
        Err(_) => Some(Scalar::Unsigned(number)),
    }
}

/// A number with a point or an exponent, or one that is no octal: `08`.
fn float(digits: &str) -> Option<Scalar> {
    let unsigned = digits.strip_prefix(['+', '-']).unwrap_or(digits);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let exponent = exponent.is_none_or(|text| {
        let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
        !digits.is_empty() && all_digits(digits)
    });
    if !exponent
        || !all_digits(whole)
        || !all_digits(fraction)
        || mantissa.len() < 2 && whole.is_empty()
    {
        return None;
    }
    digits.parse().ok().filter(|number: &f64| number.is_finite()).map(Scalar::Float)
}

/// Whether each underscore stands between two digits.
fn separates_digits(text: &str) -> bool {
    let bytes = text.as_bytes();
    let digit = |index: usize| bytes.get(index).is_some_and(u8::is_ascii_digit);
    (0..bytes.len()).all(|at| bytes[at] != b'_' || (digit(at.wrapping_sub(1)) && digit(at + 1)))
}

/// An oddity of the parser: `0b-1` and `0b+1` are numbers.
fn signed_binary(digits: &str) -> Option<Scalar> {
    let rest = digits.strip_prefix("0b")?;
    i64::from_str_radix(rest, 2).ok().map(Scalar::Int)
}

/// Bytes, of which what is no UTF-8 is lost to JSON.
fn binary(text: &str) -> Result<Scalar, String> {
    let text: String = text.chars().filter(|c| !matches!(c, '\n' | '\r')).collect();
    let bytes = STANDARD.decode(text).map_err(|_| "the value of !!binary is no base64")?;
    Ok(Scalar::Text(Some(String::from_utf8_lossy(&bytes).into_owned())))
}

/// Whether the parser takes a text for a time: it stays a string then.
fn is_timestamp(text: &str) -> bool {
    let year = text.bytes().take_while(u8::is_ascii_digit).count();
    if year != 4 || text.as_bytes().get(4) != Some(&b'-') {
        return false;
    }
    // Each also takes one digit in place of two, and a fraction behind the seconds.
    let is_real = |format| {
        let read = jiff::fmt::strtime::parse(format, text);
        read.is_ok_and(|time| time.to_date().is_ok())
    };
    TIMES.iter().any(is_real)
}

/// A number as a key: what single precision keeps of it, in the shortest way.
fn float_key(number: f64) -> String {
    #[expect(clippy::cast_possible_truncation, reason = "as kubectl's parser does")]
    let number = number as f32;
    if number.is_nan() {
        return ".nan".to_owned();
    }
    if number.is_infinite() {
        return if number < 0.0 { "-.inf" } else { ".inf" }.to_owned();
    }
    let scientific = format!("{number:e}");
    match scientific.split_once('e').map(|(digits, exponent)| (digits, exponent.parse::<i32>())) {
        Some((digits, Ok(exponent))) if !(-4..6).contains(&exponent) => {
            let sign = if exponent < 0 { '-' } else { '+' };
            format!("{digits}e{sign}{:02}", exponent.abs())
        }
        _ => number.to_string(),
    }
}

/// What the tags of YAML itself begin with.
pub(super) const TAGS: &str = "tag:yaml.org,2002:";

const TIMES: [&str; 4] =
    ["%Y-%m-%dT%H:%M:%S%.f%:z", "%Y-%m-%dt%H:%M:%S%.f%:z", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d"];
