//! What hearken asks of the kernel: the fork server, waiting, signals, descriptors.
//!
//! ```text
//!   supervisor ── control socket ── fork server        start: ForkServer::start, before any thread
//!       │  ▲                             │
//!       │  └── SIGCHLD, wait status ─────┤ clone3(CLONE_PARENT | CLONE_PIDFD)
//!       │                                ▼
//!       └──── line, stdout, stderr ──  child            its parent is the supervisor
//! ```
//!
//! The life of a child, in calls: [`line_pair`] and [`output_pipe`] make its ends,
//! [`ForkServer::spawn`] hands them over, [`Reply::Forked`] brings its pid and [`PidFd`],
//! [`Reply::Execed`] or [`Reply::Failed`] says what became of the exec, [`PidFd::signal`] and
//! [`PidFd::signal_group`] reach it, [`next_change`] tells of its end, and
//! [`ForkServer::forget`] closes the account. A child that speaks sd_notify(3) does so to a
//! [`NotifySocket`], and [`leader_among`] says whose word it is.
//!
//! Invariants:
//! - All unsafe code of the workspace is in this crate.
//! - Nobody is ever signalled by number: `kill(2)` and `killpg(3)` do not occur.
//! - Nothing here knows a clock policy, a restart rule or a protocol; nothing here is async.
#![expect(unsafe_code, reason = "the one crate that talks to the kernel without a net")]

mod ancestry;
mod channels;
mod clone;
mod control_socket;
mod errno;
mod fork_server;
mod inherited;
mod limits;
mod mask;
mod notify_socket;
mod payload;
mod pid;
mod pidfd;
mod process;
mod procfs;
mod signal;
mod socket_file;
mod wait;

pub use ancestry::{belongs_to, leader_among};
pub use channels::{line_pair, output_pipe};
pub use control_socket::{ListenError, listen_at};
pub use errno::Errno;
pub use fork_server::{
    ChildEnds, Flushed, ForkServer, LINE_FD, Lost, MAX_REQUEST, Mechanism, ProbeError, Reply,
    SendError, Spawn, Stage, StartError, become_fork_server_if_asked,
};
pub use inherited::inherited_line;
pub use limits::{DescriptorLimit, descriptor_limit};
pub use notify_socket::{Datagram, NotifySocket, Passed, Sender};
pub use payload::payload_file;
pub use pid::Pid;
pub use pidfd::{PidFd, Sent, signal_groups};
pub use process::{
    PrepareError, Prepared, hear_shutdown_signals, prepare_supervisor, thread_count,
};
pub use procfs::{Member, children_of_self, resident_memory, session_members};
pub use signal::{Signal, UnknownSignal};
pub use socket_file::SocketFile;
pub use wait::{Change, Status, next_change};
