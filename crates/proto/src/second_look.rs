//! What a frame that could not be decoded looks like, for the log line that ends its child.

use std::fmt;

use crate::msgpack::scan;

/// How many bytes of an offending frame are shown.
pub const EXCERPT_LENGTH: usize = 64;

/// What the body of an undecodable frame is, seen as plain MessagePack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecondLook {
    /// One whole MessagePack value: perhaps said by a newer version of an SDK.
    MessagePack,
    /// Anything else: most likely something that never meant to speak on this line.
    NotMessagePack,
}

impl SecondLook {
    /// Decodes the body once more as generic MessagePack. Allocates nothing, never recurses.
    #[must_use]
    pub fn at(body: &[u8]) -> SecondLook {
        match scan::one_value(body, usize::MAX) {
            Ok(()) => SecondLook::MessagePack,
            Err(_) => SecondLook::NotMessagePack,
        }
    }

    /// A stable snake_case name for log fields.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            SecondLook::MessagePack => "messagepack",
            SecondLook::NotMessagePack => "not_messagepack",
        }
    }
}

impl fmt::Display for SecondLook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SecondLook::MessagePack => "well-formed MessagePack: a newer version?",
            SecondLook::NotMessagePack => "not MessagePack",
        })
    }
}

/// The first [`EXCERPT_LENGTH`] bytes of a frame in printable ASCII, everything else escaped.
#[must_use]
pub fn excerpt(bytes: &[u8]) -> String {
    let shown = bytes.get(..EXCERPT_LENGTH).unwrap_or(bytes);
    shown.escape_ascii().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newer_frame_is_told_from_text() {
        assert_eq!(SecondLook::at(&[0x93, 1, 2, 3]), SecondLook::MessagePack);
        assert_eq!(SecondLook::at(b"Starting server\n"), SecondLook::NotMessagePack);
    }

    #[test]
    fn an_excerpt_is_short_and_printable() {
        assert_eq!(excerpt(b"\x92\x04\x80\n\"x"), r#"\x92\x04\x80\n\"x"#);
        assert_eq!(excerpt(&[0; 1000]).len(), 4 * EXCERPT_LENGTH);
    }
}
