//! One list of fields for everything that is to be known of them.
//!
//! The `fields!` macro turns a list of fields into a struct, its decoder with the detection of
//! unknown and missing fields, its way of merging with other files, and its part of the JSON
//! Schema, so that none of them can know a field that the others do not. Every field is an
//! `Option`: a field that is missing or wrong has been reported, and the checks go on with the
//! rest.

use schemars::{Schema, json_schema};
use serde_json::{Map, Value, json};

/// The schema of an object, while its fields are being listed.
pub(in crate::policy) struct Object {
    description: String,
    properties: Map<String, Value>,
    required: Vec<&'static str>,
}

// === impl Object ===

impl Object {
    /// An object with a description in lines as `///` gives them.
    pub(in crate::policy) fn new(description: &str) -> Self {
        let description = description.trim().to_owned();
        Self { description, properties: Map::new(), required: Vec::new() }
    }

    /// Adds a field.
    pub(in crate::policy) fn property(
        &mut self,
        key: &'static str,
        required: bool,
        meaning: &str,
        schema: Schema,
    ) {
        let mut schema = schema;
        schema.insert("description".to_owned(), json!(meaning.trim()));
        self.properties.insert(key.to_owned(), schema.to_value());
        if required {
            self.required.push(key);
        }
    }

    /// The schema: no other fields than those that were added.
    pub(in crate::policy) fn into_schema(self) -> Schema {
        let Self { description, properties, required } = self;
        let mut schema = json_schema!({
            "type": "object",
            "description": description,
            "properties": properties,
            "additionalProperties": false,
        });
        if !required.is_empty() {
            schema.insert("required".to_owned(), json!(required));
        }
        schema
    }
}

/// Defines structs of a document; see the module.
macro_rules! fields {
    ($(
        $(#[doc = $about:literal])+
        struct $name:ident {
            $( $(#[doc = $meaning:literal])+ $need:ident $field:ident: $type:ty = $key:literal, )*
        }
    )*) => { $(
        $(#[doc = $about])+
        #[derive(Clone, Debug, Default)]
        pub(in crate::policy) struct $name {
            $(
                $(#[doc = $meaning])+
                pub(in crate::policy) $field: Option<$crate::policy::file::finding::At<$type>>,
            )*
            /// The keys that were written, refused ones too.
            pub(in crate::policy) written: Vec<String>,
        }

        impl $crate::policy::file::decode::FromNode for $name {
            fn from_node(
                node: &$crate::policy::file::node::Node,
                path: $crate::policy::file::decode::Path<'_>,
                findings: &mut $crate::policy::file::finding::Findings<'_>,
            ) -> Option<Self> {
                use $crate::policy::file::decode;
                let mut this = Self::default();
                let known = &[$($key),*];
                let entries = decode::map(node, known, path, findings)?;
                for entry in entries {
                    let text = entry.key.text.as_str();
                    this.written.push(text.to_owned());
                    let inner = decode::Path::Field(&path, text);
                    match text {
                        $( $key => this.$field = decode::field(entry, inner, findings), )*
                        _ => {
                            let name = stringify!($name);
                            decode::unknown_field(name, known, &entry.key, path, findings);
                        }
                    }
                }
                $( fields!(@$need $key, known, node, path, findings); )*
                Some(this)
            }
        }

        impl $crate::policy::file::decode::Merge for $name {
            fn merge(
                into: &mut Option<$crate::policy::file::finding::At<Self>>,
                next: Option<$crate::policy::file::finding::At<Self>>,
                path: $crate::policy::file::decode::Path<'_>,
                findings: &mut $crate::policy::file::finding::Findings<'_>,
            ) {
                use $crate::policy::file::decode::{Merge, Path};

                match (into, next) {
                    (Some(first), Some(second)) => { $(
                        Merge::merge(
                            &mut first.value.$field,
                            second.value.$field,
                            Path::Field(&path, $key),
                            findings,
                        );
                    )* }
                    (into @ None, next) => *into = next,
                    (Some(_), None) => {}
                }
            }
        }

        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
                let mut object = $crate::policy::file::fields::Object::new(concat!($($about),+));
                $(
                    let schema = generator.subschema_for::<$type>();
                    let required = fields!(@is_required $need);
                    object.property($key, required, concat!($($meaning),+), schema);
                )*
                object.into_schema()
            }
        }
    )* };
    (@required $key:literal, $known:ident, $node:ident, $path:ident, $findings:ident) => {
        $crate::policy::file::decode::missing_field($key, $known, $node, $path, $findings);
    };
    (@optional $($rest:tt)*) => {};
    (@is_required required) => { true };
    (@is_required optional) => { false };
}

pub(super) use fields;
