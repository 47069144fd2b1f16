//! Why a command about tasks did not do what it should.

use crate::complain;
use crate::exit::Exit;
use hearken_supervisor::why::safe;
use serde::Deserialize;
use std::io;
use std::path::PathBuf;

/// What went wrong, and whose it is.
#[derive(Debug)]
pub(super) enum Failure {
    /// The arguments make no sense.
    Usage(String),
    /// The config has problems, which were printed. What else can be done.
    Config(&'static str),
    /// Something of this machine.
    Here(String),
    /// Nobody answers at the socket.
    Nobody {
        /// The socket.
        socket: PathBuf,
        /// What the kernel said.
        error: io::Error,
        /// How to start a hearken there.
        start: String,
    },
    /// The connection ended before the answer.
    Lost(String),
    /// The daemon said no.
    Refused(Refusal),
}

/// What the daemon says when it says no.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Refusal {
    pub(super) code: String,
    pub(super) message: String,
    pub(super) help: String,
}

impl Failure {
    /// Says it, and gives the exit code.
    pub(super) fn report(self) -> Exit {
        match self {
            Self::Usage(what) => said(Exit::Usage, &what, None),
            Self::Config(help) => {
                complain(&format!("help: {help}"));
                Exit::InvalidConfig
            }
            Self::Here(what) => said(Exit::Failure, &what, None),
            Self::Nobody { socket, error, start } => {
                let what = format!("no hearken answers at {}: {error}", socket.display());
                let help = if error.kind() == io::ErrorKind::PermissionDenied {
                    "ask as the user hearken runs as, or as root".to_owned()
                } else {
                    format!("start it: {start}")
                };
                said(Exit::Unavailable, &what, Some(&help))
            }
            Self::Lost(why) => {
                let what = format!("hearken hung up before it answered: {why}");
                let help = "whether it did what was asked shows in `hearken task list`; a task that \
                            has an --id or a --key can be added again, and is kept once";
                said(Exit::Failure, &what, Some(help))
            }
            Self::Refused(Refusal { code, message, help }) => {
                said(exit_of(&code), &safe(&message), Some(&safe(&help)))
            }
        }
    }
}

fn said(exit: Exit, what: &str, help: Option<&str>) -> Exit {
    complain(&format!("error: {what}"));
    if let Some(help) = help {
        complain(&format!("help: {help}"));
    }
    exit
}

fn exit_of(code: &str) -> Exit {
    match code {
        "no_pool" | "no_task" | "no_batch" | "malformed" | "too_deep" | "unfit"
        | "bad_parameter" | "unknown_parameter" | "too_large" => Exit::Usage,
        "closing" | "busy" | "denied" => Exit::Unavailable,
        _ => Exit::Failure,
    }
}
