//! The part of MessagePack the line needs, with serde on top.
//!
//! Ours rather than rmp-serde's for four reasons: a struct must be a map (rmp-serde takes arrays too), an opaque
//! value is kept as the very bytes that came, the leniencies towards other languages stand in one place that no
//! field can forget, and nothing recurses by what a child sent.

pub(crate) mod de;
pub(crate) mod lenient;
pub(crate) mod read;
pub(crate) mod scan;
pub(crate) mod ser;
pub(crate) mod write;
