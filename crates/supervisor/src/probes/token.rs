//! The names of the processes of probes.
//!
//! They are children like any other to the fork server and to the register, which join a birth and
//! a death by token; so they need tokens, and none that the core could ever give out. The core
//! counts from 1: the upper half of the numbers is free.

use hearken_core::identity::Token;

/// The bit that tells them apart.
const PROBE: u64 = 1 << 63;

/// Whether this names the process of a probe, and none of a unit.
#[must_use]
pub(crate) fn is_probe(token: Token) -> bool {
    token.0 & PROBE != 0
}

/// Gives out tokens.
#[derive(Debug, Default)]
pub(super) struct Tokens(u64);

impl Tokens {
    /// The next one, never given out before.
    pub(super) fn next(&mut self) -> Token {
        self.0 = self.0.wrapping_add(1);
        Token(PROBE | self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_of_a_probe_is_none_of_the_core() {
        let mut tokens = Tokens::default();
        let (one, two) = (tokens.next(), tokens.next());
        assert!(is_probe(one) && is_probe(two) && one != two);
        assert!(!is_probe(Token(1)) && !is_probe(Token(u64::MAX >> 1)));
    }
}
