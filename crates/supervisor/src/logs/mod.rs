//! Structured logs: from a tracing event to a line on standard error.
//!
//! ```text
//!   emit ─▶ Layer (one line, JSON or for people) ─▶ Queue (bounded by bytes) ─▶ writer thread ─▶ stderr
//! ```
//!
//! The supervisor never writes to a descriptor that could block it: a terminal somebody paused with
//! ^S, a pipe nobody reads. What does not fit into the queue is dropped, counted and said so.
//! Children cannot crowd each other out: each has a share of the queue ([`Share`]), and the
//! supervisor's own events have a part that no child's output can take.

mod human;
mod json;
mod layer;
mod queue;
mod writer;

pub(crate) use layer::Style;
pub(crate) use queue::{Permit, Queue, Share};
pub(crate) use writer::Writer;

use hearken_config::{Log, LogFormat, LogLevel};
use layer::LogLayer;
use std::cell::Cell;
use std::io::IsTerminal;
use std::sync::Arc;
use tracing_subscriber::layer::SubscriberExt;

thread_local! {
    static PLACE: Cell<Place> = const { Cell::new(Place::Own) };
}

/// Whose room in the queue the next event takes.
#[derive(Debug, Default)]
enum Place {
    /// The supervisor's own.
    #[default]
    Own,
    /// A child's.
    Granted(Permit),
    /// A child's, which has none left: the event is not logged.
    Refused,
}

/// Does what emits one event about what a child said, in that child's room in the queue: the line
/// carries the permit and gives it back when it is written. Without one it is not logged, and the
/// caller counts it.
pub(crate) fn on_behalf<T>(permit: Option<Permit>, act: impl FnOnce() -> T) -> T {
    PLACE.set(permit.map_or(Place::Refused, Place::Granted));
    let done = act();
    // There may have been no event, or a filter swallowed it: this must not stick to the next one.
    drop(PLACE.take());
    done
}

/// Starts the writer thread and sends all tracing events of this process through it.
///
/// # Errors
/// If the thread cannot be started, or a subscriber is installed already.
pub(crate) fn start(log: &Log) -> std::io::Result<Writer> {
    let queue = Arc::new(Queue::default());
    let style = style_for(log.format);
    let subscriber = tracing_subscriber::registry()
        .with(level_filter(log.level))
        .with(LogLayer::new(Arc::clone(&queue), style));
    let writer = Writer::start(queue, style)?;
    tracing::subscriber::set_global_default(subscriber).map_err(std::io::Error::other)?;
    Ok(writer)
}

/// JSON when standard error is no terminal; colour only where it is one and `NO_COLOR`
/// (<https://no-color.org>) is not set.
fn style_for(format: LogFormat) -> Style {
    let terminal = std::io::stderr().is_terminal();
    let colour = terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    match format {
        LogFormat::Json => Style::Json,
        LogFormat::Human => Style::Human { colour },
        LogFormat::Auto if terminal => Style::Human { colour },
        LogFormat::Auto => Style::Json,
    }
}

fn level_filter(level: LogLevel) -> tracing_subscriber::filter::LevelFilter {
    use tracing_subscriber::filter::LevelFilter;
    match level {
        LogLevel::Trace => LevelFilter::TRACE,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Error => LevelFilter::ERROR,
    }
}

/// What `emit` logs, as lines of this style.
#[cfg(test)]
pub(crate) fn rendered(style: Style, emit: impl FnOnce()) -> String {
    let queue = Arc::new(Queue::default());
    let subscriber = tracing_subscriber::registry().with(LogLayer::new(Arc::clone(&queue), style));
    tracing::subscriber::with_default(subscriber, emit);
    let mut batch = queue::Batch::default();
    queue.close();
    while queue.take(&mut batch, usize::MAX).is_some() {}
    String::from_utf8(batch.bytes).expect("what is logged is text")
}
