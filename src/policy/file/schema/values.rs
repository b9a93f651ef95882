//! What the JSON Schema says of single values; see [`crate::policy::file::wire`] for how they are
//! read.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

use crate::policy::file::fields::schemas;
use crate::policy::file::label::{AnnotationKey, Annotations, LabelKey, LabelValue, Labels};
use crate::policy::file::ttl::{Pair, Side, Ttl, UNSET};
use crate::policy::file::wire::{
    Amount, ApiVersion, Count, DocumentKind, Manager, Name, Rate, Reason, RuleName, Switch, Wait,
};
use crate::policy::file::{API_VERSION, KIND};
use crate::policy::model::glob::Glob;
use crate::policy::model::record::RESERVED;
use crate::policy::model::rule::GroupKind;
use crate::policy::model::value::{Seconds, ZoneName};

schemas! {
    ApiVersion = "ApiVersion" {"const": API_VERSION}
    DocumentKind = "DocumentKind" {"const": KIND}
    Name = "Name" {"type": "string", "minLength": 1, "maxLength": 253}
    RuleName = "RuleName" {
        "type": "string",
        "pattern": "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$",
        "maxLength": 63,
        "not": {"enum": RESERVED}
    }
    Reason = "Reason" {"type": "string", "pattern": "^[ -~]+$", "maxLength": 80}
    Count = "Count" {"type": "integer", "minimum": 0, "maximum": i32::MAX}
    Rate = "Rate" {"type": "integer", "minimum": 1, "maximum": 10_000}
    Amount = "Amount" {"type": "integer", "minimum": 0, "maximum": i32::MAX}
    Switch = "Switch" {"type": "boolean"}
    Seconds = "Duration" {
        "description": "Seconds, or a text such as 90s, 1h30m, 7d or 2w: units fall, no decimals.",
        "anyOf": [
            {"type": "integer", "minimum": 0, "maximum": i32::MAX},
            {"type": "string", "minLength": 1, "pattern": DURATION},
        ]
    }
    Wait = "Wait" {
        "description": "A duration of at least one second.",
        "anyOf": [
            {"type": "integer", "minimum": 1, "maximum": i32::MAX},
            {"type": "string", "minLength": 1, "pattern": DURATION},
        ]
    }
    Manager = "FieldManager" {
        "description": "As in metadata.managedFields[].manager, without a suffix after - or /.",
        "type": "string",
        "minLength": 1,
        "maxLength": 128,
        "pattern": "^[^*?]*[^*?/-]$"
    }
    GroupKind = "GroupKind" {
        "type": "string",
        "pattern": "^[a-z0-9]([-a-z0-9.]*[a-z0-9])?/[A-Z][A-Za-z0-9]*$"
    }
    Glob = "Glob" {
        "description": "Anchored and case-sensitive; * stands for any text, ? for one character.",
        "type": "string",
        "pattern": "^[-a-z0-9.*?]+$"
    }
    ZoneName = "ZoneName" {
        "description": "A name of the IANA time zone database.",
        "type": "string",
        "pattern": "^[A-Za-z0-9_+/-]+$"
    }
    LabelKey = "LabelKey" {"type": "string", "pattern": LABEL_KEY}
    AnnotationKey = "AnnotationKey" {"type": "string", "pattern": ANNOTATION_KEY}
    LabelValue = "LabelValue" {"type": "string", "pattern": LABEL_VALUE}
    Labels = "Labels" {
        "type": "object",
        "minProperties": 1,
        "propertyNames": {"pattern": LABEL_KEY},
        "additionalProperties": one_or_more(&json!({"type": "string", "pattern": LABEL_VALUE}))
    }
    Annotations = "Annotations" {
        "type": "object",
        "minProperties": 1,
        "propertyNames": {"pattern": ANNOTATION_KEY},
        "additionalProperties": one_or_more(&json!({"type": "string"}))
    }
}

/// A value or a list of them.
fn one_or_more(value: &Value) -> Value {
    json!({"anyOf": [value, {"type": "array", "minItems": 1, "items": value}]})
}

const LABEL_KEY: &str = "^([a-z0-9][-a-z0-9.]*/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$";
const ANNOTATION_KEY: &str =
    "^([A-Za-z0-9][-A-Za-z0-9.]*/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$";
const LABEL_VALUE: &str = "^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$";

/// Weeks to seconds, each once at most and in this order.
const DURATION: &str = "^([0-9]+w)?([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?$";

impl JsonSchema for Ttl {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Ttl".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let side = generator.subschema_for::<Side>();
        let pair = generator.subschema_for::<Pair>();
        json_schema!({"anyOf": [side, pair]})
    }
}

impl JsonSchema for Side {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "DurationOrUnset".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let duration = generator.subschema_for::<Seconds>();
        json_schema!({"anyOf": [{"const": UNSET}, duration]})
    }
}
