//! RLIMIT_NOFILE: raised for the supervisor, given back to the children.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// How many descriptors a process may have open, as in getrlimit(2). `None` is no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DescriptorLimit {
    /// What the kernel enforces.
    pub soft: Option<u64>,
    /// What the process may raise the soft limit to.
    pub hard: Option<u64>,
}

/// The limit of the calling process, now.
pub fn descriptor_limit() -> DescriptorLimit {
    let limit = getrlimit(Resource::Nofile);
    DescriptorLimit { soft: limit.current, hard: limit.maximum }
}

/// Raises the soft limit to the hard one and returns the limit as it was; `None` when nothing
/// was changed, also because the kernel refused (it does where `fs.nr_open` has since been
/// lowered below the hard limit): a supervisor with few descriptors is better than none.
pub(crate) fn raise_descriptor_limit() -> Option<DescriptorLimit> {
    let before = descriptor_limit();
    if before.soft == before.hard {
        return None;
    }
    let raised = Rlimit { current: before.hard, maximum: before.hard };
    setrlimit(Resource::Nofile, raised).ok().map(|()| before)
}

/// Async-signal-safe.
pub(crate) fn set_descriptor_limit(limit: DescriptorLimit) -> rustix::io::Result<()> {
    setrlimit(Resource::Nofile, Rlimit { current: limit.soft, maximum: limit.hard })
}
