//! Progress is for a terminal, and for nothing else.

use super::shell::Shell;
use crate::harness::Gate;
use nix::pty::{Winsize, openpty};
use std::fs::File;
use std::io::Read as _;
use std::process::Stdio;

/// What a terminal is shown until this is among it, and then to the end.
fn shown(options: &[&str], until: &str) -> String {
    let shell = Shell::new();
    let gate = Gate::new(shell.folder());
    let script = "case $1 in wait) read -r _ < gate ;; bad) exit 65 ;; esac";
    let command = ["--", "sh", "-c", script, "sh", ":::", "a", "bad", "c", "wait"];
    let mut command = shell.command(&[&["--exec", "-j2"], options, &command].concat());
    let size = Winsize { ws_row: 24, ws_col: 100, ws_xpixel: 0, ws_ypixel: 0 };
    let ends = openpty(&size, None).unwrap();
    command.env("TERM", "xterm").stdout(Stdio::null()).stderr(Stdio::from(ends.slave));
    let mut child = command.spawn().unwrap();
    // It holds the other end, too.
    drop(command);
    let mut terminal = File::from(ends.master);
    let mut bytes = Vec::new();
    let mut room = [0; 4096];
    let mut opened = false;
    // The end of a terminal is the error EIO.
    while let Ok(read @ 1..) = terminal.read(&mut room) {
        bytes.extend_from_slice(&room[..read]);
        if !opened && String::from_utf8_lossy(&bytes).contains(until) {
            gate.open_lines(1);
            opened = true;
        }
    }
    assert_eq!(child.wait().unwrap().code(), Some(1));
    String::from_utf8(bytes).unwrap()
}

#[test]
fn a_terminal_shows_how_far_a_run_is_and_then_only_what_came_of_it() {
    let shown = shown(&[], "3/4");
    for part in ["[===", "3/4", "/s", "left", "1 running", "1 failed"] {
        assert!(shown.contains(part), "{part:?} is not in\n{shown:?}");
    }
    let last = shown.rsplit("\x1b[2K").next().unwrap();
    assert_eq!(last, "hearken map: 1 of 4 inputs failed: exit.65 ×1\r\n");
}

#[test]
fn without_a_terminal_nothing_is_painted() {
    let ran = Shell::new().run(&["--exec", "--", "sh", "-c", "exit 65", "sh", ":::", "a", "b"]);
    let mut lines: Vec<_> = ran.said.lines().collect();
    assert_eq!(lines.pop(), Some("hearken map: 2 of 2 inputs failed: exit.65 ×2"));
    lines.sort_unstable();
    let failed = |input| format!("hearken map: input {input} failed: exit.65: exited with 65");
    assert_eq!(lines, [failed(1), failed(2)]);
    let fine = Shell::new().run(&["--exec", "--", "true", ":::", "a", "b"]);
    assert_eq!((fine.code(), fine.said.as_str()), (0, ""));
}
