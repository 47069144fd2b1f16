//! The life of a program that takes tasks.

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::process::ExitCode;
use std::sync::Arc;

use hearken_proto::{Accepted, Draining, FromChild, Intent, Ready};

use crate::answer::answer;
use crate::desk::Desk;
use crate::ear::hand_back;
use crate::error::LineError;
use crate::heard::HeardSoFar;
use crate::run::{caught, refused};
use crate::task::Task;
use crate::tasks::Tasks;
use crate::voice::Voice;
use crate::worker::Worker;
use crate::{alone, descriptor};

/// Takes tasks until hearken says `drain` or SIGTERM comes, and gives the exit code for `main`.
///
/// A drain lets the tasks that are held be finished, waits until hearken has acknowledged every answer, and ends with 0.
/// If the line ends by itself, the reason stands on standard error and the exit code is that of the kind: 69 if hearken
/// is gone, 78 if it speaks another version.
///
/// A handler that fails fails its task, and one that panics does so as a `bug` with the code `panic`; the program goes
/// on, where it is built to unwind: see [Panics](crate#panics).
///
/// Without `HEARKEN_FD` one task runs. Its payload is the first argument, or else what is on standard input: JSON if it
/// can be read as that, else text. Its type is in `HEARKEN_TASK_TYPE`; hearken's exec mode also sets `HEARKEN_TASK_ID`,
/// `HEARKEN_TASK_ATTEMPT` and `HEARKEN_TASK_KEY`. The result goes to standard output, as JSON if it is a value, and what
/// else is said to standard error. The exit code says how it ended: 0, or as of [`run`](crate::run) (a snooze: 75).
///
/// ```no_run
/// use hearken_worker::{Tasks, run_tasks};
///
/// fn main() -> std::process::ExitCode {
///     run_tasks(Tasks::all(|task| {
///         let text: String = task.payload()?;
///         Ok(text.split_whitespace().count().to_string())
///     }))
/// }
/// ```
pub fn run_tasks(mut tasks: Tasks) -> ExitCode {
    let ended = match descriptor::from_environment() {
        Ok(None) => return alone::run(&mut tasks),
        Ok(Some(line)) => open(line, &tasks).and_then(|(worker, voice)| {
            let announcing = Arc::clone(&voice);
            worker.on_sigterm(move || announcing.say(&draining("SIGTERM")))?;
            serve(&worker, &voice, &mut tasks)
        }),
        Err(error) => return refused(error),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // The only place left to say it.
            let _ = writeln!(std::io::stderr(), "{error}");
            ExitCode::from(error.exit_code())
        }
    }
}

impl Tasks {
    /// Takes tasks over a line of one's own until hearken says `drain`: for tests, and for programs that were handed
    /// the socket another way. SIGTERM is the caller's matter.
    ///
    /// # Errors
    ///
    /// Why the line ended by itself.
    pub fn serve_over(mut self, line: UnixStream) -> Result<(), LineError> {
        let (worker, voice) = open(line, &self)?;
        serve(&worker, &voice, &mut self)
    }
}

fn open(line: UnixStream, tasks: &Tasks) -> Result<(Worker, Arc<Voice>), LineError> {
    let heard = HeardSoFar::with_desk(Desk::for_tasks(tasks.credits()));
    Worker::open(line, tasks.types(), heard)
}

fn serve(worker: &Worker, voice: &Voice, tasks: &mut Tasks) -> Result<(), LineError> {
    let heard = worker.heard();
    voice.say(&FromChild::Ready(Ready { credits: tasks.credits() }))?;
    while let Some(message) = heard.next(voice)? {
        let handle = message.handle;
        let ended = match tasks.handler(message.task_type.as_deref()) {
            Ok(handler) => {
                // Out before the work begins, for it starts the clocks; the answer to the task before goes with it.
                voice.say(&FromChild::Accepted(Accepted { handle }))?;
                let task = Task::new(message, worker.clone());
                caught(|| handler(&task))
            }
            Err(unknown) => Err(unknown),
        };
        let broken = ended.as_ref().err().filter(|error| error.breaks_the_worker());
        let farewell = broken.map(|error| draining(&error.to_string()));
        answer(handle, ended, voice, heard)?;
        if let Some(farewell) = farewell {
            for handle in heard.broken() {
                hand_back(handle, "this worker is broken", voice, heard)?;
            }
            voice.say(&farewell)?;
        }
    }
    voice.flush()?;
    heard.wait_for_acknowledgement()?;
    worker.exiting(Intent::Done, "")
}

fn draining(reason: &str) -> FromChild {
    FromChild::Draining(Draining { reason: reason.into() })
}
