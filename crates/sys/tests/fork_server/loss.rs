//! A fork server that dies, hangs or is told nonsense.

use std::os::fd::AsFd;

use hearken_sys::{ForkServer, Lost, PidFd, Signal, StartError, Status};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::net::SendFlags;

use crate::Test;
use crate::support::{Event, PATIENCE, SUCCESS, World, program, readable, timespec};

pub(crate) const TESTS: &[Test] = &[
    ("a_killed_fork_server_is_lost_and_respawned_and_children_live_on", killed),
    ("a_respawned_fork_server_does_all_of_it", respawned_probe),
    ("replies_sent_before_the_death_are_not_lost", last_words),
    ("a_hung_fork_server_can_be_killed", hung),
    ("only_the_main_thread_respawns", main_thread_only),
    ("children_outlive_other_threads_of_the_supervisor", threads_come_and_go),
    ("a_malformed_request_ends_the_fork_server_with_70", malformed),
    ("the_keyboards_signals_do_not_end_the_fork_server", interrupted),
    ("dropping_the_handle_clears_the_children_away", dropped),
];

const KILLED: Status = Status::Killed { signal: Signal::KILL, core_dumped: false };

fn killed() {
    let mut world = World::new();
    let (token, child) = world.start(&program(&["sleep", "1000"]));
    world.kill_server();
    world.respawn();
    assert_eq!(world.output_of(&program(&["true"])).1, SUCCESS);
    assert!(!readable(&world.pidfds[&token], std::time::Duration::ZERO), "the child lives");
    world.signal(token, Signal::KILL);
    assert_eq!(world.end_of(child), KILLED);
}

fn respawned_probe() {
    let mut world = World::new();
    world.kill_server();
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    // The runtime has threads by then.
    let thread = std::thread::spawn(move || stopped.recv());
    world.respawn();
    assert!(world.server.probe(PATIENCE).is_ok());
    assert_eq!(world.output_of(&program(&["true"])).1, SUCCESS);
    drop(stop);
    let _ = thread.join();
}

fn last_words() {
    let mut world = World::new();
    let server = PidFd::open(world.server.pid()).expect("our child");
    let first = world.spawn(&program(&["sleep", "1000"]));
    assert!(readable(&world.server, PATIENCE));
    server.signal(Signal::STOP).expect("our child");
    // Never read: its death then says ECONNRESET before what it had already sent.
    world.spawn(&program(&["true"]));
    server.signal(Signal::KILL).expect("our child");
    // The end of the socket, not of the process: a child before its exec holds a copy.
    let mut control = [PollFd::new(&world.server, PollFlags::empty())];
    assert_eq!(poll(&mut control, Some(&timespec(PATIENCE))), Ok(1));
    assert!(control[0].revents().contains(PollFlags::HUP));
    assert!(matches!(world.next_reply(), Event::Forked(who, _) if who == first));
    let seen = world.until(|event| matches!(event, Event::Lost(_)));
    assert!(seen.contains(&Event::Lost(Lost::Ended)));
    world.signal(first, Signal::KILL);
}

fn hung() {
    let mut world = World::new();
    let pid = world.server.pid();
    PidFd::open(pid).and_then(|server| server.signal(Signal::STOP)).expect("our child");
    let stopped = Event::Changed(pid, Status::Stopped { signal: Signal::STOP });
    world.until(|event| *event == stopped);
    world.spawn(&program(&["true"]));
    world.kill_server();
}

fn main_thread_only() {
    let world = World::new();
    let refused = std::thread::scope(|scope| {
        scope.spawn(|| ForkServer::respawn(&world.prepared)).join().expect("no panic")
    });
    assert!(matches!(refused, Err(StartError::NotMainThread)), "{refused:?}");
}

/// PR_SET_PDEATHSIG is bound to a thread: that of the parent which made the fork server.
fn threads_come_and_go() {
    let mut world = World::new();
    for _ in 0..2 {
        let token = std::thread::scope(|scope| {
            let asking = scope.spawn(|| world.spawn(&program(&["sleep", "1000"])));
            asking.join().expect("no panic")
        });
        let pid = world.running(token);
        for _ in 0..10 {
            std::thread::spawn(|| ()).join().expect("no panic");
        }
        // A death signal is sent in the exit of the thread, so it would be there by now.
        assert_eq!(world.output_of(&program(&["true"])).1, SUCCESS);
        assert!(!readable(&world.pidfds[&token], std::time::Duration::ZERO));
        world.signal(token, Signal::KILL);
        assert_eq!(world.end_of(pid), KILLED);
        world.respawn();
    }
}

fn malformed() {
    let mut world = World::new();
    let (token, child) = world.start(&program(&["sleep", "1000"]));
    for bytes in [&[0_u8][..], &[9; 40], &[1, 255, 0], &[2, 0], &vec![1; 200_000]] {
        let server = world.server.pid();
        rustix::net::send(world.server.as_fd(), bytes, SendFlags::empty()).expect("room");
        world.until(|event| *event == Event::Lost(Lost::Ended));
        assert_eq!(world.end_of(server), Status::Exited { code: 70 }, "{:?}", &bytes[..1]);
        world.respawn();
        assert_eq!(world.output_of(&program(&["true"])).1, SUCCESS);
    }
    world.signal(token, Signal::KILL);
    assert_eq!(world.end_of(child), KILLED);
}

fn interrupted() {
    // SAFETY: plain calls; the group is this process's own by then.
    unsafe {
        libc::setpgid(0, 0);
        for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGQUIT, libc::SIGTSTP] {
            libc::signal(signal, libc::SIG_IGN);
        }
    }
    let mut world = World::new();
    let server = PidFd::open(world.server.pid()).expect("our child");
    for number in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGQUIT, libc::SIGTSTP, 32, 40]
    {
        server.signal(Signal::new(number).expect("a signal")).expect("our child");
        if number <= libc::SIGTSTP {
            // As the terminal does.
            // SAFETY: takes no pointers.
            unsafe { libc::kill(0, number) };
        }
    }
    assert_eq!(world.output_of(&program(&["true"])).1, SUCCESS);
}

fn dropped() {
    let mut world = World::new();
    let (token, child) = world.start(&program(&["sleep", "1000"]));
    let server = world.server.pid();
    // A respawn takes the old handle's place, which is thereby dropped.
    world.respawn();
    assert_eq!(world.end_of(child), KILLED);
    assert_eq!(world.end_of(server), Status::Exited { code: 0 });
    assert!(!world.pidfds[&token].group_alive());
}
