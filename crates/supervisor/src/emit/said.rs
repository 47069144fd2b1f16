//! Saying it: one line of JSON, in one write.

use super::Emission;
use bytes::BytesMut;
use hearken_proto::{EncodeError, MAX_FRAME_BEFORE_WELCOME, encode_json};
use hearken_sys::inherited_line;
use rustix::event::{PollFd, PollFlags, poll};
use std::ffi::{OsStr, OsString};
use std::io::{self, ErrorKind, Write};
use std::os::unix::net::UnixStream;

/// The variable that names the line.
pub const VARIABLE: &str = "HEARKEN_FD";

/// The longest line, its newline included: no `hello` was said, so the first limit holds.
const LONGEST: usize = MAX_FRAME_BEFORE_WELCOME as usize;

/// Why something was not said. Each names the next step.
#[derive(Debug, thiserror::Error)]
pub enum EmitError {
    /// The message cannot be written as a line of JSON.
    #[error("it cannot be said: {0}")]
    Unsayable(#[from] EncodeError),
    /// The message is longer than a line may be.
    #[error(
        "it takes {length} bytes as a line of JSON, and {LONGEST} are allowed: a long result goes to \
         standard output instead"
    )]
    TooLong {
        /// Its bytes.
        length: usize,
    },
    /// `HEARKEN_FD` is no number of a descriptor.
    #[error("HEARKEN_FD={} is no descriptor: leave it as hearken set it, or unset it", .0.display())]
    NotADescriptor(OsString),
    /// `HEARKEN_FD` names something else.
    #[error(
        "HEARKEN_FD={number} is not the line to hearken: {source}; whoever started this closed it or \
         put something else in its place"
    )]
    NotTheLine {
        /// The number.
        number: i32,
        /// What is wrong with it.
        source: io::Error,
    },
    /// Nobody hears it any more.
    #[error("hearken does not listen any more: {0}")]
    HungUp(io::Error),
}

/// What became of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Emitted {
    /// It was said.
    Said,
    /// There is no hearken here: this line would have been said.
    Alone(String),
}

/// Says something on a line. `line` is what [`VARIABLE`] holds, which names it.
///
/// # Errors
/// If it cannot be said, or there is nobody to say it to; nothing was said then.
pub fn emit(emission: Emission, line: Option<&OsStr>) -> Result<Emitted, EmitError> {
    let text = written(emission)?;
    let Some(value) = line else {
        return Ok(Emitted::Alone(String::from_utf8_lossy(&text).into_owned()));
    };
    let number = value.to_str().and_then(|value| value.parse().ok());
    // The standard descriptors are never a line.
    let number = number.filter(|number| *number > 2);
    let number: i32 = number.ok_or_else(|| EmitError::NotADescriptor(value.to_owned()))?;
    let line = inherited_line(number).map_err(|source| EmitError::NotTheLine { number, source })?;
    write_all(&line, &text).map_err(EmitError::HungUp)?;
    Ok(Emitted::Said)
}

fn written(emission: Emission) -> Result<BytesMut, EmitError> {
    let mut text = BytesMut::new();
    encode_json(&emission.message(), &mut text)?;
    if text.len() > LONGEST { Err(EmitError::TooLong { length: text.len() }) } else { Ok(text) }
}

/// In one write, so that what several processes say does not come mixed; in more only if somebody
/// has made the socket nonblocking and it is full.
fn write_all(mut line: &UnixStream, mut text: &[u8]) -> io::Result<()> {
    while !text.is_empty() {
        match line.write(text) {
            Ok(written) => text = text.get(written..).unwrap_or_default(),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                poll(&mut [PollFd::new(line, PollFlags::OUT)], None)?;
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use hearken_proto::{
        Decoded, ErrorKind, ErrorMessage, FromChild, Level, Log, Progress, Raw, Status, decode_json,
    };
    use std::io::Read;
    use std::os::fd::AsRawFd;

    fn status(text: &str) -> Emission {
        Emission::Status(Status { text: text.into() })
    }

    /// What hearken hears.
    fn heard(emission: Emission) -> Vec<u8> {
        let (mut supervisor, child) = UnixStream::pair().unwrap();
        let number = child.as_raw_fd().to_string();
        assert_eq!(emit(emission, Some(number.as_ref())).unwrap(), Emitted::Said);
        drop(child);
        let mut heard = Vec::new();
        supervisor.read_to_end(&mut heard).unwrap();
        heard
    }

    #[test]
    fn what_is_emitted_is_one_line_that_hearken_understands() {
        let progress = Progress { done: Some(3), total: Some(9), ..Progress::default() };
        let error = ErrorMessage::new(ErrorKind::Transient, "db.down", "no\nconnection");
        let snooze = Emission::Snooze { delay_ms: 300, reason: "later".into() };
        for (emission, expected) in [
            (Emission::Progress(progress), r#"{"kind":"progress","done":3,"total":9}"#),
            (
                Emission::Log(Log {
                    handle: None,
                    level: Level::Warn,
                    message: "disk nearly full".into(),
                    target: None,
                    fields: None,
                    time: None,
                }),
                r#"{"kind":"log","level":3,"message":"disk nearly full"}"#,
            ),
            (
                Emission::Error(Box::new(error)),
                r#"{"kind":"error","error_kind":"transient","code":"db.down","message":"no\nconnection"}"#,
            ),
            (
                Emission::Result(Some(Raw::string("done"))),
                r#"{"kind":"result","handle":1,"data":"done"}"#,
            ),
            (Emission::Result(None), r#"{"kind":"result","handle":1}"#),
            (snooze, r#"{"kind":"snooze","handle":1,"delay_ms":300,"reason":"later"}"#),
            (status("well"), r#"{"kind":"status","text":"well"}"#),
        ] {
            let message = emission.clone().message();
            let heard = heard(emission);
            assert_eq!(String::from_utf8(heard.clone()).unwrap(), format!("{expected}\n"));
            assert_eq!(decode_json(&heard).unwrap(), Decoded::<FromChild>::Message(message));
        }
    }

    #[test]
    fn without_hearken_the_line_is_given_back() {
        let alone = emit(status("well"), None).unwrap();
        assert_eq!(alone, Emitted::Alone("{\"kind\":\"status\",\"text\":\"well\"}\n".into()));
    }

    #[test]
    fn a_descriptor_that_is_no_line_is_told_and_not_written_to() {
        for value in ["", "x", "-1", "0", "2", "3.5", "99999999999"] {
            let refused = emit(status("well"), Some(value.as_ref())).unwrap_err();
            assert!(matches!(refused, EmitError::NotADescriptor(_)), "{value}: {refused}");
        }
        let file = tempfile::tempfile().unwrap();
        let number = file.as_raw_fd().to_string();
        let refused = emit(status("well"), Some(number.as_ref())).unwrap_err();
        assert!(matches!(refused, EmitError::NotTheLine { .. }), "{refused}");
        assert_eq!(file.metadata().unwrap().len(), 0);
    }

    #[test]
    fn a_line_that_nobody_hears_is_told() {
        let (supervisor, child) = UnixStream::pair().unwrap();
        drop(supervisor);
        let number = child.as_raw_fd().to_string();
        let refused = emit(status("well"), Some(number.as_ref())).unwrap_err();
        assert!(matches!(refused, EmitError::HungUp(_)), "{refused}");
    }

    #[test]
    fn a_line_is_as_long_as_it_may_be_and_no_longer() {
        let around = r#"{"kind":"result","handle":1,"data":""}"#.len() + 1;
        let result = |length| Emission::Result(Some(Raw::string(&"x".repeat(length))));
        assert_eq!(heard(result(LONGEST - around)).len(), LONGEST);
        let refused = emit(result(LONGEST - around + 1), None).unwrap_err();
        assert!(matches!(refused, EmitError::TooLong { length } if length == LONGEST + 1));
    }

    #[test]
    fn what_json_cannot_say_is_refused() {
        let refused = emit(Emission::Result(Some(Raw::binary(b"\xff"))), None).unwrap_err();
        assert!(matches!(refused, EmitError::Unsayable(_)), "{refused}");
    }

    #[test]
    fn a_full_nonblocking_line_is_waited_for() {
        let (mut supervisor, child) = UnixStream::pair().unwrap();
        child.set_nonblocking(true).unwrap();
        while (&child).write(&[b' '; 4096]).is_ok() {}
        let number = child.as_raw_fd().to_string();
        let speaking =
            std::thread::spawn(move || emit(status("well"), Some(number.as_ref())).unwrap());
        let mut heard = Vec::new();
        let mut room = [0; 4096];
        while !heard.ends_with(b"}\n") {
            let read = supervisor.read(&mut room).unwrap();
            heard.extend_from_slice(&room[..read]);
        }
        assert_eq!(speaking.join().unwrap(), Emitted::Said);
        assert_eq!(heard.trim_ascii(), br#"{"kind":"status","text":"well"}"#);
    }
}
