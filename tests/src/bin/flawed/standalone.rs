//! One task without a supervisor.

use crate::Flaw;
use std::io::{Read as _, Write as _};
use std::process::ExitCode;

pub(crate) fn run(flaw: &Flaw, argument: Option<String>) -> ExitCode {
    if flaw.is("needs-a-line") {
        return ExitCode::from(78);
    }
    if flaw.is("never-ends-alone") {
        std::thread::park();
    }
    let payload = argument.filter(|_| !flaw.is("deaf-to-arguments")).unwrap_or_else(|| {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).expect("text");
        text
    });
    if payload.is_empty() {
        return ExitCode::from(65);
    }
    let fails = std::env::var("HEARKEN_TASK_TYPE").is_ok_and(|name| name == "fail");
    if fails && !flaw.is("fails-with-0") {
        return ExitCode::from(65);
    }
    if !flaw.is("prints-nothing") {
        std::io::stdout().write_all(payload.as_bytes()).expect("standard output");
    }
    ExitCode::SUCCESS
}
