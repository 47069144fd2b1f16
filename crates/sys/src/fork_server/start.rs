//! How a fork server comes into being: by fork before there are threads, or by exec of our own
//! binary when an earlier one was lost.

use std::ffi::{CStr, CString, OsString};
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

use super::child::{Terms, exit};
use super::handle::ForkServer;
use super::{server, socket};
use crate::clone::{self, Forked, Parent};
use crate::mask::Mask;
use crate::process::{Prepared, thread_count};
use crate::{DescriptorLimit, Errno, Pid, PidFd};

/// The first argument of the hidden command line.
const HIDDEN: &CStr = c"__fork-server";

/// EX_USAGE of sysexits.h.
const EXIT_USAGE: i32 = 64;

/// Why there is no fork server.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A fork copies one thread; what the others held locked stays locked in the copy for good.
    #[error("the fork server is forked before there are threads, and there are {count}")]
    Threads {
        /// How many there are.
        count: usize,
    },
    /// Nobody knows how many threads there are.
    #[error("cannot count the threads in /proc/self/task: {0}")]
    CountThreads(io::Error),
    /// The kernel ties a child to the thread that forked it: when another thread than the main
    /// one ends, every child would get its death signal.
    #[error("a fork server may only be respawned by the main thread")]
    NotMainThread,
    /// The kernel refused.
    #[error("{call}: {errno}")]
    Refused {
        /// The call.
        call: &'static str,
        /// The reason.
        errno: Errno,
    },
}

impl StartError {
    fn at<E: Into<Errno>>(call: &'static str) -> impl FnOnce(E) -> StartError {
        move |errno| StartError::Refused { call, errno: errno.into() }
    }
}

impl ForkServer {
    /// Forks the fork server. Before any thread, and before any secret is read: it keeps a copy
    /// of this process's memory.
    ///
    /// # Errors
    /// `Threads` unless there is exactly one; what the kernel refuses.
    pub fn start(prepared: &Prepared) -> Result<ForkServer, StartError> {
        let count = thread_count().map_err(StartError::CountThreads)?;
        if count != 1 {
            return Err(StartError::Threads { count });
        }
        let (ours, servers) = socket::pair().map_err(StartError::at("socketpair"))?;
        let terms = Terms { supervisor: Pid::own(), limit: prepared.childrens_limit };
        // A signal between the fork and the fork server's own mask would find it undefended.
        let mask = Mask::ALL.set().map_err(StartError::at("sigprocmask"))?;
        // SAFETY: one thread, so no lock is held and the copy is whole.
        let forked = unsafe { libc::fork() };
        let refused = Errno::last();
        if forked == 0 {
            drop(ours);
            server::run(servers, terms);
        }
        mask.set().map_err(StartError::at("sigprocmask"))?;
        let pid = Pid::new(forked).ok_or(StartError::Refused { call: "fork", errno: refused })?;
        // Nobody has reaped it: the number is still its own.
        let pidfd = PidFd::open(pid).map_err(StartError::at("pidfd_open"))?;
        Ok(ForkServer::new(ours, pidfd))
    }

    /// Starts another fork server after one was lost, by exec of this binary. Other threads may
    /// be alive. It does not know the children of the one before: [`adopt`](Self::adopt) them.
    ///
    /// Whether the exec worked is told by [`receive`](Self::receive):
    /// [`Lost::NotStarted`](super::Lost::NotStarted) if not.
    ///
    /// # Errors
    /// `NotMainThread` on any other; what the kernel refuses.
    pub fn respawn(prepared: &Prepared) -> Result<ForkServer, StartError> {
        if rustix::thread::gettid() != rustix::process::getpid() {
            return Err(StartError::NotMainThread);
        }
        let (ours, servers) = socket::pair().map_err(StartError::at("socketpair"))?;
        let arguments = hidden_arguments(servers.as_raw_fd(), prepared.childrens_limit);
        let mut pointers: Vec<_> = arguments.iter().map(|argument| argument.as_ptr()).collect();
        pointers.push(std::ptr::null());
        // Also keeps the runtime's signal handlers from running in the child, where they would
        // write to pipes that are still shared.
        let mask = Mask::ALL.set().map_err(StartError::at("sigprocmask"))?;
        // SAFETY: the child makes async-signal-safe calls only and ends in exec or _exit.
        let forked = match unsafe { clone::fork(Parent::Caller) } {
            Ok(Forked::Child) => {
                let errno = exec_self(servers.as_raw_fd(), &pointers);
                server::not_started(std::os::fd::AsFd::as_fd(&servers), errno)
            }
            Ok(Forked::Parent(pidfd)) => Ok(ForkServer::new(ours, pidfd)),
            Err(errno) => Err(StartError::Refused { call: "clone", errno }),
        };
        mask.set().map_err(StartError::at("sigprocmask"))?;
        forked
    }
}

/// Async-signal-safe. Returns only why it failed.
fn exec_self(control: RawFd, arguments: &[*const libc::c_char]) -> Errno {
    let environment = [std::ptr::null::<libc::c_char>()];
    // SAFETY: the descriptor is open; both arrays end in null and hold strings.
    unsafe {
        if libc::fcntl(control, libc::F_SETFD, 0) == 0 {
            libc::execve(c"/proc/self/exe".as_ptr(), arguments.as_ptr(), environment.as_ptr());
        }
    }
    Errno::last()
}

/// `hearken __fork-server CONTROL SUPERVISOR [SOFT HARD]`, where the limits are those that
/// children get, and `-` is no limit.
fn hidden_arguments(control: RawFd, limit: Option<DescriptorLimit>) -> Vec<CString> {
    let number = |limit: Option<u64>| limit.map_or("-".to_owned(), |limit| limit.to_string());
    let mut words = vec![control.to_string(), Pid::own().to_string()];
    words.extend(limit.into_iter().flat_map(|limit| [number(limit.soft), number(limit.hard)]));
    let words = words.into_iter().map(|word| CString::new(word).expect("digits have no NUL"));
    [c"hearken".into(), HIDDEN.into()].into_iter().chain(words).collect()
}

/// Becomes the fork server, and never returns, if that is what this process was executed for by
/// [`ForkServer::respawn`]. The first thing in `main`: nothing may run before it.
pub fn become_fork_server_if_asked() {
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next().is_none_or(|first| first.as_encoded_bytes() != HIDDEN.to_bytes()) {
        return;
    }
    let Some((control, terms)) = read_hidden(&arguments.collect::<Vec<_>>()) else {
        exit(EXIT_USAGE)
    };
    // SAFETY: respawn left this descriptor open for us and nothing in this process knows it.
    let control = unsafe { OwnedFd::from_raw_fd(control) };
    server::run(control, terms)
}

fn read_hidden(arguments: &[OsString]) -> Option<(RawFd, Terms)> {
    let words: Vec<&str> = arguments.iter().map(|word| word.to_str()).collect::<Option<_>>()?;
    let number = |word: &str| match word {
        "-" => Some(None),
        digits => digits.parse().ok().map(Some),
    };
    let (control, supervisor, limit) = match *words.as_slice() {
        [control, supervisor] => (control, supervisor, None),
        [control, supervisor, soft, hard] => {
            let limit = DescriptorLimit { soft: number(soft)?, hard: number(hard)? };
            (control, supervisor, Some(limit))
        }
        _ => return None,
    };
    let control = control.parse().ok().filter(|control| *control > 2)?;
    let supervisor = Pid::new(supervisor.parse().ok()?)?;
    Some((control, Terms { supervisor, limit }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(words: &[&str]) -> Option<(RawFd, Pid, Option<DescriptorLimit>)> {
        let words: Vec<OsString> = words.iter().map(OsString::from).collect();
        read_hidden(&words).map(|(control, terms)| (control, terms.supervisor, terms.limit))
    }

    #[test]
    fn the_hidden_arguments_read_back() {
        let limit = DescriptorLimit { soft: Some(1024), hard: None };
        for limit in [None, Some(limit)] {
            let words = hidden_arguments(7, limit);
            let words: Vec<&str> =
                words.iter().skip(2).map(|word| word.to_str().expect("ASCII")).collect();
            assert_eq!(read(&words), Some((7, Pid::own(), limit)));
        }
    }

    #[test]
    fn a_command_line_typed_by_hand_is_refused() {
        for words in [&[][..], &["7"], &["0", "1"], &["x", "1"], &["7", "0"], &["7", "1", "2"]] {
            assert_eq!(read(words), None, "{words:?}");
        }
    }
}
