//! Uids.

use std::fmt;

use uuid::Uuid;

/// A uid, in 16 bytes where it is a UUID in the form in which the API server writes them.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Uid {
    Uuid(Uuid),
    Other(Box<str>),
}

// === impl Uid ===

impl From<&str> for Uid {
    fn from(text: &str) -> Self {
        match Uuid::try_parse(text) {
            // Only what is written again in the same letters.
            Ok(uuid) if uuid.hyphenated().encode_lower(&mut Uuid::encode_buffer()) == text => {
                Self::Uuid(uuid)
            }
            _ => Self::Other(text.into()),
        }
    }
}

impl fmt::Display for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Other(text) => f.write_str(text),
            Self::Uuid(uuid) => uuid.hyphenated().fmt(f),
        }
    }
}

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
