//! The names of tasks: they must not meet, sort in the order they were given out, and guard no
//! secret.

use std::hash::{BuildHasher, Hasher, RandomState};

/// How many names one millisecond has: the 12 bits behind the time count them (RFC 9562, section 6.2,
/// method 1). When they are used up, the next millisecond's begin early.
const EACH_MS: u16 = 1 << 12;

/// What names are made of: a time, a count, and a keyed hash (SipHash of *std*, with a key from the
/// kernel).
#[derive(Debug)]
pub(super) struct Entropy {
    keys: [RandomState; 2],
    count: u64,
    ms: u64,
    of_ms: u16,
}

impl Entropy {
    pub(super) fn new() -> Self {
        Self { keys: [RandomState::new(), RandomState::new()], count: 0, ms: 0, of_ms: 0 }
    }

    /// The time and the random part of the next name, at `ms` or as soon after as no other has it.
    pub(super) fn next(&mut self, ms: u64) -> (u64, u128) {
        self.of_ms += 1;
        if ms > self.ms || self.of_ms >= EACH_MS {
            self.ms = ms.max(self.ms + u64::from(self.of_ms >= EACH_MS));
            self.of_ms = 0;
        }
        let random = self.random() & ((1 << 64) - 1);
        (self.ms, u128::from(self.of_ms) << 64 | random)
    }

    fn random(&mut self) -> u128 {
        self.count = self.count.wrapping_add(1);
        let [high, low] = &self.keys;
        let of = |key: &RandomState| {
            let mut hasher = key.build_hasher();
            hasher.write_u64(self.count);
            u128::from(hasher.finish())
        };
        of(high) << 64 | of(low)
    }
}

#[cfg(test)]
mod tests {
    use super::Entropy;
    use hearken_core::task::TaskId;
    use std::collections::HashSet;

    #[test]
    fn names_do_not_meet() {
        let (mut one, mut other) = (Entropy::new(), Entropy::new());
        let all: HashSet<_> = (0..1000).flat_map(|_| [one.next(7), other.next(7)]).collect();
        assert_eq!(all.len(), 2000);
    }

    #[test]
    fn names_sort_in_the_order_they_were_given_even_when_the_clock_stands_or_runs_back() {
        let mut entropy = Entropy::new();
        let times = std::iter::repeat_n(50_u64, 10_000).chain([49, 51, 60, 20]);
        let names: Vec<_> = times
            .map(|ms| {
                let (ms, random) = entropy.next(ms);
                TaskId::new(ms, random)
            })
            .collect();
        assert!(names.is_sorted());
    }
}
