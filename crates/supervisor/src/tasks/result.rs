//! What the output of a process comes to, and why something is no result.

use super::hand::{Assembly, Trouble};
use bytes::Bytes;
use hearken_config::ResultForm;
use hearken_proto::{ErrorKind, ErrorMessage, Raw};
use hearken_store::MAX_INLINE;
use std::sync::Arc;

/// How the standard output of an exec task is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Form(pub(crate) ResultForm);

impl Form {
    /// Makes the result of what was written. One too long to be held stays as it is, with a media
    /// type that says what it is.
    ///
    /// # Errors
    /// Why it is none.
    pub(super) fn read(self, result: &mut Assembly) -> Result<(), Box<ErrorMessage>> {
        result.content_type = match self.0 {
            ResultForm::Text => Some(Arc::from("text/plain")),
            ResultForm::Json => Some(Arc::from("application/json")),
            ResultForm::Bytes => Some(Arc::from("application/octet-stream")),
            ResultForm::None => None,
        };
        if !result.whole && self.0 != ResultForm::None {
            return Err(cut());
        }
        let Some(bytes) = result.bytes() else { return Ok(()) };
        let value = match self.0 {
            ResultForm::None => Raw::nil(),
            // Bytes stay bytes, whether there are many or few.
            ResultForm::Bytes => {
                result.value = Some(bytes);
                return Ok(());
            }
            ResultForm::Text => match std::str::from_utf8(&bytes) {
                Ok(text) => Raw::string(text.strip_suffix('\n').unwrap_or(text)),
                Err(_) => {
                    return Err(bug(
                        "result.not_text",
                        "its output is no UTF-8: set result = \"bytes\" (hearken map: --result bytes)",
                    ));
                }
            },
            ResultForm::Json => match Raw::from_json(&bytes) {
                Ok(value) => value,
                Err(_) => {
                    return Err(bug(
                        "result.not_json",
                        "its output is not one JSON value: mend the program, or set result = \"text\" (hearken map: --result text)",
                    ));
                }
            },
        };
        let value = value.into_msgpack();
        if value.len() > MAX_INLINE {
            result.give_back(bytes);
        } else {
            result.content_type = None;
            result.value = Some(value);
        }
        Ok(())
    }
}

/// What of a result is kept: with a media type the bytes themselves, without one a MessagePack value.
/// (`application/msgpack` says of bytes that they are such a value.) So a value that is no bytes loses
/// the media type it was given: nobody could tell any more what the bytes of it are.
pub(super) fn plain(
    value: Option<Bytes>,
    content_type: Option<Arc<str>>,
) -> (Option<Bytes>, Option<Arc<str>>) {
    let (Some(bytes), Some(media_type)) = (&value, &content_type) else {
        return (value, content_type);
    };
    match Raw::from_msgpack(bytes.clone())
        .ok()
        .and_then(|raw| raw.content().map(Bytes::copy_from_slice))
    {
        Some(content) => (Some(content), Some(Arc::clone(media_type))),
        None => (value, None),
    }
}

fn bug(code: &str, message: &str) -> Box<ErrorMessage> {
    Box::new(ErrorMessage::new(ErrorKind::Bug, code, message))
}

/// Another try may be read in time.
fn cut() -> Box<ErrorMessage> {
    Box::new(ErrorMessage::new(
        ErrorKind::Transient,
        "result.cut",
        "the process ended, and its output could not be read to the end before it was judged",
    ))
}

/// Why what a worker sent is no result.
pub(super) fn refused(trouble: Trouble, limit: u64) -> Box<ErrorMessage> {
    match trouble {
        Trouble::TooLarge => Box::new(ErrorMessage::new(
            ErrorKind::Invalid,
            "result.too_large",
            format!(
                "the result has more than {limit} bytes (max_result): raise it, or return a reference"
            ),
        )),
        Trouble::Wordy => bug(
            "result.wordy",
            "its summary has more than 1 MiB, or its content type more than 255 bytes",
        ),
        Trouble::OutOfOrder => {
            bug("result.pieces", "the pieces of the result do not make up a whole")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_a_media_type_is_bytes_and_what_has_none_is_a_value() {
        let png = || Some(Arc::from("image/png"));
        let kept = |raw: Raw, content_type| plain(Some(raw.into_msgpack()), content_type);
        let bytes = |bytes: &'static [u8]| Some(Bytes::from_static(bytes));
        assert_eq!(kept(Raw::binary(b"\x89PNG"), png()), (bytes(b"\x89PNG"), png()));
        assert_eq!(kept(Raw::string("text"), png()), (bytes(b"text"), png()));
        assert_eq!(kept(Raw::empty_map(), png()), (bytes(b"\x80"), None));
        assert_eq!(kept(Raw::string("text"), None), (bytes(b"\xa4text"), None));
        assert_eq!(plain(None, png()), (None, png()), "what came in pieces is bytes already");
    }
}
