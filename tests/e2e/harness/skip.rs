//! What a test may lack, and what it must have for itself.

use std::fs::File;

/// Ends a test that lacks something: `skip("no nginx here"); return`.
#[track_caller]
pub(crate) fn skip(reason: &str) {
    eprintln!("skipped: {reason}");
    let may = std::env::var("HEARKEN_TESTS_MAY_SKIP").unwrap_or_default();
    assert_ne!(may, "none", "skipped although HEARKEN_TESTS_MAY_SKIP=none: {reason}");
}

pub(crate) fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

/// Held by tests that need the machine for themselves: one at a time, across threads and
/// processes (nextest runs each test in one of its own).
pub(crate) fn alone() -> nix::fcntl::Flock<File> {
    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("alone");
    let file = File::create(path).unwrap();
    nix::fcntl::Flock::lock(file, nix::fcntl::FlockArg::LockExclusive).map_err(|(_, e)| e).unwrap()
}
