//! The JSON Schema of a policy file (draft 2020-12), for editors and other people's checks.
//!
//! It is made of the same list of fields as the decoder, see [`super::fields`]. It says what can
//! be said of one value at a time; what relates values to each other only the loader knows.

mod values;

use schemars::generate::SchemaSettings;
use serde_json::{Value, json};

use super::document::File;

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
