//! One moment by both clocks: ours, that decisions are made by, and the wall's, that is kept.

use crate::clock::Clock;
use hearken_core::moment::Moment;
use hearken_store::UnixMs;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// One moment by both clocks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct When {
    pub(crate) now: Moment,
    pub(crate) wall: UnixMs,
}

impl When {
    pub(crate) fn now(clock: Clock) -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let ms = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
        Self { now: clock.now(), wall: UnixMs::new(ms) }
    }

    /// What the wall calls `wall`, by our clock. What is past is now.
    pub(crate) fn moment(&self, wall: UnixMs) -> Moment {
        self.now + Duration::from_millis(wall.get().saturating_sub(self.wall.get()))
    }

    /// The same for something that lies behind.
    pub(crate) fn earlier(&self, wall: UnixMs) -> Moment {
        let ago = Duration::from_millis(self.wall.get().saturating_sub(wall.get()));
        Moment::at(self.now.since_start().saturating_sub(ago))
    }
}
