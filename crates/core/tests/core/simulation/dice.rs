//! Where chance comes from.

use crate::world::ms;
use std::time::Duration;

/// A small generator (SplitMix64, as in `jitter.rs`): one seed, one history.
#[derive(Debug, Clone)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `n`.
    pub(crate) fn below(&mut self, n: u64) -> u64 {
        self.roll() % n
    }

    pub(crate) fn count(&mut self, from: u32, to: u32) -> u32 {
        from + u32::try_from(self.below(u64::from(to - from) + 1)).unwrap()
    }

    /// Whether it is one of the `percent`.
    pub(crate) fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    pub(crate) fn index(&mut self, of: usize) -> usize {
        usize::try_from(self.below(of as u64)).unwrap()
    }

    pub(crate) fn pick<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.index(of.len())].clone()
    }

    /// So many milliseconds, both ends included.
    pub(crate) fn millis(&mut self, from: u64, to: u64) -> Duration {
        ms(from + self.below(to - from + 1))
    }

    pub(crate) fn maybe<T>(
        &mut self,
        percent: u64,
        some: impl FnOnce(&mut Self) -> T,
    ) -> Option<T> {
        self.percent(percent).then(|| some(self))
    }
}
