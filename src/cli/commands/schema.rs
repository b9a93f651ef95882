//! `curfew schema`: the JSON Schema of policy files, for editors and for CI.

use crate::cli::shared::{Exit, Printer};
use crate::policy::schema;

/// Print the JSON Schema of policy files
#[derive(Debug, clap::Args)]
#[command(after_help = "In a policy file: # yaml-language-server: $schema=./policy.schema.json")]
pub struct Schema {}

// === impl Schema ===

impl Schema {
    /// Prints the schema.
    ///
    /// # Errors
    /// Where stdout cannot be written to.
    pub fn run(self, printer: &mut Printer) -> anyhow::Result<Exit> {
        let Self {} = self;
        printer.data(schema::text())?;
        Ok(Exit::Fine)
    }
}
