//! `when_idle`: what `hearken up` does when nothing is left to do.

use crate::read::choice::Choice;

/// What `up` does when every unit is down for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WhenIdle {
    /// It ends.
    #[default]
    Exit,
    /// It waits for an operator.
    Stay,
}

impl Choice for WhenIdle {
    const NAME: &'static str = "WhenIdle";
    const WORDS: &'static [(&'static str, Self, &'static str)] = &[
        ("exit", Self::Exit, "hearken ends; its exit code says whether all went well"),
        ("stay", Self::Stay, "hearken stays, until an operator starts something or ends it"),
    ];
}
