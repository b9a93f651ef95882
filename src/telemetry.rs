//! Logs: lines of JSON or text to stderr, and panics among them.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::{self, IsTerminal};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Standard error, for texts that others wrote: no line can pass for another one. Each comes in one
/// piece.
#[derive(Clone, Copy, Debug)]
struct Plain;

/// How a log line looks.
#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
pub enum LogFormat {
    /// One JSON object a line, for a log collector.
    Json,
    /// For people.
    Text,
}

/// What is logged at all.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, clap::ValueEnum)]
pub enum LogLevel {
    /// Also one line for each review.
    Debug,
    Error,
    #[default]
    Info,
    /// Also what goes on inside the libraries.
    Trace,
    Warn,
}

/// Lets a line of each kind through only now and then: who makes us log can do so a thousand times a
/// second, and one line tells all of it.
#[derive(Debug, Default)]
pub struct Sparse(Mutex<HashMap<&'static str, Logged>>);

/// When a kind was logged last, and how often it came up since.
#[derive(Debug)]
struct Logged {
    at: Instant,
    held_back: u64,
}

/// Logging was set up before, in this process.
#[derive(Debug, thiserror::Error)]
#[error("logging is set up already")]
pub struct AlreadySetUp;

/// Sends every log line of this process to stderr, and every panic into the log.
///
/// # Errors
/// Where that was done before.
pub fn start(format: LogFormat, level: LogLevel) -> Result<(), AlreadySetUp> {
    let layer = tracing_subscriber::fmt::layer()
        .with_writer(|| Plain)
        .with_target(level == LogLevel::Trace);
    let layer = match format {
        LogFormat::Json => layer.json().flatten_event(true).with_current_span(false).boxed(),
        LogFormat::Text => layer.with_ansi(LogFormat::colors()).boxed(),
    };
    let registry = tracing_subscriber::registry().with(layer.with_filter(level.targets()));
    registry.try_init().map_err(|_| AlreadySetUp)?;
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let payload = panic.payload();
        let message = payload
            .downcast_ref::<&str>()
            .copied()
            .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
            .unwrap_or("no message");
        tracing::error!(place, message, "panic: this is a bug in curfew, please report it");
    }));
    Ok(())
}

/// An error with its causes, on one line and none of them twice.
pub fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let said = cause.to_string();
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        next = cause.source();
    }
    text
}

// === impl Sparse ===

impl Sparse {
    /// Whether to log this kind now; then how often it was held back since the last time.
    pub fn admit(&self, kind: &'static str, now: Instant) -> Option<u64> {
        let mut logged = self.0.lock();
        match logged.get_mut(kind) {
            Some(last) if now < last.at + LOG_EVERY => {
                last.held_back += 1;
                None
            }
            Some(last) => {
                last.at = now;
                Some(std::mem::take(&mut last.held_back))
            }
            None => {
                logged.insert(kind, Logged { at: now, held_back: 0 });
                Some(0)
            }
        }
    }
}

// === impl Plain ===

impl io::Write for Plain {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        match std::str::from_utf8(line) {
            Ok(text) if text.contains(misleads) => {
                io::stderr().write_all(spelled_out(text, misleads).as_bytes())?;
            }
            _ => io::stderr().write_all(line)?,
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

/// A text with some characters written as JSON escapes them.
pub fn spelled_out(text: &str, is_odd: impl Fn(char) -> bool) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(&is_odd) {
        shown.push_str(&rest[..at]);
        let mut after = rest[at..].chars();
        let _ = write!(shown, "\\u{:04x}", after.next().map_or(0, u32::from));
        rest = after.as_str();
    }
    shown + rest
}

/// Whether a character makes a line look like another one, or like two: what turns the direction of
/// writing, and what some viewers take for the end of a line.
const fn misleads(c: char) -> bool {
    matches!(
        c,
        '\u{85}' | '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}'
    )
}

// === impl LogFormat ===

impl LogFormat {
    /// Text on a terminal, JSON elsewhere.
    pub fn fitting() -> Self {
        if std::io::stderr().is_terminal() { Self::Text } else { Self::Json }
    }

    fn colors() -> bool {
        anstream::AutoStream::choice(&std::io::stderr()) != anstream::ColorChoice::Never
    }
}

// === impl LogLevel ===

impl LogLevel {
    /// Our own lines at this level. The libraries' only where they are asked for or warn; rustls
    /// warns of whatever a client does, and the accept loop counts and limits that itself.
    fn targets(self) -> Targets {
        let own = match self {
            Self::Debug => LevelFilter::DEBUG,
            Self::Error => LevelFilter::ERROR,
            Self::Info => LevelFilter::INFO,
            Self::Trace => LevelFilter::TRACE,
            Self::Warn => LevelFilter::WARN,
        };
        if self == Self::Trace {
            return Targets::new().with_default(own);
        }
        Targets::new()
            .with_default(own.min(LevelFilter::WARN))
            .with_target("rustls", LevelFilter::ERROR)
            .with_target("curfew", own)
    }
}

/// A line of each kind in so long.
const LOG_EVERY: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Sparse, misleads, spelled_out};
    use crate::clock;

    #[test]
    fn one_line_in_ten_seconds_tells_of_all() {
        let (sparse, now) = (Sparse::default(), clock::instant());
        assert_eq!(sparse.admit("a", now), Some(0));
        assert_eq!((sparse.admit("a", now), sparse.admit("b", now)), (None, Some(0)));
        assert_eq!(sparse.admit("a", now + Duration::from_secs(9)), None);
        assert_eq!(sparse.admit("a", now + Duration::from_secs(10)), Some(2));
    }

    #[test]
    fn no_text_turns_a_line_around() {
        assert_eq!(
            spelled_out("a\u{202e}b\u{2028}c\u{85}é\n", misleads),
            "a\\u202eb\\u2028c\\u0085é\n"
        );
    }
}
