//! A struct is read from a map and from nothing else.
//!
//! What serde derives takes a list as well, for the fields in their order. No API server sends or
//! stores such an object, and a patch would not fit it.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};

/// Reads a struct.
pub(super) fn strict<'de, T, D>(deserializer: D) -> Result<T, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    Mapping::deserialize(deserializer).map(|Mapping(value)| value)
}

/// Reads a struct, or none where there is `null`.
pub(super) fn optional<'de, T, D>(deserializer: D) -> Result<Option<T>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    Option::<Mapping<T>>::deserialize(deserializer).map(|value| value.map(|Mapping(value)| value))
}

struct Mapping<T>(T);

// === impl Mapping ===

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Mapping<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Entries<T> {
            type Value = Mapping<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Mapping<T>, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Mapping)
            }
        }

        deserializer.deserialize_map(Entries(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use crate::batch::Wire;

    #[rstest]
    #[case::an_object("[]", "")]
    #[case::metadata("[]", "metadata")]
    #[case::spec("[60]", "spec")]
    #[case::status("[]", "status")]
    #[case::template(r#"{"template": []}"#, "spec")]
    #[case::job_template(r#"{"jobTemplate": [{}, {}]}"#, "spec")]
    #[case::spec_of_a_template(r#"{"jobTemplate": {"spec": [60]}}"#, "spec")]
    fn a_list_is_no_struct(#[case] value: &str, #[case] of: &str) {
        let json = if of.is_empty() { value.to_owned() } else { format!("{{\"{of}\": {value}}}") };
        let error = serde_json::from_str::<Wire<'_>>(&json).unwrap_err().to_string();
        assert!(error.starts_with("invalid type: sequence, expected a map"), "{error}");
    }
}
