//! Logs: lines of JSON or text to stderr, and panics among them.

use std::io::IsTerminal;

use tracing_subscriber::Layer;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

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
        .with_writer(std::io::stderr)
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
        let own = LevelFilter::from(self);
        if self == Self::Trace {
            return Targets::new().with_default(own);
        }
        Targets::new()
            .with_default(own.min(LevelFilter::WARN))
            .with_target("rustls", LevelFilter::ERROR)
            .with_target("curfew", own)
    }
}

impl From<LogLevel> for LevelFilter {
    fn from(level: LogLevel) -> Self {
        match level {
            LogLevel::Debug => Self::DEBUG,
            LogLevel::Error => Self::ERROR,
            LogLevel::Info => Self::INFO,
            LogLevel::Trace => Self::TRACE,
            LogLevel::Warn => Self::WARN,
        }
    }
}
