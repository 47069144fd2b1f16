//! The frame around a program: connect, work, say how it ended, exit with the matching code.

use std::any::Any;
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use hearken_proto::Intent;

use crate::error::ConnectError;
use crate::failure::WorkerError;
use crate::worker::Worker;

/// Runs a service and gives the exit code for `main`.
///
/// When `work` returns, it says `exiting` with the intent `done`, unless `work` has said one itself, and exits with 0.
/// When `work` fails, it says the error and exits with the code of sysexits that means the same: 75 for what is worth
/// another try, 78 for `config`, 65 `invalid`, 66 `not_found`, 77 `denied`, 69 `unavailable`, 71 `resource`, 70 `bug`.
/// What happens then is for hearken's rules to decide. A panic is a `bug` with the code `panic`, where the program is
/// built to unwind: see [Panics](crate#panics).
pub fn run<F>(work: F) -> ExitCode
where
    F: FnOnce(&Worker) -> Result<(), WorkerError>,
{
    match Worker::connect() {
        Ok(worker) => run_with(&worker, work),
        Err(error) => refused(error),
    }
}

/// Says why there is no line in the only place left.
pub(crate) fn refused(error: ConnectError) -> ExitCode {
    let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
    let _ = writeln!(std::io::stderr(), "{error}{}", cause.unwrap_or_default());
    ExitCode::from(WorkerError::config("hearken.fd", error).exit_code())
}

fn run_with<F>(worker: &Worker, work: F) -> ExitCode
where
    F: FnOnce(&Worker) -> Result<(), WorkerError>,
{
    match caught(|| work(worker)) {
        Ok(()) => {
            // Said before, or nobody listens: the exit code says the same.
            let _ = worker.exiting(Intent::Done, "");
            ExitCode::SUCCESS
        }
        Err(error) => {
            let error = error.of_service();
            let _ = worker.error(&error);
            ExitCode::from(error.exit_code())
        }
    }
}

/// Work whose panic is an error like others.
pub(crate) fn caught<T>(work: impl FnOnce() -> Result<T, WorkerError>) -> Result<T, WorkerError> {
    // What the work left half changed is its own, and its documentation says so.
    let ended = catch_unwind(AssertUnwindSafe(work));
    ended.unwrap_or_else(|panic| Err(WorkerError::bug("panic", said_by(&*panic))))
}

fn said_by(panic: &(dyn Any + Send)) -> String {
    let literal = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let formatted = || panic.downcast_ref::<String>().cloned();
    literal.or_else(formatted).unwrap_or_else(|| "a panic without a message".to_owned())
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn the_exit_code_says_what_the_error_said() {
        let (child, _supervisor) = UnixStream::pair().unwrap();
        let worker = Worker::over(child).unwrap();
        let is = |code: ExitCode, expected: u8| code == ExitCode::from(expected);
        assert!(is(run_with(&worker, |_| Err(WorkerError::config("c", "m"))), 78));
        assert!(is(run_with(&worker, |_| Err(WorkerError::fatal("c", "m"))), 78));
        assert!(is(run_with(&worker, |_| Err(WorkerError::transient("c", "m"))), 75));
        assert!(is(run_with(&worker, |_| panic!("out of {}", "luck")), 70));
        assert!(is(run_with(&worker, |_| Ok(())), 0));
    }
}
