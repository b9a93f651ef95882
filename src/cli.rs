//! The command line. Only [`printer::Printer`] prints.

pub mod manifests;
pub mod output;
pub mod printer;
pub mod report;
pub mod yaml;
