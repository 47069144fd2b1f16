//! What the fork server promises, proved on the kernel at hand.
//!
//! Each test runs in a freshly executed process with one thread: `ForkServer::start` insists on
//! that, and libtest would break it. Arguments are filters: a test runs if its name contains one
//! of them. A test that the machine does not permit is skipped, with the reason.
#![expect(unsafe_code, reason = "the tests ask the kernel for what the crate does not offer")]
#![expect(clippy::print_stdout, reason = "this is the test runner")]

mod ancestry;
mod children;
mod cloning;
mod failures;
mod flight;
mod groups;
mod loss;
mod notify;
mod orphans;
mod readiness;
mod refuse;
mod roles;
mod stdin;
mod support;

use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::time::Instant;
use std::{env, process};

/// A test that takes longer is ended by SIGALRM.
const PATIENCE_SECONDS: u32 = 60;
const SKIPPED: i32 = 77;

type Test = (&'static str, fn());

fn main() -> process::ExitCode {
    hearken_sys::become_fork_server_if_asked();
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.first().map(String::as_str) {
        Some("__test") => run_here(&arguments[1]),
        Some("__role") => roles::play(&arguments[1], &arguments[2..]),
        Some(_) | None => return run_all(&arguments),
    }
    process::ExitCode::SUCCESS
}

fn tests() -> impl Iterator<Item = Test> {
    [
        ancestry::TESTS,
        children::TESTS,
        cloning::TESTS,
        failures::TESTS,
        flight::TESTS,
        groups::TESTS,
        loss::TESTS,
        notify::TESTS,
        orphans::TESTS,
        readiness::TESTS,
        stdin::TESTS,
    ]
    .into_iter()
    .flatten()
    .copied()
}

fn run_here(name: &str) {
    // SAFETY: takes no pointers.
    unsafe { libc::alarm(PATIENCE_SECONDS) };
    let (_, test) = tests().find(|(known, _)| *known == name).expect("a test of that name");
    test();
}

/// Ends the test: this machine does not permit what it needs.
fn skip(reason: &str) -> ! {
    print!("{reason}");
    let _ = std::io::stdout().flush();
    // SAFETY: takes no pointers.
    unsafe { libc::_exit(SKIPPED) }
}

/// This program again, in another part.
#[expect(clippy::disallowed_methods, reason = "the runner supervises nothing")]
fn again(arguments: &[&str]) -> process::Command {
    let mut command = process::Command::new("/proc/self/exe");
    command.args(arguments);
    command
}

fn run_all(filters: &[String]) -> process::ExitCode {
    // What cargo passes to libtest, such as --nocapture, filters nothing.
    let filters: Vec<_> = filters.iter().filter(|filter| !filter.starts_with('-')).collect();
    let wanted = |name: &str| {
        filters.is_empty() || filters.iter().any(|filter| name.contains(filter.as_str()))
    };
    let (mut passed, mut failed) = (0, 0);
    for (name, _) in tests().filter(|(name, _)| wanted(name)) {
        let begun = Instant::now();
        let output = again(&["__test", name]).output().expect("this program");
        let took = begun.elapsed().as_millis();
        let status = output.status;
        match status.code() {
            Some(0) => {
                passed += 1;
                println!("ok      {name} ({took} ms)");
            }
            Some(SKIPPED) => {
                println!("skipped {name}: {}", String::from_utf8_lossy(&output.stdout));
            }
            Some(_) | None => {
                failed += 1;
                let signal = status.signal().map(|signal| format!(" by signal {signal}"));
                println!("FAILED  {name} ({took} ms){}", signal.unwrap_or_default());
                println!("{}", String::from_utf8_lossy(&output.stdout));
                println!("{}", String::from_utf8_lossy(&output.stderr));
            }
        }
    }
    println!("{passed} passed, {failed} failed");
    if failed == 0 { process::ExitCode::SUCCESS } else { process::ExitCode::FAILURE }
}
