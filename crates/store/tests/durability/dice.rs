//! Random numbers that need not be good.

use std::time::{SystemTime, UNIX_EPOCH};

#[derive(Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    /// Different each time.
    pub(crate) fn new() -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let seed = u64::from(now.subsec_nanos()) ^ now.as_secs() << 32;
        Self(seed ^ u64::from(std::process::id()) << 16 | 1)
    }

    /// 0 to `sides` - 1 (xorshift64, Marsaglia 2003).
    pub(crate) fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}
