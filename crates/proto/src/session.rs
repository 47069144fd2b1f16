//! Which message is allowed when: one line, seen from the supervisor.
//!
//! ```text
//!                 hello, or in JSON mode            exiting
//!   AwaitingHello ─── any other message ───▶ Open ───────────▶ Exiting
//!        │                                    │ ▲                │ ▲
//!        │ hello of another version           └─┘                └─┘
//!        │                              everything else      farewells
//!        ▼
//!      Ended ◀─── any violation, from every state
//! ```
//!
//! The happy path: `hello` is heard and answered with `welcome`, then `ready`, then whatever the child has to say,
//! then `exiting`, then the end of the stream. A child need not wait for `welcome`: what it sends right behind its
//! `hello` is heard in order.
//!
//! After `exiting` only farewells are heard: `log`, `status`, `heartbeat`, `metric`, `event` and unknown ancillary
//! messages. They come from other threads of the child and change nothing. Everything else would change what the
//! last word said, and ends the line.

use std::collections::BTreeSet;

use crate::frame::{DEFAULT_MAX_FRAME, Decoded, MAX_FRAME, MAX_FRAME_BEFORE_WELCOME};
use crate::kind::Kind;
use crate::message::{
    Accepted, Checkpoint, Chunk, Draining, ErrorMessage, Event, Exiting, FromChild, Handle,
    Heartbeat, Hello, Log, Message, Metric, Progress, Ready, Reject, Snooze, Status, TaskResult,
};
use crate::text::ShortText;
use crate::violation::Violation;

/// The protocol version this crate speaks.
pub const PROTOCOL: u16 = 1;

/// How the messages of a line are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Mode {
    /// Frames of MessagePack.
    #[default]
    MessagePack,
    /// Lines of JSON; `hello` may be left out.
    Json,
}

/// What a message means for the supervisor: one variant each, none of them out of turn.
#[derive(Debug, Clone, PartialEq)]
#[expect(
    missing_docs,
    reason = "variants named like a message carry the struct that is documented"
)]
pub enum Heard {
    /// The first word: answer with `welcome` and this version.
    Hello {
        /// What the child says about itself.
        hello: Hello,
        /// The version to speak.
        protocol: u16,
    },
    /// A hello that shares no version with us: send this, then close the line.
    Unsupported {
        /// What the child says about itself.
        hello: Hello,
        /// The answer.
        reject: Reject,
    },
    Ready(Ready),
    Accepted(Accepted),
    Progress(Progress),
    Log(Log),
    Chunk(Chunk),
    Result(TaskResult),
    Error(Box<ErrorMessage>),
    Heartbeat(Heartbeat),
    Checkpoint(Checkpoint),
    Snooze(Snooze),
    Draining(Draining),
    Exiting(Exiting),
    Status(Status),
    Metric(Metric),
    Event(Event),
    /// About a task this line does not hold, or no longer: count it and drop it.
    Stale {
        /// Which message.
        kind: Kind,
        /// The handle it named.
        handle: Handle,
    },
    /// From a newer version, and may be left unread: count it and drop it.
    Ancillary {
        /// Its number, 64 to 127.
        kind: u8,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    AwaitingHello,
    Open,
    Exiting,
    Ended,
}

/// The state of one line. Feed it every message in order.
#[derive(Debug)]
pub struct Session {
    mode: Mode,
    state: State,
    max_frame: u32,
    open: BTreeSet<Handle>,
}

impl Session {
    /// A line nothing has been said on yet. `max_frame`, in bytes, applies from `welcome` on.
    #[must_use]
    pub fn new(mode: Mode, max_frame: u32) -> Self {
        Session {
            mode,
            state: State::AwaitingHello,
            max_frame: max_frame.min(MAX_FRAME),
            open: BTreeSet::new(),
        }
    }

    /// How long the next body may be, in bytes.
    #[must_use]
    pub fn max_frame(&self) -> u32 {
        match self.state {
            State::AwaitingHello => self.max_frame.min(MAX_FRAME_BEFORE_WELCOME),
            State::Open | State::Exiting | State::Ended => self.max_frame,
        }
    }

    /// Whether the child has said `hello`, or in JSON mode anything.
    #[must_use]
    pub fn has_spoken(&self) -> bool {
        match self.state {
            State::AwaitingHello => false,
            State::Open | State::Exiting | State::Ended => true,
        }
    }

    /// Whether the child has said its last word.
    #[must_use]
    pub fn is_exiting(&self) -> bool {
        match self.state {
            State::Exiting => true,
            State::AwaitingHello | State::Open | State::Ended => false,
        }
    }

    /// Notes that a task was handed out under this handle. Call it before the `task` is written, so that no answer
    /// can come first. Gives whether the handle was new.
    pub fn open(&mut self, handle: Handle) -> bool {
        self.open.insert(handle)
    }

    /// Takes a handle back; what the child still says about it is stale. Gives whether it was open.
    pub fn close(&mut self, handle: Handle) -> bool {
        self.open.remove(&handle)
    }

    /// The tasks this line holds, in order.
    pub fn open_handles(&self) -> impl Iterator<Item = Handle> + '_ {
        self.open.iter().copied()
    }

    /// Takes in the next message.
    ///
    /// # Errors
    ///
    /// A [`Violation`] if it is out of turn; the line is ended by it, and every later message gives
    /// [`Violation::LineEnded`].
    pub fn receive(&mut self, decoded: Decoded) -> Result<Heard, Violation> {
        let heard = match decoded {
            Decoded::Message(message) => self.hear(message),
            Decoded::Ancillary { kind } => self.hear_ancillary(kind),
        };
        if heard.is_err() {
            self.state = State::Ended;
        }
        heard
    }

    fn hear_ancillary(&self, kind: u8) -> Result<Heard, Violation> {
        match self.state {
            State::AwaitingHello => Err(Violation::HelloExpectedBeforeAncillary { number: kind }),
            State::Open | State::Exiting => Ok(Heard::Ancillary { kind }),
            State::Ended => Err(Violation::LineEnded),
        }
    }

    fn hear(&mut self, message: FromChild) -> Result<Heard, Violation> {
        match (self.state, message) {
            (State::AwaitingHello, FromChild::Hello(hello)) => Ok(self.negotiate(hello)),
            (
                State::AwaitingHello,
                message @ (FromChild::Ready(_)
                | FromChild::Accepted(_)
                | FromChild::Progress(_)
                | FromChild::Log(_)
                | FromChild::Chunk(_)
                | FromChild::Result(_)
                | FromChild::Error(_)
                | FromChild::Heartbeat(_)
                | FromChild::Checkpoint(_)
                | FromChild::Snooze(_)
                | FromChild::Draining(_)
                | FromChild::Exiting(_)
                | FromChild::Status(_)
                | FromChild::Metric(_)
                | FromChild::Event(_)),
            ) => match self.mode {
                Mode::MessagePack => Err(Violation::HelloExpected { got: message.kind() }),
                Mode::Json => {
                    self.state = State::Open;
                    self.hear(message)
                }
            },

            (State::Open | State::Exiting, FromChild::Hello(_)) => Err(Violation::SecondHello),
            (State::Open, FromChild::Exiting(message)) => {
                self.state = State::Exiting;
                Ok(Heard::Exiting(message))
            }
            (State::Open, FromChild::Ready(message)) => Ok(Heard::Ready(message)),
            (State::Open, FromChild::Draining(message)) => Ok(Heard::Draining(message)),
            (State::Open, FromChild::Accepted(message)) => {
                Ok(self.about(Kind::Accepted, message.handle, || Heard::Accepted(message)))
            }
            (State::Open, FromChild::Progress(message)) => {
                let handle = message.handle;
                Ok(self.perhaps_about(Kind::Progress, handle, || Heard::Progress(message)))
            }
            (State::Open, FromChild::Chunk(message)) => {
                Ok(self.about(Kind::Chunk, message.handle, || Heard::Chunk(message)))
            }
            (State::Open, FromChild::Checkpoint(message)) => {
                Ok(self.about(Kind::Checkpoint, message.handle, || Heard::Checkpoint(message)))
            }
            (State::Open, FromChild::Result(message)) => {
                Ok(self.last_about(Kind::Result, message.handle, || Heard::Result(message)))
            }
            (State::Open, FromChild::Snooze(message)) => {
                Ok(self.last_about(Kind::Snooze, message.handle, || Heard::Snooze(message)))
            }
            (State::Open, FromChild::Error(message)) => Ok(match message.handle {
                Some(handle) => self.last_about(Kind::Error, handle, || Heard::Error(message)),
                None => Heard::Error(message),
            }),

            (State::Open | State::Exiting, FromChild::Log(message)) => {
                let handle = message.handle;
                Ok(self.perhaps_about(Kind::Log, handle, || Heard::Log(message)))
            }
            (State::Open | State::Exiting, FromChild::Event(message)) => {
                let handle = message.handle;
                Ok(self.perhaps_about(Kind::Event, handle, || Heard::Event(message)))
            }
            (State::Open | State::Exiting, FromChild::Heartbeat(message)) => {
                Ok(Heard::Heartbeat(message))
            }
            (State::Open | State::Exiting, FromChild::Status(message)) => {
                Ok(Heard::Status(message))
            }
            (State::Open | State::Exiting, FromChild::Metric(message)) => {
                Ok(Heard::Metric(message))
            }

            (
                State::Exiting,
                message @ (FromChild::Ready(_)
                | FromChild::Accepted(_)
                | FromChild::Progress(_)
                | FromChild::Chunk(_)
                | FromChild::Result(_)
                | FromChild::Error(_)
                | FromChild::Checkpoint(_)
                | FromChild::Snooze(_)
                | FromChild::Draining(_)
                | FromChild::Exiting(_)),
            ) => Err(Violation::AfterExiting { got: message.kind() }),

            (
                State::Ended,
                FromChild::Hello(_)
                | FromChild::Ready(_)
                | FromChild::Accepted(_)
                | FromChild::Progress(_)
                | FromChild::Log(_)
                | FromChild::Chunk(_)
                | FromChild::Result(_)
                | FromChild::Error(_)
                | FromChild::Heartbeat(_)
                | FromChild::Checkpoint(_)
                | FromChild::Snooze(_)
                | FromChild::Draining(_)
                | FromChild::Exiting(_)
                | FromChild::Status(_)
                | FromChild::Metric(_)
                | FromChild::Event(_),
            ) => Err(Violation::LineEnded),
        }
    }

    fn negotiate(&mut self, hello: Hello) -> Heard {
        let range = hello.protocol;
        if range.includes(PROTOCOL) {
            self.state = State::Open;
            return Heard::Hello { hello, protocol: PROTOCOL };
        }
        self.state = State::Ended;
        let message = format!(
            "this supervisor speaks protocol {PROTOCOL}, the child speaks {} to {}",
            range.min(),
            range.max()
        );
        let reject =
            Reject { code: "unsupported_protocol".to_owned(), message: ShortText::from(message) };
        Heard::Unsupported { hello, reject }
    }

    fn about(&self, kind: Kind, handle: Handle, heard: impl FnOnce() -> Heard) -> Heard {
        if self.open.contains(&handle) { heard() } else { Heard::Stale { kind, handle } }
    }

    fn perhaps_about(
        &self,
        kind: Kind,
        handle: Option<Handle>,
        heard: impl FnOnce() -> Heard,
    ) -> Heard {
        match handle {
            Some(handle) => self.about(kind, handle, heard),
            None => heard(),
        }
    }

    /// A task ends once: whatever else is said about it is stale from here on.
    fn last_about(&mut self, kind: Kind, handle: Handle, heard: impl FnOnce() -> Heard) -> Heard {
        if self.open.remove(&handle) { heard() } else { Heard::Stale { kind, handle } }
    }
}

impl Default for Session {
    fn default() -> Self {
        Session::new(Mode::default(), DEFAULT_MAX_FRAME)
    }
}
