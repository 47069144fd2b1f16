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
pub(crate) use writer::{Writer, write};

use crate::events::{Failed, OUTPUT_TARGET, TASK_TARGET};
use hearken_config::{Log, LogFormat, LogLevel};
use layer::LogLayer;
use std::cell::Cell;
use std::io::{IsTerminal, Write};
use std::sync::Arc;
use tracing_subscriber::filter::{LevelFilter, Targets};
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

/// Where the log goes, what of it, and how it looks.
pub(crate) struct Outlet {
    to: Box<dyn Write + Send>,
    style: Style,
    filter: Targets,
    /// Names of events that somebody else tells.
    unsaid: &'static [&'static str],
}

impl std::fmt::Debug for Outlet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outlet").field("style", &self.style).finish_non_exhaustive()
    }
}

impl Outlet {
    /// Standard error, as the config says.
    pub(crate) fn of(log: &Log) -> Self {
        let filter = Targets::new().with_default(level_filter(log.level));
        Self { to: Box::new(std::io::stderr()), style: style_for(log.format), filter, unsaid: &[] }
    }

    /// For people beside a front end that tells of tasks itself: warnings (or all, if it is to be
    /// `verbose`), and what children write unless that is to be `quiet`.
    pub(crate) fn for_people(to: Box<dyn Write + Send>, verbose: bool, quiet: bool) -> Self {
        let own = if verbose { LevelFilter::INFO } else { LevelFilter::WARN };
        let output = if quiet { LevelFilter::OFF } else { LevelFilter::INFO };
        let tasks = if verbose { LevelFilter::INFO } else { LevelFilter::OFF };
        let filter = Targets::new()
            .with_default(own)
            .with_target(TASK_TARGET, tasks)
            .with_target(OUTPUT_TARGET, output);
        // That a worker stays down is the end of the front end, whose last word it is. Here it would
        // name rules of a config that nobody wrote.
        let unsaid: &[_] = if verbose { &[] } else { &[Failed::NAME] };
        Self { to, style: style_for(LogFormat::Human), filter, unsaid }
    }
}

/// Starts the writer thread and sends all tracing events of this process through it.
///
/// # Errors
/// If the thread cannot be started, or a subscriber is installed already.
pub(crate) fn start(outlet: Outlet) -> std::io::Result<Writer> {
    let Outlet { to, style, filter, unsaid } = outlet;
    let queue = Arc::new(Queue::default());
    let layer = LogLayer::new(Arc::clone(&queue), style, unsaid);
    let subscriber = tracing_subscriber::registry().with(filter).with(layer);
    let writer = Writer::start(queue, style, to)?;
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

fn level_filter(level: LogLevel) -> LevelFilter {
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
    let subscriber =
        tracing_subscriber::registry().with(LogLayer::new(Arc::clone(&queue), style, &[]));
    tracing::subscriber::with_default(subscriber, emit);
    let mut batch = queue::Batch::default();
    queue.close();
    while queue.take(&mut batch, usize::MAX).is_some() {}
    String::from_utf8(batch.bytes).expect("what is logged is text")
}
