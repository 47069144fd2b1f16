//! Many at once: nothing is lost, nothing is left, nothing stampedes.

use crate::harness::{Hearken, PATIENCE, Process, Setup, alone, event, until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::time::Duration;

/// The descriptors the supervisor holds for a child: its pidfd, line, standard output and error.
const CHILD_DESCRIPTORS: usize = 4;

fn many(count: usize, lines: &str) -> String {
    (1..=count).fold(String::new(), |mut config, number| {
        let _infallible = write!(
            config,
            "[service.s{number:04}]\ncommand = [\"sleep\", \"infinity\"]\n{lines}\n"
        );
        config
    })
}

/// How many descriptors supervisor and fork server hold once nothing moves any more.
#[track_caller]
fn descriptors(hearken: &Hearken) -> (usize, usize) {
    let count =
        || (Process::descriptors(hearken.pid()), Process::descriptors(hearken.fork_server()));
    let (mut last, mut same) = (count(), 0);
    until("a number of descriptors that stays", PATIENCE, || {
        let now = count();
        same = if now == last { same + 1 } else { 0 };
        last = now;
        (same > 20).then_some(last)
    })
}

/// Rows 20 and 21.
#[test]
fn a_thousand_services_start_survive_a_massacre_and_stop() {
    let _alone = alone();
    let quick = "starts = { burst = 100000, per_second = 100000 }";
    let one = Setup::new(&many(1, "")).supervisor(quick).start();
    one.wait(&event("started"));
    let (supervisor_with_one, server_with_one) = descriptors(&one);
    drop(one);

    let restart = "restart = { delay = \"0s\", limit = \"unlimited\" }";
    let mut hearken = Setup::new(&many(1_000, restart)).supervisor(quick).start();
    let started = hearken.wait_for_many(&event("started").incarnation(1), 1_000);
    let full = descriptors(&hearken);
    let expected = (supervisor_with_one + 999 * CHILD_DESCRIPTORS, server_with_one + 999);
    assert_eq!(full, expected, "base + k · n");

    for started in &started {
        kill(Pid::from_raw(started.pid()), Signal::SIGKILL).unwrap();
    }
    hearken.wait_for_many(&event("started").incarnation(2), 1_000);
    assert_eq!(hearken.wait_for_many(&event("exited"), 1_000).len(), 1_000);
    // The fork server hears of the last few dead with the next sweep.
    until("as many as before", PATIENCE, || (descriptors(&hearken) == full).then_some(()));
    assert_eq!(hearken.zombies().len(), 0);
    let children = hearken.tree().iter().filter(|it| it.parent == hearken.pid()).count();
    assert_eq!(children, 1_001, "a thousand children and the fork server");

    hearken.shut_down_well();
    assert_eq!(hearken.all(&event("stopped")).len(), 1_000);
    assert!(hearken.all(&event("killing")).is_empty());
}

/// Row 20.
#[test]
fn descriptors_go_back_to_base_when_children_are_gone() {
    let _alone = alone();
    let mut config = many(300, "restart = \"never\"");
    config += "[service.keeper]\ncommand = [\"sleep\", \"infinity\"]\n";
    let mut hearken = Setup::new(&config).start();
    let started = hearken.wait_for_many(&event("started"), 301);
    let (supervisor, server) = descriptors(&hearken);
    for started in started.iter().filter(|it| it.text("unit") != "keeper") {
        kill(Pid::from_raw(started.pid()), Signal::SIGKILL).unwrap();
    }
    hearken.wait_for_many(&event("failed"), 300);
    let base = (supervisor - 300 * CHILD_DESCRIPTORS, server - 300);
    // The fork server hears with the next sweep that it need not watch them any more.
    until("the base", PATIENCE, || (descriptors(&hearken) == base).then_some(()));
    assert_eq!(hearken.zombies().len(), 0);
    hearken.shut_down_well();
}

/// Row 16: the exit of a short-lived child is often seen before its start.
#[test]
fn each_of_2500_instant_exits_has_one_start_and_one_end_in_that_order() {
    let _alone = alone();
    let mut hearken = Setup::new(
        r#"
[service.flash]
command = ["true"]
instances = 500
restart = { policy = "always", delay = "0s", limit = 4, window = "10m" }
"#,
    )
    .supervisor("starts = { burst = 100000, per_second = 100000 }")
    .start();
    assert_eq!(hearken.exit_code(), 0, "{}", hearken.dump());
    // By instance and incarnation: how often it started and ended.
    let mut seen: HashMap<(i64, i64), (u32, u32)> = HashMap::new();
    for event in hearken.events() {
        let name = event.name();
        if name != "started" && name != "exited" {
            continue;
        }
        let key = (event.number("instance"), event.number("incarnation"));
        let (starts, ends) = seen.entry(key).or_default();
        if name == "started" {
            *starts += 1;
        } else {
            *ends += 1;
            assert_eq!(*starts, 1, "an end before its start: {event}");
            assert_eq!(event.number("exit_code"), 0);
        }
    }
    assert_eq!(seen.len(), 2_500);
    assert!(seen.values().all(|counts| *counts == (1, 1)));
}

/// Row 5.
#[test]
fn five_hundred_that_crash_together_come_back_spread() {
    let _alone = alone();
    let mut hearken = Setup::new(
        r#"
[service.web]
command = ["sleep", "infinity"]
instances = 500
restart = { delay = "0s" }
"#,
    )
    .supervisor("starts = { burst = 100, per_second = 200 }")
    .start();
    let started = hearken.wait_for_many(&event("started"), 500);
    for started in &started {
        kill(Pid::from_raw(started.pid()), Signal::SIGKILL).unwrap();
    }
    let back = hearken.wait_for_many(&event("started").incarnation(2), 500);
    let first = hearken.wait(&event("exited"));
    let mut times: Vec<Duration> = back.iter().map(|started| started.since(&first)).collect();
    times.sort();
    let last = times[499];
    assert!(last >= Duration::from_millis(1_900), "400 at 200 a second: {last:?}");
    assert!(last < Duration::from_secs(15), "{last:?}");
    // A busy machine can hold a start up, and bring it close to the next; none comes early.
    for (at, time) in (0_u64..).zip(&times) {
        let earliest = Duration::from_millis(at.saturating_sub(100) * 1_000 / 200);
        assert!(*time + Duration::from_millis(50) >= earliest, "start {at} came at {time:?}");
    }
    hearken.shut_down_well();
}
