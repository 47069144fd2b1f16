use std::fmt;
use std::num::NonZeroI32;

/// The number of a process: positive, and only a name.
///
/// A number may belong to a stranger a moment after its process was reaped, so nothing in this
/// crate signals by it; that takes a [`PidFd`](crate::PidFd).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pid(NonZeroI32);

impl Pid {
    /// The pid `number`; `None` unless it is positive.
    pub fn new(number: i32) -> Option<Pid> {
        NonZeroI32::new(number).filter(|number| number.get() > 0).map(Pid)
    }

    /// The calling process.
    pub fn own() -> Pid {
        rustix::process::getpid().into()
    }

    /// The number.
    pub fn get(self) -> i32 {
        self.0.get()
    }
}

impl fmt::Display for Pid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl From<rustix::process::Pid> for Pid {
    fn from(pid: rustix::process::Pid) -> Pid {
        Pid(pid.as_raw_nonzero())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_and_negative_numbers_name_groups_not_processes() {
        assert_eq!(Pid::new(0), None);
        assert_eq!(Pid::new(-1), None);
        assert_eq!(Pid::new(7).map(Pid::get), Some(7));
    }
}
