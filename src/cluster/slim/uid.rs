//! Uids.

use std::fmt;

/// A uid, in 16 bytes where it is a UUID in the form in which the API server writes them.
#[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Uid {
    Uuid([u8; 16]),
    Other(Box<str>),
}

// === impl Uid ===

impl From<&str> for Uid {
    fn from(text: &str) -> Self {
        uuid(text).map_or_else(|| Self::Other(text.into()), Self::Uuid)
    }
}

impl fmt::Display for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Other(text) => f.write_str(text),
            Self::Uuid(bytes) => {
                for (position, byte) in bytes.iter().enumerate() {
                    let hyphen = if [4, 6, 8, 10].contains(&position) { "-" } else { "" };
                    write!(f, "{hyphen}{byte:02x}")?;
                }
                Ok(())
            }
        }
    }
}

impl fmt::Debug for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Reads only what [`Uid`] writes again in the same letters.
fn uuid(text: &str) -> Option<[u8; 16]> {
    let bytes: &[u8; 36] = text.as_bytes().try_into().ok()?;
    let mut digits = [0; 32];
    let mut count = 0;
    for (position, byte) in bytes.iter().enumerate() {
        let digit = match byte {
            b'-' if HYPHENS.contains(&position) => continue,
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            _ => return None,
        };
        *digits.get_mut(count)? = digit;
        count += 1;
    }
    let mut uuid = [0; 16];
    for (byte, pair) in uuid.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = pair[0] << 4 | pair[1];
    }
    (count == digits.len()).then_some(uuid)
}

const HYPHENS: [usize; 4] = [8, 13, 18, 23];

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::Uid;

    #[rstest]
    #[case::uuid("1b4e28ba-2fa1-11d2-883f-0016d3cca427", true)]
    #[case::upper_case("1B4E28BA-2fa1-11d2-883f-0016d3cca427", false)]
    #[case::hyphens_elsewhere("1b4e28b-a2fa1-11d2-883f-0016d3cca427", false)]
    #[case::too_short("1b4e28ba-2fa1-11d2-883f-0016d3cca42", false)]
    #[case::a_digit_for_a_hyphen("1b4e28ba02fa1-11d2-883f-0016d3cca427", false)]
    #[case::a_name("job-7", false)]
    #[case::empty("", false)]
    fn a_uid_is_written_as_it_was_read(#[case] text: &str, #[case] short: bool) {
        let uid = Uid::from(text);
        assert_eq!(matches!(uid, Uid::Uuid(_)), short);
        assert_eq!(uid.to_string(), text);
    }
}
