//! `hearken task retry` and `hearken task cancel`.

use super::answers::{Cancelled, Changed};
use super::daemon::{Asked, Daemon, escaped};
use super::failure::Failure;
use super::place::Place;
use crate::exit::Exit;
use crate::print;
use clap::Args;
use hearken_supervisor::why::safe;

#[derive(Debug, Args)]
pub(super) struct Retry {
    /// The tasks.
    #[arg(required = true)]
    ids: Vec<String>,
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, Args)]
pub(super) struct Cancel {
    /// The tasks.
    #[arg(required_unless_present = "batch")]
    ids: Vec<String>,
    /// Every task of this batch that has not ended.
    #[arg(long, value_name = "ID", conflicts_with = "ids")]
    batch: Option<String>,
    #[command(flatten)]
    place: Place,
}

pub(super) fn retry(retry: &Retry) -> Result<Exit, Failure> {
    each(&retry.place.daemon()?, &retry.ids, "retry")
}

pub(super) fn cancel(cancel: &Cancel) -> Result<Exit, Failure> {
    let daemon = cancel.place.daemon()?;
    let Some(batch) = &cancel.batch else { return each(&daemon, &cancel.ids, "cancel") };
    let asked = Asked::post(format!("/v1/batches/{}/cancel", escaped(batch)), None);
    let Cancelled { cancelled } = daemon.json(&asked)?;
    Ok(print(&format!("{} cancelled: {cancelled}\n", safe(batch))))
}

/// Does it with each of them, and says how each stands. One that cannot be done is said, and holds
/// up no other.
fn each(daemon: &Daemon, ids: &[String], what: &str) -> Result<Exit, Failure> {
    let mut worst = Exit::Ok;
    for id in ids {
        let asked = Asked::post(format!("/v1/tasks/{}/{what}", escaped(id)), None);
        let exit = match daemon.json(&asked) {
            Ok(Changed { state }) => print(&format!("{} {}\n", safe(id), safe(&state))),
            Err(refused @ Failure::Refused(_)) => refused.report(),
            Err(other) => return Err(other),
        };
        if exit != Exit::Ok {
            worst = exit;
        }
    }
    Ok(worst)
}
