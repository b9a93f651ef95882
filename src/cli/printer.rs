//! The only place that prints: data to stdout, talk to stderr.
//!
//! A command hands finished text to the [`Printer`] and never asks where it goes. Colour is decided
//! by `anstream` for each stream (`NO_COLOR`, `CLICOLOR_FORCE`, no terminal), so text may carry
//! escapes and loses them where nobody wants them. A closed pipe surfaces as an [`io::Error`],
//! which `main` swallows: `curfew … | head` is no failure.

use std::fmt;
use std::io::{self, Write};

use anstream::{AutoStream, ColorChoice};

/// Holds both streams and what the user wants to hear.
#[derive(Debug)]
pub struct Printer {
    quiet: bool,
}

// === impl Printer ===

impl Printer {
    /// A printer; a quiet one keeps notes and warnings to itself, but never an error.
    pub const fn new(quiet: bool) -> Self {
        Self { quiet }
    }

    /// What was asked for, verbatim; the text brings its own line ends.
    ///
    /// # Errors
    /// Where stdout cannot be written to, such as a closed pipe.
    pub fn data(&mut self, text: impl fmt::Display) -> io::Result<()> {
        let mut out = anstream::stdout().lock();
        write!(out, "{text}")?;
        out.flush()
    }

    /// A line for a person, such as a warning or a count.
    ///
    /// # Errors
    /// As [`Printer::data`], of stderr.
    pub fn talk(&mut self, line: impl fmt::Display) -> io::Result<()> {
        if self.quiet {
            return Ok(());
        }
        writeln!(anstream::stderr().lock(), "{line}")
    }

    /// A line that says why a command failed; not even a quiet printer holds it back.
    ///
    /// # Errors
    /// As [`Printer::data`], of stderr.
    pub fn error(&mut self, line: impl fmt::Display) -> io::Result<()> {
        writeln!(anstream::stderr().lock(), "{line}")
    }

    /// Whether what goes to stdout keeps its colours.
    pub fn colors_data(&self) -> bool {
        AutoStream::choice(&io::stdout()) != ColorChoice::Never
    }

    /// Whether what goes to stderr keeps its colours.
    pub fn colors_talk(&self) -> bool {
        AutoStream::choice(&io::stderr()) != ColorChoice::Never
    }
}
