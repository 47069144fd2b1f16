//! Randomness for the names of tasks: they must not meet, and guard no secret.

use std::hash::{BuildHasher, Hasher, RandomState};

/// Numbers that nobody has had before: a keyed hash (SipHash of *std*, with a key from the kernel)
/// of a counter.
#[derive(Debug)]
pub(super) struct Entropy {
    keys: [RandomState; 2],
    count: u64,
}

impl Entropy {
    pub(super) fn new() -> Self {
        Self { keys: [RandomState::new(), RandomState::new()], count: 0 }
    }

    /// The next number.
    pub(super) fn next(&mut self) -> u128 {
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
    use std::collections::HashSet;

    #[test]
    fn numbers_do_not_meet() {
        let (mut one, mut other) = (Entropy::new(), Entropy::new());
        let all: HashSet<_> = (0..1000).flat_map(|_| [one.next(), other.next()]).collect();
        assert_eq!(all.len(), 2000);
    }
}
