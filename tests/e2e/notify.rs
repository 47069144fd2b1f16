//! `ready = "notify"`: programs that speak to systemd through NOTIFY_SOCKET run unchanged.

use crate::harness::{Hearken, Process, Setup, event, hearken, until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::os::unix::net::UnixDatagram;
use std::time::{Duration, Instant};

#[test]
fn systemd_notify_says_ready_and_how_it_is() {
    let mut hearken = hearken(
        r#"
[service.web]
shell = '''
sleep 0.3
systemd-notify --ready --status="Serving 3 maps" && echo answered
exec sleep 1000
'''
ready = "notify"
line = "none"
"#,
    );
    let ready = hearken.wait(&event("ready").unit("web"));
    assert!(ready.number("after_ms") >= 250, "{ready}");
    hearken.wait(&event("child_status").unit("web").is("message", "Serving 3 maps"));
    // It waits for the answer to a barrier, five seconds at most.
    let answered = hearken.wait(&event("child_output").is("message", "answered"));
    assert!(answered.since(&ready) < Duration::from_secs(2), "{}", hearken.dump());
    hearken.shut_down_well();
    assert!(hearken.all(&event("notify_malformed")).is_empty(), "{}", hearken.dump());
}

#[test]
fn a_dependent_waits_for_the_word_and_others_are_not_told_of_the_socket() {
    let mut hearken = hearken(
        r#"
[service.db]
shell = "sleep 0.4; systemd-notify --ready; exec sleep 1000"
ready = "notify"
watchdog = "1m"
environment = { NOTIFY_SOCKET = "/nowhere", WATCHDOG_PID = "1" }
[service.db-environment]
command = ["{fixture}", "print-environment", "run"]
ready = "notify"
watchdog = "1m"
environment = { NOTIFY_SOCKET = "/nowhere", WATCHDOG_PID = "1" }
[service.web]
command = ["{fixture}", "print-environment", "run"]
after = [{ name = "db", until = "ready" }]
"#,
    );
    let ready = hearken.wait(&event("ready").unit("db"));
    hearken.wait_after(&ready, &event("started").unit("web"));
    let socket = format!("NOTIFY_SOCKET={}/state/notify.sock", hearken.folder().display());
    hearken.wait(&event("child_output").unit("db-environment").is("message", socket));
    let period = event("child_output").unit("db-environment");
    hearken.wait(&period.is("message", "WATCHDOG_USEC=60000000"));
    hearken.wait(&event("child_output").unit("web").has("message", "HEARKEN_UNIT=web"));
    hearken.shut_down_well();
    for variable in hearken.all(&event("child_output")) {
        let text = variable.text("message");
        assert!(!text.contains("/nowhere") && !text.contains("WATCHDOG_PID"), "{variable}");
        assert!(variable.text("unit") != "web" || !text.contains("NOTIFY"), "{variable}");
    }
}

#[test]
fn stopping_and_reloading_are_heard() {
    let mut hearken = hearken(
        r#"
[service.web]
shell = '''
systemd-notify --ready
systemd-notify RELOADING=1 MONOTONIC_USEC=123456
sleep 0.2
systemd-notify --ready
systemd-notify STOPPING=1 STATUS="Good bye"
exit 0
'''
ready = "notify"
"#,
    );
    let reloading = hearken.wait(&event("reloading").unit("web"));
    let reloaded = hearken.wait_after(&reloading, &event("reloaded").unit("web"));
    assert!(reloaded.number("after_ms") >= 150, "{reloaded}");
    // What it says of itself is logged as it is heard, what follows for it a moment later.
    hearken.wait(&event("child_status").is("message", "Good bye"));
    hearken.wait(&event("finished").unit("web"));
    assert_eq!(hearken.exit_code(), 0);
}

#[test]
fn who_says_stopping_and_stays_is_stopped() {
    let hearken = hearken(
        r#"
[service.web]
shell = "systemd-notify --ready; systemd-notify STOPPING=1; exec sleep 1000"
ready = "notify"
stop = { timeout = "300ms" }
restart = "never"
"#,
    );
    hearken.wait(&event("stopping").unit("web").is("cause", "exit_overdue"));
}

#[test]
fn signs_of_life_keep_it_running_and_silence_is_counted() {
    let hearken = hearken(
        r#"
[service.web]
shell = '''
systemd-notify --ready
for beat in 1 2 3 4 5 6 7 8; do sleep 0.2; systemd-notify WATCHDOG=1; done
echo silent
exec sleep 1000
'''
ready = "notify"
watchdog = "800ms"
restart = { delay = "10ms", limit = 1 }
"#,
    );
    let silent = hearken.wait(&event("child_output").is("message", "silent"));
    assert!(hearken.all(&event("stopping")).is_empty(), "{}", hearken.dump());
    let stopping = hearken.wait(&event("stopping").unit("web").is("cause", "watchdog"));
    assert!(stopping.since(&silent) >= Duration::from_millis(500), "{}", hearken.dump());
    let restarting = hearken.wait_after(&stopping, &event("restarting").unit("web"));
    assert_eq!(restarting.text("kind"), "lost");
    assert_eq!(restarting.field("counted"), Some(&true.into()));
}

#[test]
fn a_period_of_its_own_is_kept_and_a_trigger_needs_none() {
    let hearken = hearken(
        r#"
[service.own]
shell = "systemd-notify --ready WATCHDOG_USEC=300000; exec sleep 1000"
ready = "notify"
restart = "never"
[service.trigger]
shell = "systemd-notify --ready; systemd-notify WATCHDOG=trigger; exec sleep 1000"
ready = "notify"
restart = "never"
"#,
    );
    hearken.wait(&event("stopping").unit("own").is("cause", "watchdog"));
    hearken.wait(&event("stopping").unit("trigger").is("cause", "watchdog"));
}

#[test]
fn who_asks_for_more_time_to_start_has_it() {
    let hearken = hearken(
        r#"
[service.slow]
shell = '''
systemd-notify EXTEND_TIMEOUT_USEC=20000000
sleep 1.5
systemd-notify --ready
exec sleep 1000
'''
ready = "notify"
start_timeout = "1s"
[service.late]
shell = "systemd-notify EXTEND_TIMEOUT_USEC=1200000; exec sleep 1000"
ready = "notify"
start_timeout = "500ms"
restart = "never"
"#,
    );
    let late = hearken.wait(&event("stopping").unit("late").is("cause", "start_timeout"));
    assert!(late.since(&hearken.wait(&event("started").unit("late"))) >= Duration::from_secs(1));
    hearken.wait(&event("ready").unit("slow"));
}

#[test]
fn a_number_of_an_error_explains_an_exit() {
    let hearken = hearken(
        r#"
[service.web]
shell = "systemd-notify --ready; systemd-notify STATUS='no such map' ERRNO=2; exit 1"
ready = "notify"
"#,
    );
    let error = hearken.wait(&event("child_error").unit("web"));
    assert_eq!((error.text("kind"), error.text("code")), ("not_found", "errno.ENOENT"));
    assert_eq!(error.text("text"), "no such map");
    // Not found is nothing that another start would mend.
    let failed = hearken.wait(&event("failed").unit("web"));
    assert_eq!((failed.text("kind"), failed.text("code")), ("not_found", "errno.ENOENT"));
}

/// The last word is sent and the process gone before anybody looks: 50 times out of 50.
#[test]
fn a_last_word_followed_at_once_by_the_end_still_counts() {
    let hearken = hearken(
        r#"
[service.web]
command = ["{fixture}", "notify", "READY=1\\nERRNO=110", "_exit", "1"]
ready = "notify"
instances = 50
restart = { delay = "1h", max_delay = "1h" }
"#,
    );
    let restarting = hearken.wait_for_many(&event("restarting").unit("web"), 50);
    for restarting in restarting {
        assert_eq!(restarting.text("code"), "errno.ETIMEDOUT", "{restarting}");
    }
    assert!(hearken.all(&event("notify_stranger")).is_empty(), "{}", hearken.dump());
}

/// A program that puts itself into the background: what was started ends, the service does not.
const DAEMON: &str = r#"
[service.daemon]
shell = '''
setsid sh -c 'trap "exit 3" TERM; echo up; while :; do sleep 1000 & wait; done' &
systemd-notify --ready MAINPID=$!
exit 0
'''
ready = "notify"
line = "none"
restart = { delay = "10ms" }
"#;

#[track_caller]
fn main_process(hearken: &Hearken, nth: usize) -> i32 {
    hearken.wait_for_many(&event("main_process").unit("daemon"), nth)[nth - 1].pid()
}

#[test]
fn the_end_of_the_main_process_is_the_end_of_the_service() {
    let hearken = hearken(DAEMON);
    let started = hearken.wait(&event("started").unit("daemon")).pid();
    let main = main_process(&hearken, 1);
    assert_ne!(main, started);
    until("what was started is gone", Duration::from_secs(10), || {
        (!Process::lives(started)).then_some(())
    });
    assert!(Process::lives(main));
    assert!(hearken.all(&event("exited")).is_empty(), "{}", hearken.dump());
    kill(Pid::from_raw(main), Signal::SIGKILL).unwrap();
    let exited = hearken.wait(&event("exited").unit("daemon"));
    assert_eq!(exited.text("exit_signal"), "SIGKILL", "its own wait status: {exited}");
    hearken.wait(&event("restarting").unit("daemon").is("kind", "crashed"));
    assert_ne!(main_process(&hearken, 2), main);
}

#[test]
fn the_stop_signal_goes_to_the_main_process_and_nothing_is_left() {
    let mut hearken = hearken(DAEMON);
    let main = main_process(&hearken, 1);
    hearken.wait(&event("child_output").is("message", "up"));
    // While it lives, the wait status of the main process is its own to take.
    let started = hearken.wait(&event("started").unit("daemon")).pid();
    until("what was started is gone", Duration::from_secs(10), || {
        (!Process::lives(started)).then_some(())
    });
    hearken.shut_down_well();
    assert!(!Process::lives(main));
    let exited = hearken.wait(&event("exited").unit("daemon"));
    assert_eq!((exited.number("exit_code"), exited.text("stopped_by")), (3, "shutdown"));
    assert!(hearken.all(&event("killing")).is_empty(), "{}", hearken.dump());
}

#[test]
fn a_main_process_does_not_outlive_a_supervisor_that_was_killed() {
    let mut hearken = hearken(DAEMON);
    let started = hearken.wait(&event("started").unit("daemon")).pid();
    let main = main_process(&hearken, 1);
    until("what was started is gone", Duration::from_secs(10), || {
        (!Process::lives(started)).then_some(())
    });
    hearken.signal(Signal::SIGKILL);
    hearken.end_within(Duration::from_secs(10));
    hearken.tree_is_gone_within(Duration::from_secs(5));
    assert!(!Process::lives(main));
}

/// daemon(3): forks twice, so that the main process leads neither its session nor its group.
#[test]
fn a_daemon_that_forked_twice_is_killed_with_all_it_has() {
    let mut hearken = hearken(
        r#"
[service.daemon]
shell = '''
setsid sh -c 'sh -c "trap \"\" TERM; sleep 2000 & echo \$\$ > {folder}/pid; while :; do sleep 1000; done" & exit 0'
until [ -s {folder}/pid ]; do sleep 0.02; done
systemd-notify --ready MAINPID=$(cat {folder}/pid)
exit 0
'''
ready = "notify"
line = "none"
stop = { timeout = "200ms" }
"#,
    );
    let main = main_process(&hearken, 1);
    hearken.wait(&event("ready").unit("daemon"));
    hearken.signal(Signal::SIGTERM);
    hearken.wait(&event("killing").unit("daemon"));
    assert_eq!(hearken.exit_code(), 0, "{}", hearken.dump());
    hearken.tree_is_gone_within(Duration::from_secs(2));
    let exited = hearken.wait(&event("exited").unit("daemon"));
    assert_eq!(exited.text("exit_signal"), "SIGKILL", "pid {main}: {exited}");
}

#[test]
fn a_main_process_whose_parent_lives_leaves_the_word_to_it() {
    let hearken = hearken(
        r#"
[service.wrapper]
shell = '''
sh -c 'exec sleep 1000' &
systemd-notify --ready MAINPID=$!
wait $!
exit 42
'''
ready = "notify"
restart = "never"
"#,
    );
    let main = hearken.wait(&event("main_process").unit("wrapper")).pid();
    kill(Pid::from_raw(main), Signal::SIGKILL).unwrap();
    let exited = hearken.wait(&event("exited").unit("wrapper"));
    assert_eq!(exited.number("exit_code"), 42, "{exited}");
}

#[test]
fn systemd_notify_names_its_caller_with_pid() {
    let mut hearken = hearken(
        r#"
[service.web]
shell = '''
sh -c 'systemd-notify --ready --pid; exec sleep 1000' &
wait
'''
ready = "notify"
"#,
    );
    hearken.wait(&event("ready").unit("web"));
    let started = hearken.wait(&event("started").unit("web")).pid();
    let main = hearken.wait(&event("main_process").unit("web")).pid();
    assert_eq!(Process::look(main).map(|process| process.parent), Some(started));
    hearken.shut_down_well();
}

#[test]
fn a_process_of_somebody_else_is_no_main_process() {
    let mut hearken = hearken(
        r#"
[service.other]
command = ["{fixture}", "run"]
[service.web]
shell = '''
systemd-notify MAINPID=1
systemd-notify MAINPID=$PPID
systemd-notify MAINPID=999999999
systemd-notify --ready
exec sleep 1000
'''
ready = "notify"
after = ["other"]
"#,
    );
    hearken.wait(&event("ready").unit("web"));
    let refused = hearken.all(&event("main_process_refused").unit("web"));
    assert_eq!(refused.len(), 3, "{}", hearken.dump());
    assert!(hearken.all(&event("main_process")).is_empty());
    hearken.shut_down_well();
}

/// Row by row what a hostile child may send; between them nothing changes, and no descriptor stays.
#[test]
fn hostile_datagrams_change_nothing() {
    let setup = Setup::new(
        r#"
[service.hostile]
command = ["{fixture}",
  "notify", "",
  "notify-long", "4097",
  "notify-long", "102400",
  "notify", "READY=1\\n\\xFF",
  "notify", "\\x00\\x00READY=1",
  "notify", "READY=1\\nBARRIER=1",
  "notify", "BARRIER=1",
  "notify", "MAINPID=-1\\nERRNO=x\\nWATCHDOG_USEC=99999999999999999999999\\n=\\nready=1\\nX_Y=Z",
  "notify-descriptors", "READY=1\\nBARRIER=1", "/dev/null", "1",
  "notify-descriptors", "BARRIER=1", "/dev/null", "253",
  "notify-descriptors", "FDSTORE=1", "/dev/null", "253",
  "notify-descriptors", "FDSTORE=1", "/dev/null", "1",
  "notify", "STATUS=still here",
  "run"]
ready = "notify"
[service.good]
shell = "systemd-notify --ready; exec sleep 1000"
ready = "notify"
"#,
    );
    let mut hearken = setup.start();
    hearken.wait(&event("ready").unit("good"));
    hearken.wait(&event("child_status").unit("hostile").is("message", "still here"));
    assert!(hearken.all(&event("ready").unit("hostile")).is_empty(), "{}", hearken.dump());
    assert!(hearken.all(&event("child_error")).is_empty(), "{}", hearken.dump());
    let malformed = hearken.all(&event("notify_malformed").unit("hostile"));
    assert_eq!(malformed.len(), 8, "{}", hearken.dump());
    let lines = malformed.iter().filter(|it| it.has("lines")).map(|it| it.number("lines"));
    assert_eq!(lines.sum::<i64>(), 4, "{}", hearken.dump());

    // Nobody of a unit: this test.
    let stranger = UnixDatagram::unbound().unwrap();
    let socket = hearken.folder().join("state/notify.sock");
    for _ in 0..300 {
        stranger.send_to(b"READY=1\nSTOPPING=1", &socket).unwrap();
    }
    let told = hearken.wait(&event("notify_stranger"));
    assert_eq!(told.pid(), i32::try_from(std::process::id()).unwrap(), "{told}");
    assert!(!told.text("help").is_empty());
    hearken.shut_down_well();
    assert_eq!(hearken.all(&event("notify_stranger")).len(), 1, "{}", hearken.dump());
    assert!(hearken.all(&event("ready").unit("hostile")).is_empty(), "{}", hearken.dump());
}

#[test]
fn descriptors_that_come_along_do_not_stay() {
    let mut hearken = hearken(
        r#"
[service.web]
shell = '''
systemd-notify --ready
until [ -e {folder}/begin ]; do sleep 0.02; done
for _ in 1 2 3 4 5 6 7 8 9 10; do
  {fixture} notify-descriptors BARRIER=1 /dev/null 1 notify-descriptors FDSTORE=1 /dev/null 253
done
systemd-notify --status=done
exec sleep 1000
'''
ready = "notify"
"#,
    );
    hearken.wait(&event("ready").unit("web"));
    let before = Process::descriptors(hearken.pid());
    std::fs::write(hearken.folder().join("begin"), "").unwrap();
    hearken.wait(&event("child_status").is("message", "done"));
    // What is no pipe is closed by a thread.
    until("no more descriptors than before", Duration::from_secs(10), || {
        (Process::descriptors(hearken.pid()) <= before).then_some(())
    });
    hearken.shut_down_well();
}

/// The supervisor looks only when the sender is dead and reaped by its parent.
#[test]
fn the_word_of_a_dead_process_changes_nothing() {
    let mut hearken = hearken(
        r#"
[service.web]
shell = '''
systemd-notify --ready
until [ -e {folder}/begin ]; do sleep 0.02; done
{fixture} notify STOPPING=1 notify WATCHDOG=trigger
touch {folder}/sent
sleep 0.5
systemd-notify --status="still here"
exec sleep 1000
'''
ready = "notify"
stop = { timeout = "100ms" }
"#,
    );
    hearken.wait(&event("ready").unit("web"));
    hearken.signal(Signal::SIGSTOP);
    std::fs::write(hearken.folder().join("begin"), "").unwrap();
    let sent = hearken.folder().join("sent");
    until("it was sent", Duration::from_secs(10), || sent.exists().then_some(()));
    hearken.signal(Signal::SIGCONT);
    hearken.wait(&event("notify_stranger").has("reason", "ended"));
    hearken.wait(&event("child_status").unit("web").is("message", "still here"));
    assert!(hearken.all(&event("stopping")).is_empty(), "{}", hearken.dump());
    hearken.shut_down_well();
}

/// A flood of words from one child, and everybody else is heard all the same.
#[test]
fn who_never_stops_talking_keeps_nobody_waiting() {
    let mut hearken = hearken(
        r#"
[service.flood]
shell = '''
systemd-notify --ready
exec python3 -c '
import os, socket
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
while True:
    s.sendto(b"STATUS=again\nWATCHDOG=1", os.environ["NOTIFY_SOCKET"])
'
'''
ready = "notify"
[service.web]
command = ["{fixture}", "hello", "ready", "run"]
ready = "message"
restart = { delay = "0s" }
"#,
    );
    hearken.wait_for_many(&event("child_status").unit("flood"), 1000);
    let first = hearken.wait(&event("ready").unit("web"));
    let before = Instant::now();
    kill(Pid::from_raw(hearken.wait(&event("started").unit("web")).pid()), Signal::SIGKILL)
        .unwrap();
    hearken.wait_after(&first, &event("ready").unit("web"));
    assert!(before.elapsed() < Duration::from_secs(5), "{:?}", before.elapsed());
    assert_eq!(hearken.shut_down(), 0);
}

#[test]
fn a_state_directory_that_is_too_deep_for_a_socket_is_refused_with_the_next_step() {
    let setup = Setup::new("[service.web]\ncommand = [\"true\"]\nready = \"notify\"\n");
    let deep = setup.folder().join("x".repeat(100));
    let setup = setup.environment("HEARKEN_STATE_DIR", deep.to_str().unwrap());
    let config = setup.file(
        "deep.toml",
        b"[service.web]\ncommand = [\"true\"]\nready = \"notify\"\n",
        0o644,
    );
    let refused = setup.command(&["up", "--config", config.to_str().unwrap()]).output().unwrap();
    let said = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert!(said.contains("notify.sock") && said.contains("state_directory"), "{said}");
}
