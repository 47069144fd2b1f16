//! The core's words in JSON, by the names it gives them: written nowhere twice.

use hearken_core::evidence::{Intent, Scope, StopCause};
use hearken_core::kind::Kind;
use hearken_core::verdict::{InstanceVerdict, UnitVerdict};
use serde::{Deserialize, Deserializer, Serializer};

/// A closed set of words.
pub trait Named: Copy + 'static {
    /// All of them.
    const ALL: &'static [Self];

    /// The word.
    fn word(self) -> &'static str;
}

macro_rules! named {
    ($($of:ty = $all:expr;)*) => {
        $( impl Named for $of {
            const ALL: &'static [Self] = $all;

            fn word(self) -> &'static str {
                self.as_str()
            }
        } )*
    };
}
named! {
    Kind = &Kind::ALL;
    Scope = &Scope::ALL;
    StopCause = &StopCause::ALL;
    Intent = &[Intent::Done, Intent::Retry, Intent::RestartNow, Intent::StayDown];
    InstanceVerdict = InstanceVerdict::ALL;
    UnitVerdict = UnitVerdict::ALL;
}

pub(super) fn serialize<T: Named, S: Serializer>(it: &T, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(it.word())
}

pub(super) fn deserialize<'de, T: Named, D: Deserializer<'de>>(from: D) -> Result<T, D::Error> {
    let word = std::borrow::Cow::<str>::deserialize(from)?;
    let found = T::ALL.iter().find(|it| it.word() == word);
    found.copied().ok_or_else(|| serde::de::Error::custom(format!("{word:?} is not known here")))
}

/// The same for what may be missing. Wants `default` and `skip_serializing_if` beside it.
pub(super) mod maybe {
    use super::Named;
    use serde::{Deserializer, Serializer};

    pub(in crate::ledger) fn serialize<T: Named, S: Serializer>(
        it: &Option<T>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        match it {
            Some(it) => super::serialize(it, to),
            None => to.serialize_none(),
        }
    }

    pub(in crate::ledger) fn deserialize<'de, T: Named, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<T>, D::Error> {
        super::deserialize(from).map(Some)
    }
}
