use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use rustix::process::{PidfdFlags, pidfd_open};

use crate::procfs::{self, Process};
use crate::{Errno, Pid, Signal};

/// Signal the group whose leader the pidfd names: pidfd_send_signal(2), Linux 6.9.
const PIDFD_SIGNAL_PROCESS_GROUP: libc::c_uint = 1 << 2;

/// A hold on one process that outlives its number: what was opened is what is signalled, or
/// nobody. It reads as ready once the process has ended (poll for input).
#[derive(Debug)]
pub struct PidFd {
    fd: OwnedFd,
    pid: Pid,
}

/// What became of a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// The kernel took it. A stopped process, or one in state D, takes it later.
    Delivered,
    /// Nobody is left: the process was reaped, or the group is empty.
    Gone,
}

impl PidFd {
    /// Opens a hold on the process that has this number now, whoever's child it is; a zombie is
    /// one. Only the parent of an unreaped child can know that it is the one meant. For any other
    /// number, such as a child says in `MAINPID=`: open first, then ask
    /// [`belongs_to`](crate::belongs_to), and drop the hold if the answer is no. After a yes the
    /// hold is on the process that was asked about, or on one that had ended by then, and to that
    /// every signal is [`Sent::Gone`]. The other way round the number could change hands between
    /// the answer and the open.
    ///
    /// # Errors
    /// `ESRCH` if there is none: nobody has the number, or only a thread, or a group or session
    /// whose leader was reaped. `EMFILE` or `ENFILE` out of descriptors.
    pub fn open(pid: Pid) -> Result<PidFd, Errno> {
        let none = Errno::new(libc::ESRCH);
        let raw = rustix::process::Pid::from_raw(pid.get()).ok_or(none)?;
        match pidfd_open(raw, PidfdFlags::empty()) {
            Ok(fd) => Ok(PidFd { fd, pid }),
            // A number of something else than a process; which of the two depends on the kernel.
            Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOENT) => Err(none),
            Err(errno) => Err(errno.into()),
        }
    }

    pub(crate) fn from_parts(fd: OwnedFd, pid: Pid) -> PidFd {
        PidFd { fd, pid }
    }

    /// The number the process had, or still has.
    pub fn pid(&self) -> Pid {
        self.pid
    }

    /// A second hold on the same process.
    ///
    /// # Errors
    /// `EMFILE` or `ENFILE` out of descriptors.
    pub fn try_clone(&self) -> io::Result<PidFd> {
        Ok(PidFd { fd: self.fd.try_clone()?, pid: self.pid })
    }

    /// Signals the process. A zombie takes every signal and does nothing.
    ///
    /// # Errors
    /// `EPERM` if it changed its user; `ENOSYS` under a filter that knows no pidfds.
    pub fn signal(&self, signal: Signal) -> Result<Sent, Errno> {
        sent(send(self.fd.as_fd(), signal.number(), 0))
    }

    /// Signals the process group that the process leads: its descendants that made no group or
    /// session of their own, also after the process itself was reaped. A child that was forked a
    /// moment ago and leads no group yet is signalled itself.
    ///
    /// The hold pins the group's identity, so no stranger can be hit (Linux 6.9). Older kernels
    /// refuse the flag: the members are then looked up in /proc, each pinned and looked at again
    /// before it is signalled, until a scan finds nobody new. For many groups at once
    /// [`signal_groups`] shares these scans.
    ///
    /// # Errors
    /// `EPERM` if no member could be signalled; `ENOSYS` under a filter that knows no pidfds.
    pub fn signal_group(&self, signal: Signal) -> Result<Sent, Errno> {
        send_to_group(self, signal.number())
    }

    /// Whether anybody is left in the group that the process leads, or the process itself.
    /// Zombies count until reaped.
    pub fn group_alive(&self) -> bool {
        // EPERM means that somebody is there.
        send_to_group(self, 0) != Ok(Sent::Gone)
    }

    /// The kernel gives a number out again only after the last member of its group is gone. So
    /// if ours was reaped and the number lives, the group in /proc is not ours.
    fn number_is_a_strangers(&self) -> bool {
        let reaped = sent(send(self.fd.as_fd(), 0, 0)) == Ok(Sent::Gone);
        reaped && procfs::process(self.pid).is_some()
    }
}

impl AsFd for PidFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// [`PidFd::signal_group`] for each, in order. One scan of /proc serves all of them where the
/// kernel is older than Linux 6.9; a row of single calls would take one or two each.
pub fn signal_groups(leaders: &[&PidFd], signal: Signal) -> Vec<Result<Sent, Errno>> {
    send_to_groups(leaders, signal.number())
}

fn send_to_group(leader: &PidFd, signal: i32) -> Result<Sent, Errno> {
    send_to_groups(&[leader], signal).pop().unwrap_or(Ok(Sent::Gone))
}

fn send_to_groups(leaders: &[&PidFd], signal: i32) -> Vec<Result<Sent, Errno>> {
    let flag = PIDFD_SIGNAL_PROCESS_GROUP;
    let done: Vec<_> = leaders.iter().map(|leader| send(leader.fd.as_fd(), signal, flag)).collect();
    let unsupported = Err(Errno::new(libc::EINVAL));
    let rest = leaders.iter().zip(&done).filter(|(_, done)| **done == unsupported);
    let mut by_proc = send_to_members(rest.map(|(leader, _)| *leader), signal);
    let mut answer = |(leader, done): (&&PidFd, Result<(), Errno>)| {
        let done = match by_proc.remove(&leader.pid.get()) {
            Some(by_proc) if done == unsupported => by_proc,
            Some(_) | None => sent(done),
        };
        // An empty group says nothing of a process that has not come to its setsid yet.
        if done == Ok(Sent::Gone) { sent(send(leader.fd.as_fd(), signal, 0)) } else { done }
    };
    leaders.iter().zip(done).map(&mut answer).collect()
}

/// By number of the group, what became of a signal to its members.
fn send_to_members<'a>(
    leaders: impl Iterator<Item = &'a PidFd>,
    signal: i32,
) -> BTreeMap<i32, Result<Sent, Errno>> {
    /// A group that forks faster than this many scans is not emptied by signals.
    const SCANS: usize = 8;

    let leaders: BTreeMap<i32, &PidFd> = leaders.map(|leader| (leader.pid.get(), leader)).collect();
    let mut answers: BTreeMap<_, _> =
        leaders.keys().map(|group| (*group, Ok(Sent::Gone))).collect();
    if leaders.is_empty() {
        // As nearly always: the kernel did it all, and nobody needs a walk over /proc.
        return answers;
    }
    let mut reached = BTreeSet::new();
    for _ in 0..SCANS {
        let mut news: Vec<Process> = procfs::processes()
            .filter(|process| leaders.contains_key(&process.group))
            .filter(|process| !reached.contains(&(process.pid, process.started)))
            .collect();
        // After the scan: what it saw of a group whose number is not a stranger's now was ours.
        news.retain(|process| !leaders[&process.group].number_is_a_strangers());
        if news.is_empty() {
            break;
        }
        for process in news {
            let done = signal_if_still(&process, signal);
            match done {
                Ok(Sent::Gone) => continue,
                Ok(Sent::Delivered) => answers.insert(process.group, done),
                // What one member refuses, another may take.
                Err(_) if answers[&process.group] == Ok(Sent::Gone) => {
                    answers.insert(process.group, done)
                }
                Err(_) => None,
            };
            reached.insert((process.pid, process.started));
        }
    }
    answers
}

fn signal_if_still(process: &Process, signal: i32) -> Result<Sent, Errno> {
    let pinned = match PidFd::open(process.pid) {
        Ok(pinned) => pinned,
        Err(errno) if errno.get() == libc::ESRCH => return Ok(Sent::Gone),
        Err(errno) => return Err(errno),
    };
    // The number may have changed hands between the scan and the open.
    match procfs::process(process.pid) {
        Some(now) if now.started == process.started && now.group == process.group => {
            sent(send(pinned.as_fd(), signal, 0))
        }
        Some(_) | None => Ok(Sent::Gone),
    }
}

fn sent(done: Result<(), Errno>) -> Result<Sent, Errno> {
    match done {
        Ok(()) => Ok(Sent::Delivered),
        Err(errno) if errno.get() == libc::ESRCH => Ok(Sent::Gone),
        Err(errno) => Err(errno),
    }
}

fn send(pidfd: BorrowedFd<'_>, signal: i32, flags: libc::c_uint) -> Result<(), Errno> {
    // SAFETY: the descriptor is open, and a null siginfo asks for that of kill(2).
    let done = unsafe {
        libc::syscall(
            libc::SYS_pidfd_send_signal,
            pidfd.as_raw_fd(),
            signal,
            std::ptr::null::<libc::siginfo_t>(),
            flags,
        )
    };
    if done == 0 { Ok(()) } else { Err(Errno::last()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_no_process_is_esrch() {
        let (say, said) = std::sync::mpsc::channel();
        let (stop, stopped) = std::sync::mpsc::channel::<()>();
        let thread = std::thread::spawn(move || {
            say.send(rustix::thread::gettid().into()).expect("awaited");
            stopped.recv()
        });
        let thread_id: Pid = said.recv().expect("said");
        for number in [thread_id, Pid::new(i32::MAX).expect("positive")] {
            let refused = PidFd::open(number).expect_err("no process");
            assert_eq!(refused, Errno::new(libc::ESRCH));
        }
        drop(stop);
        thread.join().expect("no panic").expect_err("the channel only closes");
    }

    #[test]
    fn opens_a_hold_on_a_living_process() {
        let own = PidFd::open(Pid::own()).expect("this process lives");
        assert_eq!(own.pid(), Pid::own());
        assert_eq!(own.signal(Signal::CONT), Ok(Sent::Delivered));
    }
}
