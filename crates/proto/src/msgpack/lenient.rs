//! Where languages differ and we do not mind. Everything that is not in this file is strict.

use super::read::Head;

/// The integers a field may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Integer {
    Unsigned(u64),
    Negative(i64),
}

/// The first float above every `u64`, and the first one below every `i64`'s range is `-TWO_TO_63`.
const TWO_TO_64: f64 = 18_446_744_073_709_551_616.0;
const TWO_TO_63: f64 = 9_223_372_036_854_775_808.0;

/// An integral float is an integer: JavaScript writes so above 2^32, PHP whenever a division was involved.
pub(crate) fn integer(head: &Head<'_>) -> Option<Integer> {
    match *head {
        Head::Unsigned(value) => Some(Integer::Unsigned(value)),
        Head::Negative(value) => Some(Integer::Negative(value)),
        Head::Float(value) => integral(value),
        Head::Nil
        | Head::Bool(_)
        | Head::Str(_)
        | Head::Bin(_)
        | Head::Ext(..)
        | Head::Array(_)
        | Head::Map(_) => None,
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the float is integral and inside the range"
)]
fn integral(value: f64) -> Option<Integer> {
    // NaN and the infinities fail the first test: their fraction is NaN.
    if value.fract() != 0.0 {
        None
    } else if (0.0..TWO_TO_64).contains(&value) {
        Some(Integer::Unsigned(value as u64))
    } else if (-TWO_TO_63..0.0).contains(&value) {
        Some(Integer::Negative(value as i64))
    } else {
        None
    }
}

/// Strings and binary both are bytes: PHP has one type for both, shells have only text.
pub(crate) fn bytes<'a>(head: &Head<'a>) -> Option<&'a [u8]> {
    match *head {
        Head::Str(bytes) | Head::Bin(bytes) => Some(bytes),
        Head::Nil
        | Head::Bool(_)
        | Head::Unsigned(_)
        | Head::Negative(_)
        | Head::Float(_)
        | Head::Ext(..)
        | Head::Array(_)
        | Head::Map(_) => None,
    }
}

/// The number of pairs of a map. An empty array is an empty map: PHP cannot tell them apart.
pub(crate) fn pairs(head: &Head<'_>) -> Option<u32> {
    match *head {
        Head::Map(count) => Some(count),
        Head::Array(0) => Some(0),
        Head::Array(_)
        | Head::Nil
        | Head::Bool(_)
        | Head::Unsigned(_)
        | Head::Negative(_)
        | Head::Float(_)
        | Head::Str(_)
        | Head::Bin(_)
        | Head::Ext(..) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_integral_floats_in_range_are_integers() {
        let integer_of = |value| integer(&Head::Float(value));
        assert_eq!(integer_of(3.0), Some(Integer::Unsigned(3)));
        assert_eq!(integer_of(-0.0), Some(Integer::Unsigned(0)));
        assert_eq!(integer_of(-7.0), Some(Integer::Negative(-7)));
        assert_eq!(integer_of(4_294_967_296.0), Some(Integer::Unsigned(1 << 32)));
        for value in [0.5, -0.5, f64::NAN, f64::INFINITY, -f64::INFINITY, TWO_TO_64, -2e19] {
            assert_eq!(integer_of(value), None, "{value}");
        }
    }
}
