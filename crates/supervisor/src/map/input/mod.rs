//! Inputs: where they come from, and how they are cut.
//!
//! ```text
//!   standard input, a file ─▶ Cutter (lines, NDJSON, JSON, NUL) ─┐
//!   arguments behind ::: ────────────────────────────────────────┴─▶ reader thread ─▶ Fed
//! ```
//!
//! Nothing here trusts what it reads: an input that is too long is read over and not kept, one that
//! is not what it should be fails by itself, and the others are worked on.

mod cut;
mod json;
mod reader;

pub(super) use cut::CutError;
pub(super) use reader::{Fed, Opened, Reader, Taken};

use hearken_proto::{Raw, Violation};
use std::path::PathBuf;

/// Where inputs come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Standard input.
    Stdin,
    /// A file.
    File(PathBuf),
    /// The command line, behind `:::`.
    Arguments(Vec<Vec<u8>>),
}

/// How inputs are cut, and what each is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// NDJSON if the first line is a JSON object, array or string; else lines.
    Auto,
    /// A line each, given as text, or as bytes if it is not UTF-8. Empty lines are inputs, too.
    Lines,
    /// A line of JSON each, given as the value it is. Empty lines are left out.
    Ndjson,
    /// The elements of one JSON array, or JSON values one behind the other; line breaks mean nothing.
    Json,
    /// As lines, ended by NUL instead of newline.
    Nul,
}

/// Why a worker cannot be given an input. It fails without having been tried.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unfit {
    /// It is longer than a task's payload may be.
    #[error("the input is longer than {limit} bytes; hand over where it is instead")]
    TooLong {
        /// How long it may be.
        limit: usize,
    },
    /// It should be JSON.
    #[error("the input is not JSON: {0}; say --input lines if the inputs are text")]
    NotJson(String),
    /// It is JSON no message can carry.
    #[error("the input cannot be sent to a worker: {0}")]
    NotSendable(String),
}

impl Unfit {
    /// The code of the error.
    pub(super) fn code(&self) -> &'static str {
        match self {
            Self::TooLong { .. } => "input.too_long",
            Self::NotJson(_) => "input.not_json",
            Self::NotSendable(_) => "input.not_sendable",
        }
    }
}

/// The payload for a text or bytes.
fn text(content: &[u8]) -> Raw {
    std::str::from_utf8(content).map_or_else(|_| Raw::binary(content), Raw::string)
}

/// The payload for a JSON value.
fn json_value(content: &[u8]) -> Result<Raw, Unfit> {
    Raw::from_json(content).map_err(|violation| {
        if let Violation::NotJson { reason } = violation {
            Unfit::NotJson(reason)
        } else {
            Unfit::NotSendable(violation.to_string())
        }
    })
}
