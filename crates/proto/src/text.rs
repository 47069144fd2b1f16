//! Text with a limit, cut by whoever writes it and again by whoever reads it.

use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;

use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde::ser::{Serialize, Serializer};

/// What stands at the end of a text that was cut.
pub const CUT_MARK: &str = "…[cut]";

/// The limit of a message or any other text for people, in bytes.
pub const MAX_MESSAGE: usize = 8 * 1024;

/// The limit of a stack trace, in bytes.
pub const MAX_TRACE: usize = 32 * 1024;

/// A text of at most [`MAX_MESSAGE`] bytes.
pub type ShortText = Text<MAX_MESSAGE>;

/// A stack trace of at most [`MAX_TRACE`] bytes.
pub type TraceText = Text<MAX_TRACE>;

/// UTF-8 text of at most `MAX` bytes, the mark of a cut included.
///
/// Longer text is cut at a character boundary and ends in [`CUT_MARK`]; since the mark is counted, a second cut
/// with the same limit changes nothing.
#[derive(Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Text<const MAX: usize>(String);

impl<const MAX: usize> Text<MAX> {
    /// The text, cut if it is too long.
    pub fn new(text: impl Into<String>) -> Self {
        let mut text = text.into();
        if let Cow::Owned(cut) = cut(&text, MAX) {
            text = cut;
        }
        Text(text)
    }

    /// The text as it is sent.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether something was cut off.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        self.0.ends_with(CUT_MARK)
    }

    /// Takes the text out.
    #[must_use]
    pub fn into_string(self) -> String {
        self.0
    }
}

fn cut(text: &str, max: usize) -> Cow<'_, str> {
    if text.len() <= max {
        return Cow::Borrowed(text);
    }
    let mut end = max.saturating_sub(CUT_MARK.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let mut cut = String::with_capacity(max);
    cut.push_str(text.get(..end).unwrap_or_default());
    cut.push_str(CUT_MARK);
    Cow::Owned(cut)
}

impl<const MAX: usize> Deref for Text<MAX> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<const MAX: usize> From<&str> for Text<MAX> {
    fn from(text: &str) -> Self {
        Text(cut(text, MAX).into_owned())
    }
}

impl<const MAX: usize> From<String> for Text<MAX> {
    fn from(text: String) -> Self {
        Text::new(text)
    }
}

impl<const MAX: usize> fmt::Display for Text<MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<const MAX: usize> fmt::Debug for Text<MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl<const MAX: usize> Serialize for Text<MAX> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de, const MAX: usize> Deserialize<'de> for Text<MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor<const MAX: usize>;

        impl<const MAX: usize> Visitor<'_> for TextVisitor<MAX> {
            type Value = Text<MAX>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            /// Cuts before it copies, so a long text is never held whole.
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Text<MAX>, E> {
                Ok(Text::from(text))
            }
        }

        deserializer.deserialize_str(TextVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_within_the_limit_stays_as_it_is() {
        assert_eq!(Text::<16>::from("sixteen bytes ok").as_str(), "sixteen bytes ok");
        assert!(!Text::<16>::from("").is_cut());
    }

    #[test]
    fn a_cut_keeps_characters_whole_and_counts_its_mark() {
        let text = Text::<16>::from("ääääääääääääääää");
        assert_eq!(text.as_str(), "ääää…[cut]");
        assert_eq!(text.len(), 16);
        let odd = Text::<17>::from("ääääääääääääääää");
        assert_eq!(odd.as_str(), "ääää…[cut]");
    }

    #[test]
    fn a_second_cut_changes_nothing() {
        let once = ShortText::new("x".repeat(100_000));
        assert_eq!(once.len(), MAX_MESSAGE);
        assert_eq!(ShortText::from(once.as_str()), once);
    }
}
