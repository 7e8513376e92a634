//! Logs: text or JSON on standard output, levels by `RUST_LOG` or the settings.

use serde::Deserialize;
use tracing_subscriber::{EnvFilter, fmt, prelude::*};

/// How a daemon logs.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogSettings {
    /// Filter such as `info` or `info,zarathustra_chain=debug`. `RUST_LOG` wins over it.
    pub filter: String,
    /// Whether each line is a JSON object.
    pub json: bool,
}

impl Default for LogSettings {
    fn default() -> Self {
        Self {
            filter: "info".to_owned(),
            json: false,
        }
    }
}

/// Why logging could not be started.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The filter is not of the form that is understood.
    #[error("the log filter {filter:?} is malformed")]
    Filter {
        /// The filter.
        filter: String,
        /// The parser's own error.
        #[source]
        source: tracing_subscriber::filter::ParseError,
    },
    /// Logging was started before.
    #[error("start logging")]
    Twice(#[source] tracing_subscriber::util::TryInitError),
}

/// Starts logging for the whole process.
///
/// # Errors
/// [`LogError`] when the filter is malformed or logging runs already.
pub fn start(settings: &LogSettings) -> Result<(), LogError> {
    let text = std::env::var("RUST_LOG").unwrap_or_else(|_| settings.filter.clone());
    let filter = EnvFilter::try_new(&text).map_err(|source| LogError::Filter {
        filter: text,
        source,
    })?;
    let registry = tracing_subscriber::registry().with(filter);
    if settings.json {
        registry
            .with(fmt::layer().json().flatten_event(true))
            .try_init()
    } else {
        registry.with(fmt::layer().with_target(false)).try_init()
    }
    .map_err(LogError::Twice)
}
