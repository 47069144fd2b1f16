//! A worker that follows the protocol wholly, save for the flaw its first argument names.
//!
//! `flawed none` has no flaw. It knows the task types `echo` (the payload comes back), `fail` (an
//! error), `slow` (so many milliseconds, or until it is cancelled) and `large` (1.5 MiB of bytes).
//! It is written without an SDK, so that it can be wrong where an SDK would not let it.

mod life;
mod say;
mod standalone;

use std::os::fd::FromRawFd as _;
use std::os::unix::net::UnixStream;
use std::process::ExitCode;

/// The one thing it does wrong.
#[derive(Debug, Clone)]
struct Flaw(String);

impl Flaw {
    fn is(&self, name: &str) -> bool {
        self.0 == name
    }
}

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    let flaw = Flaw(words.next().expect("a flaw, or none"));
    match std::env::var("HEARKEN_FD") {
        Ok(number) => {
            let number = number.parse().expect("a number");
            life::live(flaw, line(number))
        }
        Err(_) => standalone::run(&flaw, words.next()),
    }
}

#[expect(unsafe_code, reason = "a descriptor named by its number")]
fn line(number: i32) -> UnixStream {
    // SAFETY: whoever started this program says that the descriptor is ours.
    unsafe { UnixStream::from_raw_fd(number) }
}
