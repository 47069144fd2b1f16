//! The fork server: a small process of one thread that forks every child.
//!
//! ```text
//!  supervisor (handle.rs)                    fork server (server.rs)              child (child.rs)
//!  spawn(token) ── Spawn + 2–5 descriptors ──► pipe2, clone3 ──────────────────────► descriptors
//!  receive() ◄── Forked{token, pid} + pidfd ──┤                                      session, mask
//!      │                                      │  … next request, next clone …        limit, chdir
//!      │                                      ◄── stage, errno; or end of file ────── execve
//!  receive() ◄── Failed{stage, errno}/Execed ─┤
//!  forget(token) ── Forget ──────────────────►  drops its pidfd
//!      ✕ dies  ─── end of file ──────────────►  janitor.rs: kills every group it still holds
//! ```
//!
//! Why a process of its own: a fork copies the page tables of the caller, and the supervisor is
//! the biggest and the only one with threads and secrets. CLONE_PARENT makes the supervisor the
//! parent all the same, so exits come to it first-hand and outlive the fork server.
//!
//! Spawns overlap: the fork server does not wait for an exec, so a child stuck before it (chdir
//! to a dead NFS server) delays nobody and can be killed by its pidfd. A reply blocks while the
//! supervisor does not read; no deadlock follows, because the supervisor never blocks.
//!
//! Descriptors: 0–9 of the fork server are /dev/null for good, so what it receives is 10 or
//! above and never stands where a child's own (0, 1, 2, [`LINE_FD`], the one for readiness) must
//! go.

mod child;
mod handle;
mod janitor;
mod probe;
mod program;
mod server;
mod settle;
mod socket;
mod spawn;
mod start;
mod wire;

pub use handle::{Flushed, ForkServer, Lost, Reply, SendError};
pub use probe::{Mechanism, ProbeError};
pub use spawn::{ChildEnds, LINE_FD, Spawn, Stage};
pub use start::{StartError, become_fork_server_if_asked};
pub use wire::MAX_REQUEST;
