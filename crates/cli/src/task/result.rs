//! `hearken task result`: what came out, as it is.

use super::daemon::{Answer, Asked, Daemon, escaped};
use super::failure::Failure;
use super::place::Place;
use crate::exit::Exit;
use crate::{complain, print};
use clap::Args;
use hearken_supervisor::why::safe;
use std::io::{ErrorKind, IsTerminal, Write, stdout};

#[derive(Debug, Args)]
pub(super) struct ResultOf {
    /// The task.
    id: String,
    /// A result of text as JSON, too; without it, as text.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

pub(super) fn run(asked: &ResultOf) -> Result<Exit, Failure> {
    let daemon = asked.place.daemon()?;
    let path = path(&asked.id);
    if asked.json {
        return copy(&daemon, &Asked::get(path));
    }
    print_of(&daemon, &asked.id)
}

fn path(id: &str) -> String {
    format!("/v1/tasks/{}/result", escaped(id))
}

/// Prints the result of a task: a text as it is, any other value as JSON, bytes as bytes.
pub(super) fn print_of(daemon: &Daemon, id: &str) -> Result<Exit, Failure> {
    let answer = daemon.ask(&Asked::get(path(id)))?;
    if answer.content_type != "application/json" {
        return copied(answer);
    }
    let body = answer.whole()?;
    match serde_json::from_slice::<String>(&body) {
        Ok(mut text) => {
            if !text.ends_with('\n') {
                text.push('\n');
            }
            Ok(print(&shown(&text)))
        }
        Err(_no_text) => Ok(print(&shown(&String::from_utf8_lossy(&body)))),
    }
}

/// Prints the answer as it comes.
pub(super) fn copy(daemon: &Daemon, asked: &Asked) -> Result<Exit, Failure> {
    copied(daemon.ask(asked)?)
}

fn copied(mut answer: Answer<'_>) -> Result<Exit, Failure> {
    let terminal = stdout().is_terminal();
    let text = answer.content_type.starts_with("text/") || answer.content_type.contains("json");
    if terminal && !text {
        complain(&format!(
            "error: the result is {}, and this a terminal",
            safe(&answer.content_type)
        ));
        complain("help: write it to a file, with > FILE behind the command");
        return Ok(Exit::Failure);
    }
    while let Some(piece) = answer.next()? {
        let written = if terminal {
            stdout().write_all(shown(&String::from_utf8_lossy(&piece)).as_bytes())
        } else {
            stdout().write_all(&piece)
        };
        match written {
            Ok(()) => {}
            // A reader that has gone away (`| head`) is no failure.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(Exit::Ok),
            Err(error) => return Err(Failure::Here(format!("standard output: {error}"))),
        }
    }
    // Something that was not written shows in the last write at the latest.
    match stdout().flush() {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::Here(format!("standard output: {error}")))
        }
        Ok(()) | Err(_) => Ok(Exit::Ok),
    }
}

/// What a worker wrote drives no terminal. Where there is none, it stays as it is.
fn shown(text: &str) -> String {
    if !stdout().is_terminal() {
        return text.to_owned();
    }
    text.split_inclusive('\n')
        .map(|line| match line.strip_suffix('\n') {
            Some(line) => safe(line) + "\n",
            None => safe(line),
        })
        .collect()
}
