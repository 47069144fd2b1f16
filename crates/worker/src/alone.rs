//! One task without hearken: what a shell, or the exec mode of a pool, starts.

use std::env;
use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStringExt;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use hearken_proto::{FromChild, Handle, MAX_FRAME, Raw, Snooze};

use crate::console;
use crate::failure::{WorkerError, milliseconds};
use crate::outcome::{Ended, Outcome};
use crate::run::caught;
use crate::task::Task;
use crate::tasks::Tasks;
use crate::worker::Worker;

/// EX_TEMPFAIL of sysexits: try again later.
const TRY_LATER: u8 = 75;

/// Runs the task that the arguments and the environment describe.
pub(crate) fn run(tasks: &mut Tasks) -> ExitCode {
    let worker = Worker::alone();
    let ended = from_surroundings().and_then(|message| {
        let handler = tasks.handler(message.task_type.as_deref())?;
        let task = Task::new(Box::new(message), worker.clone());
        caught(|| handler(&task))
    });
    let ended = ended.and_then(|outcome| {
        print(outcome, &mut io::stdout().lock()).map_err(|error| {
            WorkerError::unavailable("task.stdout", "the result cannot be written")
                .caused_by(&error)
        })
    });
    match ended {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            console::print(&FromChild::Error(Box::new(error.message().clone())));
            ExitCode::from(error.exit_code())
        }
    }
}

/// Prints a value as JSON on a line of its own, bytes as they are, and gives the exit code.
fn print(outcome: Outcome, out: &mut impl Write) -> io::Result<u8> {
    match outcome.ended {
        Ended::Nothing => out.write_all(b"null\n")?,
        Ended::Value(value) => writeln!(out, "{}", value.to_json(usize::MAX))?,
        Ended::Bytes(bytes) => out.write_all(&bytes)?,
        Ended::Snooze { after, reason } => {
            let (delay_ms, reason) = (milliseconds(after), reason.into());
            console::print(&FromChild::Snooze(Snooze { handle: Handle(0), delay_ms, reason }));
            return Ok(TRY_LATER);
        }
    }
    out.flush()?;
    Ok(0)
}

fn from_surroundings() -> Result<hearken_proto::Task, WorkerError> {
    let payload = match env::args_os().nth(1) {
        Some(argument) => argument.into_vec(),
        None => from_standard_input()?,
    };
    Ok(hearken_proto::Task {
        handle: Handle(0),
        id: variable("HEARKEN_TASK_ID").unwrap_or_else(id),
        task_type: variable("HEARKEN_TASK_TYPE"),
        attempt: match variable("HEARKEN_TASK_ATTEMPT") {
            Some(value) => attempt(&value)?,
            None => 1,
        },
        crashes: 0,
        payload: payload_of(payload)?,
        content_type: None,
        soft_ms: None,
        hard_ms: None,
        key: variable("HEARKEN_TASK_KEY"),
        headers: None,
        traceparent: None,
        checkpoint: None,
        last_error: None,
        batch: None,
    })
}

/// An empty variable is one that is not set: a shell makes no difference.
fn variable(name: &str) -> Option<String> {
    let value = env::var_os(name).map(OsString::into_string)?;
    Some(value.unwrap_or_else(|other| other.to_string_lossy().into_owned()))
        .filter(|value| !value.is_empty())
}

fn attempt(value: &str) -> Result<u32, WorkerError> {
    let number = value.parse().ok().filter(|&number| number > 0);
    number.ok_or_else(|| {
        let message = format!("HEARKEN_TASK_ATTEMPT is {value:?}; set it to a number from 1 on");
        WorkerError::config("task.attempt", message)
    })
}

/// Unlike any other on this machine: somebody may take it for the key of the work.
fn id() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("alone-{}-{}", now.as_micros(), std::process::id())
}

/// No task on a line is longer than [`MAX_FRAME`], so none is here.
fn from_standard_input() -> Result<Vec<u8>, WorkerError> {
    let mut payload = Vec::new();
    let read = io::stdin().lock().take(u64::from(MAX_FRAME) + 1).read_to_end(&mut payload);
    read.map_err(|error| {
        WorkerError::unavailable("task.stdin", "standard input cannot be read").caused_by(&error)
    })?;
    if payload.len() > MAX_FRAME as usize {
        let message = format!("more than {MAX_FRAME} bytes on standard input; give a path instead");
        return Err(WorkerError::invalid("task.payload", message));
    }
    Ok(payload)
}

/// JSON if it is JSON, else text, else bytes.
fn payload_of(bytes: Vec<u8>) -> Result<Raw, WorkerError> {
    if let Ok(value) = serde_json::from_slice::<serde_json::Value>(&bytes) {
        return Raw::from_value(&value)
            .map_err(|error| WorkerError::invalid("task.payload", error));
    }
    Ok(match str::from_utf8(&bytes) {
        Ok(text) => Raw::string(text),
        Err(_) => Raw::binary(&bytes),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_is_json_or_text_or_bytes() {
        let json = |bytes: &[u8]| payload_of(bytes.to_vec()).unwrap().to_string();
        assert_eq!(json(b" {\"a\": [1, 2.5, null]}\n"), r#"{"a":[1,2.5,null]}"#);
        assert_eq!(json(b"17"), "17");
        assert_eq!(json(b"17 apples"), r#""17 apples""#);
        assert_eq!(json(b""), r#""""#);
        assert_eq!(payload_of(vec![0xff, 0]).unwrap(), Raw::binary(&[0xff, 0]));
    }

    #[test]
    fn json_too_deep_for_a_line_is_too_deep_here() {
        let deep = format!("{}{}", "[".repeat(40), "]".repeat(40));
        let refused = payload_of(deep.into_bytes()).unwrap_err();
        assert_eq!((refused.code(), refused.exit_code()), ("task.payload", 65));
    }

    #[test]
    fn an_attempt_that_is_none_is_refused() {
        assert!(matches!(attempt("3"), Ok(3)));
        for value in ["0", "-1", "three", "99999999999"] {
            assert_eq!(attempt(value).unwrap_err().exit_code(), 78, "{value}");
        }
    }

    #[test]
    fn a_result_is_printed_as_json_and_bytes_as_they_are() {
        let printed = |outcome: Outcome| {
            let mut out = Vec::new();
            let code = print(outcome, &mut out).unwrap();
            (code, String::from_utf8(out).unwrap())
        };
        assert_eq!(printed(().into()), (0, "null\n".to_owned()));
        assert_eq!(printed("x\"y".into()), (0, "\"x\\\"y\"\n".to_owned()));
        let long = "z".repeat(10_000);
        assert_eq!(printed(long.as_str().into()), (0, format!("\"{long}\"\n")));
        assert_eq!(printed(vec![b'a', b'\n'].into()), (0, "a\n".to_owned()));
        let snooze = Outcome::snooze(std::time::Duration::from_secs(1), "later");
        assert_eq!(printed(snooze), (75, String::new()));
    }
}
