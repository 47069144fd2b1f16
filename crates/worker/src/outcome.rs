//! What a task came to, when it did not fail.

use std::time::Duration;

use hearken_proto::Raw;
use serde::Serialize;

use crate::error::LineError;
use crate::failure::{WorkerError, map};

/// What a handler returns: a value, bytes, nothing, or the wish to try later.
///
/// ```
/// use hearken_worker::{Outcome, WorkerError};
///
/// #[derive(serde::Serialize)]
/// struct Size { width: u32, height: u32 }
///
/// fn handler() -> Result<Outcome, WorkerError> {
///     Outcome::value(&Size { width: 640, height: 480 })
/// }
/// # assert!(handler().is_ok());
/// ```
///
/// What is small converts by itself: `()`, `bool`, numbers, text, a [`Raw`], and a `Vec<u8>` for bytes. A result over
/// 256 KiB goes out in pieces; how long one may be altogether is for the config of the pool to say.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    pub(crate) ended: Ended,
    pub(crate) content_type: Option<String>,
    pub(crate) summary: Option<Raw>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Ended {
    Nothing,
    Value(Raw),
    Bytes(Vec<u8>),
    Snooze { after: Duration, reason: String },
}

impl Outcome {
    /// Any serializable value, structs as maps.
    ///
    /// # Errors
    ///
    /// A `bug` with the code `task.outcome` if MessagePack cannot carry it, or it is nested more than 30 levels deep.
    pub fn value<T: Serialize + ?Sized>(value: &T) -> Result<Outcome, WorkerError> {
        let value = Raw::from_value(value);
        Ok(value.map_err(|error| WorkerError::bug("task.outcome", error))?.into())
    }

    /// Bytes that are passed on as they are.
    #[must_use]
    pub fn bytes(bytes: impl Into<Vec<u8>>) -> Outcome {
        Outcome::of(Ended::Bytes(bytes.into()))
    }

    /// Not now: the task comes again after about `after`, in milliseconds, and no attempt is counted. `reason` is for
    /// people.
    #[must_use]
    pub fn snooze(after: Duration, reason: impl Into<String>) -> Outcome {
        Outcome::of(Ended::Snooze { after, reason: reason.into() })
    }

    /// Says what the data is: a media type, `image/png`.
    #[must_use]
    pub fn with_content_type(mut self, content_type: impl Into<String>) -> Outcome {
        self.content_type = Some(content_type.into());
        self
    }

    /// Adds a few numbers for people: a struct, or a map with words for keys.
    ///
    /// # Errors
    ///
    /// [`LineError::NotAMap`] if it is anything else.
    pub fn with_summary<T: Serialize + ?Sized>(
        mut self,
        summary: &T,
    ) -> Result<Outcome, LineError> {
        self.summary = map(summary)?;
        Ok(self)
    }

    fn of(ended: Ended) -> Outcome {
        Outcome { ended, content_type: None, summary: None }
    }
}

impl From<()> for Outcome {
    fn from((): ()) -> Outcome {
        Outcome::of(Ended::Nothing)
    }
}

impl From<Raw> for Outcome {
    fn from(value: Raw) -> Outcome {
        Outcome::of(Ended::Value(value))
    }
}

impl From<Vec<u8>> for Outcome {
    fn from(bytes: Vec<u8>) -> Outcome {
        Outcome::bytes(bytes)
    }
}

impl From<&str> for Outcome {
    fn from(text: &str) -> Outcome {
        Raw::string(text).into()
    }
}

impl From<String> for Outcome {
    fn from(text: String) -> Outcome {
        text.as_str().into()
    }
}

macro_rules! scalars {
    ($($scalar:ty)*) => {
        $(
            impl From<$scalar> for Outcome {
                fn from(scalar: $scalar) -> Outcome {
                    Raw::from_value(&scalar).expect("a scalar is always one MessagePack value").into()
                }
            }
        )*
    };
}

scalars! { bool i32 i64 u32 u64 f64 }
