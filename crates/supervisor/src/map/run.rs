//! A run from its first call to its exit code.

use super::asked::{Map, Mode, PAYLOAD};
use super::course::{Course, EndedBy, Loss};
use super::drive::{Ends, drive};
use super::input::{Opened, Reader, Source};
use super::joblog::{JobLog, JobLogError, Opening, Past, Resume};
use super::jobs::Jobs;
use super::progress::Board;
use super::tally::Tally;
use super::window::Window;
use super::writer::Writer;
use crate::boot::{Ground, UpError};
use crate::local::run_local;
use crate::logs::Outlet;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, mpsc};
use tokio::sync::mpsc::unbounded_channel;
use tokio::sync::oneshot;

/// Why nothing was run. Each names the next step.
#[derive(Debug, thiserror::Error)]
pub enum MapError {
    /// The supervisor did not come up.
    #[error(transparent)]
    Up(#[from] UpError),
    /// The inputs cannot be opened.
    #[error("the inputs: {path}: {error}; name a file that this user can read")]
    Source {
        /// Which file.
        path: PathBuf,
        /// What the kernel said.
        error: io::Error,
    },
    /// There is no job log.
    #[error(transparent)]
    JobLog(#[from] JobLogError),
    /// The kernel refuses what a run needs.
    #[error("{what}: {error}")]
    Machine {
        /// What was refused.
        what: &'static str,
        /// What it said.
        error: io::Error,
    },
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mapped {
    /// Everything that was wanted was done.
    Done,
    /// Some inputs failed, or the run ended early for it: in a sentence.
    Failed(String),
    /// The program cannot be run: in a sentence.
    NoProgram(String),
    /// Inputs, results or the job log could not be read or written: in a sentence.
    Broken(String),
    /// Nobody reads the results any more.
    Unread,
    /// A signal ended it: in a sentence.
    Interrupted(String),
}

/// Runs a program over a list of inputs. Must be called on the main thread, before any other exists.
///
/// # Errors
/// Why nothing was run. Whatever goes wrong later is a result, or how the run ended.
pub fn map(asked: &Map) -> Result<Mapped, MapError> {
    // Before anything is opened: the fork server would hold it open, too, with its lock.
    let ground = Ground::lay()?;
    let refused = |what| move |error| MapError::Machine { what, error };
    let directory = std::env::current_dir().map_err(refused("the current directory"))?;
    let Logged { log, past, said } = open_log(asked)?;
    let source = open_source(asked)?;

    let wanted = asked.jobs.here();
    let descriptors = hearken_sys::descriptor_limit().soft;
    let workers = Jobs::fitting(wanted, descriptors);
    let board = Board::new(asked.show());
    let window = Arc::new(Window::new(workers));
    let (feed, fed) = unbounded_channel();
    let (lost, losses) = unbounded_channel();
    let (write, written) = mpsc::channel();
    let keys = log.is_some().then(|| asked.keys());
    let form = asked.form();
    let reader = Reader { form, limit: PAYLOAD, keys, past, window: Arc::clone(&window) };
    let to = board.beside(io::stdout());
    let writer = Writer { to, writing: asked.writing(), log, window: Arc::clone(&window), lost };
    let course = Course::new(asked.terms());
    let ends = Ends { fed, losses, write, window, board: Arc::clone(&board) };
    let errors = Box::new(board.beside(io::stderr()));
    let outlet = Outlet::for_people(errors, asked.verbose, asked.quiet);

    let (tell, told) = oneshot::channel();
    let mut threads = None;
    run_local(ground, asked.pool(workers, directory), outlet, |client| {
        // What could be forked before the first thread is forked.
        let started = (|| {
            let painter = board.start()?;
            let output = writer.start(written)?;
            reader.start(source, feed)?;
            Ok((painter, output))
        })();
        said.iter().for_each(|line| board.say(line));
        if let Some(descriptors) = descriptors.filter(|_| workers < wanted) {
            board.say(&format!(
                "{workers} at once and not {wanted}: no more than {descriptors} descriptors may be \
                 open here (ulimit -n)"
            ));
        }
        let ready = started.is_ok();
        threads = Some(started);
        async move {
            if ready {
                // Whoever waits for it waits in the main thread.
                let _there = tell.send(drive(course, client, ends).await);
            } else {
                client.shut_down().await;
            }
        }
    })?;
    // The front end was told what it needs before the supervisor went.
    let started = threads.unwrap_or_else(|| Err(io::ErrorKind::Interrupted.into()));
    let (painter, output) = started.map_err(refused("a thread"))?;
    let loss = output.join().unwrap_or(None);
    board.finish(&painter);
    let (by, tally) = told.blocking_recv().unwrap_or((EndedBy::Gone, Tally::default()));
    Ok(mapped(asked, by, loss, &tally))
}

/// What there is of a job log.
struct Logged {
    log: Option<JobLog>,
    past: Option<(Past, Resume)>,
    /// What is to be said about it.
    said: Vec<String>,
}

fn open_log(asked: &Map) -> Result<Logged, MapError> {
    let Some(path) = &asked.joblog else {
        return Ok(Logged { log: None, past: None, said: Vec::new() });
    };
    let opening = if asked.resume.is_some() { Opening::Resumed } else { Opening::New };
    let (log, found) = JobLog::open(path, opening)?;
    let mut said: Vec<String> = found.warnings().collect();
    let (ended, succeeded) = found.past.counts();
    if ended > 0 {
        said.push(format!("the job log names {ended} inputs that ended, {succeeded} of them well"));
    }
    let past = asked.resume.map(|resume| (found.past, resume));
    Ok(Logged { log: Some(log), past, said })
}

fn open_source(asked: &Map) -> Result<Opened, MapError> {
    let path = match &asked.source {
        Source::File(path) => path.clone(),
        Source::Stdin | Source::Arguments(_) => PathBuf::new(),
    };
    asked.source.clone().open().map_err(|error| MapError::Source { path, error })
}

/// How the run ended, in words. `loss`: what the writer lost at its very end.
fn mapped(asked: &Map, by: EndedBy, loss: Option<Loss>, tally: &Tally) -> Mapped {
    let all = tally.done() + tally.cancelled;
    let mut said = Vec::new();
    if tally.failed > 0 {
        said.push(format!("{} of {all} inputs failed: {}", tally.failed, tally.codes()));
    }
    if tally.cancelled > 0 {
        said.push(format!("{} of {all} inputs were not done", tally.cancelled));
    }
    let program = asked.command.first().map_or("", String::as_str);
    let hint = match asked.mode {
        Mode::Line => "; a program that is no worker of an SDK of hearken needs --exec",
        Mode::Arguments(_) | Mode::Stdin(_) => "",
    };
    let said = said.join("; ");
    let after = |what: String| if said.is_empty() { what } else { format!("{what}; {said}") };
    match (by, loss) {
        (EndedBy::Lost(Loss::Closed), _) | (_, Some(Loss::Closed)) => Mapped::Unread,
        (EndedBy::Lost(Loss::Failed(why)), _) | (_, Some(Loss::Failed(why))) => {
            Mapped::Broken(after(why))
        }
        (EndedBy::Halted { wanted: true }, None) => Mapped::Done,
        (EndedBy::Inputs, None) if tally.failed == 0 => Mapped::Done,
        (EndedBy::Inputs, None) => Mapped::Failed(said),
        (EndedBy::Halted { wanted: false }, None) => Mapped::Failed(after("halted".into())),
        (EndedBy::Interrupted, None) => Mapped::Interrupted(after("interrupted".into())),
        (EndedBy::InputFailed(why), None) => Mapped::Broken(after(why)),
        (EndedBy::PoolFailed(why), None) => {
            Mapped::NoProgram(after(format!("{program}: {why}{hint}")))
        }
        (EndedBy::Gone, None) => Mapped::Broken(after("the supervisor went before the end".into())),
    }
}
