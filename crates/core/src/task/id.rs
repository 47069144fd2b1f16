//! Names of tasks and batches, and the tokens that fence their attempts.

use std::fmt;
use std::str::FromStr;

/// Why a text is no id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an id looks like 0192f0c1-7a3b-7c4d-8e5f-0123456789ab")]
pub struct IdError;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u128);

        impl $name {
            /// A UUID of version 7 (RFC 9562, section 5.7): `unix_ms` in its first 48 bits, so that ids
            /// sort by the time they were made, and 74 bits of `random` behind it.
            #[must_use]
            pub fn new(unix_ms: u64, random: u128) -> Self {
                const RANDOM: u128 = (0xfff << 64) | ((1 << 62) - 1);
                const VERSION: u128 = 7 << 76;
                const VARIANT: u128 = 2 << 62;
                let time = u128::from(unix_ms & ((1 << 48) - 1)) << 80;
                Self(time | VERSION | VARIANT | (random & RANDOM))
            }

            /// The id with this value, as it was kept by a store.
            #[must_use]
            pub fn from_u128(value: u128) -> Self {
                Self(value)
            }

            /// Its value.
            #[must_use]
            pub fn to_u128(self) -> u128 {
                self.0
            }

            /// When it was made, in milliseconds since 1970.
            #[must_use]
            pub fn unix_ms(self) -> u64 {
                u64::try_from(self.0 >> 80).unwrap_or(u64::MAX)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(
                    f,
                    "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
                    self.0 >> 96,
                    (self.0 >> 80) & 0xffff,
                    (self.0 >> 64) & 0xffff,
                    (self.0 >> 48) & 0xffff,
                    self.0 & 0xffff_ffff_ffff,
                )
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                parse(text).map(Self).ok_or(IdError)
            }
        }
    };
}

id! {
    /// Names a task, for good.
    TaskId
}
id! {
    /// Names a batch, for good.
    BatchId
}

/// The five groups of hexadecimal digits of a UUID, and nothing else.
fn parse(text: &str) -> Option<u128> {
    let mut value = 0_u128;
    let mut groups = text.split('-');
    for length in [8, 4, 4, 4, 12] {
        let group = groups.next().filter(|group| group.len() == length)?;
        for digit in group.chars() {
            value = value << 4 | u128::from(digit.to_digit(16)?);
        }
    }
    groups.next().is_none().then_some(value)
}

/// Fences one attempt of a task: a finish is taken only from the lease that was given out last, and
/// no lease is ever given twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lease {
    /// The life of the supervisor that gave it: one more each time a store is opened.
    pub epoch: u64,
    /// The how-manieth of that life.
    pub number: u64,
}

impl fmt::Display for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.epoch, self.number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_id_is_a_uuid_of_version_7() {
        // The example of RFC 9562, appendix A.6.
        let id = TaskId::new(0x017F_22E2_79B0, 0xCC3 << 64 | 0x18C4_DC0C_0C07_398F);
        assert_eq!(id.to_string(), "017f22e2-79b0-7cc3-98c4-dc0c0c07398f");
        assert_eq!(id.unix_ms(), 0x017F_22E2_79B0);
    }

    #[test]
    fn what_is_no_id_is_refused() {
        for text in [
            "",
            "x",
            "017f22e279b07cc398c4dc0c0c07398f",
            "017f22e2-79b0-7cc3-98c4-dc0c0c07398",
            "017f22e2-79b0-7cc3-98c4-dc0c0c07398g",
            "017f22e2-79b0-7cc3-98c4-dc0c0c07398f-",
            "+17f22e2-79b0-7cc3-98c4-dc0c0c07398f",
            "017f22e2-79b0-7cc3-98c4-dc0c0c07398ü",
        ] {
            assert_eq!(text.parse::<TaskId>(), Err(IdError), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn an_id_is_read_back_as_it_was_shown(unix_ms: u64, random: u128) {
            let id = BatchId::new(unix_ms, random);
            prop_assert_eq!(id.to_string().parse::<BatchId>(), Ok(id));
        }

        #[test]
        fn ids_sort_by_time(unix_ms in 0_u64..1 << 48, later in 1_u64..1000, a: u128, b: u128) {
            let late = (unix_ms + later).min((1 << 48) - 1);
            prop_assume!(late > unix_ms);
            prop_assert!(TaskId::new(unix_ms, a) < TaskId::new(late, b));
        }
    }
}
