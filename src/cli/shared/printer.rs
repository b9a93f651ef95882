//! The only place that prints: data to stdout, talk to stderr.
//!
//! A command hands finished text to the [`Printer`] and never asks where it goes. Colour is decided
//! by `anstream` for each stream (`NO_COLOR`, `CLICOLOR_FORCE`, no terminal), so text may carry
//! escapes and loses them where nobody wants them. A closed pipe surfaces as an [`io::Error`],
//! which `main` swallows: `curfew … | head` is no failure.

mod progress;

use std::fmt;
use std::io::{self, BufRead, IsTerminal, Write};

use anstream::{AutoStream, ColorChoice};

pub use self::progress::Progress;

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

    /// Asks for a yes or no, and takes all but a yes for a no; `None` where nobody is there.
    ///
    /// # Errors
    /// Where the terminal cannot be read from or written to.
    pub fn ask(&mut self, question: impl fmt::Display) -> io::Result<Option<bool>> {
        if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
            return Ok(None);
        }
        let mut terminal = anstream::stderr().lock();
        write!(terminal, "{question} [y/N] ")?;
        terminal.flush()?;
        let mut answer = String::new();
        io::stdin().lock().read_line(&mut answer)?;
        Ok(Some(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes")))
    }

    /// A bar on a terminal for what may take a while; for nobody where there is none.
    pub fn progress(&self, what: &str, total: Option<u64>) -> Progress {
        Progress::new(what, total, !self.quiet && io::stderr().is_terminal())
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
