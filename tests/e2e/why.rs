//! `hearken why`: what stands in the ledger, and what is said of it.

use crate::harness::{Hearken, PATIENCE, Setup, event, until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use std::time::{Duration, Instant};

/// Exit code, standard output, standard error.
pub(crate) fn run(setup: &Setup, words: &[&str]) -> (i32, String, String) {
    let output = setup.command(words).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn why(setup: &Setup, name: &str) -> String {
    let (code, told, complaints) = run(setup, &["why", name, "--config", "hearken.toml"]);
    assert_eq!((code, complaints.as_str()), (0, ""), "{told}");
    told
}

/// Asks until the answer has all of this: a record is written a moment after its event is logged.
#[track_caller]
pub(crate) fn told(setup: &Setup, name: &str, parts: &[&str]) -> String {
    let mut last = String::new();
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        // Before its first line there is no ledger.
        let (_, told, complaints) = run(setup, &["why", name, "--config", "hearken.toml"]);
        last = told + &complaints;
        if parts.iter().all(|part| last.contains(part)) {
            return last;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("why {name}\n  said  {last}\n  lacks one of {parts:#?}");
}

pub(crate) fn begin(services: &str) -> (Setup, Hearken) {
    let setup = Setup::new(services).supervisor("when_idle = \"stay\"");
    (setup.clone(), setup.start())
}

const STAYS: &str = "it stays down until an operator starts it.";

#[test]
fn what_runs_and_what_does_not_yet() {
    let (setup, hearken) = begin(
        r#"
[service.web]
command = ["{fixture}", "run"]
instances = 2
[service.slow]
command = ["{fixture}", "run"]
ready = "message"
start_timeout = "1h"
[service.mid]
command = ["{fixture}", "run"]
after = [{ name = "slow", until = "ready" }]
[service.top]
command = ["{fixture}", "run"]
after = [{ name = "mid", until = "ready" }]
[service.self-stopped]
command = ["{fixture}", "stop-self", "run"]
"#,
    );
    let first = hearken.wait(&event("started").unit("web").is("instance", 1));
    told(&setup, "web#1", &["web#1 is ready since ", &format!(", as pid {}.\n", first.pid())]);
    assert_eq!(told(&setup, "web", &["web#1 is ready", "web#2 is ready"]).lines().count(), 2);
    told(&setup, "slow", &["slow#1 is starting since ", "and not ready yet."]);
    told(
        &setup,
        "top",
        &["top#1 waits since ", " for mid, which waits for slow, which is starting since "],
    );
    hearken.wait(&event("suspended").unit("self-stopped"));
    told(&setup, "self-stopped", &["but its process is suspended by SIGSTOP; `kill -CONT "]);
    let pid = hearken.wait(&event("started").unit("self-stopped")).pid();
    kill(Pid::from_raw(pid), Signal::SIGCONT).unwrap();
    hearken.wait(&event("resumed").unit("self-stopped"));
    until("it is told that it runs again", PATIENCE, || {
        (!why(&setup, "self-stopped").contains("suspended")).then_some(())
    });
}

#[test]
fn how_things_end_and_who_decides() {
    let (setup, _hearken) = begin(
        r#"
[service.crash]
shell = "echo first >&2; echo no route to db >&2; exit 3"
restart = { delay = "1m", max_delay = "2m" }
[service.killed]
command = ["{fixture}", "signal", "9"]
restart = { delay = "1m", max_delay = "2m" }
[service.config]
command = ["{fixture}", "exit", "78"]
[service.follower]
command = ["{fixture}", "run"]
after = [{ name = "job", until = "succeeded" }]
[service.job]
command = ["{fixture}", "exit", "65"]
restart = "never"
[service.done]
command = ["{fixture}", "exit", "0"]
restart = "never"
[service.missing]
command = ["/no/such/program"]
[service.loop]
command = ["{fixture}", "exit", "1"]
restart = { delay = "10ms", limit = 2, window = "1m" }
[service.patient]
command = ["{fixture}", "exit", "1"]
restart = { delay = "10ms", limit = 1, window = "10m", on_limit = "wait" }
[service.limited]
line = "json"
shell = '''printf '{"kind":"error","error_kind":"rate_limited","code":"api.limit","message":"slow down","retry_after_ms":30000}\n' >&"$HEARKEN_FD"; exit 75'''
[service.hint]
command = ["{fixture}", "hello", "error", "transient", "db.gone", "false", "exit", "1"]
[service.announced]
command = ["{fixture}", "hello", "exiting", "stay_down", "exit", "1"]
[service.ruled]
command = ["{fixture}", "exit", "9"]
[[service.ruled.rule]]
match = { exit_code = 9 }
unit = "fail"
[service.paused]
command = ["{fixture}", "exit", "10"]
[[service.paused.rule]]
match = { exit_code = 10 }
unit = "pause"
delay = "1m"
"#,
    );
    let line = |name: &str| {
        let config = std::fs::read_to_string(setup.folder().join("hearken.toml")).unwrap();
        let at = config.lines().position(|line| line == format!("[[service.{name}.rule]]"));
        format!("rule 1 of {name} (hearken.toml:{}) decided; ", at.unwrap() + 1)
    };
    let table: &[(&str, &[&str])] = &[
        (
            "crash",
            &[
                "crash#1 is down since ",
                "it exited with code 3 (crashed) after ",
                "its last line on standard error: \"no route to db\"; the default for exit code 3 decided; it starts again in ",
                ", at ",
            ],
        ),
        (
            "killed",
            &[
                "it was killed by SIGKILL (crashed) after ",
                "the default for a death by signal decided; it starts again in ",
            ],
        ),
        (
            "config",
            &[
                "config#1 has failed and is down since ",
                "it exited with code 78 (config) after ",
                "the default for exit code 78 decided; ",
                STAYS,
            ],
        ),
        (
            "follower",
            &[
                "follower#1 waits since ",
                " for job, which failed at ",
                "(it exited with code 65 (invalid) after ",
            ],
        ),
        (
            "done",
            &[
                "done#1 finished at ",
                "it exited with code 0 after ",
                "restart.policy decided; it stays down, for it did what it was there for.",
            ],
        ),
        (
            "missing",
            &[
                "it could not be started: /no/such/program: ENOENT (No such file or directory) (check the path",
                "the default for a failed start decided; ",
                STAYS,
            ],
        ),
        (
            "loop",
            &[
                "loop#1 has failed",
                "its restart budget decided: 2 automatic restarts within 1 min are used up",
                STAYS,
            ],
        ),
        (
            "patient",
            &[
                "patient#1 is down since ",
                "its restart budget decided: 1 automatic restart within 10 min is used up",
                "it starts again in 9 min ",
            ],
        ),
        (
            "limited",
            &[
                "having said rate_limited api.limit: \"slow down\"; the default for rate_limited errors decided; it starts again in ",
                "(it asked for 30 s)",
            ],
        ),
        (
            "announced",
            &["having announced \"stay_down\"; its announcement \"stay_down\" decided; ", STAYS],
        ),
        ("ruled", &[&line("ruled"), "its whole unit failed with it; ", STAYS]),
        (
            "paused",
            &[&line("paused"), "no instance of the unit starts before it; it starts again in "],
        ),
    ];
    for (name, parts) in table {
        told(&setup, name, parts);
    }
}

#[test]
fn what_the_supervisor_finds_is_told_as_such() {
    let (setup, _hearken) = begin(
        r#"
[service.late]
command = ["{fixture}", "run"]
ready = "message"
start_timeout = "50ms"
restart = { delay = "1m", max_delay = "2m" }
[service.mute]
command = ["{fixture}", "hello", "ready", "run"]
ready = "message"
watchdog = "100ms"
restart = { delay = "1m", max_delay = "2m" }
[service.broken]
command = ["{fixture}", "hello", "garbage-frame", "run"]
restart = { delay = "1m", max_delay = "2m" }
[service.sick]
command = ["{fixture}", "run"]
restart = { delay = "1m", max_delay = "2m" }
health = { exec = ["{fixture}", "exit", "1"], interval = "20ms", failures = 1 }
"#,
    );
    let table: &[(&str, &[&str])] = &[
        (
            "late",
            &[
                "it was stopped because it was not ready in time (start_timeout); it was killed by SIGTERM after ",
                "the default for a child that is late decided; it starts again in ",
            ],
        ),
        (
            "mute",
            &[
                "it was stopped because it gave no sign of life in time (watchdog); it was killed by SIGTERM",
                "the default for a child that is lost decided; ",
            ],
        ),
        (
            "broken",
            &[
                "it was stopped because it broke the protocol of its line; it was killed by SIGTERM",
                "the default for a broken protocol decided; ",
            ],
        ),
        (
            "sick",
            &["it was stopped because its health probe failed too often; ", "its last probe: "],
        ),
    ];
    for (name, parts) in table {
        told(&setup, name, parts);
    }
}

#[test]
fn who_goes_with_others_is_told_with_whom() {
    let (setup, hearken) = begin(
        r#"
[service.one]
command = ["{fixture}", "run"]
restart = { delay = "3s", max_delay = "1m" }
[service.two]
command = ["{fixture}", "run"]
[group.pair]
units = ["one", "two"]
strategy = "one_for_all"
limit = 1
window = "1m"
[service.base]
command = ["{fixture}", "run"]
restart = { delay = "1m", max_delay = "2m" }
[service.rider]
command = ["{fixture}", "run"]
after = [{ name = "base", until = "ready" }]
on_dependency_restart = "restart"
[service.leaver]
command = ["{fixture}", "run"]
after = [{ name = "base", until = "ready" }]
on_dependency_restart = "stop"
"#,
    );
    for unit in ["two", "rider", "leaver"] {
        hearken.wait(&event("started").unit(unit));
    }
    let end = |unit: &str, earlier: i32| {
        let started =
            hearken.wait(&event("started").unit(unit).incarnation(u32::try_from(earlier).unwrap()));
        kill(Pid::from_raw(started.pid()), Signal::SIGKILL).unwrap();
    };
    end("base", 1);
    told(
        &setup,
        "rider",
        &[
            "rider#1 is down since ",
            "it was stopped because something it comes after starts again; ",
            "it starts again by itself after base, which is down (it was killed by SIGKILL (crashed) after ",
            "; it starts again in ",
        ],
    );
    told(
        &setup,
        "leaver",
        &[
            "leaver#1 is stopped since ",
            "it was stopped because something it comes after is gone; ",
            STAYS,
        ],
    );
    end("one", 1);
    hearken.wait(&event("group_restarting"));
    told(
        &setup,
        "two",
        &[
            "two#1 is down since ",
            "it was stopped because its group starts again together; ",
            "it starts again with its group pair, which restarts because of one#1.",
        ],
    );
    hearken.wait(&event("started").unit("two").incarnation(2));
    end("one", 2);
    hearken.wait(&event("group_failed"));
    told(
        &setup,
        "two",
        &[
            "two#1 has failed and is down since ",
            "group pair was restarted too often, last because of one#1; ",
            STAYS,
        ],
    );
    told(
        &setup,
        "one",
        &[
            "one#1 has failed and is down since ",
            "its group pair failed, last because of one#1; before that, at ",
            "it was killed by SIGKILL",
            STAYS,
        ],
    );
}

#[test]
fn the_end_of_the_supervisor_is_told_whatever_it_was() {
    let (setup, mut hearken) = begin(
        r#"
[service.web]
command = ["{fixture}", "run"]
[service.stubborn]
command = ["{fixture}", "ignore-term", "print", "up", "run"]
stop = { timeout = "1m" }
after = ["web"]
"#,
    );
    hearken.wait(&event("child_output").is("message", "up"));
    let pid = hearken.wait(&event("started").unit("web")).pid();
    told(&setup, "web", &["web#1 is ready since "]);
    hearken.signal(Signal::SIGKILL);
    hearken.end_within(PATIENCE);
    let parts: &[&str] = &[
        "hearken itself is not running: it was killed, or the machine went down, at about ",
        &format!("as pid {pid}; its process was killed with hearken.\n"),
    ];
    told(&setup, "web", parts);
    hearken.tree_is_gone_within(Duration::from_secs(2));

    let mut next = hearken.another();
    next.wait(&event("child_output").is("message", "up"));
    told(&setup, "web", &["web#1 is ready since "]);
    next.signal(Signal::SIGTERM);
    told(
        &setup,
        "stubborn",
        &[
            "hearken is shutting down since ",
            "stubborn#1 is being stopped since ",
            ": for the shutdown; its tree is killed at ",
        ],
    );
    next.signal(Signal::SIGTERM);
    next.exit_code();
    told(
        &setup,
        "web",
        &[
            "hearken is not running: it ended at ",
            " ago, with exit code 0.\n",
            "web#1 was stopped at ",
            "it was stopped for the shutdown; ",
        ],
    );

    let last = next.another();
    last.wait(&event("child_output").is("message", "up"));
    told(
        &setup,
        "web",
        &[
            "web#1 is ready since ",
            " Its last end was at ",
            " under the hearken before this one: it was stopped for the shutdown; ",
        ],
    );
}

#[test]
fn questions_without_an_answer_say_what_to_do() {
    let (setup, _hearken) =
        begin("[service.web]\ncommand = [\"{fixture}\", \"run\"]\ninstances = 2\n");
    told(&setup, "web#2", &["web#2 is ready since "]);
    let table: &[(&[&str], i32, &str)] = &[
        (
            &["why", "wbe", "-c", "hearken.toml"],
            2,
            "there is no unit \"wbe\". Did you mean \"web\"? There is: web",
        ),
        (&["why", "web#3", "-c", "hearken.toml"], 2, "web has 2 instances, web#3 is none of them"),
        (&["why", "../x", "-c", "hearken.toml"], 2, "is no name of a unit"),
        (
            &["why", "web", "--state-directory", "nowhere"],
            1,
            "there is no ledger at nowhere/ledger.jsonl",
        ),
        (
            &["why", "web", "-c", "missing.toml"],
            78,
            "help: --state-directory DIR asks without the config",
        ),
        (&["why"], 2, "<NAME>"),
    ];
    for (words, expected, part) in table {
        let (code, told, complaints) = run(&setup, words);
        assert_eq!(code, *expected, "{words:?}: {complaints}");
        assert!(complaints.contains(part) && told.is_empty(), "{words:?}: {complaints}");
    }
    let (code, told, _) = run(&setup, &["why", "web#1", "--state-directory", "state"]);
    assert!(code == 0 && told.contains("web#1 is ready"), "{told}");
}

#[test]
fn json_tells_the_same_and_history_more() {
    let (setup, hearken) = begin(
        r#"
[service.loop]
command = ["{fixture}", "print-error", "not again", "exit", "1"]
restart = { delay = "10ms", limit = 2, window = "1m" }
"#,
    );
    hearken.wait(&event("failed").unit("loop"));
    told(&setup, "loop", &["loop#1 has failed"]);
    let words = ["why", "loop", "-c", "hearken.toml", "--history", "9", "--json"];
    let (code, json, _) = run(&setup, &words);
    let answer: Value = serde_json::from_str(&json).unwrap();
    let told = &answer["instances"][0];
    assert_eq!(code, 0);
    assert_eq!(
        (&answer["supervisor"]["running"], &told["state"]),
        (&true.into(), &"failed".into())
    );
    assert!(told["sentence"].as_str().unwrap().starts_with("loop#1 has failed"));
    let end = &told["last_end"];
    assert_eq!(end["judgement"]["decided_by"], "restart_budget");
    assert_eq!(end["budget"]["limit"], 2);
    assert_eq!(end["evidence"]["stderr"][0], "not again");
    assert_eq!(told["history"].as_array().unwrap().len(), 3);
    let (_, text, _) = run(&setup, &words[..6]);
    assert_eq!(text.matches("to start again after").count(), 2, "{text}");
}

#[test]
fn no_byte_of_a_child_reaches_the_terminal_as_it_is() {
    let (setup, _hearken) = begin(
        r#"
[service.loud]
shell = "printf '\\033[2J\\033]0;title\\007\\302\\2331m\\177' >&2; exit 78"
"#,
    );
    told(&setup, "loud", &["loud#1 has failed", "]0;title"]);
    for words in [
        &["why", "loud", "-c", "hearken.toml"][..],
        &["why", "loud", "-c", "hearken.toml", "--json"],
    ] {
        let (_, text, _) = run(&setup, words);
        assert!(text.chars().all(|c| !c.is_control() || c == '\n'), "{text:?}");
    }
}

/// It crashed, and its group came down with it: once that has happened, it waits for its own delay
/// again, and nobody stopped it.
#[test]
fn one_that_its_group_waits_for_is_down_for_its_own_end() {
    let (setup, mut hearken) = begin(
        r#"
[service.first]
command = ["{fixture}", "run"]
[service.second]
command = ["{fixture}", "exit", "3"]
restart = { delay = "1h", max_delay = "1h" }
[group.both]
units = ["first", "second"]
strategy = "one_for_all"
"#,
    );
    let parts = ["second#1 is down since ", ": it exited with code 3 ", "it starts again in "];
    let text = told(&setup, "second", &parts);
    assert!(!text.contains("stopped"), "{text}");
    hearken.shut_down_well();
}
