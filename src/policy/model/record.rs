//! The annotation `curfew.dev/applied`: what we wrote, and what stood there before.
//!
//! It is what makes a decision repeatable (policy.md, point 7): where the present value is the one
//! that we wrote, the author's is put back before anything is decided, so that the answer never
//! depends on how often we were asked.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

use super::setting::{Setting, Value};

/// The annotation's key.
pub const ANNOTATION: &str = "curfew.dev/applied";

/// The annotation with which an owner keeps a Job (policy.md, point 10).
pub const HOLD_UNTIL: &str = "curfew.dev/hold-until";

/// What begins every key of ours.
pub const PREFIX: &str = "curfew.dev/";

/// The rule name of an entry of what `defaults` supplied.
pub const DEFAULTS: &str = "defaults";

/// The rule name of an entry of a value that limits bounded.
pub const LIMITS: &str = "limits";

/// The rule name of an entry of a TTL that a guard's floor raised.
pub const GUARDS: &str = "guards";

/// The rule name of an entry of a TTL that a hold raised.
pub const HOLD: &str = "hold";

/// The rule name of an entry that stands for the author's own word.
pub const AUTHOR: &str = "author";

/// The rule name of an entry that was made before anybody knew which rule it would be.
pub const UNKNOWN_NAMESPACE: &str = "unknown-namespace";

/// The third member of an entry where no rule supplied the value; no rule may bear such a name.
pub const RESERVED: [&str; 6] = [DEFAULTS, LIMITS, GUARDS, HOLD, AUTHOR, UNKNOWN_NAMESPACE];

/// The entries of one annotation, by setting.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Record(BTreeMap<Setting, Entry>);

/// `[written, original, rule]`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Entry {
    /// The value that we wrote; absent where we left the field without on purpose.
    pub written: Value,
    /// The author's value; absent where there was none, or it counted as unset.
    pub original: Value,
    /// The rule, or a word of [`RESERVED`].
    pub rule: String,
}

// === impl Record ===

impl Record {
    /// Reads an annotation; `None` where it is no record of ours. Settings that this build does
    /// not know are passed over.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() > MAX_BYTES {
            return None;
        }
        let raw: BTreeMap<String, serde_json::Value> = serde_json::from_str(text).ok()?;
        let mut record = Self::default();
        for (key, members) in raw {
            let Some(setting) = Setting::parse(&key) else { continue };
            let (written, original, rule) = serde_json::from_value(members).ok()?;
            let (written, original) = (Value::parse(written)?, Value::parse(original)?);
            record.0.insert(setting, Entry { written, original, rule });
        }
        Some(record)
    }

    /// The entry of a setting.
    pub fn entry(&self, setting: Setting) -> Option<&Entry> {
        self.0.get(&setting)
    }

    /// Whether there is nothing to write down.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Sets the entry of a setting.
    pub fn insert(&mut self, setting: Setting, entry: Entry) {
        self.0.insert(setting, entry);
    }

    /// Takes the entry of a setting out.
    pub fn remove(&mut self, setting: Setting) {
        self.0.remove(&setting);
    }

    /// The annotation's value: compact JSON with sorted keys, always the same bytes.
    pub fn to_text(&self) -> String {
        let by_name: BTreeMap<&str, &Entry> =
            self.0.iter().map(|(setting, entry)| (setting.as_str(), entry)).collect();
        serde_json::to_string(&by_name).expect("strings and numbers are always JSON")
    }
}

// === impl Entry ===

impl Entry {
    /// The field was left without a value on purpose.
    pub(in crate::policy) fn open(rule: &str) -> Self {
        Self { written: Value::Absent, original: Value::Absent, rule: rule.to_owned() }
    }

    /// The author took the value away, and means it (policy.md, point 11).
    pub fn declined() -> Self {
        Self::open(AUTHOR)
    }

    /// Whether the entry says what [`Entry::declined`] says.
    pub fn is_declined(&self) -> bool {
        *self == Self::declined()
    }

    /// The Job is ours, and came without a TTL before its namespace was known (policy.md,
    /// point 14).
    pub fn claim() -> Self {
        Self::open(UNKNOWN_NAMESPACE)
    }

    /// Whether the entry says what [`Entry::claim`] says.
    pub fn is_claim(&self) -> bool {
        *self == Self::claim()
    }

    /// Whether the field was left without a value on purpose, and not because its author wants none.
    pub fn is_open(&self) -> bool {
        self.written.is_absent() && !self.is_declined()
    }
}

impl Serialize for Entry {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (&self.written, &self.original, &self.rule).serialize(serializer)
    }
}

/// Five settings with names of 63 bytes fit twice; what is longer is not ours.
pub(crate) const MAX_BYTES: usize = 1024;

#[cfg(test)]
mod tests {
    use super::{Entry, Record, Setting, Value};

    #[test]
    fn what_is_written_is_read_again() {
        let text = r#"{"history.successful":[3,3,"author"],"ttl":[300,null,"dev"]}"#;
        let record = Record::parse(text).unwrap();
        assert_eq!(
            record.entry(Setting::Ttl),
            Some(&Entry {
                written: Value::Number(300),
                original: Value::Absent,
                rule: "dev".to_owned()
            })
        );
        assert_eq!(record.to_text(), text);
    }

    #[rstest::rstest]
    #[case::not_json("ttl=300")]
    #[case::not_a_map("[]")]
    #[case::not_three_members(r#"{"ttl":[300,null]}"#)]
    #[case::four_members(r#"{"ttl":[300,null,"dev",1]}"#)]
    #[case::a_map_as_value(r#"{"ttl":[{},null,"dev"]}"#)]
    #[case::a_fraction(r#"{"ttl":[1.5,null,"dev"]}"#)]
    #[case::trailing(r#"{"ttl":[300,null,"dev"]} x"#)]
    fn what_is_not_a_record_is_refused(#[case] text: &str) {
        assert_eq!(Record::parse(text), None);
    }

    #[test]
    fn a_long_text_is_refused() {
        let text = format!(r#"{{"ttl":[300,null,"{}"]}}"#, "x".repeat(2000));
        assert_eq!(Record::parse(&text), None);
    }

    #[test]
    fn a_setting_of_a_later_build_is_passed_over() {
        let record = Record::parse(r#"{"later":{"a":[]},"ttl":[1,null,"x"]}"#).unwrap();
        assert_eq!(record.to_text(), r#"{"ttl":[1,null,"x"]}"#);
    }
}
