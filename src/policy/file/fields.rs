//! One list of fields for everything that is to be known of them.
//!
//! The `fields!` macro turns a list of fields into a struct, its decoder with the detection of
//! unknown and missing fields, its way of merging with other files, and its part of the JSON
//! Schema, so that none of them can know a field that the others do not. Every field is an
//! `Option`: a field that is missing or wrong has been reported, and the checks go on with the
//! rest.

use schemars::{Schema, json_schema};
use serde_json::{Map, json};

/// The schema of an object: its description in lines as `///` gives them, and for each of its fields
/// the key, whether it is required, its meaning in such lines, and its schema. It has no others.
pub(in crate::policy) fn schema<const N: usize>(
    description: &str,
    fields: [(&'static str, bool, &str, Schema); N],
) -> Schema {
    let required = fields.iter().filter(|(_, required, ..)| *required).map(|(key, ..)| *key);
    let required: Vec<_> = required.collect();
    let properties = fields.into_iter().map(|(key, _, meaning, mut schema)| {
        schema.insert("description".to_owned(), json!(meaning.trim()));
        (key.to_owned(), schema.to_value())
    });
    let mut schema = json_schema!({
        "type": "object",
        "description": description.trim(),
        "properties": properties.collect::<Map<_, _>>(),
        "additionalProperties": false,
    });
    if !required.is_empty() {
        schema.insert("required".to_owned(), json!(required));
    }
    schema
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
                    let text = entry.key.as_str();
                    this.written.push(text.to_owned());
                    let inner = decode::Path::Field(&path, text);
                    match text {
                        $( $key => this.$field = decode::field(entry, inner, findings), )*
                        _ => {
                            let name = stringify!($name);
                            decode::unknown_field(name, known, entry, path, findings);
                        }
                    }
                }
                $(
                    if fields!(@$need) {
                        decode::missing_field($key, known, node, path, findings);
                    }
                )*
                Some(this)
            }

            fn merge(
                &mut self,
                next: Self,
                _: [$crate::policy::file::finding::Span; 2],
                path: $crate::policy::file::decode::Path<'_>,
                findings: &mut $crate::policy::file::finding::Findings<'_>,
            ) {
                use $crate::policy::file::decode::{Path, merge};
                $( merge(&mut self.$field, next.$field, Path::Field(&path, $key), findings); )*
            }
        }

        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
                let fields = [$((
                    $key,
                    fields!(@$need),
                    concat!($($meaning),+),
                    generator.subschema_for::<$type>(),
                )),*];
                $crate::policy::file::fields::schema(concat!($($about),+), fields)
            }
        }
    )* };
    (@required) => { true };
    (@optional) => { false };
}

/// The JSON Schema of values, each with its name there.
macro_rules! schemas {
    ($($type:ty = $name:literal $schema:tt)*) => { $(
        impl JsonSchema for $type {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                $name.into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }
        }
    )* };
}

pub(super) use {fields, schemas};
