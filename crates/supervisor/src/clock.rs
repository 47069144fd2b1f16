//! Where the core's time comes from.

use hearken_core::moment::Moment;
use std::time::Instant;

/// The monotonic clock, counted from the start of the supervisor.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock(Instant);

impl Clock {
    /// A clock that starts now.
    #[must_use]
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    /// Now.
    #[must_use]
    pub(crate) fn now(&self) -> Moment {
        Moment::at(self.0.elapsed())
    }

    /// The runtime's name for a moment; `None` for one too far off to be named.
    #[must_use]
    pub(crate) fn instant(&self, moment: Moment) -> Option<tokio::time::Instant> {
        self.0.checked_add(moment.since_start()).map(tokio::time::Instant::from_std)
    }
}
