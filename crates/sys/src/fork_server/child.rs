//! The child, between clone and exec. Async-signal-safe calls only; nothing is allocated.

use std::convert::Infallible;
use std::ffi::{CStr, CString, c_char};
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use std::ptr;

use super::program::candidates;
use super::settle::FIRST_OWN_FD;
use super::spawn::{LINE_FD, ReadinessNumber, Stage};
use super::wire::SpawnRequest;
use crate::limits::{DescriptorLimit, set_descriptor_limit};
use crate::mask::Mask;
use crate::{Errno, Pid};

/// Where the status pipe stands in the child until exec closes it: the second place is for when
/// the first is wanted for readiness. Neither is the line's.
const STATUS_FD: RawFd = 4;
const OTHER_STATUS_FD: RawFd = 3;

/// What a failed stage says to the status pipe: the stage, then the errno.
pub(super) const REPORT: usize = 5;

/// What the fork server promised to every child it makes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    pub(super) supervisor: Pid,
    pub(super) limit: Option<DescriptorLimit>,
}

/// The descriptors of a child, where the fork server has them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Given<'a> {
    pub(super) stdin: Option<BorrowedFd<'a>>,
    pub(super) output: [BorrowedFd<'a>; 2],
    pub(super) line: Option<BorrowedFd<'a>>,
    pub(super) readiness: Option<(ReadinessNumber, BorrowedFd<'a>)>,
    pub(super) status: BorrowedFd<'a>,
}

/// Everything the child needs, made before the clone.
#[derive(Debug)]
pub(super) struct Plan<'a> {
    terms: Terms,
    given: Given<'a>,
    status_place: RawFd,
    directory: Option<&'a CStr>,
    programs: Vec<CString>,
    arguments: Vec<*const c_char>,
    environment: Vec<*const c_char>,
}

impl<'a> Plan<'a> {
    pub(super) fn new(terms: Terms, request: &SpawnRequest<'a>, given: Given<'a>) -> Plan<'a> {
        let command = request.arguments.iter().next().unwrap_or_default();
        let pointers = |strings: &mut dyn Iterator<Item = &'a CStr>| {
            strings.map(CStr::as_ptr).chain([ptr::null()]).collect()
        };
        let readiness = given.readiness.map(|(number, _)| number.get());
        Plan {
            terms,
            given,
            status_place: if readiness == Some(STATUS_FD) { OTHER_STATUS_FD } else { STATUS_FD },
            directory: request.directory,
            programs: candidates(command, request.environment),
            arguments: pointers(&mut request.arguments.iter()),
            environment: pointers(&mut request.environment.iter()),
        }
    }
}

/// Becomes the program, or reports to the status pipe and exits with 127.
pub(super) fn become_program(plan: &Plan<'_>) -> ! {
    // Before its descriptors are placed the pipe is where it was; afterwards it has moved.
    match place_descriptors(plan) {
        Ok(()) => {
            let Err(failure) = prepare_and_exec(plan);
            report(plan.status_place, failure)
        }
        Err(errno) => report(plan.given.status.as_raw_fd(), (Stage::Descriptors, errno)),
    }
}

/// Leaves 0, 1, 2, the line, readiness and the status pipe, and nothing else. First of all,
/// because a child that then hangs before its exec would keep the supervisor's control socket and
/// its siblings' pipes open.
fn place_descriptors(plan: &Plan<'_>) -> Result<(), Errno> {
    // All sources are 10 or above (see the module), and all places below: so no step overwrites
    // a later one's source. 0 is already /dev/null, and stays open across exec if nothing else is
    // to stand there.
    let Given { stdin, output: [stdout, stderr], line, readiness, status } = plan.given;
    let stdin = stdin.map(|stdin| (0, stdin));
    let line = line.map(|line| (LINE_FD, line));
    let readiness = readiness.map(|(number, end)| (number.get(), end));
    copy(status, plan.status_place, libc::O_CLOEXEC)?;
    let output = [(1, stdout), (2, stderr)];
    for (place, given) in stdin.into_iter().chain(output).chain(line).chain(readiness) {
        copy(given, place, 0)?;
    }
    let [line, readiness] = [line, readiness].map(|placed| placed.map(|(place, _)| place));
    let mut first_unused = 3;
    for place in 3..FIRST_OWN_FD {
        if [Some(plan.status_place), line, readiness].contains(&Some(place)) {
            close_range(first_unused, place - 1);
            first_unused = place + 1;
        }
    }
    close_range(first_unused, RawFd::MAX);
    Ok(())
}

fn copy(from: BorrowedFd<'_>, to: RawFd, flags: libc::c_int) -> Result<(), Errno> {
    // SAFETY: no Rust object owns `to`: it is one of the fork server's place holders.
    checked(unsafe { libc::dup3(from.as_raw_fd(), to, flags) })
}

/// Where a filter refuses the call, all of these are CLOEXEC anyway. An empty range is refused
/// too, and is as good as done.
fn close_range(first: RawFd, last: RawFd) {
    // SAFETY: objects that own one of these are the fork server's; here they are never dropped.
    unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) };
}

fn prepare_and_exec(plan: &Plan<'_>) -> Result<Infallible, (Stage, Errno)> {
    // SAFETY: takes no pointers; this process leads no group, so it cannot fail with EPERM.
    checked(unsafe { libc::setsid() }).map_err(at(Stage::Session))?;
    // The dispositions are the fork server's, which are all default. Before the chdir, so that
    // a child which hangs there can be ended by SIGTERM.
    Mask::EMPTY.set().map_err(at(Stage::Signals))?;
    if let Some(limit) = plan.terms.limit {
        set_descriptor_limit(limit).map_err(Errno::from).map_err(at(Stage::Limits))?;
    }
    if let Some(directory) = plan.directory {
        // SAFETY: a NUL-terminated string.
        checked(unsafe { libc::chdir(directory.as_ptr()) }).map_err(at(Stage::Directory))?;
    }
    // As late as possible: a change of user or group clears it, and so does the exec of a set-uid
    // program; then only the janitor is left. First the request, then the
    // look, because a supervisor that died in between would never have been noticed.
    // SAFETY: takes no pointers.
    checked(unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) })
        .map_err(at(Stage::DeathSignal))?;
    // SAFETY: takes no pointers.
    if unsafe { libc::getppid() } != plan.terms.supervisor.get() {
        return Err((Stage::ParentGone, Errno::new(libc::ESRCH)));
    }
    exec(plan).map_err(at(Stage::Exec))
}

/// As execvp(3), but a file that is no program (`ENOEXEC`) is an error and no shell script.
fn exec(plan: &Plan<'_>) -> Result<Infallible, Errno> {
    let mut said = Errno::new(libc::ENOENT);
    for program in &plan.programs {
        // SAFETY: a string, and two arrays of strings with a null at the end.
        unsafe {
            libc::execve(program.as_ptr(), plan.arguments.as_ptr(), plan.environment.as_ptr());
        }
        let errno = Errno::last();
        match errno.get() {
            // Not here: a later part of PATH may have it.
            libc::ENOENT | libc::ENOTDIR | libc::ENAMETOOLONG | libc::ENODEV | libc::ESTALE => {}
            // There, but not for us: what is said at the end, if nothing better is found.
            libc::EACCES => said = errno,
            _ => return Err(errno),
        }
        if plan.programs.len() == 1 {
            return Err(errno);
        }
    }
    Err(said)
}

fn report(status: RawFd, (stage, errno): (Stage, Errno)) -> ! {
    let [a, b, c, d] = errno.get().to_le_bytes();
    let bytes: [u8; REPORT] = [stage.to_byte(), a, b, c, d];
    // SAFETY: `bytes` lives. So few are written whole or not at all.
    unsafe { libc::write(status, bytes.as_ptr().cast(), bytes.len()) };
    exit(127)
}

pub(super) fn read_report(bytes: &[u8; REPORT]) -> Option<(Stage, Errno)> {
    let [stage, a, b, c, d] = *bytes;
    Some((Stage::from_byte(stage)?, Errno::new(i32::from_le_bytes([a, b, c, d]))))
}

/// Ends this process without running what the supervisor registered for its own end.
pub(super) fn exit(code: i32) -> ! {
    // SAFETY: takes no pointers and does not return.
    unsafe { libc::_exit(code) }
}

fn at(stage: Stage) -> impl FnOnce(Errno) -> (Stage, Errno) {
    move |errno| (stage, errno)
}

fn checked(returned: libc::c_int) -> Result<(), Errno> {
    if returned < 0 { Err(Errno::last()) } else { Ok(()) }
}
