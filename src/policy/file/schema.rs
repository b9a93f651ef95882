//! The JSON Schema of a policy file (draft 2020-12), for editors and other people's checks.
//!
//! It is made of the same list of fields as the decoder, see [`super::document`]. It says what can
//! be said of one value at a time; what relates values to each other only the loader knows.

mod values;

use schemars::generate::SchemaSettings;
use schemars::{Schema, json_schema};
use serde_json::{Map, Value, json};

use super::document::File;

/// The schema of an object, while its fields are being listed.
pub(in crate::policy) struct Object {
    description: String,
    properties: Map<String, Value>,
    required: Vec<&'static str>,
}

/// The JSON Schema of a policy file.
pub fn json() -> Value {
    let generator = SchemaSettings::draft2020_12().into_generator();
    let mut schema = generator.into_root_schema_for::<File>();
    schema.insert("title".to_owned(), json!("curfew JobPolicy"));
    schema.to_value()
}

/// The JSON Schema as `curfew schema` prints it and the file in `policies/` holds it.
pub fn text() -> String {
    format!("{:#}\n", json())
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
