//! What the output of a process comes to, and why something is no result.

use super::hand::{Assembly, Trouble};
use hearken_config::ResultForm;
use hearken_proto::{ErrorKind, ErrorMessage, Raw};
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
            ResultForm::Bytes => Raw::binary(&bytes),
            ResultForm::Text => match std::str::from_utf8(&bytes) {
                Ok(text) => Raw::string(text.strip_suffix('\n').unwrap_or(text)),
                Err(_) => {
                    return Err(bug(
                        "result.not_text",
                        "its output is no UTF-8: set result = \"bytes\"",
                    ));
                }
            },
            ResultForm::Json => match serde_json::from_slice::<serde_json::Value>(&bytes)
                .ok()
                .and_then(|json| Raw::from_value(&json).ok())
            {
                Some(value) => value,
                None => {
                    return Err(bug(
                        "result.not_json",
                        "its output is not one JSON value: mend the program, or set result = \"text\"",
                    ));
                }
            },
        };
        result.content_type = None;
        result.value = Some(value.into_msgpack());
        Ok(())
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
        Trouble::OutOfOrder => {
            bug("result.pieces", "the pieces of the result do not make up a whole")
        }
    }
}
