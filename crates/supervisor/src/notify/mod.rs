//! The `NOTIFY_SOCKET` of those units that have `ready = "notify"`: sd_notify(3), as systemd has it.
//!
//! ```text
//!   child ─▶ notify.sock ─▶ Notify (this module: receives, remembers) ─▶ message::read ─▶ words
//!                                                                             │
//!               daemon/notify.rs: whose word is it, and what follows ◀────────┘
//! ```
//!
//! One socket serves the whole supervisor, in its state directory, which is its user's alone. The
//! kernel vouches for the pid of a sender, and the process tree says which unit it belongs to; the
//! word of anybody else changes nothing.
//!
//! What is sent is bounded, and so is what is done for it in one turn of the loop; descriptors that
//! come along are closed, in a thread of their own unless closing them is certain not to wait.

mod closer;
mod errno;
pub(crate) mod message;
mod strangers;

pub(crate) use errno::typed_error;
pub(crate) use strangers::Strangers;

use crate::logs::Share;
use closer::Closer;
use hearken_core::identity::Token;
use hearken_sys::{Datagram, NotifySocket, Passed, Pid};
use std::collections::{HashMap, VecDeque};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixDatagram as StdUnixDatagram;
use std::path::{Path, PathBuf};
use tokio::io::Interest;
use tokio::net::UnixDatagram;
use tokio::task::AbortHandle;

/// The name of the socket in the state directory.
const FILE: &str = "notify.sock";
/// The most bytes its path may have: sun_path has 108, and the file is made under a longer name.
const PATH_MAX: usize = 104;
/// How many datagrams one turn of the loop takes in: then it is everybody else's turn.
pub(crate) const TURN: usize = 64;
/// How many datagrams are taken in before deaths are told: more than can lie in the queue of a
/// socket (net.unix.max_dgram_qlen: 10, or 512 where systemd sets it), so that all that a process
/// said before it died is among them.
pub(crate) const BEFORE_DEATHS: usize = 1024;
/// How many datagrams may wait for the fork server to name their sender.
const HELD: usize = 64;

/// Why there is no socket.
#[derive(Debug, thiserror::Error)]
pub enum NotifyError {
    /// A socket cannot have such a long path.
    #[error(
        "the path of the notify socket, {}, has {} bytes, and the kernel takes {PATH_MAX}: set state_directory under [supervisor] to a shorter path, or use another `ready` than \"notify\"",
        .path.display(), .path.as_os_str().len()
    )]
    TooLong {
        /// The path.
        path: PathBuf,
    },
    /// The kernel refused it.
    #[error("the notify socket {}: {error}; set state_directory under [supervisor] to a folder that can hold sockets", .path.display())]
    Refused {
        /// The path.
        path: PathBuf,
        /// What it said.
        error: io::Error,
    },
}

/// Where the socket of this state directory is.
///
/// # Errors
/// If the path is too long for a socket, or the current directory is gone.
pub(crate) fn path_in(state: &Path) -> Result<PathBuf, NotifyError> {
    let path = state.join(FILE);
    // Children run in directories of their own.
    match std::path::absolute(&path) {
        Ok(path) if path.as_os_str().len() > PATH_MAX => Err(NotifyError::TooLong { path }),
        Ok(path) => Ok(path),
        Err(error) => Err(NotifyError::Refused { path, error }),
    }
}

/// Makes the socket, before the first child that might send to it.
///
/// # Errors
/// If the kernel refuses it.
pub(crate) fn bind(path: &Path) -> Result<NotifySocket, NotifyError> {
    NotifySocket::bind(path).map_err(|error| NotifyError::Refused { path: path.to_owned(), error })
}

/// A datagram whose sender nobody knows yet, because the fork server has not named all it forked.
#[derive(Debug)]
pub(crate) struct Held {
    /// The datagram.
    pub(crate) datagram: Datagram,
    /// The numbers of those that the sender may belong to, nearest first.
    pub(crate) leaders: Vec<Pid>,
    /// Why it is a stranger's, if it is none of theirs.
    pub(crate) reason: &'static str,
}

/// What is remembered of a child that spoke.
#[derive(Debug)]
pub(crate) struct Voice {
    /// Its room in the log.
    pub(crate) share: Share,
    /// How many words were heard but not logged, and their bytes.
    pub(crate) unlogged: (u64, u64),
    /// The session of its main process, where that leads neither a session nor a group.
    pub(crate) session: Option<Pid>,
    watch: Option<AbortHandle>,
}

impl Voice {
    /// A child that has said nothing yet.
    pub(crate) fn new(share: Share) -> Self {
        Self { share, unlogged: (0, 0), session: None, watch: None }
    }

    /// The task that watches its main process; the one before is not needed any more.
    pub(crate) fn watched_by(&mut self, task: Option<AbortHandle>) {
        if let Some(before) = std::mem::replace(&mut self.watch, task) {
            before.abort();
        }
    }
}

impl Drop for Voice {
    fn drop(&mut self) {
        self.watched_by(None);
    }
}

/// The socket, watched by the runtime, and what is remembered of those that send to it.
#[derive(Debug)]
pub(crate) struct Notify {
    socket: NotifySocket,
    /// A second descriptor of the socket, for its readiness only.
    watch: UnixDatagram,
    /// The last turn ended before the queue did.
    more: bool,
    /// Its turn was the last one: others come first now.
    pub(crate) had_its_turn: bool,
    /// Datagrams of senders that are not known yet, in their order.
    pub(crate) held: VecDeque<Held>,
    /// Those who have spoken.
    pub(crate) voices: HashMap<Token, Voice>,
    /// Those who have no say.
    pub(crate) strangers: Strangers,
    closer: Closer,
}

impl Notify {
    /// Begins to watch. Must be called inside the runtime.
    ///
    /// # Errors
    /// If there is no descriptor left, or the runtime cannot watch it.
    pub(crate) fn new(socket: NotifySocket) -> io::Result<Self> {
        let second = StdUnixDatagram::from(socket.as_fd().try_clone_to_owned()?);
        second.set_nonblocking(true)?;
        Ok(Self {
            watch: UnixDatagram::from_std(second)?,
            socket,
            more: false,
            had_its_turn: false,
            held: VecDeque::new(),
            voices: HashMap::new(),
            strangers: Strangers::default(),
            closer: Closer::default(),
        })
    }

    /// Waits until somebody has said something.
    pub(crate) async fn readable(&self) {
        if !self.more {
            // An error shows again when it is read.
            let _shown_in_the_read = self.watch.readable().await;
        }
    }

    /// A turn begins. What comes while it lasts sets the watch off anew.
    pub(crate) fn begin_turn(&mut self) {
        self.more = false;
        let nothing = || -> io::Result<()> { Err(io::ErrorKind::WouldBlock.into()) };
        let _would_block = self.watch.try_io(Interest::READABLE, nothing);
    }

    /// The turn ended, and there is more.
    pub(crate) fn leave_more(&mut self) {
        self.more = true;
    }

    /// The next datagram; `None` if there is none now.
    ///
    /// # Errors
    /// What the kernel says when it has no memory.
    pub(crate) fn receive(&self) -> io::Result<Option<Datagram>> {
        self.socket.receive()
    }

    /// Keeps a datagram until its sender is known. One that there is no room for comes back.
    pub(crate) fn hold(&mut self, held: Held) -> Option<Held> {
        if self.held.len() >= HELD {
            return Some(held);
        }
        self.held.push_back(held);
        None
    }

    /// Closes what came along.
    pub(crate) fn close(&mut self, passed: Passed) {
        match passed {
            Passed::One(descriptor) => self.closer.close(descriptor),
            Passed::Nothing | Passed::TooMany | Passed::NoRoom => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_is_too_long_is_refused_with_the_next_step() {
        let folder = PathBuf::from(format!("/{}", "x".repeat(PATH_MAX - FILE.len() - 2)));
        assert_eq!(path_in(&folder).unwrap().as_os_str().len(), PATH_MAX);
        let refusal = path_in(&folder.join("y")).unwrap_err().to_string();
        assert!(refusal.contains("106 bytes") && refusal.contains("state_directory"), "{refusal}");
        let relative = path_in(Path::new("state")).unwrap();
        assert!(relative.is_absolute(), "{}", relative.display());
    }

    #[test]
    fn what_there_is_no_room_to_hold_comes_back() {
        let folder = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
        runtime.block_on(async {
            let socket = bind(&folder.path().join(FILE)).unwrap();
            let mut notify = Notify::new(socket).unwrap();
            let held = || Held {
                datagram: Datagram {
                    sender: None,
                    bytes: Vec::new(),
                    truncated: false,
                    passed: Passed::Nothing,
                },
                leaders: Vec::new(),
                reason: "it belongs to no unit",
            };
            for _ in 0..HELD {
                assert!(notify.hold(held()).is_none());
            }
            assert!(notify.hold(held()).is_some());
        });
    }

    #[test]
    fn a_turn_that_leaves_more_is_followed_by_another_without_a_new_datagram() {
        use std::os::unix::net::UnixDatagram;
        use std::time::Duration;

        let folder = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .build()
            .unwrap();
        runtime.block_on(async {
            let path = folder.path().join(FILE);
            let mut notify = Notify::new(bind(&path).unwrap()).unwrap();
            let child = UnixDatagram::unbound().unwrap();
            for _ in 0..2 {
                child.send_to(b"WATCHDOG=1", &path).unwrap();
            }
            notify.readable().await;
            notify.begin_turn();
            assert!(notify.receive().unwrap().is_some());
            notify.leave_more();
            notify.readable().await;
            notify.begin_turn();
            assert!(notify.receive().unwrap().is_some());
            assert!(notify.receive().unwrap().is_none());
            let again = tokio::time::timeout(Duration::from_millis(20), notify.readable()).await;
            assert!(again.is_err(), "there is nothing more");
            child.send_to(b"WATCHDOG=1", &path).unwrap();
            notify.readable().await;
        });
    }
}
