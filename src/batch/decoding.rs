//! JSON into types, as the API server does it.
//!
//! The entry point is [`decode`]. Go's decoder differs from `serde`'s in one thing that people
//! meet: `null` is the zero value of whatever is asked for, an empty string in a map of labels. In
//! all else a wrong type is refused, and what is said about it names the field.

use std::fmt;

use serde::de::{
    DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, SeqAccess, Unexpected, Visitor,
    value,
};
use serde::{Deserialize, forward_to_deserialize_any};
use serde_json::Value;

/// Why a value is refused.
#[derive(Debug, thiserror::Error)]
pub struct Refused {
    /// The field, from the inside out.
    path: Vec<String>,
    problem: String,
}

/// Reads a value as the API server would.
///
/// # Errors
/// Which field has the wrong type.
pub fn decode<'de, T: Deserialize<'de>>(value: &'de Value) -> Result<T, Refused> {
    T::deserialize(Decoder(value))
}

/// A value that is being read.
#[derive(Clone, Copy)]
struct Decoder<'de>(&'de Value);

struct Entries<'de> {
    rest: Option<serde_json::map::Iter<'de>>,
    entry: Option<(&'de str, &'de Value)>,
}

struct Items<'de>(std::iter::Enumerate<std::slice::Iter<'de, Value>>);

// === impl Refused ===

impl Refused {
    fn within(mut self, part: impl FnOnce() -> String) -> Self {
        self.path.push(part());
        self
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, part) in self.path.iter().rev().enumerate() {
            let dot = if index == 0 || part.starts_with('[') { "" } else { "." };
            write!(f, "{dot}{part}")?;
        }
        let blank = if self.path.is_empty() { "it" } else { "" };
        write!(f, "{blank} {}", self.problem)
    }
}

impl serde::de::Error for Refused {
    fn custom<T: fmt::Display>(problem: T) -> Self {
        Self { path: Vec::new(), problem: format!("cannot be read: {problem}") }
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn serde::de::Expected) -> Self {
        Self { path: Vec::new(), problem: format!("must be {expected}, and is {found}") }
    }
}

// === impl Decoder ===

impl Decoder<'_> {
    fn wrong<T>(self, expected: &str) -> Result<T, Refused> {
        let found = match self.0 {
            Value::Array(_) => "a list".to_owned(),
            Value::Bool(flag) => format!("the boolean {flag}"),
            Value::Null => "null".to_owned(),
            Value::Number(number) => format!("the number {number}"),
            Value::Object(_) => "a map".to_owned(),
            Value::String(text) => {
                let short: String = text.chars().take(40).collect();
                format!("the string {short:?}")
            }
        };
        let is_quoted = |text: &str| match expected {
            BOOLEAN => matches!(text, "true" | "false"),
            NUMBER => text.parse::<i64>().is_ok(),
            _ => false,
        };
        let mend = match self.0 {
            Value::Bool(_) | Value::Number(_) if expected == STRING => "; put it in quotes",
            Value::String(text) if is_quoted(text) => "; leave the quotes away",
            _ => "",
        };
        Err(Refused {
            path: Vec::new(),
            problem: format!("must be {expected}, and is {found}{mend}"),
        })
    }

    /// A whole number between two bounds.
    fn whole(self, least: i64, most: i64) -> Result<i64, Refused> {
        match self.0 {
            Value::Null => Ok(0),
            Value::Number(number) => match number.as_i64() {
                Some(whole) if (least..=most).contains(&whole) => Ok(whole),
                Some(_) => self.wrong(&format!("a whole number from {least} to {most}")),
                None => self.wrong(NUMBER),
            },
            _ => self.wrong(NUMBER),
        }
    }
}

impl<'de> Deserializer<'de> for Decoder<'de> {
    type Error = Refused;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        match self.0 {
            Value::Array(_) => self.deserialize_seq(visitor),
            Value::Bool(flag) => visitor.visit_bool(*flag),
            Value::Null => visitor.visit_unit(),
            Value::Number(number) => match number.as_i64() {
                Some(whole) => visitor.visit_i64(whole),
                None => visitor.visit_f64(number.as_f64().unwrap_or_default()),
            },
            Value::Object(_) => self.deserialize_map(visitor),
            Value::String(text) => visitor.visit_borrowed_str(text),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        match self.0 {
            Value::Bool(flag) => visitor.visit_bool(*flag),
            Value::Null => visitor.visit_bool(false),
            _ => self.wrong(BOOLEAN),
        }
    }

    fn deserialize_i32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        visitor.visit_i64(self.whole(i32::MIN.into(), i32::MAX.into())?)
    }

    fn deserialize_i64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        visitor.visit_i64(self.whole(i64::MIN, i64::MAX)?)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        match self.0 {
            Value::Null => visitor.visit_borrowed_str(""),
            Value::String(text) => visitor.visit_borrowed_str(text),
            _ => self.wrong(STRING),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        if self.0.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Refused> {
        // The only type that takes a number as well, and is refused for what its text says.
        if name == "Quantity" {
            let text = match self.0 {
                Value::Null => "0".to_owned(),
                Value::Number(number) => number.to_string(),
                Value::String(text) => text.clone(),
                _ => return self.wrong(QUANTITY),
            };
            if !is_quantity(&text) {
                return self.wrong(QUANTITY);
            }
            let text: value::StringDeserializer<Refused> = text.into_deserializer();
            return visitor.visit_newtype_struct(text);
        }
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        match self.0 {
            Value::Array(items) => visitor.visit_seq(Items(items.iter().enumerate())),
            Value::Null => visitor.visit_seq(Items([].iter().enumerate())),
            _ => self.wrong("a list"),
        }
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        match self.0 {
            Value::Null => visitor.visit_map(Entries { rest: None, entry: None }),
            Value::Object(map) => {
                visitor.visit_map(Entries { rest: Some(map.iter()), entry: None })
            }
            _ => self.wrong("a map"),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refused> {
        self.deserialize_map(visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        i8 i16 i128 u8 u16 u32 u64 u128 f32 f64 char bytes byte_buf unit unit_struct tuple
        tuple_struct enum identifier
    }
}

// === impl Entries ===

impl<'de> MapAccess<'de> for Entries<'de> {
    type Error = Refused;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Refused> {
        self.entry =
            self.rest.as_mut().and_then(Iterator::next).map(|(key, value)| (key.as_str(), value));
        let Some((key, _)) = self.entry else { return Ok(None) };
        seed.deserialize(value::BorrowedStrDeserializer::new(key)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Refused> {
        let (key, value) = self.entry.take().expect("a key comes before its value");
        let shown = || if key.contains('.') { format!("[{key:?}]") } else { key.to_owned() };
        seed.deserialize(Decoder(value)).map_err(|refused| refused.within(shown))
    }
}

// === impl Items ===

impl<'de> SeqAccess<'de> for Items<'de> {
    type Error = Refused;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Refused> {
        let Some((index, item)) = self.0.next() else { return Ok(None) };
        let refused = |refused: Refused| refused.within(|| format!("[{index}]"));
        seed.deserialize(Decoder(item)).map(Some).map_err(refused)
    }
}

/// Whether the API server takes a text for a quantity, such as `500m` or `1Gi`.
fn is_quantity(text: &str) -> bool {
    let text = text.trim();
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let end = unsigned.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(unsigned.len());
    let (number, suffix) = unsigned.split_at(end);
    let points = number.bytes().filter(|byte| *byte == b'.').count();
    let exponent = suffix.strip_prefix(['e', 'E']).is_some_and(|power| {
        let digits = power.strip_prefix(['+', '-']).unwrap_or(power);
        !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
    });
    points <= 1 && !number.is_empty() && (exponent || SUFFIXES.contains(&suffix))
}

const SUFFIXES: [&str; 16] =
    ["", "n", "u", "m", "k", "M", "G", "T", "P", "E", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];

const BOOLEAN: &str = "true or false";
const NUMBER: &str = "a whole number";
const QUANTITY: &str = "a quantity, such as 500m or 1Gi";
const STRING: &str = "a string";

#[cfg(test)]
mod tests {
    use k8s_openapi::api::batch::v1::Job;
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::decode;
    use crate::batch::{Kind, Object};

    fn job(member: &str, value: Value) -> Value {
        let mut job = json!({"metadata": {"name": "a"}, "spec": {}});
        let pointer = member.rsplit_once('/').unwrap();
        job.pointer_mut(pointer.0).unwrap()[pointer.1] = value;
        job
    }

    #[rstest]
    #[case::map("/metadata/labels", json!("a"), "metadata.labels must be a map, and is the string \"a\"")]
    #[case::label("/metadata/labels", json!({"a": 1}), "metadata.labels.a must be a string, and is the number 1; put it in quotes")]
    #[case::dots("/metadata/labels", json!({"a.b/c": true}), "metadata.labels[\"a.b/c\"] must be a string, and is the boolean true; put it in quotes")]
    #[case::boolean("/spec/suspend", json!("yes"), "spec.suspend must be true or false, and is the string \"yes\"")]
    #[case::quoted_boolean("/spec/suspend", json!("true"), "spec.suspend must be true or false, and is the string \"true\"; leave the quotes away")]
    #[case::number("/spec/parallelism", json!("3"), "spec.parallelism must be a whole number, and is the string \"3\"; leave the quotes away")]
    #[case::half("/spec/parallelism", json!(1.5), "spec.parallelism must be a whole number, and is the number 1.5")]
    #[case::large("/spec/parallelism", json!(3_000_000_000_u64), "spec.parallelism must be a whole number from -2147483648 to 2147483647, and is the number 3000000000")]
    #[case::environment(
        "/spec/template", json!({"spec": {"containers": [{}, {"env": [{"name": "A", "value": 1}]}]}}),
        "spec.template.spec.containers[1].env[0].value must be a string, and is the number 1; put it in quotes"
    )]
    #[case::quantity(
        "/spec/template", json!({"spec": {"containers": [{"resources": {"limits": {"cpu": "lots"}}}]}}),
        "spec.template.spec.containers[0].resources.limits.cpu must be a quantity, such as 500m or 1Gi, and is the string \"lots\""
    )]
    #[case::time("/metadata/creationTimestamp", json!("yesterday"), "metadata.creationTimestamp cannot be read: ")]
    #[case::list("/metadata/finalizers", json!({}), "metadata.finalizers must be a list, and is a map")]
    fn names_the_field(#[case] member: &str, #[case] value: Value, #[case] expected: &str) {
        let problem = decode::<Job>(&job(member, value)).unwrap_err().to_string();
        assert!(problem.starts_with(expected), "{problem}");
    }

    #[rstest]
    #[case::label("/metadata/labels", json!({"a": null}))]
    #[case::labels("/metadata/labels", json!(null))]
    #[case::finalizer("/metadata/finalizers", json!([null]))]
    #[case::number("/spec/ttlSecondsAfterFinished", json!(null))]
    #[case::boolean("/spec/suspend", json!(null))]
    #[case::containers("/spec/template", json!({"spec": {"containers": [null]}}))]
    #[case::quantity("/spec/template", json!({"spec": {"containers": [{"resources": {"limits": {"cpu": null}}}]}}))]
    fn null_is_nothing(#[case] member: &str, #[case] value: Value) {
        let job = job(member, value);
        assert!(decode::<Job>(&job).is_ok());
        assert!(Object::from_json(Kind::Job, &job).is_ok());
    }

    #[test]
    fn a_label_without_a_value_is_an_empty_one() {
        let job = job("/metadata/labels", json!({"team": null}));
        let object = Object::from_json(Kind::Job, &job).unwrap();
        assert_eq!(object.metadata.label("team"), Some(""));
    }

    #[test]
    fn what_is_no_map_at_all() {
        let problem = decode::<Job>(&json!("a")).unwrap_err().to_string();
        assert_eq!(problem, "it must be a map, and is the string \"a\"");
    }
}
