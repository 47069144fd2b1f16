//! `line`: what a process speaks on its line to hearken.

use crate::read::choice::Choice;

/// What a process speaks on its line to hearken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LineMode {
    /// Frames of MessagePack, as the SDKs do.
    #[default]
    MessagePack,
    /// One JSON object a line, for shells.
    Json,
    /// There is no line.
    None,
}

impl Choice for LineMode {
    const NAME: &'static str = "LineMode";
    const WORDS: &'static [(&'static str, Self, &'static str)] = &[
        ("messagepack", Self::MessagePack, "frames of MessagePack, as the SDKs write them"),
        ("json", Self::Json, "one JSON object a line, for shells"),
        ("none", Self::None, "no line: it is judged by its exit code alone"),
    ];
}
