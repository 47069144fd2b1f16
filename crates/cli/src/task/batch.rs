//! `hearken task batch`.

use super::answers;
use super::daemon::{Asked, escaped};
use super::failure::Failure;
use super::place::Place;
use super::result;
use crate::exit::Exit;
use crate::print;
use clap::{Args, ValueEnum};
use hearken_supervisor::why::{Now, safe};

#[derive(Debug, Args)]
pub(super) struct Batch {
    /// The batch.
    id: String,
    /// Print a row for each of its tasks, with its result.
    #[arg(long, value_name = "FORMAT")]
    results: Option<Format>,
    /// In which order the rows come.
    #[arg(long, requires = "results", default_value = "input")]
    order: Order,
    /// Print the same facts as JSON.
    #[arg(long, conflicts_with = "results")]
    json: bool,
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// One JSON object a line.
    Ndjson,
    /// One JSON array.
    Json,
    /// Comma-separated, with a line of names.
    Csv,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Order {
    /// That in which the tasks were added.
    Input,
    /// That in which they ended.
    Completion,
}

pub(super) fn run(batch: &Batch) -> Result<Exit, Failure> {
    let daemon = batch.place.daemon()?;
    let path = format!("/v1/batches/{}", escaped(&batch.id));
    if let Some(format) = batch.results {
        let format = match format {
            Format::Ndjson => "ndjson",
            Format::Json => "json",
            Format::Csv => "csv",
        };
        let order = match batch.order {
            Order::Input => "input",
            Order::Completion => "completion",
        };
        let asked = Asked::get(format!("{path}/results?format={format}&order={order}"));
        return result::copy(&daemon, &asked.accept("*/*"));
    }
    if batch.json {
        return result::copy(&daemon, &Asked::get(path));
    }
    let batch: answers::Batch = daemon.json(&Asked::get(path))?;
    Ok(print(&told(&batch, &Now::here())))
}

fn told(batch: &answers::Batch, now: &Now) -> String {
    let policy = match (batch.quorum, batch.halt_percent) {
        (Some(quorum), _) => format!("quorum of {quorum}"),
        (None, Some(percent)) => format!("halt on more than {percent} %"),
        (None, None) => batch.policy.clone(),
    };
    let mut lines = vec![format!(
        "{} of pool {} is {}: {} of {} done, {} succeeded, {} failed, {} cancelled",
        batch.id,
        batch.pool,
        batch.state,
        batch.total.saturating_sub(batch.open),
        batch.total,
        batch.succeeded,
        batch.failed,
        batch.cancelled,
    )];
    let times = [("submitted", batch.created), ("ended", batch.ended)];
    let times =
        times.into_iter().filter_map(|(what, at)| Some(format!("{what} {}", now.past(at?))));
    lines.push(format!("  policy {policy}, {}", times.collect::<Vec<_>>().join(", ")));
    if let Some(task) = &batch.on_complete {
        lines.push(format!("  then: task {task}"));
    }
    lines.into_iter().map(|line| safe(&line) + "\n").collect()
}
