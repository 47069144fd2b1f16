//! What a spawn that cannot work leads to.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use hearken_sys::{
    Errno, ForkServer, Lost, MAX_REQUEST, Pid, SendError, Spawn, Stage, Status, prepare_supervisor,
};

use crate::Test;
use crate::refuse::{Where, refuse};
use crate::support::{Event, SUCCESS, World, limit_descriptors, nowhere, program, words};

pub(crate) const TESTS: &[Test] = &[
    ("what_cannot_be_executed_says_why_and_never_runs", exec_errors),
    ("a_step_that_the_kernel_refuses_is_named", refused_steps),
    ("a_fork_that_the_kernel_refuses_makes_no_process", refused_fork),
    ("a_fork_server_out_of_descriptors_says_so_and_goes_on", server_out_of_descriptors),
    ("a_supervisor_out_of_descriptors_still_gets_the_pidfd", supervisor_out_of_descriptors),
    ("a_spawn_that_is_too_large_or_empty_is_not_sent", not_sent),
    ("a_fork_server_that_cannot_begin_says_why", not_started),
];

/// The child existed, told why, and exited with 127.
fn assert_fails(world: &mut World, spawn: &Spawn, stage: Stage, errno: i32) {
    let token = world.spawn(spawn);
    let Event::Forked(_, pid) = world.next_reply() else {
        panic!("no Forked for {spawn:?}");
    };
    assert_eq!(world.next_reply(), Event::Failed(token, stage, errno), "{spawn:?}");
    assert_eq!(world.end_of(pid), Status::Exited { code: 127 }, "{spawn:?}");
}

fn exec_errors() {
    let directory = std::env::temp_dir().join(format!("hearken-sys-{}", Pid::own()));
    fs::create_dir(&directory).expect("temporary directory");
    let file = |name: &str, content: &str, mode| {
        let path = directory.join(name);
        fs::write(&path, content).expect("room");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("own file");
        path.to_str().expect("UTF-8").to_owned()
    };
    let witness = directory.join("it_ran");
    let script = format!("touch {}\n", witness.display());
    let no_interpreter = file("no_interpreter", "#!/nonexistent/interpreter\n", 0o755);
    let mut world = World::new();
    for (command, errno) in [
        ("/nonexistent/program", libc::ENOENT),
        ("hearken-no-such-program", libc::ENOENT),
        ("/dev/null/program", libc::ENOTDIR),
        (no_interpreter.as_str(), libc::ENOENT),
        (file("empty", "", 0o755).as_str(), libc::ENOEXEC),
        // execvp(3) would have handed this one to /bin/sh.
        (file("no_shebang", &script, 0o755).as_str(), libc::ENOEXEC),
        (file("no_x_bit", &script, 0o644).as_str(), libc::EACCES),
        ("/usr", libc::EACCES),
    ] {
        assert_fails(&mut world, &program(&[command]), Stage::Exec, errno);
    }
    // What is there and not allowed says more than what is not there.
    let mut in_path = program(&["no_x_bit"]);
    in_path.environment = words(&[&format!("PATH={}:/nonexistent", directory.display())]);
    assert_fails(&mut world, &in_path, Stage::Exec, libc::EACCES);

    let mut nowhere = program(&["true"]);
    nowhere.directory = Some(c"/nonexistent".into());
    assert_fails(&mut world, &nowhere, Stage::Directory, libc::ENOENT);
    nowhere.directory = Some(c"/dev/null".into());
    assert_fails(&mut world, &nowhere, Stage::Directory, libc::ENOTDIR);

    assert!(!witness.exists());
    assert_eq!(world.output_of(&program(&["true"])).1, SUCCESS);
    fs::remove_dir_all(&directory).expect("own directory");
}

fn refused_steps() {
    let low = libc::rlimit { rlim_cur: 123, rlim_max: 4000 };
    // SAFETY: a live rlimit.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const low) }, 0);
    let prepared = prepare_supervisor().expect("prepare");
    // Each filter is of this process and comes on top: the steps from last to first.
    let death_signal = Some(Where { index: 0, equals: libc::PR_SET_PDEATHSIG.cast_unsigned() });
    for (call, only, stage) in [
        (libc::SYS_getppid, None, Stage::ParentGone),
        (libc::SYS_prctl, death_signal, Stage::DeathSignal),
        (libc::SYS_chdir, None, Stage::Directory),
        (libc::SYS_prlimit64, None, Stage::Limits),
        (libc::SYS_setsid, None, Stage::Session),
    ] {
        refuse(call, only, libc::EIO);
        let mut world = World::started(&prepared);
        let mut spawn = program(&["true"]);
        spawn.directory = Some(c"/".into());
        let errno = if stage == Stage::ParentGone { libc::ESRCH } else { libc::EIO };
        assert_fails(&mut world, &spawn, stage, errno);
        world.kill_server();
    }
}

fn refused_fork() {
    for errno in [libc::EAGAIN, libc::ENOMEM] {
        refuse(libc::SYS_clone3, None, errno);
        let mut world = World::new();
        let token = world.spawn(&program(&["true"]));
        assert_eq!(world.next_reply(), Event::Failed(token, Stage::Fork, errno));
        world.kill_server();
        assert_eq!(hearken_sys::next_change().expect("waitid"), None);
    }
}

fn server_out_of_descriptors() {
    let mut world = World::new();
    assert_eq!(world.output_of(&program(&["true"])).1, SUCCESS);
    let server = world.server.pid();
    // The fork server's own is 10; 15 is the pidfd of the first child, which came behind two
    // descriptors received and a pipe. With one more place each time, the next step fails.
    let mut stages = Vec::new();
    for room in 12.. {
        let before = limit_descriptors(server, room);
        let token = world.spawn(&program(&["true"]));
        let said = world.next_reply();
        limit_descriptors(server, before);
        let Event::Failed(_, stage, libc::EMFILE) = said else {
            assert!(matches!(said, Event::Forked(who, _) if who == token), "{said:?}");
            assert_eq!(world.next_reply(), Event::Execed(token));
            break;
        };
        stages.push(stage);
    }
    use Stage::{Fork, Receive, StatusPipe};
    assert_eq!(stages, [Receive, StatusPipe, StatusPipe, Fork, Fork]);
    assert_eq!(world.output_of(&program(&["true"])).1, SUCCESS);
}

fn supervisor_out_of_descriptors() {
    let mut world = World::new();
    let token = world.spawn(&program(&["sleep", "1000"]));
    let before = limit_descriptors(Pid::own(), 64);
    let mut filling = Vec::new();
    while let Ok(file) = fs::File::open("/dev/null") {
        filling.push(file);
    }
    let pid = world.running(token);
    limit_descriptors(Pid::own(), before);
    world.signal(token, hearken_sys::Signal::KILL);
    let signal = hearken_sys::Signal::KILL;
    assert_eq!(world.end_of(pid), Status::Killed { signal, core_dumped: false });
}

fn not_sent() {
    let mut world = World::new();
    let large = |bytes: usize| program(&["true", &"x".repeat(bytes)]);
    let rest = 18 + "true\0".len() + 1 + "PATH=/usr/bin:/bin\0".len();
    let refused = world.server.spawn(1, &large(MAX_REQUEST - rest + 1), nowhere());
    let Err(SendError::TooLarge { bytes, limit: MAX_REQUEST }) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(bytes, MAX_REQUEST + 1);
    for argv in [words(&[]), words(&[""])] {
        let refused = world.server.spawn(1, &Spawn { argv, ..large(0) }, nowhere());
        assert!(matches!(refused, Err(SendError::NoCommand)), "{refused:?}");
    }
    // The largest one goes through the socket whole; a single argument of that size is too much
    // for the kernel (MAX_ARG_STRLEN is 128 KiB, its NUL included), many are not.
    let half = "x".repeat((MAX_REQUEST - rest - 1) / 2);
    let (_, status) = world.output_of(&program(&["true", &half, &half]));
    assert_eq!(status, SUCCESS);
}

fn not_started() {
    let prepared = prepare_supervisor().expect("prepare");
    refuse(libc::SYS_dup3, None, libc::EBUSY);
    let errno = Errno::new(libc::EBUSY);
    let mut world = World::started(&prepared);
    assert_eq!(world.next_reply(), Event::Lost(Lost::NotStarted { errno }));
    assert_eq!(world.end_of(world.server.pid()), Status::Exited { code: 71 });
    // The executed one has the same trouble; one that cannot even be executed says so too.
    refuse(libc::SYS_execve, None, libc::EPERM);
    let errno = Errno::new(libc::EPERM);
    let mut server = ForkServer::respawn(&prepared).expect("the fork works");
    std::mem::swap(&mut world.server, &mut server);
    world.expect_replies_again();
    assert_eq!(world.next_reply(), Event::Lost(Lost::NotStarted { errno }));
}
