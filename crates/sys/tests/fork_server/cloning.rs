//! How children are made, and where they cannot be.

use std::time::Duration;

use hearken_sys::{Errno, ForkServer, Mechanism, ProbeError, StartError, prepare_supervisor};

use crate::refuse::refuse;
use crate::support::{Event, PATIENCE, SUCCESS, World, program};
use crate::{Test, skip};

pub(crate) const TESTS: &[Test] = &[
    ("the_probe_sees_its_child_end", probe_works),
    ("the_probe_refuses_where_clone_parent_is_einval", probe_refuses),
    ("the_probe_gives_up_on_a_fork_server_that_hangs", probe_times_out),
    ("without_clone3_by_enosys_clone_does_the_work_and_is_told_once", legacy_enosys),
    ("without_clone3_by_eperm_clone_does_the_work_and_is_told_once", legacy_eperm),
    ("clone3_takes_no_exit_signal_beside_clone_parent", exit_signal_is_einval),
    ("a_process_1_cannot_make_children_of_its_parent", init_is_einval),
    ("a_supervisor_can_be_process_1", supervisor_as_init),
    ("a_second_thread_is_a_reason_not_to_start", threads_are_refused),
];

fn probe_works() {
    let mut world = World::new();
    assert_eq!(world.server.probe(PATIENCE), Ok(Mechanism::Clone3));
    assert_eq!(world.output_of(&program(&["true"])).1, SUCCESS);
}

fn probe_refuses() {
    refuse(libc::SYS_clone3, None, libc::EINVAL);
    let mut world = World::new();
    let errno = Errno::new(libc::EINVAL);
    assert_eq!(world.server.probe(PATIENCE), Err(ProbeError::Fork { errno }));
}

fn probe_times_out() {
    let mut world = World::new();
    let server = hearken_sys::PidFd::open(world.server.pid()).expect("our child");
    server.signal(hearken_sys::Signal::STOP).expect("our child");
    let patience = Duration::from_millis(50);
    assert_eq!(world.server.probe(patience), Err(ProbeError::NoAnswer(patience)));
    world.server.kill();
}

fn legacy_enosys() {
    legacy(libc::ENOSYS);
}

fn legacy_eperm() {
    legacy(libc::EPERM);
}

fn legacy(errno: i32) {
    refuse(libc::SYS_clone3, None, errno);
    let why = Errno::new(errno);
    let mut world = World::new();
    assert_eq!(world.server.probe(PATIENCE), Ok(Mechanism::LegacyClone { why }));
    assert_eq!(world.output_of(&program(&["true"])).1, SUCCESS);

    // Without a probe it is a reply, before the first child and never again. The respawn itself
    // has no clone3 either.
    world.respawn();
    for expected in [1, 0] {
        let token = world.spawn(&program(&["true"]));
        let seen = world.until(|event| *event == Event::Execed(token));
        let told = seen.iter().filter(|event| **event == Event::LegacyClone(why)).count();
        assert_eq!(told, expected, "{seen:?}");
    }
}

fn clone3(flags: i32, exit_signal: i32) -> Result<(), i32> {
    let args: [u64; 8] = [
        u64::from(flags.cast_unsigned()),
        0,
        0,
        0,
        u64::from(exit_signal.cast_unsigned()),
        0,
        0,
        0,
    ];
    // SAFETY: a whole clone_args of the first size; the child only exits.
    match unsafe { libc::syscall(libc::SYS_clone3, args.as_ptr(), size_of_val(&args)) } {
        // SAFETY: takes no pointers.
        0 => unsafe { libc::_exit(0) },
        ..0 => Err(std::io::Error::last_os_error().raw_os_error().expect("an errno")),
        1.. => Ok(()),
    }
}

fn exit_signal_is_einval() {
    assert_eq!(clone3(libc::CLONE_PARENT, libc::SIGCHLD), Err(libc::EINVAL));
    assert_eq!(clone3(libc::CLONE_PARENT, 0), Ok(()));
}

/// Runs `part` as process 1 of a new namespace; its exit code.
fn as_init(part: fn()) -> i32 {
    // SAFETY: takes no pointers.
    if unsafe { libc::unshare(libc::CLONE_NEWPID) } != 0 {
        skip("unshare(CLONE_NEWPID) is not permitted here");
    }
    // SAFETY: one thread.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        part();
        // SAFETY: takes no pointers.
        unsafe { libc::_exit(0) }
    }
    let mut status = 0;
    // SAFETY: a live int.
    assert_eq!(unsafe { libc::waitpid(pid, &raw mut status, 0) }, pid);
    status
}

fn init_is_einval() {
    let status = as_init(|| {
        assert_eq!(std::process::id(), 1);
        assert_eq!(clone3(libc::CLONE_PARENT, 0), Err(libc::EINVAL));
    });
    assert_eq!(status, 0);
}

fn supervisor_as_init() {
    let status = as_init(|| {
        assert_eq!(std::process::id(), 1);
        let mut world = World::new();
        assert_eq!(world.server.probe(PATIENCE), Ok(Mechanism::Clone3));
        assert_eq!(world.output_of(&program(&["true"])).1, SUCCESS);
    });
    assert_eq!(status, 0);
}

fn threads_are_refused() {
    let prepared = prepare_supervisor().expect("prepare");
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let thread = std::thread::spawn(move || stopped.recv());
    let refused = ForkServer::start(&prepared);
    assert!(matches!(refused, Err(StartError::Threads { count: 2 })), "{refused:?}");
    drop(stop);
    let _ = thread.join();
}
