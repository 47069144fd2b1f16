#![forbid(unsafe_code)]
//! The decisions of hearken.
pub mod backoff;
pub mod budget;
pub mod identity;
pub mod jitter;
pub mod moment;
pub mod policy;
