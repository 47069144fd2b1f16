//! `ready = "newline"`: a newline on a descriptor, as s6 has it.

use crate::harness::{Setup, event, hearken};
use std::process::Command;
use std::time::Duration;

#[test]
fn a_newline_on_descriptor_3_says_ready() {
    let mut hearken = hearken(
        r#"
[service.daemon]
shell = '''
sleep 0.3
printf 'this is not it' >&3
sleep 0.2
printf ', but this\nmore' >&3
exec 3>&-
exec sleep 1000
'''
ready = "newline"
line = "none"
"#,
    );
    let ready = hearken.wait(&event("ready").unit("daemon"));
    assert!(ready.number("after_ms") >= 450, "{ready}");
    hearken.shut_down_well();
}

#[test]
fn the_descriptor_has_the_number_that_was_asked_for() {
    let mut hearken = hearken(
        r#"
[service.daemon]
shell = '''
if { true >&3; } 2>/dev/null; then echo 3 is open; fi
echo >&7
exec sleep 1000
'''
ready = { newline = 7 }
line = "none"
"#,
    );
    hearken.wait(&event("ready").unit("daemon"));
    hearken.shut_down_well();
    assert!(hearken.all(&event("child_output")).is_empty(), "{}", hearken.dump());
}

#[test]
fn who_closes_the_descriptor_without_a_newline_is_not_ready() {
    let hearken = hearken(
        r#"
[service.daemon]
shell = "printf almost >&3; exec 3>&-; exec sleep 1000"
ready = "newline"
start_timeout = "400ms"
restart = "never"
"#,
    );
    hearken.wait(&event("stopping").unit("daemon").is("cause", "start_timeout"));
    assert!(hearken.all(&event("ready")).is_empty());
}

/// s6-notifyoncheck polls `./data/check` and says so on the descriptor that `./notification-fd`
/// names. It wants to find itself under s6-supervise: somebody holds a lock on `supervise/lock`,
/// and there is a fifodir `event` to listen to.
#[test]
fn s6_notifyoncheck_says_ready_when_its_check_passes() {
    let setup = Setup::new(
        r#"
[service.daemon]
shell = "mkdir -p supervise; s6-setlock supervise/lock sh -c './run; exit $?'"
directory = "{folder}/daemon.s6"
ready = "newline"
line = "none"
"#,
    );
    let folder = setup.folder().join("daemon.s6");
    std::fs::create_dir_all(folder.join("data")).unwrap();
    let made = Command::new("s6-mkfifodir").arg(folder.join("event")).status();
    assert!(made.unwrap().success());
    setup.file("daemon.s6/notification-fd", b"3\n", 0o644);
    setup.file("daemon.s6/data/check", b"#!/bin/sh\ntest -e serving\n", 0o755);
    let run = b"#!/bin/sh\nexec s6-notifyoncheck -w 50 -n 0 ./daemon\n";
    setup.file("daemon.s6/run", run, 0o755);
    // The daemon itself knows nothing of any of this.
    let daemon = b"#!/bin/sh\nsleep 0.5; touch serving; exec sleep 1000\n";
    setup.file("daemon.s6/daemon", daemon, 0o755);
    let mut hearken = setup.start();
    let ready = hearken.wait(&event("ready").unit("daemon"));
    assert!(ready.number("after_ms") >= 450, "{ready}");
    assert!(folder.join("serving").exists());
    hearken.shut_down_well();
    let exited = hearken.wait(&event("exited").unit("daemon"));
    assert!(exited.number("uptime_ms") < 20_000, "{exited}");
    let stopping = hearken.wait(&event("stopping").unit("daemon"));
    assert!(exited.since(&stopping) < Duration::from_secs(5), "{}", hearken.dump());
}
