//! The look at a whole body before anything is made of it: well-formed, not too deep, nothing left over.
//!
//! After this look, whatever walks the value recursively (the JSON renderer, a user's own types) is safe from
//! overflow, and every claimed length is known to be true.

use super::read::{Broken, Head, Reader};
use crate::violation::Violation;

/// No opaque value and no frame can nest deeper than this many levels and pass.
const LEVELS: usize = 32;

impl From<Broken> for Violation {
    fn from(broken: Broken) -> Self {
        match broken {
            Broken::Truncated => Violation::Truncated,
            Broken::Reserved => Violation::ReservedByte,
        }
    }
}

/// Checks that `bytes` are exactly one MessagePack value of at most `max_depth` levels.
///
/// Depth counts containers: a bare integer has depth 0, `[]` has depth 1. `usize::MAX` means any depth.
pub(crate) fn one_value(bytes: &[u8], max_depth: usize) -> Result<(), Violation> {
    let mut reader = Reader::new(bytes);
    if max_depth == usize::MAX {
        reader.value()?;
    } else {
        bounded(&mut reader, max_depth)?;
    }
    match reader.rest().len() {
        0 => Ok(()),
        extra => Err(Violation::TrailingBytes { extra }),
    }
}

fn bounded(reader: &mut Reader<'_>, max_depth: usize) -> Result<(), Violation> {
    // How many values each open container still lacks; the innermost is `pending` itself.
    let mut outer = [0_u64; LEVELS];
    let mut depth = 0_usize;
    let mut pending: u64 = 1;
    loop {
        while pending == 0 {
            let Some(up) = depth.checked_sub(1) else {
                return Ok(());
            };
            depth = up;
            pending = outer.get(depth).copied().unwrap_or(0);
        }
        pending -= 1;
        let head = reader.head()?;
        if matches!(head, Head::Array(_) | Head::Map(_)) {
            let children = head.children();
            // Before a single element is looked at: the claim 2^32-1 ends here.
            if children > reader.rest().len() as u64 {
                return Err(Violation::Truncated);
            }
            let slot = outer.get_mut(depth).filter(|_| depth < max_depth);
            *slot.ok_or(Violation::TooDeep)? = pending;
            depth += 1;
            pending = children;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nesting_is_counted_in_containers() {
        assert_eq!(one_value(&[0x07], 0), Ok(()));
        assert_eq!(one_value(&[0x90], 0), Err(Violation::TooDeep));
        assert_eq!(one_value(&[0x90], 1), Ok(()));
        assert_eq!(one_value(&[0x92, 0x90, 0x90], 2), Ok(()));
        let mut deep = vec![0x91; 31];
        deep.push(0x90);
        assert_eq!(one_value(&deep, 32), Ok(()));
        deep.insert(0, 0x91);
        assert_eq!(one_value(&deep, 32), Err(Violation::TooDeep));
    }

    #[test]
    fn a_hundred_thousand_levels_are_refused_without_recursion() {
        let mut deep = vec![0x91; 100_000];
        deep.push(0xc0);
        assert_eq!(one_value(&deep, 32), Err(Violation::TooDeep));
        assert_eq!(one_value(&deep, usize::MAX), Ok(()));
    }

    #[test]
    fn a_claim_beyond_the_bytes_is_truncated() {
        for marker in [0xdd, 0xdf, 0xc6, 0xdb, 0xc9] {
            let claim = [marker, 0xff, 0xff, 0xff, 0xff];
            assert_eq!(one_value(&claim, 32), Err(Violation::Truncated));
            assert_eq!(one_value(&claim, usize::MAX), Err(Violation::Truncated));
        }
    }

    #[test]
    fn the_reserved_byte_and_left_over_bytes_are_refused() {
        assert_eq!(one_value(&[0x91, 0xc1], 32), Err(Violation::ReservedByte));
        assert_eq!(one_value(&[0xc0, 0xc0], 32), Err(Violation::TrailingBytes { extra: 1 }));
    }
}
